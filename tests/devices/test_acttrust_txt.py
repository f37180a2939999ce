"""ActTrust text: PIM among the measures, off-wrist, temperature, light, presses, separators, hidden dates."""

from __future__ import annotations

from datetime import datetime
from pathlib import Path

import numpy as np
import pytest
from handmade.acttrust_txt import HEAD

from pipeline.clock import NS, to_datetime
from pipeline.devices import claimant
from pipeline.devices.acttrust_txt import READER
from pipeline.devices.reader import Asked
from pipeline.errors import Fault, FileFault
from pipeline.recording import CountsScale, Kind, Recording

ASKED = Asked(zone="America/Sao_Paulo")
# Three rows of an ActTrust1, with the last off the wrist.
ROWS = [
    "01/02/2020 09:00:00;0;0;29.38;28.19;0;1851;30.85;109;1.81667;41;0.683333;384.44;155.78;0",
    "01/02/2020 09:01:00;0;2;29.47;28.25;0;2683;44.7167;134;2.23333;64;1.06667;324.20;131.37;7",
    "01/02/2020 09:02:00;0;0;29.56;28.38;0;5260;87.6667;199;3.31667;171;2.85;320.28;129.78;4",
]


def write(folder: Path, rows: list[str], head: list[str] = HEAD) -> Path:
    path = folder / "Log.txt"
    path.write_text("\n".join([*head, *rows, ""]))
    return path


def read(path: Path, asked: Asked = ASKED) -> Recording:
    assert claimant(path) is READER
    return READER.read(path, asked)


@pytest.mark.parametrize("head", [HEAD, HEAD[-1:]])
@pytest.mark.parametrize(("old", "new"), [("", ""), (";", "\t"), (".", ",")])
def test_pim_temperature_and_light(tmp_path: Path, head: list[str], old: str, new: str) -> None:
    rows = [row.replace(old, new) if old else row for row in ROWS]
    columns = head[-1].replace(";", "\t") if new == "\t" else head[-1]
    recording = read(write(tmp_path, rows, [*head[:-1], columns]))
    counts, temperature, light = recording.signals
    assert (counts.label, counts.scale, counts.fs_hz) == ("PIM", CountsScale.UNKNOWN, pytest.approx(1 / 60))
    assert counts.samples.tolist() == pytest.approx([1851.0, 2683.0, np.nan], nan_ok=True)
    assert temperature.samples.tolist() == pytest.approx([29.38, 29.47, np.nan], nan_ok=True)
    assert light.samples.tolist() == pytest.approx([384.44, 324.2, np.nan], nan_ok=True)
    # Day first, though one date alone could be the 2nd of January: the format has no other order.
    assert f"{to_datetime(counts.start_ns, 'America/Sao_Paulo'):%Y-%m-%d %H:%M}" == "2020-02-01 09:00"
    assert [(m.time_ns - counts.start_ns) / NS for m in recording.markers] == [60.0]
    assert recording.device == ("ActTrust1" if len(head) > 1 else "ActTrust")


def test_what_is_not_read_is_told(tmp_path: Path) -> None:
    notes = " ".join(read(write(tmp_path, ROWS)).repairs)
    assert "TAT, ZCM, EXT TEMPERATURE" in notes
    assert "1 epochs during which it was not worn" in notes


def test_a_missing_row_is_a_gap(tmp_path: Path) -> None:
    rows = [ROWS[0].replace("09:00", f"09:0{k}") for k in (0, 1, 2, 5, 6)]
    (counts, *_) = read(write(tmp_path, rows)).signals
    assert np.flatnonzero(np.isnan(counts.samples)).tolist() == [3, 4]


def test_the_watch_runs_on_through_the_clock_change(tmp_path: Path) -> None:
    # Rome put its clocks forward at 02:00; the watch showed the hour that did not exist.
    rows = [ROWS[0].replace("01/02/2020 09:00", f"29/03/2020 {k // 60:02d}:{k % 60:02d}") for k in range(240)]
    (counts, *_) = read(write(tmp_path, rows), Asked(zone="Europe/Rome")).signals
    assert (len(counts.samples), counts.coverage) == (240, 1.0)
    assert f"{to_datetime(counts.end_ns, 'Europe/Rome'):%H:%M}" == "05:00"


def test_a_hidden_date_takes_the_sidecars_start(tmp_path: Path) -> None:
    path = write(tmp_path, [row.replace("2020", "1918") for row in ROWS])
    with pytest.raises(FileFault) as fault:
        read(path)
    assert fault.value.fault is Fault.IMPLAUSIBLE
    assert "T09:00:00" in fault.value.hint
    told = read(path, Asked(zone="America/Sao_Paulo", start=datetime(2020, 1, 1, 9)))  # noqa: DTZ001
    assert f"{to_datetime(told.signals[0].start_ns, 'America/Sao_Paulo'):%Y-%m-%d %H:%M}" == "2020-01-01 09:00"
    assert (told.markers[0].time_ns - told.signals[0].start_ns) / NS == 60.0


def test_an_interval_that_the_stamps_do_not_keep_is_refused(tmp_path: Path) -> None:
    with pytest.raises(FileFault) as fault:
        read(write(tmp_path, ROWS, [line.replace(": 60", ": 30") for line in HEAD]))
    assert fault.value.fault is Fault.CORRUPT


def test_other_measures_are_never_taken_for_pim(tmp_path: Path) -> None:
    with pytest.raises(FileFault) as fault:
        read(write(tmp_path, ROWS, [*HEAD[:-1], HEAD[-1].replace("PIM;PIMn", "TIM;TIMn")]))
    assert fault.value.fault is Fault.NOTHING_USABLE


@pytest.mark.parametrize(
    ("head", "rows", "fault"),
    [
        (HEAD[:5], [], Fault.TRUNCATED),
        (HEAD, [], Fault.NOTHING_USABLE),
        (HEAD, ROWS[:1], Fault.NOTHING_USABLE),
        (HEAD, ["never;0;0;1;1;0;1;1;1;1;1;1;1;1;0"] * 9, Fault.CORRUPT),
    ],
)
def test_what_is_no_recording(tmp_path: Path, head: list[str], rows: list[str], fault: Fault) -> None:
    with pytest.raises(FileFault) as raised:
        read(write(tmp_path, rows, head))
    assert raised.value.fault is fault


def test_kinds_are_announced(tmp_path: Path) -> None:
    assert read(write(tmp_path, ROWS)).kinds == {Kind.COUNTS, Kind.TEMP, Kind.LIGHT, Kind.MARKERS}
