"""`opensed join-captions`: captions of one corpus on clips of another.

Authors
 * The speechbrain-opensed contributors 2026
"""

from pathlib import Path

import click

from lhotse_recipes.cli import output_argument

__all__ = ["join_captions"]

_FILE = click.Path(dir_okay=False, path_type=Path)


@click.command(
    "join-captions", short_help="Put captions on clips of the same videos."
)
@click.argument("cuts", type=_FILE)
@click.argument("captions", type=_FILE)
@output_argument(_FILE)
def join_captions(cuts: Path, captions: Path, output: Path) -> None:
    """Put the captions of CAPTIONS on the clips of CUTS; write OUTPUT.

    All three are manifests of cuts. A clip gets the captions of the clip of
    its name or, failing that, of the only clip of its video; clips without
    any stay as they are.

    \b
    opensed join-captions audioset-strong_cuts_train.jsonl.gz \\
        wavcaps_cuts_audioset.jsonl.gz -o captioned.jsonl.gz
    """
    from lhotse_recipes import captioning
    from lhotse_recipes.io import write_jsonl
    from lhotse_recipes.manifests import read_cuts

    joined, number = captioning.join_captions(
        read_cuts(cuts), read_cuts(captions)
    )
    if not number:
        raise ValueError(
            f"{captions} describes no clip of {cuts}: are they of the same "
            "videos?"
        )
    write_jsonl(output, joined)
    click.echo(f"{number} of {len(joined)} clips got captions: {output}")
