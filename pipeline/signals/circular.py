"""Statistics of directions: mean, concentration, and whether there is any.

After Berens 2009 (doi:10.18637/jss.v031.i10). Angles are in radians; 2π apart is the same.
"""

from __future__ import annotations

import math

import numpy as np

from pipeline.recording import Floats


def resultant(angles_rad: Floats) -> complex:
    """Mean of the unit vectors: its angle is the mean direction, its length (0 to 1) the concentration; NaN of none."""
    known = angles_rad[np.isfinite(angles_rad)]
    if not len(known):
        return complex(math.nan, math.nan)
    return complex(np.exp(1j * known.astype(np.float64)).mean())


def rayleigh_p(length: float, n: int) -> float:
    """Probability of a resultant at least so long from `n` independent, uniformly distributed directions.

    The approximation of Zar's Biostatistical Analysis that Berens gives; within 0.001 from n = 10 on.
    """
    total = n * length
    return min(math.exp(math.sqrt(1.0 + 4.0 * n + 4.0 * (n * n - total * total)) - (1.0 + 2.0 * n)), 1.0)
