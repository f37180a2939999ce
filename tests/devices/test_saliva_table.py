"""Saliva tables: units to nmol/L, values below detection, long and wide, clocks, waking, one table for everybody."""

from __future__ import annotations

from datetime import datetime
from pathlib import Path

import numpy as np
import polars as pl
import pytest
from workbook import write_xlsx

from pipeline.clock import to_datetime
from pipeline.devices import claimant, read_export
from pipeline.devices.reader import Asked, DateOrder, glimpse
from pipeline.devices.saliva_table import READER
from pipeline.devices.saliva_units import column_of, in_canonical_unit, unit_of
from pipeline.errors import Fault, FileFault
from pipeline.recording import Recording, SalivaSample

ROME = Asked(zone="Europe/Rome")


def table(folder: Path, *rows: str, name: str = "saliva.csv", encoding: str = "utf-8") -> Path:
    path = folder / name
    path.write_bytes("".join(f"{row}\n" for row in rows).encode(encoding))
    return path


def read(path: Path, asked: Asked = ROME) -> Recording:
    assert READER.recognise(glimpse(path))
    return read_export(path, asked)[1]


def told(samples: tuple[SalivaSample, ...]) -> list[tuple[str, str, float, str]]:
    return [(s.series, s.occasion, round(s.value, 4), s.unit) for s in samples]


def refused(path: Path, asked: Asked = ROME) -> FileFault:
    with pytest.raises(FileFault) as fault:
        read_export(path, asked)
    return fault.value


# ---- units -----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("title", "cell", "nmol_l"),
    [
        ("cortisol (nmol/L)", "10", 10.0),
        ("Cortisol [µg/dl]", "0.5", 0.5 * 27.589),
        ("cort_ugdl", "0.5", 0.5 * 27.589),
        ("Kortisol ng/mL", "4", 4 * 2.7589),
        ("salivary cortisol (pg/ml)", "4000", 4 * 2.7589),
        ("cortisol pmol/L", "2500", 2.5),
        ("cortisol nmol L-1", "10", 10.0),
        ("Melatonin (pg/mL)", "10", 10 / 232.28),
        ("testosterone pg/mL", "100", 100 / 288.42),
    ],
)
def test_concentrations_become_nmol_l(tmp_path: Path, title: str, cell: str, nmol_l: float) -> None:
    (sample,) = read(table(tmp_path, f"sample,{title}", f"S0,{cell}")).saliva
    assert (sample.unit, sample.occasion) == ("nmol/L", "S0")
    assert sample.value == pytest.approx(nmol_l, rel=2e-4)


@pytest.mark.parametrize(
    ("unit", "cell", "units"), [("U/mL", "90", 90.0), ("U/L", "90000", 90.0), ("kU/l", "90", 90.0)]
)
def test_an_enzyme_keeps_its_activity(tmp_path: Path, unit: str, cell: str, units: float) -> None:
    (sample,) = read(table(tmp_path, f"sample,alpha-amylase ({unit})", f"S0,{cell}")).saliva
    assert (sample.analyte, sample.value, sample.unit) == ("alpha-amylase", pytest.approx(units), "U/mL")


def test_an_unknown_unit_is_refused_and_the_sidecar_names_it(tmp_path: Path) -> None:
    path = table(tmp_path, "sample,cortisol", "S0,0.5")
    fault = refused(path)
    assert fault.fault is Fault.UNKNOWN_UNIT
    assert '{"units": {"cortisol": "nmol/L"}}' in fault.hint
    (sample,) = read(path, Asked(zone="Europe/Rome", units={"cortisol": "ug/dL"})).saliva
    assert sample.value == pytest.approx(13.79, abs=0.01)
    assert refused(path, Asked(zone="Europe/Rome", units={"cortisol": "furlong"})).fault is Fault.UNKNOWN_UNIT
    assert refused(path, Asked(zone="Europe/Rome", units={"cortisol": "U/mL"})).fault is Fault.UNKNOWN_UNIT


