"""Rules for source files: size, direction of imports, forbidden calls."""

import ast
import re
from collections.abc import Iterator

# Of code: docstrings and comments are free.
MAX_LINES = 300
# What each package must not import, whatever it is called there.
FORBIDDEN_IMPORTS = {
    "lhotse_recipes": (
        "speechbrain",
        "speechbrain_opensed",
        "torch",
        "torchaudio",
        "transformers",
        "recipes",
        "tests",
    ),
    "speechbrain_opensed": ("recipes", "tests"),
}
# Not after a letter, a dot or a slash: those are parts of longer paths.
MACHINE_PATH = re.compile(r"(?<![\w./~}>-])/(?:work|root|home|Users|tmp)/\w")


def code_lines(source: str) -> int:
    """Lines of a module without docstrings, comments and empty ones."""
    free = set()
    for node in ast.walk(ast.parse(source)):
        body = getattr(node, "body", None)
        first = body[0] if isinstance(body, list) and body else None
        if (
            isinstance(first, ast.Expr)
            and isinstance(first.value, ast.Constant)
            and isinstance(first.value.value, str)
        ):
            free.update(range(first.lineno, first.end_lineno + 1))
    return sum(
        bool(line.strip()) and line.strip()[0] != "#" and number not in free
        for number, line in enumerate(source.splitlines(), start=1)
    )


def imports(tree: ast.Module, module: str) -> Iterator[tuple[str, int]]:
    """Absolute names and lines of all imports, also those in functions."""
    package = module.split(".")[:-1]
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            for alias in node.names:
                yield alias.name, node.lineno
        elif isinstance(node, ast.ImportFrom):
            base = package[: len(package) - node.level + 1]
            prefix = base if node.level else []
            name = ".".join([*prefix, *filter(None, [node.module])])
            yield name, node.lineno


def wrong_imports(source: str, module: str) -> list[str]:
    """Imports against the direction of dependence."""
    forbidden = FORBIDDEN_IMPORTS.get(module.split(".")[0], ())
    return [
        f"line {line}: import of {name}"
        for name, line in imports(ast.parse(source), module)
        if name.split(".")[0] in forbidden
    ]


def forbidden_calls(source: str) -> list[str]:
    """Uses that run foreign code or need what may not be installed."""
    found = []
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, ast.Attribute):
            if re.fullmatch(r"torchaudio\.(load|info|save)", ast.unparse(node)):
                found.append((node.lineno, "use soundfile or Lhotse"))
        if not isinstance(node, ast.Call):
            continue
        called = ast.unparse(node.func)
        words = {
            word.arg: getattr(word.value, "value", None)
            for word in node.keywords
        }
        if called == "torch.load" and words.get("weights_only") is not True:
            found.append((node.lineno, "torch.load needs weights_only=True"))
        if re.fullmatch(r"pickle\.loads?", called):
            found.append((node.lineno, "a pickle can run anything"))
        if words.get("allow_pickle"):
            found.append((node.lineno, "a pickle can run anything"))
    return [f"line {line}: {why}" for line, why in sorted(found)]


def has_all(source: str) -> bool:
    """Whether a module says what it exports, if it defines or imports."""
    body = ast.parse(source).body
    assigned = {
        target.id
        for node in body
        if isinstance(node, ast.Assign)
        for target in node.targets
        if isinstance(target, ast.Name)
    }
    return len(body) <= 1 or "__all__" in assigned


def undefined_in_all(source: str) -> list[str]:
    """Names in `__all__` that the module neither defines nor imports."""
    tree = ast.parse(source)
    defined, exported, lazy = set(), [], False
    for node in tree.body:
        if isinstance(node, ast.FunctionDef | ast.ClassDef):
            defined.add(node.name)
            lazy = lazy or node.name == "__getattr__"
        elif isinstance(node, ast.Import | ast.ImportFrom):
            defined |= {
                (alias.asname or alias.name).split(".")[0]
                for alias in node.names
            }
        elif isinstance(node, ast.Assign | ast.AnnAssign):
            targets = getattr(node, "targets", None) or [node.target]
            names = {t.id for t in targets if isinstance(t, ast.Name)}
            defined |= names
            if "__all__" in names and isinstance(
                node.value, ast.List | ast.Tuple
            ):
                exported = [item.value for item in node.value.elts]
    return [] if lazy else sorted(set(exported) - defined)


def machine_paths(text: str) -> list[str]:
    """Lines that name a folder of one machine."""
    return [
        f"line {number}: {line.strip()[:80]}"
        for number, line in enumerate(text.splitlines(), start=1)
        if MACHINE_PATH.search(line)
    ]
