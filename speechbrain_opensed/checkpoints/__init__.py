"""Released weights of the papers, read into this package's modules.

Authors
 * The speechbrain-opensed contributors 2026
"""

from speechbrain_opensed.checkpoints.encoders import (
    load_beats,
    load_encoder,
    load_htsat,
)
from speechbrain_opensed.checkpoints.finelap import load_eat, load_finelap
from speechbrain_opensed.checkpoints.flexsed import load_dasheng, load_flexsed
from speechbrain_opensed.checkpoints.mobilenet import load_mobilenet
from speechbrain_opensed.checkpoints.reading import load_strict, read_state
from speechbrain_opensed.checkpoints.tango import Tango, load_tango

__all__ = [
    "Tango",
    "load_beats",
    "load_dasheng",
    "load_eat",
    "load_encoder",
    "load_finelap",
    "load_flexsed",
    "load_htsat",
    "load_mobilenet",
    "load_strict",
    "load_tango",
    "read_state",
]
