"""``python -m api.document``: the OpenAPI document on stdout, without a server, a database or a setting."""

from __future__ import annotations

import json
import sys

from api.rest import bare_rest


def document() -> str:
    """As text, always the same for the same code: generated types carry its hash."""
    return json.dumps(bare_rest().openapi(), indent=1, sort_keys=True, ensure_ascii=False) + "\n"


if __name__ == "__main__":
    sys.stdout.write(document())
