"""What counts as a slow wave: published definitions, each with its name.

How many waves a night holds depends on the definition more than on the sleeper, so a preset's name goes with every
number that is made from it. Absolute presets ask for µV: a weaker derivation, a bipolar montage or a hardware high-pass
lowers their counts. Relative presets ask for a wave's rank among the night's own half waves and do not feel the gain;
for the same reason they say little of how many waves one night has against another, and much of where in the night
the largest lie.
"""

from __future__ import annotations

from dataclasses import dataclass

from pipeline.signals.fir import Band

INF = float("inf")

Range = tuple[float, float]
"""Least and greatest, both allowed."""

ANY: Range = (0.0, INF)


@dataclass(frozen=True, slots=True)
class SlowWavePreset:
    """One definition of a slow wave: a band, and what the wave in that band must measure. Sizes are positive numbers.

    Durations are in seconds, sizes in µV. The two relative rules refer to all waves of the night that have the
    durations and lie where waves may lie.
    """

    name: str
    source: str
    band: Band
    negative_s: Range = ANY
    """From the downward to the upward zero crossing."""
    positive_s: Range = ANY
    """From the upward crossing to the next downward one."""
    duration_s: Range = ANY
    """Both together."""
    negative_uv: Range = ANY
    positive_uv: Range = ANY
    ptp_uv: Range = ANY
    ptp_quantile: float | None = None
    """The peak-to-peak size reaches this quantile (0 … 1) of the night's."""
    negative_factor: float | None = None
    """The trough reaches this multiple of the night's mean trough."""

    @property
    def relative(self) -> bool:
        """Whether sizes are judged against the night's own waves."""
        return self.ptp_quantile is not None or self.negative_factor is not None


YASA = SlowWavePreset(
    name="yasa",
    source=(
        "the defaults of YASA's sw_detect (Vallat & Walker 2021, doi:10.7554/eLife.70092), after Massimini et al. 2004 "
        "(doi:10.1523/JNEUROSCI.1318-04.2004) and Carrier et al. 2011 (doi:10.1111/j.1460-9568.2010.07543.x)"
    ),
    band=Band(0.3, 1.5, 0.2, 0.2),
    negative_s=(0.3, 1.5),
    positive_s=(0.1, 1.0),
    negative_uv=(40.0, 200.0),
    positive_uv=(10.0, 150.0),
    ptp_uv=(75.0, 350.0),
)

MASSIMINI_2004 = SlowWavePreset(
    name="massimini_2004",
    source=(
        "Massimini et al. 2004, doi:10.1523/JNEUROSCI.1318-04.2004: 0.1–4 Hz, crossings 0.3–1.0 s apart, trough below "
        "−80 µV, peak to peak above 140 µV (as restated by those who use it); the widths of transitions are ours"
    ),
    band=Band(0.1, 4.0, 0.1, 1.0),
    negative_s=(0.3, 1.0),
    negative_uv=(80.0, INF),
    ptp_uv=(140.0, INF),
)

STARESINA_2015 = SlowWavePreset(
    name="staresina_2015",
    source=(
        "Staresina et al. 2015, doi:10.1038/nn.4119: 0.8–2 s from one downward crossing to the next, the 25 % with the "
        "largest peak-to-peak size; the band of 0.16–1.25 Hz is recalled, unverified, and its transitions are ours"
    ),
    band=Band(0.16, 1.25, 0.16, 0.25),
    duration_s=(0.8, 2.0),
    ptp_quantile=0.75,
)

NGO_2013 = SlowWavePreset(
    name="ngo_2013",
    source=(
        "Ngo et al. 2013, doi:10.1016/j.neuron.2013.03.006: below 3.5 Hz, 0.833–2 s from one downward crossing to the "
        "next, trough beyond 1.25 times the mean trough; here without what lies below 0.1 Hz, where a drift would hide "
        "the crossings, and for one channel at a time"
    ),
    band=Band(0.2, 3.5, 0.2, 0.875),
    duration_s=(0.833, 2.0),
    negative_factor=1.25,
)

AASM = SlowWavePreset(
    name="aasm",
    source=(
        "the AASM manual's slow wave activity, 0.5–2 Hz and more than 75 µV peak to peak (as Berry et al. 2017 restate "
        "it, doi:10.5664/jcsm.6576; DOI recalled, unverified); the band of 0.3–4 Hz, in which that is measured, is ours"
    ),
    band=Band(0.3, 4.0, 0.2, 1.0),
    duration_s=(0.5, 2.0),
    ptp_uv=(75.0, INF),
)

PRESETS = (YASA, MASSIMINI_2004, STARESINA_2015, NGO_2013, AASM)
