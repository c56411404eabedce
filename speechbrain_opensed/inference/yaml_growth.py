"""What the references of a model's YAML unfold to, before they are resolved.

Authors
 * The speechbrain-opensed contributors 2026
"""

import re
from collections.abc import Iterator

from ruamel.yaml.nodes import MappingNode, Node, ScalarNode, SequenceNode

__all__ = ["DEEPEST", "LARGEST", "check_growth"]

#: Values within values, and references to references.
DEEPEST = 40
#: Characters of a value, once all that it refers to stands in its place.
LARGEST = 5_000_000
_POWER = re.compile(r"\*\s*\*|^\s*\*|\*\s*$")
_REF = re.compile(r"<([^<>]*)>")


def check_growth(root: MappingNode, name: str) -> None:
    """Refuse references in circles, and those that unfold to too much.

    Arguments
    ---------
    root : MappingNode
        The document, as it was composed.
    name : str
        How error messages call it.

    Raises
    ------
    ValueError
        Names the value, or its line.

    Example
    -------
    >>> from ruamel.yaml import YAML
    >>> check_growth(YAML().compose("a: !ref <b>\\nb: !ref <a>"), "m.yaml")
    Traceback (most recent call last):
    ValueError: m.yaml: references in a circle: a -> b -> a
    """
    measure = _Measure(root, name)
    for key, node in root.value:
        measure.of(node, str(key.value))


class _Measure:
    """What values become once their references are resolved, at most.

    It is known of each how many characters it has, and whether there are
    quotes, `*` or `%`, or nothing in it: a text times a number, a text as a
    pattern of numbers and a power take any memory and time.
    """

    def __init__(self, root, name):
        self.root, self.name = root, name
        self.known, self.open, self.keys = {}, {}, {}

    def of(self, node, path):
        """Characters, and `*` of texts, quotes and nothings among them."""
        if id(node) in self.open:
            circle = " -> ".join([*self.open.values(), path])
            raise ValueError(f"{self.name}: references in a circle: {circle}")
        if id(node) not in self.known:
            self.open[id(node)] = path
            if len(self.open) > 2 * DEEPEST:
                raise ValueError(
                    f"{self.name}: references of {path} go too deep"
                )
            size, marks = 0, set()
            for scalar in _scalars(node):
                if scalar is not node and id(scalar) not in self.open:
                    more, found = self.of(scalar, path)
                else:
                    more, found = self._of_text(scalar)
                size += more
                marks |= found
                if size > LARGEST:
                    raise ValueError(f"{self.name}: {path} refers to too much")
            del self.open[id(node)]
            self.known[id(node)] = size, marks
        return self.known[id(node)]

    def _of_text(self, node):
        text, size = node.value, len(node.value)
        refs = _REF.findall(text)
        parts = [self.of(self._target(path), path) for path in refs]
        marks = set().union(*(found for _, found in parts))
        marks |= {mark for mark in "*%" if mark in text}
        if "'" in text or '"' in text:
            marks.add("quote")
        if not text.strip():
            marks.add("nothing")
        joined = node.tag == "!ref" and _REF.fullmatch(text) is None
        if node.tag != "!ref" and "*" in text:
            marks.add("star of a text")
        if joined and self._is_costly(text, marks):
            raise ValueError(
                f"{self.name}, line {node.start_mark.line + 1}: powers, and "
                "texts that are repeated or filled in, are refused in !ref"
            )
        return size + sum(more for more, _ in parts), marks

    @staticmethod
    def _is_costly(text, marks):
        if _POWER.search(text) or "star of a text" in marks:
            return True
        counts = bool(marks & {"*", "%"})
        return counts and bool(marks & {"quote", "nothing"})

    def _target(self, path):
        """What a reference names, or the least that holds it."""
        node = self.root
        for part in path.split(".", 1)[0].split("["):
            if not isinstance(node, MappingNode):
                break
            if id(node) not in self.keys:
                self.keys[id(node)] = {
                    str(key.value): value for key, value in node.value
                }
            found = self.keys[id(node)].get(part.strip("]"))
            if found is None:
                if node is self.root:  # which is an error later on
                    return ScalarNode("", "", node.start_mark)
                break
            node = found
        return node


def _scalars(node: Node) -> Iterator[ScalarNode]:
    pending = [node]
    while pending:
        node = pending.pop()
        if isinstance(node, MappingNode):
            pending.extend(part for pair in node.value for part in pair)
        elif isinstance(node, SequenceNode):
            pending.extend(node.value)
        elif isinstance(node, ScalarNode):
            yield node
