"""Apple Health: sources that overlap, offsets of the export, beats without a date, a DTD that is broken, and names."""

from __future__ import annotations

import zipfile
from pathlib import Path

import numpy as np
import pytest
from handmade import SAMPLES
from handmade.apple_health import DTD, ME, PHONE, WATCH, asleep, beats, record, stamp, write_xml
from handmade.sample import T0_NS

from pipeline.clock import NS
from pipeline.devices import apple_health, is_bundle, read_export
from pipeline.devices.apple_health import READER
from pipeline.devices.reader import Asked, glimpse
from pipeline.errors import Fault, FileFault
from pipeline.recording import BeatSensor, ClockKind, Kind, Recording, Signal, Stage, StageSource, ZoneSource

ROME = Asked(zone="Europe/Rome")
W, L, D, R, S, U = Stage.WAKE, Stage.LIGHT, Stage.N3, Stage.REM, Stage.ASLEEP, Stage.UNSCORED
APP = 'sourceName="Sleeper"'
BPM = "count/min"


def read(folder: Path, *records: str, dtd: str = DTD, asked: Asked = ROME) -> Recording:
    reader, recording = read_export(write_xml(folder, *records, dtd=dtd), asked)
    assert reader is READER
    return recording


def only(recording: Recording, kind: Kind) -> Signal:
    (signal,) = recording.of(kind)
    return signal


def stages(recording: Recording) -> list[Stage]:
    assert recording.hypnogram is not None
    assert recording.hypnogram.source is StageSource.CONSUMER
    return [Stage(s) for s in recording.hypnogram.stages]


# ---- readings --------------------------------------------------------------------------------------------------------


def test_heart_rates_are_averaged_in_cells_and_gaps_are_missing(tmp_path: Path) -> None:
    rates = [record("HeartRate", s, s, v, BPM) for s, v in ((5, 60), (10, 64), (95, 70))]
    recording = read(tmp_path, *rates)
    heart = only(recording, Kind.HR)
    assert (heart.start_ns, heart.fs_hz) == (T0_NS, 1 / 30)
    assert heart.samples.tolist() == pytest.approx([62, np.nan, np.nan, 70], nan_ok=True)
    assert (recording.device, recording.clock) == ("Apple Watch", ClockKind.OFFSET)


def test_the_offset_is_the_instants(tmp_path: Path) -> None:
    one = record("HeartRate", 0, 0, 60, BPM)
    there = one.replace("2024-03-01 22:00:00 +0100", "2024-03-02 02:30:00 +0530")
    assert there != one
    assert only(read(tmp_path, there), Kind.HR).start_ns == T0_NS
    west = one.replace("2024-03-01 22:00:00 +0100", "2024-03-01 17:30:00 -0330")
    assert only(read(tmp_path, west), Kind.HR).start_ns == T0_NS


def test_a_watch_comes_before_a_phone_at_the_times_that_it_covers(tmp_path: Path) -> None:
    steps = [
        record("StepCount", 0, 60, 30, "count", PHONE),
        record("StepCount", 30, 90, 60, "count"),
        record("StepCount", 120, 180, 12, "count", PHONE),
    ]
    recording = read(tmp_path, *steps)
    # The watch's 60 steps from 0:30 to 1:30 fall half into each minute; the phone's first record overlaps them.
    assert only(recording, Kind.STEPS).samples.tolist() == [30.0, 30.0, 12.0]
    assert "steps: 1 records left out at times that a better source covers" in recording.repairs


def test_a_record_that_stands_there_twice_counts_once(tmp_path: Path) -> None:
    step = record("StepCount", 0, 60, 30, "count")
    nested = f'<Correlation type="x">{step}</Correlation>'
    assert only(read(tmp_path, step, step, nested), Kind.STEPS).samples.tolist() == [30.0]


def test_a_cell_mixes_no_sources(tmp_path: Path) -> None:
    rates = [record("HeartRate", 3, 3, 60, BPM), record("HeartRate", 20, 20, 90, BPM, APP)]
    assert only(read(tmp_path, *rates), Kind.HR).samples.tolist() == [60.0]


def test_oxygen_is_a_share_and_rates_by_the_second_are_by_the_minute(tmp_path: Path) -> None:
    recording = read(
        tmp_path, record("OxygenSaturation", 0, 0, 0.97, "%"), record("HeartRate", 0, 0, 1.5, "count/s"),
    )  # fmt: skip
    assert only(recording, Kind.SPO2).samples.tolist() == pytest.approx([97.0])
    assert only(recording, Kind.HR).samples.tolist() == [90.0]


