"""`opensed generate`: make sound from a text, in the style of others.

Authors
 * The speechbrain-opensed contributors 2026
"""

from pathlib import Path
from typing import Any

import click

from speechbrain_opensed.commands.generate_tools import (
    named_files,
    read_timeline,
    tell_events,
    write_page,
)
from speechbrain_opensed.commands.options import model_options, read_run_opts

__all__ = ["generate"]


@click.command(short_help="Make sound from a text, in the style of others.")
@click.argument("text", required=False)
@model_options(
    what="Folder of an exported generator or OWNER/MODEL on the Hugging Face "
    "hub.",
    required=False,
)
@click.option(
    "--base",
    help="Instead of --model: tango, tango2, audioldm2, stable-audio, or the "
    "folder of one; as its authors released it.",
)
@click.option(
    "--adapter",
    type=click.Path(path_type=Path, file_okay=False),
    help="Folder of an adapter for --base, which references need.",
)
@click.option(
    "-r",
    "--reference",
    "references",
    multiple=True,
    type=click.Path(),
    help="Sound whose style to follow, of any rate; may be repeated.",
)
@click.option(
    "--weight",
    "weights",
    multiple=True,
    type=float,
    help="What each reference counts, in their order; they sum to 1.",
)
@click.option(
    "-o",
    "--output",
    "out",
    required=True,
    type=click.Path(path_type=Path),
    help="Sound file (.wav, .flac).",
)
@click.option(
    "--duration",
    type=float,
    default=None,
    help="Seconds. Default: what the model was trained on.",
)
@click.option(
    "--steps",
    type=int,
    default=None,
    help="Default: 20 with dpm and unipc, 50 with ddim, 200 with ddpm.",
)
@click.option(
    "--scheduler",
    type=click.Choice(["dpm", "unipc", "ddim", "ddpm"]),
    default="dpm",
    help="How noise is turned into sound.",
)
@click.option(
    "--guidance",
    type=click.Choice(["dual", "joint", "authors"]),
    default="dual",
    help="How text and style guide: each by its scale; both by that of the "
    "text; as in the code of the paper.",
)
@click.option(
    "--guidance-text",
    type=float,
    default=3.0,
    help="More follows the text more closely.",
)
@click.option(
    "--guidance-style",
    type=float,
    default=1.5,
    help="More follows the references more closely.",
)
@click.option(
    "--strength",
    type=float,
    default=1.0,
    help="Of the style; 0: none.",
)
@click.option(
    "--seed",
    type=int,
    default=0,
    help="Of the noise that generation begins with.",
)
@click.option(
    "--init-audio",
    type=click.Path(),
    help="Begin with this sound in place of noise; the result is as long.",
)
@click.option(
    "--init-strength",
    type=float,
    help="How far to go from --init-audio, above 0; 1: nothing of it is "
    "left. Default: 0.6.",
)
@click.option(
    "--fill",
    type=float,
    nargs=2,
    metavar="START END",
    help="Fill the gap in --init-audio between these seconds; all else stays "
    "as it is, at the model's rate.",
)
@click.option(
    "--timeline",
    help="What is to be heard when: 'dog barking at 2, car horn from 5 to 7', "
    "or a text file of such lines. TEXT is then what is heard behind it, and "
    "may be left out.",
)
@click.option(
    "--loudness",
    metavar="'SECONDS:DB ...'",
    help="Level over time, such as '0:-30 2:0 5:-30'; 0 dB leaves it as it is.",
)
@click.option(
    "--truth",
    type=click.Path(path_type=Path, dir_okay=False),
    help="Table of what --timeline put where (.tsv), as annotation.",
)
@click.option(
    "--check",
    metavar="MODEL",
    help="Detector that listens for what --timeline asked for; see `opensed "
    "detect --model`. Prints onset errors and F-score (0.2 s).",
)
@click.option(
    "--report",
    type=click.Path(path_type=Path, dir_okay=False),
    help="Page (.html) to listen and compare: references, with and without "
    "them; blind if you like.",
)
@click.option(
    "--plot",
    type=click.Path(path_type=Path),
    help="Figure of the spectrogram (.png, .pdf, .svg).",
)
def generate(
    text: str | None,
    model: str | None,
    base: str | None,
    adapter: Path | None,
    device: str | None,
    precision: str,
    references: tuple[str, ...],
    weights: tuple[float, ...],
    out: Path,
    duration: float | None,
    strength: float,
    timeline: str | None,
    loudness: str | None,
    truth: Path | None,
    check: str | None,
    report: Path | None,
    plot: Path | None,
    **settings: Any,
) -> None:
    """Make the sound that TEXT describes.

    \b
    opensed generate "a dog barks" -r bark.wav --model DIR -o out.wav
    opensed generate "a dog barks" -r bark.wav -o out.wav \\
        --base tango2 --adapter DIR
    opensed generate "rain" --init-audio hum.wav --model DIR -o out.wav
    opensed generate "rain" --init-audio street.wav --fill 2 3.5 \\
        --model DIR -o mended.wav
    opensed generate --timeline "dog at 2, car horn from 5 to 7" \\
        --model DIR -o out.wav --check flexsed
    """
    if text is None and timeline is None:
        raise ValueError("say what is to be heard: give TEXT")
    settings = {k: v for k, v in settings.items() if v not in (None, ())}
    cues = read_timeline(timeline, truth, check, report, settings)
    curve = None
    if loudness is not None:
        from speechbrain_opensed.inference.curves import parse_curve

        curve = parse_curve(loudness)
    from speechbrain_opensed.inference.waves import (
        check_wave_path,
        write_wave,
    )

    check_wave_path(out)
    if report is not None and report.suffix.lower() not in (".html", ".htm"):
        raise ValueError(f"--report {report} is a page: call it .html")
    if plot is not None:
        from speechbrain_opensed.plotting.figures import check_figure_path

        plot = check_figure_path(plot)
    generator, window = _open(
        *(model, base, adapter),
        run_opts=read_run_opts(device, precision),
        settings=settings,
    )
    settings["style_strength"] = strength
    settings["ref_weights"] = list(weights) or None
    styles = list(references) or None
    if cues is not None:
        from speechbrain_opensed.inference.timeline import generate_timeline

        wave, rate, placed = generate_timeline(
            generator,
            cues,
            window if duration is None else duration,
            background=text,
            references=styles,
            clip_seconds=window,
            **settings,
        )
    else:
        settings["duration_s"] = duration
        if duration is None and "init_audio" not in settings:
            settings["duration_s"] = window
        wave, rate = generator.generate(text, styles, **settings)
    waves = {"with the references" if styles else "generated": wave}
    if report is not None and styles:
        waves["without them"], _ = generator.generate(text, **settings)
    if curve is not None:
        from speechbrain_opensed.inference.curves import follow_curve

        waves = {k: follow_curve(w, rate, curve) for k, w in waves.items()}
    wave = next(iter(waves.values()))
    write_wave(out, wave, rate)
    if plot is not None:
        from speechbrain_opensed.plotting.sounds import plot_sounds

        drawn = {text or str(timeline): str(out)}
        plot_sounds(drawn | named_files(references), plot)
    if report is not None:
        write_page(report, str(text), references, waves, rate)
    click.echo(f"{out}: {len(wave) / rate:.2f} s at {rate} Hz")
    if cues is not None:
        tell_events(
            *(placed, out, len(wave) / rate),
            truth=truth,
            check=check,
            device=device,
        )


