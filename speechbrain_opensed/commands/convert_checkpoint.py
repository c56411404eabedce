"""`opensed convert-checkpoint`: safetensors of a training's checkpoint.

Authors
 * The speechbrain-opensed contributors 2026
"""

from pathlib import Path

import click

from lhotse_recipes.cli import output_argument

__all__ = ["convert_checkpoint"]

_FILE = click.Path(dir_okay=False, path_type=Path)


@click.command(
    "convert-checkpoint",
    short_help="Take the tensors out of a training's checkpoint.",
)
@click.argument("source", type=_FILE)
@output_argument(_FILE)
def convert_checkpoint(source: Path, output: Path) -> None:
    """Write the tensors of SOURCE to OUTPUT, a .safetensors file.

    For checkpoints such as EAT's, which hold fairseq's settings as objects:
    nothing that they name is imported or run.

    \b
    opensed convert-checkpoint EAT-base_epoch30_ft.pt -o eat.safetensors
    """
    from speechbrain_opensed.checkpoints import converting

    number = converting.convert_checkpoint(source, output)
    click.echo(f"wrote {output}: {number} tensors")
