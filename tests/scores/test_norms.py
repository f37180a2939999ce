"""The published figures: the tables hold together, and a person is held against the right row of them."""

from __future__ import annotations

import csv
import hashlib
import math
from datetime import date

import numpy as np
import polars as pl
import pytest

from pipeline.scores import norms
from pipeline.scores.norms import Device, Status, Transform, loadings, reference, stand_ins, tables_hash
from pipeline.scores.score import Person
from pipeline.scores.window_mean import NO_DATE, WindowMean, left_out, window, window_means

BY_NAME = {row.feature: row for row in loadings()}
WOMAN, MAN = Person("a", 45.0, "F"), Person("b", 30.0, "M")


def test_every_loading_is_possible():
    assert len(BY_NAME) == len(loadings()) == 33
    for row in loadings():
        for sex in (None, "F", "M"):
            loading, tau = row.of(sex)
            assert loading**2 + row.domain_share < 1
            assert tau > 0
        assert 0 < row.icc_night <= 1
        assert row.worse in (-1, 1)
        assert row.min_nights >= 1
        assert row.grade in "ABCD"
        assert row.basis


def test_a_feature_has_either_a_norm_or_the_reason_why_not():
    normed = {feature for feature, _ in norms.norms()}
    for row in loadings():
        assert (row.feature in normed) == bool(row.column and not row.no_norm), row.feature


def test_every_norm_says_where_it_comes_from():
    for row in norms.norms().values():
        assert row.sd_between > 0
        assert row.source
        assert row.population
        assert row.confidence in ("high", "medium", "low")
        # A slope needs the age at which the mean holds.
        assert row.beta_age_per_decade in (None, 0) or row.age_ref_y is not None


def test_no_key_stands_twice_in_a_table():
    for path, keys in (
        (norms.LOADINGS_CSV, ["feature"]),
        (norms.NORMS_CSV, ["feature", "device"]),
        (norms.STAND_INS_CSV, ["feature", "device"]),
    ):
        with path.open(encoding="utf-8", newline="") as lines:
            found = [tuple(row[key] for key in keys) for row in csv.DictReader(lines)]
        assert len(found) == len(set(found))


def test_stand_ins_point_at_norms_and_cost_what_was_announced():
    for (feature, _), (other, s_norm) in stand_ins().items():
        assert (feature, other) in norms.norms()
        assert 0.30 <= s_norm <= 0.50


def test_shortfall_norms_follow_from_the_sleep_times_they_name():
    # Nightly TST normal with mean m, between SD b, within SD w: E max(0, 420 − TST) by quadrature over persons.
    grid, weight = np.polynomial.hermite_e.hermegauss(60)
    weight = weight / weight.sum()
    cdf = np.vectorize(lambda z: 0.5 * (1 + math.erf(z / math.sqrt(2))))
    for device, m, b, w in (
        (Device.WEARABLE, 398.9, 41.1, 76.8),
        (Device.PSG, 395.0, 40.0, 40 * math.sqrt(0.78 / 0.22)),
    ):
        z = (420 - (m + b * grid)) / w
        shortfall = w * (z * cdf(z) + np.exp(-(z**2) / 2) / math.sqrt(2 * math.pi))
        mean = weight @ shortfall
        row = norms.norms()[("tst_short", device)]
        assert row.mean == pytest.approx(mean, abs=0.06)
        assert row.sd_between == pytest.approx(math.sqrt(weight @ (shortfall - mean) ** 2), abs=0.06)
        # d E / d mean = −P(TST < 420), times −10.1 min a decade.
        assert row.beta_age_per_decade == pytest.approx(10.1 * float(weight @ cdf(z)), abs=0.06)


def test_age_and_sex_move_the_mean_by_hand():
    # Efficiency by polysomnography: 85.7 at 45 y, −2.1 a decade.
    assert reference("se", Device.PSG, WOMAN).mean == pytest.approx(85.7)
    assert reference("se", Device.PSG, Person("c", 65.0, "M")).mean == pytest.approx(85.7 - 4.2)
    assert reference("se", Device.PSG, Person("c", None, "M")).mean == pytest.approx(85.7)


def test_a_known_sex_slope_moves_women_only(monkeypatch):
    from dataclasses import replace

    row = replace(norms.norms()[("se", Device.PSG)], beta_sex_f=1.5, status=Status.FOUND)
    monkeypatch.setattr(norms, "norms", lambda: {("se", Device.PSG): row})
    assert reference("se", Device.PSG, WOMAN).mean == pytest.approx(87.2)
    assert reference("se", Device.PSG, Person("b", 45.0, "M")).mean == pytest.approx(85.7)
    # All slopes found, age and sex known: the smallest error there is.
    assert reference("se", Device.PSG, WOMAN).s_norm == 0.15
    assert reference("se", Device.PSG, Person("b", 45.0, None)).s_norm == 0.30
    assert reference("se", Device.PSG, Person("b", None, "F")).s_norm == 0.30


