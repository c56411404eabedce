"""The one gate for sound files: what they hold, proven, and read in blocks."""

from lhotse_recipes.sound.channels import CHANNELS, mix_down
from lhotse_recipes.sound.files import (
    READABLE,
    AudioInfo,
    announce_conversion,
    inspect_audio,
    mono_blocks,
    read_blocks,
)
from lhotse_recipes.sound.finding import (
    FoundSounds,
    find_sounds,
    walk_files,
)
from lhotse_recipes.sound.parts import read_part
from lhotse_recipes.sound.resampling import Resampler, resample_blocks
from lhotse_recipes.sound.writing import writing_sound

__all__ = [
    "CHANNELS",
    "READABLE",
    "AudioInfo",
    "FoundSounds",
    "Resampler",
    "announce_conversion",
    "find_sounds",
    "inspect_audio",
    "mix_down",
    "mono_blocks",
    "read_blocks",
    "read_part",
    "resample_blocks",
    "walk_files",
    "writing_sound",
]
