"""Rules and measures of spindles against plain loops over events, with SciPy's peaks and trends."""

from __future__ import annotations

import numpy as np
import pytest

from pipeline.signals import spindle_rules
from pipeline.signals.spindle_measures import measured
from pipeline.signals.spindle_rules import Rules, Traces, decided, medians

FS = 128.0


def traces(seconds: float = 60.0, seed: int = 0) -> Traces:
    """Noise that wanders, and a complex trace of about 13 Hz."""
    rng = np.random.default_rng(seed)
    n = int(seconds * FS)
    smooth = np.convolve(rng.normal(size=n + 8), [1, 3, 6, 7, 6, 3, 1, 0, 0], "valid")
    swell = np.convolve(rng.normal(size=n + 126), np.hanning(127), "valid")
    t = np.arange(n) / FS
    # The swell changes its sign, and the phase is unsteady: the instantaneous frequency scatters, even below 0.
    sigma = (swell * np.exp(2j * np.pi * 13.0 * t + 0.1j * rng.normal(size=n))).astype(np.complex64)
    broad = (smooth * 0.7 + 0.2 * rng.normal(size=n).cumsum() + 2.0 * sigma.real).astype(np.float32)
    return Traces(broad, sigma, FS)


def test_each_measure_is_that_of_a_loop() -> None:
    from scipy.signal import detrend, find_peaks

    one = traces()
    rng = np.random.default_rng(1)
    start_s = np.sort(rng.uniform(0.0, 57.0, 200))  # any length, overlapping too
    end_s = start_s + rng.uniform(0.5, 2.0, 200)
    found = measured(one, start_s, end_s)
    n_peaks_off = n_clear = n_elsewhere = 0
    for k, (begin, end) in enumerate(zip(start_s, end_s, strict=True)):
        at = np.arange(np.ceil(begin * FS), np.floor(end * FS) + 1).astype(int)
        x = detrend(one.broad_uv[at].astype(np.float64))
        fine = _fine(x)
        assert found["rms_uv"][k] == pytest.approx(np.sqrt(np.mean(x**2)), rel=1e-9)
        # Raised between samples: no less than the samples' own, no more than a cubic through them, within 3 %.
        assert np.ptp(x) - 1e-9 <= found["amplitude_uv"][k] <= 1.03 * max(np.ptp(fine), np.ptp(x))
        assert found["sigma_ptp_uv"][k] >= np.ptp(one.sigma_uv.real[at]) - 1e-9
        turn = np.angle(one.sigma_uv[np.minimum(at + 1, len(one.sigma_uv) - 1)] * np.conj(one.sigma_uv[at]))
        assert found["frequency_hz"][k] == pytest.approx(np.median(turn[turn > 0]) * FS / 2 / np.pi, rel=1e-6)
        power = np.log10(np.abs(one.sigma_uv[at].astype(np.complex128)) ** 2)
        assert found["sigma_power_log10_uv2"][k] == pytest.approx(np.median(power), abs=1e-5)
        # 60 ms are 7.68 samples; between samples, peaks 7 to 9 samples apart may fall on either side.
        few, many = (len(find_peaks(x, distance=d)[0]) for d in (9, 7))
        assert few - 1 <= found["oscillations_n"][k] <= many + 1
        n_peaks_off += found["oscillations_n"][k] != len(find_peaks(x, distance=7.68)[0])
        peaks, more = find_peaks(x, distance=7.68, prominence=(None, None))
        second, first = np.argsort(more["prominences"])[-2:]
        if more["prominences"][first] > 1.1 * more["prominences"][second]:  # else half a sample may decide
            n_clear += 1
            n_elsewhere += abs(found["peak_s"][k] - (at[0] + peaks[first]) / FS) > 0.51 / FS
        assert found["symmetry"][k] == pytest.approx((found["peak_s"][k] - begin) / (end - begin))
    assert n_peaks_off < 60
    assert n_clear > 50
    assert n_elsewhere <= 0.05 * n_clear  # a rival 60 ms away, on either side of it between samples


def _fine(x: np.ndarray) -> np.ndarray:
    from scipy.interpolate import CubicSpline

    return np.asarray(CubicSpline(np.arange(len(x)), x)(np.arange(0, len(x) - 1, 0.05)))


def test_peaks_lie_between_samples() -> None:
    t = np.arange(int(3 * FS)) / FS
    for late in (0.0, 0.002, 0.004):
        x = 20.0 * np.exp(-(((t - 1.5 - late) / 0.3) ** 2)) * np.cos(2.0 * np.pi * 13.0 * (t - 1.5 - late))
        found = measured(Traces(x.astype(np.float32), x.astype(np.complex64), FS), np.array([1.0]), np.array([2.0]))
        assert found["peak_s"][0] == pytest.approx(1.5 + late, abs=2e-4)
        assert found["sigma_ptp_uv"][0] == pytest.approx(20.0 * (1 + np.exp(-((0.5 / 13 / 0.3) ** 2))), rel=0.01)


def test_an_event_without_a_peak_has_no_place_for_it() -> None:
    t = np.arange(int(3 * FS)) / FS
    falling = Traces((-((t - 1.5) ** 2)).astype(np.float32) * -1.0, np.exp(1j * t).astype(np.complex64), FS)
    found = measured(falling, np.array([1.0]), np.array([2.0]))
    assert np.isnan(found["peak_s"][0])
    assert np.isnan(found["symmetry"][0])
    assert found["oscillations_n"][0] == 0
    assert found["amplitude_uv"][0] > 0.0


def test_medians_of_odd_and_even_numbers() -> None:
    values = np.array([[3.0, 1.0, 2.0, np.inf], [4.0, 1.0, 3.0, 2.0], [9.0, np.inf, np.inf, np.inf]])
    assert medians(values, np.array([3, 4, 1])).tolist() == [2.0, 2.5, 9.0]