@pytest.mark.parametrize(
    ("feature", "device", "person", "mean", "s_norm"),
    [
        ("n3_pct", Device.PSG, WOMAN, 20.4, 0.30),  # recalled
        ("ra", Device.ACTIGRAPHY, WOMAN, 0.837, 0.30),  # slopes unknown
        ("ra", Device.ACTIGRAPHY, Person("c", 75.0, "F"), 0.837, 0.50),  # older than anyone measured
        ("cos_amp", Device.ACTIGRAPHY, WOMAN, 1.431, 0.50),  # another maker's counts
        ("se", Device.ACTIGRAPHY, WOMAN, 85.7, 0.50),  # the laboratory stands in
        ("waso", Device.ACTIGRAPHY, WOMAN, 48.0, 0.50),
        ("noct_hr", Device.PPG, WOMAN, 63.5, 0.30),
        ("noct_hr", Device.ECG, MAN, 59.5, 0.30),  # his own norm: men of 20 to 40
        ("noct_hr", Device.ECG, WOMAN, 63.5, 0.30),  # not hers: the mixed population stands in
        ("noct_hr", Device.ECG, Person("c", None, None), 63.5, 0.30),
        ("noct_hr", Device.UNKNOWN, WOMAN, 63.5, 0.30),
        ("noct_lnrmssd", Device.UNKNOWN, Person("c", 30.0, "F"), 3.77, 0.50),
        ("noct_lnrmssd", Device.ECG, Person("c", 47.0, "M"), 3.96 - 0.24, 0.50),  # no stand-in: outside
        ("hr_dip", Device.PPG, MAN, 25.7, 0.50),
        ("hr_dip", Device.ECG, WOMAN, 25.7, 0.50),
    ],
)
def test_the_norm_and_its_error_for_a_person(feature, device, person, mean, s_norm):
    found = reference(feature, device, person)
    assert found.mean == pytest.approx(mean)
    assert found.s_norm == s_norm


def test_no_norm_is_none():
    assert reference("n3_pct", Device.ACTIGRAPHY, WOMAN) is None
    assert reference("se", Device.UNKNOWN, WOMAN) is None
    assert reference("sri", Device.ACTIGRAPHY, WOMAN) is None


def test_slow_wave_loadings_depend_on_sex():
    assert BY_NAME["swa_log"].of("M") == (0.30, 0.15)
    assert BY_NAME["swa_log"].of("F") == (0.05, 0.20)
    assert BY_NAME["swa_log"].of(None) == (0.20, 0.20)
    assert BY_NAME["se"].of("F") == BY_NAME["se"].of("M") == (0.30, 0.12)


def test_the_hash_is_that_of_the_bytes_of_the_tables():
    content = b"".join(p.read_bytes() for p in (norms.LOADINGS_CSV, norms.NORMS_CSV, norms.STAND_INS_CSV))
    assert tables_hash() == hashlib.sha256(content).hexdigest()[:12]


def test_window_mean_skips_nulls_and_keeps_zeros():
    nights = pl.DataFrame({"hr_dip_pct": [10.0, None, 0.0], "heart_sensor": ["ecg", "ecg", "ecg"]})
    assert window_means(BY_NAME["hr_dip"], {"nights": nights}) == (WindowMean(5.0, 2, Device.ECG),)


def test_shortfall_is_taken_night_by_night():
    # 360 and 500 min: shortfalls 60 and 0, mean 30; the mean night of 430 min would have none.
    nights = pl.DataFrame({"tst_min": [360.0, 500.0], "sleep_source": ["hypnogram", "hypnogram"]})
    assert BY_NAME["tst_short"].transform is Transform.SHORTFALL_BELOW_420_MIN
    assert window_means(BY_NAME["tst_short"], {"nights": nights})[0].value == 30.0


def test_devices_are_kept_apart_most_nights_first():
    nights = pl.DataFrame(
        {
            "waso_min": [30.0, 60.0, 70.0, 50.0],
            "sleep_source": ["hypnogram", "actigraphy", "actigraphy", None],
        }
    )
    assert window_means(BY_NAME["waso"], {"nights": nights}) == (
        WindowMean(65.0, 2, Device.ACTIGRAPHY),
        WindowMean(30.0, 1, Device.PSG),
        WindowMean(50.0, 1, Device.UNKNOWN),
    )


def test_nights_that_mean_something_else_are_left_out_and_counted():
    nights = pl.DataFrame(
        {
            "se_pct": [80.0, 90.0, 95.0, None],
            "sleep_source": ["actigraphy"] * 4,
            "window_source": ["diary", None, "actigraphy", "actigraphy"],
        }
    )
    assert window_means(BY_NAME["se"], {"nights": nights}) == (WindowMean(85.0, 2, Device.ACTIGRAPHY),)
    assert left_out(BY_NAME["se"], {"nights": nights}) == 1
    assert left_out(BY_NAME["waso"], {"nights": nights}) == 0


def test_rhythm_stands_on_its_days_or_is_not_used():
    known = pl.DataFrame({"ra": [0.8], "rhythm_days_n": [9]})
    assert window_means(BY_NAME["ra"], {"participants": known}) == (WindowMean(0.8, 9, Device.ACTIGRAPHY),)
    for frame in (known.drop("rhythm_days_n"), known.with_columns(rhythm_days_n=None), known.clear()):
        assert window_means(BY_NAME["ra"], {"participants": frame}) == ()


def test_window_is_of_nights_else_days_else_the_participant():
    nights = pl.DataFrame({"night": [date(2024, 3, 9), date(2024, 3, 1)]})
    days = pl.DataFrame({"day": [date(2024, 2, 1)]})
    whole = pl.DataFrame({"first_night": [date(2024, 1, 1)], "last_night": [date(2024, 1, 5)]})
    assert window({"nights": nights, "days": days}) == (date(2024, 3, 1), date(2024, 3, 9))
    assert window({"nights": nights.clear(), "days": days}) == (date(2024, 2, 1), date(2024, 2, 1))
    assert window({"participants": whole}) == (date(2024, 1, 1), date(2024, 1, 5))
    assert window({}) == (NO_DATE, NO_DATE)