def test_amylase_is_no_molar_concentration() -> None:
    assert in_canonical_unit("alpha-amylase", unit_of("nmol/L") or "") is None
    assert in_canonical_unit("iga", unit_of("ug/mL") or "") == (1000.0, "ng/mL")


def test_titles_of_results_are_no_columns_of_samples() -> None:
    assert column_of("cortisol_auc_g") is None
    assert column_of("cortisone") is not None
    assert column_of("corticosterone") is None


def test_a_value_no_saliva_holds_names_the_unit_as_the_likely_cause(tmp_path: Path) -> None:
    fault = refused(table(tmp_path, "sample,cortisol (ug/dL)", "S0,350"))
    assert (fault.fault, "unit" in fault.hint) == (Fault.IMPLAUSIBLE, True)


# ---- values ----------------------------------------------------------------------------------------------------------


def test_below_detection_is_the_limit_with_a_flag_and_empty_is_no_sample(tmp_path: Path) -> None:
    rows = ["S0,<0.1", "S1,", "S2,n.d.", "S3,0", "S4,-1", "S5,NA", "S6,> 80 nmol/L", "S7,=1+1"]
    recording = read(table(tmp_path, "sample,cortisol nmol/L", *rows))
    assert [(s.occasion, s.value, s.flag) for s in recording.saliva] == [
        ("S0", 0.1, "below the range: < 0.1"),
        ("S3", 0.0, ""),
        ("S6", 80.0, "above the range: > 80"),
    ]
    assert recording.repairs == ("3 cells hold no concentration (rows 4, 6, 9): no samples",)


def test_the_laboratory_s_flag_is_kept(tmp_path: Path) -> None:
    (sample,) = read(table(tmp_path, "sample,cortisol nmol/L,flag", "S0,<1,high CV")).saliva
    assert sample.flag == "below the range: < 1; high CV"


def test_a_german_table_of_windows(tmp_path: Path) -> None:
    rows = ["Proband;Datum;Uhrzeit;Erwachen;Probe;Kortisol (µg/dl)", "P1;02.03.2024;7.30;7.00;1;0,35"]
    (sample,) = read(table(tmp_path, *rows, encoding="cp1252")).saliva
    assert sample.value == pytest.approx(0.35 * 27.589, rel=1e-4)
    assert sample.time_ns is not None
    assert f"{to_datetime(sample.time_ns, 'Europe/Rome'):%Y-%m-%d %H:%M}" == "2024-03-02 07:30"
    assert sample.after_waking_min == 30.0


def test_a_last_line_without_an_end_may_be_cut(tmp_path: Path) -> None:
    path = table(tmp_path, "sample,cortisol nmol/L", "S0,1.5")
    path.write_text(path.read_text() + "S1,12.9")
    recording = read(path)
    assert [s.occasion for s in recording.saliva] == ["S0"]
    assert "no line end" in recording.repairs[0]


# ---- layouts ---------------------------------------------------------------------------------------------------------


def test_a_workbook_reads_as_its_csv_does_and_formulas_are_text(tmp_path: Path) -> None:
    rows = [
        ("date", "time", "sample", "cortisol (ug/dL)"),
        ("2024-03-02", "07:00:00", "S0", "0.5"),
        ("2024-03-02", "07:30:00", "=HYPERLINK(1)", "0.7"),
        ("2024-03-02", "07:45:00", "S2", "=1+1"),
    ]
    one = read(write_xlsx(tmp_path / "saliva.xlsx", rows))
    two = read(table(tmp_path, *(",".join(row) for row in rows)))
    assert one.saliva == two.saliva
    assert [sample.occasion for sample in one.saliva] == ["S0", "=HYPERLINK(1)"]


