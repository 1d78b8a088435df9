"""JSON that is nearly right, and text that is hardly text."""

from __future__ import annotations

import copy
import json
from collections.abc import Iterator
from typing import Any

from hypothesis import strategies as st

ODD_TEXT = st.one_of(
    st.sampled_from(
        ["", "\0", "a\0b", "\ud800", "\udfff x", "\u2028", "\x85", "\ufeff", "\x1b[31m", "é" * 50, "🦊", "\r\n", "\n\n",
         "data: x", "[DONE]", "<html><h1>502</h1></html>", "maximum context length", "' or 1=1 --", "../../etc/passwd",
         "%00", "{{7*7}}", "${x}", "x" * 5000, "<slug>code</slug>", "litellm.BadRequestError: {'error': {'message': 5}}",
         "{" * 300, "('" * 200, "Current Mode <slug>", "Error: " * 100]
    ),
    st.text(max_size=20),
)  # fmt: skip
ODD_NUMBERS = st.one_of(
    st.sampled_from([0, -1, 1, 2**31, 2**53 + 1, 2**63, 2**64, -(2**63) - 1, 10**40, 1e308, -0.0, 5e-324]),
    st.sampled_from([float("nan"), float("inf"), float("-inf")]),
    st.sampled_from(["@1e9999@", "@-1e9999@", "@1e-9999@", "@01@", "@.5@", "@0x10@", "@" + "9" * 5000 + "@"]),
    st.integers(-1000, 1000),
    st.floats(allow_nan=False, allow_infinity=False),
)
ODD_VALUES: st.SearchStrategy[Any] = st.recursive(
    st.one_of(st.none(), st.booleans(), ODD_NUMBERS, ODD_TEXT),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(ODD_TEXT, inner, max_size=3),
    max_leaves=5,
)


def places_in(value: Any, path: tuple[str | int, ...] = ()) -> Iterator[tuple[str | int, ...]]:
    yield path
    items = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
    for key, inner in items:
        yield from places_in(inner, (*path, key))


@st.composite
def mutated(draw: st.DrawFn, good: Any, *, at_most: int = 3) -> Any:
    """``good`` with up to a few of its values replaced, removed or doubled."""
    value = copy.deepcopy(good)
    if draw(st.integers(0, 30)) == 0:
        return draw(ODD_VALUES)
    for _ in range(draw(st.sampled_from([0, *range(1, at_most + 1), 1, 1]))):
        places = [path for path in places_in(value) if path]
        if not places:
            break
        path = draw(st.sampled_from(places))
        holder = value
        for key in path[:-1]:
            holder = holder[key]
        match draw(st.sampled_from(["replace", "replace", "replace", "remove", "wrap", "add"])):
            case "replace":
                holder[path[-1]] = draw(ODD_VALUES)
            case "remove":
                del holder[path[-1]]
            case "wrap":
                holder[path[-1]] = [holder[path[-1]]]
            case "add" if isinstance(holder, dict):
                holder[draw(ODD_TEXT)] = draw(ODD_VALUES)
            case _ if isinstance(holder, list):
                holder.append(draw(ODD_VALUES))
    return value


@st.composite
def as_json(draw: st.DrawFn, values: st.SearchStrategy[Any]) -> bytes:
    """As one of the ways in which JSON is written; lone surrogates only escaped."""
    value = draw(values)
    text = json.dumps(value, separators=draw(st.sampled_from([(",", ":"), (", ", ": ")])))
    if draw(st.booleans()):
        text = json.dumps(value, ensure_ascii=False)
    text = text.replace('"@', "").replace('@"', "")
    return text.encode("utf-8", draw(st.sampled_from(["replace", "surrogatepass"])))


@st.composite
def spoilt(draw: st.DrawFn, good: st.SearchStrategy[bytes]) -> bytes:
    """Bytes cut off, cut out, doubled, or with others put between them; mostly they stay good."""
    data = draw(good)
    kind = draw(st.sampled_from(["good"] * 6 + ["cut", "gap", "double", "insert", "nest"]))
    start = draw(st.integers(0, len(data)))
    end = draw(st.integers(start, len(data)))
    match kind:
        case "cut":
            return data[:start]
        case "gap":
            return data[:start] + data[end:]
        case "double":
            return data[:end] + data[start:]
        case "insert":
            piece = draw(
                st.sampled_from(
                    [b"\0", b"\xff\xfe", b"\xc3", b"\xed\xa0\x80", b"\r", b"\n", b'"', b"{", b"]"]
                )
            )
            return data[:start] + piece + data[start:]
        case "nest":
            depth = draw(st.sampled_from([50, 500, 900, 950, 990, 1000, 1100, 20_000]))
            return data[:start] + b"[" * depth + data[start:end] + b"]" * depth + data[end:]
    return data
