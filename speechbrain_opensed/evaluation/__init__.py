"""From cut sets to scores, annotations and tables."""

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from speechbrain_opensed.evaluation.transcript import rich_transcript

__all__ = ["rich_transcript"]


def __getattr__(name: str) -> Any:
    # Importing a module of the package must not load the detector.
    if name == "rich_transcript":
        from speechbrain_opensed.evaluation.transcript import rich_transcript

        return rich_transcript
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
