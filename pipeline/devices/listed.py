"""The readers, each loaded when it is first asked: loading all of them takes longer than reading a week of samples.

Whose export it is, all readers are asked, and exactly one must say yes. Where the first bytes of a binary file, or what
is in a zip, cannot be any other's, one reader is asked first, and the others only if it declines.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from importlib import import_module
from typing import cast, overload

from pipeline.devices.archives import ZIP_MARK
from pipeline.devices.reader import Glimpse, Reader

_HEADS = {b"MD\xfc\x03": "axivity_cwa"}
"""Beginnings of binary files that are no text in any encoding which the readers of text know."""
_IN_GT3X = frozenset(
    {
        *("info.txt", "log.bin", "activity.bin", "lux.bin", "epoch.bin", "calibration.json", "metadata.json"),
        *("autorun.inf", "gt3xplus.ico", "firmware.bin", "metadata", "battery.bin", "log.txt", "eeprom.bin", "ram.bin"),
    }
)
"""All that ActiGraph's firmware and software put into a zip; no reader of another export knows any of it."""


class Listed(Sequence[Reader]):
    """Readers by the names of their files, in this order."""

    def __init__(self, *names: str) -> None:
        self.names = names

    def named(self, name: str) -> Reader:
        """The reader of one file of this folder."""
        return cast("Reader", import_module(f"pipeline.devices.{name}").READER)

    def foremost(self, seen: Glimpse) -> Reader | None:
        """The only reader that can claim an export, by a mark of its own; None where more than one could."""
        name = None
        if seen.head.startswith(ZIP_MARK):
            name = "actigraph_gt3x" if {"info.txt"} < seen.names <= _IN_GT3X else None
        else:
            name = _HEADS.get(seen.head[:4])
        return self.named(name) if name is not None and name in self.names else None

    def __len__(self) -> int:
        return len(self.names)

    def __iter__(self) -> Iterator[Reader]:
        return map(self.named, self.names)

    @overload
    def __getitem__(self, place: int) -> Reader: ...
    @overload
    def __getitem__(self, place: slice) -> tuple[Reader, ...]: ...
    def __getitem__(self, place: int | slice) -> Reader | tuple[Reader, ...]:
        if isinstance(place, slice):
            return tuple(map(self.named, self.names[place]))
        return self.named(self.names[place])
