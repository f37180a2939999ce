"""The HPA-dysregulation index: an evidence-weighted latent score of sleep, rhythm and autonomic features.

T = 50 + 10 eta, with eta the posterior mean of a Gaussian latent factor (`pipeline.scores.latent`) given the person's
window means, each held against a published norm (`pipeline.scores.norms`). Loadings are elicited from the literature
and not fitted; what they can and cannot carry, and what was measured of it, stands in docs/scores/hpa.md.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import polars as pl

from pipeline.scores.latent import Factors, Posterior, noise_variance, posterior
from pipeline.scores.norms import Device, Loading, Reference, loadings, reference, tables_hash
from pipeline.scores.score import Contribution, Estimate, Person, Score, ScoreState
from pipeline.scores.window_mean import RHYTHM_DAYS, WindowMean, left_out, window, window_means

NAME, VERSION, UNIT = "hpa", "1", "T"
CENTRE, SCALE = 50.0, 10.0
Z80, Z95 = 1.2815515655446004, 1.959963984540054

LEAST_RELIABILITY = 0.10
"""Reliability below which no number is given (elicited; half of what a wrist wearable reaches)."""
OK_RELIABILITY = 0.20
"""Reliability from which a number is not called low in information (elicited)."""
LEAST_DOMAINS = 2
"""Domains that must have a feature with its minimum of nights."""
LEAST_MODALITIES = 2
"""Sensor streams without which a number is never OK, however reliable."""
ODD_P = 0.001
"""Atypicality p below which the estimate says that devices and norms should be checked."""

DOMAINS = tuple(dict.fromkeys(loading.domain for loading in loadings()))

_DETAILS = {
    "eta": "posterior mean of the latent, in population SD",
    "posterior_sd": "posterior SD of the latent; 1 if nothing were known",
    "reliability": "R = 1 − posterior variance: the share of the latent's variance that the measurements resolve",
    "reliability_min_nights": "the same from the features alone that have their minimum of nights",
    "percentile": "percent of the norm population expected below the estimate",
    "percentile_low80": "lower end of its 80 % interval",
    "percentile_high80": "upper end of its 80 % interval",
    "percentile_low95": "lower end of its 95 % interval",
    "percentile_high95": "upper end of its 95 % interval",
    "equal_weights_t": "baseline to compare with: 50 + 10 × plain mean of the z values",
    "atypicality_d2": "squared Mahalanobis distance of the features from the norm, whatever the direction",
    "atypicality_df": "its degrees of freedom: the number of features",
    "atypicality_p": "share of the norm population expected to lie further away",
    "features_n": "features used",
    "domains_n": "domains with at least one feature that has its minimum of nights",
    "modalities_n": "sensor streams used",
    **{f"domain_{domain}_t": f"T points that the {domain} features contribute" for domain in DOMAINS},
}


@dataclass(frozen=True, slots=True)
class _Feature:
    """One feature as it enters the model; `j` is its place in the loadings table."""

    j: int
    loading: Loading
    mean: WindowMean
    z: float
    noise: float

    @property
    def enough(self) -> bool:
        """Whether it has its minimum of nights."""
        return self.mean.n >= self.loading.min_nights

    @property
    def modality(self) -> str:
        """The stream it came from: sleep scored by a hypnogram is EEG, whoever else could have measured it."""
        return "eeg" if self.mean.device is Device.PSG else self.loading.modality


def hpa(person: Person, tables: Mapping[str, pl.DataFrame]) -> Estimate:
    """The index over the whole of the tables given, in T points; without a number where the state is insufficient.

    Contributions are a prior part of 50 and one part per feature; they sum to the estimate.
    """
    features, missing = _features(person, tables)
    known = _posterior(features, person)
    variance = float(known.variance[0])
    enough = [feature for feature in features if feature.enough]
    details: dict[str, float | None] = dict.fromkeys(_DETAILS)
    details |= {
        "reliability": 1 - variance,
        "reliability_min_nights": 1 - float(_posterior(enough, person).variance[0]),
        "features_n": float(len(features)),
        "domains_n": float(len({feature.loading.domain for feature in enough})),
        "modalities_n": float(len({feature.modality for feature in features})),
    }
    state, reasons = _state(features, details)
    first, last = window(tables)
    estimate: float | None = None
    contributions: tuple[Contribution, ...] = ()
    if state is not ScoreState.INSUFFICIENT:
        contributions = _contributions(features, known)
        estimate = math.fsum(part.contribution for part in contributions)
        details |= _details(features, known, contributions)
        reasons += _oddness(details)
    low95, low80, high80, high95 = _interval(estimate, variance)
    return Estimate(
        score=NAME,
        version=VERSION,
        tables=tables_hash(),
        window_start=first,
        window_end=last,
        state=state,
        reasons=reasons,
        unit=UNIT,
        estimate=estimate,
        low80=low80,
        high80=high80,
        low95=low95,
        high95=high95,
        contributions=contributions,
        details=details,
        missing=missing,
    )


def _interval(estimate: float | None, variance: float) -> tuple[float | None, ...]:
    """The ends of the 95 and 80 % intervals in ascending order; None four times without an estimate."""
    if estimate is None:
        return (None,) * 4
    return tuple(estimate + SCALE * z * math.sqrt(variance) for z in (-Z95, -Z80, Z80, Z95))


def _features(person: Person, tables: Mapping[str, pl.DataFrame]) -> tuple[list[_Feature], tuple[str, ...]]:
    """What enters the model, and what does not with its reason."""
    features, missing = [], []
    for j, loading in enumerate(loadings()):
        means = window_means(loading, tables)
        apart = left_out(loading, tables)
        if apart and loading.not_when is not None:
            column, value = loading.not_when
            why = f"not comparable with the norm: {column} is {value}"
            missing.append(f"{loading.feature}: nights left out: {apart} ({why})")
        if not means:
            missing += [] if apart else [f"{loading.feature}: not measured"]
            continue
        if loading.no_norm:
            missing.append(f"{loading.feature}: no norm ({loading.no_norm})")
            continue
        norms = ((mean, reference(loading.feature, mean.device, person)) for mean in means)
        usable = [(mean, norm) for mean, norm in norms if norm is not None]
        if usable:
            features.append(_feature(j, loading, *usable[0]))
        missing += _other_devices(loading.feature, means, usable[0][0] if usable else None)
    return features, tuple(missing)


def _other_devices(feature: str, means: Sequence[WindowMean], used: WindowMean | None) -> list[str]:
    """A feature stands on one device, because another's norm is another scale; the rest is named."""
    if used is None:
        return [f"{feature}: no norm for this device ({', '.join(mean.device for mean in means)})"]
    return [
        f"{feature}: nights left out: {mean.n} (measured by {mean.device}; it stands on {used.device})"
        for mean in means
        if mean is not used
    ]


