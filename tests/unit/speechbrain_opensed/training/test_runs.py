"""A run's folder is that of one run."""

import os
from contextlib import nullcontext

import pytest
import speechbrain as sb

from speechbrain_opensed.training import runs
from speechbrain_opensed.training.runs import claim_data, claim_run, start_run

YAML = """
seed: 1
output_folder: !ref results/<seed>
save_folder: !ref <output_folder>/save
bank_folder: !PLACEHOLDER
mixtures: !ref <output_folder>/mixtures
number_of_epochs: 3
width: 4
model: !new:torch.nn.Linear
    in_features: !ref <width>
    out_features: 2
prepare: !name:dict
    source: !ref <bank_folder>
    output_folder: !ref <mixtures>
counter: !new:speechbrain.utils.epoch_loop.EpochCounter
    limit: !ref <number_of_epochs>
"""


@pytest.fixture
def claim(tmp_path):
    path = tmp_path / "train.yaml"
    path.write_text(YAML)
    bank = tmp_path / "bank"
    (bank / "dog").mkdir(parents=True)
    (bank / "dog/1.wav").write_bytes(b"bark")
    output = tmp_path / "run"
    values = {"output_folder": output, "save_folder": output / "save"}

    def claim(text=YAML, run_opts=None, **overrides):
        path.write_text(text)
        claim_run(
            path, {"bank_folder": str(bank), **overrides}, values, run_opts
        )

    return claim


def test_a_folder_has_one_run_at_a_time(claim):
    claim()
    claim()  # in this process it goes on
    pid = os.fork()
    if pid == 0:
        runs._ours.clear()
        try:
            claim()
        except OSError as error:
            os._exit(40 if "another process" in str(error) else 41)
        os._exit(42)
    assert os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1]) == 40


@pytest.mark.parametrize(
    "other, match",
    [
        ({"seed": 2}, "other seed .1 instead of 2"),
        ({"width": 5}, "other width .4 instead of 5"),
        ({"text": YAML.replace("out_features: 2", "out_features: 3")}, "YAML"),
        ({"run_opts": {"precision": "bf16"}}, "other precision .None inst"),
        ({"bank_folder": os.path.dirname(__file__)}, "other bank_folder"),
    ],
)
def test_another_run_is_refused(claim, other, match):
    claim()
    claim()
    with pytest.raises(ValueError, match=match):
        claim(**other)
    claim()


def test_options_of_speechbrain_count(tmp_path):
    path = tmp_path / "train.yaml"
    path.write_text(YAML)
    values = {"output_folder": tmp_path / "run"}
    for words, fits in (
        (["--precision=bf16"], True),
        (["--precision=bf16", "--noprogressbar"], True),
        (["--precision=bf16", "--max_grad_norm=2"], False),
    ):
        file, run_opts, overrides = sb.parse_arguments(
            [str(path), f"--bank_folder={tmp_path}/none", *words]
        )
        with nullcontext() if fits else pytest.raises(ValueError):
            claim_run(file, overrides, values, run_opts)


def test_a_bank_that_changed_is_another(claim, tmp_path):
    claim()
    sound = tmp_path / "bank/cat/1.wav"
    sound.parent.mkdir()
    sound.write_bytes(b"meow")
    with pytest.raises(ValueError, match="other files of .*bank, 1 files"):
        claim()
    sound.unlink()
    claim()
    (tmp_path / "bank/dog/1.wav").write_bytes(b"howl")
    with pytest.raises(ValueError, match="choose another output_folder"):
        claim()


def test_how_a_run_is_carried_out_may_change(claim, tmp_path):
    claim()
    (tmp_path / "run/mixtures").mkdir()
    claim(number_of_epochs=9, run_opts={"device": "cpu"})
    claim(
        output_folder="elsewhere", text=YAML.replace("epochs: 3", "epochs: 4")
    )
    assert (tmp_path / "run/mixtures").is_dir()


