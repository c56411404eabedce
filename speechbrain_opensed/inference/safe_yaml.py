"""Build objects from a HyperPyYAML file that came with downloaded weights.

HyperPyYAML can call any function by name, so a model's YAML is a program.
Here nothing is looked up by name outside a short list of packages, and what
is found there has to be a class that these packages themselves define.

Authors
 * The speechbrain-opensed contributors 2026
"""

import importlib
import re

import ruamel.yaml
import yaml
from hyperpyyaml import load_hyperpyyaml, resolve_references

__all__ = ["ALLOWED_PACKAGES", "check_yaml", "load_safe_hyperpyyaml"]

#: Packages whose classes a model's YAML may instantiate (`!new:`) or hand on
#: (`!name:`).
ALLOWED_PACKAGES = (
    "speechbrain_opensed.lobes",
    "speechbrain_opensed.core.spec",
    "speechbrain.utils.parameter_transfer",
    "torch.nn",
    "diffusers.models.autoencoders",
    "diffusers.models.unets",
    "transformers.models.speecht5",
)
_PLAIN_TAGS = ("!ref", "!tuple", "!PLACEHOLDER")
_REMEDY = (
    "a YAML that comes with weights may only hold plain values, !ref, !tuple "
    "and !new: or !name: of classes in " + ", ".join(ALLOWED_PACKAGES)
)
_TUPLE = re.compile(r"^\(.*\)$")
# HyperPyYAML registers tuples at its first load; before that, resolving
# references strips the quotes of a string such as "(rain)".
load_hyperpyyaml("first: load")


def check_yaml(text, name="hyperparams.yaml"):
    """Refuse a YAML text with tags that could run anything.

    Arguments
    ---------
    text : str
        The HyperPyYAML document.
    name : str
        How error messages call it.

    Raises
    ------
    ValueError
        If a tag is not allowed; the message names the tag and its line.

    Example
    -------
    >>> check_yaml("a: 1\\nb: !ref <a>")
    >>> check_yaml("a: 1\\nb: !apply:os.system [ls]")
    Traceback (most recent call last):
    ...
    ValueError: hyperparams.yaml, line 2: tag !apply:os.system is refused: ...
    """
    try:
        # The parser that resolves the references, so that both see one tree.
        root = ruamel.yaml.YAML().compose(text)
    except ruamel.yaml.error.YAMLError as error:
        raise ValueError(f"{name} is not valid YAML: {error}") from error
    if not isinstance(root, ruamel.yaml.nodes.MappingNode):
        raise ValueError(f"{name} holds no mapping of names to values")
    pending, seen = [root], set()
    while pending:
        node = pending.pop()
        if id(node) in seen:
            continue
        seen.add(id(node))
        _check_tag(str(node.tag or ""), node.start_mark.line + 1, name)
        if isinstance(node, ruamel.yaml.nodes.MappingNode):
            pending.extend(part for pair in node.value for part in pair)
        elif isinstance(node, ruamel.yaml.nodes.SequenceNode):
            pending.extend(node.value)


def _check_tag(tag, line, name):
    if tag.startswith("tag:yaml.org,2002:"):
        if "python" not in tag:
            return
    elif tag in _PLAIN_TAGS:
        return
    elif tag.startswith(("!new:", "!name:")):
        if _is_allowed(tag.partition(":")[2].rpartition(".")[0]):
            return
    raise ValueError(f"{name}, line {line}: tag {tag} is refused: {_REMEDY}")


def _is_allowed(module):
    return any(
        module == package or module.startswith(package + ".")
        for package in ALLOWED_PACKAGES
    )


def load_safe_hyperpyyaml(text, overrides=None, name="hyperparams.yaml"):
    """Load a HyperPyYAML document that is not trusted.

    Arguments
    ---------
    text : str
        The document.
    overrides : dict, optional
        Values that replace top-level ones; each must exist.
    name : str
        How error messages call the document.

    Returns
    -------
    dict
        The constructed values by their top-level keys.

    Raises
    ------
    ValueError
        If a tag is not allowed, an object cannot be built or an override
        names no key.

    Example
    -------
    >>> hparams = load_safe_hyperpyyaml('''
    ... size: 3
    ... layer: !new:torch.nn.Linear
    ...     in_features: !ref <size>
    ...     out_features: !ref <size> * 2
    ... ''')
    >>> hparams["layer"]
    Linear(in_features=3, out_features=6, bias=True)
    """
    check_yaml(text, name)
    try:
        resolved = resolve_references(
            text, overrides or {}, overrides_must_match=True
        ).getvalue()
    except KeyError as error:
        raise ValueError(f"{name}: {error.args[0]}") from error
    except ValueError as error:
        raise ValueError(f"{name}: {error}") from error
    try:
        return yaml.load(resolved, Loader=_SafeHyperLoader)
    except yaml.YAMLError as error:
        raise ValueError(f"{name}: {error}. {_REMEDY}") from error


class _SafeHyperLoader(yaml.SafeLoader):
    """PyYAML's safe loader with classes of the allowed packages added."""


def _find_class(loader, suffix, node):
    module_name, _, class_name = suffix.rpartition(".")
    if not _is_allowed(module_name):
        raise yaml.constructor.ConstructorError(
            None, None, f"{suffix} is refused", node.start_mark
        )
    try:
        found = vars(importlib.import_module(module_name))[class_name]
    except (ImportError, KeyError) as error:
        raise yaml.constructor.ConstructorError(
            None,
            None,
            f"there is no {suffix}; update speechbrain-opensed or mend the "
            "name",
            node.start_mark,
        ) from error
    # A module also holds what it imported: those names lead anywhere.
    if not (isinstance(found, type) and _is_allowed(found.__module__)):
        raise yaml.constructor.ConstructorError(
            None, None, f"{suffix} is refused", node.start_mark
        )
    return found


def _construct_new(loader, suffix, node):
    cls = _find_class(loader, suffix, node)
    args, kwargs = [], {}
    if isinstance(node, yaml.MappingNode):
        kwargs = loader.construct_mapping(node, deep=True)
    elif isinstance(node, yaml.SequenceNode):
        args = loader.construct_sequence(node, deep=True)
    try:
        return cls(*args, **kwargs)
    except (TypeError, ValueError, OSError) as error:
        raise yaml.constructor.ConstructorError(
            None, None, f"cannot build {suffix}: {error}", node.start_mark
        ) from error


def _construct_name(loader, suffix, node):
    if not isinstance(node, yaml.ScalarNode):
        raise yaml.constructor.ConstructorError(
            None,
            None,
            f"!name:{suffix} takes no arguments in a model's YAML",
            node.start_mark,
        )
    return _find_class(loader, suffix, node)


def _construct_tuple(loader, node):
    # HyperPyYAML parses the inside with a loader that runs python tags.
    return tuple(yaml.safe_load(f"[{loader.construct_scalar(node)[1:-1]}]"))


_SafeHyperLoader.add_multi_constructor("!new:", _construct_new)
_SafeHyperLoader.add_multi_constructor("!name:", _construct_name)
_SafeHyperLoader.add_constructor("!tuple", _construct_tuple)
_SafeHyperLoader.add_implicit_resolver("!tuple", _TUPLE, first="(")