def plainly_decided(one: Traces, rules: Rules) -> list[tuple[float, float, float]]:
    """The same rules without short cuts: every window by itself, every moment of the grid in turn."""
    seconds = (len(one.broad_uv) - 1) / FS
    steps = int(seconds / 0.1 - 0.5)
    sigma, broad = one.sigma_uv.real.astype(np.float64), one.broad_uv.astype(np.float64)
    rms, corr = np.full(steps, np.nan), np.full(steps, np.nan)
    place = np.arange(len(broad))
    for k in range(2, steps - 1):
        # Each sample counts with the share of its width that lies in the window.
        low, high = (0.1 * k - 0.15) * FS, (0.1 * k + 0.15) * FS
        w = np.clip(np.minimum(place + 0.5, high) - np.maximum(place - 0.5, low), 0.0, 1.0)
        mx, my = (w * sigma).sum() / w.sum(), (w * broad).sum() / w.sum()
        rms[k] = np.sqrt((w * sigma**2).sum() / w.sum())
        cov = (w * (sigma - mx) * (broad - my)).sum()
        corr[k] = cov / np.sqrt((w * (sigma - mx) ** 2).sum() * (w * (broad - my) ** 2).sum())
    hann = 0.5 - 0.5 * np.cos(2 * np.pi * np.arange(256) / 256)
    padded = np.concatenate((np.zeros(128), broad, np.zeros(512)))
    share = []
    for k in range(steps // 2 + 2):
        at = round(0.2 * k * FS)
        power = np.abs(np.fft.rfft(padded[at : at + 256] * hann)) ** 2  # bins of 0.5 Hz
        share.append(power[24:31].sum() / power[2:61].sum())
    grid = np.arange((steps - 1) * 10) / 100.0
    with np.errstate(invalid="ignore"):
        r, c = (np.interp(grid, np.arange(steps) * 0.1, values) for values in (rms, corr))
    known = np.isfinite(r)
    ordered = np.sort(r[known])
    cut = int(0.1 * len(ordered))
    threshold = min(r[known].mean() + 1.5 * ordered[cut:-cut].std(ddof=1), rules.rms_cap_uv or np.inf)
    level = (r >= threshold).astype(int) + (c >= 0.65) + (np.interp(grid, np.arange(len(share)) * 0.2, share) >= 0.2)
    level[~known] = 0
    soft = np.array([level[max(i - 5, 0) : i + 5].sum() > 20 for i in range(len(level))])
    events: list[list[int]] = []
    for i in np.flatnonzero(soft):
        if events and i - events[-1][1] < 100 * rules.merged_s:
            events[-1][1] = int(i)
        else:
            events.append([int(i), int(i)])
    out = []
    for first, last in events:
        if 50 < last - first < 100 * rules.longest_s:
            inside = [s for k, s in enumerate(share) if first <= 20 * k <= last]
            out.append((first / 100, last / 100, float(np.median(inside))))
    return out


@pytest.mark.parametrize("seed", range(4))
@pytest.mark.parametrize("rules", [Rules(), Rules(merged_s=1.5, longest_s=6.0)], ids=["yasa", "joined further"])
def test_the_short_cuts_change_nothing(seed: int, rules: Rules) -> None:
    one = traces(150.0, seed)
    whole = np.array([[0.0, len(one.broad_uv) / FS]])
    found = decided(one, whole, whole, rules, 12.0, 15.0)
    plain = plainly_decided(one, rules)
    assert len(plain) > 8
    assert len(found.events_s) == len(plain)
    # A threshold may be met within the digits of float32 only: then an edge moves by a point.
    assert found.events_s == pytest.approx(np.array([row[:2] for row in plain]), abs=0.0101)
    assert (np.abs(found.events_s - [row[:2] for row in plain]) < 1e-6).mean() > 0.9
    assert found.relative_power == pytest.approx([share for _, _, share in plain], rel=1e-4)


def test_interruptions_and_durations_are_judged_on_the_grid() -> None:
    """In points of 10 ms: an interruption of 50 parts, one of 49 does not; 50 is too short, 51 and 199 are not."""
    strong = np.array([[0, 61], [109, 161], [210, 271], [400, 451], [600, 652], [1000, 1200], [1300, 1501]])
    whole = np.array([[0.0, 30.0]])
    expected = [[0.0, 1.6], [2.1, 2.7], [6.0, 6.51], [10.0, 11.99]]
    assert spindle_rules._events(strong, whole, Rules()) == pytest.approx(np.array(expected))
    parted = np.array([[0.0, 0.9], [0.95, 30.0]])
    apart = np.array([[0.0, 0.6], [1.09, 1.6], [2.1, 2.7]])
    assert spindle_rules._events(strong, parted, Rules())[:3] == pytest.approx(apart)


def test_a_window_of_the_relative_power_takes_nothing_from_another_stretch() -> None:
    one = traces(20.0)
    n = len(one.broad_uv)
    rows = np.array([[0.0, 8.0], [8.25, n / FS]])
    share, other = (np.full(101, np.nan, np.float32) for _ in range(2))
    spindle_rules._fill(share, np.arange(100), one, rows, (12.0, 15.0))
    loud = one.broad_uv.copy()
    loud[int(8.25 * FS) :] *= 50.0
    spindle_rules._fill(other, np.arange(100), Traces(loud, one.sigma_uv, FS), rows, (12.0, 15.0))
    before = np.arange(101) * 0.2 < 8.0
    assert np.array_equal(share[before], other[before])
    assert np.isfinite(share[:100]).all()
    assert np.isnan(share[100])
    assert share[~before][1:60] == pytest.approx(other[~before][1:60], rel=1e-3)  # a share knows no gain
