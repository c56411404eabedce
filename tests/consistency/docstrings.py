"""Finds public functions that are not documented, typed or safe to call."""

import ast
import re
from collections.abc import Iterator

EXAMPLE = re.compile(r"^\s*Example\n\s*-{3,}\n(.*\n)*?\s*>>> ", re.M)
Function = ast.FunctionDef | ast.AsyncFunctionDef
Definition = Function | ast.ClassDef


def public_definitions(tree: ast.Module) -> Iterator[Definition]:
    """Top-level functions and classes whose names do not begin with `_`.

    Not the signatures of `typing.overload`, which the function follows.
    """
    for node in tree.body:
        if isinstance(node, Definition) and not node.name.startswith("_"):
            if "overload" not in map(ast.unparse, node.decorator_list):
                yield node


def without_docstring(tree: ast.Module) -> list[str]:
    """Names of what has no docstring; `<module>` for the module itself.

    An empty file needs none.
    """
    missing = ["<module>"] if tree.body and not ast.get_docstring(tree) else []
    return missing + [
        node.name
        for node in public_definitions(tree)
        if not ast.get_docstring(node)
    ]


def without_example(tree: ast.Module) -> list[str]:
    """Names of what has no `Example` section with a doctest in it.

    Exempt is what a doctest could say nothing about: protocols (they do
    nothing), exceptions (raised elsewhere), click commands (their docstring
    is the help text) and `main`, which ends the process.
    """
    return [
        node.name
        for node in public_definitions(tree)
        if not EXAMPLE.search(ast.get_docstring(node) or "")
        and not is_protocol_or_exception(node)
        and not is_click_command(node)
        and node.name != "main"
    ]


def is_protocol_or_exception(node: Definition) -> bool:
    """Whether a class is a Protocol or an exception."""
    if not isinstance(node, ast.ClassDef):
        return False
    bases = [ast.unparse(base) for base in node.bases]
    return any(
        base.split("[")[0].split(".")[-1] in ("Protocol", "Exception")
        or base.endswith(("Error", "Warning"))
        for base in bases
    )


def is_click_command(node: Definition) -> bool:
    """Whether a function is decorated as click command or group."""
    return any(
        re.match(r"\w+\.(command|group)\b", ast.unparse(decorator))
        for decorator in node.decorator_list
    )


def not_annotated(tree: ast.Module) -> list[str]:
    """Public functions and methods with an argument or result of no type."""
    return [name for name, node in _functions(tree) if _lacks_a_type(node)]


def by_position(tree: ast.Module) -> list[str]:
    """Public functions of five or more whose options a call can mix up."""
    return [name for name, node in _functions(tree) if _mixes_options(node)]


def _functions(tree: ast.Module) -> Iterator[tuple[str, Function]]:
    for node in public_definitions(tree):
        if isinstance(node, ast.ClassDef):
            for method in node.body:
                if isinstance(method, ast.FunctionDef):
                    if _is_public(method.name):
                        yield f"{node.name}.{method.name}", method
        else:
            yield node.name, node


def _is_public(name: str) -> bool:
    return not name.startswith("_") or name.startswith("__")


def _mixes_options(node: Function) -> bool:
    own = [x.arg for x in node.args.args if x.arg not in ("self", "cls")]
    options = len(node.args.defaults)
    in_order = max(len(own) - options, 3)
    return len(own) >= 5 and len(own) - in_order >= 2


def _lacks_a_type(node: Function) -> bool:
    every = node.args
    arguments = [
        *every.posonlyargs,
        *every.args,
        *every.kwonlyargs,
        *filter(None, [every.vararg, every.kwarg]),
    ]
    untyped = [
        argument.arg
        for argument in arguments
        if argument.annotation is None and argument.arg not in ("self", "cls")
    ]
    return bool(untyped) or (node.returns is None and node.name != "__init__")
