"""Manifests of a corpus are those of the corpus that was asked for."""

import shutil

import numpy as np
import pytest
import soundfile

from speechbrain_opensed.dataio.sets.classes import load_class_set

CLASSES = ("casual", "explosion", "gunshot", "siren")


def corpus(root, number, level=0.1):
    for part in ("train", "test"):
        for name in CLASSES:
            for i in range(number):
                path = root / part / f"{name}_{i:03d}.wav"
                path.parent.mkdir(parents=True, exist_ok=True)
                soundfile.write(path, level * np.ones(4000), 16000)
    return root


def roots(clips):
    return {
        str(c.recording.sources[0].source).split("/train/")[0] for c in clips
    }


def test_another_copy_is_prepared_anew(tmp_path, caplog):
    old, new = corpus(tmp_path / "old", 1), corpus(tmp_path / "new", 3)
    manifests = tmp_path / "manifests"
    assert len(load_class_set("sesa", old, manifests).train) == 4
    found = load_class_set("sesa", new, manifests)
    assert len(found.train) == 12 and roots(found.train) == {str(new)}
    shutil.rmtree(old)
    assert len(load_class_set("sesa", new, manifests).train) == 12
    with pytest.raises(FileNotFoundError, match="old"):
        load_class_set("sesa", old, manifests)


def test_a_corpus_that_changed_is_prepared_anew(tmp_path):
    root, manifests = corpus(tmp_path / "c", 2), tmp_path / "manifests"
    load_class_set("sesa", root, manifests)
    corpus(root, 3)
    assert len(load_class_set("sesa", root, manifests).train) == 12
    (root / "train/siren_002.wav").unlink()
    assert len(load_class_set("sesa", root, manifests).train) == 11


def test_the_same_corpus_is_read_once(tmp_path, capsys):
    root, manifests = corpus(tmp_path / "c", 1), tmp_path / "c/manifests"
    first = load_class_set("sesa", root, manifests)
    printed = capsys.readouterr().out
    again = load_class_set("sesa", root, manifests)
    assert "sesa train" in printed and not capsys.readouterr().out
    assert list(again.train) == list(first.train)


@pytest.mark.parametrize("damage", [b"", b"{}", None])
def test_damaged_manifests_are_made_anew(tmp_path, damage):
    root, manifests = corpus(tmp_path / "c", 1), tmp_path / "manifests"
    first = load_class_set("sesa", root, manifests)
    path = manifests / "sesa/sesa_cuts_train.jsonl.gz"
    path.unlink() if damage is None else path.write_bytes(damage)
    again = load_class_set("sesa", root, manifests)
    assert list(again.train) == list(first.train)


def test_an_interrupted_preparation_counts_for_nothing(tmp_path, monkeypatch):
    old, new = corpus(tmp_path / "old", 1), corpus(tmp_path / "new", 2)
    manifests = tmp_path / "manifests"
    load_class_set("sesa", old, manifests)
    # The folder of the new corpus is found, its sound is not.
    shutil.rmtree(new / "train")
    with pytest.raises((ValueError, FileNotFoundError)):
        load_class_set("sesa", new, manifests)
    assert len(load_class_set("sesa", old, manifests).train) == 4
