"""CutLoader: the same batches in the same order, from any position on."""

from types import SimpleNamespace

import pytest
from lhotse import CutSet
from lhotse.dataset import (
    BucketingSampler,
    DynamicBucketingSampler,
    DynamicCutSampler,
    SimpleCutSampler,
)
from lhotse.testing.dummies import DummyManifest
from speechbrain.utils.checkpoints import Checkpointer
from torch.utils.data import Dataset

from speechbrain_opensed.dataio.batches import BatchKey
from speechbrain_opensed.dataio.loader import CutLoader, evaluation_loader

SAMPLERS = {
    "simple": lambda cuts, **kw: SimpleCutSampler(cuts, max_cuts=4, **kw),
    "dynamic": lambda cuts, **kw: DynamicCutSampler(cuts, max_cuts=4, **kw),
    "bucketing": lambda cuts, **kw: BucketingSampler(
        cuts, sampler_type=SimpleCutSampler, num_buckets=2, max_cuts=4, **kw
    ),
    "dynamic bucketing": lambda cuts, **kw: DynamicBucketingSampler(
        cuts, num_buckets=2, max_duration=4.5, **kw
    ),
}


class Ids(Dataset):
    """Gives back what it was asked for; counts how often."""

    def __init__(self):
        self.calls = 0

    def __getitem__(self, key):
        self.calls += 1
        assert isinstance(key, BatchKey)
        return [key.epoch, key.index, [cut.id for cut in key.cuts]]


def make_loader(kind="simple", workers=0, seed=0, **options):
    cuts = DummyManifest(CutSet, begin_id=0, end_id=42)
    sampler = SAMPLERS[kind](
        cuts, shuffle=True, **{"seed": 0, "rank": 0, "world_size": 1, **options}
    )
    persistent = {"persistent_workers": True} if workers else {}
    return CutLoader(
        Ids(), sampler, num_workers=workers, seed=seed, **persistent
    )


def epoch_of(loader, epoch, stop=None):
    loader.sampler.set_epoch(epoch)
    batches = []
    for batch in loader:
        batches.append(batch)
        if len(batches) == stop:
            break
    return batches


def save_after(folder, loader, steps, epoch=1, end_of_epoch=False):
    epoch_of(loader, epoch, steps)
    Checkpointer(folder, {"loader": loader}).save_checkpoint(
        end_of_epoch=end_of_epoch
    )


def recover(folder, loader):
    Checkpointer(folder, {"loader": loader}).recover_if_possible()
    return loader


@pytest.mark.parametrize("kind", SAMPLERS)
def test_workers_and_epochs(kind):
    alone, two = make_loader(kind), make_loader(kind, workers=2)
    for epoch in (1, 2):
        batches = epoch_of(alone, epoch)
        assert epoch_of(two, epoch) == batches
        assert [b[:2] for b in batches] == [
            [epoch, i] for i in range(len(batches))
        ]
        assert len({name for b in batches for name in b[2]}) == 42
    assert epoch_of(alone, 1) != epoch_of(alone, 2)


@pytest.mark.parametrize("workers", [0, 2])
@pytest.mark.parametrize("kind", SAMPLERS)
def test_resume_goes_on_with_the_next_batch(tmp_path, kind, workers):
    whole = [epoch_of(make_loader(kind), epoch) for epoch in (1, 2)]
    save_after(tmp_path, make_loader(kind, workers), 3)
    loader = recover(tmp_path, make_loader(kind, workers))
    assert epoch_of(loader, 1) == whole[0][3:]
    assert epoch_of(loader, 2) == whole[1]


@pytest.mark.parametrize("steps", [1, 10, 11])
def test_resume_from_any_step(tmp_path, steps):
    whole = epoch_of(make_loader(), 1)
    assert len(whole) == 11
    save_after(tmp_path, make_loader(), steps)
    assert epoch_of(recover(tmp_path, make_loader()), 1) == whole[steps:]


def test_resume_skips_without_reading(tmp_path):
    save_after(tmp_path, make_loader(), 8)
    loader = recover(tmp_path, make_loader())
    assert len(epoch_of(loader, 1)) == 3
    assert loader.dataset.calls == 3


def test_end_of_epoch_starts_the_next_one_afresh(tmp_path):
    save_after(tmp_path, make_loader(), None, end_of_epoch=True)
    loader = recover(tmp_path, make_loader(world_size=2))
    assert len(epoch_of(loader, 2)) == 6


def test_save_before_the_first_batch(tmp_path):
    Checkpointer(tmp_path, {"loader": make_loader()}).save_checkpoint(
        end_of_epoch=False
    )
    loader = recover(tmp_path, make_loader())
    assert len(epoch_of(loader, 1)) == 11


def test_loading_for_evaluation_leaves_a_running_loader_alone(tmp_path):
    loader = make_loader()
    save_after(tmp_path, loader, 3)
    recover(tmp_path, loader)
    assert len(epoch_of(loader, 2)) == 11


@pytest.mark.parametrize(
    ("options", "words"),
    [
        ({"world_size": 2}, "world_size 1, now it is 2"),
        ({"seed": 3}, "seed 0, now it is 3"),
    ],
)
def test_resume_of_something_else_is_refused(tmp_path, options, words):
    save_after(tmp_path, make_loader(), 3)
    with pytest.raises(ValueError, match=words):
        recover(tmp_path, make_loader(**options))


def test_resume_with_another_sampler_seed_is_refused(tmp_path):
    save_after(tmp_path, make_loader(), 3)
    cuts = DummyManifest(CutSet, begin_id=0, end_id=42)
    other = CutLoader(Ids(), SimpleCutSampler(cuts, max_cuts=4, seed=5))
    with pytest.raises(ValueError, match="sampler_seed 0, now it is 5"):
        recover(tmp_path, other)


def test_resume_in_another_epoch_is_refused(tmp_path):
    save_after(tmp_path, make_loader(), 3, epoch=2)
    loader = recover(tmp_path, make_loader())
    with pytest.raises(ValueError, match="within epoch 2.*epoch counter"):
        epoch_of(loader, 1)


def test_random_seed_is_refused():
    cuts = DummyManifest(CutSet, begin_id=0, end_id=4)
    sampler = SimpleCutSampler(cuts, max_cuts=4, seed="trng")
    with pytest.raises(ValueError, match="'trng': give it an integer"):
        CutLoader(Ids(), sampler)


def test_length_is_what_it_is_told():
    cuts = DummyManifest(CutSet, begin_id=0, end_id=4)
    sampler = SimpleCutSampler(cuts, max_cuts=4)
    assert len(CutLoader(Ids(), sampler, num_batches=7)) == 7
    with pytest.raises(TypeError):
        len(CutLoader(Ids(), sampler))


def test_register(tmp_path):
    loader = make_loader()
    brain = SimpleNamespace(
        checkpointer=Checkpointer(tmp_path), train_sampler=None
    )
    loader.register(brain)
    brain.train_sampler.set_epoch(7)
    assert next(iter(loader))[0] == 7
    assert brain.checkpointer.recoverables == {"dataloader-TRAIN": loader}


def test_evaluation_reads_everything_on_every_rank(monkeypatch):
    monkeypatch.setenv("RANK", "1")
    monkeypatch.setenv("WORLD_SIZE", "2")

    class CutIds(Dataset):
        def __getitem__(self, cuts):
            return [cut.id for cut in cuts]

    cuts = DummyManifest(CutSet, begin_id=0, end_id=10)
    for workers in (0, 2):
        loader = evaluation_loader(CutIds(), cuts, 4, num_workers=workers)
        for _ in range(2):
            assert sum(loader, []) == list(cuts.ids)
