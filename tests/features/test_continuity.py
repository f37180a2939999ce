"""Continuity of a night, worked by hand."""

from __future__ import annotations

from datetime import date, timedelta

import numpy as np
import pytest

from pipeline.clock import EPOCH_NS, NS, noon_ns
from pipeline.features.continuity import FAMILY
from pipeline.features.family import EpochGrid, Filled, NightView, SleepWindow, State, WindowSource
from pipeline.features.stage_grid import SOURCE_CODE

ROME = "Europe/Rome"
NIGHT = date(2024, 3, 12)


def view(
    window: tuple[float, float] | None,
    source: WindowSource = WindowSource.HYPNOGRAM,
    night: date = NIGHT,
    censored: tuple[bool, bool] = (False, False),
    **columns: np.ndarray,
) -> NightView:
    """A night whose window lies between two minutes after noon."""
    start, end = noon_ns(night, ROME), noon_ns(night + timedelta(days=1), ROME)
    n = (end - start) // EPOCH_NS
    minute = 60 * NS
    held = None
    if window is not None:
        low, high = (start + round(m * minute) for m in window)
        held = SleepWindow(low, high, source, *censored)
    return NightView(night, ROME, start, end, EpochGrid(start, n, columns), held)


def column(*parts: tuple[float, float, float], n: int = 2880) -> np.ndarray:
    out = np.full(n, np.nan)
    for low, high, value in parts:
        out[round(2 * low) : round(2 * high)] = value
    return out


# Lights out 23:00 (660), asleep 23:20, awake 02:00–02:15 and 04:00–04:00:30, final awakening 06:40, lights on 07:00.
STAGE = column((660, 1140, 0), (680, 1120, 2), (840, 855, 0), (960, 960.5, 0), (900, 930, 3), (1000, 1050, 4))


def test_a_night_by_hand() -> None:
    filled = FAMILY.compute(view((660, 1140), stage=STAGE))
    assert filled.state is State.OK
    assert filled.coverage == 1.0
    assert filled.values == {
        "tib_min": 480.0,
        "spt_min": 440.0,
        "tst_min": 424.5,
        "se_pct": pytest.approx(100 * 424.5 / 480),
        "sol_min": 20.0,
        "waso_min": 15.5,
        "waso_aasm_min": 35.5,  # and the 20 min awake before lights on
        "terminal_wake_min": 20.0,
        "sme_pct": pytest.approx(100 * 424.5 / 440),
        "lps_min": 20.0,
        "awakenings_n": 2,
        "onset_h": pytest.approx(-40 / 60),
        "midpoint_h": pytest.approx(3.0),
        "offset_h": pytest.approx(6 + 40 / 60),
        "sleep_source": "hypnogram",
        "night_stream": "eeg",
    }


def test_a_border_of_sleep_that_a_long_hole_may_hide_is_not_given() -> None:
    period = ("spt_min", "waso_min", "waso_aasm_min", "sme_pct", "awakenings_n", "midpoint_h")

    unseen = FAMILY.compute(view((600, 1200), WindowSource.DIARY, stage=STAGE)).values
    assert unseen["waso_min"] is None, "an hour of the diary's window before and after was not scored"
    diary = STAGE.copy()
    diary[2 * 600 : 2 * 660] = diary[2 * 1140 : 2 * 1200] = 0
    seen = FAMILY.compute(view((600, 1200), WindowSource.DIARY, stage=diary)).values
    assert (seen["sol_min"], seen["waso_min"], seen["terminal_wake_min"]) == (80.0, 15.5, 80.0)
    for low, high, border in ((600, 630.5, "onset_h"), (1125, 1155.5, "offset_h")):
        holed = diary.copy()
        holed[round(2 * low) : round(2 * high)] = np.nan
        found = FAMILY.compute(view((600, 1200), WindowSource.DIARY, stage=holed)).values
        assert all(found[name] is None for name in (*period, border)), border
        assert found["tst_min"] == 424.5
        holed[round(2 * low)] = 0  # half an hour is let pass
        found = FAMILY.compute(view((600, 1200), WindowSource.DIARY, stage=holed)).values
        assert found[border] is not None
        assert found["spt_min"] == 440.0