def _feature(j: int, loading: Loading, mean: WindowMean, norm: Reference) -> _Feature:
    z = loading.worse * (mean.value - norm.mean) / norm.sd
    numbers = (float(mean.n), loading.icc_night, norm.s_norm)
    noise = noise_variance(*(np.array(number) for number in numbers))
    return _Feature(j, loading, mean, z, float(noise))


def _posterior(features: Iterable[_Feature], person: Person) -> Posterior:
    """The posterior of one person; the prior where there are no features."""
    x = np.full((1, len(loadings())), np.nan)
    noise = np.full_like(x, np.nan)
    for feature in features:
        x[0, feature.j], noise[0, feature.j] = feature.z, feature.noise
    return posterior(x, noise, factors(person.sex))


def factors(sex: str | None) -> Factors:
    """The prior of the table's features for a person of this sex ('F', 'M' or None)."""
    table = loadings()
    loading, tau = np.array([row.of(sex) for row in table]).T
    return Factors(
        loading=loading,
        tau=tau,
        domain_share=np.array([row.domain_share for row in table]),
        domain=np.array([DOMAINS.index(row.domain) for row in table], dtype=np.int64),
    )


def _state(features: Sequence[_Feature], details: Mapping[str, float | None]) -> tuple[ScoreState, tuple[str, ...]]:
    """How far the number can be used, and in words what stands in the way of more."""
    if not features:
        return ScoreState.INSUFFICIENT, ("nothing that the score can use was measured",)
    reliability, settled = details["reliability"] or 0.0, details["reliability_min_nights"] or 0.0
    domains = sorted({feature.loading.domain for feature in features if feature.enough})
    modalities = sorted({feature.modality for feature in features})
    short = tuple(
        f"{f.loading.feature}: {f.mean.n} of the {f.loading.min_nights} "
        f"{'nights' if f.loading.table == 'nights' else 'days'} it needs"
        for f in features
        if not f.enough
    )
    lacks = []
    if reliability < LEAST_RELIABILITY:
        lacks.append(f"reliability {reliability:.3f} is below {LEAST_RELIABILITY:.2f}")
    if len(domains) < LEAST_DOMAINS:
        named = f" ({', '.join(domains)})" if domains else ""
        lacks.append(f"{len(domains)} of the {LEAST_DOMAINS} domains needed have enough nights{named}")
    if lacks:
        return ScoreState.INSUFFICIENT, (*lacks, *short)
    if settled < OK_RELIABILITY:
        lacks.append(
            f"reliability of the features with enough nights is {settled:.3f}, below {OK_RELIABILITY:.2f}: "
            "most of the answer is the population's"
        )
    if len(modalities) < LEAST_MODALITIES:
        lacks.append(f"one sensor stream only ({modalities[0]})")
    return (ScoreState.LOW_INFORMATION if lacks else ScoreState.OK), (*lacks, *short)