def test_units_stamps_and_values_that_cannot_be_read_are_told(tmp_path: Path) -> None:
    good = record("HeartRate", 0, 0, 60, BPM)
    odd = [record("HeartRate", 30, 30, 60, "furlong"), good.replace(stamp(0), "yesterday"), good.replace('"60"', '"x"')]
    recording = read(tmp_path, good, *odd, record("RestingHeartRate", 0, 3600, 50, BPM))
    assert recording.kinds == {Kind.HR}
    assert set(recording.repairs) >= {
        "1 HR records without a value in a unit that is known left out",
        "2 HR records whose stamps or value cannot be read left out",
    }


# ---- variability and beats -------------------------------------------------------------------------------------------


def sdnn(inside: str, source: str = WATCH, begin: float = 0) -> str:
    return record("HeartRateVariabilitySDNN", begin, begin + 60, 48.5, "ms", source, inside)


ROWS = ((95, "{h}:00:01{m}94{p}"), (94, "{h}:00:02{m}58{p}"), (91, "{h}:00:03{m}24{p}"), (60, "{h}:00:09{m}24{p}"))


@pytest.mark.parametrize(
    ("hour", "mark", "half"),
    [("22", ".", ""), ("10", ",", "\u202fPM"), ("9", ".", " PM"), ("10", ",", " p. m."), ("03", ".", "")],
)
def test_beats_lie_in_their_record_whatever_their_hour_says(tmp_path: Path, hour: str, mark: str, half: str) -> None:
    rows = [(bpm, at.format(h=hour, m=mark, p=half)) for bpm, at in ROWS]
    recording = read(tmp_path, sdnn(beats(*rows)))
    assert only(recording, Kind.SDNN).samples.tolist() == [48.5]
    found = recording.beats
    assert found is not None
    assert ((found.end_ns - T0_NS) / NS).tolist() == pytest.approx([1.94, 2.58, 3.24, 9.24])
    # 0.64 s and 0.66 s are what 94 and 91 beats a minute allow; the first has none before it, the last a gap.
    assert found.rr_s.tolist() == pytest.approx([60 / 95, 0.64, 0.66, 1.0])
    assert (found.sensor, found.label) == (BeatSensor.PPG, "Apple Watch")


