"""A breach in words that the CODE stage can act on: what broke the contract, and what the contract allows."""

from __future__ import annotations

from collections.abc import Sequence

from cfx_flow.contract.compare import Breach
from cfx_flow.contract.model import Contract

_MAX_BREACHES = 20
_MAX_FILES = 100


def breach_feedback(rejecting: Sequence[Breach], contract: Contract | None) -> str:
    parts = ["The diff fits the files, but it may not be taken; nothing was applied."]
    parts += [f"- [{breach.rule}] {breach.message}." for breach in rejecting[:_MAX_BREACHES]]
    if (rest := len(rejecting) - _MAX_BREACHES) > 0:
        parts.append(f"{rest} more of this kind are not listed.")
    if contract is not None:
        parts.append(
            "\n".join(["The plan's contract allows these changes and no others:", *_allowed(contract)])
        )
    parts.append(
        "Write the whole diff again without what is named above: leave those files, tests and lines out "
        "of it, so that they stay as they are."
    )
    return "\n\n".join(parts)


def _allowed(contract: Contract) -> list[str]:
    lines = [f"  {file.operation} {file.path}" for file in contract.files[:_MAX_FILES]]
    if len(contract.files) > _MAX_FILES:
        lines.append(f"  … and {len(contract.files) - _MAX_FILES} more")
    return lines or ["  (none)"]
