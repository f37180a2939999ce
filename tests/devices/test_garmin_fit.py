"""Garmin FIT: rolling times, intervals that lost their clock, sleep levels, padding, and damage."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from handmade.garmin_fit import T0, Message, fit, hrv, record, sleep_level
from handmade.sample import ASKED, T0_NS

from pipeline.clock import NS
from pipeline.devices import garmin_fit, read_export
from pipeline.devices.garmin_fit import READER
from pipeline.devices.reader import Glimpse
from pipeline.errors import Fault, FileFault
from pipeline.recording import Beats, BeatSensor, ClockKind, Kind, Recording, Signal, Stage, StageSource


def read(folder: Path, messages: list[Message]) -> Recording:
    path = folder / "x.fit"
    path.write_bytes(fit(messages))
    reader, recording = read_export(path, ASKED)
    assert reader is READER
    return recording


def fault_of(folder: Path, content: bytes) -> FileFault:
    path = folder / "x.fit"
    path.write_bytes(content)
    with pytest.raises(FileFault) as fault:
        read_export(path, ASKED)
    return fault.value


def beats_of(recording: Recording) -> Beats:
    assert recording.beats is not None
    return recording.beats


def values(signal: Signal) -> list[float]:
    return np.nan_to_num(signal.samples, nan=-1).tolist()


# ---- heart rate ------------------------------------------------------------------------------------------------------


def test_records_lie_on_their_seconds_and_skipped_ones_are_missing(tmp_path: Path) -> None:
    recording = read(tmp_path, [record(0, 60), record(1, 61), record(4, 0), record(5, 255), record(6, 64)])
    (rate,) = recording.signals
    assert (rate.kind, rate.fs_hz, rate.start_ns) == (Kind.HR, 1.0, T0_NS)
    assert values(rate) == [60, 61, -1, -1, -1, -1, 64]
    assert recording.clock is ClockKind.UTC


def test_the_short_time_of_monitoring_rolls_over(tmp_path: Path) -> None:
    base = T0 - T0 % 65536 + 65536  # lower bits zero: the very next turn
    messages: list[Message] = [(55, {253: ("I", base - 120)})]
    messages += [(55, {26: ("H", (base + s) % 65536), 27: ("B", 60 + k)}) for k, s in enumerate((-60, 0, 60, 180))]
    (rate,) = read(tmp_path, messages).signals
    assert (rate.label, rate.fs_hz) == ("monitoring", pytest.approx(1 / 60))
    assert rate.start_ns == T0_NS + (base - 60 - T0) * NS
    assert values(rate) == [60, 61, 62, -1, 63]


def test_short_times_without_a_whole_one_ahead_are_not_guessed(tmp_path: Path) -> None:
    messages: list[Message] = [(55, {26: ("H", 100), 27: ("B", 60)}), record(0, 70)]
    (rate,) = read(tmp_path, messages).signals
    assert values(rate) == [70]


# ---- intervals -------------------------------------------------------------------------------------------------------


def test_padding_is_no_interval_and_255_ms_is_one(tmp_path: Path) -> None:
    beats = beats_of(read(tmp_path, [record(1, 60), hrv(1000, 255), record(2, 60), hrv(900)]))
    assert beats.rr_s.tolist() == [1.0, 0.255, 0.9]
    assert (beats.label, beats.sensor) == ("hrv", BeatSensor.ECG)


def test_time_that_was_lost_with_the_beats_is_found_by_the_records(tmp_path: Path) -> None:
    rng = np.random.default_rng(0)
    rr_ms = rng.integers(700, 1100, 900)
    ends_s = np.cumsum(rr_ms) / 1000
    ends_s[300:] += 95.0  # contact lost: the file goes on as if nothing had been
    ends_s[600:] += 40.0
    messages: list[Message] = []
    beat = 0
    for second in range(int(ends_s[-1]) + 2):
        messages.append(record(second, 66))
        while beat < len(ends_s) and ends_s[beat] < second + 1:
            messages.append(hrv(int(rr_ms[beat])))
            beat += 1
    beats = beats_of(read(tmp_path, messages))
    assert np.rint(beats.rr_s * 1000).astype(int).tolist() == rr_ms.tolist()
    found = (beats.end_ns - T0_NS) / NS
    assert np.abs(found - ends_s).max() < 1.0
    holes = np.diff(found) - beats.rr_s[1:]
    assert np.flatnonzero(holes > 5).tolist() == [299, 599]
    assert np.abs(np.delete(holes, [299, 599])).max() < 0.5


def test_intervals_ahead_of_the_first_record_take_its_time(tmp_path: Path) -> None:
    beats = beats_of(read(tmp_path, [hrv(1000), record(1, 60), hrv(1000)]))
    assert np.abs(beats.end_ns - T0_NS - np.array([0.5, 1.5]) * NS).max() <= NS


def test_intervals_between_no_times_ask_for_nothing_that_could_help(tmp_path: Path) -> None:
    assert fault_of(tmp_path, fit([hrv(1000), hrv(1000)])).fault is Fault.NO_START_TIME


def test_too_long_an_interval_is_a_gap(tmp_path: Path) -> None:
    recording = read(tmp_path, [record(1, 60), hrv(1000), record(7, 60), hrv(6350), record(8, 60), hrv(900)])
    assert beats_of(recording).rr_s.tolist() == [1.0, 0.9]
    assert "1 intervals above 3 s are gaps, not beats" in recording.repairs


def test_intervals_of_the_watch_itself_are_optical_and_stamped(tmp_path: Path) -> None:
    messages: list[Message] = [(290, {253: ("I", T0 + k), 0: ("H", 500), 1: ("H", [500, 500])}) for k in range(1, 200)]
    beats = beats_of(read(tmp_path, messages))
    assert (beats.sensor, len(beats.rr_s)) == (BeatSensor.PPG, 398)
    assert (beats.end_ns[-1] - beats.end_ns[0]) / NS == pytest.approx(397 * 0.5, abs=1.0)


# ---- the night -------------------------------------------------------------------------------------------------------


def test_levels_of_every_minute_keep_their_holes(tmp_path: Path) -> None:
    levels = [(0, 1), (60, 2), (120, 3), (180, 4), (360, 2), (420, 0), (480, 1)]
    hypnogram = read(tmp_path, [sleep_level(s, v) for s, v in levels]).hypnogram
    assert hypnogram is not None
    wanted = [Stage.WAKE, Stage.LIGHT, Stage.N3, Stage.REM, Stage.UNSCORED, Stage.UNSCORED, Stage.LIGHT,
              Stage.UNSCORED, Stage.WAKE]  # fmt: skip
    assert hypnogram.stages.tolist() == [int(stage) for stage in wanted]
    assert (hypnogram.epoch_s, hypnogram.start_ns, hypnogram.source) == (60.0, T0_NS, StageSource.CONSUMER)


def test_levels_of_changes_hold_until_the_next(tmp_path: Path) -> None:
    levels = [(0, 2), (300, 3), (600, 0), (900, 4), (1200, 1)]
    hypnogram = read(tmp_path, [sleep_level(s, v) for s, v in levels]).hypnogram
    assert hypnogram is not None
    five = [Stage.LIGHT] * 5 + [Stage.N3] * 5 + [Stage.UNSCORED] * 5 + [Stage.REM] * 5 + [Stage.WAKE]
    assert hypnogram.stages.tolist() == [int(stage) for stage in five]


def test_rmssd_is_in_128ths_of_a_ms_and_spo2_in_percent(tmp_path: Path) -> None:
    messages: list[Message] = [(371, {253: ("I", T0 + 300 * k), 0: ("H", 128 * 40 + 64)}) for k in (0, 1, 3)]
    messages += [(269, {253: ("I", T0 + 60 * k), 0: ("B", 96 + k)}) for k in range(2)]
    found = {signal.kind: signal for signal in read(tmp_path, messages).signals}
    assert values(found[Kind.RMSSD]) == [40.5, 40.5, -1, 40.5]
    assert values(found[Kind.SPO2]) == [96, 97]


@pytest.mark.parametrize(("hours", "notes"), [(1, 0), (3, 1)])
def test_a_watch_in_another_zone_is_told(tmp_path: Path, hours: int, notes: int) -> None:
    info: Message = (103, {253: ("I", T0), 0: ("I", T0 + hours * 3600)})
    recording = read(tmp_path, [info, record(0, 60), record(1, 61)])
    assert len(recording.repairs) == notes
    assert not notes or recording.repairs[0] == "the watch showed UTC+3 h, Europe/Rome was at UTC+1 h"


# ---- damage ----------------------------------------------------------------------------------------------------------


def test_a_file_of_other_messages_says_what_to_put_in(tmp_path: Path) -> None:
    assert fault_of(tmp_path, fit([(0, {0: ("B", 4), 3: ("I", 4711)})])).fault is Fault.NOTHING_USABLE


def test_cut_and_altered_files_are_faults(tmp_path: Path) -> None:
    content = fit([record(s, 60) for s in range(50)])
    assert fault_of(tmp_path, content[:300]).fault is Fault.TRUNCATED
    assert fault_of(tmp_path, content[:300] + b"\x01" + content[301:]).fault is Fault.CORRUPT


def test_a_time_far_off_is_implausible(tmp_path: Path) -> None:
    assert fault_of(tmp_path, fit([record(0, 60), record(86_400 * 90, 60)])).fault is Fault.IMPLAUSIBLE


def test_without_the_library_it_says_what_to_install(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def absent(name: str) -> None:
        raise ModuleNotFoundError(name=name)

    monkeypatch.setattr(garmin_fit.importlib, "import_module", absent)
    fault = fault_of(tmp_path, fit([record(0, 60)]))
    assert (fault.fault, "sleeploop[garmin]" in fault.hint) == (Fault.NEEDS_EXTRA, True)


def test_other_binaries_are_not_claimed(tmp_path: Path) -> None:
    for head in (b"\x0e\x20\x54\x08\x00\x00\x00\x00.FIX", b"", b"\x00" * 20, b"text .FIT"):
        assert not READER.recognise(Glimpse(tmp_path, False, head, frozenset()))
