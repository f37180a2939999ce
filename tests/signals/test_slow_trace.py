"""Block means by hand; nothing crosses a gap."""

from __future__ import annotations

import numpy as np

from pipeline.signals.slow_trace import slow_trace


def test_means_by_hand() -> None:
    x = np.arange(47, dtype=np.float32)
    x[12] = np.nan
    valid = np.ones(47, np.bool_)
    valid[12] = False
    valid[29:31] = False
    trace = slow_trace(x, valid, 100.0)
    assert (trace.size, trace.fs_hz) == (10, 10.0)
    assert trace.whole.tolist() == [True, False, False, False]
    assert trace.x_uv[0] == 4.5
    whole = slow_trace(np.arange(47, dtype=np.float32), np.ones(47, np.bool_), 100.0)
    assert whole.x_uv.tolist() == [4.5, 14.5, 24.5, 34.5]


def test_slow_rates_keep_their_samples() -> None:
    x = np.array([3.0, 1.0, 2.0], np.float32)
    trace = slow_trace(x, np.ones(3, np.bool_), 8.0)
    assert trace.x_uv.tolist() == [3.0, 1.0, 2.0]
    assert trace.fs_hz == 8.0


def test_windows_end_at_gaps_and_at_what_is_not_kept() -> None:
    x = np.arange(200, dtype=np.float32)
    valid = np.ones(200, np.bool_)
    valid[[85, 95]] = False  # blocks 8 and 9: windows may end and begin beside them
    trace = slow_trace(x, valid, 100.0)
    assert (trace.windows(4, 2)[:, 0] - 4.5).tolist() == [0, 20, 40, 100, 120, 140, 160]
    keep = np.arange(20) < 14
    assert (trace.windows(4, 2, keep)[:, 0] - 4.5).tolist() == [0, 20, 40, 100]
    assert trace.windows(30, 2).shape == (0, 30)
    assert slow_trace(x[:0], valid[:0], 100.0).windows(4, 2).shape == (0, 4)


def test_what_a_mean_leaves_of_a_wave() -> None:
    t = np.arange(100_000) / 100.0
    for hz, fs in ((0.5, 100.0), (1.0, 100.0), (3.0, 100.0), (2.0, 20.0)):
        x = np.sin(2 * np.pi * hz * t * 100.0 / fs).astype(np.float32)
        trace = slow_trace(x, np.ones(len(x), np.bool_), fs)
        left = np.sqrt(2 * np.mean(trace.x_uv.astype(float) ** 2))
        np.testing.assert_allclose(left, trace.gain(np.array(hz)), rtol=1e-3)
    slow = slow_trace(x, np.ones(len(x), np.bool_), 8.0)
    assert slow.gain(np.array([0.5, 3.0])).tolist() == [1.0, 1.0]
