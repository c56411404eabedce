"""What every recipe's train.py stands on."""

from speechbrain_opensed.training.brain import (
    OpenSEDBrain,
    WholeCheckpointer,
    unwrapped,
)
from speechbrain_opensed.training.hparams import (
    load_hparams,
)
from speechbrain_opensed.training.optim import (
    WarmupDecay,
    adafactor_or_adamw,
    parameter_groups,
)
from speechbrain_opensed.training.semi import SemiSupervised

__all__ = [
    "OpenSEDBrain",
    "SemiSupervised",
    "WarmupDecay",
    "WholeCheckpointer",
    "adafactor_or_adamw",
    "load_hparams",
    "parameter_groups",
    "unwrapped",
]
