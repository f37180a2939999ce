"""JSON of strangers: bounded in size and depth; numbers that are none (NaN, Infinity) become null."""

from __future__ import annotations

import json
from pathlib import Path
from typing import cast

from pipeline.devices.delimited import content_of, text_of
from pipeline.errors import Fault, FileFault

MOST_JSON = 256 * 1024**2
MOST_DEPTH = 64

Json = dict[str, "Json"] | list["Json"] | str | int | float | bool | None


def json_of(path: Path, content: bytes | None = None) -> Json:
    """The value that a file (or `content` from inside one) holds.

    Raises
    ------
    FileFault
        TOO_LARGE beyond 256 MB; HOSTILE nested deeper than 64; TRUNCATED or CORRUPT if it is no JSON.
    """
    text = text_of(content_of(path, MOST_JSON) if content is None else content)
    if _depth(text) > MOST_DEPTH:
        raise FileFault(Fault.HOSTILE, f"its JSON is nested deeper than {MOST_DEPTH}", where=path.name)
    try:
        return cast("Json", json.loads(text, parse_constant=lambda _: None))
    except json.JSONDecodeError as bad:
        cut = bad.pos >= len(text.rstrip()) - 1
        raise FileFault(
            Fault.TRUNCATED if cut else Fault.CORRUPT,
            "the JSON ends before it is complete" if cut else "the JSON is damaged",
            where=path.name,
            known=f"line {bad.lineno}, column {bad.colno}",
            hint="copy it or export it again",
        ) from bad
    except (RecursionError, ValueError) as bad:  # ValueError: a number of thousands of digits
        raise FileFault(Fault.CORRUPT, "the JSON is damaged", where=path.name, known=type(bad).__name__) from bad


def _depth(text: str) -> int:
    """The deepest nesting, brackets within strings counted too: an upper bound is all that is needed."""
    deepest = depth = 0
    for mark in filter("[]{}".__contains__, text[: 64 * 1024]):
        depth += 1 if mark in "[{" else -1
        deepest = max(deepest, depth)
    return deepest
