"""A model's YAML builds models and nothing else."""

import importlib
import re
from pathlib import Path

import pytest
import torch

from speechbrain_opensed.inference.safe_yaml import (
    ALLOWED_CLASSES,
    check_yaml,
    load_safe_hyperpyyaml,
)

ATTACKS = {
    "apply": "a: !apply:os.mkdir [{marker}]",
    "applyref": "a: !applyref:os.mkdir [{marker}]",
    "new outside": "a: !new:subprocess.Popen [[mkdir, {marker}]]",
    "name outside": "a: !name:os.system",
    "module": "a: !module:os",
    "include": "a: !include:{marker}.yaml",
    "copy": "b: 1\na: !copy <b>",
    "python tag": "a: !!python/object/apply:os.mkdir [{marker}]",
    "python name": "a: !!python/name:os.system",
    "verbatim tag": "a: !<!apply:os.mkdir> [{marker}]",
    "escaped tag": "a: !%61pply:os.mkdir [{marker}]",
    "key": "? !apply:os.mkdir [{marker}]\n: 1",
    "nested": "a:\n  - b: {{c: !apply:os.mkdir [{marker}]}}",
    "prefix look-alike": "a: !new:torch.nnx.Linear [1, 2]",
    "attribute chain": "a: !new:torch.nn.modules.torch.Tensor [2]",
    "imported name": "a: !new:torch.nn.modules.module.OrderedDict []",
    "imported function": "a: !name:torch.nn.modules.module.namedtuple",
    "tuple": 'a: (!!python/object/apply:os.mkdir ["{marker}"])',
    "quoted tuple": "a: !tuple '(!!python/object/apply:os.mkdir"
    ' ["{marker}"])\'',
    "attribute by reference": "t: abc\na: !ref <t.upper>",
}


@pytest.mark.parametrize("attack", ATTACKS)
def test_hostile_yaml_is_refused(attack, tmp_path):
    marker = tmp_path / "made-by-attack"
    with pytest.raises(ValueError, match="model.yaml"):
        load_safe_hyperpyyaml(
            ATTACKS[attack].format(marker=marker), name="model.yaml"
        )
    assert not marker.exists()


def test_error_names_tag_and_line():
    with pytest.raises(ValueError, match=r"line 3: tag !apply:os.system"):
        check_yaml("a: 1\nb:\n  c: !apply:os.system [ls]\n")


def test_allowed_yaml_builds_shared_objects():
    hparams = load_safe_hyperpyyaml(
        """
        dim: 4
        shape: (2, 3)
        spec: !new:speechbrain_opensed.core.spec.SedSpec
            window_seconds: !ref <dim> * 2
        layer: !new:torch.nn.Linear
            in_features: !ref <dim>
            out_features: 2
        activation: !name:torch.nn.GELU
        modules:
            model: !ref <layer>
        pretrainer: !new:speechbrain.utils.parameter_transfer.Pretrainer
            loadables: {model: !ref <layer>}
        """
    )
    assert hparams["shape"] == (2, 3)
    assert hparams["spec"].window_seconds == 8
    assert hparams["activation"] is torch.nn.GELU
    assert hparams["modules"]["model"] is hparams["layer"]
    assert hparams["pretrainer"].loadables["model"] is hparams["layer"]


def test_text_in_parentheses_stays_text(tmp_path):
    marker = tmp_path / "made-by-attack"
    hparams = load_safe_hyperpyyaml(
        f"""
        t: '!!python/object/apply:os.mkdir'
        a: !ref (<t> ["{marker}"])
        b: "(rain)"
        """
    )
    assert hparams["a"] == f'(!!python/object/apply:os.mkdir ["{marker}"])'
    assert hparams["b"] == "(rain)"
    assert not marker.exists()


def test_overrides_replace_and_must_match():
    text = "a: 1\nb: !ref <a>\n"
    assert load_safe_hyperpyyaml(text, {"a": 5}) == {"a": 5, "b": 5}
    with pytest.raises(ValueError, match="'c' not found"):
        load_safe_hyperpyyaml(text, {"c": 5})


def test_unknown_argument_names_the_class():
    with pytest.raises(ValueError, match="cannot build torch.nn.Linear"):
        load_safe_hyperpyyaml("a: !new:torch.nn.Linear {wrong: 1}")


@pytest.mark.parametrize("text", ["", "- 1", "a: [1", "a: !PLACEHOLDER"])
def test_useless_yaml_is_refused(text):
    with pytest.raises(ValueError, match="hyperparams.yaml"):
        load_safe_hyperpyyaml(text)


def test_the_list_is_short_and_holds_classes_that_are_defined_there():
    assert 30 <= len(ALLOWED_CLASSES) <= 60
    for name in sorted(ALLOWED_CLASSES):
        module, _, attribute = name.rpartition(".")
        found = getattr(importlib.import_module(module), attribute)
        assert isinstance(found, type), name
        assert name.split(".")[0] == found.__module__.split(".")[0], name
        if module.startswith("speechbrain_opensed"):
            assert found.__module__ == module, name


