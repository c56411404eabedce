"""Scores of sound event detection, from arrays rather than data frames."""

from speechbrain_opensed.metrics.filters import median_filter
from speechbrain_opensed.metrics.psds import compute_psds
from speechbrain_opensed.metrics.psds_result import PsdsResult
from speechbrain_opensed.metrics.psds_stats import PsdsStats
from speechbrain_opensed.metrics.score_store import ScoreStore, ScoreWriter

__all__ = [
    "PsdsResult",
    "PsdsStats",
    "ScoreStore",
    "ScoreWriter",
    "compute_psds",
    "median_filter",
]
