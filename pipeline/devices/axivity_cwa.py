"""Axivity AX3 and AX6 .cwa (Open Movement): a header and blocks of 512 bytes, read as a stream.

The watch keeps the wall clock of the computer that set it and runs on through a clock change: instants are elapsed
time from the first sample. Blocks carry the time of their first sample, so each piece has the rate that the stamps
show (a few per cent from the nominal one). A block whose mark, checksum or date is wrong is left out and leaves a gap,
as does a jump of the block counter; nothing is filled. The gyroscope of an AX6 is left out.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from io import RawIOBase
from itertools import pairwise
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from pipeline.clock import NS, wall_to_utc
from pipeline.devices import cwa_blocks
from pipeline.devices.cwa_blocks import BLOCK_BYTES, HEADER_BYTES, Blocks, capacity_of, length_ns, rate_of
from pipeline.devices.reader import Asked, Glimpse, Reader
from pipeline.errors import Fault, FileFault
from pipeline.recording import ClockKind, Floats, Int64, Kind, Recording, Signal, SignalStream

HEADER_MARK = b"MD\xfc\x03"
AX6 = 0x64
"""Hardware code in the header; all others are AX3."""
BLOCKS_AT_ONCE = 4096
"""Two megabytes of file; 82 minutes of packed samples at 100 Hz."""
SAME_TIME_NS = NS
"""Stamps of old firmware are whole seconds: a smaller step between blocks that follow each other is no gap."""
LONGEST_GAP_NS = 60 * 86_400 * NS
"""Longer than the battery lasts: a clock that was not set yet, or was set on the way."""
LONGEST_DAYS = 400
"""Longer than the memory of any such watch lasts."""
MOST_LEFT_OUT = 0.2
"""Share of samples under another clock above which a file is refused."""
BLOCKS_FOR_A_RATE = 20
"""Stamps are off by up to two samples: fewer blocks say less of the rate than a longer stretch of the same file."""


@dataclass(frozen=True, slots=True)
class Run:
    """Blocks `first` to `last` (excluded) of a file, which follow each other without a gap; times are wall clocks."""

    first: int
    last: int
    samples: int
    setup: int
    start_ns: int
    end_ns: int
    fs_hz: float


def _recognise(seen: Glimpse) -> bool:
    """Whether the head bears the mark of a header and of a block (the first may be corrupt)."""
    marks = (seen.head[at : at + 4] for at in range(HEADER_BYTES, len(seen.head), BLOCK_BYTES))
    return seen.head.startswith(HEADER_MARK) and b"AX\xfc\x01" in marks


def _read(path: Path, asked: Asked) -> Recording:
    """Acceleration as a stream, temperature and light at up to 1 Hz."""
    zone, source = asked.zone_for(path)
    header = _header(path)
    blocks = _indexed(path)
    notes = _what_was_wrong(path, blocks, header)
    runs = _under_one_clock(path, _runs(blocks), notes)
    start = runs[0].start_ns
    shift = int(wall_to_utc(np.array([start], np.int64), zone)[0]) - start

    def pieces() -> Iterator[Signal]:
        return _pieces(path, blocks, runs, shift)

    measured = sum(run.end_ns - run.start_ns for run in runs) / NS
    nominal = rate_of(runs[0].setup)
    stream = SignalStream(Kind.ACC, "acceleration", nominal, start + shift, runs[-1].end_ns + shift, measured, pieces)
    is_ax6 = header[4] == AX6
    signals = _slow(blocks, runs, shift, is_ax6=is_ax6)
    device = "Axivity AX6" if is_ax6 else "Axivity AX3"
    return Recording(device, zone, source, signals, streams=(stream,), clock=ClockKind.DEVICE, repairs=tuple(notes))


def _header(path: Path) -> bytes:
    """The header; its notes, which name people, are not looked at."""
    with path.open("rb") as file:
        header = file.read(HEADER_BYTES)
    if path.stat().st_size < HEADER_BYTES + BLOCK_BYTES:
        raise FileFault(
            Fault.TRUNCATED,
            "the file ends before its first block of samples",
            where=path.name,
            known=f"{path.stat().st_size} bytes",
            hint="copy it from the watch again",
        )
    return header


def _indexed(path: Path) -> Blocks:
    """The heads of all blocks, from one pass through the file."""
    parts = []
    buffer = np.empty((BLOCKS_AT_ONCE, BLOCK_BYTES), np.uint8)
    with path.open("rb", buffering=0) as file:
        file.seek(HEADER_BYTES)
        while whole := _filled(file, buffer) // BLOCK_BYTES:
            parts.append(cwa_blocks.blocks_of(buffer[:whole]))
    return cwa_blocks.joined(parts)


def _filled(file: RawIOBase, buffer: NDArray[np.uint8]) -> int:
    """How many bytes of a file came into the buffer: all that it holds, unless the file ends."""
    flat, count = buffer.reshape(-1), 0
    while came := file.readinto(flat[count:].data):
        count += came
    return count


def _what_was_wrong(path: Path, blocks: Blocks, header: bytes) -> list[str]:
    """Words for whatever the file holds that is not read as it stands."""
    notes = []
    bad = int(np.count_nonzero(~blocks.good))
    if bad == len(blocks.good):
        known = f"none of {bad} blocks has a right mark, checksum and date"
        raise FileFault(Fault.CORRUPT, "no block of samples is whole", where=path.name, known=known)
    if bad:
        notes.append(f"{bad} of {bad + np.count_nonzero(blocks.good)} blocks are corrupt: left out, a gap each")
    cut = (path.stat().st_size - HEADER_BYTES) % BLOCK_BYTES
    if cut:
        notes.append(f"the file ends within a block: its last {cut} bytes are left out")
    setups = blocks.setup[blocks.good]
    used = np.unique(
        setups[np.flatnonzero(np.diff(setups, prepend=setups[0] + 1))]
    )  # of where it changes: no long sort
    rates = sorted({rate_of(int(setup)) for setup in used})
    if header[36] and rates != [rate_of(header[36] << 8)]:
        shown = " and ".join(f"{fs:g}" for fs in rates)
        notes.append(
            f"the header says {rate_of(header[36] << 8):g} Hz, the blocks say {shown} Hz: the blocks are followed"
        )
    if ((used & 0xFF) >> 4 > 3).any():
        notes.append("the gyroscope's axes are left out")
    return notes


def _runs(blocks: Blocks) -> list[Run]:
    """The stretches of whole blocks without a gap between them, in the file's order."""
    whole = np.flatnonzero(blocks.good)
    edges = np.concatenate(([0], np.flatnonzero(~_goes_on(blocks, whole)) + 1, [len(whole)]))
    shown = _shown_rates(blocks, whole, edges)
    runs = []
    for (low, high), rate in zip(pairwise(edges.tolist()), shown.tolist(), strict=True):
        first, last = int(whole[low]), int(whole[high - 1]) + 1
        samples = int(blocks.count[first:last].sum(dtype=np.int64))
        end = int(blocks.wall_ns[last - 1]) + round(int(blocks.count[last - 1]) / rate * NS)
        runs.append(Run(first, last, samples, int(blocks.setup[first]), int(blocks.wall_ns[first]), end, rate))
    return runs


