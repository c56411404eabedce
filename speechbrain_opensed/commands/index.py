"""`opensed index`: hear a folder of recordings once, to search it later.

Authors
 * The speechbrain-opensed contributors 2026
"""

from pathlib import Path
from typing import Any

import click

from speechbrain_opensed.commands.interrupts import prompt_interrupts
from speechbrain_opensed.commands.options import (
    SomeFailed,
    count_option,
    model_options,
    read_run_opts,
)

__all__ = ["MODEL", "bring_up_to_date", "index"]

#: Help on what can be named.
MODEL = (
    "FineLAP, CLAP, PE-A-Frame or OpenFLAM: a name, see `opensed models`, "
    "or laion/clap-htsat-unfused; folder of an export or of a run; a file of "
    "released weights; a folder of CLAP."
)


@click.command(short_help="Hear a folder of recordings, to search it later.")
@click.argument("folder", type=click.Path(path_type=Path))
@model_options(what=MODEL, precision=False)
@click.option(
    "-o",
    "--output",
    "--index",
    "index_folder",
    type=click.Path(file_okay=False, path_type=Path),
    help="Where the index goes; default: .opensed-index in the folder.",
)
@count_option("--batch-size", default=8, help="Windows that are heard at once.")
@click.option(
    "--strict",
    is_flag=True,
    help="Stop at the first recording that cannot be read.",
)
@prompt_interrupts()
def index(
    folder: Path,
    model: str,
    device: str | None,
    index_folder: Path | None,
    batch_size: int,
    strict: bool,
) -> None:
    """Hear the recordings in FOLDER, and in folders below.

    Later only what is new or has changed is heard; what is gone is
    forgotten. An interrupted run goes on where it stopped. Recordings that
    cannot be read are named and left out; the exit code is then 1.

    \b
    opensed index field-recordings --model finelap
    opensed search field-recordings "glass breaking"
    """
    from speechbrain_opensed.inference.spaces import load_space

    space = load_space(model, read_run_opts(device))
    found = bring_up_to_date(
        space,
        folder,
        index_folder,
        batch_size=batch_size,
        source=model,
        strict=strict,
    )
    click.echo(str(found.folder))
    if found.failed:
        raise SomeFailed(
            f"{len(found.failed)} recordings were left out, see above"
        )


def bring_up_to_date(
    space: Any, folder: Path, index_folder: Path | None, **options: Any
) -> Any:
    """Updates an index and says on standard error what was done.

    Arguments
    ---------
    space : SoundSpace
        The model.
    folder : Path
        The recordings.
    index_folder : Path or None
        Where the index lies.
    **options
        Of `SoundIndex.update`.

    Returns
    -------
    SoundIndex
        The index.

    Example
    -------
    >>> bring_up_to_date.__name__
    'bring_up_to_date'
    """
    from lhotse_recipes.sound import FoundSounds
    from speechbrain_opensed.inference import SoundIndex

    source = options.pop("source", "")
    if Path(source).expanduser().exists():
        source = str(Path(source).expanduser().resolve())
    found = SoundIndex.update(
        space, folder, index_folder, source=source, **options
    )
    click.echo(
        f"{len(found.files)} recordings, {found.seconds / 3600:.2f} hours, "
        f"{found.encoded} heard now"
        + (f", {found.removed} gone" if found.removed else ""),
        err=True,
    )
    if found.passed_over:
        told = FoundSounds(passed_over=found.passed_over).summary()
        click.echo(told, err=True)
    if found.failed:
        click.echo(
            f"{len(found.failed)} recordings could not be read:", err=True
        )
        for about in found.failed.values():
            click.echo(f"  {about['reason']}", err=True)
    return found
