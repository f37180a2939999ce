"""The closed forms of the loop: eigenvalues, threshold, stationary law, priors."""

from __future__ import annotations

import csv

import numpy as np
import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from pipeline.scores.loop_model import (
    PRIOR_TABLE,
    amplification,
    half_life_d,
    innovation_variances,
    loop_priors,
    spectral_radius,
    stationary_covariance,
    steady_gain,
)

carry_over = st.floats(0.0, 0.99)
any_carry_over = st.floats(-0.99, 0.99)
path = st.floats(-1.5, 1.5)


def day_map(phi_a: float, phi_b: float, b: float, c: float) -> np.ndarray:
    """The matrix M of one day."""
    return np.array([[phi_a, b], [c * phi_a, phi_b + c * b]])


@given(any_carry_over, any_carry_over, path, path)
def test_spectral_radius_is_the_largest_eigenvalue_modulus(phi_a, phi_b, b, c):
    expected = np.abs(np.linalg.eigvals(day_map(phi_a, phi_b, b, c))).max()
    # A double eigenvalue is only determined to the square root of the rounding error.
    np.testing.assert_allclose(spectral_radius(*map(np.float64, (phi_a, phi_b, b, c))), expected, atol=1e-7)


@given(carry_over, carry_over, st.floats(0.0, 1.5), st.floats(0.0, 1.5))
def test_a_loop_sustains_itself_exactly_where_its_gain_fills_the_room(phi_a, phi_b, b, c):
    room = (1.0 - phi_a) * (1.0 - phi_b)
    assume(abs(b * c - room) > 1e-9)
    radius = np.abs(np.linalg.eigvals(day_map(phi_a, phi_b, b, c))).max()
    values = tuple(map(np.float64, (phi_a, phi_b, b, c)))
    assert (spectral_radius(*values) >= 1.0) == (b * c >= room)
    assert (steady_gain(*values) >= 1.0) == (b * c >= room)
    assert (radius >= 1.0) == (b * c >= room)


def test_two_protective_paths_have_the_same_eigenvalues_as_two_harmful_ones():
    harmful = spectral_radius(*map(np.float64, (0.2, 0.1, 0.6, 0.5)))
    protective = spectral_radius(*map(np.float64, (0.2, 0.1, -0.6, -0.5)))
    assert harmful == protective


def test_quantities_worked_by_hand():
    # phi_a = .2, phi_b = .1, b = .6, c = .5: trace .6, determinant .02, l = .3 ± √.07
    values = tuple(map(np.float64, (0.2, 0.1, 0.6, 0.5)))
    assert spectral_radius(*values) == pytest.approx(0.3 + 0.07**0.5, abs=1e-15)
    assert steady_gain(*values) == pytest.approx(0.3 / 0.72, abs=1e-15)
    assert amplification(np.float64(0.5)) == 2.0
    assert half_life_d(np.float64(0.5)) == pytest.approx(1.0, abs=1e-15)


def test_undefined_quantities_are_nan_or_infinite_not_zero():
    assert np.isnan(steady_gain(*map(np.float64, (1.0, 0.1, 0.1, 0.1))))
    assert np.isnan(amplification(np.float64(1.0)))
    assert half_life_d(np.float64(1.0)) == np.inf
    assert half_life_d(np.float64(0.0)) == 0.0


def test_steady_gain_is_the_response_to_a_lasting_stressor():
    # A constant push of 1 on A each day: without the loop A rests at 1 / (1 − phi_a), with it 1 / (1 − G) higher.
    phi_a, phi_b, b, c = 0.3, 0.1, 0.4, 0.5
    a = night = 0.0
    for _ in range(500):
        a = phi_a * a + b * night + 1.0
        night = phi_b * night + c * a
    gain = steady_gain(*map(np.float64, (phi_a, phi_b, b, c)))
    assert a * (1.0 - phi_a) == pytest.approx(float(amplification(gain)), rel=1e-12)


@given(st.floats(-0.7, 0.7), st.floats(-0.7, 0.7), st.floats(-0.5, 0.5), st.floats(-0.5, 0.5))
def test_the_stationary_covariance_reproduces_itself_over_a_day(phi_a, phi_b, b, c):
    matrix = day_map(phi_a, phi_b, b, c)
    assume(np.abs(np.linalg.eigvals(matrix)).max() < 0.97)
    q_a, q_b = 0.7, 0.4
    aa, ab, bb = stationary_covariance(*map(np.float64, (phi_a, phi_b, b, c, q_a, q_b)))
    law = np.array([[aa, ab], [ab, bb]])
    noise = np.array([[q_a, c * q_a], [c * q_a, c * c * q_a + q_b]])
    np.testing.assert_allclose(matrix @ law @ matrix.T + noise, law, rtol=1e-8, atol=1e-9)


def test_innovations_give_back_the_variances_asked_for():
    paths = tuple(map(np.float64, (0.2, 0.05, 0.37, 0.37)))
    q_a, q_b = innovation_variances(*paths, np.float64(0.65), np.float64(0.70))
    var_a, _, var_b = stationary_covariance(*paths, q_a, q_b)
    assert (float(var_a), float(var_b)) == pytest.approx((0.65, 0.70), abs=1e-12)


def test_priors_are_the_published_table():
    priors = loop_priors()
    assert priors.paths == (0.20, 0.05, 0.12, 0.10)
    assert priors.sds == (0.25, 0.20, 0.30, 0.30, 0.40, 0.40)
    assert (priors.day.value, priors.night.value) == (0.65, 0.70)
    assert priors.day.low < priors.day.value < priors.day.high
    assert priors.night.low < priors.night.value < priors.night.high


def test_every_prior_states_its_evidence():
    with PRIOR_TABLE.open(encoding="utf-8", newline="") as file:
        rows = list(csv.DictReader(file))
    assert len(rows) == 7
    assert all(len(row["evidence"]) > 20 and row["meaning"] for row in rows)


def test_prior_innovations_give_the_assumed_reliable_variance():
    priors = loop_priors()
    phi_a, phi_b, b, c, log_qa, log_qb = priors.means(np.array([0.65]), np.array([0.70]))[0]
    var_a, _, var_b = stationary_covariance(phi_a, phi_b, b, c, np.exp(log_qa), np.exp(log_qb))
    assert (float(var_a), float(var_b)) == pytest.approx((0.65, 0.70), abs=1e-12)