def _goes_on(blocks: Blocks, whole: Int64) -> NDArray[np.bool_]:
    """Whether the next of the whole blocks follows each without a gap; one fewer than blocks."""
    follows = np.empty(len(whole) - 1, np.bool_)
    for low in range(0, len(follows), BLOCKS_AT_ONCE):  # what is in the processor's cache costs half
        here = whole[low : low + BLOCKS_AT_ONCE + 1]
        wall, setup, count = blocks.wall_ns[here], blocks.setup[here], blocks.count[here[:-1]]
        # The counter begins anew with a session. It is unsigned: a step back is a large number.
        same = (np.diff(setup) == 0) & (np.diff(blocks.sequence[here]) == 1) & (np.diff(here) == 1)
        same &= count == capacity_of(setup[:-1])
        late = np.diff(wall) - count * length_ns(setup[:-1])
        follows[low : low + len(count)] = same & (np.abs(late) < SAME_TIME_NS)
    return follows


def _shown_rates(blocks: Blocks, whole: Int64, edges: Int64) -> Floats:
    """The rate of each run: by its own stamps, for short ones by those of the longest run of the file."""
    first, last = whole[edges[:-1]], whole[edges[1:] - 1]
    took_s = (blocks.wall_ns[last] - blocks.wall_ns[first]) / NS
    held = (last - first) * capacity_of(blocks.setup[first])
    nominal: Floats = NS / length_ns(blocks.setup[first])
    long = last - first >= BLOCKS_FOR_A_RATE
    ratio = np.where(long, held / np.where(long, took_s, 1.0) / nominal, 1.0)
    usual = float(ratio[np.argmax(last - first)])
    rates: Floats = nominal * np.where(long, ratio, usual)
    return rates


