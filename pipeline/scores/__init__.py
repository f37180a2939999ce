"""Features → index. The table of contents: every score, in the order in which pages show them."""

from pipeline.scores import hpa, sleep_loop
from pipeline.scores.score import Score

SCORES: tuple[Score, ...] = (hpa.SCORE, sleep_loop.SCORE)
