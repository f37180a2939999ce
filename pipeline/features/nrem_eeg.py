"""One rule for the families on the EEG of N2 and N3: which epochs they stand on, how much is valid, the state."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from pipeline.features.channel_night import EPOCH_MIN, ChannelNight, Mask
from pipeline.features.family import Family, Filled, NightView, State, Value
from pipeline.recording import Floats, Stage

FULL_VALID = 0.9
"""Share of N2 and N3 with valid EEG below which the state is partial (our choice)."""


@dataclass(frozen=True, slots=True, eq=False)
class NremEeg:
    """The first channel inside the sleep window, the stages of its epochs, and which are N2 or N3; shape (n,)."""

    channel: ChannelNight
    stage: Floats
    nrem: Mask

    @property
    def coverage(self) -> float:
        """Share of N2 and N3 with valid EEG, 0 … 1."""
        return float(self.channel.valid_min[self.nrem].sum() / (self.nrem.sum() * EPOCH_MIN))

    def filled(self, values: Mapping[str, Value], limits: Sequence[str]) -> Filled:
        """The values with what limits them: too little valid EEG first, then `limits`, in words."""
        short = [f"valid EEG in only {self.coverage:.0%} of N2 and N3"] if self.coverage < FULL_VALID else []
        reason = "; ".join([*short, *limits]) or None
        return Filled(values, self.coverage, State.PARTIAL if reason else State.OK, reason)


def nrem_eeg(family: Family[NightView], view: NightView) -> NremEeg | Filled:
    """What the family stands on; or its nulls with the reason, where there is no window, no channel or no N2 and N3."""
    channel, stage = view.sleep_channel, view.sleep_stage
    if channel is None or stage is None:
        return family.too_little("no sleep window was found, or no EEG channel covers it", None)
    nrem = np.isin(stage, (Stage.N2, Stage.N3))
    if not nrem.any():
        return family.too_little("no N2 or N3 was scored", 0.0)
    return NremEeg(channel, stage, nrem)
