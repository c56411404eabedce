"""Tensors are computed once, and are there whole or not at all."""

import pickle

import pytest
import torch

from speechbrain_opensed.dataio import tensor_cache
from speechbrain_opensed.dataio.tensor_cache import TensorCache

NAMES = [f"clip {k}/ä" for k in range(10)]


@pytest.fixture(autouse=True)
def small_shards(monkeypatch):
    monkeypatch.setattr(tensor_cache, "SHARD", 4)


class Compute:
    """Ragged half-precision states; remembers what it was asked."""

    def __init__(self, stop_at=None):
        self.asked = []
        self.stop_at = stop_at

    def __call__(self, names):
        if self.stop_at in names:
            raise KeyboardInterrupt
        self.asked += names
        rows = torch.arange(20.0).reshape(10, 2).half()
        # Rows of one tensor, as an encoder gives them.
        return [
            {"states": rows[: NAMES.index(name)], "a/b": torch.tensor(1)}
            for name in names
        ]


def test_what_was_computed_comes_back(tmp_path):
    compute = Compute()
    cache = TensorCache.make(tmp_path, NAMES, compute, "x", batch_size=3)
    assert compute.asked == NAMES == list(cache)
    for read in (cache, TensorCache(cache.folder)):
        for number, name in enumerate(NAMES):
            states = read[name]["states"]
            assert states.dtype == torch.float16
            assert states.shape == (number, 2)
            assert states.flatten().tolist() == list(range(2 * number))
            assert read[name]["a/b"] == 1
    with pytest.raises(KeyError):
        cache["clip 11"]


def test_computed_once_for_all_that_it_depends_on(tmp_path):
    first = TensorCache.make(tmp_path, NAMES, Compute(), {"rate": 8})
    again = Compute()
    cache = TensorCache.make(tmp_path, NAMES, again, {"rate": 8})
    assert again.asked == [] and cache.folder == first.folder
    for names, about in ((NAMES, {"rate": 16}), (NAMES[:5], {"rate": 8})):
        other = Compute()
        cache = TensorCache.make(tmp_path, names, other, about)
        assert other.asked == names and cache.folder != first.folder


def test_a_stopped_run_goes_on(tmp_path):
    with pytest.raises(KeyboardInterrupt):
        TensorCache.make(tmp_path, NAMES, Compute(stop_at=NAMES[9]), "x")
    (folder,) = tmp_path.iterdir()
    assert len(list(folder.iterdir())) == 2
    with pytest.raises(FileNotFoundError, match="no complete cache"):
        TensorCache(folder)
    compute = Compute()
    cache = TensorCache.make(tmp_path, NAMES, compute, "x")
    assert compute.asked == NAMES[8:]
    assert [len(cache[name]["states"]) for name in NAMES] == list(range(10))


def test_workers_open_their_own_files(tmp_path):
    cache = TensorCache.make(tmp_path, NAMES, Compute(), "x")
    cache[NAMES[0]]
    copy = pickle.loads(pickle.dumps(cache))
    assert copy[NAMES[3]]["states"].shape == (3, 2)


def test_damaged_shards_are_named(tmp_path):
    cache = TensorCache.make(tmp_path, NAMES, Compute(), "x")
    shard = sorted(cache.folder.glob("shard-*"))[1]
    shard.write_bytes(shard.read_bytes()[:50])
    with pytest.raises(ValueError, match=f"{shard.name} is damaged"):
        TensorCache(cache.folder)[NAMES[4]]


@pytest.mark.parametrize("names", [[], ["a", "b", "a"]])
def test_names_must_be_distinct(tmp_path, names):
    with pytest.raises(ValueError, match="at least one, and each once"):
        TensorCache.make(tmp_path, names, Compute(), "x")


def test_another_version_computes_anew(tmp_path, monkeypatch):
    first = TensorCache.make(tmp_path, NAMES, Compute(), "x")
    monkeypatch.setattr(tensor_cache, "version", lambda name: "0.0.0")
    again = Compute()
    cache = TensorCache.make(tmp_path, NAMES, again, "x")
    assert again.asked == NAMES and cache.folder != first.folder
