"""What is exported loads elsewhere and gives the same scores."""

import shutil

import numpy as np
import pytest
import torch
from hyperpyyaml import load_hyperpyyaml, resolve_references
from speechbrain.utils.fetching import FetchConfig

from lhotse_recipes.outputs import OWN_FILES
from speechbrain_opensed.core.spec import SedSpec
from speechbrain_opensed.inference import (
    SoundEventDetector,
    export_detector,
)

PHRASES = ["dog barking", "rain"]
YAML = """
seed: 1
__set_seed: !apply:torch.manual_seed [!ref <seed>]
dim: 16
folder: !PLACEHOLDER
spec: !new:speechbrain_opensed.core.spec.SedSpec
    hop_seconds: 0.04
    classes: [dog barking, rain (indoors)]
text_encoder: !new:speechbrain_opensed.lobes.text.encoders.HashTextEncoder
    dim: 8
model: !new:speechbrain_opensed.lobes.flexsed.FlexSED
    embed_dim: !ref <dim>
    depth: 2
    num_heads: 2
    ft_blocks: [1]
    cls_dim: 8
modules:
    model: !ref <model>
optimizer: !name:torch.optim.AdamW
    lr: 0.1
"""
TABLE = """text_encoder: !new:speechbrain_opensed.lobes.text.encoders.TableTextEncoder
    path: !ref <folder>/table.npz
    aliases: !ref <folder>/aliases.csv
"""  # noqa: E501


@pytest.fixture
def run(tmp_path):
    """A recipe's YAML and the modules trained with it."""
    path = tmp_path / "train.yaml"
    path.write_text(YAML)
    hparams = load_hyperpyyaml(YAML, {"folder": str(tmp_path)})
    torch.nn.init.normal_(hparams["model"].decoder.blocks[0].adaln.weight)
    return path, hparams


def scores_of(detector):
    wavs = torch.from_numpy(
        np.random.default_rng(0).normal(0, 0.1, (1, 40000)).astype("float32")
    )
    return detector.detect_batch(wavs, None, PHRASES)


def before(hparams):
    return SoundEventDetector(
        {key: hparams[key] for key in ("model", "text_encoder")},
        hparams,
        {"device": "cpu"},
    )


def load(folder, **kwargs):
    return SoundEventDetector.from_hparams(
        folder, run_opts={"device": "cpu"}, **kwargs
    )


def test_scores_survive_export_and_move(run, tmp_path):
    path, hparams = run
    overrides = {"folder": str(tmp_path)}
    folder = export_detector(
        tmp_path / "out", path, hparams["modules"], overrides=overrides
    )
    assert sorted(p.name for p in folder.iterdir()) == [
        OWN_FILES,
        "README.md",
        "hyperparams.yaml",
        "model.safetensors",
    ]
    assert len({p.stat().st_mode for p in folder.iterdir()}) == 1
    moved = tmp_path / "else where"
    shutil.move(folder, moved)
    detector = load(str(moved))
    assert detector.spec == hparams["spec"]
    assert torch.equal(scores_of(detector), scores_of(before(hparams)))
    text = (moved / "hyperparams.yaml").read_text()
    assert "optimizer" not in text and str(tmp_path) not in text


def test_resolved_yaml_of_a_run(run, tmp_path):
    path, hparams = run
    resolved = resolve_references(YAML, {"folder": str(tmp_path)}).getvalue()
    path.write_text(resolved)
    folder = export_detector(tmp_path / "out", path, hparams["modules"])
    assert torch.equal(scores_of(load(folder)), scores_of(before(hparams)))


def test_speechbrain_reads_the_yaml(run, tmp_path):
    """The file is an interface YAML like any other."""
    path, hparams = run
    folder = export_detector(
        tmp_path / "out", path, hparams["modules"], overrides={"folder": "."}
    )
    read = load_hyperpyyaml((folder / "hyperparams.yaml").read_text())
    assert set(read["modules"]) == {"model", "text_encoder"}
    assert read["pretrainer"].loadables["model"] is read["modules"]["model"]


def test_text_table_travels_with_the_model(run, tmp_path):
    path, _ = run
    start = YAML.index("text_encoder:")
    yaml = YAML[:start] + TABLE + YAML[YAML.index("model: !new") :]
    path.write_text(yaml)
    rng = np.random.default_rng(0)
    np.savez(
        tmp_path / "table.npz",
        labels=["dog barking", "Rain"],
        embeddings=rng.normal(size=(2, 8)),
    )
    (tmp_path / "aliases.csv").write_text("phrase,label\nrain,Rain\n")
    overrides = {"folder": str(tmp_path)}
    hparams = load_hyperpyyaml(yaml, overrides)
    expected = scores_of(before(hparams))
    folder = export_detector(
        tmp_path / "out", path, hparams["modules"], overrides=overrides
    )
    (tmp_path / "table.npz").unlink()
    shutil.move(folder, tmp_path / "moved")
    assert torch.equal(scores_of(load(tmp_path / "moved")), expected)
    cached = load(tmp_path / "moved", savedir=tmp_path / "cache")
    assert torch.equal(scores_of(cached), expected)
    (tmp_path / "moved/text_encoder/path/table.npz").unlink()
    with pytest.raises(FileNotFoundError, match="no text_encoder/path/table"):
        load(tmp_path / "moved")


