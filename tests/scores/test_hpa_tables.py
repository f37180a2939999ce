"""The index from stored tables: one estimate worked by hand, and what must hold whatever is missing."""

from __future__ import annotations

import math
from collections.abc import Sequence
from datetime import date, timedelta

import numpy as np
import polars as pl
import pytest

from pipeline.scores.hpa import SCORE, hpa
from pipeline.scores.latent import Factors, noise_variance, posterior
from pipeline.scores.norms import Device, loadings, norms, reference
from pipeline.scores.score import Estimate, Person, ScoreState

MAN = Person("sub-01", 30.0, "M")
FIRST = date(2024, 3, 4)
EEG = {"n3_pct": 12.4}
SLEEP = {"tst_min": 360.0, "se_pct": 80.0, "waso_min": 70.0}
HEART = {"noct_hr_bpm": 70.6, "noct_lnrmssd": 3.2, "hr_dip_pct": 18.0}
RHYTHM = {"is_hourly": 0.3, "ra": 0.75, "cosinor_amplitude_log": 1.2}


def tables(
    nights_n: int = 14,
    *,
    sleep: str = "actigraphy",
    heart: str = "ppg",
    night: dict[str, float] | None = None,
    day: dict[str, float] | None = None,
    whole: dict[str, float] | None = None,
) -> dict[str, pl.DataFrame]:
    """Tables in which every night holds the same values; a column that is not named does not exist."""
    dates = [FIRST + timedelta(days=n) for n in range(nights_n)]
    nights = pl.DataFrame({"night": dates, **{name: [value] * nights_n for name, value in (night or {}).items()}})
    nights = nights.with_columns(
        pl.lit(sleep).alias("sleep_source"), pl.lit("diary").alias("window_source"), pl.lit(heart).alias("heart_sensor")
    )
    days = pl.DataFrame({"day": dates, **{name: [value] * nights_n for name, value in (day or {}).items()}})
    rhythm = {name: [value] for name, value in (whole or {}).items()}
    people = pl.DataFrame({"first_night": dates[:1], "last_night": dates[-1:], "rhythm_days_n": [nights_n], **rhythm})
    return {"nights": nights, "days": days, "participants": people}


def reliability(found: Estimate) -> float:
    value = found.details["reliability"]
    assert value is not None
    return value


def width(found: Estimate) -> float:
    """Width of the 95 % interval in T, from the reliability, so that it exists without a number too."""
    return 2 * 19.59963984540054 * math.sqrt(1 - reliability(found))


def lacking(found: Estimate, feature: str) -> str:
    """The reasons for which a feature was not used, as one text."""
    return " | ".join(text for text in found.missing if text.startswith(f"{feature}:"))


def used(found: Estimate) -> set[str]:
    return {part.feature for part in found.contributions} - {"prior"}


def diagonal_posterior(parts: Sequence[tuple[float, float, float, float, float]]) -> tuple[float, float]:
    """(eta, variance) of features that share no domain: each is (z, L, tau, d², noise); no matrix is needed."""
    second = 1.0
    eta = variance = math.nan
    for _ in range(3):
        precision = [1 / (1 - big_l**2 + m + tau**2 * second) for _, big_l, tau, _, m in parts]
        variance = 1 / (1 + sum(p[1] ** 2 * q for p, q in zip(parts, precision, strict=True)))
        eta = variance * sum(p[1] * q * p[0] for p, q in zip(parts, precision, strict=True))
        second = eta**2 + variance
    return eta, variance