def test_a_row_a_value(tmp_path: Path) -> None:
    rows = ["sample,analyte,value,unit", "S0,cortisol,0.5,ug/dL", "S0,sAA,90,U/mL", "S1,cortisol,8,nmol/L"]
    assert told(read(table(tmp_path, *rows)).saliva) == [
        ("", "S0", 13.7946, "nmol/L"),
        ("", "S0", 90.0, "U/mL"),
        ("", "S1", 8.0, "nmol/L"),
    ]


def test_a_row_a_person_with_a_column_a_sample(tmp_path: Path) -> None:
    rows = ["id,day,cort_S1_nmol_l,cort_S2_nmol_l,time_S1,time_S2,date", "P1,1,5,9,07:00,07:30,2024-03-02"]
    recording = read(table(tmp_path, *rows))
    assert told(recording.saliva) == [("", "s1", 5.0, "nmol/L"), ("", "s2", 9.0, "nmol/L")]
    one, two = (s.time_ns or 0 for s in recording.saliva)
    assert two - one == 30 * 60 * 10**9


def test_titles_above_the_header_are_passed_over(tmp_path: Path) -> None:
    rows = ["Laboratory of Somewhere,,", "printed 2024-05-01,,", "sample,cortisol (nmol/L),", "S0,5,"]
    assert told(read(table(tmp_path, *rows)).saliva) == [("", "S0", 5.0, "nmol/L")]


def test_a_table_for_nonmem_is_read_once_the_sidecar_says_of_what(tmp_path: Path) -> None:
    path = table(tmp_path, "ID,TIME,DV,EVID,CMT", "1,0,.,1,1", "1,0,4.2,0,2", "1,10,5.1,0,2")
    fault = refused(path)
    assert (fault.fault, '"DV": "cortisol nmol/L"' in fault.hint) == (Fault.UNKNOWN_UNIT, True)
    units = {"DV": "cortisol nmol/L"}
    assert '"TIME": "min after waking"' in refused(path, Asked(zone="Europe/Rome", units=units)).hint
    asked = Asked(zone="Europe/Rome", units={**units, "TIME": "min"}, start=datetime(2024, 3, 1, 14))  # noqa: DTZ001
    samples = read(path, asked).saliva
    assert told(samples) == [("", "0 min", 4.2, "nmol/L"), ("", "10 min", 5.1, "nmol/L")]
    assert f"{to_datetime(samples[1].time_ns or 0, 'Europe/Rome'):%H:%M}" == "14:10"


def test_another_session_is_another_series_and_columns_that_do_not_part_are_none(tmp_path: Path) -> None:
    head = "condition,night,date,sample,cortisol (nmol/L)"
    rows = ["A,0,2024-03-02,S0,1", "A,0,2024-03-02,S1,2", "A,1,2024-03-03,S0,3"]
    assert [s.series for s in read(table(tmp_path, head, *rows)).saliva] == ["night 0", "night 0", "night 1"]


def test_days_of_a_series_bear_numbers_not_dates(tmp_path: Path) -> None:
    rows = ["2024-03-02,S0,1", "2024-03-03,S0,3"]
    found = read(table(tmp_path, "date,sample,cortisol (nmol/L)", *rows)).saliva
    assert [s.series for s in found] == ["day 1", "day 2"]


def test_one_sample_with_two_values_is_refused_and_a_repeated_row_is_told(tmp_path: Path) -> None:
    head = "sample,cortisol (nmol/L)"
    assert refused(table(tmp_path, head, "S0,1", "S0,2")).fault is Fault.DUPLICATE
    recording = read(table(tmp_path, head, "S0,1", "S0,1"))
    assert (len(recording.saliva), recording.repairs) == (1, ("1 rows repeat a sample: left out",))


# ---- time ------------------------------------------------------------------------------------------------------------


