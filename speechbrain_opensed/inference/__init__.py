"""Run trained models on recordings."""

from speechbrain_opensed.inference.aligner import AudioTextAligner
from speechbrain_opensed.inference.detection import Detection
from speechbrain_opensed.inference.detector import SoundEventDetector
from speechbrain_opensed.inference.events import SoundEvent
from speechbrain_opensed.inference.export import (
    export_detector,
    export_generator,
)
from speechbrain_opensed.inference.generator import StyleTransferGenerator
from speechbrain_opensed.inference.index import Hit, SoundIndex

__all__ = [
    "AudioTextAligner",
    "Detection",
    "Hit",
    "SoundEvent",
    "SoundEventDetector",
    "SoundIndex",
    "StyleTransferGenerator",
    "export_detector",
    "export_generator",
]