def test_estimate_of_three_features_worked_by_hand() -> None:
    # 14 nights count as 14 / (1 + .3/.85 · 13/14) = 10.5444 (lag-one correlation .15). z of the table's figures:
    # noct_hr, optical: (77.7 − 63.5)/7.1 = 2; n3_pct by hypnogram: −(4.4 − 20.4)/8 = 2; ra: −(.714 − .837)/.123 = 1.
    # Slopes unknown, or the figure recalled: s_norm .3, so noise = (1 − ICC)/ICC/10.5444 + .09.
    given = tables(sleep="hypnogram", night={"n3_pct": 4.4, "noct_hr_bpm": 77.7}, whole={"ra": 0.714})
    found = hpa(MAN, given)
    n = 14 / (1 + 0.3 / 0.85 * 13 / 14)
    eta, variance = diagonal_posterior(
        [
            (2.0, 0.30, 0.15, 0.40, 0.45 / 0.55 / n + 0.09),
            (1.0, 0.25, 0.15, 0.50, 0.65 / 0.35 / n + 0.09),
            (2.0, 0.25, 0.12, 0.50, 0.33 / 0.67 / n + 0.09),
        ]
    )
    assert reliability(found) == pytest.approx(1 - variance, abs=1e-12)
    assert found.estimate == pytest.approx(50 + 10 * eta, abs=1e-9)
    half = 10 * 1.959963984540054 * math.sqrt(variance)
    assert (found.low95, found.high95) == pytest.approx((50 + 10 * eta - half, 50 + 10 * eta + half), abs=1e-9)
    assert [part.z for part in found.contributions[1:]] == pytest.approx([2, 1, 2])
    assert found.details["equal_weights_t"] == pytest.approx(50 + 10 * 5 / 3)
    assert found.details["percentile"] == pytest.approx(50 * math.erfc(-eta / math.sqrt(2)))
    assert (found.window_start, found.window_end) == (FIRST, FIRST + timedelta(days=13))


def test_contributions_with_the_population_mean_sum_to_the_estimate() -> None:
    found = hpa(MAN, tables(night=SLEEP | HEART, day={"quiet_hr_rise_bpm": 20.0}, whole=RHYTHM))
    assert found.contributions[0].contribution == 50.0
    assert math.fsum(part.contribution for part in found.contributions) == pytest.approx(found.estimate, abs=1e-9)
    for part in found.contributions[1:]:
        assert part.contribution == pytest.approx((part.weight or 0) * (part.z or 0), abs=1e-12)
    domains = [value for name, value in found.details.items() if name.startswith("domain_") and value is not None]
    assert 50 + math.fsum(domains) == pytest.approx(found.estimate, abs=1e-9)


def test_nothing_known_is_the_population_and_insufficient() -> None:
    found = hpa(Person("sub-01"), {})
    assert found.state is ScoreState.INSUFFICIENT
    assert found.estimate is None
    assert reliability(found) == 0.0
    p = len(loadings())
    nothing = posterior(
        np.full((1, p), np.nan),
        np.full((1, p), np.nan),
        Factors(np.full(p, 0.3), np.full(p, 0.1), np.full(p, 0.2), np.zeros(p, dtype=np.int64)),
    )
    assert (nothing.mean[0], nothing.variance[0]) == (0.0, 1.0)


@pytest.mark.parametrize("part", ["EEG", "SLEEP", "HEART", "RHYTHM"])
def test_a_modality_that_drops_out_never_narrows(part: str) -> None:
    night = {"EEG": EEG, "SLEEP": SLEEP, "HEART": HEART}
    full = hpa(MAN, tables(sleep="hypnogram", night=EEG | SLEEP | HEART, whole=RHYTHM))
    kept: dict[str, float] = {}
    for name, values in night.items():
        kept |= {} if name == part else values
    less = hpa(MAN, tables(sleep="hypnogram", night=kept, whole={} if part == "RHYTHM" else RHYTHM))
    assert width(less) > width(full)


def test_more_nights_never_widen() -> None:
    widths = [width(hpa(MAN, tables(n, night=SLEEP | HEART, whole=RHYTHM))) for n in (1, 2, 3, 5, 7, 14, 28, 90)]
    assert widths == sorted(widths, reverse=True)
    assert widths[0] > widths[-1]


def test_a_nights_gap_is_not_a_zero() -> None:
    given = tables(night=HEART)
    holed = given | {
        "nights": given["nights"].with_columns(
            pl.when(pl.int_range(pl.len()) % 2 == 0).then(pl.col("noct_hr_bpm")).alias("noct_hr_bpm")
        )
    }
    part = {
        c.feature: c for c in hpa(MAN, holed | {"participants": tables(whole=RHYTHM)["participants"]}).contributions
    }
    assert part["noct_hr"].value == pytest.approx(70.6)
    assert part["noct_hr"].n == 7


