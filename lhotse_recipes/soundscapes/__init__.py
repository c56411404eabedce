"""Synthetic soundscapes: sources, a simulator, a renderer, captions."""

from lhotse_recipes.soundscapes.audio import write_audio
from lhotse_recipes.soundscapes.captions import caption_cuts
from lhotse_recipes.soundscapes.clip_events import clip_events, cut_backgrounds
from lhotse_recipes.soundscapes.procedural import ProceduralBank
from lhotse_recipes.soundscapes.simulator import simulate_soundscapes
from lhotse_recipes.soundscapes.styles import prepare_styles

__all__ = [
    "ProceduralBank",
    "caption_cuts",
    "clip_events",
    "cut_backgrounds",
    "prepare_styles",
    "simulate_soundscapes",
    "write_audio",
]
