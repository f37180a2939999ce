"""What is said beneath the figure of an EEG night: whose stages, which channel, how many waves by which definition."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import polars as pl

from pipeline.report.rows import shown, spaced

STAGED_BY = {
    "expert": "a human scorer",
    "automatic": "software that the recording came with",
    "model": "a model, from the EEG alone",
    "consumer": "a device without EEG",
    "unknown": "a scorer who is not named",
}
"""Who scored most of the night, in words."""
WAVES = "yasa"
"""The definition in µV, whose waves are drawn."""


def waves_of(night: Mapping[str, Any], waves: pl.DataFrame) -> pl.DataFrame:
    """The slow waves of the channel that the night stands on, by the definition in µV."""
    if not night.get("sw_channel") or not waves.height:
        return waves.clear()
    inside = pl.col("onset_utc").is_between(night["start_utc"], night["end_utc"], closed="left")
    its = (pl.col("recording") == night["sw_recording"]) & (pl.col("channel") == night["sw_channel"])
    return waves.filter(inside & its & (pl.col("preset") == WAVES))


def spectra_of_night(night: Mapping[str, Any], spectra: pl.DataFrame) -> pl.DataFrame:
    """The spectra that begin within the night, those of the recording that it stands on before others' of that time."""
    inside = spectra.filter(pl.col("start_utc").is_between(night["start_utc"], night["end_utc"], closed="left"))
    other = pl.col("recording") != (night.get("sw_recording") or "")
    return inside.sort("start_utc", other, "recording")


def eeg_words(night: Mapping[str, Any]) -> list[str]:
    """Sentences on the night's EEG; of what is null nothing is said but why."""
    out = []
    if night.get("stages_from"):
        out.append(f"Stages by {STAGED_BY[night['stages_from']]}.")
    if night.get("model_kappa") is not None:
        out.append(
            f"The model agrees with the scoring in {shown(night['model_agreement_pct'], 0)} % of epochs "
            f"(κ {shown(night['model_kappa'], 2)}); its N3 differs by {shown(night['model_n3_difference_min'], 0)} min."
        )
    if night.get("sw_channel"):
        out.append(
            f"Slow waves in {night['sw_channel']}: {shown(night.get('sw_n2_per_min'))} a minute in N2, "
            f"{shown(night.get('sw_n3_per_min'))} in N3 (definition {WAVES}, in µV; relative to this recording "
            f"{shown(night.get('sw_rel_nrem_per_min'))} a minute of N2 and N3)."
        )
    if night.get("spindle_nrem_per_min") is not None:
        out.append(
            f"Spindles: {shown(night['spindle_nrem_per_min'])} a minute of N2 and N3, "
            f"median {shown(night.get('spindle_frequency_hz'))} Hz."
        )
    if night.get("swa_decline_per_h") is not None:
        sure = night["swa_decline_fit"] in {"falls", "rises"}
        told = night["swa_decline_fit"] if sure else "neither falls nor rises for certain"
        out.append(
            f"Slow-wave activity {told}: decline of its logarithm {shown(night['swa_decline_per_h'], 2)} an hour "
            f"({shown(night['swa_decline_low95_per_h'], 2)} … {shown(night['swa_decline_high95_per_h'], 2)})."
        )
    out += [
        f"{spaced(name).capitalize()}: {night[f'{name}_state']}, {night[f'{name}_reason']}."
        for name in ("slow_waves", "spindles", "slow_wave_activity")
        if night.get(f"{name}_state") not in {"ok", None, "not measured"}
    ]
    return out