def test_wrist_wearable_of_14_nights_has_the_published_reliability() -> None:
    # Every feature of the table's movement, heart and temperature streams; norms known with their slopes (.15).
    table = loadings()
    wrist = np.array([row.modality in {"acti", "hrv", "temp"} for row in table])
    domains = sorted({row.domain for row in table})
    factors = Factors(
        np.array([row.loading for row in table]),
        np.array([row.tau for row in table]),
        np.array([row.domain_share for row in table]),
        np.array([domains.index(row.domain) for row in table]),
    )
    icc = np.array([row.icc_night for row in table])
    noise = noise_variance(np.full(len(table), 14.0), icc, np.full(len(table), 0.15))[None, :]
    found = posterior(np.where(wrist, 0.0, np.nan)[None, :], noise, factors)
    assert 0.17 <= 1 - found.variance[0] <= 0.25


@pytest.mark.parametrize(
    ("night", "whole", "sleep"),
    [(EEG, {}, "hypnogram"), (HEART, {}, "actigraphy"), (SLEEP, RHYTHM, "actigraphy")],
    ids=["EEG", "heart", "movement"],
)
@pytest.mark.parametrize("nights_n", [14, 365])
def test_one_modality_is_never_ok(night: dict[str, float], whole: dict[str, float], sleep: str, nights_n: int) -> None:
    found = hpa(MAN, tables(nights_n, sleep=sleep, night=night, whole=whole))
    assert found.state in {ScoreState.INSUFFICIENT, ScoreState.LOW_INFORMATION}
    assert found.reasons


def test_one_night_of_everything_is_at_most_low_in_information() -> None:
    given = tables(1, sleep="hypnogram", night=EEG | SLEEP | HEART, day={"quiet_hr_rise_bpm": 20.0}, whole=RHYTHM)
    assert hpa(MAN, given).state in {ScoreState.INSUFFICIENT, ScoreState.LOW_INFORMATION}


def test_order_of_rows_and_columns_does_not_change_a_bit() -> None:
    given = tables(night=SLEEP | HEART, whole=RHYTHM)
    scatter = np.random.default_rng(2).normal(1, 0.1, given["nights"].height)
    given["nights"] = given["nights"].with_columns(
        (pl.col(name) * pl.Series(scatter)).alias(name) for name in (*SLEEP, *HEART)
    )
    turned = {name: f.sample(fraction=1.0, shuffle=True, seed=4).select(f.columns[::-1]) for name, f in given.items()}
    assert hpa(MAN, turned) == hpa(MAN, given) == hpa(MAN, given)


def test_age_and_sex_unknown_widen() -> None:
    # Age and sex slopes of the hypnogram figures are known; only the person's own age and sex are not. A recalled
    # figure has the larger error anyway, so the difference shows in the norm whose population is of one sex.
    given = tables(sleep="hypnogram", heart="ecg", night=EEG | SLEEP | HEART, whole=RHYTHM)
    known, unknown = hpa(MAN, given), hpa(Person("sub-01"), given)
    assert width(unknown) > width(known)
    here = reference("hr_dip", Device.ECG, MAN)
    there = reference("hr_dip", Device.ECG, Person("sub-01"))
    assert here is not None
    assert there is not None
    assert there.s_norm > here.s_norm


def test_an_age_slope_moves_the_norm() -> None:
    # Optical ln RMSSD: 3.58 at 32 years, −.12 per decade.
    young, old = (reference("noct_lnrmssd", Device.PPG, Person("p", age, "F")) for age in (32.0, 62.0))
    assert young is not None
    assert old is not None
    assert (young.mean, old.mean) == pytest.approx((3.58, 3.22))


def test_what_was_not_measured_is_named() -> None:
    found = hpa(MAN, tables(night=HEART, whole=RHYTHM))
    assert used(found) | {text.partition(":")[0] for text in found.missing} == {row.feature for row in loadings()}
    assert lacking(found, "n3_pct") == "n3_pct: not measured"
    assert lacking(found, "cort_slope") == "cort_slope: not measured"
    assert not lacking(found, "noct_hr")


