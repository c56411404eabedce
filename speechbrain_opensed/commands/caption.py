"""`opensed caption`: captions of speech and sounds.

Authors
 * The speechbrain-opensed contributors 2026
"""

from pathlib import Path
from typing import Any

import click

from speechbrain_opensed.commands.options import (
    detection_options,
    load_detector,
    model_options,
    phrase_options,
    read_phrases,
    read_settings,
    read_thresholds,
)

__all__ = ["caption"]

_WRITERS = {
    ".vtt": "to_vtt",
    ".srt": "to_srt",
    ".json": "to_json",
    ".textgrid": "to_textgrid",
}


@click.command(
    short_help="Caption speech and sounds together.",
    # A caption for every short noise would hide the words.
    context_settings={
        "default_map": {"min_duration": ["0.3"], "merge_gap": ["1"]}
    },
)
@click.argument("audio", type=click.Path())
@phrase_options
@model_options()
@detection_options
@click.option(
    "--asr",
    default="whisper-tiny",
    help="whisper-SIZE, the folder of a CTranslate2 Whisper model, or none.",
)
@click.option(
    "--min-score",
    type=click.FloatRange(0, 1),
    default=0.0,
    help="Sounds whose best score is lower get no caption.",
)
@click.option(
    "-o",
    "--output",
    required=True,
    type=click.Path(path_type=Path),
    help="File that ends in .vtt, .srt, .json or .TextGrid.",
)
def caption(
    audio: str,
    queries: tuple[str, ...],
    queries_file: Path | None,
    model: str,
    device: str | None,
    precision: str,
    thresholds: tuple[str, ...],
    asr: str,
    output: Path,
    **settings: Any,
) -> None:
    """Write captions of what is said in AUDIO and of the queried sounds.

    \b
    opensed caption talk.wav -q "dog barking" --model DIR -o talk.vtt
    """
    from lhotse_recipes.outputs import refuse_inputs
    from speechbrain_opensed.evaluation import rich_transcript

    writer = _WRITERS.get(output.suffix.lower())
    if writer is None:
        raise ValueError(
            f"{output}: name a file that ends in .vtt, .srt, .json or .TextGrid"
        )
    phrases = read_phrases(queries, queries_file)
    levels = read_thresholds(thresholds, phrases)
    settings = read_settings(settings, phrases)
    refuse_inputs(output, [audio, *([queries_file] if queries_file else [])])
    recognizer = _load_recognizer(asr)
    detector = load_detector(model, device, precision)
    timeline = rich_transcript(
        audio, detector, recognizer, phrases, threshold=levels, **settings
    )
    getattr(timeline, writer)(output)
    click.echo(
        f"{output}: {len(timeline.speech)} lines of speech, "
        f"{len(timeline.captioned())} of {len(timeline.sounds)} sounds "
        "captioned",
        err=True,
    )


def _load_recognizer(name):
    """The model that is on this machine; None for `none`."""
    if name == "none":
        return None
    size = name.removeprefix("whisper-")
    folder = Path(name)
    if size == name and not folder.is_dir():
        raise FileNotFoundError(
            f"no recogniser {name}: give whisper-SIZE, the folder of a "
            "CTranslate2 Whisper model, or none"
        )
    try:
        from faster_whisper import WhisperModel
    except ImportError as error:
        raise ImportError(
            f"--asr {name} needs faster-whisper: pip install "
            "'speechbrain-opensed[asr]', or give --asr none"
        ) from error
    if folder.is_dir():
        size = name
    try:
        return WhisperModel(
            size, device="cpu", compute_type="int8", local_files_only=True
        )
    except (ValueError, OSError, RuntimeError) as error:
        raise ValueError(
            f"cannot load {name}: give the folder of a CTranslate2 Whisper "
            'model, get one with `python -c "import faster_whisper; '
            f"faster_whisper.download_model('{size}')\"`, or give --asr none"
        ) from error
