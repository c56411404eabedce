"""A training killed within an epoch goes on as if nothing had happened.

The file is its own training script: the tests run it in processes that end
by SIGKILL, and compare batches and final weights with a run left in peace.
"""

import argparse
import json
import os
import signal
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
import torch

EPOCHS, KILL_AT = 3, (2, 7)


def write_cuts(folder):
    """64 short recordings of noise with one or two events each."""
    import soundfile
    from lhotse import CutSet, Recording

    from lhotse_recipes.schema import event

    rng = np.random.default_rng(0)
    cuts = []
    for i in range(64):
        path = folder / f"clip{i:02d}.wav"
        soundfile.write(path, 0.1 * rng.standard_normal(4000), 8000)
        cut = Recording.from_file(path).to_cut()
        cut.id = path.stem
        cut.supervisions = [
            event(cut.recording_id, k, 0.1 * k, 0.4, label, label)
            for k, label in enumerate(rng.choice(list("abcdef"), 1 + i % 2))
        ]
        cut.custom = {"vocabulary": "letters", "events_complete": True}
        cuts.append(cut)
    CutSet.from_cuts(cuts).to_file(folder / "cuts.jsonl")


def train(folder, output, workers, persistent, kill):
    """Train a small model; the process kills itself at a step if told to."""
    import speechbrain as sb
    from lhotse import CutSet
    from lhotse.dataset import SimpleCutSampler
    from speechbrain.utils.epoch_loop import EpochCounter

    from speechbrain_opensed.core.spec import SedSpec
    from speechbrain_opensed.dataio.augment import MelAugment
    from speechbrain_opensed.dataio.loader import CutLoader
    from speechbrain_opensed.dataio.queries import RandomNegatives
    from speechbrain_opensed.dataio.sets.detection import SedDataset
    from speechbrain_opensed.training import OpenSEDBrain, WholeCheckpointer
    from speechbrain_opensed.training.optim import WarmupDecay

    class Model(torch.nn.Module):
        def __init__(self):
            super().__init__()
            self.norm = torch.nn.BatchNorm1d(16)
            self.encoder = torch.nn.Linear(16, 8)
            self.dropout = torch.nn.Dropout(0.3)
            self.phrases = torch.nn.Embedding(6, 8)

        def forward(self, mel, queries):
            feats = self.encoder(self.norm(mel).transpose(1, 2))
            return self.phrases(queries) @ self.dropout(feats).mT

    class Brain(OpenSEDBrain):
        augment = MelAugment(shift_std=4)

        def compute_forward(self, batch, stage):
            mel = batch.wavs.unfold(1, 400, 400)[..., :16].mT.abs()
            mel, batch.targets = self.augment(
                mel, batch.targets, self.step_generator(), batch.wav_lens
            )
            letters = torch.tensor([ord(p) - ord("a") for p in batch.phrases])
            return self.modules.model(mel, letters[batch.query_index])

        def compute_objectives(self, logits, batch, stage):
            loss = torch.nn.functional.binary_cross_entropy_with_logits(
                logits, batch.targets, reduction="none"
            )
            return loss[batch.loss_mask].mean()

        def fit_batch(self, batch):
            rank = os.environ.get("RANK", "0")
            with open(output / f"steps-{rank}.jsonl", "a") as file:
                print(json.dumps([self.epoch, self.step, batch.ids]), file=file)
            if kill and (self.epoch, self.step) == KILL_AT:
                os.kill(os.getpid(), signal.SIGKILL)
            return super().fit_batch(batch)

        def on_stage_end(self, stage, loss, epoch):
            if stage == sb.Stage.TRAIN:
                self.checkpointer.save_and_keep_only()

    torch.set_num_threads(1)
    sb.utils.distributed.ddp_init_group({"distributed_backend": "gloo"})
    spec = SedSpec(sample_rate=8000, hop_seconds=0.05, window_seconds=0.5)
    letters = {letter: letter for letter in "abcdef"}
    dataset = SedDataset(spec, RandomNegatives(letters, 4, 2), letters)
    cuts = CutSet.from_file(folder / "cuts.jsonl").to_eager()
    loader = CutLoader(
        dataset,
        SimpleCutSampler(cuts, max_cuts=4, shuffle=True),
        num_workers=workers,
        **({"persistent_workers": True} if persistent else {}),
    )
    torch.manual_seed(0)
    model, counter = Model(), EpochCounter(EPOCHS)
    # Whatever was drawn before must not matter.
    torch.manual_seed(os.getpid())
    brain = Brain(
        {"model": model},
        lambda groups: torch.optim.AdamW(groups, lr=1e-2),
        run_opts={
            "ckpt_interval_steps": 2,
            "device": "cpu",
            "distributed_backend": "gloo",
            "noprogressbar": True,
        },
        checkpointer=WholeCheckpointer(
            output / "save", {"model": model, "counter": counter}
        ),
        lr_schedule=WarmupDecay(4, 48),
        lr_factors={"model.encoder": 0.1},
        ema_decay=0.9,
    )
    brain.fit(counter, loader)
    if sb.utils.distributed.if_main_process():
        state = {**model.state_dict(), **brain.ema.state_dict()}
        torch.save(state, output / "final.pt")


