"""The published figures a feature is held against: loadings, population norms, and which norm stands in for which.

Three tables travel with the package: `priors/hpa_loadings.csv`, `norms/norms.csv` and `norms/stand_ins.csv`. Every
row carries its source and its status; an empty field is "unknown", never 0.
"""

from __future__ import annotations

import csv
import hashlib
from dataclasses import dataclass
from enum import StrEnum
from functools import cache
from pathlib import Path

from pipeline.scores.score import Person

_HERE = Path(__file__).parent
LOADINGS_CSV = _HERE / "priors" / "hpa_loadings.csv"
NORMS_CSV = _HERE / "norms" / "norms.csv"
STAND_INS_CSV = _HERE / "norms" / "stand_ins.csv"

S_NORM = 0.15
"""Error of a norm that is known with its age and sex slopes, in between-person SD (elicited)."""
S_NORM_UNSURE = 0.30
"""The same where a figure is recalled, or a slope, the age or the sex is unknown (elicited)."""
S_NORM_OUTSIDE = 0.50
"""The same where the person is not known to belong to the population of the norm (elicited)."""
HASH_DIGITS = 12


class Device(StrEnum):
    """What a feature was measured with, as far as its norm depends on it; also the order of preference."""

    PSG = "psg"
    ECG = "ecg"
    ACTIGRAPHY = "actigraphy"
    WEARABLE = "wearable"
    PPG = "ppg"
    UNKNOWN = "unknown"


class Status(StrEnum):
    """How a figure is known."""

    FOUND = "FOUND"
    COMPUTED = "COMPUTED"
    FROM_MEMORY = "FROM MEMORY"


class Transform(StrEnum):
    """What is done to each nightly value before it is averaged."""

    NONE = ""
    SHORTFALL_BELOW_420_MIN = "shortfall_below_420_min"


@dataclass(frozen=True, slots=True)
class Loading:
    """What is believed of one feature before any data: one row of `hpa_loadings.csv`."""

    feature: str
    domain: str
    modality: str
    table: str
    """'' where no column holds the feature yet."""
    column: str
    transform: Transform
    device_column: str
    """The column beside it that names the device; '' where the table has none."""
    not_when: tuple[str, str] | None
    """A column and the value of it at which the feature means something else than its norm."""
    no_norm: str
    """Why no norm exists; '' where one does, or where there is no column yet."""
    worse: int
    """+1 where higher is worse, −1 where lower is."""
    loading: float
    tau: float
    by_sex: dict[str, tuple[float, float]]
    """(loading, tau) for 'M' and 'F' where they differ."""
    icc_night: float
    domain_share: float
    """d²: share of the variance common to the domain, apart from eta."""
    min_nights: int
    grade: str
    basis: str

    def of(self, sex: str | None) -> tuple[float, float]:
        """Loading and tau for a person of this sex; the common ones where it is unknown or makes no difference."""
        return self.by_sex.get(sex or "", (self.loading, self.tau))


@dataclass(frozen=True, slots=True)
class Norm:
    """One row of `norms.csv`: a population's mean and between-person SD by one kind of device."""

    feature: str
    device: Device
    population: str
    mean: float
    sd_between: float
    beta_age_per_decade: float | None
    beta_sex_f: float | None
    age_ref_y: float | None
    """The age at which `mean` holds."""
    sex: str | None
    """'M' or 'F' where only they were measured."""
    age_low_y: float | None
    age_high_y: float | None
    s_norm: float | None
    """Its own error where that is known to be larger than the rule's."""
    status: Status
    confidence: str
    source: str
    note: str

    def includes(self, person: Person) -> bool:
        """Whether the person is known to belong to the population; adulthood is taken for granted if unknown."""
        if self.sex is not None and person.sex != self.sex:
            return False
        if person.age_y is None:
            return self.age_high_y is None
        return (self.age_low_y or 0.0) <= person.age_y <= (self.age_high_y or float("inf"))


@dataclass(frozen=True, slots=True)
class Reference:
    """The norm of one person: mean and SD to hold a value against, and the error of that, in SD."""

    mean: float
    sd: float
    s_norm: float


