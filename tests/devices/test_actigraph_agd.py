"""ActiLife .agd: ticks, axis 1, steps, light, gaps, and databases that are damaged or mean harm."""

from __future__ import annotations

import sqlite3
from contextlib import closing
from datetime import datetime
from pathlib import Path

import numpy as np
import pytest
from handmade.actigraph_agd import TICKS_S, ticks, write_agd, write_base

from pipeline.clock import NS, to_datetime
from pipeline.devices import actigraph_agd, claimant, read_export
from pipeline.devices.actigraph_agd import READER
from pipeline.devices.reader import Asked
from pipeline.errors import Fault, FileFault
from pipeline.recording import CountsScale, Kind, Recording

ASKED = Asked(zone="Europe/Brussels")
START = datetime(2019, 4, 15, 15, 0)  # noqa: DTZ001


def read(path: Path, asked: Asked = ASKED) -> Recording:
    assert claimant(path) is READER
    return READER.read(path, asked)


def local(ns: int) -> str:
    return f"{to_datetime(ns, 'Europe/Brussels'):%Y-%m-%d %H:%M:%S}"


def run(path: Path, *statements: str) -> None:
    with closing(sqlite3.connect(path)) as base, base:
        for statement in statements:
            base.execute(statement)


def test_ticks_are_a_wall_clock(tmp_path: Path) -> None:
    assert ticks(START) == 636_909_372_000_000_000  # as the published file has it for 2019-04-15 15:00
    path = write_base(tmp_path / "x.agd", START, [(0, 254.0, 1.0, 0.0), (1, 652.0, 2.0, 8.0), (2, 148.0, 0.0, 3.0)], 10)
    counts, steps, light = read(path).signals
    assert (counts.label, counts.scale, counts.fs_hz) == ("axis1", CountsScale.ACTIGRAPH, 0.1)
    assert counts.samples.tolist() == [254.0, 652.0, 148.0]
    assert (steps.kind, steps.samples.tolist()) == (Kind.STEPS, [1.0, 2.0, 0.0])
    assert (light.kind, light.samples.tolist()) == (Kind.LIGHT, [0.0, 8.0, 3.0])
    assert local(counts.start_ns) == "2019-04-15 15:00:00"
    assert read(path).device == "ActiGraph wGT3XBT"


def test_missing_rows_and_values_are_gaps(tmp_path: Path) -> None:
    rows = [(0, 1, 1, 1), (1, None, 1, 1), (2, "many", 1, 1), (5, 6, 1, 1), (6, -1, 1, 1), (7, 8, 1, 1)]
    recording = read(write_base(tmp_path / "x.agd", START, rows))
    assert np.flatnonzero(np.isnan(recording.signals[0].samples)).tolist() == [1, 2, 3, 4, 6]
    assert recording.signals[1].coverage == pytest.approx(6 / 8)
    assert recording.repairs == ("1 negative values are missing epochs",)


def test_rows_stored_out_of_order_are_sorted(tmp_path: Path) -> None:
    order = [*range(200)]
    order[50], order[51] = 51, 50
    recording = read(write_base(tmp_path / "x.agd", START, [(k, k, 0, 0) for k in order]))
    assert recording.signals[0].samples.tolist() == list(range(200))


def test_the_watch_runs_on_through_the_clock_change(tmp_path: Path) -> None:
    start = datetime(2019, 10, 26, 22, 0)  # noqa: DTZ001
    (counts, _) = read(write_base(tmp_path / "x.agd", start, [(k, 1, 1, 0) for k in range(600)])).signals
    assert counts.end_ns - counts.start_ns == 600 * 60 * NS
    assert local(counts.end_ns) == "2019-10-27 07:00:00"


def test_scored_time_in_bed_is_a_rest(tmp_path: Path) -> None:
    recording = READER.read(write_agd(tmp_path), Asked(zone="Europe/Rome"))
    (rest,) = recording.rests
    begin = recording.signals[0].start_ns
    assert ((rest.in_bed_ns - begin) / NS, (rest.out_bed_ns - begin) / NS) == (3600.0, 14_400.0)
    assert rest.onset_ns is None


def test_a_light_column_of_zeros_is_no_light(tmp_path: Path) -> None:
    recording = read(write_base(tmp_path / "x.agd", START, [(k, 1, 1, 0) for k in range(9)]))
    assert recording.of(Kind.LIGHT) == ()


def test_an_epoch_length_that_the_stamps_do_not_keep_is_refused(tmp_path: Path) -> None:
    path = write_base(tmp_path / "x.agd", START, [(k, 1, 1, 0) for k in range(9)])
    run(path, "UPDATE settings SET settingValue = '10' WHERE settingName = 'epochlength'")
    with pytest.raises(FileFault) as fault:
        read(path)
    assert fault.value.fault is Fault.CORRUPT


