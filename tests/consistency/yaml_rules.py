"""Rules for hyperparameter files: no dead key, no trap, one shape.

The rule about dead keys is that of SpeechBrain's own consistency tests: a key
at the top level is referenced by another one or used by the script.
"""

import ast
import re
from collections import Counter
from collections.abc import Collection, Iterator

import yaml

REFERENCE = re.compile(r"<(\w+)[^<>]*>")
USED_THROUGH = re.compile(r"(^|\.)(hparams|modules)$")
SEED = "!apply:speechbrain.utils.seed_everything"


def top_level(text: str) -> dict[str, yaml.Node]:
    """Keys and values of the file, not constructed; order is kept."""
    pairs = _pairs(text)
    return {key.value: value for key, value in pairs}


def _pairs(text: str) -> list[tuple[yaml.Node, yaml.Node]]:
    root = yaml.compose(text, Loader=yaml.SafeLoader)
    return root.value if isinstance(root, yaml.MappingNode) else []


def references(node: yaml.Node) -> Iterator[str]:
    """Keys that a value refers to by !ref or !copy, however deep."""
    if isinstance(node, yaml.ScalarNode):
        if node.tag in ("!ref", "!copy"):
            yield from REFERENCE.findall(node.value)
    elif isinstance(node, yaml.MappingNode):
        for key, value in node.value:
            yield from references(key)
            yield from references(value)
    else:
        for value in node.value:
            yield from references(value)


def used_by_scripts(*sources: str) -> set[str]:
    """Keys that scripts take from `hparams` or `modules`."""
    used = set()
    for node in (n for source in sources for n in ast.walk(ast.parse(source))):
        owner, key = None, None
        if isinstance(node, ast.Attribute):
            owner, key = node.value, node.attr
        elif isinstance(node, ast.Subscript):
            owner, key = node.value, node.slice
        elif isinstance(node, ast.Call):
            called = ast.unparse(node.func)
            if called in ("hasattr", "getattr") and len(node.args) > 1:
                owner, key = node.args[:2]
            elif called.endswith(".get") and node.args:
                owner, key = node.func.value, node.args[0]
        if isinstance(key, ast.Constant):
            key = key.value
        if isinstance(key, str) and USED_THROUGH.search(ast.unparse(owner)):
            used.add(key)
    return used


def dead_keys(
    text: str, sources: Collection[str], run_options: Collection[str]
) -> list[str]:
    """Top-level keys that nothing depends on."""
    keys = top_level(text)
    needed = used_by_scripts(*sources) | set(run_options)
    for key, value in keys.items():
        needed |= set(references(value)) - {key}
    return sorted(key for key in keys.keys() - needed if key[:2] != "__")


def unknown_references(text: str) -> list[str]:
    """References to keys that are not there."""
    keys = top_level(text)
    found = {name for value in keys.values() for name in references(value)}
    return sorted(found - keys.keys())


def double_keys(text: str) -> list[str]:
    """Top-level keys that occur more than once."""
    counts = Counter(key.value for key, _ in _pairs(text))
    return sorted(key for key, number in counts.items() if number > 1)


def clashes(keys: Collection[str], options: Collection[str]) -> list[str]:
    """Keys that a parser would take for abbreviated options of its own."""
    return sorted(
        key
        for key in keys
        if f"--{key}" not in options
        and any(option.startswith(f"--{key}") for option in options)
    )


def negative_clipping(node: yaml.Node) -> bool:
    """Whether some max_grad_norm is negative, which makes training ascend."""
    if isinstance(node, yaml.MappingNode):
        return any(
            (key.value == "max_grad_norm" and value.value[:1] == "-")
            or negative_clipping(value)
            for key, value in node.value
        )
    return isinstance(node, yaml.SequenceNode) and any(
        map(negative_clipping, node.value)
    )


def wrong_shape(text: str) -> list[str]:
    """What differs from how such a file begins: banner, seed, output."""
    problems = []
    lines = text.splitlines()
    banner = lines[: next((i for i, x in enumerate(lines) if x[:1] != "#"), 0)]
    if not (
        len(banner) >= 3
        and re.fullmatch(r"# ?#{10,}", banner[0])
        and re.fullmatch(r"# ?#{10,}", banner[-1])
    ):
        problems.append("it does not begin with a banner, a comment in ####")
    keys = top_level(text)
    first = list(keys)[:2]
    if first != ["seed", "__set_seed"]:
        problems.append("the first keys are not seed and __set_seed")
    elif keys["__set_seed"].tag != SEED or list(
        references(keys["__set_seed"])
    ) != ["seed"]:
        problems.append(f"__set_seed is not {SEED} [!ref <seed>]")
    output = keys.get("output_folder")
    if output is None or output.tag != "!ref" or output.value[:8] != "results/":
        problems.append("output_folder is not !ref results/...")
    for key, node in keys.items():
        if node.tag == "!PLACEHOLDER" and not key.endswith("_folder"):
            problems.append(f"{key} is a !PLACEHOLDER, but no folder")
    return problems
