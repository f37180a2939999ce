"""What a model's probabilities say of a night: expected minutes, how sure, what too few of them give."""

from __future__ import annotations

import numpy as np
import pytest
from eeg_channels import night_with_density
from nights import stages

from pipeline.features.family import Filled, State
from pipeline.features.staging_night import FAMILY
from pipeline.recording import Floats

TEXT = "W10 2100 R50"
COLUMNS = ("p_wake", "p_n1", "p_n2", "p_n3", "p_rem")


def density(*rows: tuple[int, tuple[float, ...]]) -> dict[str, Floats]:
    """So many epochs with each five probabilities."""
    found = np.concatenate([np.tile(p, (n, 1)) for n, p in rows])
    return {name: found[:, k] for k, name in enumerate(COLUMNS)}


def filled(probabilities: dict[str, Floats], text: str = TEXT, **cut: bool) -> Filled:
    return FAMILY.compute(night_with_density(text, probabilities, **cut))


def number(found: Filled, name: str) -> float:
    value = found.values[name]
    assert isinstance(value, float)
    return value


def test_expected_minutes_are_the_sum_of_probabilities_not_of_the_likeliest() -> None:
    found = filled(density((120, (0.1, 0.05, 0.45, 0.3, 0.1)), (200, (0.0, 0.1, 0.6, 0.2, 0.1))))
    assert found.state is State.OK
    assert found.coverage == 1.0
    by_hand = {"wake": 12.0, "n1": 26.0, "n2": 174.0, "n3": 76.0, "rem": 32.0}
    for name, epochs in by_hand.items():
        assert number(found, f"model_{name}_min") == pytest.approx(epochs / 2)
        low, high = number(found, f"model_{name}_low95_min"), number(found, f"model_{name}_high95_min")
        assert 0.0 <= low < epochs / 2 < high <= 160.0
    assert number(found, "model_confidence") == pytest.approx((120 * 0.45 + 200 * 0.6) / 320)
    assert found.values.keys() == {c.name for c in FAMILY.columns}


def test_each_probability_counts_for_its_own_stage_and_certainty_has_no_interval() -> None:
    one = np.eye(5)
    rows = [(10 * (k + 1) + 34, tuple(one[k].tolist())) for k in range(5)]
    found = filled(density(*rows))
    for (n, _), name in zip(rows, ("wake", "n1", "n2", "n3", "rem"), strict=True):
        for part in ("", "low95_", "high95_"):
            assert number(found, f"model_{name}_{part}min") == pytest.approx(n / 2)
    assert number(found, "model_confidence") == 1.0


def test_only_the_sleep_window_counts() -> None:
    given = density((320, (0.0, 0.0, 1.0, 0.0, 0.0)), (500, (1.0, 0.0, 0.0, 0.0, 0.0)))
    found = filled(given)
    assert number(found, "model_n2_min") == pytest.approx(160.0)
    assert number(found, "model_wake_min") == 0.0


def test_two_hours_are_needed() -> None:
    sure = (0.0, 0.0, 1.0, 0.0, 0.0)
    nothing = (float("nan"),) * 5
    for n, state in ((239, State.INSUFFICIENT), (240, State.PARTIAL)):
        found = filled(density((n, sure), (320 - n, nothing)))
        assert found.state is state
        assert found.coverage == pytest.approx(n / 320)
        assert (found.values["model_n2_min"] is None) is (n == 239)
    assert found.reason == "only 75% of the sleep window could be staged"
    few = filled(density((100, sure), (220, nothing)))
    assert few.reason == "50 min of the sleep window could be staged by the model, 120 are needed"
    assert set(few.values.values()) == {None}


def test_an_epoch_of_which_one_probability_is_missing_is_not_staged() -> None:
    given = density((320, (0.0, 0.0, 1.0, 0.0, 0.0)))
    given["p_rem"] = np.where(np.arange(320) < 20, np.nan, given["p_rem"])
    found = filled(given)
    assert found.coverage == pytest.approx(300 / 320)
    assert number(found, "model_n2_min") == pytest.approx(150.0)


def test_a_cut_night_is_partial() -> None:
    found = filled(density((len(stages(TEXT)), (0.0, 0.0, 1.0, 0.0, 0.0))), end=True)
    assert found.state is State.PARTIAL
    assert found.reason == "the recording does not show the whole night"
