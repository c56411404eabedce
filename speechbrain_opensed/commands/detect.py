"""`opensed detect`: find sounds in files.

Authors
 * The speechbrain-opensed contributors 2026
"""

from contextlib import ExitStack
from pathlib import Path
from typing import Any

import click

from speechbrain_opensed.commands.detect_labels import (
    FOR_LABELS,
    label_options,
    read_vocabulary,
    refuse_idle,
)
from speechbrain_opensed.commands.interrupts import prompt_interrupts
from speechbrain_opensed.commands.options import (
    SomeFailed,
    channel_option,
    detection_options,
    load_detector,
    model_options,
    phrase_options,
    read_phrases,
    read_settings,
    read_thresholds,
)
from speechbrain_opensed.commands.standard_input import raw_options

__all__ = ["detect"]

_FORMATS = (
    "tsv", "json", "jsonl", "audacity", "textgrid", "raven", "labelstudio",
    "vtt", "srt",
)  # fmt: skip
_TOGETHER = ("tsv", "json", "jsonl")
# As many scores of a phrase as a picture has room for.
_COLUMNS = 1600


@click.command(short_help="Find sounds in files by their description.")
@click.argument("audio", nargs=-1, required=True, type=click.Path())
@phrase_options
@label_options
@model_options()
@detection_options
@channel_option
@click.option(
    "--normalize",
    type=click.Choice(["spec", "window", "file", "none"]),
    default="spec",
    help="What is brought to full scale; spec: as the model was trained.",
)
@raw_options
@click.option(
    "--format",
    "format_name",
    type=click.Choice(_FORMATS),
    default="tsv",
    help="jsonl: for machines, a line for each recording; audacity: a label "
    "track; textgrid: for Praat; vtt, srt: captions.",
)
@click.option(
    "-o",
    "--output",
    type=click.Path(path_type=Path),
    help="File; a folder for formats of one recording. Tables and jsonl grow "
    "with every recording. Default: the screen.",
)
@click.option(
    "--plot",
    type=click.Path(path_type=Path),
    help="Figure (.png, .pdf, .svg); a folder for several recordings.",
)
@click.option(
    "--summary",
    is_flag=True,
    help="Also print how often and how long each phrase was heard, in all "
    "and hour by hour.",
)
@click.option(
    "--resume",
    is_flag=True,
    help="Go on where a run with the same output, model, phrases and "
    "settings stopped; new and changed recordings are heard, too.",
)
@click.option(
    "--strict",
    is_flag=True,
    help="Stop at the first recording that cannot be used.",
)
@prompt_interrupts()
@click.pass_context
def detect(
    context: click.Context,
    audio: tuple[str, ...],
    queries: tuple[str, ...],
    queries_file: Path | None,
    vocabulary: str | None,
    top: int | None,
    span: float | None,
    model: str,
    device: str | None,
    precision: str,
    thresholds: tuple[str, ...],
    normalize: str,
    format_name: str,
    output: Path | None,
    plot: Path | None,
    summary: bool,
    resume: bool,
    strict: bool,
    rate: int | None,
    raw_format: str | None,
    raw_channels: int | None,
    **settings: Any,
) -> None:
    """Find all queries in AUDIO of any rate, channels and length.

    AUDIO are sound and video files, folders with all that is below them,
    patterns such as "street/**/*.wav", or - for standard input. What cannot
    be used is named and left out; the exit code is then 1.

    \b
    opensed detect street.wav -q "dog barking" -q "car horn" --model DIR

    Without a query the answer is what is there: for each span of ten seconds
    the five likeliest phrases of a vocabulary.

    \b
    opensed detect street.wav --model DIR --vocabulary audioset_strong
    """
    from lhotse_recipes.outputs import refuse_inputs
    from lhotse_recipes.replacing import replacing
    from lhotse_recipes.sound import find_sounds

    if "-" not in audio and (rate or raw_format or raw_channels):
        raise ValueError("--rate and --raw-... are for standard input: name -")
    if rate is None and (raw_format or raw_channels):
        raise ValueError("bare samples need a --rate; files have their own")
    asked = bool(queries or queries_file)
    refuse_idle(context, asked)
    phrases = []
    if asked:
        phrases = read_phrases(queries, queries_file)
    settings = read_settings(settings, phrases)
    levels = read_thresholds(thresholds, phrases)
    settings["normalize"] = None if normalize == "none" else normalize
    found = find_sounds(audio)
    if found.summary():
        click.echo(found.summary(), err=True)
    own = _own_files(found, output, format_name)
    plots = _plots(found, plot)
    if resume and (output is None or "-" in found.paths):
        raise ValueError("--resume needs files, and an --output to go on with")
    for path in (output, *own.values(), *plots.values()):
        refuse_inputs(path, [*found.paths, *filter(None, [queries_file])])
    if vocabulary is not None:
        phrases = read_vocabulary(vocabulary)
    detector = load_detector(model, device, precision)
    if asked:
        settings["threshold"] = detector.thresholds(phrases, levels)
    else:
        phrases = detector.known(phrases or None)
        settings = {
            "top": top,
            "span_seconds": span,
            **{k: v for k, v in settings.items() if k in FOR_LABELS},
        }
    with ExitStack() as opened:
        for folder, files in ((output, own), (plot, plots)):
            # A single file that is named is meant to be replaced.
            if folder is not None and files and folder not in files.values():
                opened.enter_context(replacing(folder, files.values()))
        results = _open_results(
            detector, phrases, settings, found, output, format_name, own, resume
        )
        opened.enter_context(prompt_interrupts(results.leave))
        opened.enter_context(results)
        failed = _detect_all(
            *(detector, phrases, settings, found, results),
            plots=plots,
            summary=summary,
            strict=strict,
            raw=(rate, raw_format, raw_channels),
        )
    if failed:
        raise SomeFailed(
            f"{failed} of {len(found.paths)} files were left out, see above"
        )