def _under_one_clock(path: Path, runs: list[Run], notes: list[str]) -> list[Run]:
    """The runs whose stamps go on in time; those under another clock (not set yet, or changed) are left out."""
    groups = [[runs[0]]]
    for before, after in pairwise(runs):
        if -SAME_TIME_NS <= after.start_ns - before.end_ns < LONGEST_GAP_NS:
            groups[-1].append(after)
        else:
            groups.append([after])
    main = max(range(len(groups)), key=lambda k: sum(run.samples for run in groups[k]))
    kept = list(groups[main])
    for group in groups[main + 1 :]:
        if 0 <= group[0].start_ns - kept[-1].end_ns < LONGEST_GAP_NS:
            kept += group
    for group in groups[:main][::-1]:
        if 0 <= kept[0].start_ns - group[-1].end_ns < LONGEST_GAP_NS:
            kept = group + kept
    all_samples, kept_samples = (sum(run.samples for run in some) for some in (runs, kept))
    days = (kept[-1].end_ns - kept[0].start_ns) / (86_400 * NS)
    if kept_samples < (1 - MOST_LEFT_OUT) * all_samples or days > LONGEST_DAYS:
        share = kept_samples / all_samples
        known = f"{len(groups)} stretches under clocks of their own; {share:.0%} of the samples span {days:.0f} days"
        hint = "cut the file where the clock was set, and put in the parts"
        raise FileFault(
            Fault.CORRUPT, "the clock was set within the recording", where=path.name, known=known, hint=hint
        )
    if len(kept) < len(runs):
        left = (all_samples - kept_samples) / kept[0].fs_hz
        notes.append(f"{left:.0f} s bear the stamps of another clock (not set yet, or set anew): left out")
    # Stamps are off by up to two samples: what would overlap by that ends where the next begins.
    ends = [min(run.end_ns, after.start_ns) for run, after in pairwise(kept)] + [kept[-1].end_ns]
    return [
        Run(r.first, r.last, r.samples, r.setup, r.start_ns, max(end, r.start_ns + 1), r.fs_hz)
        for r, end in zip(kept, ends, strict=True)
    ]


def _pieces(path: Path, blocks: Blocks, runs: list[Run], shift_ns: int) -> Iterator[Signal]:
    """The samples, block by block as they lie in the file; a piece ends where the next begins."""
    buffer = np.empty((BLOCKS_AT_ONCE, BLOCK_BYTES), np.uint8)
    with path.open("rb", buffering=0) as file:
        for run in runs:
            number = -(-(run.last - run.first) // BLOCKS_AT_ONCE)
            edges = np.linspace(run.first, run.last, number + 1).astype(int).tolist()
            starts = [run.start_ns, *blocks.wall_ns[edges[1:-1]].tolist(), run.end_ns]
            for (low, high), (begin, end) in zip(pairwise(edges), pairwise(starts), strict=True):
                file.seek(HEADER_BYTES + low * BLOCK_BYTES)
                if _filled(file, buffer[: high - low]) < (high - low) * BLOCK_BYTES:
                    raise FileFault(Fault.TRUNCATED, "the file became shorter while it was read", where=path.name)
                samples = cwa_blocks.acceleration_g(buffer[: high - low], run.setup)
                samples = samples[: int(blocks.count[low:high].sum(dtype=np.int64))]
                yield Signal(Kind.ACC, "acceleration", len(samples) / (end - begin) * NS, begin + shift_ns, samples)


def _slow(blocks: Blocks, runs: list[Run], shift_ns: int, *, is_ax6: bool) -> tuple[Signal, ...]:
    """Temperature and light, which stand once in each block, on one grid of 1 s or the length of a block."""
    first = runs[0]
    block_s = int(capacity_of(blocks.setup[first.first])) / rate_of(first.setup)
    step = max(NS, round(block_s * NS))
    number = max(1, round((runs[-1].end_ns - first.start_ns) / step))
    times = first.start_ns + step // 2 + step * np.arange(number, dtype=np.int64)  # what holds in the middle of a step
    starts, ends = (np.array([getattr(run, name) for run in runs], np.int64) for name in ("start_ns", "end_ns"))
    which = np.searchsorted(starts, times, side="right") - 1
    inside = times < ends[which]
    steps = np.zeros(len(blocks.good) + 1, np.int8)
    np.add.at(steps, [run.first for run in runs], 1)
    np.add.at(steps, [run.last for run in runs], -1)
    used = np.flatnonzero(np.cumsum(steps[:-1]))
    # A value holds until the next block's. Stamps may step back by a sample: a block's is the latest up to it.
    since = np.maximum.accumulate(blocks.wall_ns[used]) - times[0]
    heard = np.clip(-(-since // step), 0, number)  # from this step on
    at = used[np.cumsum(np.bincount(heard, minlength=number + 1)[:number]) - 1]
    readings = np.arange(cwa_blocks.READINGS)
    out = []
    for kind, label, values, read in (
        (Kind.TEMP, "temperature in the case", cwa_blocks.temperature_c(readings), blocks.temperature),
        (Kind.LIGHT, "light through the case (estimate)", cwa_blocks.light_lux(readings, ax6=is_ax6), blocks.light),
    ):
        samples = np.where(inside, values[read[at]], np.float32(np.nan))
        if np.isfinite(samples).any():
            out.append(Signal(kind, label, NS / step, first.start_ns + shift_ns, samples))
    return tuple(out)


READER = Reader(
    name="axivity_cwa",
    device="Axivity AX3, AX6",
    looks_like="an Axivity .cwa file as the watch wrote it (binary; begins with MD, its blocks with AX)",
    gives=frozenset({Kind.ACC, Kind.TEMP, Kind.LIGHT}),
    recognise=_recognise,
    read=_read,
    family="acceleration",
    clock="wall clock of the computer that set the watch, which runs on through clock changes",
)