def test_parts_of_the_beats_do_not_show(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    seconds = (3.3, 1.0, 1.7, 2.5, 3.3, 3.9, 30.0)  # out of order, and one twice
    written = sdnn(beats(*((round(60 / 0.75), f"22:00:{s:05.2f}") for s in seconds)))
    whole = read(tmp_path, written).beats
    assert whole is not None
    assert ((whole.end_ns - T0_NS) / NS).tolist() == [1.0, 1.7, 2.5, 3.3, 3.9, 30.0]
    for many in (1, 2, 5):
        monkeypatch.setattr(apple_health, "_PART", many)
        parts = read(tmp_path, written).beats
        assert parts is not None
        assert (parts.end_ns.tolist(), parts.rr_s.tolist()) == (whole.end_ns.tolist(), whole.rr_s.tolist())


def test_a_beat_just_before_its_record_is_not_a_quarter_hour_later(tmp_path: Path) -> None:
    found = read(tmp_path, sdnn(beats((60, "21:59:59.50"), (60, "22:00:00.50")))).beats
    assert found is not None
    assert ((found.end_ns - T0_NS) / NS).tolist() == pytest.approx([-0.5, 0.5])


def test_variability_of_apps_is_not_read_because_they_write_other_measures_under_its_name(tmp_path: Path) -> None:
    recording = read(tmp_path, sdnn(beats((60, "22:00:01.00")), APP), record("HeartRate", 0, 0, 60, BPM))
    assert recording.kinds == {Kind.HR}


# ---- sleep -----------------------------------------------------------------------------------------------------------


def test_stages_are_what_the_watch_can_tell(tmp_path: Path) -> None:
    told = ("Awake", "AsleepCore", "AsleepDeep", "AsleepREM", "AsleepUnspecified", "Asleep")
    records = [asleep(name, 30 * k, 30 * k + 30) for k, name in enumerate(told)]
    assert stages(read(tmp_path, *records)) == [W, L, D, R, S, S]


def test_in_bed_is_rest_and_no_stage(tmp_path: Path) -> None:
    recording = read(tmp_path, asleep("InBed", 0, 28_800, PHONE))
    assert recording.kinds == {Kind.DIARY}
    (rest,) = recording.rests
    assert (rest.in_bed_ns, rest.out_bed_ns, rest.onset_ns) == (T0_NS, T0_NS + 28_800 * NS, None)


def test_a_night_mixes_no_sources_and_the_watch_comes_first(tmp_path: Path) -> None:
    app = [asleep("Asleep", -1800, 7200, APP), asleep("Asleep", 86_400, 86_460, APP)]
    recording = read(tmp_path, *app, asleep("AsleepCore", 0, 60), asleep("AsleepDeep", 600, 660))
    found = stages(recording)
    assert found[:2] == [L, L]
    assert found[20:22] == [D, D]
    assert found[-2:] == [S, S]
    assert found.count(S) == 2, "the app's other night is read, its account of the watch's night is not"
    assert "sleep: 1 records left out in nights that a better source covers" in recording.repairs


def test_a_value_of_sleep_that_is_not_known_is_refused(tmp_path: Path) -> None:
    with pytest.raises(FileFault) as fault:
        read(tmp_path, asleep("AsleepTwice", 0, 60))
    assert fault.value.fault is Fault.UNKNOWN_CODE


# ---- zone ------------------------------------------------------------------------------------------------------------


def zoned(second: float, *names: str) -> str:
    inside = "".join(f'<MetadataEntry key="HKTimeZone" value="{name}"/>' for name in names)
    return record("HeartRate", second, second, 60, BPM, more=inside)


def test_the_zone_that_records_agree_on_is_the_files(tmp_path: Path) -> None:
    recording = read(tmp_path, zoned(0, "Europe/Oslo"), zoned(30, "GMT+1"), asked=Asked())
    assert (recording.zone, recording.zone_source) == ("Europe/Oslo", ZoneSource.FILE)
    recording = read(tmp_path, zoned(0, "Europe/Oslo"), zoned(30, "Asia/Tokyo"))
    assert recording.zone == "Europe/Rome"
    assert "records name 2 zones" in recording.repairs[0]


# ---- the file --------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("name", ["export", "esportazione", "导出"])
def test_the_zip_is_read_in_every_language(tmp_path: Path, name: str) -> None:
    xml = write_xml(tmp_path, record("HeartRate", 0, 0, 60, BPM)).read_bytes()
    path = tmp_path / "export.zip"
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as out:
        out.writestr(f"apple_health_export/{name}_cda.xml", "<ClinicalDocument/>")
        out.writestr(f"apple_health_export/{name}.xml", xml)
        out.writestr("apple_health_export/workout-routes/route_1.gpx", "<gpx/>")
    reader, recording = read_export(path, ROME)
    assert reader is READER
    assert only(recording, Kind.HR).samples.tolist() == [60.0]


def test_a_broken_dtd_is_passed_over(tmp_path: Path) -> None:
    broken = DTD.replace("<!ELEMENT Record", "<!ELEMENT Record (#PCDATA) startDate CDATA #REQUIRED>\n<!ELEMENT Record")
    assert only(read(tmp_path, record("HeartRate", 0, 0, 60, BPM), dtd=broken), Kind.HR).samples.tolist() == [60.0]


def test_a_dtd_with_entities_is_hostile(tmp_path: Path) -> None:
    with pytest.raises(FileFault) as fault:
        read(tmp_path, dtd=DTD.replace("<!ELEMENT Record", '<!ENTITY a "aaaa"><!ELEMENT Record'))
    assert fault.value.fault is Fault.HOSTILE


def test_half_an_export_is_truncated(tmp_path: Path) -> None:
    path = write_xml(tmp_path, record("HeartRate", 0, 0, 60, BPM))
    whole = path.read_bytes()
    for size in (len(whole) // 4, len(whole) - 5):
        path.write_bytes(whole[:size])
        with pytest.raises(FileFault) as fault:
            read_export(path, ROME)
        assert fault.value.fault is Fault.TRUNCATED


def test_names_births_and_phones_never_leave_the_file(tmp_path: Path) -> None:
    recording = read(tmp_path, record("HeartRate", 0, 0, 60, BPM, PHONE), asleep("AsleepCore", 0, 60), sdnn(""))
    assert "1980" in ME
    for secret in ("Anna", "1980", "HKDevice"):
        assert secret not in str(recording)
    with pytest.raises(FileFault) as fault:
        read(tmp_path, record("HeartRate", 0, 0, 900, BPM))
    assert "Anna" not in str(fault.value)


def test_other_xml_is_not_claimed(tmp_path: Path) -> None:
    path = tmp_path / "export.xml"
    path.write_text('<?xml version="1.0"?><motionfile/>')
    assert not READER.recognise(glimpse(path))


def test_the_folder_of_an_unpacked_export_is_one_export(tmp_path: Path) -> None:
    whole = SAMPLES["apple_health"].write(tmp_path)
    folder = tmp_path / "apple_health_export"
    (folder / "workout-routes").mkdir(parents=True)
    (folder / "export.xml").write_bytes(whole.read_bytes())
    assert not is_bundle(folder), "a participant's folder may hold an export.xml among other exports"
    (folder / "export_cda.xml").write_text("<ClinicalDocument/>")
    assert is_bundle(folder)
    one, two = (read_export(path, ROME)[1] for path in (whole, folder))
    assert (one.kinds, one.span_ns, len(one.signals)) == (two.kinds, two.span_ns, len(two.signals))
