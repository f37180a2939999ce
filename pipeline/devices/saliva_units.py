"""What stands in the titles of laboratory tables: analyte, unit, occasion; and every unit as nmol/L or U/mL."""

from __future__ import annotations

import re
import unicodedata
from dataclasses import dataclass
from functools import lru_cache

MOLAR_MASS = {
    "cortisol": 362.46,
    "cortisone": 360.44,
    "melatonin": 232.28,
    "testosterone": 288.42,
    "dhea": 288.42,
    "dhea-s": 368.49,
    "progesterone": 314.46,
    "estradiol": 272.38,
    "aldosterone": 360.44,
}
"""g/mol; analytes without one keep the unit in which they were exported."""
ALIASES = {
    "cortisol": ("cortisol", "kortisol", "cort"),
    "cortisone": ("cortisone", "kortison", "cortison"),
    "melatonin": ("melatonin", "melatonine", "mlt"),
    "alpha-amylase": ("alpha_amylase", "alphaamylase", "a_amylase", "amylase", "saa"),
    "testosterone": ("testosterone", "testosteron", "testo"),
    "dhea": ("dhea",),
    "dhea-s": ("dheas", "dhea_s"),
    "progesterone": ("progesterone", "progesteron"),
    "estradiol": ("estradiol", "oestradiol"),
    "aldosterone": ("aldosterone", "aldosteron", "aldo"),
    "iga": ("siga", "iga"),
    "crp": ("crp",),
    "il-6": ("il_6", "il6"),
}
_ANALYTE = {alias: analyte for analyte, aliases in ALIASES.items() for alias in aliases}
_BY_LENGTH = sorted(_ANALYTE, key=len, reverse=True)

_MOLAR = {"nmoll": 1.0, "pmoll": 1e-3, "umoll": 1e3}
_MASS_NG_PER_ML = {
    "ngml": 1.0, "ugl": 1.0, "pgml": 1e-3, "ngl": 1e-3, "ugdl": 10.0, "ngdl": 0.01, "pgdl": 1e-5,
    "ugml": 1e3, "mgl": 1e3, "mgdl": 1e4,
}  # fmt: skip
_ACTIVITY_U_PER_ML = {"uml": 1.0, "ul": 1e-3, "kul": 1.0, "iuml": 1.0, "iul": 1e-3, "ukatl": 0.06}
"""One microkatal is 60 units."""
_SPELLED = {"au": "arbitrary units", "arbitraryunits": "arbitrary units", "normalised": "normalised"}
KNOWN_UNITS = "nmol/L, pmol/L, ug/dL, ng/mL, pg/mL, ug/L, U/mL, U/L, …, or 'arbitrary units'"


@dataclass(frozen=True, slots=True)
class SalivaColumn:
    """What the title of a column of concentrations says; "" where it does not say."""

    analyte: str
    unit: str
    occasion: str


def unit_of(text: str) -> str | None:
    """A unit as the tables above hold it (`µg / dl` is `ugdl`); None if it is none that is known."""
    bare = re.sub(r"[^a-z0-9%]|per", "", _folded(text)).replace("mcg", "ug").replace("liter", "l")
    bare = re.sub(r"l1$", "l", bare)  # nmol L-1
    known = (_MOLAR, _MASS_NG_PER_ML, _ACTIVITY_U_PER_ML, _SPELLED)
    return bare if any(bare in table for table in known) else None


def in_canonical_unit(analyte: str, unit: str) -> tuple[float, str] | None:
    """The factor to the unit in which an analyte is kept, and that unit; None if the unit cannot be its own."""
    if unit in _SPELLED:
        return 1.0, _SPELLED[unit]
    if unit in _ACTIVITY_U_PER_ML:
        return None if analyte in MOLAR_MASS else (_ACTIVITY_U_PER_ML[unit], "U/mL")
    if analyte == "alpha-amylase":
        return None
    if unit in _MOLAR:
        return _MOLAR[unit], "nmol/L"
    if analyte in MOLAR_MASS:
        return _MASS_NG_PER_ML[unit] * 1e3 / MOLAR_MASS[analyte], "nmol/L"
    return _MASS_NG_PER_ML[unit], "ng/mL"


def analyte_of(text: str) -> str | None:
    """The analyte that a word names."""
    return _ANALYTE.get(_plain(text))


@lru_cache(maxsize=4096)
def column_of(title: str) -> SalivaColumn | None:
    """What a title such as `Cortisol (nmol/L)`, `cort_ugdl_S1` or `Kortisol +30` says; None if it names no analyte."""
    name = re.sub(r"^(saliva|salivary|speichel|sal)_", "", _plain(title))
    alias = next((word for word in _BY_LENGTH if re.match(rf"{word}(?![a-z])", name)), None)
    if alias is None:
        return None
    rest = [part for part in name[len(alias) :].split("_") if part]
    if set(rest) & _STATISTICS:
        return None
    for begin in range(len(rest) + 1):
        for end in range(len(rest), begin, -1):
            unit = unit_of("".join(rest[begin:end]))
            if unit is not None:
                return SalivaColumn(_ANALYTE[alias], unit, " ".join(rest[:begin] + rest[end:]))
    return SalivaColumn(_ANALYTE[alias], "", " ".join(rest))


_STATISTICS = frozenset(
    ("auc", "aucg", "auci", "slope", "max", "min", "mean", "sd", "std", "cv", "median", "inc", "feature", "features",
     "log", "ln", "delta", "reactivity", "flag", "qc")
)  # fmt: skip
"""Words in titles of columns that were computed from samples and are none."""


def _folded(text: str) -> str:
    text = text.casefold().replace("µ", "u").replace("μ", "u").replace("α", "alpha")
    return "".join(ch for ch in unicodedata.normalize("NFKD", text) if not unicodedata.combining(ch))


def _plain(title: str) -> str:
    return re.sub(r"[^a-z0-9+]+", "_", _folded(title)).strip("_")
