"""Slow-wave–spindle coupling: at which phase of the slow wave sigma and spindles come, how surely, by stage.

Of a recording each channel's coupling is tested against shifts of sigma in time, within the stage; of a night the
phases of its waves are summarised.
"""

from __future__ import annotations

import numpy as np
import polars as pl

from pipeline.dataset.table import Column
from pipeline.features.channel_night import ChannelNight
from pipeline.features.eeg_channel import LEAST_SPINDLE_FS_HZ, WAVE_PRESETS, EegChannel
from pipeline.features.family import Family, Filled, Level, NightView, Value
from pipeline.features.nrem_eeg import nrem_eeg
from pipeline.recording import Floats, Stage
from pipeline.signals.coupling import Coupling
from pipeline.signals.coupling_chance import LEAST_EVENTS, CouplingSummary, coupling_summary

_STARESINA = "Staresina et al. 2015, doi:10.1038/nn.4119"
_FEW = f"fewer than {LEAST_EVENTS} slow waves with a phase"
_STAGES = (("N2", (Stage.N2,)), ("N3", (Stage.N3,)), ("N2+N3", (Stage.N2, Stage.N3)))

ROW_COLUMNS = (
    Column("stage", pl.String, "", "N2, N3 or N2+N3", "sleeploop", nullable=False),
    Column("at", pl.String, "", "what comes at the phase: sigma peak (strongest 12-16 Hz within 1 s of the trough) or "
           "spindle (peak within 1.2 s)", "sleeploop", nullable=False),
    Column("n", pl.Int64, "count", "slow waves with a phase", "sleeploop", low=0, nullable=False),
    Column("mean_phase_rad", pl.Float64, "rad", "mean direction: 0 is the positive peak, ±π the trough", _STARESINA,
           low=-3.15, high=3.15, null_when=_FEW),
    Column("vector_length", pl.Float64, "1", "length of the mean vector; by chance it is chance_length, not 0",
           _STARESINA, low=0.0, high=1.0, null_when=_FEW),
    Column("chance_length", pl.Float64, "1", "its mean with sigma or spindles shifted in time within the stage",
           "sleeploop", low=0.0, high=1.0, null_when=f"{_FEW}, or too little of the stage to shift in"),
    Column("surrogate_p", pl.Float64, "1", "share of 500 shifts (and the unshifted) whose mean vector lies as far from "
           "the mean of all", "sleeploop", low=0.0, high=1.0,
           null_when=f"{_FEW}, or too little of the stage to shift in"),
    Column("rayleigh_p", pl.Float64, "1", "Rayleigh's test; too small where phases are not uniform by chance",
           "Fisher 1993 (recalled)", low=0.0, high=1.0, null_when=_FEW),
)  # fmt: skip


def coupling_rows(channel: EegChannel) -> list[dict[str, object]]:
    """The rows of one channel: by stage, of sigma peaks and of spindles; none where the rate is too low to look."""
    found = channel.coupling
    if found is None:
        return []
    return [
        {"stage": name, "at": at, **_numbers(_summary(found, stages, at))}
        for name, stages in _STAGES
        for at in ("sigma peak", "spindle")
    ]


def _summary(found: Coupling, stages: tuple[Stage, ...], at: str) -> CouplingSummary:
    phases = found.phase_rad if at == "sigma peak" else found.spindle_phase_rad
    chance = found.sigma_chance if at == "sigma peak" else found.spindle_chance
    told = [one for one in chance if one.stage in stages]
    # Shifts of one stage say nothing of two.
    return coupling_summary(phases[np.isin(found.stage, stages)], told if len(told) == len(stages) else ())


def _numbers(summary: CouplingSummary) -> dict[str, object]:
    return {
        "n": summary.n,
        "mean_phase_rad": summary.mean_phase_rad,
        "vector_length": summary.resultant_length,
        "chance_length": summary.chance_length,
        "surrogate_p": summary.surrogate_p,
        "rayleigh_p": summary.rayleigh_p,
    }


def coupling_values(found: ChannelNight, stage: Floats) -> dict[str, Value]:
    """The columns of one channel over the epochs of a sleep window, whose stage codes have shape (n,)."""
    waves = found.slow_waves.by(WAVE_PRESETS[0].name)
    at = stage[found.epoch_of(waves)]
    out: dict[str, Value] = {}
    for name, codes in (("n2", (Stage.N2,)), ("n3", (Stage.N3,)), ("nrem", (Stage.N2, Stage.N3))):
        summary = coupling_summary(waves["phase_rad"][np.isin(at, codes)])
        out[f"coupling_{name}_phase_rad"] = summary.mean_phase_rad
        out[f"coupling_{name}_length"] = summary.resultant_length
    # Where no spindle was looked for, none beside a wave says nothing.
    nrem = np.isin(at, (Stage.N2, Stage.N3)) & found.searched[found.epoch_of(waves)]
    looked = int(np.isfinite(waves["phase_rad"][nrem]).sum())
    with_spindle = int(np.isfinite(waves["spindle_delay_s"][nrem]).sum())
    enough = looked >= LEAST_EVENTS and found.fs_hz >= LEAST_SPINDLE_FS_HZ
    out["coupling_spindle_pct"] = 100.0 * with_spindle / looked if enough else None
    return out


def _night(view: NightView) -> Filled:
    held = nrem_eeg(FAMILY, view)
    if isinstance(held, Filled):
        return held
    channel, stage, coverage = held.channel, held.stage, held.coverage
    values = coupling_values(channel, stage)
    if channel.fs_hz < LEAST_SPINDLE_FS_HZ:
        told = f"sigma is looked for at {LEAST_SPINDLE_FS_HZ:g} Hz or more, the channel has {channel.fs_hz:g}"
        return FAMILY.too_little(told, coverage)
    if values["coupling_nrem_phase_rad"] is None:
        return FAMILY.too_little(f"{_FEW} in N2 and N3", coverage)
    return held.filled(values, view.cut_short)


def _columns() -> tuple[Column, ...]:
    by = f"(definition {WAVE_PRESETS[0].name})"
    out = []
    for name, words in (("n2", "N2"), ("n3", "N3"), ("nrem", "N2 and N3")):
        out += [
            Column(f"coupling_{name}_phase_rad", pl.Float64, "rad", f"mean phase of the slow waves {by} of {words} "
                   "where sigma is strongest: 0 is the positive peak, ±π the trough", _STARESINA, low=-3.15, high=3.15,
                   null_when=_FEW),
            Column(f"coupling_{name}_length", pl.Float64, "1", f"length of the mean vector of these phases in {words}; "
                   "what chance makes of it stands in eeg_coupling", _STARESINA, low=0.0, high=1.0, null_when=_FEW),
        ]  # fmt: skip
    out.append(
        Column("coupling_spindle_pct", pl.Float64, "%", f"share of the slow waves {by} of N2 and N3 with a spindle's "
               "peak within 1.2 s of the trough, where spindles were looked for",
               "Kurz et al. 2021, doi:10.1093/sleep/zsaa290", low=0.0, high=100.0,
               null_when=f"{_FEW} where spindles were looked for")
    )  # fmt: skip
    return tuple(out)


COLUMNS = _columns()
FAMILY: Family[NightView] = Family(
    name="coupling", level=Level.NIGHT, needs=("eeg_valid",), columns=COLUMNS, compute=_night
)
