"""`opensed publish`: an export for others to load by its name.

Authors
 * The speechbrain-opensed contributors 2026
"""

from pathlib import Path

import click

__all__ = ["publish"]


@click.command(short_help="Put a detector on the Hugging Face hub.")
@click.argument("folder", type=click.Path(path_type=Path))
@click.argument("repository", metavar="OWNER/NAME")
@click.option(
    "--private", is_flag=True, help="Only for yourself, if it is made."
)
def publish(folder: Path, repository: str, private: bool) -> None:
    """Put the detector of FOLDER on the Hugging Face hub.

    Others then use it with `--model OWNER/NAME`. The token is that of
    `hf auth login`, or in HF_TOKEN.

    \b
    opensed publish results/FlexSED/event_bank/1986/detector me/my-sounds
    """
    from speechbrain_opensed.inference.publish import push_to_hub

    if not (folder / "hyperparams.yaml").is_file():
        inner = folder / "detector"
        folder = inner if inner.is_dir() else folder
    click.echo(push_to_hub(folder, repository, private=private))
