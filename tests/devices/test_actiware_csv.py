"""Actiware csv: languages, dialects, off-wrist and excluded epochs, intervals, presses, dates, the clock change."""

from __future__ import annotations

from datetime import datetime, timedelta
from pathlib import Path

import numpy as np
import pytest

from pipeline.clock import NS, to_datetime
from pipeline.devices import claimant
from pipeline.devices.actiware_csv import READER
from pipeline.devices.reader import Asked, DateOrder, glimpse
from pipeline.errors import Fault, FileFault
from pipeline.recording import CountsScale, Kind, Recording

ASKED = Asked(zone="Europe/Paris")
ENGLISH = [
    '"Actiware Export File  (Version 05.00 )"',
    '"Identity:","somebody"',
    '"----------------- Actiwatch Data Properties ----------------"',
    '"Actiwatch Type:","Actiwatch 2"',
    '"Time Zone Offset:","+01:00","hours:minutes"',
    '"Epoch Length:","30","seconds",""',
    '"-------------------- Epoch-by-Epoch Data -------------------"',
    '"Line","Date","Time","Activity","Marker","White Light","Sleep/Wake","Interval Status",',
    "",
]
GERMAN = [
    '"Actiware-Exportdatei (Version 05.00 )"',
    '"Identität:";"jemand"',
    '"----------------- Actiwatch-Dateneigenschaften ----------------"',
    '"Actiwatch-Typ:";"Spectrum PRO"',
    '"Zeitzonenverschiebung:";"+01:00";"Stunden:Minuten"',
    '"Epochenlänge:";"30";"Sekunden";""',
    '"------------------------ Statistiken ------------------------"',
    '"Intervalltyp";"Intervall Nr.";"Startdatum";"Startzeit";"Enddatum";"Endzeit";"Dauer";',
    '"RUHE";"1";"24.01.2020";"14:00:30";"24.01.2020";"14:02:00";"1,50";',
    '"Ruhe-Zusammenfassung";"n";"kZ";"kZ";"kZ";"kZ";"1";',
    '"-------------------- Daten nach Epochen -------------------"',
    '"Zeile";"Datum";"Zeit";"Status „Nicht am Handgelenk“";"Aktivität";"Markierung";"Weißes Licht";"Rotes Licht"',
    "",
]
FRENCH = [
    '"Fichier d\'exportation Actiware (Version 05.00)"',
    '"Identité :","quelqu\u2019un"',
    '"----------------- Propriétés des données Actiwatch ----------------"',
    '"Type d\'Actiwatch\u00a0:","Actiwatch 2"',
    '"Décalage du fuseau horaire :","+01:00","heures:minutes"',
    '"Longueur de la période :","60","secondes","(1 minute)"',
    '"------------------------ Statistiques ------------------------"',
    '"REPOS","1","4/02/2015","mer.","19:08:00","5/02/2015","jeu.","8:21:00","793.00",',
    '"SOMMEIL","1","4/02/2015","mer.","19:58:00","5/02/2015","jeu.","8:16:00","738.00",',
    '"-------------------- Données période par période -------------------"',
    '"Ligne","Secondes","Date","Heure","Activité","Marqueur","Lumière blanche","Statut de l\u2019intervalle",',
    "",
]


def write(folder: Path, lines: list[str], end: str = "\r\n", encoding: str = "utf-8-sig") -> Path:
    path = folder / "export.csv"
    path.write_bytes("".join(line + end for line in lines).encode(encoding))
    return path


def epochs(start: datetime, rows: list[tuple[str, str, str, str]], form: str = "%d/%m/%Y", step: int = 30) -> list[str]:
    """Rows of line, date, time, activity, marker, light, sleep/wake, interval."""
    out = []
    for k, (activity, marker, light, interval) in enumerate(rows):
        at = start + timedelta(seconds=step * k)
        cells = (k + 1, f"{at:{form}}", f"{at:%H:%M:%S}", activity, marker, light, "NaN", interval)
        out.append(",".join(f'"{cell}"' for cell in cells) + ",")
    return out


def plain(n: int) -> list[tuple[str, str, str, str]]:
    return [(str(k), "0", "1.00", "ACTIVE") for k in range(n)]


def read(path: Path, asked: Asked = ASKED) -> Recording:
    assert claimant(path) is READER
    return READER.read(path, asked)


def local(ns: int, zone: str = "Europe/Paris") -> str:
    return f"{to_datetime(ns, zone):%Y-%m-%d %H:%M:%S}"


@pytest.mark.parametrize("end", ["\r\n", "\n", "\r\r\n"])
def test_english_epochs_begin_at_their_stamps(tmp_path: Path, end: str) -> None:
    rows = epochs(datetime(2015, 1, 24, 9, 45), [("0", "0", "0.01", "ACTIVE"), ("9", "1", "20346.60", "ACTIVE")])  # noqa: DTZ001
    recording = read(write(tmp_path, [*ENGLISH, *rows], end))
    counts, light = recording.signals
    assert (counts.samples.tolist(), counts.scale, counts.fs_hz) == ([0.0, 9.0], CountsScale.ACTIWATCH, 1 / 30)
    assert light.samples.tolist() == pytest.approx([0.01, 20346.6])
    assert local(counts.start_ns) == "2015-01-24 09:45:00"
    assert [local(m.time_ns) for m in recording.markers] == ["2015-01-24 09:45:30"]
    assert recording.device == "Actiwatch 2"
    assert recording.repairs == ()


