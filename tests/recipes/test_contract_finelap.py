"""FineLAP's YAML runs as its README says, and each ablation is another one."""

import json

import pytest
from lhotse import CutSet

from lhotse_recipes.schema import captions_of
from tests.recipes.drive import ROOT, drive
from tests.recipes.readme import commands, variants
from tests.recipes.samples import _write_roberta
from tests.recipes.tiny_encoders import SIZES, save_weights
from tests.recipes.trees import CORPORA

RECIPE = ROOT / "recipes/FineLAP"
README = (RECIPE / "README.md").read_text()
TINY = {
    "embed_dim": 16,
    "depth": 1,
    "num_heads": 2,
    "embed_size": 8,
    "tokenizer": "hash",
    "batch_size": 8,
    "num_workers": 0,
    "number_of_epochs": 1,
    "pretrained_encoder": "null",
}
VARIANTS = variants(README, ("the paper's variant", "override"))
# The test is the same for all: once is enough.
ALL_SETS = (
    "[AudioCaps,Clotho,ESC-50,UrbanSound8K,AudioSet-Strong,URBAN-SED,VGGSound]"
)


def step(name, *argv):
    return {"name": name, "argv": list(map(str, argv))}


@pytest.fixture(scope="module")
def runs(tmp_path_factory):
    """What the README's lines and all variants did."""
    folder = tmp_path_factory.mktemp("finelap")
    for name, write in CORPORA.items():
        write(folder / name)
    _write_roberta(folder / "roberta")

    def here(word):
        return str(folder / word[9:]) if word.startswith("/path/to/") else word

    steps, base = [], []
    for words in commands(README, "opensed ", "python train.py hparams/fine"):
        words = list(map(here, words))
        if words[0] == "opensed":
            more = {"soundscapes": ["-n", "3"], "phrase-bank": HASH}
            words += more.get(words[1], [])
            steps.append(step(f"{len(steps)} {words[1]}", *words))
        else:
            tiny = TINY | {"roberta": folder / "roberta"}
            base = [
                RECIPE / "train.py",
                RECIPE / words[2],
                *words[3:],
                *(f"--{k}={v}" for k, v in tiny.items()),
            ]
    steps.append(step("base", *base, "--output_folder", folder / "base"))
    hts = save_weights("htsat", folder / "clap")
    for number, (name, overrides) in enumerate(VARIANTS.items()):
        place = folder / f"v{number}"
        if "htsat" in overrides:
            sizes = json.dumps(SIZES["htsat"])
            overrides = [*overrides, "--encoder_config", sizes]
            at = overrides.index("--pretrained_encoder")
            overrides[at + 1] = hts
            overrides += ["--pretrained_config", sizes]
        few = ["--leave_out_sets", ALL_SETS, "--output_folder", place]
        steps.append(step(name, *base, *few, *overrides))
    clip = next((folder / "VGGSound").glob("*.flac"))
    detector = folder / "base/detector"
    found = folder / "found.tsv"
    detect = (
        "opensed",
        "detect",
        clip,
        "-q",
        "dog barking",
        "--model",
        detector,
    )
    steps.append(step("detect", *detect, "-o", found))
    return folder, drive(steps, folder)


HASH = ["--encoder", "hash"]


@pytest.mark.slow
def test_the_readme_names_the_ablations_of_the_paper():
    assert len(VARIANTS) >= 12
    assert sum("num_queries" in name for name in VARIANTS) == 5


@pytest.mark.slow
def test_what_the_readme_says_runs(runs):
    folder, seen = runs
    base = seen["base"]
    assert base["steps"] > 1 and base["moved"]
    # Of the towers only what the published model never uses stays.
    assert not base["fixed"], base["fixed"]
    results = json.loads((folder / "base/results.json").read_text())
    assert {"VGGSound", "AudioCaps", "Clotho", "Clotho (all)"} <= set(results)
    assert "AudioCaps (all)" not in results
    assert (folder / "found.tsv").is_file()
    joined = folder / "manifests/audioset-strong-captioned_cuts_train.jsonl.gz"
    assert all(captions_of(cut) for cut in CutSet.from_file(joined))


@pytest.mark.slow
def test_what_is_tested_is_not_trained_on(runs):
    folder, _ = runs
    told = json.loads((folder / "base/freesound_report_audio.json").read_text())
    left = told["dropped"]["of a source that is tested"]
    assert left["items"] == ["freesound-17"]


@pytest.mark.slow
@pytest.mark.parametrize("name", VARIANTS)
def test_variants_differ(runs, name):
    _, seen = runs
    # The recipe's own values are a row of the tables as well; the first run
    # trains on less, as it tests on more.
    (own,) = [x for x in VARIANTS if x.endswith("num_queries 25")]
    base, one = seen[own], seen[name]
    assert one["steps"] > 0 and one["moved"]
    same = (one["shapes"], one["losses"]) == (base["shapes"], base["losses"])
    assert same == (name == own)
    if "htsat" in name:
        assert any("audio_model" in moved for moved in one["moved"])
    if "frame_weight 0" in name:
        assert "model.b_local" in one["fixed"]
    if "clip_weight 0" in name:
        assert "model.b_global" in one["fixed"]
        assert one["steps"] < base["steps"]
