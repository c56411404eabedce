"""PSDS at the size of AudioSet-Strong, and what it is checked by."""

from speechbrain_opensed.metrics.psds.compute import (
    compute_psds,
)
from speechbrain_opensed.metrics.psds.result import (
    PsdsResult,
)
from speechbrain_opensed.metrics.psds.stats import (
    PsdsStats,
)

__all__ = [
    "PsdsResult",
    "PsdsStats",
    "compute_psds",
]
