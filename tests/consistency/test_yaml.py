"""Hyperparameter files have no dead keys, no traps, and a test each."""

import ast
import re
from dataclasses import fields
from functools import cache

import pytest
import yaml

from tests.consistency.files import ROOT, name
from tests.consistency.yaml_rules import (
    clashes,
    dead_keys,
    double_keys,
    negative_clipping,
    top_level,
    unknown_references,
    used_by_scripts,
    wrong_shape,
)
from tests.recipes.runner import FILE_COLUMNS, all_rows, flag_names

YAMLS = sorted((ROOT / "recipes").glob("*/hparams/*.yaml"))
ROWS = all_rows()
BASE = ROOT / "speechbrain_opensed/training/brain.py"
GOOD = """\
# ##############
# Model: a model
# ##############
seed: 1
__set_seed: !apply:speechbrain.utils.seed_everything [!ref <seed>]
data_folder: !PLACEHOLDER  # e.g. <unused>
output_folder: !ref results/x/<seed>
width: 4
model: !new:torch.nn.Linear
    in_features: !ref <width> * 2
    out_features: !ref <sizes[0]>
sizes: [1, 2]
max_grad_norm: 5.0
modules:
    model: !ref <model>
"""
SCRIPT = """
hparams["output_folder"], hparams["data_folder"], hparams["modules"]
"""


@cache
def run_options():
    from speechbrain.utils.run_opts import RunOptions

    return {field.name for field in fields(RunOptions)}


@cache
def torchrun_options():
    from torch.distributed.run import get_args_parser

    return set(re.findall(r"--[\w-]+", get_args_parser().format_help()))


def sources(path):
    """The scripts that are run with a file, with their local modules."""
    scripts = {
        ROOT / row["Script_file"]
        for row in ROWS
        if row["Hparam_file"] == name(path)
    }
    folder = path.parents[1]
    scripts = scripts or {folder / "train.py"}
    texts = [script.read_text() for script in sorted(scripts)]
    local = {
        folder / f"{node.module or ''}.py"
        for text in texts
        for node in ast.walk(ast.parse(text))
        if isinstance(node, ast.ImportFrom)
    }
    paths = [BASE, *(path for path in sorted(local) if path.is_file())]
    return texts + [path.read_text() for path in paths]


@pytest.mark.parametrize("path", YAMLS, ids=name)
def test_files_have_no_dead_keys(path):
    dead = dead_keys(path.read_text(), sources(path), run_options())
    assert not dead, f"nothing uses {dead} of {name(path)}"


@pytest.mark.parametrize("path", YAMLS, ids=name)
def test_files_are_in_shape(path):
    text = path.read_text()
    assert wrong_shape(text) == []
    assert double_keys(text) == []
    assert unknown_references(text) == []


@pytest.mark.parametrize("path", YAMLS, ids=name)
def test_files_set_no_traps(path):
    text = path.read_text()
    assert clashes(top_level(text), torchrun_options()) == []
    speechbrains = {f"--{name}" for name in run_options()}
    assert clashes(top_level(text), speechbrains) == []
    assert not negative_clipping(yaml.compose(text, Loader=yaml.SafeLoader))


@pytest.mark.parametrize("path", YAMLS, ids=name)
def test_files_have_a_row(path):
    table = ROOT / "tests" / "recipes" / f"{path.parts[-3]}.csv"
    tested = [
        row["Hparam_file"]
        for row in ROWS
        if row.where.startswith(f"{table.name}:")
    ]
    assert name(path) in tested, f"{name(path)} has no row in {table.name}"


@pytest.mark.parametrize("row", ROWS, ids=lambda row: row.where)
def test_rows_name_what_is_there(row):
    for column in FILE_COLUMNS:
        if row[column]:
            assert (ROOT / row[column]).is_file(), f"{column}: {row[column]}"
    readme = (ROOT / row["Readme_file"]).read_text()
    for column in ("Result_url", "HF_repo"):
        for link in row[column].split():
            assert link in readme, f"{row.where}: {link} is not in the README"
    keys = top_level((ROOT / row["Hparam_file"]).read_text())
    unknown = flag_names(row) - keys.keys() - run_options()
    assert not unknown, f"{row.where}: nothing to override: {unknown}"


def test_a_good_file_passes():
    assert dead_keys(GOOD, [SCRIPT], run_options()) == []
    assert wrong_shape(GOOD) == []
    assert double_keys(GOOD) == unknown_references(GOOD) == []
    assert not negative_clipping(yaml.compose(GOOD))


@pytest.mark.parametrize(
    "key, line",
    [
        ("unused", "unused: 3\n"),
        ("unused", "unused: !ref <unused>\n"),
        ("also", "also: &x 3\n# !ref <also>\n"),
    ],
)
def test_dead_keys_are_noticed(key, line):
    assert dead_keys(GOOD + line, [SCRIPT], run_options()) == [key]


@pytest.mark.parametrize(
    "script",
    [
        'hparams["key"]',
        "self.hparams.key(x)",
        "hparams.key = 1",
        "brain.modules.key",
        'self.modules["key"]',
        'hparams.get("key", 3)',
        'getattr(self.hparams, "key")',
    ],
)
def test_uses_are_noticed(script):
    assert "key" in used_by_scripts(script)


@pytest.mark.parametrize(
    "script",
    ['other["key"]', "# hparams.key", '"hparams.key"', "self.key", "key = 1"],
)
def test_other_words_are_no_uses(script):
    assert "key" not in used_by_scripts(script)


@pytest.mark.parametrize(
    "change, words",
    [
        (("# ####", "# A model\n# ###"), "banner"),
        (("seed: 1", "speed: 1\nseed: 1"), "first keys"),
        (("[!ref <seed>]", "[12]"), "__set_seed is not"),
        (("utils.seed_everything", "core.Brain"), "__set_seed is not"),
        (("!ref results", "!ref else"), "output_folder"),
        (("width: 4", "width: !PLACEHOLDER"), "width is a !PLACEHOLDER"),
    ],
)
def test_wrong_shapes_are_noticed(change, words):
    assert change[0] in GOOD
    (problem,) = wrong_shape(GOOD.replace(change[0], change[1], 1))
    assert words in problem


def test_double_and_unknown_keys_are_noticed():
    assert double_keys(GOOD + "width: 5\n") == ["width"]
    assert unknown_references(GOOD + "b: !ref <breadth>\n") == ["breadth"]


def test_negative_clipping_is_noticed():
    for text in ("max_grad_norm: -1", "a: [b: {max_grad_norm: -0.5}]"):
        assert negative_clipping(yaml.compose(text))


def test_torchrun_clashes_are_noticed():
    bad = ["run", "log", "max", "start", "local", "no", "node", "master", "m"]
    assert clashes(bad, torchrun_options()) == sorted(bad)
    good = ["role", "seed", "lr", "number_of_epochs", "max_grad_norm"]
    assert clashes(good, torchrun_options()) == []
