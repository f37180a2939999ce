"""Which EEG channel a night stands on, and what of it lies in the night: hand-made tables of channels."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np
import polars as pl
import pytest
from eeg_channels import LIGHTS_OUT_NS
from nights import FIRST, NOON, N

from pipeline.clock import EPOCH_NS, to_datetime
from pipeline.dataset.table import Column, Table
from pipeline.eeg_align import Channels
from pipeline.extract import NOTHING, Extracted
from pipeline.features.channel_night import ChannelNight
from pipeline.features.eeg_tables import EEG_CHANNELS, EEG_EPOCHS, SLOW_WAVES, SPINDLES
from pipeline.recording import Floats


def _plain(column: Column) -> object:
    """Null where a column may be, else something that says nothing."""
    if column.nullable:
        return None
    return {pl.String: "x", pl.Boolean: False, pl.Int64: 1}.get(column.dtype.base_type(), 0.0)


def row(table: Table, **values: object) -> dict[str, object]:
    return {**{c.name: _plain(c) for c in table.columns}, "participant": "P1", **values}


def part(recording: str, *channels: tuple[str, Floats], first: int = FIRST, **quality: object) -> Extracted:
    """A recording's channels by label, with the valid share of each epoch from the one named `first` on.

    Each channel has one slow wave and one spindle, 10 s into every epoch that is valid, in no order.
    """
    which = {"recording": recording}
    rows, epochs, waves, spindles = [], [], [], []
    for place, (label, valid) in enumerate(channels, 1):
        mine = {**which, "channel": label}
        rows.append(row(EEG_CHANNELS, **mine, place=place, **{"fs_hz": 100.0, **quality}))
        for k, share in reversed(list(enumerate(valid.tolist()))):
            ns = NOON + (first + k) * EPOCH_NS
            if not np.isnan(share):
                epochs.append(row(EEG_EPOCHS, **mine, start_utc=to_datetime(ns), eeg_valid=share, searched=True))
            if share > 0:
                event = {**mine, "onset_utc": to_datetime(ns + EPOCH_NS // 3)}
                waves.append(row(SLOW_WAVES, **event, preset="yasa", ptp_uv=100.0 * place))
                spindles.append(row(SPINDLES, **event, preset="yasa", frequency_hz=12.0 + place))
    return replace(
        NOTHING,
        eeg_channels=EEG_CHANNELS.frame(rows),
        eeg_epochs=EEG_EPOCHS.frame(epochs),
        slow_waves=SLOW_WAVES.frame(waves),
        spindles=SPINDLES.frame(spindles),
    )


def whole(*parts: Extracted) -> tuple[tuple[ChannelNight, ...], tuple[str, ...]]:
    return Channels(parts).of_night(NOON, N)


def names(found: tuple[ChannelNight, ...]) -> list[str]:
    return [f"{one.recording} {one.channel}" for one in found]


def share(value: float, n: int = 40) -> Floats:
    return np.full(n, value)


def test_the_first_by_place_comes_first_whatever_its_name() -> None:
    found, doubts = whole(part("r", ("Z9", share(1.0)), ("A1", share(1.0))))
    assert names(found) == ["r Z9", "r A1"]
    assert doubts == ()
    assert found[0].slow_waves["ptp_uv"].tolist() == [100.0] * 40
    assert found[1].slow_waves["ptp_uv"].tolist() == [200.0] * 40
    assert set(found[1].spindles["frequency_hz"]) == {14.0}


@pytest.mark.parametrize(("valid", "first"), [(0.50, "C3"), (0.49, "C4")])
def test_a_channel_with_less_than_half_of_the_best_does_not_come_first(valid: float, first: str) -> None:
    given = part("r", ("C3", share(valid)), ("C4", share(1.0)), ("F3", share(0.9)))
    found, _ = whole(given)
    assert found[0].channel == first
    assert sorted(one.channel for one in found) == ["C3", "C4", "F3"]


def test_the_first_that_is_good_enough_comes_first_not_the_best() -> None:
    found, _ = whole(part("r", ("C3", share(0.1)), ("C4", share(0.6)), ("F3", share(1.0))))
    assert names(found) == ["r C4", "r C3", "r F3"]


def test_channels_without_valid_eeg_are_left_out() -> None:
    found, _ = whole(part("r", ("C3", share(0.0)), ("C4", share(1.0)), ("F3", share(float("nan")))))
    assert names(found) == ["r C4"]
    assert whole(part("r", ("C3", share(0.0)))) == ((), ())
    assert whole() == ((), ())


def test_recordings_of_one_night_come_in_the_order_given_and_share_no_events() -> None:
    early, late = part("e", ("C3", share(1.0, 60))), part("l", ("C3", share(1.0, 100)), first=FIRST + 200)
    found, _ = whole(late, early)
    assert names(found) == ["l C3", "e C3"]
    assert [len(one.slow_waves) for one in found] == [100, 60]
    assert found[1].valid_min.sum() == pytest.approx(30.0)
    # A piece of less than half the other's EEG does not stand for the night, though it is trusted more.
    assert names(whole(part("e", ("C3", share(1.0, 49))), late)[0]) == ["l C3", "e C3"]
    assert names(whole(part("e", ("C3", share(1.0, 50))), late)[0]) == ["e C3", "l C3"]


def test_a_night_holds_what_begins_in_it() -> None:
    given = part("r", ("C3", share(1.0, 40)), first=N - 10)
    (found,), _ = whole(given)
    np.testing.assert_array_equal(np.flatnonzero(found.valid_min), np.arange(N - 10, N))
    assert len(found.slow_waves) == len(found.spindles) == 10
    (after,), _ = Channels([given]).of_night(NOON + N * EPOCH_NS, N)
    np.testing.assert_array_equal(np.flatnonzero(after.valid_min), np.arange(30))
    assert len(after.slow_waves) == 30
    assert Channels([given]).of_night(NOON - N * EPOCH_NS, N) == ((), ())


def test_epochs_and_events_stand_in_their_places_and_in_order() -> None:
    valid = np.where(np.arange(40) % 4 == 1, np.nan, 0.5 + np.arange(40) / 100)
    (found,), _ = whole(part("r", ("C3", valid)))
    np.testing.assert_allclose(found.columns["eeg_valid"][FIRST : FIRST + 40], valid)
    assert np.isnan(found.columns["eeg_valid"][:FIRST]).all()
    np.testing.assert_array_equal(found.searched[FIRST : FIRST + 40], np.isfinite(valid))
    assert not found.searched[FIRST + 40 :].any()
    at = found.epoch_of(found.slow_waves)
    np.testing.assert_array_equal(at, FIRST + np.flatnonzero(np.isfinite(valid)))
    inside = found.cut(LIGHTS_OUT_NS + 10 * EPOCH_NS, LIGHTS_OUT_NS + 20 * EPOCH_NS)
    np.testing.assert_allclose(inside.columns["eeg_valid"], valid[10:20])
    np.testing.assert_array_equal(inside.epoch_of(inside.slow_waves), np.flatnonzero(np.isfinite(valid[10:20])))


def test_doubts_are_those_of_the_channel_that_comes_first() -> None:
    loss: Any = {"high_pass": "present", "high_pass_hz": 0.5, "gain_staged": True, "gain": "low", "sd_uv": 3.0}
    doubtful = part("d", ("C3", share(1.0)), **loss)
    sound = part("s", ("C3", share(1.0)))
    assert whole(sound, doubtful)[1] == ()
    told = whole(doubtful, sound)[1]
    assert len(told) == 2
    assert told[0] == "a high-pass near 0.5 Hz is present, which takes slow waves away"
