"""The tables of the dataset whatever the features: what is always known of a recording, a night, a score.

`epochs`, `nights`, `days` and `participants` are these base columns plus the columns that the feature families
declare; `pipeline.features` assembles them.
"""

from __future__ import annotations

import polars as pl

from pipeline.dataset.table import Column, Table

UTC = pl.Datetime("us", "UTC")
OURS = "sleeploop"

PARTICIPANT = Column("participant", pl.String, "", "pseudonym, as in participants.tsv", OURS, nullable=False)
RECORDING = Column("recording", pl.String, "", "first 12 hex digits of the export's sha256", OURS, nullable=False)


def _state_columns(name: str, row: str) -> tuple[Column, ...]:
    return (
        Column(
            f"{name}_state",
            pl.String,
            "",
            f"how far the {name} columns of this {row} can be used",
            OURS,
            nullable=False,
        ),
        Column(f"{name}_reason", pl.String, "", "why, when the state is not ok", OURS),
        Column(
            f"{name}_coverage",
            pl.Float64,
            "1",
            "share of the time it stands on that was validly measured",
            OURS,
            low=0.0,
            high=1.0,
            null_when="nothing of it was recorded",
        ),
    )


def family_columns(name: str, row: str, columns: tuple[Column, ...]) -> tuple[Column, ...]:
    """A family's own columns followed by its state, reason and coverage."""
    return (*columns, *_state_columns(name, row))


_NO_CLOCK = "it holds no clock: occasions, days or answers only"

RECORDINGS = Table(
    "recordings",
    "accepted export",
    ("participant", "recording"),
    (
        PARTICIPANT,
        RECORDING,
        Column("export", pl.String, "", "path below inbox/", OURS, nullable=False),
        Column("sha256", pl.String, "", "content hash of the export", OURS, nullable=False),
        Column("reader", pl.String, "", "the reader that recognised it", OURS, nullable=False),
        Column("device", pl.String, "", "device or software that wrote it", OURS, nullable=False),
        Column(
            "kinds", pl.List(pl.String), "", "what was measured, each with its canonical unit", OURS, nullable=False
        ),
        Column("start_utc", UTC, "", "start of the first measurement", OURS, null_when=_NO_CLOCK),
        Column("end_utc", UTC, "", "end of the last measurement", OURS, null_when=_NO_CLOCK),
        Column("zone", pl.String, "", "IANA zone of its wall clock", OURS, nullable=False),
        Column("zone_source", pl.String, "", "file, sidecar, participant or study", OURS, nullable=False),
        Column(
            "clock",
            pl.String,
            "",
            "what its time stamps are: utc, utc offset, device clock, local clock or elapsed",
            OURS,
            nullable=False,
        ),
        Column(
            "utc_offset_min",
            pl.Int64,
            "min",
            "UTC offset of its wall clock at its start, as recorded",
            OURS,
            low=-900.0,
            high=900.0,
            null_when=_NO_CLOCK,
        ),
        Column(
            "channels", pl.List(pl.String), "", "label, native rate and coverage of each signal", OURS, nullable=False
        ),
        Column("beats_n", pl.Int64, "count", "beat intervals in the export", OURS, low=0, null_when="no beats in it"),
        Column(
            "coverage",
            pl.Float64,
            "1",
            "share of the span in which at least one signal or beat was measured",
            OURS,
            low=0.0,
            high=1.0,
            null_when="it holds no signal, only events",
        ),
        Column("repairs", pl.List(pl.String), "", "what the reader put right, in words", OURS, nullable=False),
    ),
)

_NO_LINE = "the traces agree nowhere, or too few windows correlate"

CLOCKS = Table(
    "clocks",
    "recording that was compared with another of the participant, by what both saw",
    ("participant", "recording"),
    (
        PARTICIPANT,
        RECORDING,
        Column("reference", pl.String, "", "the recording whose clock is held to be right", OURS, nullable=False),
        Column("trace", pl.String, "", "what was compared: heart rate or movement", OURS, nullable=False),
        Column("overlap_h", pl.Float64, "h", "time that both cover", OURS, low=0.0, nullable=False),
        Column("windows_n", pl.Int64, "count", "windows of 10 min that correlate (of 5 "
               "min where less than 2 h are shared)", OURS, low=0, nullable=False),
        Column("offset_s", pl.Float64, "s", "how much later this recording stamps what happens, at the middle of the "
               "windows", OURS, null_when=_NO_LINE),
        Column("offset_se_s", pl.Float64, "s", "its standard error, of the fit alone", OURS, low=0.0,
               null_when=_NO_LINE),
        Column("drift_s_per_h", pl.Float64, "s/h", "by how much that grows", OURS, null_when=_NO_LINE),
        Column("drift_se_s_per_h", pl.Float64, "s/h", "its standard error", OURS, low=0.0, null_when=_NO_LINE),
        Column("residual_s", pl.Float64, "s", "robust standard deviation of the windows about the line", OURS, low=0.0,
               null_when=_NO_LINE),
        Column("agreeing_share", pl.Float64, "1", "share of the windows that find the line to 2 s each on its own",
               OURS, low=0.0, high=1.0, null_when=_NO_LINE),
        Column("confidence", pl.Float64, "1", "lower end of the 95 % Wilson interval of that share; from 0.5 on a "
               "correction may be applied", OURS, low=0.0, high=1.0, null_when=_NO_LINE),
        Column("applied", pl.Boolean, "", "whether the recording's times were corrected by it", OURS, nullable=False),
        Column("reason", pl.String, "", "why it was not applied", OURS, null_when="it was applied"),
    ),
)  # fmt: skip