def test_local_text_model_travels_with_the_model(run, tmp_path):
    path, hparams = run
    source = tmp_path / "clap" / "tiny"
    (source / "parts").mkdir(parents=True)
    for name in ("config.json", "vocab.json", "parts/weights.safetensors"):
        (source / name).write_text(name)
    start, stop = YAML.index("text_encoder:"), YAML.index("model: !new")
    path.write_text(
        YAML[:start]
        + "text_encoder: !new:speechbrain_opensed.lobes.encoders.clap."
        + "ClapTextEncoder\n"
        + f"    source: {source}\n"
        + YAML[stop:]
    )
    folder = export_detector(
        tmp_path / "out", path, hparams["modules"], overrides={"folder": "."}
    )
    text = (folder / "hyperparams.yaml").read_text()
    assert "source: !ref <model_folder>/text_encoder/source/tiny" in text
    copy = folder / "text_encoder/source/tiny"
    for name in ("config.json", "vocab.json", "parts/weights.safetensors"):
        assert (copy / name).read_text() == name
        assert f"- text_encoder/source/tiny/{name}" in text


def test_classes_of_the_data(run, tmp_path):
    path, hparams = run
    spec = SedSpec(classes=("siren: near", "(dog)"))
    folder = export_detector(
        tmp_path / "out",
        path,
        hparams["modules"],
        overrides={"folder": "."},
        spec=spec,
    )
    assert load(folder).spec == spec


def test_older_export_is_replaced_and_nothing_else(run, tmp_path):
    path, hparams = run
    arguments = (path, hparams["modules"])
    options = {"overrides": {"folder": "."}}
    folder = export_detector(tmp_path / "out", *arguments, **options)
    (folder / "README.md").write_text("my model card")
    (folder / ".git").mkdir()
    (folder / ".git" / "config").write_text("history")
    with torch.no_grad():
        hparams["model"].decoder.sed_head.bias.fill_(3)
    export_detector(folder, *arguments, **options)
    assert (folder / "README.md").read_text() == "my model card"
    assert (folder / ".git" / "config").read_text() == "history"
    assert torch.equal(scores_of(load(folder)), scores_of(before(hparams)))
    other = tmp_path / "thesis"
    other.mkdir()
    (other / "model.safetensors").write_bytes(b"months of work")
    with pytest.raises(ValueError, match="not written by us: move it away"):
        export_detector(other, *arguments, **options)
    assert (other / "model.safetensors").read_bytes() == b"months of work"
    assert len(list(other.iterdir())) == 1


def test_card_is_written_and_a_users_readme_stays(run, tmp_path):
    path, hparams = run
    path.write_text(path.read_text().replace("!PLACEHOLDER", "none"))
    about = {"data": {"train": {"clips": 2, "events": 3, "hours": 0.5}}}
    out = export_detector(
        tmp_path / "out", path, hparams["modules"], about=about
    )
    card = (out / "README.md").read_text()
    assert "| model | FlexSED |" in card and "| train data | 2 clips" in card
    assert "dog barking, rain (indoors)" in card
    detector = SoundEventDetector.from_hparams(out)
    again = detector.export(tmp_path / "again")
    assert (again / "README.md").read_text() == card
    (out / "README.md").unlink()
    own = tmp_path / "own"
    own.mkdir()
    (own / "README.md").write_text("mine")
    export_detector(own, path, hparams["modules"], about=about)
    assert (own / "README.md").read_text() == "mine"
    assert SoundEventDetector.from_hparams(own).hparams.about == about


def test_failed_export_leaves_nothing(run, tmp_path, monkeypatch):
    path, hparams = run

    def full(*_):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr("speechbrain_opensed.inference.export.save_file", full)
    with pytest.raises(OSError, match=r"free some space .*out"):
        export_detector(
            tmp_path / "out",
            path,
            hparams["modules"],
            overrides={"folder": "."},
        )
    assert [p.name for p in tmp_path.iterdir()] == ["train.yaml"]


def test_what_cannot_be_exported(run, tmp_path):
    path, hparams = run
    out = tmp_path / "out"
    with pytest.raises(FileNotFoundError, match="none.yaml: give"):
        export_detector(out, tmp_path / "none.yaml", hparams["modules"])
    with pytest.raises(ValueError, match="has no 'model'"):
        export_detector(out, path, {}, overrides={"folder": "."})
    path.write_text(YAML.replace("spec:", "speck:"))
    with pytest.raises(ValueError, match="no top-level 'spec:'"):
        export_detector(
            out, path, hparams["modules"], overrides={"folder": "."}
        )
    path.write_text(YAML.replace("!new:speechbrain_opensed.l", "!apply:l"))
    with pytest.raises(ValueError, match="tag !apply:lobes.* is refused"):
        export_detector(
            out, path, hparams["modules"], overrides={"folder": "."}
        )
    assert not out.exists()


