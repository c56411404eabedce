"""Open-vocabulary sound event detection for SpeechBrain."""

from importlib.metadata import version
from typing import TYPE_CHECKING, Any

from lhotse_recipes._moved import redirect
from speechbrain_opensed._compat import check_torch
from speechbrain_opensed._moved import MOVED

if TYPE_CHECKING:
    from speechbrain_opensed.inference import (
        AudioTextAligner,
        SoundEventDetector,
        StyleTransferGenerator,
    )

    __version__: str

__all__ = [
    "AudioTextAligner",
    "SoundEventDetector",
    "StyleTransferGenerator",
    "__version__",
]

check_torch()
redirect("speechbrain_opensed", MOVED)


def __getattr__(name: str) -> Any:
    """The version and the interfaces, when they are asked for."""
    if name == "__version__":
        return version("speechbrain-opensed")
    if name in __all__:
        from speechbrain_opensed import inference

        return getattr(inference, name)
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
