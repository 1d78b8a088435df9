"""Which of the forms that a route offers its caller would rather have."""

from __future__ import annotations

from fastapi import Request


def prefers_csv(request: Request) -> bool:
    """Named at all, and not after JSON: browsers and SDKs name neither."""
    kinds = [kind.partition(";")[0].strip() for kind in request.headers.get("accept", "").lower().split(",")]
    if "text/csv" not in kinds:
        return False
    return "application/json" not in kinds or kinds.index("text/csv") < kinds.index("application/json")
