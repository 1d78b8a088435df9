"""Calls of the kernel that need no rights, and that nothing inside may make: they reach keys that our own
session holds, or parts of the kernel in which holes are found again and again. They answer ENOSYS, so that
programs do without. What needs rights is refused to whoever is inside anyway.

**Source**: the kernel's ``asm/unistd.h`` and ``linux/audit.h``; Docker's default profile forbids the same.
"""

from __future__ import annotations

import struct
from collections.abc import Iterator

_ALIKE = (425, 426, 427)
"""io_uring_setup, _enter, _register"""
_CALLS = {
    "x86_64": (0xC000003E, 41, (248, 249, 250, 298, 321, 323, *_ALIKE)),
    "aarch64": (0xC00000B7, 198, (217, 218, 219, 241, 280, 282, *_ALIKE)),
}
"""The machine's mark, socket, and add_key, request_key, keyctl, perf_event_open, bpf, userfaultfd"""
_FAMILIES = (1, 2, 10, 16)
"""AF_UNIX, AF_INET, AF_INET6, AF_NETLINK. Of the others one, AF_VSOCK, knows no namespaces: it reaches the
hypervisor, and what else listens on this machine; and each would have the kernel load a module."""
_X32 = 0x40000000
"""x86-64's calls have second numbers from here on"""

_LOAD, _EQUAL, _AT_LEAST, _RETURN = 0x20, 0x15, 0x35, 0x06
_NUMBER_AT, _MACHINE_AT, _FIRST_ARGUMENT_AT = 0, 4, 16
_ALLOW, _NO_SUCH_CALL, _NO_SUCH_FAMILY = 0x7FFF0000, 0x00050000 | 38, 0x00050000 | 97


def filter_for(machine: str) -> bytes:
    """For ``bwrap --seccomp``; empty for machines unknown to us. Under it 32-bit programs do not run."""
    if machine not in _CALLS:
        return b""
    instructions = _instructions(*_CALLS[machine])
    return b"".join(struct.pack("=HBBI", *instruction) for instruction in instructions)


def _instructions(mark: int, socket: int, calls: tuple[int, ...]) -> Iterator[tuple[int, int, int, int]]:
    """(operation, how many to skip if it holds, if not, operand)"""
    yield _LOAD, 0, 0, _MACHINE_AT
    yield _EQUAL, 1, 0, mark
    yield _RETURN, 0, 0, _NO_SUCH_CALL
    yield _LOAD, 0, 0, _NUMBER_AT
    yield _AT_LEAST, 0, 1, _X32
    yield _RETURN, 0, 0, _NO_SUCH_CALL
    for call in calls:
        yield _EQUAL, 0, 1, call
        yield _RETURN, 0, 0, _NO_SUCH_CALL
    yield _EQUAL, 0, len(_FAMILIES) + 2, socket
    yield _LOAD, 0, 0, _FIRST_ARGUMENT_AT
    for left, family in zip(range(len(_FAMILIES), 0, -1), _FAMILIES, strict=True):
        yield _EQUAL, left, 0, family
    yield _RETURN, 0, 0, _NO_SUCH_FAMILY
    yield _RETURN, 0, 0, _ALLOW
