"""Scores of generated sound: distances, divergences, similarities."""

from speechbrain_opensed.metrics.generation.distances import (
    frechet_distance,
    kernel_distance,
)
from speechbrain_opensed.metrics.generation.divergences import (
    cosine_similarity,
    inception_score,
    kl_divergence,
)
from speechbrain_opensed.metrics.generation.encoding import Encoding
from speechbrain_opensed.metrics.generation.stats import GenerationStats

__all__ = [
    "Encoding",
    "GenerationStats",
    "cosine_similarity",
    "frechet_distance",
    "inception_score",
    "kernel_distance",
    "kl_divergence",
]