def test_persistent_sleep_is_ten_minutes_in_a_row() -> None:
    def latency(*parts: tuple[float, float, float], **more: object) -> object:
        return FAMILY.compute(view((660, 1140), stage=column((660, 1140, 0), *parts), **more)).values["lps_min"]  # type: ignore[arg-type]

    # Asleep 23:10 for 9.5 min, then for good from 23:30 on, through a change of stage.
    assert latency((670, 679.5, 1), (690, 695, 1), (695, 1100, 2)) == 30.0
    assert latency((670, 680, 1), (690, 1100, 2)) == 10.0
    assert latency((670, 679.5, 1)) is None
    assert latency((670, 679.5, 1), (690, 1100, 2), (660, 666, np.nan)) is None, "6 min before it were not seen"
    assert latency((670, 679.5, 1), (690, 1100, 2), (660, 665, np.nan)) == 30.0
    assert latency((670, 1100, 2), censored=(True, False)) is None


def test_wake_at_the_end_is_the_aasms_and_needs_lights_on() -> None:
    def after(stage: np.ndarray, source: WindowSource = WindowSource.HYPNOGRAM, *, end: bool = False) -> list[object]:
        values = FAMILY.compute(view((660, 1140), source, censored=(False, end), stage=stage)).values
        return [values[name] for name in ("waso_min", "terminal_wake_min", "waso_aasm_min")]

    assert after(STAGE) == [15.5, 20.0, 35.5]
    assert after(STAGE, end=True) == [None, None, None]
    cropped = STAGE.copy()
    cropped[2 * 1140] = 0  # scored on after the window: it was cropped
    assert after(cropped) == [15.5, None, None]
    assert after(cropped, WindowSource.DIARY) == [15.5, 20.0, 35.5]
    hidden = STAGE.copy()
    hidden[2 * 1125 : 2 * 1130] = np.nan
    assert after(hidden) == [15.5, 15.0, 30.5]
    hidden[2 * 1130] = np.nan
    assert after(hidden) == [15.5, None, None], "more than 5 min after the final awakening were not seen"
    actigraphy = column((660, 1140, 1), (800, 803, 0))
    seen = FAMILY.compute(view((660, 1140), WindowSource.ACTIGRAPHY, acti_sleep=actigraphy)).values
    assert (seen["waso_min"], seen["terminal_wake_min"], seen["waso_aasm_min"]) == (3.0, None, None)


def test_declared_equals_filled() -> None:
    names = {c.name for c in FAMILY.columns}
    for filled in (
        FAMILY.compute(view((660, 1140), stage=STAGE)),
        FAMILY.compute(view(None, stage=STAGE)),
        FAMILY.compute(view((660, 1140))),
        FAMILY.nothing("x"),
    ):
        assert set(filled.values) == names


def test_all_wake_night() -> None:
    filled = FAMILY.compute(view((660, 1140), stage=column((660, 1140, 0))))
    values = filled.values
    assert filled.state is State.OK
    assert (values["tib_min"], values["tst_min"], values["se_pct"]) == (480.0, 0.0, 0.0)
    nulls = ("spt_min", "sol_min", "waso_min", "awakenings_n", "onset_h", "midpoint_h", "offset_h")
    assert all(values[name] is None for name in nulls)


def test_all_sleep_night_has_no_latency_and_no_wake() -> None:
    values = FAMILY.compute(view((660, 1140), stage=column((660, 1140, 2)))).values
    assert (values["sol_min"], values["waso_min"], values["awakenings_n"], values["se_pct"]) == (0.0, 0.0, 0, 100.0)


def test_no_window_nothing_scored_one_epoch() -> None:
    none = FAMILY.compute(view(None, stage=column((0, 144, 0))))
    assert none.state is State.INSUFFICIENT
    assert none.reason
    assert none.coverage == pytest.approx(0.1)
    little = FAMILY.compute(view((660, 1140), stage=column((660, 890, 2))))
    assert little.state is State.INSUFFICIENT
    assert all(value is None for value in little.values.values())
    one = FAMILY.compute(view((660, 660.5), stage=column((660, 660.5, 2)))).values
    assert (one["tib_min"], one["tst_min"], one["sol_min"]) == (0.5, 0.5, 0.0)


