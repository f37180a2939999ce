"""Features → index. The table of contents: every score."""

from pipeline.scores import sleep_loop
from pipeline.scores.score import Score

SCORES: tuple[Score, ...] = (sleep_loop.SCORE,)