EVENTS = Table(
    "events",
    "event",
    ("participant", "recording", "kind", "onset_utc", "label"),
    (
        PARTICIPANT,
        RECORDING,
        Column(
            "kind",
            pl.String,
            "",
            "marker, or rest for an interval in bed that a diary or device reports",
            OURS,
            nullable=False,
        ),
        Column("onset_utc", UTC, "", "when it began", OURS, nullable=False),
        Column("duration_s", pl.Float64, "s", "how long it lasted; 0 for an instant", OURS, low=0.0, nullable=False),
        Column("label", pl.String, "", "as in the export", OURS, nullable=False),
    ),
)

SALIVA = Table(
    "saliva",
    "saliva sample",
    ("participant", "recording", "series", "occasion", "analyte"),
    (
        PARTICIPANT,
        RECORDING,
        Column("series", pl.String, "", "day or session of the sample; empty if there is one", OURS, nullable=False),
        Column("occasion", pl.String, "", "the sample's name in the export", OURS, nullable=False),
        Column("time_utc", UTC, "", "when it was taken", OURS, null_when="the export names the occasion only"),
        Column(
            "after_waking_min",
            pl.Float64,
            "min",
            "minutes since awakening, negative before it",
            OURS,
            null_when="awakening is not told",
        ),
        Column("analyte", pl.String, "", "cortisol, melatonin, …", OURS, nullable=False),
        Column(
            "value", pl.Float64, "see unit", "concentration; the limit where it lies beyond one", OURS, nullable=False
        ),
        Column(
            "unit",
            pl.String,
            "",
            "nmol/L, or U/mL, where the exported unit can be converted; else as exported",
            OURS,
            nullable=False,
        ),
        Column(
            "flag", pl.String, "", "what the laboratory says of the value: below the range, …", OURS, nullable=False
        ),
    ),
)

ANSWERS = Table(
    "answers",
    "answer of a questionnaire, diary or daily self-report",
    ("participant", "recording", "instrument", "item", "number"),
    (
        PARTICIPANT,
        RECORDING,
        Column("instrument", pl.String, "", "questionnaire, as in the export", OURS, nullable=False),
        Column("item", pl.String, "", "question, subscale or total, as in the export", OURS, nullable=False),
        Column(
            "number", pl.Int64, "count", "1 for the first answer to the item in the export, …", OURS, low=1,
            nullable=False,
        ),
        Column("value", pl.Float64, "see instrument", "the answer as a number", OURS, null_when="it is given as text"),
        Column("text", pl.String, "", "the answer as text; empty where it is a number", OURS, nullable=False),
        Column("time_utc", UTC, "", "when it was given", OURS, null_when="the export names the day only, or nothing"),
        Column("day", pl.Date, "", "local date, of a diary that of the evening", OURS, null_when="not told"),
    ),
)  # fmt: skip

EPOCHS = Table(
    "epochs",
    "participant × 30 s (UTC multiples of 30 s; only epochs in which something was measured)",
    ("participant", "start_utc"),
    (PARTICIPANT, Column("start_utc", UTC, "", "start of the epoch", OURS, nullable=False)),
)

SPECTRA = Table(
    "spectra",
    "participant × recording × 30 s of EEG",
    ("participant", "recording", "start_utc"),
    (PARTICIPANT, RECORDING, Column("start_utc", UTC, "", "start of the epoch", OURS, nullable=False)),
)

_ZONE = Column("zone", pl.String, "", "IANA zone in which the row's borders are civil time", OURS, nullable=False)
_START = Column("start_utc", UTC, "", "start of the row's stretch of time", OURS, nullable=False)
_END = Column("end_utc", UTC, "", "end of the row's stretch of time", OURS, nullable=False)
_HOURS = Column(
    "hours",
    pl.Float64,
    "h",
    "its length: 24, 23 / 25 where the clocks change, and up to 14 h less or more on a journey",
    OURS,
    low=1.0,
    high=50.0,
    nullable=False,
)