def test_unknown_epochs_are_neither_sleep_nor_wake() -> None:
    stage = STAGE.copy()
    stage[2 * 1060 : 2 * 1100] = np.nan  # 40 min of sleep unscored
    stage[2 * 860 : 2 * 862] = -2  # movement
    filled = FAMILY.compute(view((660, 1140), stage=stage))
    values = filled.values
    assert filled.state is State.OK
    assert values["tst_min"] == 424.5 - 42
    assert values["waso_min"] == 15.5
    assert values["awakenings_n"] == 2
    assert values["spt_min"] == 440.0
    assert values["se_pct"] == pytest.approx(100 * 382.5 / 438)
    stage[2 * 1000 : 2 * 1060] = np.nan
    worse = FAMILY.compute(view((660, 1140), stage=stage))
    assert worse.state is State.PARTIAL
    assert worse.coverage == pytest.approx(378 / 480)


def test_latency_is_unknown_where_minutes_before_onset_are() -> None:
    stage = STAGE.copy()
    stage[2 * 665 : 2 * 670] = np.nan
    assert FAMILY.compute(view((660, 1140), stage=stage)).values["sol_min"] == 20.0
    stage[2 * 664] = np.nan
    values = FAMILY.compute(view((660, 1140), stage=stage)).values
    assert values["sol_min"] is None
    assert values["onset_h"] == pytest.approx(-40 / 60)


def test_actigraphy_window_knows_no_latency() -> None:
    wrist = column((0, 1440, 0), (670, 1120, 1), (800, 812, 0))
    filled = FAMILY.compute(view((670, 1120), WindowSource.ACTIGRAPHY, acti_sleep=wrist))
    values = filled.values
    assert values["sol_min"] is None
    assert values["tst_min"] == 438.0
    assert values["se_pct"] == pytest.approx(100 * 438 / 450)
    assert (values["waso_min"], values["awakenings_n"]) == (12.0, 1)
    assert (values["sleep_source"], values["night_stream"]) == ("actigraphy", "actigraphy")


def test_diary_window_scored_by_actigraphy_begins_with_sustained_sleep() -> None:
    wrist = column((0, 1440, 0), (661, 664, 1), (690, 1120, 1))
    values = FAMILY.compute(view((660, 1140), WindowSource.DIARY, acti_sleep=wrist)).values
    assert values["sol_min"] == 30.0
    assert values["tst_min"] == 430.0
    assert values["onset_h"] == pytest.approx(-0.5)


def test_hypnogram_goes_before_actigraphy_if_it_scores_half() -> None:
    wrist = column((660, 1140, 1))
    whole = FAMILY.compute(view((660, 1140), stage=STAGE, acti_sleep=wrist)).values
    assert whole["sleep_source"] == "hypnogram"
    short = STAGE.copy()
    short[2 * 890 :] = np.nan
    other = FAMILY.compute(view((660, 1140), WindowSource.DIARY, stage=short, acti_sleep=wrist)).values
    assert other["sleep_source"] == "actigraphy"
    assert other["tst_min"] == 480.0


def test_cropped_hypnogram_has_efficiency_by_convention_but_no_latency() -> None:
    stage = column((0, 1440, 0), (690, 1110, 2))
    values = FAMILY.compute(view((660, 1140), stage=stage)).values
    assert values["sol_min"] is None
    assert values["se_pct"] == pytest.approx(100 * 420 / 480)
    assert values["onset_h"] == pytest.approx(-0.5)


