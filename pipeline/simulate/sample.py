"""The sample study that ships with the project: three people, chosen for what can go wrong, and its README."""

from __future__ import annotations

import json
from datetime import date, datetime
from pathlib import Path
from typing import Any

import numpy as np

from pipeline.simulate.participant import Plan
from pipeline.simulate.person import LOOPS, LoopStrength, Person
from pipeline.simulate.study import write_study

SEED = 20240330
ZONE = "Europe/Rome"

STEADY = (
    Person(
        participant="P01",
        age_y=34,
        sex="F",
        loop=LOOPS[LoopStrength.NONE],
        bedtime_h=23.0,
        bedtime_sd_h=0.25,
        time_in_bed_h=7.4,
        time_in_bed_sd_h=0.25,
        latency_min=9.0,
        waso_min=20.0,
        n3_share=0.22,
        sleep_hr_bpm=58.0,
        waking_hr_bpm=65.0,
        sleep_rmssd_ms=48.0,
        ectopic_share=0.0003,
        activity_cpm=340.0,
        activity_peak_h=14.5,
        swa_n3_uv2=1500.0,
        swa_decline_per_h=0.24,
    ),
    Plan(
        first=date(2024, 3, 4),
        nights=16,
        rr_missing=frozenset({date(2024, 3, 9), date(2024, 3, 16)}),
        eeg=(date(2024, 3, 12),),
        e4_at=datetime(2024, 3, 13, 14, 30),  # noqa: DTZ001  a local wall clock; the study gives the zone
    ),
)

LOOPED = (
    Person(
        participant="P02",
        age_y=47,
        sex="M",
        loop=LOOPS[LoopStrength.STRONG],
        bedtime_h=23.4,
        bedtime_sd_h=0.5,
        time_in_bed_h=6.9,
        time_in_bed_sd_h=0.3,
        latency_min=20.0,
        waso_min=50.0,
        n3_share=0.09,
        sleep_hr_bpm=67.0,
        waking_hr_bpm=74.0,
        arousal_hr_bpm=5.0,
        sleep_rmssd_ms=27.0,
        ectopic_share=0.0005,
        activity_cpm=290.0,
        activity_peak_h=15.5,
        swa_n3_uv2=850.0,
        swa_decline_per_h=0.16,
        spindles_per_min=1.8,
    ),
    Plan(
        first=date(2024, 3, 4),
        nights=22,
        eeg=(date(2024, 3, 14),),
        eeg_cut=date(2024, 3, 20),
    ),
)

IRREGULAR = (
    Person(
        participant="P03",
        age_y=61,
        sex="M",
        loop=LOOPS[LoopStrength.REALISTIC],
        bedtime_h=24.0,
        bedtime_sd_h=1.1,
        time_in_bed_h=7.0,
        time_in_bed_sd_h=0.8,
        latency_min=15.0,
        waso_min=45.0,
        n3_share=0.13,
        sleep_hr_bpm=62.0,
        waking_hr_bpm=69.0,
        sleep_rmssd_ms=31.0,
        ectopic_share=0.0008,
        activity_cpm=260.0,
        activity_swing=0.3,
        activity_peak_h=16.5,
        swa_n3_uv2=900.0,
        swa_decline_per_h=0.20,
        spindles_per_min=1.8,
    ),
    Plan(
        first=date(2024, 3, 21),
        nights=14,
        watch_off_at=((datetime(2024, 3, 26, 10, 0), 9.0),),  # noqa: DTZ001  a local wall clock
        dropouts_h={date(2024, 3, 27): ((4.5, 6.75), (7.5, 7.52), (8.0, 8.4))},
        eeg=(date(2024, 3, 30),),
    ),
)


def sample_study(folder: Path) -> Path:
    """The folder, filled with the sample study and a README that states its truth; existing files are written over."""
    write_study(folder, "Sample study (simulated)", ZONE, (STEADY, LOOPED, IRREGULAR), SEED)
    truth = json.loads((folder / "truth.json").read_text(encoding="utf-8"))
    (folder / "README.md").write_bytes(_readme(truth).encode("utf-8"))
    return folder


def _readme(truth: dict[str, Any]) -> str:
    people = truth["participants"]
    columns = {name: _column(one) for name, one in people.items()}
    labels = list(next(iter(columns.values())))
    head = ["| truth | " + " | ".join(columns) + " |", "|---|" + "---|" * len(columns)]
    rows = [f"| {label} | " + " | ".join(column[label] for column in columns.values()) + " |" for label in labels]
    return README.replace("{table}", "\n".join(head + rows)).replace("{seed}", str(truth["seed"]))


