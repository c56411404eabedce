"""Open-vocabulary sound event detection for SpeechBrain."""

from speechbrain_opensed._compat import check_torch

check_torch()
del check_torch
