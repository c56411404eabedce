"""Build objects from a HyperPyYAML file that came with downloaded weights.

HyperPyYAML can call any function by name, so a model's YAML is a program.
Here it may only name the classes of a short list, and what it may grow to is
bounded before anything is resolved or built.

Authors
 * The speechbrain-opensed contributors 2026
"""

import importlib
import re

import ruamel.yaml
import yaml
from hyperpyyaml import load_hyperpyyaml, resolve_references

from speechbrain_opensed._moved import MOVED
from speechbrain_opensed.inference.bounded import BoundedSizes
from speechbrain_opensed.inference.yaml_growth import (
    DEEPEST,
    LARGEST,
    check_growth,
)

__all__ = ["ALLOWED_CLASSES", "check_yaml", "load_safe_hyperpyyaml"]

_OURS = """
core.spec.SedSpec
lobes.conv_sed.ConvSED
lobes.dasheng_sed.DashengSED
lobes.finelap.FineLAP
lobes.track_sed.TrackSED
lobes.flexsed.FlexSED
lobes.query_sed.QuerySED
lobes.encoders.beats.BEATs
lobes.encoders.clap.ClapTextEncoder
lobes.encoders.dasheng.Dasheng
lobes.encoders.eat.EAT
lobes.encoders.htsat.HTSAT
lobes.encoders.mobilenet.MobileNet
lobes.encoders.mobilenet.MobileNetMel
lobes.style.adapter.StyleAdapter
lobes.style.codec.LogMel
lobes.style.codec.MelCodec
lobes.style.frozen_reference.FrozenReference
lobes.style.fusion.AttentiveFusion
lobes.style.fusion.ConcatFusion
lobes.style.reference_encoder.ReferenceEncoder
lobes.style.reference_encoder.ReferenceMel
lobes.style.tango_codec.TangoCodec
lobes.style.unet.StyledUNet
lobes.text.encoders.HashTextEncoder
lobes.text.encoders.OneHotTextEncoder
lobes.text.encoders.TableTextEncoder
lobes.text.finelap.FineLAPTextEncoder
lobes.text.learned.LearnedPhrases
lobes.text.phrase_encoder.PhraseEncoder
lobes.text.sentence.SentenceTextEncoder
lobes.text.states.HashTextStates
lobes.text.states.T5TextStates
"""
_OTHERS = """
diffusers.models.autoencoders.autoencoder_kl.AutoencoderKL
diffusers.models.unets.unet_2d_condition.UNet2DConditionModel
speechbrain.utils.parameter_transfer.Pretrainer
torch.nn.GELU
torch.nn.Identity
torch.nn.LayerNorm
torch.nn.Linear
torch.nn.ReLU
torch.nn.SiLU
transformers.models.speecht5.configuration_speecht5.SpeechT5HifiGanConfig
transformers.models.speecht5.modeling_speecht5.SpeechT5HifiGan
"""
#: Classes that a model's YAML may instantiate (`!new:`) or hand on (`!name:`).
#: A new part of a detector or generator is added here by its full name.
ALLOWED_CLASSES = frozenset(
    [f"speechbrain_opensed.{name}" for name in _OURS.split()] + _OTHERS.split()
)
_PLAIN_TAGS = ("!ref", "!tuple", "!PLACEHOLDER")
_REMEDY = (
    "a YAML that comes with weights may only hold plain values, !ref, !tuple "
    "and !new: or !name: of the classes in "
    "speechbrain_opensed.inference.safe_yaml.ALLOWED_CLASSES"
)
# Bounds, far above what any model of ours needs.
_LARGEST = 200_000
_MOST_OPEN = 2 * DEEPEST
# The parser needs a millisecond for each.
_MOST_VALUES = 5000
_LONGEST_REF = 10_000
# Without quotes or spaces: most of all a number.
_LONGEST_WORD = 1000
_BRACKET = re.compile(r"[\[\]{}]")
# All that YAML takes for the end of a line.
_BETWEEN = re.compile("[\n\r\x85\u2028\u2029,]")
_REF = re.compile(r"<([^<>]*)>")
_TUPLE = re.compile(r"^\(.*\)$")
# HyperPyYAML registers tuples at its first load; before that, resolving
# references strips the quotes of a string such as "(rain)".
load_hyperpyyaml("first: load")


def check_yaml(text: str, name: str = "hyperparams.yaml") -> None:
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
    if len(text) > _LARGEST:
        raise ValueError(
            f"{name} has {len(text)} characters, more than the {_LARGEST} "
            "that a model's YAML may have"
        )
    # The time of the parser grows with the square of those that are open.
    if _most_open(text) > _MOST_OPEN:
        raise ValueError(
            f"{name} is nested too deeply: it has more than {_MOST_OPEN} "
            "brackets that are open at once"
        )
    if len(_BETWEEN.findall(text)) > _MOST_VALUES:
        raise ValueError(f"{name} has more than {_MOST_VALUES} values")
    try:
        # The parser that resolves the references, so that both see one tree.
        root = ruamel.yaml.YAML().compose(text)
    except ruamel.yaml.error.YAMLError as error:
        raise ValueError(f"{name} is not valid YAML: {error}") from error
    except RecursionError:
        raise ValueError(f"{name} is nested too deeply") from None
    if not isinstance(root, ruamel.yaml.nodes.MappingNode):
        raise ValueError(f"{name} holds no mapping of names to values")
    _check_node(root, name, [], {})
    check_growth(root, name)