def test_checkpoints_of_unknown_runs_are_refused(claim, tmp_path):
    (tmp_path / "run/save/CKPT+1").mkdir(parents=True)
    with pytest.raises(ValueError, match="does not say what it learned from"):
        claim()


def test_prepared_data_count_by_their_contents(tmp_path):
    manifest = tmp_path / "cuts.jsonl"
    manifest.write_text("one")
    hparams = {"output_folder": tmp_path / "run", "train_cuts": str(manifest)}
    claim_data(hparams, {"classes": ("ant", "bee")})
    manifest.write_text("one")
    claim_data(hparams, {"classes": ("ant", "bee")})
    with pytest.raises(ValueError, match="other classes .ant, bee instead"):
        claim_data(hparams, {"classes": ("ant", "cat")})
    manifest.write_text("two")
    with pytest.raises(ValueError, match="other train_cuts"):
        claim_data(hparams, {"classes": ("ant", "bee")})


def test_manifests_of_several_corpora_count_one_by_one(tmp_path):
    weak = tmp_path / "weak.jsonl"
    weak.write_text("{}\n")
    hparams = {
        "output_folder": tmp_path / "run",
        "train_cuts": {"weak": str(weak), "strong": "not/there.jsonl"},
    }
    claim_data(hparams)
    claim_data(hparams)
    weak.write_text("{}\n{}\n")
    with pytest.raises(ValueError, match="train_cuts weak"):
        claim_data(hparams)


def test_a_start_takes_the_folder_for_one_run(tmp_path):
    path = tmp_path / "train.yaml"
    path.write_text(f"output_folder: {tmp_path}/run\nlr: 0.1\n")
    hparams, run_opts = start_run([str(path), "--lr=0.2", "--device=cpu"])
    assert hparams["lr"] == 0.2
    assert run_opts["device"] == "cpu"
    kept = (tmp_path / "run/hyperparams.yaml").read_text()
    assert "lr: 0.2" in kept
    start_run([str(path), "--lr=0.2"])
    with pytest.raises(ValueError, match="other lr"):
        start_run([str(path)])


def test_files_that_were_only_copied_can_be_vouched_for(claim, tmp_path):
    claim()
    (tmp_path / "run/save/CKPT+1").mkdir(parents=True)
    sound = tmp_path / "bank/dog/1.wav"
    os.utime(sound, (1, 1))
    with pytest.raises(ValueError, match="copied, write {} into its run.json"):
        claim()
    stamp = tmp_path / "run/run.json"
    stamp.write_text("{}\n")
    claim()
    assert "seed" in stamp.read_text()
    claim()
    stamp.write_text("{")
    with pytest.raises(ValueError, match="what it does not say"):
        claim()
    data = {"output_folder": tmp_path / "run"}
    claim_data(data, {"classes": ["cat"]})
    (tmp_path / "run/data.json").write_text("{}")
    claim_data(data, {"classes": ["hen"]})
    with pytest.raises(ValueError, match="other classes"):
        claim_data(data, {"classes": ["cat"]})


def test_what_a_run_made_itself_is_no_other_source(claim, tmp_path):
    text = YAML + f"sounds_folder: {tmp_path}/sounds\n"
    claim(text)
    (tmp_path / "sounds").mkdir()
    (tmp_path / "sounds/1.wav").write_bytes(b"made")
    claim(text)
    (tmp_path / "sounds/2.wav").write_bytes(b"from elsewhere")
    with pytest.raises(ValueError, match="other files of .*sounds"):
        claim(text)


def test_an_override_is_no_beginning_of_another_option(tmp_path):
    path = tmp_path / "train.yaml"
    path.write_text(f"output_folder: {tmp_path}/run\noptimizer: sgd\n")
    for words in (["--optimizer", "adamw"], ["--optimizer=adamw"]):
        with pytest.raises(ValueError, match="SpeechBrain's --optimizer_step"):
            start_run([str(path), *words])
    start_run([str(path), "--optimizer_step_limit=3"])
