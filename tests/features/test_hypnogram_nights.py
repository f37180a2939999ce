"""What every hypnogram family gives on nights at the edge of being one, and beside YASA on published hypnograms."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from nights import NOON, night

from pipeline.clock import EPOCH_NS
from pipeline.devices.edf import READER
from pipeline.devices.reader import Asked
from pipeline.features import NIGHT_FAMILIES
from pipeline.features.family import EpochGrid, Filled, NightView, State, WindowSource
from pipeline.features.stage_grid import stage_codes
from pipeline.features.windows import sleep_window
from pipeline.recording import StageSource

FAMILIES = [f for f in NIGHT_FAMILIES if f.name in {"continuity", "architecture", "stage_dynamics", "sleep_cycles"}]
E, C = StageSource.EXPERT, StageSource.CONSUMER
X = None

# fmt: off
TOLD = ("tst_min", "se_pct", "sol_min", "waso_min", "waso_aasm_min", "lps_min", "awakenings_n", "n1_min", "n3_min",
        "n3_pct", "rem_min", "n2_latency_min", "rem_latency_min", "stage_shifts_n", "stage_stability",
        "awakening_per_h", "sleep_bouts_n", "n3_bouts_n", "cycles_n", "cycle1_min")
NIGHTS = {
    "all wake":       ("W480", E, State.OK,
                       (0, 0, X, X, X, X, X, 0, 0, X, 0, X, X, 0, X, X, 0, 0, 0, X)),
    "one epoch":      ("20.5", E, State.OK,
                       (.5, 100, 0, 0, 0, X, 0, 0, 0, 0, 0, 0, X, 0, X, 0, 1, 0, 0, X)),
    "one of wake":    ("W0.5", E, State.OK,
                       (0, 0, X, X, X, X, X, 0, 0, X, 0, X, X, 0, X, X, 0, 0, 0, X)),
    "all unscored":   ("?480", E, State.INSUFFICIENT, (X,) * 20),
    "nearly half":    ("W10 2229.5 ?240.5", E, State.INSUFFICIENT, (X,) * 20),
    "half unscored":  ("W10 2230 ?240", E, State.PARTIAL,
                       (230, 100 * 230 / 240, 10, X, X, 10, X, 0, 0, 0, 0, 0, X, 0, 1, 0, 1, 0, 0, X)),
    "no REM":         ("W10 15 2100 360 2195 W5", E, State.OK,
                       (360, 96, 10, 0, 5, 10, 0, 5, 60, 100 / 6, 0, 5, X, 3, (588 / 589 + 119 / 120) / 2,
                        0, 1, 1, 0, X)),
    "no N3":          ("W10 2100 R20 2100 R30 W5", E, State.OK,
                       (250, 100 * 250 / 265, 10, 0, 5, 10, 0, 0, 0, 0, 50, 0, 100, 3, (398 / 400 + 98 / 99) / 2,
                        0, 1, 0, 2, 120)),
    "only REM":       ("R240", E, State.OK,
                       (240, 100, 0, 0, 0, 0, 0, 0, 0, 0, 240, X, 0, 0, 1, 0, 1, 0, 0, X)),
    "light and deep": ("W10 L100 340 R20 W3 L90 R30 W7", C, State.PARTIAL,
                       (280, 100 * 280 / 300, 10, 3, 10, 10, 1, X, 40, 100 / 7, 50, X, 140, X, X, 60 / 280,
                        2, 1, 2, 160)),
    "asleep":         ("W10 S200 W4 S200 W6", C, State.PARTIAL,
                       (400, 100 * 400 / 420, 10, 4, 10, 10, 1, X, X, X, X, X, X, X, X, .15, 2, X, X, X)),
    "movement":       ("W10 220 M1 330 M2 R20 W10", E, State.OK,
                       (70, 100 * 70 / 90, 10, 0, 10, 10, 0, 0, 30, 300 / 7, 20, 0, 53, 0, 1, 0, 3, 1, 1, 73)),
    "all movement":   ("M480", E, State.OK,
                       (X, X, X, X, X, X, X, 0, 0, X, 0, X, X, 0, X, X, 0, 0, 0, X)),
    "nobody told":    ("W10 2300 R20", None, State.OK,
                       (320, 100 * 320 / 330, 10, 0, 0, 10, 0, 0, 0, 0, 20, 0, 300, 1, (599 / 600 + 1) / 2,
                        0, 1, 0, 1, 320)),
}
# fmt: on


def fill(view: NightView) -> tuple[dict[str, Any], list[Filled]]:
    filled = [family.compute(view) for family in FAMILIES]
    return {name: value for one in filled for name, value in one.values.items()}, filled


@pytest.mark.parametrize("name", NIGHTS)
def test_every_statistic_is_defined_on_every_night(name: str) -> None:
    text, source, state, expected = NIGHTS[name]
    values, filled = fill(night(text, source))
    got = {column: values[column] for column in TOLD}
    assert got == {c: (x if x is None else pytest.approx(x)) for c, x in zip(TOLD, expected, strict=True)}
    assert [one.state for one in filled[1:]] == [state] * 3
    for one, family in zip(filled, FAMILIES, strict=True):
        assert one.values.keys() == {column.name for column in family.columns}
        assert (one.reason is None) == (one.state is State.OK)
        for column in family.columns:
            value = one.values[column.name]
            if isinstance(value, float | int) and not isinstance(value, bool):
                assert np.isfinite(value), column.name
                assert column.low is None or value >= column.low, column.name
                assert column.high is None or value <= column.high, column.name


def test_no_window_is_told_by_every_family() -> None:
    for family in FAMILIES:
        filled = family.compute(replace(night("W10 2300 R20"), window=None))
        assert filled.state is State.INSUFFICIENT
        assert set(filled.values.values()) == {None}


# YASA 0.8.1, Hypnogram.sleep_statistics and transition_matrix: minutes, %, 1/h.
YASA_NAMES = (
    "TIB",
    "SPT",
    "WASO",
    "TST",
    "SE",
    "SME",
    "SFI",
    "SOL",
    "Lat_REM",
    "N1",
    "N2",
    "N3",
    "REM",
    "N2>N3",
    "R>N2",
)
YASA = {
    "ST7011": (546, 499, 55, 444, 81.3187, 88.978, 3.3784, 26, 79, 50.5, 264.5, 68, 61, 42, 1),
    "ST7012": (520, 490.5, 22, 468.5, 90.0962, 95.5148, 1.5368, 11, 98.5, 31, 293, 54.5, 90, 44, 2),
    "ST7021": (460, 443.5, 18, 425.5, 92.5, 95.9414, 3.2432, 10.5, 183, 22, 206, 109.5, 88, 15, 1),
    "ST7022": (472, 451.5, 16.5, 435, 92.161, 96.3455, 2.8966, 10.5, 99, 37, 176.5, 142, 79.5, 27, 0),
    "ST7041": (504, 488.5, 12, 476, 94.4444, 97.4411, 2.395, 0, 77, 33, 268, 66, 109, 12, 2),
    "ST7042": (565.5, 524, 13.5, 510, 90.1857, 97.3282, 2, 0, 173, 30, 311, 61, 108, 15, 3),
    "ST7051": (509, 498.5, 26.5, 472, 92.7308, 94.6841, 2.161, 0, 84.5, 51.5, 184, 124, 112.5, 19, 4),
    "ST7052": (517, 500.5, 39, 461.5, 89.265, 92.2078, 3.3803, 15, 96.5, 60.5, 198, 90, 113, 6, 2),
    "ST7061": (504, 486, 6.5, 479.5, 95.1389, 98.6626, 0.7508, 12, 105.5, 44.5, 294.5, 5, 135.5, 8, 1),
    "ST7062": (476, 455.5, 5.5, 450, 94.5378, 98.7925, 0.6667, 13, 72, 23.5, 290.5, 13, 123, 19, 4),
    "ST7071": (410.5, 380.5, 136, 244.5, 59.5615, 64.2576, 5.3988, 12.5, 77.5, 44, 100.5, 66, 34, 14, 3),
    "ST7072": (457.5, 357.5, 20.5, 337, 73.6612, 94.2657, 2.3145, 14, 108, 28.5, 172.5, 80, 56, 18, 9),
}


@pytest.mark.realdata
@pytest.mark.parametrize("name", YASA)
def test_published_nights_beside_yasa(real_data: Path, name: str) -> None:
    """The same but for definitions: efficiency over scored time, awakenings before the last, latency from onset."""
    folder = real_data / "sleepedf_ST_hypnograms" / "Hypnogram"
    hypnogram = READER.read(next(folder.glob(f"{name}*.edf")), Asked(zone="Europe/Amsterdam")).hypnogram
    assert hypnogram is not None
    n = round(len(hypnogram.stages) * hypnogram.epoch_s / 30)
    stage = stage_codes(hypnogram, hypnogram.start_ns + np.arange(n + 1, dtype=np.int64) * EPOCH_NS)
    grid = EpochGrid(NOON, 2880, {"stage": np.full(2880, np.nan)})
    grid.columns["stage"][1000 : 1000 + n] = stage
    seen = replace(night(""), grid=grid, window=None)
    window = sleep_window(seen.start_ns, seen.end_ns, grid, ())
    assert window is not None
    # The window as the whole hypnogram: YASA knows no cropping and no censoring.
    low = NOON + 1000 * EPOCH_NS
    whole = replace(window, start_ns=low, end_ns=low + n * EPOCH_NS, start_censored=False, end_censored=False)
    values, _ = fill(replace(seen, window=replace(whole, source=WindowSource.HYPNOGRAM)))
    yasa = dict(zip(YASA_NAMES, YASA[name], strict=True))
    same = {  # by YASA's name
        "TIB": "tib_min", "SPT": "spt_min", "WASO": "waso_min", "TST": "tst_min", "SOL": "sol_min", "N1": "n1_min",
        "N2": "n2_min", "N3": "n3_min", "REM": "rem_min", "N2>N3": "n2_to_n3_n", "R>N2": "rem_to_n2_n",
    }  # fmt: skip
    assert {k: values[v] for k, v in same.items()} == {k: yasa[k] for k in same}
    assert values["rem_latency_min"] == yasa["Lat_REM"] - yasa["SOL"]
    tst_min, scored_min = float(yasa["TST"]), float((stage >= 0).sum()) / 2
    assert values["se_pct"] == pytest.approx(100 * tst_min / scored_min)
    assert values["se_pct"] * scored_min / yasa["TIB"] == pytest.approx(yasa["SE"], abs=1e-4)
    moved_min = float((stage == -2).sum()) / 2
    assert values["sme_pct"] == pytest.approx(100 * tst_min / (yasa["SPT"] - moved_min))
    last = 1 if stage[np.flatnonzero(stage > 0)[-1] + 1 :][:1] == 0 else 0
    assert values["awakening_per_h"] + last / (tst_min / 60) == pytest.approx(yasa["SFI"], abs=1e-4)
    assert timedelta(minutes=values["tib_min"]) == n * timedelta(seconds=30)