NIGHTS = Table(
    "nights",
    "participant × night (local noon to noon, named by the date on which it begins)",
    ("participant", "night"),
    (
        PARTICIPANT,
        Column("night", pl.Date, "", "local date of the noon at which it begins", OURS, nullable=False),
        _ZONE,
        _START,
        _END,
        _HOURS,
        Column(
            "window_source",
            pl.String,
            "",
            "what the sleep window rests on: hypnogram, diary, actigraphy or none",
            OURS,
            nullable=False,
        ),
        Column("window_start_utc", UTC, "", "start of the sleep window", OURS, null_when="no sleep window was found"),
        Column("window_end_utc", UTC, "", "end of the sleep window", OURS, null_when="no sleep window was found"),
        Column(
            "window_start_censored",
            pl.Boolean,
            "",
            "true: the recording began or had a hole here, the true start is earlier or unknown",
            OURS,
        ),
        Column(
            "window_end_censored",
            pl.Boolean,
            "",
            "true: the recording ended or had a hole here, the true end is later or unknown",
            OURS,
        ),
    ),
)

DAYS = Table(
    "days",
    "participant × local calendar day",
    ("participant", "day"),
    (
        PARTICIPANT,
        Column("day", pl.Date, "", "local date", OURS, nullable=False),
        _ZONE,
        _START,
        _END,
        _HOURS,
    ),
)

PARTICIPANTS = Table(
    "participants",
    "participant",
    ("participant",),
    (
        PARTICIPANT,
        _ZONE,
        Column(
            "age_y", pl.Float64, "y", "age, from participants.tsv", OURS, low=0.0, high=120.0, null_when="not given"
        ),
        Column("sex", pl.String, "", "F or M, from participants.tsv", OURS, null_when="not given"),
        Column("first_night", pl.Date, "", "first night with a recording", OURS, null_when="no recording with a clock"),
        Column("last_night", pl.Date, "", "last night with a recording", OURS, null_when="no recording with a clock"),
        Column("recordings_n", pl.Int64, "count", "accepted exports", OURS, low=0, nullable=False),
        Column("nights_n", pl.Int64, "count", "nights with a sleep window", OURS, low=0, nullable=False),
    ),
)

CONTRIBUTION = pl.Struct(
    {
        "feature": pl.String,
        "domain": pl.String,
        "value": pl.Float64,
        "z": pl.Float64,
        "weight": pl.Float64,
        "contribution": pl.Float64,
        "n": pl.Int64,
    }
)
_NO_NUMBER = "the state is insufficient"

SCORES = Table(
    "scores",
    "participant × score × window",
    ("participant", "score", "window_start", "window_end"),
    (
        PARTICIPANT,
        Column("score", pl.String, "", "name of the score", OURS, nullable=False),
        Column("version", pl.String, "", "version of its equations", OURS, nullable=False),
        Column("tables", pl.String, "", "content hash of its norm and prior tables", OURS, nullable=False),
        Column("window_start", pl.Date, "", "first night of the window", OURS, nullable=False),
        Column("window_end", pl.Date, "", "last night of the window", OURS, nullable=False),
        Column(
            "state",
            pl.String,
            "",
            "insufficient, low information, prior-dominated, weak, usable or ok",
            OURS,
            nullable=False,
        ),
        Column("reasons", pl.List(pl.String), "", "what limits it, in words", OURS, nullable=False),
        Column("unit", pl.String, "", "unit of the estimate and its interval", OURS, nullable=False),
        Column("estimate", pl.Float64, "see unit", "posterior mean", OURS, null_when=_NO_NUMBER),
        Column("low80", pl.Float64, "see unit", "lower end of the 80 % interval", OURS, null_when=_NO_NUMBER),
        Column("high80", pl.Float64, "see unit", "upper end of the 80 % interval", OURS, null_when=_NO_NUMBER),
        Column("low95", pl.Float64, "see unit", "lower end of the 95 % interval", OURS, null_when=_NO_NUMBER),
        Column("high95", pl.Float64, "see unit", "upper end of the 95 % interval", OURS, null_when=_NO_NUMBER),
        Column("contributions", pl.List(CONTRIBUTION), "", "the parts that sum to the estimate", OURS, nullable=False),
        Column(
            "details",
            pl.List(pl.Struct({"name": pl.String, "value": pl.Float64})),
            "",
            "further named numbers of the score",
            OURS,
            nullable=False,
        ),
        Column(
            "missing", pl.List(pl.String), "", "features that were not used, each with its reason", OURS, nullable=False
        ),
    ),
)

FAILURES = Table(
    "failures",
    "refused export or failed step",
    ("participant", "export", "step"),
    (
        PARTICIPANT,
        Column(
            "export",
            pl.String,
            "",
            "path below inbox/ that it had; empty for a step over the whole participant",
            OURS,
            nullable=False,
        ),
        Column("step", pl.String, "", "ingest, extract, align, score or describe", OURS, nullable=False),
        Column("fault", pl.String, "", "machine-readable name of the fault", OURS, nullable=False),
        Column("what", pl.String, "", "what happened", OURS, nullable=False),
        Column("where", pl.String, "", "file, row, channel", OURS, nullable=False),
        Column("known", pl.String, "", "what is known about it", OURS, nullable=False),
        Column("hint", pl.String, "", "what to try", OURS, nullable=False),
    ),
)