def test_a_device_without_a_norm_is_named() -> None:
    # Deep sleep from anything but a hypnogram has no norm; nor has sleep time from an unnamed source.
    found = hpa(MAN, tables(sleep="someone's word", night=EEG | SLEEP | HEART, whole=RHYTHM))
    assert not used(found) & {"n3_pct", "tst_short", "se", "waso"}
    for feature in ("n3_pct", "tst_short", "se", "waso"):
        assert "no norm for this device" in lacking(found, feature)


def test_measured_without_a_published_figure_is_named_with_its_reason() -> None:
    found = hpa(MAN, tables(night=HEART | {"delta_ratio": 1.2}, whole=RHYTHM | {"sri": 80.0}))
    assert not used(found) & {"delta_ratio", "sri"}
    assert "no published population figure" in lacking(found, "delta_ratio")
    assert "21 points" in lacking(found, "sri")


def test_efficiency_of_an_actigraphic_window_is_left_out() -> None:
    # A window taken from the same movement that scores the sleep begins with sleep by construction.
    given = tables(night=SLEEP | HEART, whole=RHYTHM)
    given["nights"] = given["nights"].with_columns(pl.lit("actigraphy").alias("window_source"))
    found = hpa(MAN, given)
    assert "se" not in used(found)
    assert "window_source is actigraphy" in lacking(found, "se")
    assert "waso" in used(found)


def test_rhythm_without_the_days_it_stands_on_is_not_used() -> None:
    given = tables(night=SLEEP | HEART, whole=RHYTHM)
    given["participants"] = given["participants"].drop("rhythm_days_n")
    assert not used(hpa(MAN, given)) & {"is_", "ra", "cos_amp"}


def test_short_sleep_is_the_mean_of_nightly_shortfalls() -> None:
    # 300 and 540 min: shortfalls 120 and 0, mean 60; the mean night of 420 min would have none.
    given = tables(2, sleep="hypnogram", night=SLEEP | HEART | EEG, whole=RHYTHM)
    given["nights"] = given["nights"].with_columns(pl.Series("tst_min", [300.0, 540.0]))
    parts = {c.feature: c.value for c in hpa(MAN, given).contributions}
    assert parts["tst_short"] == pytest.approx(60.0)


def test_more_of_the_worse_never_lowers_the_estimate() -> None:
    base = SLEEP | HEART
    middle = hpa(MAN, tables(night=base, whole=RHYTHM)).estimate
    worse = {"tst_min": -30.0, "se_pct": -5.0, "waso_min": 20.0, "noct_hr_bpm": 5.0, "noct_lnrmssd": -0.2}
    assert middle is not None
    for name, step in worse.items():
        moved = hpa(MAN, tables(night=base | {name: base[name] + step}, whole=RHYTHM)).estimate
        assert moved is not None
        assert moved > middle, name


def test_slow_wave_power_loads_by_sex() -> None:
    row = next(row for row in loadings() if row.feature == "swa_log")
    assert row.of("M") == (0.30, 0.15)
    assert row.of("F") == (0.05, 0.20)
    assert row.of(None) == (0.20, 0.20)
    assert row.worse == -1


def test_shipped_tables_are_a_valid_model() -> None:
    for row in loadings():
        for sex in ("M", "F", None):
            assert row.of(sex)[0] ** 2 + row.domain_share < 1, row.feature
        assert 0 < row.icc_night <= 1
        assert row.tau > 0
        assert row.basis
        assert row.worse in {-1, 1}
        # What reads badly has no loading: awakening and reactivity carry nothing in either direction.
        if row.domain in {"awakening", "reactivity"}:
            assert row.loading == 0.0
    names = {row.feature for row in loadings()}
    assert {feature for feature, _ in norms()} <= names
    assert all(norm.sd_between > 0 and norm.source for norm in norms().values())


def test_a_person_far_from_every_norm_is_told_apart() -> None:
    far = hpa(MAN, tables(night=SLEEP | HEART | {"noct_hr_bpm": 110.0, "waso_min": 300.0}, whole=RHYTHM))
    assert (far.details["atypicality_p"] or 0.0) < 0.001
    assert any("check devices" in reason for reason in far.reasons)


def test_meaning_names_no_cortisol_measurement_and_no_diagnosis() -> None:
    assert "not a diagnosis" in SCORE.meaning
    assert "no cortisol was measured" in SCORE.meaning
