"""The style adapter's YAML runs as its README says, and so do its variants."""

import json
import shutil

import pytest
import soundfile

from tests.recipes.drive import ROOT, drive
from tests.recipes.readme import commands, variants
from tests.recipes.samples import write_t5, write_tiny_tango
from tests.recipes.trees import audioset_strong

# Two dozen runs with a U-Net over ten seconds each: seven minutes of a core.
pytestmark = [pytest.mark.slow, pytest.mark.timeout(1800)]
RECIPE = ROOT / "recipes/StyleAdapter"
README = (RECIPE / "README.md").read_text()
TINY = {
    "splits": "{train: 0.5, valid: 0.2, test: 0.3}",
    "ref_seconds": 1.0,
    "text_dim": 8,
    "unet_channels": "[8,8,16,16]",
    "unet_layers": 1,
    "unet_heads": "[2,2,2,2]",
    "unet_groups": 4,
    "vae_channels": "[8,8,8]",
    "vae_layers": 1,
    "vae_groups": 4,
    "vocoder_channels": 32,
    "style_dim": 16,
    "style_heads": 2,
    "rank": 4,
    "ref_channels": "[4,8]",
    "ref_blocks": "[1,1]",
    "batch_size": 2,
    "valid_batch_size": 2,
    "num_workers": 0,
    # What begins as zero lets nothing behind it move in the first step.
    "number_of_epochs": 2,
    "num_generated": 2,
    "sampling_steps": 2,
    "num_jobs": 1,
    "precision": "fp32",
}
VARIANTS = variants(README, ("variant", "override"))
# Of a reference in seconds, for the sounds of these clips last 1.5 s.
SHORT = "0.5"
# What changes how sounds are made, and not what is learnt.
SAMPLING = ("--guidance", "--scheduler")
# With a style of two steps these weigh next to nothing; the tests of guidance
# tell them apart.
ALIKE = ("--guidance joint", "--guidance authors")


def of(name):
    """The override that a variant is called after."""
    return name.partition(": ")[2]


@pytest.fixture(scope="module")
def runs(tmp_path_factory):
    """What the README's lines and all variants did."""
    folder = tmp_path_factory.mktemp("style")
    # WavCaps has no more than the training clips, in one folder.
    tree = audioset_strong(folder / "tree", clips=12)
    (folder / "tables").mkdir()
    for table in (*tree.glob("*.tsv"), tree / "AudioSet_SL/as_final.json"):
        shutil.move(table, folder / "tables")
    shutil.move(tree / "AudioSet_SL", folder / "AudioSet_SL_flac")
    write_tiny_tango(folder / "tango", write_t5(folder / "t5"))

    def here(words):
        return [w.replace("/path/to/", f"{folder}/") for w in words]

    steps = [
        {"name": " ".join(words[:3]), "argv": here(words)}
        for words in commands(README, "opensed prepare")
    ]
    (line, *_) = commands(README, "python train.py hparams/style_adapter")
    base = [str(RECIPE / line[1]), str(RECIPE / line[2]), *here(line[3:])]
    base += [f"--{k}={v}" for k, v in TINY.items()]
    base += [f"--text_source={folder / 't5'}"]
    steps.append({"name": "base", "argv": [*base, "--output_folder=base"]})
    for number, (name, words) in enumerate(VARIANTS.items()):
        place = f"--output_folder=v{number}"
        if words[0] == "--ref_seconds":
            words = [words[0], SHORT]
        elif words[0] == "--drop_both":
            # Of a dozen draws; a tenth of them may be none.
            words = [words[0], "0.9", *words[2:]]
        steps.append({"name": name, "argv": [*base, place, *words]})
    reference = next((folder / "AudioSet_SL_flac").glob("*.wav"))
    steps.append(
        {
            "name": "generate",
            "argv": [
                *("opensed", "generate", "a beep", "-r", str(reference)),
                *("--model", "base/generator", "-o", "beep.wav"),
                *("--steps", "2"),
            ],
        }
    )
    return folder, drive(steps, folder, timeout=1800)


def test_the_readme_names_what_the_paper_leaves_open():
    told = {of(name) for name in VARIANTS}
    assert told >= {"--fusion concatenation", "--modulation shift"}
    assert told >= {"--reference none", "--reference shuffled"}
    assert {"--trained adapter_only", "--trained adapter+norms"} <= told


def test_what_the_readme_says_runs(runs):
    folder, seen = runs
    base = seen["base"]
    assert base["steps"] > 1 and all(x > 0 for x in base["losses"])
    for part in ("net.unet.", "net.adapter."):
        assert any(name.startswith(part) for name in base["moved"])
    results = json.loads((folder / "base/results.json").read_text())
    assert results
    wave, rate = soundfile.read(folder / "beep.wav")
    assert rate == 16000 and len(wave) == 10 * rate


@pytest.mark.parametrize("name", VARIANTS)
def test_variants_differ(runs, name):
    folder, seen = runs
    base, one = seen["base"], seen[name]
    assert one["steps"] > 0 and one["moved"]
    kept = ("shapes", "losses", "trained")
    same = all(one[key] == base[key] for key in kept)
    if of(name) == "--trained full":
        assert same
    elif of(name).startswith(SAMPLING):
        assert same
        place = folder / f"v{list(VARIANTS).index(name)}/generated"
        sounds = sorted(place.rglob("*.wav"))
        assert sounds
        for sound in sounds if of(name) not in ALIKE else ():
            heard = soundfile.read(sound)[0]
            as_base = folder / "base/generated" / sound.relative_to(place)
            other = soundfile.read(as_base)[0]
            assert len(heard) != len(other) or (heard != other).any()
    else:
        assert not same
    if "adapter_only" in name:
        learnt = {*one["moved"], *one["fixed"]}
        assert not any(x.startswith("net.unet.") for x in learnt)
    if "concatenation" in name:
        assert base["shapes"] != one["shapes"]
