"""The quality of an EEG channel as table columns, and what it says against the channel's slow waves."""

from __future__ import annotations

from collections.abc import Mapping

import polars as pl

from pipeline.dataset.table import Column
from pipeline.features.eeg_channel import EegChannel
from pipeline.signals.eeg_quality import Gain
from pipeline.signals.highpass import HARMFUL_HZ, HighPass
from pipeline.signals.polarity import Polarity

_OURS = "docs/validation/eeg.md"
_SHARES = {
    "valid": "that can be cerebral: neither missing, flat, clipped nor beyond 500 µV",
    "missing": "in which nothing was recorded",
    "flat": "in which one value stands for a second or longer",
    "clipped": "held at the recording's own limit",
    "brief": "between other faults, too short to be judged",
    "amplitude": "more than 500 µV from the baseline",
    "mains": "(of seconds) dominated by 50 or 60 Hz",
    "disconnected": "(of seconds) without the fall of power with frequency that EEG has",
    "muscle": "(of seconds) of muscle bursts",
}
_NO_LOOK = "the rate or the length of the recording does not allow to look"

QUALITY_COLUMNS = (
    *(
        Column(f"{name}_share", pl.Float64, "1", f"share of the recording {words}", _OURS, low=0.0, high=1.0,
               null_when=_NO_LOOK)
        for name, words in _SHARES.items()
    ),
    Column("mains_hz", pl.Float64, "Hz", "mains frequency that is louder", _OURS, low=0.0, null_when=_NO_LOOK),
    Column("mains_rms_uv", pl.Float64, "µV", "median rms of the hum", _OURS, low=0.0, null_when=_NO_LOOK),
    Column("high_pass", pl.String, "", "whether a filter of the recorder took slow waves away: none seen, suspected, "
           "present or cannot tell", _OURS, nullable=False),
    Column("high_pass_hz", pl.Float64, "Hz", "its corner (−3 dB): median of the posterior; at 0.02 none is seen", _OURS,
           low=0.0, null_when="cannot tell"),
    Column("high_pass_low_hz", pl.Float64, "Hz", "lower end of its 90 % interval", _OURS, low=0.0,
           null_when="cannot tell"),
    Column("high_pass_high_hz", pl.Float64, "Hz", "upper end of its 90 % interval", _OURS, low=0.0,
           null_when="cannot tell"),
    Column("high_pass_harmful_p", pl.Float64, "1", f"probability of a corner of {HARMFUL_HZ:g} Hz or more", _OURS,
           low=0.0, high=1.0, null_when="cannot tell"),
    Column("polarity", pl.String, "", "which way up the slow waves stand: a hint", _OURS, nullable=False),
    Column("polarity_strength", pl.Float64, "1", "mean skewness of the slopes over its standard error; positive: the "
           "usual way up", _OURS, null_when="cannot tell"),
    Column("sd_uv", pl.Float64, "µV", "standard deviation at 0.5-30 Hz, median over sound windows (of N2 and N3 where "
           "stages are known)", _OURS, low=0.0, null_when="no sound window"),
    Column("gain", pl.String, "", "whether that is plausible for scalp EEG in µV (10-60): plausible, low, high or "
           "cannot tell", _OURS, nullable=False),
    Column("gain_staged", pl.Boolean, "", "whether it was judged on N2 and N3: awake, EEG is smaller", _OURS,
           nullable=False),
    Column("step_uv", pl.Float64, "µV", "resolution of the samples", _OURS, low=0.0, null_when="no grid is seen"),
)  # fmt: skip


def quality(channel: EegChannel) -> dict[str, object]:
    """The columns of one channel."""
    found = channel.quality
    return {
        **{f"{name}_share": getattr(found, f"{name}_share") for name in _SHARES},
        "mains_hz": found.mains_hz,
        "mains_rms_uv": found.mains_rms_uv,
        "high_pass": found.high_pass.verdict.value,
        "high_pass_hz": found.high_pass.corner_hz,
        "high_pass_low_hz": found.high_pass.corner_low_hz,
        "high_pass_high_hz": found.high_pass.corner_high_hz,
        "high_pass_harmful_p": found.high_pass.harmful,
        "polarity": found.polarity.hint.value,
        "polarity_strength": found.polarity.strength,
        "sd_uv": found.sd_uv,
        "gain": found.gain.value,
        "gain_staged": found.staged,
        "step_uv": found.step_uv,
    }


def slow_wave_doubts(row: Mapping[str, object]) -> tuple[str, ...]:
    """What a row of `eeg_channels` says against the channel's slow waves in µV, in words."""
    out = []
    if row["high_pass"] in {HighPass.SUSPECTED.value, HighPass.PRESENT.value}:
        out.append(f"a high-pass near {row['high_pass_hz']:.2g} Hz is {row['high_pass']}, which takes slow waves away")
    if row["polarity"] == Polarity.INVERTED.value:
        out.append("the channel seems to stand upside down, which changes what counts as a slow wave")
    if row["gain_staged"] and row["gain"] in {Gain.LOW.value, Gain.HIGH.value}:
        out.append(f"its amplitude is {row['gain']} for scalp EEG ({row['sd_uv']:.0f} µV): counts in µV do not compare")
    return tuple(out)
