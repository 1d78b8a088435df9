"""Events as lines for people who only see text go by."""

from __future__ import annotations

from collections.abc import Callable, Mapping

from cfx_flow.flows.model import Event


def line_of(event: Event) -> str | None:
    """Without a line end. None: nothing worth a line."""
    tell = _TELL.get(event.type)
    said = tell(event) if tell else None
    return f"round {event.round}: {said}" if said and event.round else said


def _begun(event: Event) -> str | None:
    return f"{event.stage} begins" if event.stage else None


def _done(event: Event) -> str | None:
    if not event.stage:
        return None
    tokens = (event.input_tokens or 0) + (event.output_tokens or 0)
    return f"{event.stage} done by {event.model}: {tokens} tokens, {event.cost_usd or 0:.4f} USD"


def _checked(event: Event) -> str:
    data = event.data
    if data.get("status") != "accepted":
        problems = data.get("problems") or [{}]
        return f"the diff was refused ({data.get('code')}): {problems[0].get('message', '')}".rstrip(": ")
    files = data.get("files") or ()
    added, removed = sum(file["added"] for file in files), sum(file["removed"] for file in files)
    return f"the diff fits: {len(files)} files, {added} lines added, {removed} removed"


def _tested(event: Event) -> str:
    return f"tests ({event.data.get('policy')}): {event.data.get('message') or event.data.get('status')}"


def _reviewed(event: Event) -> str:
    return f"verdict: {event.data.get('verdict')}. {event.data.get('summary') or ''}".rstrip()


def _ended(event: Event) -> str:
    return f"{event.data.get('status')}: {event.data.get('message') or ''}".rstrip(": ")


_TELL: Mapping[str, Callable[[Event], str | None]] = {
    "step.started": _begun,
    "step.completed": _done,
    "diff.checked": _checked,
    "tests.completed": _tested,
    "tests.skipped": _tested,
    "review.completed": _reviewed,
    "approval.requested": lambda event: f"waits for a person's word on the {event.data.get('gate')}",
    "approval.decided": lambda event: f"a person said {event.data.get('decision')}",
    "flow.completed": _ended,
}