@pytest.fixture
def exported(run, tmp_path):
    path, hparams = run
    return export_detector(
        tmp_path / "out", path, hparams["modules"], overrides={"folder": "."}
    )


def edit(folder, old, new):
    path = folder / "hyperparams.yaml"
    assert old in path.read_text()
    path.write_text(path.read_text().replace(old, new))


def test_overrides(exported):
    edit(exported, "hop_seconds: 0.04", "hop_seconds: !ref <hop>")
    edit(exported, "spec:", "hop: 0.08\nspec:")
    assert load(exported, overrides={"hop": 0.04}).spec.hop_seconds == 0.04
    with pytest.raises(ValueError, match="'hpo' not found"):
        load(exported, overrides={"hpo": 0.04})


def test_no_such_model(tmp_path):
    with pytest.raises(FileNotFoundError, match="no folder ./none/: give"):
        load("./none/")
    with pytest.raises(FileNotFoundError, match="no hyperparams.yaml in"):
        load(tmp_path)
    offline = FetchConfig(allow_network=False)
    with pytest.raises(FileNotFoundError, match="of nobody/none .* network"):
        load("nobody/none", fetch_config=offline)


def test_weights_that_do_not_fit(exported):
    edit(exported, "embed_dim: 16", "embed_dim: 32")
    with pytest.raises(ValueError, match="model.safetensors: .*does not fit"):
        load(exported)


def test_missing_and_damaged_weights(exported):
    weights = exported / "model.safetensors"
    weights.write_bytes(weights.read_bytes()[:100])
    with pytest.raises(ValueError, match="model.safetensors cannot be read"):
        load(exported)
    weights.unlink()
    with pytest.raises(FileNotFoundError, match="no model.safetensors in"):
        load(exported)


class Bomb:
    def __init__(self, marker):
        self.marker = marker

    def __reduce__(self):
        return (open, (str(self.marker), "w"))


def test_pickles_are_not_executed(exported, tmp_path):
    (exported / "model.safetensors").unlink()
    marker = tmp_path / "executed"
    torch.save({"model": Bomb(marker)}, exported / "model.ckpt")
    with pytest.raises(ValueError, match="model.ckpt cannot be read"):
        load(exported)
    assert not marker.exists()


def test_plain_checkpoints_are_read(exported):
    expected = scores_of(load(exported))
    from safetensors.torch import load_file

    state = load_file(exported / "model.safetensors")
    (exported / "model.safetensors").unlink()
    torch.save(state, exported / "model.ckpt")
    assert torch.equal(scores_of(load(exported)), expected)


@pytest.mark.parametrize(
    "old, new, words",
    [
        ("!new:speechbrain.utils", "!apply:speechbrain.utils", "refused"),
        ("pretrainer:", "pretrained:", "has no 'pretrainer:'"),
        ("modules:", "module:", "has no 'modules:'"),
        ("    loadables:", "    paths: {model: a/b}\n    loadables:", "only"),
        ("modules:", "model_files: [../../x]\nmodules:", "beside it"),
        ("modules:", "model_files: [/etc/passwd]\nmodules:", "beside it"),
        ("    text_encoder: !ref <text_encoder>\n", "", "'text_encoder'"),
        ("embed_dim", "embed_width", "cannot build .*FlexSED"),
    ],
)
def test_unsound_yaml(exported, old, new, words):
    edit(exported, old, new)
    with pytest.raises(ValueError, match=words):
        load(exported)


def test_a_module_without_weights_is_refused(run, tmp_path):
    path, hparams = run
    folder = export_detector(
        tmp_path / "out", path, hparams["modules"], overrides={"folder": "."}
    )
    yaml = folder / "hyperparams.yaml"
    text = yaml.read_text()
    yaml.write_text(text[: text.index("    loadables:")] + "    loadables: {}")
    with pytest.raises(ValueError, match="no weights are loaded for .*'model'"):
        load(folder)


def test_code_in_a_text_encoder_folder_does_not_run(tmp_path, monkeypatch):
    from speechbrain_opensed.lobes.text.sentence import SentenceTextEncoder

    marker = tmp_path / "ran"
    folder = tmp_path / "enc"
    folder.mkdir()
    (folder / "config.json").write_text(
        '{"model_type": "evil", "auto_map": {"AutoConfig": "evil.C", '
        '"AutoModel": "evil.M", "AutoTokenizer": ["evil.T", null]}}'
    )
    (folder / "tokenizer_config.json").write_text(
        '{"auto_map": {"AutoTokenizer": ["evil.T", null]}, '
        '"tokenizer_class": "T"}'
    )
    (folder / "evil.py").write_text(f"open({str(marker)!r}, 'w')")
    monkeypatch.setattr("builtins.input", lambda *_: "y")
    with pytest.raises((FileNotFoundError, ValueError)):
        SentenceTextEncoder(folder)
    assert not marker.exists()