def test_minutes_since_waking_by_column_title_and_sidecar(tmp_path: Path) -> None:
    titled = table(tmp_path, "sample,minutes since awakening,cortisol nmol/L", "S0,0,1", "S1,-5,2")
    assert [s.after_waking_min for s in read(titled).saliva] == [0.0, -5.0]
    bare = table(tmp_path, "sample,time,cortisol nmol/L", "S0,0.0,1", "S1,17.0,2")
    assert refused(bare).fault is Fault.UNKNOWN_UNIT
    asked = Asked(zone="Europe/Rome", units={"time": "min after waking"})
    assert [(s.after_waking_min, s.time_ns) for s in read(bare, asked).saliva] == [(0.0, None), (17.0, None)]


def test_minutes_of_more_than_a_week_are_none(tmp_path: Path) -> None:
    (sample,) = read(table(tmp_path, "sample,minutes_after_waking,cortisol nmol/L", "S0,1e15,1")).saliva
    assert sample.after_waking_min is None


@pytest.mark.parametrize(
    ("clock", "wake", "after"),
    [("07:30", "07:00", 30.0), ("06:55", "07:00", -5.0), ("22:00", "07:00", 900.0), ("00:30", "07:00", 1050.0)],
)
def test_minutes_since_waking_from_two_clocks(tmp_path: Path, clock: str, wake: str, after: float) -> None:
    (sample,) = read(table(tmp_path, "sample,time,wake_time,cortisol nmol/L", f"S0,{clock},{wake},5")).saliva
    assert sample.after_waking_min == after


def test_waking_and_minutes_give_the_clock(tmp_path: Path) -> None:
    head = "date,wake_time,minutes_after_waking,sample,cortisol nmol/L"
    (sample,) = read(table(tmp_path, head, "2024-03-02,06:50,45,S3,5")).saliva
    assert f"{to_datetime(sample.time_ns or 0, 'Europe/Rome'):%Y-%m-%d %H:%M}" == "2024-03-02 07:35"


def test_a_bedtime_sample_after_midnight_is_of_the_next_day(tmp_path: Path) -> None:
    rows = ["2024-03-02,07:00,S0,9", "2024-03-02,23:00,S1,2", "2024-03-02,00:40,S2,1"]
    recording = read(table(tmp_path, "date,time,sample,cortisol nmol/L", *rows))
    clocks = [f"{to_datetime(s.time_ns or 0, 'Europe/Rome'):%d %H:%M}" for s in recording.saliva]
    assert clocks == ["02 07:00", "02 23:00", "03 00:40"]
    assert "past the midnight" in recording.repairs[0]


def test_the_clock_follows_its_zone_through_the_change(tmp_path: Path) -> None:
    rows = ["2024-03-30,22:00,S0,2", "2024-03-31,07:00,S1,9"]
    before, after = read(table(tmp_path, "date,time,sample,cortisol nmol/L", *rows)).saliva
    assert (after.time_ns or 0) - (before.time_ns or 0) == 8 * 3600 * 10**9


def test_a_stamp_with_its_offset_needs_no_zone_to_be_an_instant(tmp_path: Path) -> None:
    path = table(tmp_path, "sample,sample_time,cortisol nmol/L", "S0,2024-03-02T07:00:00+09:00,5")
    (sample,) = read(path).saliva
    assert f"{to_datetime(sample.time_ns or 0):%Y-%m-%d %H:%M}" == "2024-03-01 22:00"


def test_a_date_that_can_be_read_two_ways_is_asked_for(tmp_path: Path) -> None:
    path = table(tmp_path, "date,time,sample,cortisol nmol/L", "03/04/2024,07:00,S0,5")
    assert refused(path).fault is Fault.NO_START_TIME
    asked = Asked(zone="Europe/Rome", date_order=DateOrder.MONTH_FIRST)
    assert to_datetime(read(path, asked).saliva[0].time_ns or 0).month == 3