def run(folder, output, workers=0, persistent=False, kill=False, ranks=1):
    """Run this file as a script; the exit status and what it printed."""
    output.mkdir(exist_ok=True)
    launcher = [sys.executable]
    if ranks > 1:
        launcher += "-m torch.distributed.run --standalone".split()
        launcher += [f"--nproc_per_node={ranks}"]
    arguments = [str(folder), str(output), str(workers)]
    arguments += ["--persistent"] * persistent + ["--kill"] * kill
    process = subprocess.Popen(
        [*launcher, __file__, *arguments],
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        env={**os.environ, "OMP_NUM_THREADS": "1"},
    )
    try:
        log, _ = process.communicate(timeout=600)
    except subprocess.TimeoutExpired:
        # torchrun ends its processes on SIGTERM, and only then.
        process.terminate()
        log, _ = process.communicate()
        pytest.fail(f"hung:\n{log}")
    return process.returncode, log


def steps(output, rank=0):
    """All (epoch, step, ids) that a run logged, over its lives."""
    lines = (output / f"steps-{rank}.jsonl").read_text().splitlines()
    return [(e, s, tuple(ids)) for e, s, ids in map(json.loads, lines)]


def assert_resumes_exactly(folder, reference, output, ranks=1, **options):
    status, log = run(folder, output, kill=True, ranks=ranks, **options)
    assert status != 0 and not (output / "final.pt").exists(), log
    lived = len(steps(output))
    status, log = run(folder, output, ranks=ranks, **options)
    assert status == 0, log

    for rank in range(ranks):
        wanted, got = steps(reference, rank), steps(output, rank)
        before, after = got[:lived], got[lived:]
        assert before == wanted[:lived]
        assert before[-1][:2] == KILL_AT
        # The last checkpoint was one step back: that step alone is repeated.
        assert after == wanted[lived - 1 :]
    wanted = torch.load(reference / "final.pt", weights_only=True)
    got = torch.load(output / "final.pt", weights_only=True)
    assert got.keys() == wanted.keys()
    assert [k for k in wanted if not torch.equal(got[k], wanted[k])] == []


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    folder = tmp_path_factory.mktemp("cuts")
    write_cuts(folder)
    return folder


@pytest.fixture(scope="module")
def undisturbed(folder, tmp_path_factory):
    output = tmp_path_factory.mktemp("undisturbed")
    status, log = run(folder, output)
    assert status == 0, log
    return output


def test_every_epoch_reads_every_cut_once_in_another_order(undisturbed):
    epochs = {}
    for epoch, _, ids in steps(undisturbed):
        epochs.setdefault(epoch, []).extend(ids)
    assert list(epochs) == [1, 2, 3]
    assert all(len(x) == len(set(x)) == 64 for x in epochs.values())
    assert epochs[1] != epochs[2] != epochs[3]


# One uninterrupted run without workers is the reference of all: batches and
# weights depend on no number of workers either.
@pytest.mark.parametrize(
    ("workers", "persistent"),
    [(0, False), (2, False), pytest.param(2, True, marks=pytest.mark.slow)],
)
def test_resume_after_sigkill(
    folder, undisturbed, tmp_path, workers, persistent
):
    assert_resumes_exactly(
        folder,
        undisturbed,
        tmp_path,
        workers=workers,
        persistent=persistent,
    )


@pytest.mark.slow
@pytest.mark.parametrize("workers", [0, 2])
def test_resume_of_two_processes(folder, tmp_path, workers):
    reference = tmp_path / "undisturbed"
    status, log = run(folder, reference, ranks=2)
    assert status == 0, log
    epoch = [
        [x for e, _, ids in steps(reference, rank) if e == 1 for x in ids]
        for rank in range(2)
    ]
    assert len(set(epoch[0]) | set(epoch[1])) == 64
    assert len(epoch[0]) == len(epoch[1]) == 32
    assert_resumes_exactly(
        folder, reference, tmp_path / "killed", ranks=2, workers=workers
    )


@pytest.mark.slow
def test_resume_with_other_number_of_processes_is_refused(folder, tmp_path):
    run(folder, tmp_path, kill=True)
    status, log = run(folder, tmp_path, ranks=2)
    assert status != 0
    assert "world_size 1, now it is 2" in log


if __name__ == "__main__":
    parser = argparse.ArgumentParser()
    parser.add_argument("folder", type=Path)
    parser.add_argument("output", type=Path)
    parser.add_argument("workers", type=int)
    parser.add_argument("--persistent", action="store_true")
    parser.add_argument("--kill", action="store_true")
    options = parser.parse_args()
    train(**vars(options))
