"""`opensed train`: the papers' recipes, from the repository or a wheel.

Authors
 * The speechbrain-opensed contributors 2026
"""

import os
import re
import shutil
import sys
from collections.abc import Sequence
from pathlib import Path

import click

__all__ = ["find_recipe", "recipes_folder", "train"]

# They may be keys of a recipe, too, and are written otherwise.
_OF_SPEECHBRAIN = ("precision", "max_grad_norm", "debug")


def recipes_folder() -> Path:
    """Where the recipes are: inside the package, or beside it.

    Returns
    -------
    Path
        A folder with one folder for each paper.

    Raises
    ------
    FileNotFoundError
        If neither has them.

    Example
    -------
    >>> (recipes_folder() / "FlexSED/train.py").is_file()
    True
    """
    package = Path(__file__).resolve().parents[1]
    for folder in (package / "recipes", package.parent / "recipes"):
        if (folder / "FlexSED").is_dir():
            return folder
    raise FileNotFoundError(
        f"no recipes in {package}: install speechbrain-opensed again"
    )


def find_recipe(recipe: str, hparams: str) -> tuple[Path, Path]:
    """The script and the YAML file that a recipe's names stand for.

    Arguments
    ---------
    recipe : str
        Folder of a paper, "FlexSED".
    hparams : str
        Name of one of its YAML files, "event_bank", or a file of one's own.

    Returns
    -------
    tuple of Path
        Script, YAML file.

    Raises
    ------
    ValueError
        Names what there is.

    Example
    -------
    >>> [path.name for path in find_recipe("SEPT", "pretrain_bank")]
    ['pretrain.py', 'pretrain_bank.yaml']
    """
    folder = _folder(recipe)
    if hparams.endswith((".yaml", ".yml")):
        file = Path(hparams).resolve()
        if not file.is_file():
            raise FileNotFoundError(f"no such file: {hparams}")
    else:
        file = folder / "hparams" / f"{hparams}.yaml"
        if not file.is_file():
            names = ", ".join(_names(folder))
            raise ValueError(
                f"{recipe} has no {hparams!r}; it has {names}, or give a file "
                "of your own that ends in .yaml"
            )
    # pretrain.yaml and pretrain_bank.yaml belong to pretrain.py.
    first = file.stem.partition("_")[0]
    script = folder / f"{first}.py"
    if first in ("demo", "train") or not script.is_file():
        script = folder / "train.py"
    return script, file


def _folder(recipe: str) -> Path:
    known = {path.name.lower(): path for path in _papers()}
    if recipe.lower() not in known:
        names = ", ".join(path.name for path in known.values())
        raise ValueError(f"no recipe {recipe!r}; there are {names}")
    return known[recipe.lower()]


def _papers() -> list[Path]:
    return sorted(
        path.parent for path in recipes_folder().glob("[!_]*/train.py")
    )


def _names(folder: Path) -> list[str]:
    return sorted(path.stem for path in folder.glob("hparams/*.yaml"))


def _list() -> str:
    lines = []
    for folder in _papers():
        for name in _names(folder):
            text = (folder / "hparams" / f"{name}.yaml").read_text("utf-8")
            banner = [line.lstrip("# ") for line in text.splitlines()[1:3]]
            lines.append(f"{folder.name} {name}")
            lines += [f"  {line}" for line in banner]
    return "\n".join(lines)


def _copy(recipe: str, hparams: str | None, target: Path) -> str:
    """Puts a recipe into a folder to edit; returns the command to run it."""
    folder = _folder(recipe)
    if target.exists() and any(target.iterdir()):
        raise ValueError(f"{target} is not empty; name a new folder")
    files = [folder / "README.md"]
    # A demonstration needs the folder beside the recipes.
    files += [path for path in folder.glob("*.py") if path.stem != "demo"]
    if hparams is None:
        shown = _names(folder)[0]
        files += folder.glob("hparams/*.yaml")
        script, file = find_recipe(recipe, shown)
    else:
        script, file = find_recipe(recipe, hparams)
        files.append(file)
    for path in files:
        kind = "hparams" if path.suffix == ".yaml" else ""
        (target / kind).mkdir(parents=True, exist_ok=True)
        shutil.copyfile(path, target / kind / path.name)
    return f"python {target / script.name} {target / 'hparams' / file.name}"


def _refuse_early(script: Path, file: Path, words: Sequence[str]) -> None:
    """Tells what is wrong with overrides before anything large is loaded.

    What this passes over, options of SpeechBrain most of all, the recipe
    checks itself.
    """
    from speechbrain_opensed.core.overrides import read_overrides

    text = file.read_text(encoding="utf-8")
    either = re.search(r"^EITHER = (.*)$", script.read_text("utf-8"), re.M)
    loose = re.findall(r"\w+", either[1]) if either else []
    given = list(words)
    for place, word in enumerate(given):
        key, joined, value = word.removeprefix("--").partition("=")
        known = re.search(rf"^{re.escape(key)}:", text, re.M)
        if not word.startswith("--") or not known or key in _OF_SPEECHBRAIN:
            continue
        if not joined:
            if place + 1 == len(given) or given[place + 1].startswith("--"):
                continue
            value = given[place + 1]
        read_overrides(file, f"{key}: {value}", loose)


@click.command(
    short_help="Train a recipe, list them, or copy one to edit.",
    context_settings={"ignore_unknown_options": True},
)
@click.argument("recipe", required=False)
@click.argument("hparams", required=False)
@click.argument("overrides", nargs=-1, type=click.UNPROCESSED)
@click.option("--list", "listed", is_flag=True, help="List the recipes.")
@click.option(
    "--copy",
    "target",
    type=click.Path(path_type=Path, file_okay=False),
    help="Put the recipe into this folder, to edit, and train nothing.",
)
def train(
    recipe: str | None,
    hparams: str | None,
    overrides: Sequence[str],
    *,
    listed: bool,
    target: Path | None,
) -> None:
    """Train HPARAMS of RECIPE; what follows overrides its YAML file.

    \b
    opensed train --list
    opensed train FlexSED event_bank --bank_folder recordings
    opensed train FlexSED mine.yaml --device cuda:0 --number_of_epochs 5
    opensed train FlexSED event_bank --copy mine
    torchrun --no-python --nproc_per_node 2 opensed train FlexSED event_bank

    Results are written below the folder where you are, into output_folder.
    """
    if listed:
        if recipe or target:
            raise click.UsageError("--list takes nothing else.")
        click.echo(_list())
        return
    if recipe is None:
        raise click.UsageError("Name a recipe, or see them with --list.")
    if target is not None:
        if overrides:
            raise click.UsageError(
                f"--copy takes no overrides ({' '.join(overrides)}); give "
                "them when you run the copy."
            )
        click.echo(_copy(recipe, hparams, target))
        return
    if hparams is None:
        names = ", ".join(_names(_folder(recipe)))
        raise click.UsageError(f"Which of {recipe}'s: {names}?")
    script, file = find_recipe(recipe, hparams)
    _refuse_early(script, file, overrides)
    command = [sys.executable, str(script), str(file), *overrides]
    if click.get_current_context().find_root().params.get("traceback"):
        command.append("--traceback")
    sys.stdout.flush()
    # In place of this process: signals and the exit status are the recipe's.
    os.execv(sys.executable, command)