def test_an_impossible_clock_is_told_by_row_and_column(tmp_path: Path) -> None:
    rows = ["2024-03-02,25:10,S0,5", "2024-03-02,Jane said early,S1,6"]
    recording = read(table(tmp_path, "date,time,sample,cortisol nmol/L", *rows))
    assert [(s.time_ns, s.value) for s in recording.saliva] == [(None, 5.0), (None, 6.0)]
    assert recording.repairs == (
        "row 2, time = '25:10': not a 24-h time (HH:MM); no time",
        "row 3, time = text: not a 24-h time (HH:MM); no time",
    )


# ---- whose rows ------------------------------------------------------------------------------------------------------

EVERYBODY = ("subject,sample,cortisol (nmol/L)", "Anna,S0,1", "sub-P2,S0,2", "p2,S1,3", ",S2,4")


def test_only_the_participant_s_rows_are_read(tmp_path: Path) -> None:
    recording = read(table(tmp_path, *EVERYBODY), Asked(zone="Europe/Rome", participant="P2"))
    assert [s.value for s in recording.saliva] == [2.0, 3.0]
    assert recording.repairs == ("1 rows without an id: left out",)


@pytest.mark.parametrize("participant", [None, "P9"])
def test_nobody_s_rows_are_guessed_and_nobody_is_named(tmp_path: Path, participant: str | None) -> None:
    fault = refused(table(tmp_path, *EVERYBODY), Asked(zone="Europe/Rome", participant=participant))
    assert fault.fault is Fault.UNKNOWN_PARTICIPANT
    assert "Anna" not in str(fault)
    assert fault.hint


def test_a_table_of_one_person_needs_no_name(tmp_path: Path) -> None:
    assert len(read(table(tmp_path, EVERYBODY[0], "x,S0,1", "x,S1,2")).saliva) == 2


def test_results_of_saliva_are_no_samples(tmp_path: Path) -> None:
    path = table(tmp_path, "subject,saliva_feature,cortisol", "P1,auc_g,633.6", "P1,auc_i,16.8")
    with pytest.raises(FileFault) as fault:
        claimant(path)
    assert fault.value.fault is Fault.UNKNOWN_FORMAT


# ---- published tables ------------------------------------------------------------------------------------------------


@pytest.mark.realdata
def test_areas_under_published_awakening_curves_are_those_that_were_published(real_data: Path) -> None:
    """Values and times of 139 mornings at once: the area is the authors' own, computed by other software."""
    folder = real_data / "carwatch_car_hist" / "exports"
    golden = pl.read_csv(folder / "cortisol_features_cleaned.csv").filter(pl.col("saliva_feature") == "auc_g")
    compared = 0
    for (name,), nights in golden.group_by(["subject"], maintain_order=True):
        units = {"cortisol": "nmol/L", "time": "min after waking"}
        asked = Asked(zone="Europe/Berlin", participant=str(name), units=units)
        samples = read_export(folder / "cortisol_samples_cleaned.csv", asked)[1].saliva
        series = list(dict.fromkeys(s.series for s in samples))
        areas = []
        for one in series:
            own = sorted((s.after_waking_min or 0.0, s.value) for s in samples if s.series == one)
            times, values = np.array(own).T
            areas.append(float(np.trapezoid(values, times)))
        assert sorted(areas) == pytest.approx(sorted(nights["cortisol"].to_list()), rel=1e-9)
        compared += len(areas)
    assert compared > 130


@pytest.mark.realdata
def test_the_samples_of_a_published_stress_test(real_data: Path) -> None:
    units = {"DV": "cortisol nmol/L", "TIME": "min"}
    path = real_data / "tsst_osf_ecjy6" / "CortStressResponse.csv"
    people = [
        read_export(path, Asked(zone="America/Toronto", participant=f"{k}", units=units))[1] for k in range(1, 11)
    ]
    assert [len(person.saliva) for person in people] == [18] * 10
    assert people[0].saliva[1].value == 3.733
    assert (people[0].saliva[1].occasion, people[0].saliva[1].flag) == ("10 min", "")
