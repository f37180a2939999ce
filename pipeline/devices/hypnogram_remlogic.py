"""Embla RemLogic event exports (.txt): a header with the recording date, then one scored event a row.

The header names a person; only its date is read. Rows hold a time of day (or an ISO stamp), an event and a duration in
s, under names in English, French or German; `SLEEP-S2` and its like are stages, everything else is an event. The CAP
Sleep Database (Terzano et al. 2001, doi:10.1016/S1389-9457(01)00149-6) comes so, and puts stage and position before.
Events of several epochs' length that overlap the stages (MCAP, apnoeas) stay apart from them as markers.
"""

from __future__ import annotations

import re
from datetime import date
from pathlib import Path

from pipeline.devices.delimited import content_of, lines_of, numbers_of, table_of, text_of, whole_lines
from pipeline.devices.hypnogram_codes import stage_of
from pipeline.devices.hypnogram_epochs import MOST_BYTES
from pipeline.devices.hypnogram_rows import Rows, readable, scored_night, seconds_of_day, walls_of, written_start
from pipeline.devices.later import pl
from pipeline.devices.reader import Asked, Glimpse, Reader, need_start
from pipeline.errors import Fault, FileFault
from pipeline.recording import Kind, Recording, Stage

MARK = "RemLogic Event Export"
_DATE_KEYS = ("recording date", "date de l'enregistrement", "aufnahmedatum", "aufzeichnungsdatum")
_TIME = ("time", "heure", "zeit", "uhrzeit")
_EVENT = ("event", "evénement", "événement", "evenement", "ereignis")
_LASTS = ("duration", "durée", "duree", "dauer")
_DATE = re.compile(r"\d{1,4}[-/.]\d{1,2}[-/.]\d{1,4}")


def _recognise(seen: Glimpse) -> bool:
    """Whether the first line is the export's title."""
    return not seen.is_folder and text_of(seen.head).lstrip("\ufeff \r\n").startswith(MARK)


def _read(path: Path, asked: Asked) -> Recording:
    """Stages, and every other scored event as a marker."""
    content, notes = whole_lines(content_of(path, MOST_BYTES))
    lines = lines_of(text_of(content))
    at, names = _header(lines, path)
    table = table_of(lines[at + 1 :], names, "\t", path)
    cells = {key: table[f"c{_column(names, known, path)}"] for key, known in _COLUMNS.items()}
    clock_s = seconds_of_day(cells["time"])
    has = readable(clock_s, path, notes)
    texts = cells["event"].fill_null("").filter(pl.Series(has)).to_list()
    lasts, _ = numbers_of(cells["lasts"].filter(pl.Series(has)), decimal_comma=True)
    walls = walls_of(_day(lines[:at], cells["time"], path, asked), clock_s[has])
    rows = Rows(walls, lasts.fill_null(float("nan")).to_numpy(), texts, _stages(texts, path))
    return scored_night(rows, path, asked, "RemLogic", notes)


_COLUMNS = {"time": _TIME, "event": _EVENT, "lasts": _LASTS}


def _header(lines: list[str], path: Path) -> tuple[int, list[str]]:
    """The line that names the columns, and the names in small letters without their units."""
    for at, line in enumerate(lines[:400]):
        names = [re.sub(r"\s*\[.*", "", cell).strip().casefold() for cell in line.split("\t")]
        if len(names) > 2 and any(name in _TIME for name in names) and any(name in _EVENT for name in names):
            return at, names
    raise FileFault(
        Fault.TRUNCATED,
        "the file ends before the line that names its columns",
        where=path.name,
        known="it holds Time, Event and Duration, in English, French or German",
        hint="export the events again with these three columns",
    )


def _column(names: list[str], known: tuple[str, ...], path: Path) -> int:
    found = next((k for k, name in enumerate(names) if name in known), None)
    if found is None:
        hint = "export the events again with time, event and duration"
        raise FileFault(Fault.CORRUPT, f"it has no column '{known[0]}'", where=path.name, hint=hint)
    return found


def _stages(texts: list[str], path: Path) -> list[Stage | None]:
    """The stage of each event, None for other events; an unknown SLEEP- event may be either and is refused."""
    found = {text: stage_of(text) if text.upper().startswith("SLEEP-") else None for text in set(texts)}
    # SLEEP-SPINDLE is an event of that family and no stage; the others with this name are stages.
    strange = [t for t, s in found.items() if s is None and re.fullmatch(r"SLEEP-[A-Z]{0,2}\d", t.upper())]
    if strange:
        what = f"unknown sleep stages: {', '.join(sorted(strange)[:8])}"
        known = "SLEEP-S0 to SLEEP-S4, SLEEP-N1 to SLEEP-N3, SLEEP-REM, SLEEP-MT, SLEEP-UNSCORED"
        raise FileFault(Fault.UNKNOWN_CODE, what, where=path.name, known=known)
    return [found[text] for text in texts]


def _day(head: list[str], times: pl.Series, path: Path, asked: Asked) -> date:
    """The date of the first row: of its own stamp, else of the header, else of the sidecar's start."""
    if (stamped := re.match(r"(\d{4})-(\d{2})-(\d{2})[T ]", str(times[0]) if len(times) else "")) is not None:
        return written_start(f"{stamped[0]}00:00", path, asked).date()
    told = [line.partition(":")[2] for line in head if line.partition(":")[0].strip().casefold() in _DATE_KEYS]
    found = _DATE.search(told[0]) if told else None
    if found is None:
        return need_start(path, asked).date()
    return written_start(f"{found[0]} 00:00", path, asked).date()


READER = Reader(
    name="hypnogram_remlogic",
    device="RemLogic",
    looks_like="events of Embla RemLogic: 'RemLogic Event Export', a recording date, then time, event, duration",
    gives=frozenset({Kind.STAGES, Kind.MARKERS}),
    recognise=_recognise,
    read=_read,
    family="hypnogram",
    clock="times of day from the recorder's clock, with the recording's date in the header",
)
