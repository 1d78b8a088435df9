"""Becomes bubblewrap, bounded and not as root. Run by ``python -I -S``, so it imports nothing of the house.

A program of its own since nothing else works everywhere: uvloop's subprocesses take no ``user``, and code
between fork and exec is not safe beside threads.

Its argument is JSON: ``user`` to become (null: stay who we are), ``limits`` by name of resource, ``argv``.
There ``{"hex": …}`` stands for the number of a descriptor from which those bytes are read.
"""

import contextlib
import json
import os
import resource
import sys

NICENESS = 10
"""the server's own work comes first"""


def main(argument: str) -> None:
    order = json.loads(argument)
    argv = [word if isinstance(word, str) else str(_descriptor(word)) for word in order["argv"]]
    os.nice(NICENESS)
    with contextlib.suppress(OSError), open("/proc/self/oom_score_adj", "w") as score:  # noqa: PTH123
        score.write("1000")  # the first to go when the machine's memory ends, where we may say so
    for name, most in order["limits"].items():
        kind = getattr(resource, name)
        _, hard = resource.getrlimit(kind)
        least = most if hard == resource.RLIM_INFINITY else min(most, hard)
        resource.setrlimit(kind, (least, least))
    if order["user"] is not None:
        _become(order["user"])
    os.chdir("/")
    os.execve(argv[0], argv, {})  # noqa: S606 an empty environment: bubblewrap's own can be read inside


def _become(user: int) -> None:
    try:
        os.setgroups([])
        os.setgid(user)
        os.setuid(user)
    except OSError as error:
        sys.exit(
            f"The sandbox cannot give up being root: {error.strerror}. "
            "Let the server keep CAP_SETUID and CAP_SETGID, or run it as another user."
        )


def _descriptor(word: dict[str, str]) -> int:
    made = os.memfd_create("given", 0)  # which is inherited
    os.write(made, bytes.fromhex(word["hex"]))
    os.lseek(made, 0, os.SEEK_SET)
    return made


if __name__ == "__main__":
    main(sys.argv[1])