def test_german_with_semicolons_decimal_commas_and_kz(tmp_path: Path) -> None:
    rows = [
        '1;24.01.2020;14:00:00;0;307;0;"184,13";"2,35E+02"',
        "2;24.01.2020;14:00:30;1;kZ;kZ;kZ;kZ",
        "3;24.01.2020;14:01:00;0;253;1;6117,08;1,07E+04",
    ]
    recording = read(write(tmp_path, [*GERMAN, *rows]))
    counts, light = recording.signals
    assert counts.samples.tolist() == pytest.approx([307.0, np.nan, 253.0], nan_ok=True)
    assert light.samples.tolist() == pytest.approx([184.13, np.nan, 6117.08], nan_ok=True)
    assert local(counts.start_ns) == "2020-01-24 14:00:00"
    (rest,) = recording.rests
    assert (local(rest.in_bed_ns), local(rest.out_bed_ns)) == ("2020-01-24 14:00:30", "2020-01-24 14:02:00")
    assert rest.onset_ns is None
    assert recording.device == "Actiwatch Spectrum PRO"


@pytest.mark.parametrize("encoding", ["utf-8-sig", "cp1252"])
def test_french_with_accents_no_break_spaces_and_single_digit_hours(tmp_path: Path, encoding: str) -> None:
    rows = [
        '"1","0","4/02/2015","8:59:00","0","0","279.17","ACTIVITÉ",',
        '"2","60","4/02/2015","9:00:00","NAN","0","NAN","EXCLU",',
        '"3","120","4/02/2015","9:01:00","11","0","285.28","ACTIVITÉ",',
    ]
    recording = read(write(tmp_path, [*FRENCH, *rows], encoding=encoding))
    counts, _light = recording.signals
    assert counts.samples.tolist() == pytest.approx([0.0, np.nan, 11.0], nan_ok=True)
    assert local(counts.start_ns) == "2015-02-04 08:59:00"
    (rest,) = recording.rests
    assert local(rest.in_bed_ns) == "2015-02-04 19:08:00"
    assert rest.onset_ns is not None
    assert local(rest.onset_ns) == "2015-02-04 19:58:00"
    assert local(rest.out_bed_ns) == "2015-02-05 08:21:00"


def test_epochs_that_the_scorer_excluded_are_missing_in_everything(tmp_path: Path) -> None:
    rows = plain(4)
    rows[2] = ("500", "0", "7.00", "EXCLUDED")
    recording = read(write(tmp_path, [*ENGLISH, *epochs(datetime(2015, 1, 24, 9, 45), rows)]))  # noqa: DTZ001
    for signal in recording.signals:
        assert np.flatnonzero(np.isnan(signal.samples)).tolist() == [2]
    assert any("1 epochs" in note and "excluded" in note for note in recording.repairs)


def test_missing_rows_are_a_gap(tmp_path: Path) -> None:
    rows = epochs(datetime(2015, 1, 24, 9, 45), plain(10))  # noqa: DTZ001
    (counts, _) = read(write(tmp_path, [*ENGLISH, *rows[:3], *rows[6:]])).signals
    assert np.flatnonzero(np.isnan(counts.samples)).tolist() == [3, 4, 5]
    assert len(counts.samples) == 10


def test_the_rest_intervals_settle_the_order_of_day_and_month(tmp_path: Path) -> None:
    rest = '"REST","1","04/12/2015","22:00:00","04/13/2015","06:00:00","480.00",'
    rows = epochs(datetime(2015, 4, 12, 9, 45), plain(3), "%m/%d/%Y")  # noqa: DTZ001
    recording = read(write(tmp_path, [*ENGLISH[:-3], rest, *ENGLISH[-3:], *rows]))
    assert local(recording.signals[0].start_ns) == "2015-04-12 09:45:00"
    assert local(recording.rests[0].out_bed_ns) == "2015-04-13 06:00:00"


def test_an_ambiguous_date_is_asked_for(tmp_path: Path) -> None:
    path = write(tmp_path, [*ENGLISH, *epochs(datetime(2015, 4, 12, 9, 45), plain(3))])  # noqa: DTZ001
    with pytest.raises(FileFault) as fault:
        read(path)
    assert fault.value.fault is Fault.NO_START_TIME
    told = read(path, Asked(zone="Europe/Paris", date_order=DateOrder.DAY_FIRST))
    assert local(told.signals[0].start_ns) == "2015-04-12 09:45:00"


def test_the_watch_runs_on_through_the_clock_change(tmp_path: Path) -> None:
    rows = epochs(datetime(2015, 3, 28, 22, 0), plain(1200))  # noqa: DTZ001  ten hours, across 02:00 → 03:00
    (counts, _) = read(write(tmp_path, [*ENGLISH, *rows])).signals
    assert counts.end_ns - counts.start_ns == 10 * 3600 * NS
    assert local(counts.end_ns) == "2015-03-29 09:00:00"
    assert counts.coverage == 1.0