def _contributions(features: Sequence[_Feature], known: Posterior) -> tuple[Contribution, ...]:
    """The prior's 50 and each feature's T points."""
    parts = [Contribution("prior", "prior", None, None, None, CENTRE, None)]
    for f in features:
        weight = SCALE * float(known.weights[0, f.j])
        points = SCALE * float(known.contributions[0, f.j])
        parts.append(Contribution(f.loading.feature, f.loading.domain, f.mean.value, f.z, weight, points, f.mean.n))
    return tuple(parts)


def _details(features: Sequence[_Feature], known: Posterior, parts: Sequence[Contribution]) -> dict[str, float | None]:
    """The named numbers that go with an estimate."""
    from scipy.special import chdtrc, ndtr

    eta, sd = float(known.mean[0]), math.sqrt(float(known.variance[0]))
    ends = {"low80": -Z80, "high80": Z80, "low95": -Z95, "high95": Z95}
    by_domain = {
        f"domain_{domain}_t": math.fsum(p.contribution for p in parts if p.domain == domain)
        for domain in {f.loading.domain for f in features}
    }
    d2, df = float(known.atypicality[0]), int(known.observed_n[0])
    return {
        "eta": eta,
        "posterior_sd": sd,
        "percentile": 100 * float(ndtr(eta)),
        **{f"percentile_{end}": 100 * float(ndtr(eta + z * sd)) for end, z in ends.items()},
        "equal_weights_t": CENTRE + SCALE * math.fsum(f.z for f in features) / len(features),
        "atypicality_d2": d2,
        "atypicality_df": float(df),
        "atypicality_p": float(chdtrc(df, d2)),
        **by_domain,
    }


def _oddness(details: Mapping[str, float | None]) -> tuple[str, ...]:
    p = details["atypicality_p"]
    if p is None or p >= ODD_P:
        return ()
    return (f"the features lie far from the norms together (p = {p:.1g}): check devices, scoring and norms",)


def _needs() -> dict[str, tuple[str, ...]]:
    """The columns read, by table."""
    needs: dict[str, dict[str, None]] = {
        "nights": {"night": None},
        "days": {"day": None},
        "participants": {"first_night": None, "last_night": None, RHYTHM_DAYS: None},
    }
    for row in loadings():
        for column in (row.column, row.device_column, row.not_when[0] if row.not_when else ""):
            if column:
                needs[row.table][column] = None
    return {table: tuple(columns) for table, columns in needs.items()}


SCORE = Score(
    name=NAME,
    version=VERSION,
    title="HPA-dysregulation index",
    meaning=(
        "How far sleep depth, continuity, rhythm and autonomic features lie, weighted by published evidence, in the "
        "direction that goes with a less well regulated stress axis (HPA). 50 is the mean of the norm populations and "
        "10 their SD; higher is consistent with more dysregulation. A research index with a wide interval; not a "
        "diagnosis, and no cortisol was measured."
    ),
    unit=UNIT,
    needs=_needs(),
    details=_DETAILS,
    compute=hpa,
)
