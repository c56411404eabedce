"""Released weights of the papers, read into this package's modules.

Authors
 * The speechbrain-opensed contributors 2026
"""

from speechbrain_opensed.checkpoints.finelap import load_eat, load_finelap
from speechbrain_opensed.checkpoints.flexsed import load_dasheng, load_flexsed
from speechbrain_opensed.checkpoints.reading import load_strict, read_state

__all__ = [
    "load_dasheng",
    "load_eat",
    "load_finelap",
    "load_flexsed",
    "load_strict",
    "read_state",
]