def reference(feature: str, device: Device, person: Person) -> Reference | None:
    """The norm of `feature` for this person and device; None where there is none.

    The device's own norm, unless the person is not known to belong to its population and a stand-in includes them;
    the stand-in, where the device has no norm. The mean moves with age and sex by the slopes that are known; an
    unknown slope counts as 0 and raises `s_norm`. Of several reasons for a larger `s_norm` the largest counts.
    """
    own = norms().get((feature, device))
    stand_in, stand_in_s_norm = stand_ins().get((feature, device), (None, 0.0))
    other = norms()[(feature, stand_in)] if stand_in is not None else None
    if own is not None and (other is None or own.includes(person) or not other.includes(person)):
        return _placed(own, person, 0.0)
    return None if other is None else _placed(other, person, stand_in_s_norm)


def _placed(norm: Norm, person: Person, least: float) -> Reference:
    mean, unsure = norm.mean, norm.status is Status.FROM_MEMORY
    unsure |= None in (norm.beta_age_per_decade, norm.beta_sex_f, person.age_y, person.sex)
    if norm.beta_age_per_decade is not None and norm.age_ref_y is not None and person.age_y is not None:
        mean += norm.beta_age_per_decade * (person.age_y - norm.age_ref_y) / 10
    if norm.beta_sex_f is not None and person.sex == "F":
        mean += norm.beta_sex_f
    outside = 0.0 if norm.includes(person) else S_NORM_OUTSIDE
    s_norm = max(S_NORM_UNSURE if unsure else S_NORM, outside, norm.s_norm or 0.0, least)
    return Reference(mean, norm.sd_between, s_norm)


@cache
def loadings() -> tuple[Loading, ...]:
    """Every feature of the model, in the table's order."""
    return tuple(_loading(row) for row in _rows(LOADINGS_CSV))


@cache
def norms() -> dict[tuple[str, Device], Norm]:
    """Every norm by feature and device."""
    found = [_norm(row) for row in _rows(NORMS_CSV)]
    return {(norm.feature, norm.device): norm for norm in found}


@cache
def stand_ins() -> dict[tuple[str, Device], tuple[Device, float]]:
    """The device whose norm stands in for another's, and the error that this adds at least."""
    return {
        (row["feature"], Device(row["device"])): (Device(row["stand_in"]), float(row["s_norm"]))
        for row in _rows(STAND_INS_CSV)
    }


@cache
def tables_hash() -> str:
    """The first 12 hex digits of the sha256 of the three tables."""
    digest = hashlib.sha256()
    for path in (LOADINGS_CSV, NORMS_CSV, STAND_INS_CSV):
        digest.update(path.read_bytes())
    return digest.hexdigest()[:HASH_DIGITS]


def _rows(path: Path) -> list[dict[str, str]]:
    with path.open(encoding="utf-8", newline="") as lines:
        return list(csv.DictReader(lines))


def _loading(row: dict[str, str]) -> Loading:
    column, _, value = row["not_when"].partition("=")
    by_sex = {
        sex: (float(row[f"loading_{sex.lower()}"]), float(row[f"tau_{sex.lower()}"]))
        for sex in ("M", "F")
        if row[f"loading_{sex.lower()}"]
    }
    return Loading(
        feature=row["feature"],
        domain=row["domain"],
        modality=row["modality"],
        table=row["table"],
        column=row["column"],
        transform=Transform(row["transform"]),
        device_column=row["device_column"],
        not_when=(column, value) if value else None,
        no_norm=row["no_norm"],
        worse=int(row["worse"]),
        loading=float(row["loading"]),
        tau=float(row["tau"]),
        by_sex=by_sex,
        icc_night=float(row["icc_night"]),
        domain_share=float(row["domain_share"]),
        min_nights=int(row["min_nights"]),
        grade=row["grade"],
        basis=row["basis"],
    )


def _norm(row: dict[str, str]) -> Norm:
    number = {name: float(row[name]) if row[name] else None for name in _OPTIONAL}
    return Norm(
        feature=row["feature"],
        device=Device(row["device"]),
        population=row["population"],
        mean=float(row["mean"]),
        sd_between=float(row["sd_between"]),
        sex=row["sex"] or None,
        status=Status(row["status"]),
        confidence=row["confidence"],
        source=row["source"],
        note=row["note"],
        **number,
    )


_OPTIONAL = ("beta_age_per_decade", "beta_sex_f", "age_ref_y", "age_low_y", "age_high_y", "s_norm")
