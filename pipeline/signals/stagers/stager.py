"""The contract of an automatic stager: from one EEG channel to the probability of each stage in each 30-s epoch."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from pipeline.recording import Samples, Stage
from pipeline.signals.fir import Mask

STAGES = (Stage.WAKE, Stage.N1, Stage.N2, Stage.N3, Stage.REM)
"""What the columns of a density stand for, in their order."""
EPOCH_S = 30.0

Density = NDArray[np.float32]
"""Probabilities of `STAGES`, shape (n_epochs, 5); rows sum to 1, or are NaN where nothing can be said."""

StageDensity = Callable[[Samples, float, Mask], Density]
"""A loaded model: `stage_density(x_uv, fs_hz, valid)`. Epoch k holds the samples from 30 k s on; what is left after
the last whole epoch is not staged. Samples that are not `valid` are never looked at."""


class StagerNotInstalled(Exception):
    """The model is not on this machine; the text says what to install."""


@dataclass(frozen=True, slots=True)
class Stager:
    """One model. A module of this folder defines one as `STAGER` and is listed in `STAGERS`."""

    name: str
    version: str
    source: str
    trained_on: str
    """What the model saw, and so what it can be trusted on."""
    min_fs_hz: float
    """The rate must be higher: nothing is upsampled to reach it."""
    min_duration_s: float
    missing: Callable[[], str | None]
    """Why the model cannot be loaded, without loading it; None if it should be there."""
    prepare: Callable[[], StageDensity]
    """The model, ready; raises `StagerNotInstalled`."""

    def refusal(self, n_samples: int, fs_hz: float) -> str | None:
        """Why a recording cannot be staged by this model, in words; None if it can."""
        if not fs_hz > self.min_fs_hz:
            return f"{self.name} needs more than {self.min_fs_hz:g} samples a second, the channel has {fs_hz:g}"
        if n_samples < self.min_duration_s * fs_hz:
            short = n_samples / fs_hz / 60.0
            return f"{self.name} needs {self.min_duration_s / 60.0:g} min of EEG, the channel has {short:.1f}"
        return None

    def stage_density(self, x_uv: Samples, fs_hz: float, valid: Mask) -> Density:
        """Probabilities of W, N1, N2, N3, R for each 30-s epoch from the first sample, shape (⌊n / 30 fs⌋, 5).

        Parameters
        ----------
        x_uv
            One EEG channel in µV, shape (n,), float32.
        fs_hz
            Its rate.
        valid
            Where it is an EEG at all, shape (n,); see `pipeline.signals.artefacts.valid_samples`.

        Returns
        -------
        NDArray[np.float32]
            Rows sum to 1; NaN for epochs of which too little is valid, by the stager's own rule.

        Raises
        ------
        ValueError
            If `refusal` has something to say.
        StagerNotInstalled
            If the model is not on this machine.
        """
        if reason := self.refusal(len(x_uv), fs_hz):
            raise ValueError(reason)
        return self.prepare()(x_uv, fs_hz, valid)


def staged(density: Density) -> NDArray[np.float64]:
    """The likeliest stage of each epoch as its `Stage` code, shape (n,); NaN where nothing can be said."""
    known = np.asarray(np.isfinite(density).all(axis=1), np.bool_)
    codes = np.array([int(stage) for stage in STAGES], np.float64)
    return np.where(known, codes[np.where(known[:, None], density, 0.0).argmax(axis=1)], np.nan)