def test_an_offset_that_is_not_the_zones_is_told(tmp_path: Path) -> None:
    recording = read(write(tmp_path, [*ENGLISH, *epochs(datetime(2015, 7, 24, 9, 45), plain(3))]))  # noqa: DTZ001
    assert local(recording.signals[0].start_ns) == "2015-07-24 09:45:00"
    assert any("+01:00" in note for note in recording.repairs)


def test_a_button_press_in_the_list_alone_is_a_marker(tmp_path: Path) -> None:
    press = '"5","24/01/2015","09:47:00","Marker!","ACTIVE",'
    rows = epochs(datetime(2015, 1, 24, 9, 45), plain(9))  # noqa: DTZ001
    recording = read(write(tmp_path, [*ENGLISH[:-3], press, *ENGLISH[-3:], *rows]))
    assert [local(m.time_ns) for m in recording.markers] == ["2015-01-24 09:47:00"]


def test_a_header_that_says_another_epoch_length_is_refused(tmp_path: Path) -> None:
    path = write(tmp_path, [*ENGLISH, *epochs(datetime(2015, 1, 24, 9, 45), plain(5), step=60)])  # noqa: DTZ001
    with pytest.raises(FileFault) as fault:
        read(path)
    assert fault.value.fault is Fault.CORRUPT
    assert "header 30 s, stamps 60 s" in fault.value.known


def test_statistics_alone_and_unknown_languages_are_refused_with_the_way(tmp_path: Path) -> None:
    for lines in (ENGLISH[:-2], [*ENGLISH[:-2], '"Rad","Dato","Tid","Aktivitet",', '"1","24/01/2015","09:45:00","1",']):
        with pytest.raises(FileFault) as fault:
            read(write(tmp_path, lines))
        assert fault.value.fault is Fault.NOTHING_USABLE
        assert "Epoch-by-Epoch Data" in fault.value.hint


def test_a_column_of_words_is_damage(tmp_path: Path) -> None:
    rows = epochs(datetime(2015, 1, 24, 9, 45), [("several", "0", "1.00", "ACTIVE")] * 30)  # noqa: DTZ001
    with pytest.raises(FileFault) as fault:
        read(write(tmp_path, [*ENGLISH, *rows]))
    assert fault.value.fault is Fault.CORRUPT


@pytest.mark.parametrize("first", ["timestamp,activity", "Actical List Export File  (Version 03.00)", "Actiware", ""])
def test_other_first_lines_are_not_claimed(tmp_path: Path, first: str) -> None:
    assert not READER.recognise(glimpse(write(tmp_path, [first, "1,2,3"])))


@pytest.mark.realdata
def test_the_published_english_file_agrees_with_its_own_statistics(real_data: Path) -> None:
    path = real_data / "actigraphy_awd" / "test_sample_rpx_eng.csv"
    recording = read(path, Asked(zone="Europe/London"))
    counts, light = recording.signals
    assert (len(counts.samples), counts.coverage, counts.samples[:10].tolist()) == (20_160, 1.0, [0.0] * 9 + [9.0])
    # ACTIVE 1, 04/07/2015 09:45 to 21:05: exposure 3612273.00 lux-minutes, maximum 105545.10 lux. REST 1
    # to 06:57: 304.60 lux-minutes.
    active = light.samples[: (11 * 60 + 20) * 2].astype(float)
    rest = light.samples[(11 * 60 + 20) * 2 :][: 592 * 2].astype(float)
    assert active.sum() / 2 == pytest.approx(3_612_273, rel=1e-6)
    assert active.max() == pytest.approx(105_545.1)
    assert rest.sum() / 2 == pytest.approx(304.6, rel=0.005)  # it leaves out an epoch at the edge
    assert len(recording.rests) == 7
    first = recording.rests[0]
    assert (first.out_bed_ns - first.in_bed_ns) / NS / 60 == 592.0
    assert [local(m.time_ns, "Europe/London") for m in recording.markers] == ["2015-07-04 21:00:00"]


@pytest.mark.realdata
@pytest.mark.parametrize("folder", ["actigraphy_GGIR", "actigraphy_GGIRread"])
def test_the_published_dutch_file(real_data: Path, folder: str) -> None:
    recording = read(real_data / folder / "testfiles" / "Actiwatch.csv", Asked(zone="Europe/Amsterdam"))
    (counts,) = recording.signals
    # Its statistics exclude 06:00:00 to 09:19:15: 797 epochs of 15 s.
    assert np.flatnonzero(np.isfinite(counts.samples))[[0, -1]].tolist() == [797, 859]
    assert counts.samples[797:801].tolist() == [20.0, 105.0, 94.0, 88.0]
    assert recording.kinds == {Kind.COUNTS, Kind.DIARY, Kind.MARKERS}
    assert len(recording.rests) == 6
    assert any("40320" in note for note in recording.repairs)