def _check_node(node, name, above, done):
    """Refuse tags, names and shapes; give the size with aliases unfolded."""
    line = node.start_mark.line + 1
    if id(node) in above or len(above) > DEEPEST:
        why = "holds itself" if id(node) in above else "is nested too deeply"
        raise ValueError(f"{name}, line {line}: the value {why}")
    if id(node) in done:
        return done[id(node)]
    _check_tag(str(node.tag or ""), line, name)
    parts, size = [], 1
    if isinstance(node, ruamel.yaml.nodes.MappingNode):
        _check_keys(node, name)
        parts = [part for pair in node.value for part in pair]
    elif isinstance(node, ruamel.yaml.nodes.SequenceNode):
        parts = node.value
    else:
        size += len(node.value)
        _check_length(node, name)
    above.append(id(node))
    size += sum(_check_node(part, name, above, done) for part in parts)
    above.pop()
    if size > LARGEST:
        raise ValueError(f"{name}, line {line}: the aliases unfold to too much")
    done[id(node)] = size
    return size


def _most_open(text):
    """Brackets at once, some of them perhaps in texts."""
    now = most = 0
    for bracket in _BRACKET.findall(text):
        now = now + 1 if bracket in "[{" else max(0, now - 1)
        most = max(most, now)
    return most


def _check_length(node, name):
    """Refuse what takes long to be read, though nobody would write it."""
    if node.tag == "!ref":
        most = _LONGEST_REF
    elif node.style is None and " " not in node.value:
        most = _LONGEST_WORD
    else:
        return
    if len(node.value) > most:
        raise ValueError(
            f"{name}, line {node.start_mark.line + 1}: a value of "
            f"{len(node.value)} characters, more than {most}"
        )


def _check_keys(node, name):
    seen = set()
    for key, _ in node.value:
        line = key.start_mark.line + 1
        if not isinstance(key, ruamel.yaml.nodes.ScalarNode):
            raise ValueError(f"{name}, line {line}: the key is no text")
        if key.value in seen:
            raise ValueError(
                f"{name}, line {line}: the key {key.value!r} occurs twice; "
                "leave one of them"
            )
        seen.add(key.value)


def _check_tag(tag, line, name):
    if tag.startswith("tag:yaml.org,2002:"):
        if "python" not in tag:
            return
    elif tag in _PLAIN_TAGS:
        return
    elif tag.startswith(("!new:", "!name:")):
        if _present_name(tag.partition(":")[2]) in ALLOWED_CLASSES:
            return
    raise ValueError(f"{name}, line {line}: tag {tag} is refused: {_REMEDY}")


def _present_name(name):
    """The full name that a class has now; YAMLs may name an older module."""
    package, _, rest = name.partition(".")
    module, _, cls = rest.rpartition(".")
    if package == "speechbrain_opensed" and module in MOVED:
        return f"{MOVED[module]}.{cls}"
    return name


def load_safe_hyperpyyaml(
    text: str, overrides: dict | None = None, name: str = "hyperparams.yaml"
) -> dict:
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
    except Exception as error:
        # Its arithmetic and its paths fail in many ways.
        raise ValueError(f"{name}: {error}") from error
    try:
        with BoundedSizes():
            return yaml.load(resolved, Loader=_SafeHyperLoader)
    except yaml.YAMLError as error:
        raise ValueError(f"{name}: {error}. {_REMEDY}") from error
    except (ValueError, RecursionError) as error:
        raise ValueError(f"{name}: not a valid value ({error})") from error


class _SafeHyperLoader(yaml.SafeLoader):
    """PyYAML's safe loader with classes of the allowed packages added."""


def _find_class(loader, suffix, node):
    name = _present_name(suffix)
    module_name, _, class_name = name.rpartition(".")
    if name not in ALLOWED_CLASSES:
        raise yaml.constructor.ConstructorError(
            None, None, f"{suffix} is refused", node.start_mark
        )
    return getattr(importlib.import_module(module_name), class_name)


def _construct_new(loader, suffix, node):
    cls = _find_class(loader, suffix, node)
    args, kwargs = [], {}
    if isinstance(node, yaml.MappingNode):
        kwargs = loader.construct_mapping(node, deep=True)
    elif isinstance(node, yaml.SequenceNode):
        args = loader.construct_sequence(node, deep=True)
    try:
        return cls(*args, **kwargs)
    except Exception as error:
        # Sizes that a class does not foresee fail in its own way.
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
