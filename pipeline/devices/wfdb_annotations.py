"""WFDB annotations in MIT format (.atr, .ecg, .qrs …): which beat was where; after annot(5) of the WFDB manual.

https://physionet.org/physiotools/wag/annot-5.htm. Little-endian words of 16 bits: a code in the upper six, the ticks
since the annotation before in the lower ten. Codes 59 to 63 are no annotations: a skip of 32 bits behind the word, or
modifiers of the annotation before (number, subtype, channel, text behind the word).
"""

from __future__ import annotations

import re
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from pipeline.recording import Int64

SKIP, NUM, SUB, CHN, AUX = 59, 60, 61, 62, 63
NOTE = 22
NAMES = {
    1: "N", 2: "L", 3: "R", 4: "a", 5: "V", 6: "F", 7: "J", 8: "A", 9: "S", 10: "E", 11: "j", 12: "/", 13: "Q",
    25: "B", 30: "?", 34: "e", 35: "n", 38: "f", 41: "r",
}  # fmt: skip
"""The codes that are beats, and their letters."""
BEATS = np.isin(np.arange(64), list(NAMES))
NORMAL = np.isin(np.arange(64), (1, 2, 3, 25))
"""Sinus beats: normal, and with bundle branch block (left, right, unspecified)."""
BREAKS = np.isin(np.arange(64), (14, 16, 31, 32, 33))
"""Noise, an artefact, flutter: what lies on both sides of one of these is no interval."""
KNOWN = BEATS | BREAKS | np.isin(np.arange(64), (0, 18, 19, 20, 21, 22, 23, 24, 26, 27, 28, 29, 36, 37, 39, 40))

_RESOLUTION = re.compile(rb"## time resolution: *([\d.]+)")


@dataclass(frozen=True, slots=True, eq=False)
class Annotations:
    """Codes and ticks in the file's order, shape (n,) each."""

    codes: NDArray[np.uint8]
    ticks: Int64
    ticks_per_s: float | None
    """As a note in the file says; most say nothing and mean the rate of the record."""
    complete: bool
    """Whether the end mark was there."""


def annotations_of(content: bytes) -> Annotations:
    """The annotations in the bytes of a file, up to the end mark or the last whole one."""
    words = np.frombuffer(content[: len(content) // 2 * 2], "<u2")
    code, low = (words >> 10).astype(np.uint8), (words & 0x3FF).astype(np.int64)
    payload = _payload(code, low)
    # Of the words outside payloads, a zero is the end.
    ends = np.flatnonzero((words == 0) & ~payload)
    stop = int(ends[0]) if ends.size else len(words)
    ahead = ~payload[:stop]
    code, low = code[:stop], low[:stop]
    step = np.where(ahead & (code < SKIP), low, 0)
    skips = np.flatnonzero(ahead & (code == SKIP))
    skips = skips[skips + 2 < stop]
    high_word, low_word = words[skips + 1].astype(np.int64), words[skips + 2].astype(np.int64)
    step[skips] = ((high_word << 16 | low_word) ^ 2**31) - 2**31  # PDP-11 order, signed
    is_one = ahead & (code < SKIP)
    return Annotations(code[is_one], np.cumsum(step)[is_one], _resolution(content[: 2 * stop]), bool(ends.size))


def _payload(code: NDArray[np.uint8], low: Int64) -> NDArray[np.bool_]:
    """Which words are content of a skip or a text rather than words of their own.

    Only those that could begin a payload are walked, not every word.
    """
    payload = np.zeros(len(code), bool)
    free = 0
    for place in np.flatnonzero((code == SKIP) | (code == AUX)).tolist():
        if place < free:
            continue  # itself within a payload
        length = 2 if code[place] == SKIP else (int(low[place]) + 1) // 2
        free = place + 1 + length
        payload[place + 1 : free] = True
    return payload


def _resolution(content: bytes) -> float | None:
    """Ticks a second, from the note with which newer files begin."""
    found = _RESOLUTION.search(content[:4096])
    try:
        return float(found[1]) if found else None
    except ValueError:
        return None


def look_like_beats(head: bytes) -> bool:
    """Whether the beginning of a file reads as beat annotations: almost all of them beats, in likely intervals."""
    if b"\x00" not in head and not re.search(rb"[\x80-\xff\x01-\x08]", head):
        return False  # text
    found = annotations_of(head)
    if len(found.codes) < 8 or not KNOWN[found.codes].all() or (found.codes == 0).any():
        return False
    beats = BEATS[found.codes]
    steps = np.diff(found.ticks[beats])
    if beats.mean() < 0.5 or len(steps) < 4 or (steps < 0).any():
        return False
    median = float(np.median(steps))
    # A beat is 0.25 to 2.5 s at 100 to 1000 ticks a second; a waveform taken for words leaps more than hearts do.
    return 25 <= median <= 1023 and float(np.mean(np.abs(steps - median) < 0.5 * median)) > 0.5
