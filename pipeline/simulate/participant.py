"""One participant's exports: what is to be recorded, the recording of it, and the truth that goes with it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import date, datetime, timedelta
from enum import IntEnum
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from pipeline.clock import EPOCH_NS, NS, noon_ns, to_datetime, wall_ns, wall_to_utc
from pipeline.simulate.beats import BeatTrain, HeartLevel, beat_train
from pipeline.simulate.counts import OffWrist, expected_counts, minute_counts, without_watch
from pipeline.simulate.days import Days, simulate_days
from pipeline.simulate.e4 import e4_session
from pipeline.simulate.eeg import FS_HZ, eeg_uv
from pipeline.simulate.exports.actiwatch_awd import write_awd
from pipeline.simulate.exports.e4_zip import write_e4_zip
from pipeline.simulate.exports.edf import edf_bytes, write_edf
from pipeline.simulate.exports.rr_text import write_rr_text
from pipeline.simulate.person import Person
from pipeline.simulate.stages import Timeline, timeline
from pipeline.simulate.truth import (
    Json,
    beats_truth,
    eeg_truth,
    iso,
    night_truth,
    person_truth,
    rhythm_truth,
    sleep_truth,
)

MINUTE_NS = 60 * NS
HOUR_NS = 3600 * NS
STRAP_BEFORE_BED_MIN = (180, 195)
"""The strap goes on three hours before bed, so that waking HR of the evening exists …"""
STRAP_AFTER_RISE_MIN = (30, 45)
"""… and comes off when the heart has answered to awakening."""
DROPOUTS_PER_NIGHT = 0.8
DROPOUT_S = (8.0, 90.0)
WATCH_OFF_BEFORE_BED_H = 4
"""A watch forgotten for a night comes off this long before bed and goes on at rising."""
CUT_EPOCHS = 120
"""Length of the EEG export that is written only in part."""
CUT_BYTES = 0.5
E4_MIN = 90


class _Stream(IntEnum):
    """What a random stream is for; each export has its own, so that leaving one out changes no other."""

    DAYS = 0
    STAGES = 1
    COUNTS = 2
    BEATS = 3
    EEG = 4
    E4 = 5


@dataclass(frozen=True, slots=True)
class Plan:
    """What is recorded of one participant, and what goes wrong; dates are local."""

    first: date
    nights: int
    rr_missing: frozenset[date] = frozenset()
    watch_off: frozenset[date] = frozenset()
    """Nights in which the watch lies on a table from before bed to rising."""
    watch_off_at: tuple[tuple[datetime, float], ...] = ()
    """Further stretches without the watch: local start, hours."""
    dropouts_h: Mapping[date, tuple[tuple[float, float], ...]] = field(default_factory=dict)
    """Further dropouts of the strap: start and end in hours after it was put on."""
    eeg: tuple[date, ...] = ()
    eeg_cut: date | None = None
    """The night of which half an EDF file is all that was copied."""
    e4_at: datetime | None = None
    """Local start of a wristband session."""


def write_participant(inbox: Path, person: Person, plan: Plan, *, zone: str, seed: tuple[int, ...]) -> dict[str, Json]:
    """Writes every export of a participant into `inbox/<participant>/` and returns the truth of them."""
    folder = inbox / person.participant
    folder.mkdir(parents=True, exist_ok=True)

    def rng(stream: _Stream, k: int = 0) -> np.random.Generator:
        return np.random.default_rng([*seed, stream, k])

    days = simulate_days(person, plan.first, plan.nights, zone, rng(_Stream.DAYS))
    last_noon = noon_ns(days.nights[-1] + timedelta(days=1), zone)
    end_ns = max(last_noon, -(-int(days.rise_ns[-1] + HOUR_NS) // HOUR_NS) * HOUR_NS)
    states = timeline(days, person.rem_share, noon_ns(plan.first, zone), end_ns, rng(_Stream.STAGES))
    counts = minute_counts(states, person, zone, rng(_Stream.COUNTS))
    nights = [states.cut(int(bed), int(rise)) for bed, rise in zip(days.bed_ns, days.rise_ns, strict=True)]

    truth: dict[str, Json] = {"planted": person_truth(person), "zone": zone}
    truth["rhythm"] = rhythm_truth(states.minutes_ns, expected_counts(states, person, zone), zone)
    truth["nights"] = [night_truth(days, k, night.stages, zone) for k, night in enumerate(nights)]
    truth["actigraphy"] = _write_actigraphy(folder, person, plan, zone, states, counts, days)
    truth["rr"] = [
        _write_rr(folder, person, plan, zone, states, counts, days, k, rng(_Stream.BEATS, k))
        for k in range(plan.nights)
        if days.nights[k] not in plan.rr_missing
    ]
    truth["rr_missing"] = [night.isoformat() for night in sorted(plan.rr_missing)]
    truth["eeg"] = [
        _write_eeg(folder, person, zone, night, days.nights[k], rng(_Stream.EEG, k))
        for k, night in enumerate(nights)
        if days.nights[k] in plan.eeg
    ]
    truth["broken"] = [
        _write_cut_eeg(folder, person, zone, night, days.nights[k], rng(_Stream.EEG, k))
        for k, night in enumerate(nights)
        if days.nights[k] == plan.eeg_cut
    ]
    truth["e4"] = [_write_e4(folder, person, plan.e4_at, zone, rng(_Stream.E4))] if plan.e4_at else []
    return truth


def _wall(utc_ns: int, zone: str) -> datetime:
    """The local wall clock of an instant, without its offset, as devices write it."""
    return to_datetime(utc_ns, zone).replace(tzinfo=None)


def _utc(wall: datetime, zone: str) -> int:
    return int(wall_to_utc(np.array([wall_ns(wall)], np.int64), zone)[0])


def _write_actigraphy(
    folder: Path,
    person: Person,
    plan: Plan,
    zone: str,
    states: Timeline,
    counts: NDArray[np.int64],
    days: Days,
) -> dict[str, Json]:
    """The watch's file of the whole period, the button pressed at each lights-off that it was worn for."""
    forgotten = [
        OffWrist(int(days.bed_ns[k]) - WATCH_OFF_BEFORE_BED_H * HOUR_NS, int(days.rise_ns[k]))
        for k, night in enumerate(days.nights)
        if night in plan.watch_off
    ]
    further = [OffWrist(_utc(at, zone), _utc(at, zone) + round(hours * HOUR_NS)) for at, hours in plan.watch_off_at]
    holes = tuple(sorted([*forgotten, *further], key=lambda hole: hole.start_ns))
    pressed = tuple(
        (int(bed) - states.start_ns) // MINUTE_NS
        for bed in days.bed_ns
        if not any(hole.start_ns <= bed < hole.end_ns for hole in holes)
    )
    name = f"{person.participant}.AWD"
    write_awd(
        folder / name,
        without_watch(counts, states.start_ns, holes),
        _wall(states.start_ns, zone),
        identity=person.participant,
        age_y=person.age_y,
        sex=person.sex,
        serial=f"V{660_000 + sum(map(ord, person.participant))}",
        marked_minutes=pressed,
    )
    off: list[Json] = [
        {
            "start": iso(hole.start_ns, zone),
            "end": iso(hole.end_ns, zone),
            "hours": round((hole.end_ns - hole.start_ns) / HOUR_NS, 3),
        }
        for hole in holes
    ]
    return {"export": name, "start_utc": iso(states.start_ns), "minutes": len(counts), "off_wrist": off}


