"""`opensed new`: a corpus, recipe or lobe that runs, to begin from.

Authors
 * The speechbrain-opensed contributors 2026
"""

import keyword
import re
from importlib.resources import files
from importlib.resources.abc import Traversable
from pathlib import Path

import click

from lhotse_recipes.io import write_atomically

__all__ = ["KINDS", "make_skeleton", "new"]

#: What can be made, and the file to read first.
KINDS = ("corpus", "recipe", "lobe")
_END = ".tmpl"


def make_skeleton(kind: str, name: str, folder: Path) -> list[Path]:
    """Write a running beginning, with its test and its page.

    Arguments
    ---------
    kind : str
        "corpus", "recipe" or "lobe".
    name : str
        Lower-case words joined by underscores.
    folder : Path
        New, or empty.

    Returns
    -------
    list of Path
        The files.

    Raises
    ------
    ValueError
        If the name cannot be one of a module, or the folder is not empty.

    Example
    -------
    >>> make_skeleton("lobe", "My-Lobe", Path("nowhere"))
    Traceback (most recent call last):
    ValueError: 'My-Lobe' is no name for a module: write it like my_lobe
    """
    if not re.fullmatch(r"[a-z][a-z0-9_]*", name) or keyword.iskeyword(name):
        better = re.sub(r"[^a-z0-9]+", "_", name.lower()).strip("_")
        raise ValueError(
            f"{name!r} is no name for a module: write it like "
            f"{better if better[:1].isalpha() else 'my_' + kind}"
        )
    if folder.exists() and (not folder.is_dir() or any(folder.iterdir())):
        raise ValueError(f"{folder} is not empty; name a new folder")
    words = {
        "@name@": name,
        "@Name@": "".join(word.capitalize() for word in name.split("_")),
        "@command@": name.replace("_", "-"),
    }
    written = []
    templates = files("speechbrain_opensed.commands") / "templates" / kind
    for path, template in _below(templates):
        text, target = template.read_text("utf-8"), path.removesuffix(_END)
        for mark, word in words.items():
            text, target = text.replace(mark, word), target.replace(mark, word)
        (folder / target).parent.mkdir(parents=True, exist_ok=True)
        with write_atomically(folder / target) as file:
            file.write(text)
        written.append(folder / target)
    return written


def _below(folder: Traversable, above: str = ""):
    for one in sorted(folder.iterdir(), key=lambda one: one.name):
        if one.is_dir():
            yield from _below(one, f"{above}{one.name}/")
        elif one.name.endswith(_END):
            yield f"{above}{one.name}", one


@click.command(short_help="Begin a corpus, a recipe or a lobe.")
@click.argument("kind", type=click.Choice(KINDS))
@click.argument("name")
@click.option(
    "-o",
    "--output",
    type=click.Path(path_type=Path, file_okay=False),
    help="Folder; default: one called NAME where you are.",
)
def new(kind: str, name: str, output: Path | None) -> None:
    """Write a corpus, recipe or lobe that runs, to begin from.

    With it come its test, a README with the rows to add elsewhere, and
    nothing that has to be removed.

    \b
    opensed new corpus my_corpus
    cd my_corpus && python -m pytest
    """
    folder = Path(name) if output is None else output
    for path in make_skeleton(kind, name, folder):
        click.echo(path)
    click.echo(f"begin with {folder / 'README.md'}", err=True)
