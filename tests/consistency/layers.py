"""Which room may import which: arrows go down this table, never up."""

import ast
from collections.abc import Iterator

from tests.consistency.module_rules import imports

# From the ground up. Rooms in one row do not know each other.
LAYERS = (
    ("core",),
    ("losses",),
    ("lobes",),
    ("checkpoints",),
    ("language",),
    ("dataio",),
    ("metrics", "plotting", "training"),
    ("inference",),
    ("evaluation",),
    ("serve",),
    ("commands",),
)
HEIGHT = {room: i for i, row in enumerate(LAYERS) for room in row}
# Modules beside the rooms, which everything may import or which import all.
FREE = {"_compat", "_moved", "__main__"}


def room_of(module: str) -> str:
    """The room of a module of the package, or the module beside them."""
    return module.split(".")[1] if "." in module else "__init__"


def _rooms_imported(tree: ast.Module, module: str) -> Iterator[tuple[str, int]]:
    for name, line in imports(tree, module):
        if name.startswith("speechbrain_opensed."):
            yield name, line
    # `from speechbrain_opensed import room` names the room on the right.
    for node in ast.walk(tree):
        if (
            isinstance(node, ast.ImportFrom)
            and node.module == "speechbrain_opensed"
        ):
            for alias in node.names:
                if alias.name in HEIGHT:
                    yield f"{node.module}.{alias.name}", node.lineno


def climbing(source: str, module: str) -> Iterator[str]:
    """Imports of a module that go up or to the side."""
    own = room_of(module)
    if own in FREE or own == "__init__":
        return
    for name, line in _rooms_imported(ast.parse(source), module):
        other = room_of(name)
        if other == own or other in FREE:
            continue
        if HEIGHT[other] >= HEIGHT[own]:
            yield f"line {line}: {own} imports {name}"