def _write_rr(
    folder: Path,
    person: Person,
    plan: Plan,
    zone: str,
    states: Timeline,
    counts: NDArray[np.int64],
    days: Days,
    k: int,
    rng: np.random.Generator,
) -> dict[str, Json]:
    """The strap's file of night `k`, from the evening to after rising."""
    night = days.nights[k]
    on = int(days.bed_ns[k]) - round(rng.uniform(*STRAP_BEFORE_BED_MIN)) * MINUTE_NS
    off = int(days.rise_ns[k]) + round(rng.uniform(*STRAP_AFTER_RISE_MIN)) * MINUTE_NS
    on, off = on - on % MINUTE_NS, off - off % MINUTE_NS
    worn = states.cut(on, off)
    low = (on - states.start_ns) // MINUTE_NS
    level = HeartLevel(
        sleep_hr_bpm=float(days.sleep_hr_bpm[k]),
        waking_hr_bpm=float(days.waking_hr_bpm[k]),
        sleep_rmssd_ms=float(days.sleep_rmssd_ms[k]),
        respiration_hz=person.respiration_hz,
        ectopic_share=person.ectopic_share,
    )
    beats = beat_train(worn, counts[low : low + len(worn.stages) // 2], level, rng)
    beats = beats.with_dropouts(_dropouts(beats, plan.dropouts_h.get(night, ()), rng))
    name = f"rr_{night.isoformat()}.txt"
    write_rr_text(folder / name, beats, _wall(on, zone))
    return {"export": name, "night": night.isoformat(), **beats_truth(beats)}


def _dropouts(
    beats: BeatTrain, further_h: tuple[tuple[float, float], ...], rng: np.random.Generator
) -> tuple[tuple[float, float], ...]:
    """The short dropouts that every night has, and those planned; never at the very start or end."""
    starts = rng.uniform(600, beats.beat_ms[-1] / 1000 - 600, rng.poisson(DROPOUTS_PER_NIGHT))
    short = [(start, start + float(rng.uniform(*DROPOUT_S))) for start in starts.tolist()]
    return (*short, *((low * 3600, high * 3600) for low, high in further_h))


def _write_eeg(
    folder: Path, person: Person, zone: str, night: Timeline, day: date, rng: np.random.Generator
) -> dict[str, Json]:
    """The EEG of a night from lights off to rising."""
    name = f"eeg_{day.isoformat()}.edf"
    trace = eeg_uv(night.stages, person, rng)
    write_edf(folder / name, trace, FS_HZ, night.stages, _wall(night.start_ns, zone), person.participant)
    return {
        "export": name,
        "night": day.isoformat(),
        "start_utc": iso(night.start_ns),
        "fs_hz": FS_HZ,
        **sleep_truth(night.stages),
        **eeg_truth(night.stages, person),
    }


def _write_cut_eeg(
    folder: Path, person: Person, zone: str, night: Timeline, day: date, rng: np.random.Generator
) -> dict[str, Json]:
    """Half of an EDF file of one hour: its head announces twice the records that follow."""
    name = f"eeg_{day.isoformat()}.edf"
    hour = night.cut(night.start_ns, night.start_ns + CUT_EPOCHS * EPOCH_NS)
    trace = eeg_uv(hour.stages, person, rng)
    whole = edf_bytes(trace, FS_HZ, hour.stages, _wall(hour.start_ns, zone), person.participant)
    (folder / name).write_bytes(whole[: round(len(whole) * CUT_BYTES)])
    return {"export": name, "night": day.isoformat(), "fault": "cut in the middle of the data"}


def _write_e4(folder: Path, person: Person, at: datetime, zone: str, rng: np.random.Generator) -> dict[str, Json]:
    """A wristband session that begins at the local wall clock `at`."""
    session = e4_session(person, _utc(at, zone), E4_MIN, rng)
    name = f"e4_{at.date().isoformat()}.zip"
    write_e4_zip(folder / name, session)
    tags: list[Json] = [iso(tag) for tag in session.tags_ns]
    return {
        "export": name,
        "start_utc": iso(session.start_ns),
        "minutes": E4_MIN,
        "tags_utc": tags,
        "scr_n": len(session.scr_onsets_s),
        "ibi_n": int((~session.beats.lost).sum()),
    }