def _open(model, base, adapter, *, run_opts, settings):
    """The generator, and how long its clips are; it gets its own settings."""
    if (model is None) == (base is None):
        raise ValueError("give either --model or --base")
    if adapter is not None and base is None:
        raise ValueError("--adapter has no effect without --base")
    from speechbrain_opensed.inference.generator import (
        StyleTransferGenerator,
    )
    from speechbrain_opensed.inference.styled_pipeline import open_base

    generator: Any
    if base is None:
        generator = StyleTransferGenerator.from_hparams(
            model, run_opts=run_opts
        )
    else:
        generator = open_base(base, adapter, run_opts)
    if isinstance(generator, StyleTransferGenerator):
        settings["progress"] = True
        return generator, generator.spec.window_seconds
    _refuse_settings(settings, _OURS)
    return generator, 10.0


# What pipelines of diffusers decide by themselves, or cannot do.
_OURS = (
    *("scheduler", "guidance", "guidance_style"),
    *("init_audio", "init_strength", "fill"),
)


def _refuse_settings(settings, names):
    """Takes away what a pipeline of diffusers decides by itself."""
    context = click.get_current_context()
    source = click.core.ParameterSource.COMMANDLINE
    for name in names:
        if context.get_parameter_source(name) == source:
            raise ValueError(
                f"--{name.replace('_', '-')} has no effect with this base: "
                "its pipeline goes its own way; leave it out, or take a Tango"
            )
        settings.pop(name, None)
