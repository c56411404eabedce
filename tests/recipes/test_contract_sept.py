"""SEPT's YAML runs as its README says, and each override is another run."""

import json

import pytest
from click.testing import CliRunner

from speechbrain_opensed.commands.cli import opensed
from tests.recipes.drive import ROOT, drive
from tests.recipes.readme import commands, variants
from tests.recipes.trees import esc50, urbansound8k

RECIPE = ROOT / "recipes/SEPT"
README = (RECIPE / "README.md").read_text()
TOWER = "!apply:speechbrain_opensed.lobes.prompts.alm_clap.ClapTower.tiny"
TINY = {
    "tower": TOWER,
    "shots": 2,
    "context": 4,
    "num_neighbors": 4,
    "num_workers": 0,
    "number_of_epochs": 2,
}
# Options whose values stand beside them in words are `--dataset` and `--fold`.
VARIANTS = {
    name: words
    for name, words in variants(README, ("what", "override")).items()
    if len(words) > 1
}
# What an override needs besides, on four clips of a class.
BESIDES = {
    "--protocol cross_dataset": ["--target", "urbansound8k"],
    "--host palm": ["--protocol", "few_shot", "--sept_weight", "0"],
    "--shots 16": ["--fewer", "True"],
}
OWN = ("--protocol base_to_new", "--host coop", "--fewer True")


def of(name):
    """The override that a variant is called after."""
    return name.partition(": ")[2]


@pytest.fixture(scope="module")
def runs(tmp_path_factory):
    """What the README's lines and all variants did."""
    folder = tmp_path_factory.mktemp("sept")
    esc50(folder / "ESC-50-master", whole=True)
    urbansound8k(folder / "UrbanSound8K", whole=True)

    def here(word):
        word = word.replace("/path/to/", f"{folder}/")
        return str(folder / "base") if word == "RUN" else word

    lines = commands(README, "python train.py hparams/sept", "python sweep.py")
    train, sweep = (
        [RECIPE / line[1], RECIPE / line[2], *map(here, line[3:])]
        for line in lines[:2]
    )
    tiny = [f"--{name}={value}" for name, value in TINY.items()]
    # Five folds and three seeds of eight runs are two of them here.
    few = ["--fold=1,2", "--seed=0", "--number_of_epochs=1"]
    steps = [
        {"name": "base", "argv": [*train, *tiny, "--output_folder", "base"]},
        {"name": "sweep", "argv": [*sweep, *tiny, *few]},
        {
            "name": "ablations",
            "argv": [
                *sweep[:2],
                *train[2:],
                *tiny,
                *("--host", "kgcoop", "--margins", "True,False"),
                *("--number_of_epochs=1", "--protocol=few_shot"),
            ],
        },
    ]
    for number, (name, words) in enumerate(VARIANTS.items()):
        more = list(map(here, words[0].split() + words[1:]))
        if words[0] == "--target":
            continue
        more += BESIDES.get(of(name), [])
        if "cross_dataset" in name:
            more += ["--target_folder", str(folder / "UrbanSound8K")]
        place = ["--output_folder", f"v{number}"]
        steps.append({"name": name, "argv": [*train, *tiny, *place, *more]})
    for step in steps:
        step["argv"] = list(map(str, step["argv"]))
    return folder, drive(steps, folder)


def results(folder, place):
    return json.loads((folder / place / "results.json").read_text())


@pytest.mark.slow
def test_the_readme_names_protocols_hosts_and_ablations():
    told = {of(name) for name in VARIANTS}
    assert told >= {f"--protocol {one}" for one in ("zero_shot", "few_shot")}
    assert told >= {"--host cocoop", "--host kgcoop", "--host dept"}
    assert told >= {"--intra False", "--inter False", "--margins False"}


@pytest.mark.slow
def test_what_the_readme_says_runs(runs):
    folder, seen = runs
    base = seen["base"]
    assert base["steps"] > 1 and base["moved"] == ["learner.ctx"]
    assert not base["fixed"]
    found = results(folder, "base")
    assert {"base", "new", "joint", "H"} <= set(found["scores"])
    assert found["sept_weight"] == 1.0
    swept = folder / "results/SEPT/esc50-base_to_new"
    assert len(list(swept.rglob("results.json"))) == 4 * 2 * 2
    # What the folder's name does not hold is kept apart in it.
    apart = folder / "results/SEPT/esc50-few_shot/kgcoop-1.0/1-0"
    found = [results(apart, f"margins-{one}") for one in (True, False)]
    assert [one["margins"] for one in found] == [True, False]
    (line,) = commands(README, "opensed prompt-results")
    told = CliRunner().invoke(
        opensed, [line[1], *(str(folder / word) for word in line[2:])]
    )
    assert told.exit_code == 0, told.output
    for host in ("coop", "cocoop", "kgcoop", "dept"):
        assert host in told.output


@pytest.mark.slow
@pytest.mark.parametrize("name", [n for n in VARIANTS if "--target" not in n])
def test_variants_differ(runs, name):
    folder, seen = runs
    base, one = seen["base"], seen[name]
    place = f"v{list(VARIANTS).index(name)}"
    found = results(folder, place)
    if "zero_shot" in name:
        assert "steps" not in one and "scores" not in found
        assert found["zero_shot"]
        return
    assert one["steps"] > 0 and one["moved"] and not one["fixed"]
    same = (one["shapes"], one["losses"]) == (base["shapes"], base["losses"])
    assert same == (of(name) in OWN)
    if of(name) == "--sept_weight 0":
        assert found["sept"] is None
    if "cross_dataset" in name:
        assert found["target"] == "urbansound8k"
