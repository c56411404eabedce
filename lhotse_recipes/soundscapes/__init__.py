"""Synthetic soundscapes: a bank of made-up sounds, a simulator, a renderer."""

from lhotse_recipes.soundscapes.procedural import ProceduralBank
from lhotse_recipes.soundscapes.simulator import simulate_soundscapes

__all__ = ["ProceduralBank", "simulate_soundscapes"]
