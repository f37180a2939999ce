"""How long and how soundly a night was slept: time in bed, sleep, latency, wake, clock times of onset and waking."""

from __future__ import annotations

from datetime import datetime, timedelta

import numpy as np
import polars as pl

from pipeline.clock import EPOCH_NS, EPOCH_S, utc_to_wall, wall_ns
from pipeline.dataset.table import Column
from pipeline.features.family import (
    EpochGrid,
    Family,
    Filled,
    Level,
    NightView,
    SleepWindow,
    State,
    Value,
    WindowSource,
)
from pipeline.features.stage_grid import main_source
from pipeline.recording import Floats, Stage, StageSource
from pipeline.signals.runs import runs_of
from pipeline.signals.sleep_windows import HOLE_MIN, SUSTAINED_MIN, sleep_span

ENOUGH_KNOWN = 0.5
"""Share of the window that must be scored before anything is computed (our rule)."""
WELL_KNOWN = 0.9
"""Share below which the numbers are partial: up to a tenth of the night may be slept or awake unseen (our rule)."""
MAX_HIDDEN_MIN = 5.0
"""Unscored minutes before sleep onset beyond which the latency is not known (our rule)."""
PERSISTENT_MIN = 10.0
"""Sleep in a row that is persistent, as trials of hypnotics and Luna's HYPNO count it (zzz.bwh.harvard.edu/luna)."""
_EPOCH_MIN = EPOCH_S / 60.0

_AASM = "AASM scoring manual"
_CENSORED = (
    "a side of the window was cut off by the recording's edge or a hole, so that the value would be a lower bound"
)
_HIDDEN = "more than 30 min of the hypnogram beyond it were not scored"
_AWAKE = "there was no sleep"
_NO_PERIOD = f"{_AWAKE}, {_CENSORED}, or more than 30 min of the hypnogram before or after it were not scored"
_LIGHTS_ON = (
    "lights on is not known: window by actigraphy, hypnogram cropped, a side cut off, or more than 5 min unscored "
    "after the final awakening"
)
_CLOCK = "hours of local wall clock from the midnight that ends the night's date (−0.5 is 23:30)"
_COLUMNS = (
    Column("tib_min", pl.Float64, "min", "length of the sleep window: time in bed by hypnogram or diary; by "
           "actigraphy from sleep onset to waking, which is shorter", _AASM, low=0.0, high=1500.0,
           null_when=_CENSORED),
    Column("spt_min", pl.Float64, "min", "sleep period: from sleep onset to final awakening", _AASM, low=0.0,
           high=1500.0, null_when=_NO_PERIOD),
    Column("tst_min", pl.Float64, "min",
           "sleep within the sleep period, scored epochs only (unscored ones are neither sleep nor wake)", _AASM,
           low=0.0, high=1500.0, null_when=_CENSORED),
    Column("se_pct", pl.Float64, "%", "100 · total sleep time / scored time of the window; where actigraphy gave "
           "the window that is sleep maintenance, higher than efficiency; where a hypnogram went on for hours of "
           "wake, 30 min of it are kept on each side", _AASM, low=0.0, high=100.0, null_when=_CENSORED),
    Column("sol_min", pl.Float64, "min", "sleep onset latency: start of the window to sleep onset. Onset is the "
           "first epoch of sleep in a hypnogram, the first five minutes of sleep in a row in actigraphy", _AASM,
           low=0.0, high=1500.0,
           null_when="there was no sleep, or when the person went to bed is not known: window by actigraphy, "
           "hypnogram cropped, start cut off, or more than 5 min unscored before onset"),
    Column("waso_min", pl.Float64, "min", "wake between sleep onset and final awakening. The AASM's runs to "
           "lights on and is waso_aasm_min", "doi:10.5665/sleep.1642", low=0.0,
           high=1500.0, null_when=_NO_PERIOD),
    Column("waso_aasm_min", pl.Float64, "min", "wake from sleep onset to lights on, the AASM's WASO: waso_min and "
           "terminal_wake_min together", _AASM, low=0.0, high=1500.0, null_when=f"{_AWAKE}, or {_LIGHTS_ON}"),
    Column("terminal_wake_min", pl.Float64, "min", "wake from the final awakening to lights on",
           "Luna HYPNO, zzz.bwh.harvard.edu/luna/ref/hypnograms", low=0.0, high=1500.0,
           null_when=f"{_AWAKE}, or {_LIGHTS_ON}"),
    Column("sme_pct", pl.Float64, "%", "sleep maintenance: 100 · total sleep time / scored time of the sleep period",
           "YASA sleep_statistics, doi:10.7554/eLife.70092", low=0.0, high=100.0,
           null_when=_NO_PERIOD),
    Column("lps_min", pl.Float64, "min", "latency to persistent sleep: start of the window to the first epoch of the "
           "first 10 min of sleep in a row", "Luna HYPNO, zzz.bwh.harvard.edu/luna/ref/hypnograms", low=0.0,
           high=1500.0, null_when="sleep never lasted 10 min in a row, or as for sol_min"),
    Column("awakenings_n", pl.Int64, "count", "stretches of wake of at least 30 s (actigraphy: a device minute) "
           "between sleep onset and final awakening", _AASM, low=0.0, null_when=_NO_PERIOD),
    Column("onset_h", pl.Float64, "h", f"sleep onset, {_CLOCK}", "sleeploop", low=-13.0, high=13.0,
           null_when=f"{_AWAKE}, the start was cut off, or {_HIDDEN}"),
    Column("midpoint_h", pl.Float64, "h", f"middle between sleep onset and final awakening, {_CLOCK}", "sleeploop",
           low=-13.0, high=13.0, null_when=f"{_AWAKE}, a side was cut off, or {_HIDDEN}"),
    Column("offset_h", pl.Float64, "h", f"final awakening, {_CLOCK}", "sleeploop", low=-13.0, high=13.0,
           null_when=f"{_AWAKE}, the end was cut off, or {_HIDDEN}"),
    Column("sleep_source", pl.String, "", "hypnogram, model hypnogram (staged here), consumer hypnogram (no EEG) or "
           "actigraphy: what told sleep from wake; a hypnogram if it scores at least half of the window", "sleeploop",
           null_when="neither knows half of the window"),
    Column("night_stream", pl.String, "",
           "eeg (a hypnogram on EEG), consumer or actigraphy: the stream whose reliability applies to these numbers",
           "sleeploop", null_when="neither knows half of the window"),
)  # fmt: skip


