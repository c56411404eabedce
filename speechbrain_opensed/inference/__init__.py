"""Run trained detectors on recordings."""

from speechbrain_opensed.inference.detection import Detection
from speechbrain_opensed.inference.detector import SoundEventDetector
from speechbrain_opensed.inference.events import SoundEvent
from speechbrain_opensed.inference.export import export_detector

__all__ = ["Detection", "SoundEvent", "SoundEventDetector", "export_detector"]
