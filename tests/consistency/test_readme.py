"""What the documents tell a reader to run or open is there."""

import pytest

from tests.consistency.files import ROOT, name
from tests.consistency.links import (
    broken_links,
    commands,
    hparams_files,
    unknown_targets,
)

DOCUMENTS = sorted([*ROOT.glob("*.md"), *ROOT.glob("recipes/**/*.md")])
RECIPES = sorted(path.parent for path in ROOT.glob("recipes/*/hparams"))


def test_the_house_has_its_papers():
    for paper in (
        "README.md",
        "CHANGELOG.md",
        "CITATION.cff",
        "CONTRIBUTING.md",
        "LICENSE",
    ):
        assert (ROOT / paper).is_file(), f"{paper} is missing"


@pytest.mark.parametrize("path", DOCUMENTS, ids=name)
def test_links_lead_somewhere(path):
    assert broken_links(path) == []


@pytest.mark.parametrize("path", DOCUMENTS, ids=name)
def test_commands_exist(path):
    text = path.read_text()
    assert unknown_targets(text, (ROOT / "Makefile").read_text()) == []
    shown = commands(text)
    if shown:
        from click import Context

        from speechbrain_opensed.commands.cli import opensed

        known = set(opensed.list_commands(Context(opensed)))
        assert shown <= known, f"no such command: {sorted(shown - known)}"


@pytest.mark.parametrize("path", DOCUMENTS, ids=name)
def test_named_hyperparameter_files_exist(path):
    for recipe, file in hparams_files(path.read_text()):
        folder = ROOT / "recipes" / recipe if recipe else path.parent
        assert (folder / "hparams" / file).is_file(), f"no {file} in {folder}"


@pytest.mark.parametrize("folder", RECIPES, ids=name)
def test_recipes_explain_all_their_files(folder):
    readme = (folder / "README.md").read_text()
    for path in sorted(folder.glob("hparams/*.yaml")):
        assert f"hparams/{path.name}" in readme, f"{path.name} is not explained"


def test_set_up_takes_two_commands():
    readme = (ROOT / "README.md").read_text()
    for target in ("demo", "test"):
        assert f"make {target}" in readme


@pytest.mark.parametrize(
    "text, broken",
    [
        ("[a](b.md) [c](https://host/x) [d](#a-title-b2)", []),
        ("[a](missing.md)", ["missing.md"]),
        ("![plot](plot.png)", ["plot.png"]),
        ("[a](#no-title)", ["#no-title"]),
        ("[a](b.md#deep) [b](b.md#other)", ["b.md#other"]),
        ("```\nx[0](y)\n```", []),
        ('[a](missing.md "a title")', ["missing.md"]),
    ],
)
def test_broken_links_are_noticed(tmp_path, text, broken):
    (tmp_path / "b.md").write_text("## Deep\n")
    (tmp_path / "a.md").write_text(f"# A title: `b2`\n\n{text}\n")
    assert broken_links(tmp_path / "a.md") == broken


def test_unknown_targets_and_commands_are_noticed():
    makefile = "OPTION := 1\ndemo: x\n\tmake other\n.PHONY: nothing\n"
    text = "To make sense, run `make demo` or\n\n    $ make fun\nmake tea\n"
    assert unknown_targets(text, makefile) == ["fun", "tea"]
    assert commands("`opensed detect x` is what opensed does") == {"detect"}


def test_hyperparameter_files_are_found_in_text():
    text = "train.py hparams/a.yaml and recipes/B/hparams/c-d.yaml --x"
    assert list(hparams_files(text)) == [(None, "a.yaml"), ("B", "c-d.yaml")]
