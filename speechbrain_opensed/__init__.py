"""Open-vocabulary sound event detection for SpeechBrain."""

from lhotse_recipes._moved import redirect
from speechbrain_opensed._compat import check_torch
from speechbrain_opensed._moved import MOVED

__all__ = []

check_torch()
redirect("speechbrain_opensed", MOVED)
