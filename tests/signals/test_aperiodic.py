"""The aperiodic exponent: exact power laws, rhythms on top, noise of a spectrum's own scatter, gain, gaps."""

from __future__ import annotations

import numpy as np
import pytest

from pipeline.signals.aperiodic import aperiodic_exponent
from pipeline.signals.multitaper import FREQS_HZ


@pytest.mark.parametrize("beta", [0.0, 0.5, 1.0, 2.0, 3.5])
def test_a_power_law_gives_its_exponent(beta: float) -> None:
    assert aperiodic_exponent(7.0 * FREQS_HZ[None, :] ** -beta, FREQS_HZ)[0] == pytest.approx(beta, abs=1e-9)


@pytest.mark.parametrize("beta", [1.0, 2.0, 3.0])
def test_rhythms_do_not_lift_it(beta: float) -> None:
    rng = np.random.default_rng(0)
    background = FREQS_HZ**-beta * rng.gamma(24, 1 / 24, (400, len(FREQS_HZ)))
    spindles = 1 + 8 * np.exp(-(((FREQS_HZ - 13) / 0.8) ** 2) / 2) + 3 * np.exp(-(((FREQS_HZ - 9.5) / 0.8) ** 2) / 2)
    found = aperiodic_exponent(background * spindles, FREQS_HZ)
    assert found.mean() == pytest.approx(beta, abs=0.03)
    assert found.std() < 0.1
    straight = np.polyfit(np.log(FREQS_HZ[3:]), np.log(background * spindles)[:, 3:].T, 1)[0]
    assert abs(-straight.mean() - beta) > 0.05  # what an ordinary line would have answered


def test_gain_does_not_move_it_and_slow_waves_do_not_reach_it() -> None:
    psd = np.random.default_rng(1).gamma(24, 1 / 24, (5, len(FREQS_HZ))) / FREQS_HZ
    found = aperiodic_exponent(psd, FREQS_HZ)
    np.testing.assert_allclose(aperiodic_exponent(100 * psd, FREQS_HZ), found, rtol=1e-9)
    psd[:, FREQS_HZ < 2] *= 50
    np.testing.assert_allclose(aperiodic_exponent(psd, FREQS_HZ), found, rtol=1e-12)


def test_missing_bins_are_left_and_too_few_give_none() -> None:
    psd = np.tile(FREQS_HZ**-2.0, (3, 1))
    psd[0, 20:] = np.nan
    psd[1, 12:] = np.nan
    psd[2] = np.nan
    found = aperiodic_exponent(psd, FREQS_HZ)
    assert found[0] == pytest.approx(2.0)
    assert np.isnan(found[1:]).all()
    assert aperiodic_exponent(np.empty((0, 60)), FREQS_HZ).shape == (0,)
