"""``python -m benchmarks.gateway``: the gateway beside LiteLLM and beside the upstream asked directly.

Options: ``--quick`` about a minute; ``--smoke`` only shows that it runs; ``--against PATH`` measures a
second checkout (with its own .venv) in the same run; ``--only WORD`` leaves out the rows whose id does
not hold it (several may be given); ``--no-litellm``; ``--json FILE``.

One server at a time works, on one core; the load, the mock and the databases have the other.
"""

from __future__ import annotations

import argparse
import json
import os
import tempfile
from contextlib import ExitStack
from pathlib import Path

from benchmarks.gateway.figures import Bench, measure
from benchmarks.gateway.measures import FULL, QUICK, SMOKE
from benchmarks.gateway.table import print_table
from benchmarks.gateway.usage import other_cores
from tests.support.litellm import PROGRAM
from tests.support.processes import HOUSE


def main() -> None:
    options = _options()
    os.sched_setaffinity(0, other_cores())
    scale = SMOKE if options.smoke else QUICK if options.quick else FULL
    with_litellm = not options.no_litellm and PROGRAM.exists()
    with ExitStack() as closing:
        folder = Path(closing.enter_context(tempfile.TemporaryDirectory(prefix="cfx-bench-")))
        bench = Bench(folder, scale, closing, [HOUSE, *options.against], with_litellm=with_litellm)
        figures, *others = measure(bench, options.only)
    print_table(figures, others[0] if others else None)
    if not with_litellm:
        print("Without LiteLLM" + ("." if options.no_litellm else ": `make litellm` installs it."))
    if options.json:
        options.json.write_text(
            json.dumps({"this": figures, "other": others[0] if others else None}, indent=1)
        )


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m benchmarks.gateway")
    parser.add_argument("--quick", action="store_true")
    parser.add_argument("--smoke", action="store_true")
    parser.add_argument("--against", type=lambda text: Path(text).resolve(), action="append", default=[])
    parser.add_argument("--only", action="append", default=[])
    parser.add_argument("--no-litellm", action="store_true")
    parser.add_argument("--json", type=Path)
    return parser.parse_args()


if __name__ == "__main__":
    main()
