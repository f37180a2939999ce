"""What was planted, as plain numbers for `truth.json`: what a pipeline that reads the exports ought to find."""

from __future__ import annotations

import math
from dataclasses import asdict
from typing import TypeAlias

import numpy as np

from pipeline.clock import EPOCH_S, NS, to_datetime, utc_to_wall
from pipeline.recording import Floats, Int64, Stage
from pipeline.simulate.beats import BeatTrain
from pipeline.simulate.days import Days
from pipeline.simulate.eeg import planted_swa_uv2
from pipeline.simulate.person import Person
from pipeline.simulate.stages import Stages

Json: TypeAlias = "str | int | float | bool | list[Json] | dict[str, Json] | None"


def iso(utc_ns: int, zone: str = "UTC") -> str:
    """An instant as ISO 8601 with its offset, to the second."""
    return to_datetime(utc_ns, zone).isoformat(timespec="seconds")


def person_truth(person: Person) -> dict[str, Json]:
    """The traits of a person and the loop with its gain."""
    loop = person.loop
    planted: dict[str, Json] = {
        name: round(value, 4) if isinstance(value, float) else value
        for name, value in asdict(person).items()
        if name != "loop"
    }
    planted["loop"] = {
        "phi_a": loop.phi_a,
        "phi_b": loop.phi_b,
        "b": loop.b,
        "c": loop.c,
        "gain": round(loop.gain, 6),
        "steady_gain": round(loop.gain / ((1 - loop.phi_a) * (1 - loop.phi_b)), 6),
    }
    return planted


def sleep_truth(stages: Stages) -> dict[str, Json]:
    """Minutes of a night in bed; WASO is all wake from sleep onset to rising. A night without sleep has no onset."""
    per_min = 60 / EPOCH_S
    asleep = stages != Stage.WAKE
    latency = int(np.argmax(asleep)) if asleep.any() else None
    wake_after = int((~asleep[latency:]).sum()) if latency is not None else None
    return {
        "time_in_bed_min": len(stages) / per_min,
        "latency_min": None if latency is None else latency / per_min,
        "tst_min": int(asleep.sum()) / per_min,
        "waso_min": None if wake_after is None else wake_after / per_min,
        "efficiency": round(float(asleep.mean()), 4),
        "n3_min": int((stages == Stage.N3).sum()) / per_min,
        "rem_min": int((stages == Stage.REM).sum()) / per_min,
    }


def night_truth(days: Days, k: int, stages: Stages, zone: str) -> dict[str, Json]:
    """Night `k`: when, how it was slept, the latent day and night indices, the levels of the heart."""
    return {
        "night": days.nights[k].isoformat(),
        "bed": iso(int(days.bed_ns[k]), zone),
        "rise": iso(int(days.rise_ns[k]), zone),
        **sleep_truth(stages),
        "arousal_sd": round(float(days.arousal[k]), 4),
        "badness_sd": round(float(days.badness[k]), 4),
        "waking_hr_bpm": round(float(days.waking_hr_bpm[k]), 3),
        "sleep_hr_bpm": round(float(days.sleep_hr_bpm[k]), 3),
        "sleep_rmssd_ms": round(float(days.sleep_rmssd_ms[k]), 3),
    }


def beats_truth(beats: BeatTrain) -> dict[str, Json]:
    """The beats of one export: how long, how many, what was lost, what was premature."""
    return {
        "start_utc": iso(beats.start_ns),
        "elapsed_s": round(int(beats.beat_ms[-1]) / 1000, 3),
        "beats_n": int((~beats.lost).sum()),
        "lost_s": round(int(beats.rr_ms[beats.lost].sum()) / 1000, 3),
        "ectopic_n": int((beats.ectopic & ~beats.lost).sum() // 2),
    }


def eeg_truth(stages: Stages, person: Person) -> dict[str, Json]:
    """Planted slow-wave activity of a night: within N3, and its slope over all N2 and N3 epochs as they fell.

    The second slope is steeper where N3 gives way to N2: it mixes the fall within a stage with the change of stages.
    """
    swa_uv2 = planted_swa_uv2(stages, person)
    deep = np.isin(stages, (Stage.N2, Stage.N3))
    hours = np.arange(len(stages)) * EPOCH_S / 3600
    slope = np.polyfit(hours[deep], np.log(swa_uv2[deep]), 1)[0] if deep.sum() > 2 else None
    in_n3 = swa_uv2[stages == Stage.N3]
    return {
        "swa_n3_decline_per_h": round(person.swa_decline_per_h, 4),
        "swa_n3_mean_uv2": round(float(in_n3.mean()), 2) if len(in_n3) else None,
        "ln_swa_n2_n3_slope_per_h": None if slope is None else round(float(slope), 4),
    }


def rhythm_truth(minutes_ns: Int64, expected_cpm: Floats, zone: str) -> dict[str, Json]:
    """The 24-h cosine that fits the expected counts best by least squares, on the local clock."""
    hour = utc_to_wall(minutes_ns, zone) % (86_400 * NS) / (3600 * NS)
    angle = 2 * np.pi * hour / 24
    design = np.stack([np.ones_like(angle), np.cos(angle), np.sin(angle)], axis=1)
    mesor, cosine, sine = np.linalg.lstsq(design, expected_cpm)[0].tolist()
    return {
        "mesor_cpm": round(mesor, 2),
        "amplitude_cpm": round(math.hypot(cosine, sine), 2),
        "acrophase_h": round(math.atan2(sine, cosine) * 24 / (2 * math.pi) % 24, 3),
    }
