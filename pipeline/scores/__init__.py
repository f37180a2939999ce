"""Features → index, each with its equations, priors, interval, contributions and honest state: the table of contents.

`score` is the contract. `hpa` builds on `latent` (the posterior), `norms` (the published figures) and `window_mean`
(what was measured); `sleep_loop` on the `loop_…` files.
"""

from __future__ import annotations

from pipeline.scores import hpa, sleep_loop
from pipeline.scores.score import Score

SCORES: tuple[Score, ...] = (hpa.SCORE, sleep_loop.SCORE)
