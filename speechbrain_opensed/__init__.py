"""Open-vocabulary sound event detection for SpeechBrain."""

from speechbrain_opensed._compat import check_torch

__all__ = []

check_torch()
