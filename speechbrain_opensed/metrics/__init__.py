"""Scores of detection, retrieval, classification and grounding, from arrays."""

from speechbrain_opensed.metrics.classification import ClassificationStats
from speechbrain_opensed.metrics.filters import median_filter
from speechbrain_opensed.metrics.grounding import GroundingStats
from speechbrain_opensed.metrics.protocols import (
    PROTOCOLS,
    SedProtocol,
    get_protocol,
)
from speechbrain_opensed.metrics.psds import (
    PsdsResult,
    PsdsStats,
    compute_psds,
)
from speechbrain_opensed.metrics.retrieval import RetrievalStats
from speechbrain_opensed.metrics.score_store import ScoreStore, ScoreWriter

__all__ = [
    "PROTOCOLS",
    "ClassificationStats",
    "GroundingStats",
    "PsdsResult",
    "PsdsStats",
    "RetrievalStats",
    "ScoreStore",
    "ScoreWriter",
    "SedProtocol",
    "compute_psds",
    "get_protocol",
    "median_filter",
]
