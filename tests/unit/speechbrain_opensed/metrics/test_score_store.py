import json

import numpy as np
import pytest
import torch

from speechbrain_opensed.metrics import ScoreStore, ScoreWriter, compute_psds


def write(folder, clips, dtype="float32", batch=2):
    ids = list(clips.scores)
    longest = max(map(len, clips.scores.values()))
    with ScoreWriter(
        folder, clips.classes, clips.hop, longest, dtype
    ) as writer:
        for first in range(0, len(ids), batch):
            some = ids[first : first + batch]
            frames = max(len(clips.scores[clip]) for clip in some)
            padded = np.zeros((len(some), frames, len(clips.classes)))
            for row, clip in enumerate(some):
                padded[row, : len(clips.scores[clip])] = clips.scores[clip]
            seconds = [clips.durations[clip] for clip in some]
            writer.append(some, torch.tensor(padded), seconds)


@pytest.mark.parametrize("dtype", ["float32", "float16"])
def test_psds_from_disk_is_psds_from_memory(make_clips, tmp_path, dtype):
    clips = make_clips(2, "noise", dtype)
    durations = {c: len(s) * clips.hop for c, s in clips.scores.items()}
    clips = clips._replace(durations=durations)
    write(tmp_path / "scores", clips, dtype)
    store = ScoreStore(tmp_path / "scores")
    assert list(store) == list(clips.scores)
    assert (store.classes, store.hop_seconds) == (clips.classes, clips.hop)
    assert store.durations == pytest.approx(clips.durations)
    for clip, scores in clips.scores.items():
        assert store[clip].dtype == dtype
        np.testing.assert_array_equal(store[clip], scores)
    for backend in ("fast", "sed_scores_eval"):
        stored = compute_psds(
            store, clips.events, store.durations, *clips[3:],
            max_efpr=1e4, backend=backend,
        )  # fmt: skip
        direct = compute_psds(*clips, max_efpr=1e4)
        assert stored.psds == pytest.approx(direct.psds, abs=1e-9)
        assert stored.psds > 0


def test_nothing_remains_when_writing_fails(tmp_path):
    with pytest.raises(RuntimeError):
        with ScoreWriter(tmp_path / "scores", ["dog"], 0.04, 250) as writer:
            writer.append(["a"], np.zeros((1, 250, 1)), [10.0])
            raise RuntimeError("power cut")
    assert list(tmp_path.iterdir()) == []


def test_nothing_is_overwritten(tmp_path):
    (tmp_path / "scores").mkdir()
    with pytest.raises(FileExistsError, match="scores exists already: remove"):
        with ScoreWriter(tmp_path / "scores", ["dog"], 0.04, 250):
            pass


def test_bad_batches_are_named(tmp_path):
    with ScoreWriter(tmp_path / "scores", ["dog"], 1.0, 4) as writer:
        writer.append(["a"], np.zeros((1, 4, 1)), [4.0])
        with pytest.raises(ValueError, match="'a' came twice"):
            writer.append(["a"], np.zeros((1, 4, 1)), [4.0])
        for shape in [(1, 5, 1), (1, 4, 2), (2, 4, 1), (4, 1), (1, 0, 1)]:
            with pytest.raises(ValueError, match="scores have shape"):
                writer.append(["b"], np.zeros(shape), [4.0])
    assert list(ScoreStore(tmp_path / "scores")) == ["a"]


def test_bad_stores_are_named(tmp_path):
    with pytest.raises(FileNotFoundError, match="holds no scores"):
        ScoreStore(tmp_path)
    with ScoreWriter(tmp_path / "scores", ["dog"], 1.0, 4) as writer:
        writer.append(["a"], np.zeros((1, 4, 1)), [4.0])
    index = tmp_path / "scores" / "index.json"
    changed = json.loads(index.read_text()) | {"classes": ["dog", "cat"]}
    index.write_text(json.dumps(changed))
    with pytest.raises(ValueError, match="1 clips, 2 classes and 4 frames"):
        ScoreStore(tmp_path / "scores")
    clips = {"a": {"seconds": 9.0, "frames": 9}}
    for change, words in (
        ({"classes": ["dog"], "clips": clips}, "9 frames: write"),
        ({"clips": {"a": {"seconds": 4.0}}}, "no index of scores.*'frames'"),
        ({"clips": {"a": {"seconds": "x", "frames": 4}}}, "no index of scores"),
        ({"clips": ["a"]}, "no index of scores"),
        ({"hop_seconds": None}, "no index of scores"),
    ):
        index.write_text(json.dumps(changed | change))
        with pytest.raises(ValueError, match=words):
            ScoreStore(tmp_path / "scores")
    # An index of sounds is called so as well.
    index.write_text('{"recordings": {}}')
    with pytest.raises(ValueError, match="no index of scores.*another folder"):
        ScoreStore(tmp_path / "scores")
    index.write_text(json.dumps(changed | {"classes": ["dog"]}))
    (tmp_path / "scores" / "scores.npy").write_bytes(b"no array")
    with pytest.raises(ValueError, match="scores.npy is damaged"):
        ScoreStore(tmp_path / "scores")


def test_an_unknown_type_is_refused(tmp_path):
    with pytest.raises(ValueError, match="'int8': float16 or float32"):
        ScoreWriter(tmp_path / "scores", ["dog"], 1.0, 4, "int8")