def compute(view: NightView) -> Filled:
    """Continuity of one night, on the hypnogram where it scores half of the sleep window, else on actigraphy."""
    window, grid = view.window, view.sleep_grid
    if window is None or grid is None or not grid.n:
        measured = np.isfinite(view.grid["stage"]) | np.isfinite(view.grid["acti_sleep"])
        share = float(measured.mean()) if view.grid.n else None
        return FAMILY.too_little("no main rest of at least two hours was found in the night", share)
    staged = _known(grid["stage"], grid["stage"] > Stage.WAKE, grid["stage"] >= Stage.WAKE)
    by_hypnogram = bool(np.isfinite(staged).mean() >= ENOUGH_KNOWN)
    sleep = staged if by_hypnogram else grid["acti_sleep"]
    coverage = float(np.isfinite(sleep).mean())
    if coverage < ENOUGH_KNOWN:
        return FAMILY.too_little("less than half of the sleep window was scored", coverage)
    if window.start_censored and window.end_censored:
        return FAMILY.too_little("both ends of the sleep window were cut off", coverage)
    values = _values(view, window, sleep, by_hypnogram)
    if by_hypnogram and main_source(grid["stage_source"]) is StageSource.CONSUMER:
        values |= {"sleep_source": "consumer hypnogram", "night_stream": "consumer"}
    elif by_hypnogram and main_source(grid["stage_source"]) is StageSource.MODEL:
        values["sleep_source"] = "model hypnogram"
    if window.start_censored or window.end_censored:
        side = "start" if window.start_censored else "end"
        return Filled(values, coverage, State.PARTIAL, f"the {side} of the sleep window was cut off")
    if coverage < WELL_KNOWN:
        return Filled(values, coverage, State.PARTIAL, f"only {coverage:.0%} of the sleep window was scored")
    return Filled(values, coverage, State.OK)


def _known(like: Floats, sleep: np.ndarray, scored: np.ndarray) -> Floats:
    """1 where sleep, 0 where scored and not sleep, NaN elsewhere."""
    return np.where(scored, sleep.astype(like.dtype), np.nan)


