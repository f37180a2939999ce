"""Damage as copying, transport, other software and ill will do it: cut, flipped, swapped, repeated, packed anew."""

from __future__ import annotations

import io
import json
import re
import struct
import zipfile
import zlib
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np

from handmade.garmin_fit import fit_crc

Rng = np.random.Generator
_NUMBER = re.compile(rb"-?\d+(?:[.,]\d+)?")
_XML_VALUE = re.compile(rb"""(?:="|>)([^"<>\n]+)["<]""")
_EXTREMES = (
    b"0", b"-1", b"1", b"-0.0", b"255", b"65535", b"65536", b"2147483647", b"-2147483648", b"4294967295",
    b"9223372036854775807", b"1e308", b"-1e308", b"1e-320", b"nan", b"NaN", b"inf", b"-inf", b"", b"null", b"24:60",
    b"31/02/2024", b"2024-02-30", b"9999-12-31T23:59:59", b"0001-01-01", b"=1+1", b"\xff\xfe", b"\x00", b"1" * 400,
)  # fmt: skip
_WORDS = (b"\n", b"\r\n", b"\x00", b",", b";", b"\t", b'"', b"'", b"\\", b"/", b"..", b"{", b"[", b"<", b"&x;", b"%")
_WORDS += (b"\xe9", b"\xef\xbb\xbf")


def _place(rng: Rng, content: bytes) -> int:
    """A place; half of the time in the first quarter kilobyte, where headers lie."""
    size = min(len(content), 256) if rng.random() < 0.5 else len(content)
    return int(rng.integers(0, max(size, 1)))


def cut(rng: Rng, content: bytes) -> bytes:
    """The beginning."""
    return content[: int(rng.integers(0, len(content) + 1))]


def flip(rng: Rng, content: bytes) -> bytes:
    """One to sixteen bits."""
    out = bytearray(content)
    for _ in range(int(rng.integers(1, 17)) if out else 0):
        out[_place(rng, content)] ^= 1 << int(rng.integers(0, 8))
    return bytes(out)


def fill(rng: Rng, content: bytes) -> bytes:
    """A stretch of one byte."""
    at, length = _place(rng, content), int(rng.integers(1, 64))
    return (
        content[:at]
        + bytes([int(rng.choice([0, 255, 32, 48]))]) * min(length, len(content) - at)
        + content[at + length :]
    )


def drop(rng: Rng, content: bytes) -> bytes:
    """A stretch left out."""
    at = _place(rng, content)
    return content[:at] + content[at + int(rng.integers(1, 512)) :]


def repeat(rng: Rng, content: bytes) -> bytes:
    """A stretch twice."""
    at = _place(rng, content)
    end = at + int(rng.integers(1, 512))
    return content[:end] + content[at:]


def swap(rng: Rng, content: bytes) -> bytes:
    """Two stretches exchanged."""
    a, b = sorted((_place(rng, content), _place(rng, content)))
    n = min(int(rng.integers(1, 64)), b - a)
    return content[:a] + content[b : b + n] + content[a + n : b] + content[a : a + n] + content[b + n :]


def number(rng: Rng, content: bytes) -> bytes:
    """A number replaced by an extreme one, or by another number of the same file."""
    begin = _place(rng, content)
    found = list(_NUMBER.finditer(content, begin, begin + 8192))
    if not found:
        return flip(rng, content)
    one = found[int(rng.integers(0, len(found)))]
    other = (
        found[int(rng.integers(0, len(found)))][0] if rng.random() < 0.4 else _EXTREMES[rng.integers(0, len(_EXTREMES))]
    )
    return content[: one.start()] + other + content[one.end() :]


def word(rng: Rng, content: bytes) -> bytes:
    """A mark with a meaning put in."""
    at = _place(rng, content)
    return content[:at] + _WORDS[rng.integers(0, len(_WORDS))] * int(rng.choice([1, 1, 1, 2, 100])) + content[at:]


def lines(rng: Rng, content: bytes) -> bytes:
    """Two lines exchanged, or one left out."""
    parts = content.split(b"\n")
    if len(parts) < 3:
        return swap(rng, content)
    a, b = rng.integers(0, len(parts), 2)
    if rng.random() < 0.3:
        del parts[a]
    else:
        parts[a], parts[b] = parts[b], parts[a]
    return b"\n".join(parts)


def binary(rng: Rng, content: bytes) -> bytes:
    """An integer of two, four or eight bytes set to an extreme."""
    width = int(rng.choice([2, 4, 8]))
    value = int(rng.choice([0, 1, 2, 0x7F, 0x80, 0xFF, 0x7FFF, 0x8000, 0xFFFF])) << (
        8 * int(rng.integers(0, width - 1))
    )
    at = _place(rng, content)
    return content[:at] + (value & (256**width - 1)).to_bytes(width, "little") + content[at + width :]


