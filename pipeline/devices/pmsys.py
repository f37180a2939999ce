"""PMSys, a logging app for athletes: daily wellness answers, and exertion of training sessions.

`wellness.csv` asks for stress, mood, fatigue, soreness and sleep quality from 1 (worst) to 5 (best), readiness from 0
to 10 and hours slept; a 0 on a scale that begins at 1 was not answered, and a form of zeros was sent empty. `srpe.csv`
holds the perceived exertion (1 to 10) and length of a session, with the time at which it ended. Stamps are UTC.

Example: PMData (Thambawita et al. 2020, doi:10.1145/3339825.3394926).
"""

from __future__ import annotations

import re
from pathlib import Path

from pipeline.devices.delimited import headed_table, numbers_of
from pipeline.devices.later import pl
from pipeline.devices.reader import Asked, Glimpse, Reader, whole_ns
from pipeline.devices.stamps import instants
from pipeline.errors import Fault, FileFault
from pipeline.recording import Answer, Kind, Marker, Recording

FROM_1_TO_5 = ("fatigue", "mood", "sleep_quality", "soreness", "stress")
WELLNESS = (*FROM_1_TO_5, "readiness", "sleep_duration_h")
STAMP, SESSION_END = "effective_time_frame", "end_date_time"


def _recognise(seen: Glimpse) -> bool:
    """Whether the first row names the columns of wellness or of sessions."""
    names = set(seen.sheet[0]) if seen.sheet else set()
    return {STAMP, "mood", "stress"} <= names or {SESSION_END, "perceived_exertion", "duration_min"} <= names


def _read(path: Path, asked: Asked) -> Recording:
    """Daily answers, or sessions with the exertion that was felt."""
    zone, source = asked.zone_for(path)
    table, notes = headed_table(path)
    stamp = STAMP if STAMP in table.columns else SESSION_END
    if stamp not in table.columns:
        raise FileFault(Fault.TRUNCATED, "the file ends within its header", where=path.name)
    stamps = instants(table[stamp], asked, zone, path)
    notes += stamps.notes
    table = table.with_columns(utc_ns=pl.Series(stamps.utc_ns)).filter(pl.Series(stamps.good))
    answers = _answers(_filled_in(table, notes), path, notes)
    markers = _sessions(table, path) if stamp == SESSION_END else ()
    return Recording("PMSys", zone, source, markers=markers, answers=answers, clock=stamps.clock, repairs=tuple(notes))


def _filled_in(table: pl.DataFrame, notes: list[str]) -> pl.DataFrame:
    """The rows of forms that were filled in: one of zeros only was sent as it was opened."""
    scales = [name for name in WELLNESS if name in table.columns]
    if not scales:
        return table
    empty = pl.all_horizontal(pl.col(scales).cast(pl.Float64, strict=False) == 0).fill_null(value=False)
    kept = table.filter(~empty)
    if kept.height < table.height:
        notes.append(f"{table.height - kept.height} forms whose every answer is 0 were sent empty: left out")
    return kept


def _answers(table: pl.DataFrame, path: Path, notes: list[str]) -> tuple[Answer, ...]:
    """Each number that was answered, in order of time."""
    instrument, asked_for = (
        ("PMSys wellness", WELLNESS) if STAMP in table.columns else ("PMSys session", ("perceived_exertion",))
    )
    times = table["utc_ns"].to_list()
    found: list[Answer] = []
    for item in (name for name in asked_for if name in table.columns):
        values, unread = numbers_of(table[item])
        if unread:
            what = f"the column {item} holds {unread} cells that are no number"
            raise FileFault(Fault.CORRUPT, what, where=path.name)
        if item in FROM_1_TO_5 and (zeros := int((values == 0).sum())):
            notes.append(f"{item}: {zeros} answers of 0, which the scale of 1 to 5 does not have, are missing")
            values = values.set(values == 0, None)
        found += [
            Answer(instrument, item, v, "", t) for t, v in zip(times, values.to_list(), strict=True) if v is not None
        ]
    if "soreness_area" in table.columns:
        notes.append("places that were sore (soreness_area) are not read")
    return tuple(sorted(found, key=lambda answer: answer.time_ns or 0))


def _sessions(table: pl.DataFrame, path: Path) -> tuple[Marker, ...]:
    """Sessions with their length; a session without one is left to its exertion."""
    minutes = numbers_of(table["duration_min"])[0].fill_null(0.0).to_numpy()
    begins = table["utc_ns"].to_numpy() - whole_ns(minutes * 60, path)
    names = (
        table["activity_names"].fill_null("") if "activity_names" in table.columns else pl.Series([""] * table.height)
    )
    labels = [" ".join(["training", *re.findall(r"[a-z]+", name.lower())]) for name in names.to_list()]
    rows = zip(begins.tolist(), minutes.tolist(), labels, strict=True)
    return tuple(Marker(begin, length * 60, label) for begin, length, label in rows if length > 0)


READER = Reader(
    name="pmsys",
    device="PMSys",
    looks_like="a table of PMSys: wellness.csv (effective_time_frame, mood, stress …), srpe.csv (perceived_exertion …)",
    gives=frozenset({Kind.ANSWERS, Kind.MARKERS}),
    recognise=_recognise,
    read=_read,
    family="lab",
    clock="UTC",
)