def test_censored_sides_null_what_they_hide() -> None:
    late = FAMILY.compute(view((660, 1140), censored=(True, False), stage=STAGE))
    assert late.state is State.PARTIAL
    assert late.reason is not None
    assert "start" in late.reason
    assert late.values["offset_h"] == pytest.approx(6 + 40 / 60)
    for name in (
        "onset_h",
        "midpoint_h",
        "sol_min",
        "tst_min",
        "tib_min",
        "spt_min",
        "se_pct",
        "waso_min",
        "awakenings_n",
    ):
        assert late.values[name] is None
    early = FAMILY.compute(view((660, 1140), censored=(False, True), stage=STAGE)).values
    assert early["onset_h"] == pytest.approx(-40 / 60)
    assert early["sol_min"] == 20.0
    assert early["offset_h"] is None
    assert early["tst_min"] is None
    both = FAMILY.compute(view((660, 1140), censored=(True, True), stage=STAGE))
    assert both.state is State.INSUFFICIENT


def night_of_change(night: date, hours: float) -> Filled:
    """Asleep from 23:00 for so many elapsed hours in a night that holds a clock change."""
    wrist = np.zeros(3000)
    wrist[1320 : 1320 + round(hours * 120)] = 1
    window = (660, 660 + hours * 60)
    found = view(window, WindowSource.ACTIGRAPHY, night, acti_sleep=wrist)
    return FAMILY.compute(found)


def test_clock_hours_and_durations_across_clock_changes() -> None:
    autumn = night_of_change(date(2024, 10, 26), 9.0).values  # 23:00 to 07:00 with an hour gained
    assert (autumn["tst_min"], autumn["onset_h"], autumn["offset_h"]) == (540.0, -1.0, 7.0)
    assert autumn["midpoint_h"] == pytest.approx(2.5)  # 4.5 h after 23:00 summer time: 02:30, the second time
    spring = night_of_change(date(2024, 3, 30), 7.0).values
    assert (spring["tst_min"], spring["onset_h"], spring["offset_h"]) == (420.0, -1.0, 7.0)
    assert spring["midpoint_h"] == pytest.approx(3.5)


def test_parts_add_up_in_any_night() -> None:
    rng = np.random.default_rng(0)
    for _ in range(20):
        stage = np.repeat(
            rng.choice([0.0, 1, 2, 3, 4, np.nan, -2.0], 96, p=[0.1, 0.1, 0.35, 0.2, 0.15, 0.05, 0.05]), 10
        )
        night = np.full(2880, np.nan)
        night[1320:2280] = stage
        values = FAMILY.compute(view((660, 1140), stage=night)).values
        known = np.where(stage >= 0, stage, np.nan)
        asleep = np.flatnonzero(known > 0)
        inside = known[asleep[0] : asleep[-1] + 1]
        assert values["tst_min"] + values["waso_min"] + np.isnan(inside).sum() / 2 == values["spt_min"]  # type: ignore[operator]
        assert values["spt_min"] <= values["tib_min"]  # type: ignore[operator]
        assert values["onset_h"] < values["midpoint_h"] < values["offset_h"]  # type: ignore[operator]


@pytest.mark.parametrize(
    ("source", "told", "stream"),
    [
        ("expert", "hypnogram", "eeg"),
        ("model", "model hypnogram", "eeg"),
        ("consumer", "consumer hypnogram", "consumer"),
    ],
)
def test_who_told_sleep_from_wake(source: str, told: str, stream: str) -> None:
    by = np.where(np.isfinite(STAGE), SOURCE_CODE[source], np.nan)
    values = FAMILY.compute(view((660, 1140), stage=STAGE, stage_source=by)).values
    assert (values["sleep_source"], values["night_stream"]) == (told, stream)


def test_lights_out_and_on_are_known_though_a_model_staged_beyond_them() -> None:
    expert, model = SOURCE_CODE["expert"], SOURCE_CODE["model"]
    beyond = np.where(np.isfinite(STAGE), STAGE, column((640, 1160, 0)))
    scored = np.where(np.isfinite(STAGE), expert, column((640, 1160, model)))
    alone = FAMILY.compute(view((660, 1140), stage=STAGE)).values
    found = FAMILY.compute(view((660, 1140), stage=beyond, stage_source=scored)).values
    assert found["sol_min"] == alone["sol_min"] == 20.0
    assert found == alone
    # Cropped out of one scoring, the window's borders are neither.
    cropped = np.where(np.isfinite(beyond), expert, np.nan)
    assert FAMILY.compute(view((660, 1140), stage=beyond, stage_source=cropped)).values["sol_min"] is None