def inside_zip(rng: Rng, content: bytes) -> bytes:
    """Another damage to one member of a zip, packed again; a plain flip for anything else."""
    try:
        with zipfile.ZipFile(io.BytesIO(content)) as archive:
            members = {info.filename: archive.read(info) for info in archive.infolist()[:50]}
    except (zipfile.BadZipFile, OSError, RuntimeError, ValueError, NotImplementedError, EOFError, zlib.error):
        return flip(rng, content)
    if not members:
        return flip(rng, content)
    name = sorted(members)[int(rng.integers(0, len(members)))]
    members[name] = mutated(rng, members[name], plain=True)
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w", zipfile.ZIP_DEFLATED) as archive:
        for each, held in members.items():
            archive.writestr(each, held)
    return out.getvalue()


def inside_json(rng: Rng, content: bytes) -> bytes:
    """A value of JSON taken out, or replaced by an extreme, by one of another kind or by another of the same file."""
    try:
        whole = json.loads(content)
    except (ValueError, RecursionError):
        return number(rng, content)
    places: list[tuple[Any, Any]] = []
    levels = [whole]
    while levels and len(places) < 5000:
        level = levels.pop()
        keys = list(level) if isinstance(level, dict) else range(len(level)) if isinstance(level, list) else ()
        places += [(level, key) for key in keys]
        levels += [level[key] for key in keys]
    if not places:
        return number(rng, content)
    level, key = places[int(rng.integers(0, len(places)))]
    there, other = places[int(rng.integers(0, len(places)))]
    values: tuple[Any, ...] = (None, True, -1, 0, 10**30, 1e308, float("inf"), "", "x", [], {}, [None], {"x": 1})
    values += (
        there[other],
        str(level[key]),
        [level[key]],
        _EXTREMES[rng.integers(0, len(_EXTREMES))].decode("latin-1"),
    )
    if rng.random() < 0.2:
        del level[key]
    else:
        level[key] = values[int(rng.integers(0, len(values)))]
    try:
        return json.dumps(whole).encode()
    except (ValueError, RecursionError):  # it was put into itself
        return number(rng, content)


def inside_xml(rng: Rng, content: bytes) -> bytes:
    """An attribute or a text of XML taken out, or replaced by an extreme or by another of the same file."""
    found = list(_XML_VALUE.finditer(content[: 1024**2]))
    if not found:
        return number(rng, content)
    one, other = (found[int(rng.integers(0, len(found)))][1] for _ in range(2))
    span = found[int(rng.integers(0, len(found)))].span(1)
    extreme = _EXTREMES[int(rng.integers(0, len(_EXTREMES)))]
    values = (extreme, extreme, one, other, b"")
    return content[: span[0]] + values[int(rng.integers(0, len(values)))] + content[span[1] :]


PLAIN: tuple[Callable[[Rng, bytes], bytes], ...] = (
    cut, flip, fill, drop, repeat, swap, number, number, word, lines, binary, binary,
)  # fmt: skip


def sealed(content: bytes) -> bytes:
    """A FIT file whose sizes and checksums fit again, so that damage gets past them."""
    if content[8:12] != b".FIT" or len(content) < 16:
        return content
    head = content[:4] + struct.pack("<I", len(content) - 16) + content[8:12]
    head += struct.pack("<H", fit_crc(head))
    return head + content[14:-2] + struct.pack("<H", fit_crc(head + content[14:-2]))


def mutated(rng: Rng, content: bytes, *, plain: bool = False) -> bytes:
    """The content after one to four kinds of damage."""
    if not plain and content[:2] == b"PK" and rng.random() < 0.8:
        return inside_zip(rng, content)
    if content[:1] in {b"{", b"["} and rng.random() < 0.6:
        return inside_json(rng, content)
    if content.lstrip(b"\xef\xbb\xbf")[:1] == b"<" and rng.random() < 0.6:
        return inside_xml(rng, content)
    for _ in range(int(rng.choice([1, 1, 1, 2, 3]))):
        content = PLAIN[rng.integers(0, len(PLAIN))](rng, content)
    return sealed(content) if rng.random() < 0.8 else content


def damage(rng: Rng, export: Path) -> None:
    """Damage one file of an export, in place."""
    files = sorted(p for p in export.rglob("*") if p.is_file()) if export.is_dir() else [export]
    file = files[int(rng.integers(0, len(files)))]
    file.write_bytes(mutated(rng, file.read_bytes()))
