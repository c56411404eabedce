"""The rooms of the package build on each other in one direction."""

import pytest

from tests.consistency.files import ROOT, name, package_modules
from tests.consistency.layers import FREE, HEIGHT, climbing

MODULES = package_modules("speechbrain_opensed")


def module_name(path):
    parts = path.relative_to(ROOT).with_suffix("").parts
    return ".".join(part for part in parts if part != "__init__")


@pytest.mark.parametrize("path", MODULES, ids=name)
def test_imports_go_down(path):
    found = list(climbing(path.read_text(), module_name(path)))
    assert not found, f"{name(path)}: {found}"


def test_every_room_has_its_place():
    rooms = {
        path.relative_to(ROOT / "speechbrain_opensed").parts[0]
        for path in MODULES
    }
    rooms = {room.removesuffix(".py") for room in rooms} - {"__init__"}
    assert rooms - FREE <= HEIGHT.keys()


@pytest.mark.parametrize(
    "module, line",
    [
        ("lobes.x", "from speechbrain_opensed.commands.cli import main"),
        ("lobes.x", "from speechbrain_opensed import checkpoints"),
        ("checkpoints.x", "import speechbrain_opensed.inference.events"),
        ("metrics.x", "from speechbrain_opensed.training import brain"),
        ("core.x", "def f():\n    from speechbrain_opensed import lobes"),
    ],
)
def test_climbing_is_noticed(module, line):
    assert list(climbing(line, f"speechbrain_opensed.{module}"))


@pytest.mark.parametrize(
    "module, line",
    [
        ("lobes.x", "from speechbrain_opensed.core import spec"),
        ("lobes.x", "from speechbrain_opensed.lobes.y import z"),
        ("commands.x", "from lhotse_recipes import schema"),
    ],
)
def test_going_down_passes(module, line):
    assert not list(climbing(line, f"speechbrain_opensed.{module}"))
