"""`opensed generate`: make sound from a text, in the style of others.

Authors
 * The speechbrain-opensed contributors 2026
"""

from pathlib import Path
from typing import Any

import click

from speechbrain_opensed.commands.options import model_options, read_run_opts

__all__ = ["generate"]


@click.command(short_help="Make sound from a text, in the style of others.")
@click.argument("text")
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
    show_default=True,
    help="How noise is turned into sound.",
)
@click.option(
    "--guidance",
    type=click.Choice(["dual", "joint", "authors"]),
    default="dual",
    show_default=True,
    help="How text and style guide: each by its scale; both by that of the "
    "text; as in the code of the paper.",
)
@click.option(
    "--guidance-text",
    type=float,
    default=3.0,
    show_default=True,
    help="More follows the text more closely.",
)
@click.option(
    "--guidance-style",
    type=float,
    default=1.5,
    show_default=True,
    help="More follows the references more closely.",
)
@click.option(
    "--strength",
    type=float,
    default=1.0,
    show_default=True,
    help="Of the style; 0: none.",
)
@click.option(
    "--seed",
    type=int,
    default=0,
    show_default=True,
    help="Of the noise that generation begins with.",
)
@click.option(
    "--plot",
    type=click.Path(path_type=Path),
    help="Figure of the spectrogram (.png, .pdf, .svg).",
)
def generate(
    text: str,
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
    plot: Path | None,
    **settings: Any,
) -> None:
    """Make the sound that TEXT describes.

    \b
    opensed generate "a dog barks" -r bark.wav --model DIR -o out.wav
    opensed generate "a dog barks" -r bark.wav -o out.wav \\
        --base tango2 --adapter DIR
    """
    if (model is None) == (base is None):
        raise ValueError("give either --model or --base")
    if adapter is not None and base is None:
        raise ValueError("--adapter has no effect without --base")
    from speechbrain_opensed.inference.generator import (
        StyleTransferGenerator,
    )
    from speechbrain_opensed.inference.styled_pipeline import open_base
    from speechbrain_opensed.inference.waves import (
        check_wave_path,
        write_wave,
    )

    check_wave_path(out)
    if plot is not None:
        from speechbrain_opensed.plotting.figures import check_figure_path

        plot = check_figure_path(plot)
    run_opts = read_run_opts(device, precision)
    if base is None:
        assert model is not None, "asked for above"
        generator = StyleTransferGenerator.from_hparams(
            model, run_opts=run_opts
        )
    else:
        generator = open_base(base, adapter, run_opts)
    if isinstance(generator, StyleTransferGenerator):
        window = generator.spec.window_seconds
        settings["progress"] = True
    else:
        window = 10.0
        _refuse_settings(settings, ("scheduler", "guidance", "guidance_style"))
    wave, rate = generator.generate(
        text,
        list(references) or None,
        list(weights) or None,
        duration_s=window if duration is None else duration,
        style_strength=strength,
        **settings,
    )
    write_wave(out, wave, rate)
    if plot is not None:
        from speechbrain_opensed.plotting.sounds import plot_sounds

        drawn = {text: str(out), **{Path(r).name: r for r in references}}
        plot_sounds(drawn, plot)
    click.echo(f"{out}: {len(wave) / rate:.2f} s at {rate} Hz")


def _refuse_settings(settings, names):
    """Takes away what a pipeline of diffusers decides by itself."""
    context = click.get_current_context()
    source = click.core.ParameterSource.COMMANDLINE
    for name in names:
        if context.get_parameter_source(name) == source:
            raise ValueError(
                f"--{name.replace('_', '-')} has no effect with this base: "
                "its pipeline has its own; leave it out"
            )
        del settings[name]