def _open_results(
    detector, phrases, settings, found, output, format_name, own, resume
):
    from speechbrain_opensed.commands.results import Results, keeps_journal
    from speechbrain_opensed.inference.provenance import made_with

    about = None
    many = len(found.paths) > 1 or resume
    if keeps_journal(output) and many:
        kept = {k: v for k, v in settings.items() if k != "batch_size"}
        about = made_with(detector, phrases, kept)
    elif resume:
        raise ValueError(
            f"--resume: {output} is no file or folder to go on with"
        )
    return Results(
        output, format_name, phrases, own, about=about, resume=resume
    )


def _detect_all(
    detector, phrases, settings, found, results, *, plots, summary, strict, raw
):
    """Hears all that is not done; how many recordings were left out."""
    from tqdm import tqdm

    from speechbrain_opensed.commands.standard_input import standard_input
    from speechbrain_opensed.inference.labels import top_labels
    from speechbrain_opensed.inference.sounds import detect_sounds
    from speechbrain_opensed.inference.summary import EventSummary

    if plots:
        from speechbrain_opensed.plotting.figures import plot_detection

    settings = dict(settings)
    top = settings.pop("top", None)
    if top is None:
        settings["columns"] = _COLUMNS if plots else 0
    channel, counts = settings.pop("channel"), EventSummary(phrases)
    done, failed = set(), 0
    for detection in results.kept(found.paths, plots):
        done.add(detection.path)
        counts.add(detection)
    if done:
        click.echo(f"{len(done)} recordings were done before", err=True)
    total = len(found.paths)
    one = total == 1
    with ExitStack() as opened:
        files = {}
        if "-" in found.paths:
            files["-"] = opened.enter_context(standard_input(*raw))
        bar = opened.enter_context(
            tqdm(total=total, initial=len(done), unit="file", disable=one)
        )

        def sound_of(path):
            results.begin(path)
            return detector.open_sound(files.get(path, path), channel, path)

        sounds = (
            (path, lambda path=path: sound_of(path))
            for path in found.paths
            if path not in done
        )
        for path, detection in detect_sounds(
            *(detector, sounds, phrases), **settings
        ):
            bar.update()
            if isinstance(detection, Exception):
                if path in files:
                    # Where it was kept meanwhile is gone and tells nothing.
                    detection = ValueError(
                        str(detection).replace(
                            str(files[path]), "standard input"
                        )
                    )
                if strict or one:
                    raise detection
                failed += 1
                reason = " ".join(str(detection).split())
                click.echo(f"Error: {reason}", err=True)
                results.fail(path, reason)
                continue
            if top is not None:
                detection = top_labels(detection, top)
            results.add(detection)
            counts.add(detection)
            if path in plots:
                plot_detection(
                    *(detection, plots[path], files.get(path)),
                    threshold=settings["threshold"],
                )
    if summary:
        # Beside results on the screen it would be taken for some of them.
        click.echo(counts.to_tsv(), nl=False, err=results.on_screen)
    return failed


def _own_files(found, output, format_name):
    """{recording: its own file}, for formats of one recording."""
    if format_name in _TOGETHER:
        if output is not None and output.is_dir():
            raise ValueError(
                f"{output} is a folder, and {format_name} is one file for all "
                f"recordings: name a file, such as "
                f"{output / f'events.{format_name}'}"
            )
        return {}
    several = found.searched or len(found.paths) > 1
    if not several and (output is None or not output.is_dir()):
        return {} if output is None else dict.fromkeys(found.paths, output)
    if output is None:
        raise ValueError(
            f"{format_name} is one file per recording: name a folder with "
            "--output"
        )
    from speechbrain_opensed.inference.formats import FORMATS

    return _in_folder(found, output, FORMATS[format_name])


def _plots(found, plot):
    if plot is None:
        return {}
    if not found.searched and len(found.paths) == 1:
        from speechbrain_opensed.plotting.figures import check_figure_path

        return dict.fromkeys(found.paths, check_figure_path(plot))
    if plot.suffix:
        raise ValueError(
            f"--plot {plot} is one file for {len(found.paths)} recordings: "
            "name a folder"
        )
    return _in_folder(found, plot, ".png")


def _in_folder(found, folder, extension):
    """{recording: its file}, placed as the recordings are."""
    taken: dict[Path, str] = {}
    for path, below in found.paths.items():
        name = "stdin" if below == "-" else below
        own = folder / Path(name).with_suffix(extension)
        if own in taken:
            raise ValueError(
                f"{taken[own]} and {path} would both become {own}: treat "
                "them one by one"
            )
        taken[own] = path
    from lhotse_recipes.names import refuse_alike

    refuse_alike(folder, [own.relative_to(folder) for own in taken])
    return {path: own for own, path in taken.items()}