def _column(one: dict[str, Any]) -> dict[str, str]:
    """The truth of one participant, a line of the README's table each."""
    planted, rhythm, (eeg,) = one["planted"], one["rhythm"], one["eeg"]
    nights = one["nights"]
    tst = [night["tst_min"] for night in nights]
    off = [f"{hole['hours']:g} h from {hole['start'][:16]}" for hole in one["actigraphy"]["off_wrist"]]
    worst = max(one["rr"], key=lambda rr: float(rr["lost_s"]))
    short = [night["night"] for night in nights if night["bed"][-6:] != night["rise"][-6:]]
    return {
        "age, sex": f"{planted['age_y']}, {planted['sex']}",
        "nights of counts / of RR": f"{len(nights)} / {len(one['rr'])}",
        "TST, mean (SD) of nights, min": f"{np.mean(tst):.0f} ({np.std(tst, ddof=1):.0f})",
        "WASO, mean of nights, min": f"{np.mean([night['waso_min'] for night in nights]):.0f}",
        "EEG night": eeg["night"],
        "TST of the EEG night, min": f"{eeg['tst_min']:g}",
        "N3 of the EEG night, min": f"{eeg['n3_min']:g}",
        "SWA decline within N3, per h": f"{eeg['swa_n3_decline_per_h']:g}",
        "slope of ln SWA over N2 and N3, per h": f"{eeg['ln_swa_n2_n3_slope_per_h']:g}",
        "HR asleep, mean of nights, bpm": f"{planted['sleep_hr_bpm']:g}",
        "RMSSD asleep, ms": f"{planted['sleep_rmssd_ms']:g}",
        "24-h cosine of counts: amplitude, cpm": f"{rhythm['amplitude_cpm']:.0f}",
        "24-h cosine of counts: acrophase, h": f"{rhythm['acrophase_h']:.1f}",
        "loop: b, c, gain b·c": f"{planted['loop']['b']:g}, {planted['loop']['c']:g}, {planted['loop']['gain']:.3f}",
        "HR per SD of day arousal, bpm": f"{planted['arousal_hr_bpm']:g}",
        "watch off the wrist": "; ".join(off) or "never",
        "RR missing": ", ".join(one["rr_missing"]) or "no night",
        "longest total RR dropout": f"{worst['lost_s'] / 60:.0f} min, night {worst['night']}",
        "clocks change in": ", ".join(short) or "no night",
        "wristband session": ", ".join(e4["start_utc"] for e4 in one["e4"]) or "none",
        "broken file": ", ".join(broken["export"] for broken in one["broken"]) or "none",
    }


README = """# Sample study

Simulated exports of three people whose truth is known; nobody's data. Everything in this folder is made by
`pipeline/simulate` from the seed {seed}:

    python -c "from pathlib import Path; from pipeline.simulate import sample_study; sample_study(Path('sample_data'))"

| file | what |
|---|---|
| `study.toml`, `participants.tsv` | the study: title and zone; age and sex |
| `inbox/P01/P01.AWD` … | Actiwatch counts, 1-min epochs, of the whole period; its clock does not change |
| `inbox/P01/rr_<night>.txt` … | RR intervals of a chest strap, three hours before bed to after rising |
| `inbox/P01/eeg_<night>.edf` … | one EEG channel (Fpz-Cz, 64 Hz), hypnogram as EDF+ annotations |
| `inbox/P01/e4_<day>.zip` | Empatica E4: 90 min, a stress task from the tag on for 12 min |
| `truth.json` | all that was planted, night by night; the table below is an extract of it |

A night bears the date of the evening on which it begins. P01 sleeps steadily, without a loop. P02 sleeps shallowly
and has a strong loop between day and night, and one EDF file that was cut in the middle while it was copied: it is
to be refused, and nothing else with it. P03 is irregular, spends a day without the watch and loses much of one
night's beats; the EEG night is the one in which the clocks go forward.

{table}

SWA is 0.5–4 Hz power; its decline is in natural log units. WASO is all wake from sleep onset to rising. The cosine
is fitted to the expected counts, without chance and without holes. The loop is per SD of latent arousal and
badness; what the exports show of them has reliabilities of .65 (evening HR) and .70 (WASO and N3).
"""
