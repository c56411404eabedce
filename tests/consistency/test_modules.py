"""Modules are small, import one way and leave dangerous calls alone."""

import ast
import re
from pathlib import Path

import pytest

from tests.consistency.files import (
    PACKAGES,
    ROOT,
    name,
    package_modules,
    scripts,
    text_files,
)
from tests.consistency.mirror import (
    mirror,
    modules,
    named,
    strange,
    unit_tests,
)
from tests.consistency.module_rules import (
    MAX_LINES,
    code_lines,
    forbidden_calls,
    has_all,
    imports,
    machine_paths,
    undefined_in_all,
    wrong_imports,
)


def module_name(path):
    parts = path.relative_to(ROOT).with_suffix("").parts
    return ".".join(parts)


@pytest.mark.parametrize("path", package_modules(), ids=name)
def test_modules_hold_one_idea(path):
    lines = code_lines(path.read_text())
    assert lines <= MAX_LINES, f"{name(path)}: {lines} lines; split it"


@pytest.mark.parametrize("path", package_modules(), ids=name)
def test_imports_go_one_way(path):
    wrong = wrong_imports(path.read_text(), module_name(path))
    assert not wrong, f"{name(path)}: {wrong}"


@pytest.mark.parametrize("path", package_modules(), ids=name)
def test_modules_say_what_they_export(path):
    source = path.read_text()
    if path.name != "__main__.py":
        assert has_all(source), f"{name(path)} has no __all__"
    unknown = undefined_in_all(source)
    assert not unknown, f"__all__ of {name(path)} names {unknown}"


@pytest.mark.parametrize("path", scripts(), ids=name)
def test_no_dangerous_calls(path):
    found = forbidden_calls(path.read_text())
    assert not found, f"{name(path)}: {found}"


def test_no_machine_paths():
    found = {
        name(path): lines
        for path, text in text_files()
        if (lines := machine_paths(text))
    }
    assert not found, found


@pytest.mark.parametrize("package", PACKAGES)
def test_types_are_shipped(package):
    assert (ROOT / package / "py.typed").is_file()
    project = (ROOT / "pyproject.toml").read_text()
    data = project.split("[tool.setuptools.package-data]")[1]
    assert re.search(rf'^{package} = \[.*"py\.typed"', data, re.M)


def test_tests_mirror_the_packages():
    found, known = set(strange(modules(), unit_tests())), set(named())
    assert sorted(found - known) == [], (
        "give a module tests of its own, and tests the name of a module"
    )
    assert sorted(known - found) == [], (
        "these need not be named any more: take them out of mirror.py"
    )


def test_what_is_not_mirrored_is_noticed():
    one, two = Path("lhotse_recipes/a.py"), Path("lhotse_recipes/b/c.py")
    other = Path("tests/unit/lhotse_recipes/test_d.py")
    assert mirror(two) == Path("tests/unit/lhotse_recipes/b/test_c.py")
    assert strange([one, two], [mirror(one), other]) == [two, other]


@pytest.mark.parametrize(
    "line",
    [
        "import torch.nn as nn",
        "from speechbrain_opensed import llm",
        "def f():\n    import speechbrain",
        "from recipes.FlexSED import train",
        "if x:\n    from transformers import ClapModel",
    ],
)
def test_wrong_imports_are_noticed(line):
    assert wrong_imports(line, "lhotse_recipes.x")


@pytest.mark.parametrize(
    "line", ["import lhotse", "from . import recipes", "import numpy"]
)
def test_right_imports_pass(line):
    assert not wrong_imports(line, "lhotse_recipes.x")
    assert not wrong_imports(line, "speechbrain_opensed.a.b")


@pytest.mark.parametrize(
    "line, absolute",
    [
        ("from .c import d", "a.b.c"),
        ("from ..c import d", "a.c"),
        ("from .. import c", "a"),
        ("from c.d import e", "c.d"),
        ("import c.d", "c.d"),
    ],
)
def test_relative_imports_are_resolved(line, absolute):
    assert list(imports(ast.parse(line), "a.b.me")) == [(absolute, 1)]


@pytest.mark.parametrize(
    "line",
    [
        "torch.load(path)",
        "torch.load(path, weights_only=False)",
        "torchaudio.load(path)",
        "read = torchaudio.info",
        "pickle.loads(data)",
        "np.load(path, allow_pickle=True)",
    ],
)
def test_dangerous_calls_are_noticed(line):
    assert forbidden_calls(line)


def test_safe_calls_pass():
    assert not forbidden_calls("torch.load(path, weights_only=True)")
    assert not forbidden_calls("np.load(path, allow_pickle=False)")


def test_only_code_is_counted():
    source = '"""Words.\n\nMore."""\n# why\n\ndef f():\n    """It."""\n    x\n'
    assert code_lines(source) == 2


def test_exports_are_compared():
    assert not has_all('"""Words."""\nx = 1')
    assert has_all('"""Words."""\n__all__ = ["x"]\nx = 1')
    assert has_all('"""An empty package."""')
    source = "from a import b\n__all__ = ['b', 'C', 'd']\nclass C: pass"
    assert undefined_in_all(source) == ["d"]


def test_machine_paths_are_noticed():
    for folder in ("work", "root", "home", "Users", "tmp"):
        assert machine_paths(f'data = "/{folder}/me/data"')
        assert machine_paths(f"data: /{folder}/me")
    assert not machine_paths("https://host.org/" + "home/me")
    assert not machine_paths("see docs/" + "work/x and ~/" + "work/y")
