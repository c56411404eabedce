"""Every command and snippet of the pages runs, page by page, in order."""

import re
import shutil
from collections import Counter

import pytest

from docs.tools.example_folder import ROOT, make_folder
from docs.tools.not_run import REASONS, tell
from tests.docs_blocks import blocks_of, check, run

RUN = ("console", "python")
PAGES = sorted(
    path
    for path in [ROOT / "README.md", *ROOT.glob("docs/**/*.md")]
    if any(b.language in RUN for b in blocks_of(path.read_text("utf-8")))
)


def name(path):
    return path.relative_to(ROOT).as_posix()


def marked(path):
    slow = "<!-- test: slow -->" in path.read_text("utf-8")
    marks = [pytest.mark.slow] if slow else []
    return pytest.param(path, marks=marks, id=name(path))


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    return make_folder(tmp_path_factory.mktemp("docs"))


@pytest.mark.parametrize("path", [marked(path) for path in PAGES])
def test_commands_and_snippets_run(path, folder, tmp_path, monkeypatch):
    work = shutil.copytree(folder, tmp_path / "work")
    monkeypatch.chdir(work)
    names = {"__name__": "__main__"}
    for block in blocks_of(path.read_text("utf-8")):
        if block.language in RUN and block.reason is None:
            assert run(block, names, path) > 0, f"line {block.line}"


@pytest.mark.parametrize("path", PAGES, ids=name)
def test_what_is_not_run_says_why_and_parses(path):
    for block in blocks_of(path.read_text("utf-8")):
        if block.reason is not None:
            assert block.reason in REASONS, f"line {block.line}"
            check(block)


def test_most_is_run(record_property, capsys):
    blocks = [
        block
        for path in PAGES
        for block in blocks_of(path.read_text("utf-8"))
        if block.language in RUN
    ]
    counts = Counter(block.reason or "run" for block in blocks)
    for reason, number in counts.items():
        record_property(reason, number)
    with capsys.disabled():
        print("\nblocks of the pages:", dict(counts))
    assert counts["run"] > sum(counts.values()) / 2


@pytest.mark.parametrize(
    "path",
    [
        *sorted(ROOT.glob("recipes/*/README.md")),
        ROOT / "lhotse_recipes/README.md",
    ],
    ids=name,
)
def test_snippets_of_the_readmes_compile(path):
    """They name what a recipe leaves; tests/recipes runs the recipes."""
    for block in blocks_of(path.read_text("utf-8")):
        if block.language == "python":
            assert check(block) > 0, f"line {block.line}"


def test_pages_mark_their_languages():
    known = {*RUN, "text", "bash", "yaml", "csv", "diff", "toml", "make"}
    for path in ROOT.glob("docs/**/*.md"):
        for block in blocks_of(path.read_text("utf-8")):
            where = f"{name(path)}, line {block.line}"
            assert block.language in known, f"{where}: {block.language!r}"
            assert block.language in RUN or "$ opensed" not in block.text, where


@pytest.mark.parametrize(
    "text, words",
    [
        ("```console\n$ opensed models --nothing\n```\n", "--nothing"),
        ("```console\n$ opensed no-command\n```\n", "no-command"),
        ("```console\n$ rm x\n```\n", "not run"),
        ("```console\n$ opensed train FlexSED demo\n```\n", "not run"),
        ("```console\nopensed models\n```\n", "no \\$"),
        ("```console\n$ opensed --version\nopensed, version 9\n```\n", "shown"),
        ("```python\n1 / 0\n```\n", "division"),
    ],
)
def test_what_is_wrong_is_noticed(text, words, tmp_path):
    (block,) = blocks_of(text)
    with pytest.raises(Exception, match=words):
        run(block, {}, tmp_path)


def test_readers_are_told_what_is_not_run():
    """The front page in its own words, the others when they are built."""
    for path in PAGES:
        for line in path.read_text("utf-8").splitlines():
            words, mark, _ = line.partition("<!-- run:")
            if mark and path.name == "README.md":
                assert words.strip(), line
            elif mark:
                assert "*Not run by the tests: " in tell(line), line


def test_the_front_page_names_all_models_and_commands():
    from speechbrain_opensed.commands.cli import SECTIONS
    from speechbrain_opensed.inference.models import MODELS

    text = (ROOT / "README.md").read_text("utf-8")
    for model in MODELS.values():
        assert f"| `{model.name}` |" in text and model.licence in text
    commands = {name for names in SECTIONS.values() for name in names}
    table = text.split("## The commands")[1]
    shown = set(re.findall(r"`(?:opensed )?([a-z][a-z-]*)`", table))
    assert commands <= shown, commands - shown


def test_what_is_not_run_is_looked_at():
    text = "<!-- run: network -->\n```console\n$ opensed models {}\n```\n"
    (good,) = blocks_of(text.format("--json"))
    assert good.reason == "network" and good.line == 2
    check(good)
    (bad,) = blocks_of(text.format("--jason"))
    with pytest.raises(Exception, match="--jason"):
        check(bad)
