"""Everything public is documented, and shown at work."""

import ast

import pytest

from tests.consistency.docstrings import (
    by_position,
    not_annotated,
    without_docstring,
    without_example,
)
from tests.consistency.files import ROOT, name, package_modules

GOOD = '''
"""A module."""
class Thing:
    """A thing.

    Example
    -------
    Words may come first.

    >>> Thing()
    """
class _Hidden: pass
def _hidden(): pass
class Shape(Protocol):
    """Does nothing."""
class ShapeError(ValueError):
    """Raised elsewhere."""
@click.command("x")
def x():
    """Help text."""
'''


@pytest.mark.parametrize("path", package_modules(), ids=name)
def test_public_names_have_docstrings(path):
    missing = without_docstring(ast.parse(path.read_text()))
    assert not missing, f"no docstring in {name(path)}: {missing}"


@pytest.mark.parametrize(
    "path", package_modules("speechbrain_opensed"), ids=name
)
def test_public_names_have_examples(path):
    missing = without_example(ast.parse(path.read_text()))
    assert not missing, f"no Example doctest in {name(path)}: {missing}"


@pytest.mark.parametrize("path", package_modules(), ids=name)
def test_public_names_are_annotated(path):
    missing = not_annotated(ast.parse(path.read_text()))
    assert not missing, f"no types in {name(path)}: {missing}"


@pytest.mark.parametrize(
    "source, bare",
    [
        ("def f(x: int, *, y: int = 1) -> int: ...", []),
        ("def f(x, y: int) -> int: ...", ["f"]),
        ("def f(*x: int, **y) -> int: ...", ["f"]),
        ("def f(x: int): ...", ["f"]),
        ("def _f(x): ...", []),
        ("class C:\n def __init__(self, x: int): ...", []),
        ("class C:\n def __len__(self): ...", ["C.__len__"]),
        ("class C:\n def f(self, x) -> int: ...", ["C.f"]),
        ("class C:\n def _f(self, x): ...", []),
    ],
)
def test_what_has_no_type_is_noticed(source, bare):
    assert not_annotated(ast.parse(source)) == bare


# As sed_scores_eval and SpeechBrain's Brain have them in order.
KNOWN_ORDER = ["compute_psds", "OpenSEDBrain.__init__"]


# Three at most are told by their places, and one option beside what is needed.
@pytest.mark.parametrize("path", package_modules(), ids=name)
def test_options_are_given_by_name(path):
    mixed = by_position(ast.parse(path.read_text()))
    mixed = [one for one in mixed if one not in KNOWN_ORDER]
    assert not mixed, f"give options by name (*) in {name(path)}: {mixed}"


@pytest.mark.parametrize(
    "source, mixed",
    [
        ("def f(a, b, c, *, d=1, e=2): ...", []),
        ("def f(a, b, c, d=1, e=2): ...", ["f"]),
        ("def f(a, b=1, c=1, d=1): ...", []),
        ("def f(a, b, c, d, e=1): ...", []),
        ("def _f(a, b, c, d=1, e=2): ...", []),
        ("class C:\n def f(self, a, b=1, c=1, d=1, e=1): ...", ["C.f"]),
    ],
)
def test_options_by_place_are_noticed(source, mixed):
    assert by_position(ast.parse(source)) == mixed


def test_the_scanners_accept_what_is_right():
    assert without_docstring(ast.parse(GOOD)) == []
    assert without_example(ast.parse(GOOD)) == []


@pytest.mark.parametrize(
    "change, bare, shown",
    [
        (('"""A module."""', ""), ["<module>"], []),
        ((">>> Thing()", "Thing()"), [], ["Thing"]),
        (("-------", "like so"), [], ["Thing"]),
        (("_hidden", "seen"), ["seen"], ["seen"]),
        (("(Protocol)", ""), [], ["Shape"]),
        (("(ValueError)", "(dict)"), [], ["ShapeError"]),
        (('@click.command("x")', "@cache"), [], ["x"]),
        (('"""Help text."""', "pass"), ["x"], []),
    ],
)
def test_the_scanners_notice(change, bare, shown):
    assert change[0] in GOOD
    tree = ast.parse(GOOD.replace(*change))
    assert without_docstring(tree) == bare
    assert without_example(tree) == shown


def test_the_modules_are_those_of_this_repository():
    assert ROOT / "speechbrain_opensed/language/client.py" in package_modules()
