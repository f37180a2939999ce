"""JSON of strangers: bounded in size and depth; numbers that are none (NaN, Infinity) become null."""

from __future__ import annotations

import codecs
import json
import re
from collections.abc import Iterator
from pathlib import Path
from typing import IO, cast

from pipeline.devices.delimited import content_of, text_of
from pipeline.errors import Fault, FileFault
from pipeline.room import need_room

MOST_JSON = 256 * 1024**2
MOST_DEPTH = 64
_PIECE = 1024**2
_MOST_ELEMENT = 64 * 1024**2
_AFTER = frozenset(",] \n\r\t")
_PYTHON_BYTES = 24
"""Memory of a character of JSON at worst: '[],' makes an object of 56 bytes and a place of 8."""

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
    need_room(path, _PYTHON_BYTES * len(text))
    try:
        return _storable(json.loads(text, parse_constant=lambda _: None), text)
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


def _storable(value: object, text: str) -> Json:
    """A value whose texts can be stored: half a character, told by its number, becomes '?'."""
    if re.search(r"\\u[dD][89a-fA-F]", text):
        value = json.loads(json.dumps(value, ensure_ascii=False).encode("utf-8", errors="replace"))
    return cast("Json", value)


def number_of(value: Json) -> float:
    """A number; NaN for anything else, and for a whole number too large for a float."""
    if isinstance(value, bool) or not isinstance(value, int | float):
        return float("nan")
    try:
        return float(value)
    except OverflowError:
        return float("nan")


def _depth(text: str) -> int:
    """The deepest nesting, brackets within strings counted too: an upper bound is all that is needed."""
    deepest = depth = 0
    for mark in re.findall(r"[][{}]", text):
        depth += 1 if mark in "[{" else -1
        deepest = max(deepest, depth)
    return deepest


def items_of(stream: IO[bytes], path: Path) -> Iterator[Json]:
    """Each element of the array that a file holds, one at a time: memory grows with the longest, not with the file.

    Raises
    ------
    FileFault
        TRUNCATED or CORRUPT if it is no array of values; HOSTILE nested too deep; TOO_LARGE for an element over 64 MB.
    """
    text = _Text(stream, path)
    text.expect("[")
    if text.peek() == "]":
        return
    while True:
        yield text.value()
        if text.expect(",]") == "]":
            return


class _Text:
    """A stream read as text as far as it is needed; `count` elements of its array have been read."""

    def __init__(self, stream: IO[bytes], path: Path) -> None:
        self._stream, self._path = stream, path
        self._decode = codecs.getincrementaldecoder("utf-8-sig")(errors="replace")
        self._scan = json.JSONDecoder(parse_constant=lambda _: None).raw_decode
        self._left, self._at, self.count = "", 0, 0

    def _more(self) -> bool:
        """Whether there was more: as much again as is held, so that a long element is scanned few times."""
        piece = self._stream.read(max(_PIECE, len(self._left) - self._at))
        self._left, self._at = self._left[self._at :] + self._decode.decode(piece, final=not piece), 0
        if len(self._left) > _MOST_ELEMENT:
            raise FileFault(Fault.TOO_LARGE, "one element of its JSON is over 64 MB", where=self._path.name)
        return bool(piece)

    def peek(self) -> str:
        """The next mark that is no white space, not consumed; '' at the end."""
        while True:
            while self._at < len(self._left):
                if not self._left[self._at].isspace():
                    return self._left[self._at]
                self._at += 1
            if not self._more():
                return ""

    def expect(self, marks: str) -> str:
        """The next mark, which must be one of `marks`; consumed."""
        found = self.peek()
        if not found or found not in marks:
            raise self._broken(cut=not found)
        self._at += 1
        return found

    def value(self) -> Json:
        """The next value, whole: at the end of what is held a number may go on, so a mark must follow it."""
        if not self.peek():
            raise self._broken(cut=True)
        while True:
            try:
                begin = self._at
                found, end = self._scan(self._left, begin)
                if self._left[end : end + 1] in _AFTER or not self._more():
                    self._at, self.count = self._at + end - begin, self.count + 1
                    return _storable(found, self._left[self._at - (end - begin) : self._at])
            except RecursionError as bad:
                what = "its JSON is nested too deep"
                raise FileFault(Fault.HOSTILE, what, where=self._path.name) from bad
            except json.JSONDecodeError as bad:
                if not self._more():
                    open_string = bad.msg.startswith("Unterminated string")
                    raise self._broken(cut=open_string or bad.pos >= len(self._left.rstrip()) - 1) from bad
                continue
            except ValueError as bad:  # a number of thousands of digits
                raise self._broken(cut=False) from bad

    def _broken(self, *, cut: bool) -> FileFault:
        return FileFault(
            Fault.TRUNCATED if cut else Fault.CORRUPT,
            "the JSON ends before it is complete" if cut else "the JSON is damaged",
            where=self._path.name,
            known=f"after element {self.count} of its array",
            hint="copy it or export it again",
        )