@pytest.mark.parametrize("tag", ["new", "name"])
@pytest.mark.parametrize(
    "name",
    [
        "speechbrain_opensed.lobes.prompts.alm_clap.ClapTower",
        "speechbrain_opensed.lobes.text.roberta.RobertaText",
        "torch.nn.DataParallel",
        "torch.nn.Sequential",
        "transformers.models.auto.modeling_auto.AutoModel",
        "speechbrain_opensed.core.spec.dataclass",
    ],
)
def test_what_is_not_on_the_list_is_refused(tag, name):
    with pytest.raises(ValueError, match="is refused"):
        load_safe_hyperpyyaml(f"a: !{tag}:{name} []")


def test_older_names_of_a_class_still_build_it():
    old = "a: !new:speechbrain_opensed.lobes.text_encoders.HashTextEncoder {}"
    assert type(load_safe_hyperpyyaml(old)["a"]).__name__ == "HashTextEncoder"


def _laughs(count):
    lines = ["a0: &a0 [x, x, x, x, x, x, x, x, x, x]"]
    for n in range(count):
        lines.append(f"a{n + 1}: &a{n + 1} [{', '.join([f'*a{n}'] * 10)}]")
    return "\n".join(lines)


GROWING = {
    "aliases": _laughs(12),
    "references": "a0: xxxxxxxxxx\n"
    + "\n".join(f"a{n + 1}: !ref {f'<a{n}>' * 10}" for n in range(12)),
    "lists of references": "a0: [x, x]\n"
    + "\n".join(
        f"a{n + 1}: [{', '.join([f'!ref <a{n}>'] * 9)}]" for n in range(12)
    ),
    "powers": "a: 9\nb: !ref <a> ** <a> ** <a>",
    "repeated text": "a: !ref 'x' * 99999999999",
    "circle": "a: !ref <b>\nb: !ref <a>",
    "itself": "a: &a [*a]",
    "depth": "a: " + "[" * 5000 + "]" * 5000,
    "less depth": "a: " + "[" * 60 + "]" * 60,
    "size": "a: " + "x" * 600_000,
    "digits": "a: " + "9" * 100_000,
    "minutes": "a: " + ":".join(["59"] * 80_000),
    "brackets": "a: " + "[" * 900 + "]" * 900,
    "brackets of references": "a: !ref " + "<" * 200_000,
    "sums": "a: !ref " + "1+" * 100_000 + "1",
    "keys": "".join(f"k{n}: 1\n" for n in range(40_000)),
    "values": "a: [" + "x, " * 100_000 + "x]",
    "a key that occurs twice": "a: 1\na: 2",
    "a nested key that occurs twice": "a: {b: 1, b: 2}",
    "a list as key": "? [a, b]\n: 1",
    "division by zero": "a: 0\nb: !ref 1 / <a>",
    "sizes": "a: !new:torch.nn.Linear [-1, 2]",
    "references within a mapping": "a:\n  x0: xxxxxxxxxx\n"
    + "".join(f"  x{n + 1}: !ref {f'<a[x{n}]>' * 10}\n" for n in range(12)),
    "products within a mapping": "a:\n  x0: 99999999\n"
    + "".join(f"  x{n + 1}: !ref <a[x{n}]>*<a[x{n}]>\n" for n in range(39)),
    "attributes within a mapping": "a:\n  x0: xxxxxxxxxx\n"
    + "".join(f"  x{n + 1}: !ref {f'<a.x{n}>' * 10}\n" for n in range(12)),
    "powers in pieces": "p: '*'\na: !ref 9<p><p>9<p><p>9<p><p>9",
    "powers around nothing": "p: ''\na: !ref 9*<p>*9*<p>*9*<p>*9",
    "powers of a text": "p: 9**9**9**9\na: !ref <p> + 1",
    "repeated text in brackets": "a: !ref ('x') * 99999999999",
    "repeated text by name": "p: \"'x'\"\na: !ref <p> * 99999999999",
    "text that is filled in": "a: !ref \"'%9999999999d' % 5\"",
    "lines of another system": "".join(f"k{n}: 1\r" for n in range(9000)),
    "a deep model": "a: !new:speechbrain_opensed.lobes.flexsed.FlexSED "
    "{embed_dim: 8, depth: 100000000, num_heads: 2}",
    "a wide model": "a: !new:torch.nn.LayerNorm [[100000, 100000]]",
}


@pytest.mark.timeout(10)
@pytest.mark.parametrize("kind", GROWING)
def test_growth_is_bounded_and_errors_are_words(kind):
    with pytest.raises(ValueError, match="model.yaml"):
        load_safe_hyperpyyaml(GROWING[kind], name="model.yaml")


def test_what_the_recipes_export_is_on_the_list():
    tag = re.compile(r"!(?:new|name):(speechbrain_opensed\.lobes\.[\w.]+)")
    wanted = {"model", "text_encoder", "codec", "unet", "adapter", "spec"}
    found = set()
    for path in Path(__file__).parents[4].glob("recipes/*/hparams/*.yaml"):
        keys = re.split(r"^(\w+):", path.read_text(), flags=re.MULTILINE)
        for key, value in zip(keys[1::2], keys[2::2], strict=True):
            if key in wanted and path.parts[-3] != "SEPT":
                found.update(tag.findall(value))
    assert len(found) > 8
    assert found <= ALLOWED_CLASSES, found - ALLOWED_CLASSES
