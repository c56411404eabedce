"""`opensed detect`: find sounds in files.

Authors
 * The speechbrain-opensed contributors 2026
"""

from pathlib import Path

import click

from speechbrain_opensed.commands.options import (
    SomeFailed,
    detection_options,
    load_detector,
    model_options,
    phrase_options,
    read_phrases,
    read_settings,
    read_thresholds,
)

__all__ = ["detect"]


@click.command(short_help="Find sounds in files by their description.")
@click.argument("audio", nargs=-1, required=True, type=click.Path())
@phrase_options
@model_options()
@detection_options
@click.option(
    "--normalize",
    type=click.Choice(["spec", "window", "file", "none"]),
    default="spec",
    show_default=True,
    help="What is brought to full scale; spec: as the model was trained.",
)
@click.option(
    "--format",
    "format_name",
    type=click.Choice(["tsv", "json", "audacity", "textgrid"]),
    default="tsv",
    show_default=True,
    help="Audacity: a label track; textgrid: for Praat.",
)
@click.option(
    "-o",
    "--output",
    type=click.Path(path_type=Path),
    help="File; a folder for label tracks and TextGrids of several "
    "recordings. Default: the screen.",
)
@click.option(
    "--plot",
    type=click.Path(path_type=Path),
    help="Figure (.png, .pdf, .svg); a folder for several recordings.",
)
def detect(
    audio,
    queries,
    queries_file,
    model,
    device,
    precision,
    thresholds,
    format_name,
    output,
    plot,
    normalize,
    **settings,
):
    """Find all queries in AUDIO files of any rate, channels and length.

    \b
    opensed detect street.wav -q "dog barking" -q "car horn" --model DIR
    """
    from tqdm import tqdm

    from lhotse_recipes.outputs import refuse_inputs
    from speechbrain_opensed.inference.formats import FORMATS

    phrases = read_phrases(queries, queries_file)
    thresholds = read_thresholds(thresholds, phrases)
    settings = read_settings(settings, phrases)
    outputs = _outputs(audio, output, format_name, FORMATS[format_name])
    plots = _plots(audio, plot)
    for path in (*outputs, *plots.values()):
        refuse_inputs(path, [*audio, *([queries_file] if queries_file else [])])
    detector = load_detector(model, device, precision)
    found, failed = {}, []
    for path in tqdm(audio, unit="file", disable=len(audio) < 2):
        try:
            found[path] = detector.detect_file(
                path,
                phrases,
                thresholds,
                normalize=None if normalize == "none" else normalize,
                **settings,
            )
        except (ValueError, OSError) as error:
            if len(audio) == 1:
                raise
            failed.append(path)
            click.echo(f"Error: {' '.join(str(error).split())}", err=True)
            continue
        if path in plots:
            found[path].plot(plots[path])
    _write(found, outputs, format_name)
    if failed:
        raise SomeFailed(
            f"{len(failed)} of {len(audio)} files were left out, see above"
        )


def _outputs(audio, output, format_name, extension):
    """{path of the result: recordings in it}; None is the screen."""
    if format_name in ("tsv", "json"):
        return {output: list(audio)}
    if len(audio) == 1:
        return {output: list(audio)}
    if output is None:
        raise ValueError(
            f"{format_name} is one file per recording: name a folder with "
            "--output"
        )
    return {path: [name] for name, path in _in_folder(audio, output, extension)}


def _plots(audio, plot):
    if plot is None:
        return {}
    if len(audio) == 1:
        from speechbrain_opensed.plotting.figures import check_figure_path

        return {audio[0]: check_figure_path(plot)}
    if plot.suffix:
        raise ValueError(
            f"--plot {plot} is one file for {len(audio)} recordings: name a "
            "folder"
        )
    return dict(_in_folder(audio, plot, ".png"))


def _in_folder(audio, folder, extension):
    taken = {}
    for name in audio:
        path = folder / (Path(name).stem + extension)
        if path in taken:
            raise ValueError(
                f"{taken[path]} and {name} would both become {path}: treat "
                "them one by one"
            )
        taken[path] = name
        yield name, path


def _write(found, outputs, format_name):
    from speechbrain_opensed.inference import formats

    for path, names in outputs.items():
        detections = [found[name] for name in names if name in found]
        if not detections:
            continue
        render = getattr(formats, f"to_{format_name}")
        if format_name in ("tsv", "json"):
            text = render(detections)
        else:
            text = render(detections[0])
        if path is None:
            click.echo(text, nl=False)
        else:
            formats.write(path, text)