def _values(view: NightView, window: SleepWindow, sleep: Floats, by_hypnogram: bool) -> dict[str, Value]:
    """Every column of the family for a window in which at least half is scored."""
    out: dict[str, Value] = {column.name: None for column in _COLUMNS}
    out["sleep_source"] = "hypnogram" if by_hypnogram else "actigraphy"
    out["night_stream"] = "eeg" if by_hypnogram else "actigraphy"
    span = sleep_span(sleep == 1.0, 0.0 if by_hypnogram else SUSTAINED_MIN)
    onset, waking = span or (0, 0)
    inside = sleep[onset:waking]
    whole = not (window.start_censored or window.end_censored)
    if whole:
        tst = float((inside == 1.0).sum()) * _EPOCH_MIN
        out["tib_min"] = len(sleep) * _EPOCH_MIN
        out["tst_min"] = tst
        out["se_pct"] = 100.0 * tst / (float(np.isfinite(sleep).sum()) * _EPOCH_MIN)
    if span is None:
        return out
    before_min, after_min = _hidden_min(sleep[:onset]), _hidden_min(sleep[waking:])
    # The window that actigraphy gives has no such holes; inside a diary's, off the wrist is taken for awake and up.
    start_known = not window.start_censored and (before_min <= HOLE_MIN or not by_hypnogram)
    end_known = not window.end_censored and (after_min <= HOLE_MIN or not by_hypnogram)
    if start_known and end_known:
        out["spt_min"] = (waking - onset) * _EPOCH_MIN
        out["waso_min"] = float((inside == 0.0).sum()) * _EPOCH_MIN
        out["sme_pct"] = 100.0 * float((inside == 1.0).sum()) / float(np.isfinite(inside).sum())
        out["awakenings_n"] = len(runs_of(inside == 0.0))
        out["midpoint_h"] = _local_h(view, window.start_ns + (onset + waking) * EPOCH_NS // 2)
    if start_known:
        out["onset_h"] = _local_h(view, window.start_ns + onset * EPOCH_NS)
    if end_known:
        out["offset_h"] = _local_h(view, window.start_ns + waking * EPOCH_NS)
    if _in_bed_known(view, window) and before_min <= MAX_HIDDEN_MIN:
        out["sol_min"] = onset * _EPOCH_MIN
    if start_known and end_known and _out_bed_known(view, window) and after_min <= MAX_HIDDEN_MIN:
        out["terminal_wake_min"] = float((sleep[waking:] == 0.0).sum()) * _EPOCH_MIN
        out["waso_aasm_min"] = float((sleep[onset:] == 0.0).sum()) * _EPOCH_MIN
    persistent = sleep_span(sleep == 1.0, PERSISTENT_MIN)
    known = persistent is not None and _in_bed_known(view, window)
    if persistent and known and _hidden_min(sleep[: persistent[0]]) <= MAX_HIDDEN_MIN:
        out["lps_min"] = persistent[0] * _EPOCH_MIN
    return out


def _hidden_min(sleep: Floats) -> float:
    """Minutes that were not scored."""
    return float(np.isnan(sleep).sum()) * _EPOCH_MIN


def _in_bed_known(view: NightView, window: SleepWindow) -> bool:
    """Whether the window's start is when the person went to bed (or lights out)."""
    if window.start_censored or window.source is WindowSource.ACTIGRAPHY:
        return False
    if window.source is WindowSource.DIARY:
        return True
    # A hypnogram that was scored before the window began was cropped to it.
    return not _scored_on(view.grid, window.start_ns, window.start_ns - EPOCH_NS)


def _out_bed_known(view: NightView, window: SleepWindow) -> bool:
    """Whether the window's end is when the person rose (or lights on)."""
    if window.end_censored or window.source is WindowSource.ACTIGRAPHY:
        return False
    if window.source is WindowSource.DIARY:
        return True
    return not _scored_on(view.grid, window.end_ns - EPOCH_NS, window.end_ns)


def _scored_on(grid: EpochGrid, inside_ns: int, beyond_ns: int) -> bool:
    """Whether who scored the epoch inside the window at its border, or one more trusted, scored that beyond it."""
    inside, beyond = (grid.cut(at, at + EPOCH_NS) for at in (inside_ns, beyond_ns))
    if not np.isfinite(beyond["stage"]).any():
        return False
    ranks = [cut["stage_source"] for cut in (inside, beyond)]
    return not (all(np.isfinite(rank).any() for rank in ranks) and ranks[1][0] > ranks[0][0])


def _local_h(view: NightView, utc_ns: int) -> float:
    """Hours from the midnight that ends the night's date to an instant, both as wall clocks."""
    wall = int(utc_to_wall(np.array([utc_ns], np.int64), view.zone)[0])
    midnight = view.night + timedelta(days=1)
    return (wall - wall_ns(datetime(midnight.year, midnight.month, midnight.day))) / 3.6e12  # noqa: DTZ001


FAMILY: Family[NightView] = Family(
    name="continuity",
    level=Level.NIGHT,
    needs=("stage", "acti_sleep"),
    columns=_COLUMNS,
    compute=compute,
)