def test_another_database_is_not_claimed(tmp_path: Path) -> None:
    path = tmp_path / "x.agd"
    run(path, "CREATE TABLE data (t INTEGER, v REAL)", "INSERT INTO data VALUES (1, 2)")
    with pytest.raises(FileFault) as fault:
        claimant(path)
    assert fault.value.fault is Fault.UNKNOWN_FORMAT


# ---- damage and harm -------------------------------------------------------------------------------------------------


def test_a_cut_database_says_how_much_is_missing(tmp_path: Path) -> None:
    path = write_base(tmp_path / "x.agd", START, [(k, 1, 1, 0) for k in range(900)])
    path.write_bytes(path.read_bytes()[:-4096])
    with pytest.raises(FileFault) as fault:
        read(path)
    assert fault.value.fault is Fault.TRUNCATED
    assert "bytes of" in fault.value.known


def test_a_view_that_never_ends_is_not_looked_into(tmp_path: Path) -> None:
    path = write_base(tmp_path / "x.agd", START, [(0, 1, 1, 1)])
    endless = (
        "WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n) SELECT i AS dataTimestamp, i AS axis1 FROM n"
    )
    run(path, "DROP TABLE data", f"CREATE VIEW data AS {endless}")
    with pytest.raises(FileFault) as fault:
        read(path)
    assert fault.value.fault is Fault.NOTHING_USABLE


def test_a_database_that_answers_too_slowly_is_stopped(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = write_base(tmp_path / "x.agd", START, [(k, 1, 1, 0) for k in range(2000)])
    monkeypatch.setattr(actigraph_agd, "LONGEST_S", -1.0)
    monkeypatch.setattr(actigraph_agd, "_STEPS_BETWEEN_LOOKS", 1000)
    with pytest.raises(FileFault) as fault:
        READER.read(path, ASKED)
    assert fault.value.fault is Fault.TOO_SLOW


def test_reading_writes_nothing(tmp_path: Path) -> None:
    path = write_base(tmp_path / "x.agd", START, [(k, 1, 1, 0) for k in range(50)])
    with closing(sqlite3.connect(path)) as base:
        base.execute("PRAGMA journal_mode=WAL")
    before = path.read_bytes()
    tmp_path.chmod(0o500)
    try:
        read(path)
    finally:
        tmp_path.chmod(0o700)
    assert path.read_bytes() == before
    assert [p.name for p in tmp_path.iterdir()] == ["x.agd"]


def test_times_beyond_any_calendar_are_left_out(tmp_path: Path) -> None:
    path = write_base(tmp_path / "x.agd", START, [(k, 1, 1, 0) for k in range(50)])
    run(
        path,
        "INSERT INTO data VALUES (4611686018427387904, 1, 1, 1, 1, 1)",
        "INSERT INTO data VALUES ('noon', 1, 1, 1, 1, 1)",
    )
    recording = read(path)
    assert len(recording.signals[0].samples) == 50
    assert "2 epochs without a time left out" in recording.repairs


def test_too_many_epochs_are_refused_before_they_are_read(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = write_base(tmp_path / "x.agd", START, [(k, 1, 1, 0) for k in range(50)])
    monkeypatch.setattr(actigraph_agd, "MOST_EPOCHS", 49)
    with pytest.raises(FileFault) as fault:
        read(path)
    assert fault.value.fault is Fault.TOO_LARGE


def test_an_empty_table_holds_nothing(tmp_path: Path) -> None:
    with pytest.raises(FileFault) as fault:
        read_export(write_base(tmp_path / "x.agd", START, []), ASKED)
    assert fault.value.fault is Fault.NOTHING_USABLE


@pytest.mark.realdata
def test_the_published_file(real_data: Path) -> None:
    path = real_data / "actigraphy_awd" / "test_sample.agd"
    recording = read(path)
    with closing(sqlite3.connect(f"file:{path}?mode=ro&immutable=1", uri=True)) as base:
        first, last, *wanted = base.execute(
            "SELECT min(dataTimestamp), max(dataTimestamp), sum(axis1), sum(steps), sum(lux) FROM data"
        ).fetchone()
    assert [float(s.samples.astype(float).sum()) for s in recording.signals] == wanted
    assert (recording.signals[0].end_ns - recording.signals[0].start_ns) / NS == (last - first) / TICKS_S + 10
    assert recording.signals[0].samples[:5].tolist() == [0.0, 0.0, 254.0, 652.0, 148.0]
    assert local(recording.signals[0].start_ns) == "2019-04-15 15:00:00"
