"""`opensed generate`: make sound from a text, in the style of others.

Authors
 * The speechbrain-opensed contributors 2026
"""

from pathlib import Path

import click

from speechbrain_opensed.commands.options import model_options, read_run_opts

__all__ = ["generate"]


@click.command(short_help="Make sound from a text, in the style of others.")
@click.argument("text")
@model_options(
    what="Folder of an exported generator or OWNER/MODEL on the Hugging Face "
    "hub."
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
    "--out",
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
@click.option("--seed", type=int, default=0, show_default=True)
@click.option(
    "--plot",
    type=click.Path(path_type=Path),
    help="Figure of the spectrogram (.png, .pdf, .svg).",
)
def generate(
    text,
    model,
    device,
    precision,
    references,
    weights,
    out,
    duration,
    strength,
    plot,
    **settings,
):
    """Make the sound that TEXT describes.

    \b
    opensed generate "a dog barks" -r bark.wav --model DIR -o out.wav
    """
    from speechbrain_opensed.inference.generator import (
        StyleTransferGenerator,
    )
    from speechbrain_opensed.inference.waves import (
        check_wave_path,
        write_wave,
    )

    check_wave_path(out)
    if plot is not None:
        from speechbrain_opensed.plotting.figures import check_figure_path

        plot = check_figure_path(plot)
    generator = StyleTransferGenerator.from_hparams(
        model, run_opts=read_run_opts(device, precision)
    )
    wave, rate = generator.generate(
        text,
        list(references) or None,
        list(weights) or None,
        generator.spec.window_seconds if duration is None else duration,
        style_strength=strength,
        progress=True,
        **settings,
    )
    write_wave(out, wave, rate)
    if plot is not None:
        from speechbrain_opensed.plotting.sounds import plot_sounds

        plot_sounds({text: out, **{Path(r).name: r for r in references}}, plot)
    click.echo(f"{out}: {len(wave) / rate:.2f} s at {rate} Hz")
