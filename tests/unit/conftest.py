"""Lets hypothesis and SpeechBrain live in one process."""

from speechbrain.utils.importutils import LazyModule

# Hypothesis asks every module in sys.modules for its file. SpeechBrain's lazy
# modules would answer by importing k2 and the like, which need not be there.
LazyModule.__file__ = None
