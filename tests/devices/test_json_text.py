"""Arrays of JSON read element by element: the same values as at once, in pieces of any size, and faults in words."""

from __future__ import annotations

import io
import json
from pathlib import Path

import pytest

from pipeline.devices.json_text import Json, items_of
from pipeline.errors import Fault, FileFault

VALUES: list[Json] = [{"a": 'x, ] "é', "b": [1, {"c": None}]}, 12, "12", -1.5e3, [], {}, True, "]"]


class Slow(io.RawIOBase):
    """A stream that gives `step` bytes at a time, whatever is asked."""

    def __init__(self, content: bytes, step: int) -> None:
        self._content, self._step, self._at = content, step, 0

    def read(self, _size: int = -1) -> bytes:
        piece = self._content[self._at : self._at + self._step]
        self._at += len(piece)
        return piece


def items(content: bytes, step: int = 1 << 20) -> list[Json]:
    return list(items_of(Slow(content, step), Path("export.json")))


@pytest.mark.parametrize("step", [1, 2, 7, 1000])
@pytest.mark.parametrize("indent", [None, 2])
def test_elements_come_as_from_the_whole(step: int, indent: int | None) -> None:
    content = json.dumps(VALUES, indent=indent, ensure_ascii=False).encode("utf-8")
    assert items(b"\xef\xbb\xbf " + content, step) == VALUES


def test_an_empty_array_has_no_elements() -> None:
    assert items(b" [ \n] ") == []


def test_a_number_that_is_none_is_null() -> None:
    assert items(b"[NaN, 1]") == [None, 1]


@pytest.mark.parametrize("cut", [b"", b"[", b"[1", b"[1,", b'[{"a": 1', b'[{"a', b'[1, {"a": "b'])
def test_what_ends_too_early_is_truncated(cut: bytes) -> None:
    with pytest.raises(FileFault) as fault:
        items(cut, 3)
    assert fault.value.fault is Fault.TRUNCATED


@pytest.mark.parametrize("bad", [b"{}", b"[1 2]", b'[{"a" 1}, 2, 3]', b"[1, , 2, 3]", b"[" + b"9" * 5000 + b", 1]"])
def test_what_is_no_json_is_corrupt(bad: bytes) -> None:
    with pytest.raises(FileFault) as fault:
        items(bad)
    assert fault.value.fault is Fault.CORRUPT


def test_a_tower_of_brackets_is_hostile() -> None:
    with pytest.raises(FileFault) as fault:
        items(b"[" * 200_000)
    assert fault.value.fault is Fault.HOSTILE


def test_elements_before_the_damage_are_given() -> None:
    found = items_of(io.BytesIO(b'[1, 2, {"a": '), Path("export.json"))
    assert [next(found), next(found)] == [1, 2]
    with pytest.raises(FileFault) as fault:
        next(found)
    assert fault.value.known == "after element 2 of its array"
