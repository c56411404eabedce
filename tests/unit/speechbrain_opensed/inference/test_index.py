"""An index of moments: of tones, by a model that hears which tone it is."""

import json
import os
import shutil

import numpy as np
import pytest
import soundfile
import torch

from speechbrain_opensed.core.spec import SedSpec
from speechbrain_opensed.inference import SoundIndex, index_update
from speechbrain_opensed.inference.spaces import SoundSpace

RATE, HOP = 8000, 0.1
TONES = [500.0 * k for k in range(1, 8)]
CENTRES = np.exp(
    -2j * np.pi * np.outer(np.arange(round(RATE * HOP)), TONES) / RATE
)


class Tones(SoundSpace):
    """The levels of seven tones, and how much is none of them."""

    spec = SedSpec(RATE, HOP, 5.0, normalize=None)
    dim = 8
    levels = ("moment", "window")

    def __init__(self, name="tones"):
        self.called, self.windows = name, 0

    def hear(self, waves):
        found = []
        for wave in waves:
            self.windows += 1
            parts = wave.reshape(-1, round(RATE * HOP))
            levels = np.abs(parts @ CENTRES) / parts.shape[1]
            rest = np.full((len(parts), 1), 0.02)
            frames = np.concatenate([levels, rest], 1).astype(np.float32)
            frames /= np.linalg.norm(frames, axis=1, keepdims=True)
            clip = frames.sum(0)
            found.append((clip / np.linalg.norm(clip), frames))
        return found

    def read(self, texts):
        return torch.eye(8)[[int(text[-1]) for text in texts]]

    def scores(self, level, vectors, query):
        return ((vectors @ query) * 10 - 5).sigmoid()

    def fingerprint(self):
        return self.called

    def name(self):
        return "Tones"


def tone(number, seconds):
    time = np.arange(round(seconds * RATE)) / RATE
    return 0.3 * np.sin(2 * np.pi * TONES[number] * time)


def write(path, seconds, events, rate=RATE):
    """Faint noise, and tones: (number, onset, offset)."""
    rng = np.random.default_rng(len(events))
    wave = rng.normal(0, 0.002, round(seconds * RATE))
    for number, onset, offset in events:
        sound = tone(number, offset - onset)
        at = round(onset * RATE)
        wave[at : at + len(sound)] += sound[: len(wave) - at]
    path.parent.mkdir(parents=True, exist_ok=True)
    soundfile.write(path, wave, rate)
    return path


@pytest.fixture
def folder(tmp_path):
    root = tmp_path / "sounds"
    write(root / "a.wav", 30, [(0, 3.0, 4.0), (1, 20.0, 28.0)])
    write(root / "sub/b.wav", 12, [(2, 5.0, 5.3)])
    write(root / "c.wav", 2, [(0, 0.5, 1.5)])
    (root / "bad.wav").write_text("no audio")
    return root


@pytest.mark.parametrize(
    "count", [36, pytest.param(360, marks=pytest.mark.slow)]
)
def test_a_sound_every_ten_seconds(tmp_path, count):
    """One vector for an hour of it had a cosine of -0.07, and no place."""
    root = tmp_path / "hour"
    events = [(3, 10.0 * k + 4.2, 10.0 * k + 4.8) for k in range(count)]
    write(root / "hour.wav", 10 * count, events)
    space = Tones()
    index = SoundIndex.update(space, root)
    (hits,) = index.search(space, ["tone 3"], top=1000, least=0.5)
    assert len(hits) == count
    found = sorted((hit.onset, hit.offset) for hit in hits)
    np.testing.assert_allclose(
        found, [(onset, offset) for _, onset, offset in events], atol=0.11
    )
    assert min(hit.similarity for hit in hits) > 0.9
    # What is heard nowhere is not found anywhere.
    assert index.search(space, ["tone 5"], least=0.5) == [[]]


def test_answers_have_places(folder):
    space = Tones()
    index = SoundIndex.update(space, folder)
    assert list(index.files) == ["a.wav", "c.wav", "sub/b.wav"]
    assert index.encoded == 3 and index.seconds == pytest.approx(44)
    assert "bad.wav is not a sound file" in index.failed["bad.wav"]["reason"]
    zero, one, two = index.search(
        space, ["tone 0", "tone 1", "tone 2"], least=0.5
    )
    assert {(h.path, round(h.onset, 1), round(h.offset, 1)) for h in zero} == {
        (str(folder / "a.wav"), 3.0, 4.0),
        (str(folder / "c.wav"), 0.5, 1.5),
    }
    (long,) = one
    assert (long.onset, long.offset) == (20.0, 28.0)
    (short,) = two
    assert (short.onset, short.offset) == (5.0, 5.3)
    assert short.path == str(folder / "sub/b.wav")
    # Without a bound there are as many as are asked for, the best first.
    (all_of_them,) = index.search(space, ["tone 2"], top=5)
    assert len(all_of_them) == 5 and all_of_them[0] == short
    # Scenes: windows of five seconds that do not overlap.
    (scenes,) = index.search(space, ["tone 1"], top=9, level="window")
    assert scenes[0].path == str(folder / "a.wav")
    assert 15 <= scenes[0].onset and scenes[0].offset <= 30
    spans = sorted((h.onset, h.offset) for h in scenes if "a.wav" in h.path)
    assert all(a[1] <= b[0] for a, b in zip(spans, spans[1:], strict=False))
    # By example.
    example = write(folder.parent / "example.wav", 1, [(2, 0.0, 1.0)])
    ((like,),) = index.search(space, examples=[example], top=1)
    assert (like.path, like.onset) == (short.path, short.onset)
    assert like.score == pytest.approx(like.similarity, abs=1e-3)
    assert like.score > 0.95
    for wrong, words in (
        ({"top": 0}, "top is 0"),
        ({"level": "clip"}, "vectors of moment and window"),
    ):
        with pytest.raises(ValueError, match=words):
            index.search(space, ["tone 1"], **wrong)


def test_an_index_hears_only_what_is_new(folder):
    space = Tones()
    first = SoundIndex.update(space, folder)
    expected = first.search(space, ["tone 0", "tone 2"], least=0.5)
    heard = space.windows
    again = SoundIndex.update(space, folder)
    assert space.windows == heard and again.encoded == 0
    assert list(again.failed) == ["bad.wav"]
    assert again.search(space, ["tone 0", "tone 2"], least=0.5) == expected
    (folder / "c.wav").unlink()
    write(folder / "a.wav", 30, [(0, 13.0, 14.0)])
    write(folder / "bad.wav", 5, [(0, 1.0, 2.0)])
    write(folder / "d.flac", 5, [(6, 1.0, 2.0)], rate=RATE)
    third = SoundIndex.update(space, folder)
    assert (third.encoded, third.removed, third.failed) == (3, 1, {})
    for index in (third, SoundIndex.load(folder / ".opensed-index")):
        zero, six = index.search(space, ["tone 0", "tone 6"], least=0.5)
        assert {(os.path.basename(h.path), h.onset) for h in zero} == {
            ("a.wav", 13.0),
            ("bad.wav", 1.0),
        }
        assert [os.path.basename(h.path) for h in six] == ["d.flac"]
    # All is heard once: the same as an index that is made at once.
    fresh = SoundIndex.update(space, folder, folder.parent / "fresh")
    texts = [f"tone {k}" for k in range(8)]
    for ours, other in zip(
        third.search(space, texts, top=50, least=0.2),
        fresh.search(space, texts, top=50, least=0.2),
        strict=True,
    ):
        assert set(ours) == set(other)


def test_parts_that_are_mostly_dead_are_written_anew(folder, monkeypatch):
    space = Tones()
    index = SoundIndex.update(space, folder)
    (before,) = index.parts
    (folder / "a.wav").unlink()
    (folder / "c.wav").unlink()
    index = SoundIndex.update(space, folder)
    (after,) = index.parts
    assert after.folder != before.folder and not before.folder.exists()
    assert after.counts["files"] == 1 and not after.dead
    ((hit,),) = index.search(space, ["tone 2"], top=1)
    assert (hit.onset, hit.offset) == (5.0, 5.3) and index.encoded == 0


def test_parts_have_a_bounded_size(folder, monkeypatch):
    space = Tones()
    whole = SoundIndex.update(space, folder, folder.parent / "whole")
    monkeypatch.setattr(index_update, "PART_SIZE", 3)
    index = SoundIndex.update(space, folder)
    assert len(index.parts) == 4  # the last one waits for more
    texts = ["tone 0", "tone 1", "tone 2"]
    assert index.search(space, texts, top=2) == whole.search(
        space, texts, top=2
    )


class Impatient(Tones):
    """Is interrupted at the given window."""

    def __init__(self, last):
        super().__init__()
        self.last = last

    def hear(self, waves):
        if self.windows >= self.last:
            raise KeyboardInterrupt
        return super().hear(waves)


def test_what_is_done_is_kept(folder):
    (folder / "bad.wav").unlink()
    whole = SoundIndex.update(Tones(), folder, folder.parent / "whole")
    with pytest.raises(KeyboardInterrupt):
        SoundIndex.update(Impatient(13), folder, batch_size=1)
    kept = SoundIndex.load(folder / ".opensed-index")
    assert list(kept.files) == ["a.wav", "c.wav"]
    space = Tones()
    index = SoundIndex.update(space, folder, batch_size=1)
    assert index.encoded == 1 and len(index.files) == 3
    texts = ["tone 0", "tone 1", "tone 2"]
    assert index.search(space, texts, top=4) == whole.search(
        space, texts, top=4
    )


def test_what_was_heard_before_a_sudden_end_is_taken_up(folder):
    """The process is killed: vectors are written, no graph knows them."""
    space, where = Tones(), folder / ".opensed-index"
    (folder / "bad.wav").unlink()
    index = SoundIndex.update(space, folder)
    expected = index.search(space, ["tone 0", "tone 2"], least=0.5)
    about = json.loads((where / "index.json").read_text())
    (part,) = about["parts"]
    # What stood there at the beginning.
    empty = SoundIndex.update(Tones(), folder, folder.parent / "other")
    (other,) = empty.parts
    generation = "0" * 16
    for kind in ("moments", "windows"):
        (where / part["folder"] / f"{kind}-{generation}.usearch").touch()
    (where / part["folder"] / f"mean-{generation}.f32").write_bytes(
        np.zeros(8, np.float32).tobytes()
    )
    part["generation"] = generation
    part["counts"] = dict.fromkeys(part["counts"], 0)
    (where / "index.json").write_text(json.dumps(about))
    # A file was under way, and the last line is not whole.
    with open(where / part["folder"] / "frames.i8", "ab") as file:
        file.write(b"1234")
    with open(where / part["folder"] / "files.jsonl", "ab") as file:
        file.write(b'["half')
    heard = space.windows
    index = SoundIndex.update(space, folder)
    assert space.windows == heard and index.encoded == 0
    assert len(index.files) == 3
    assert index.search(space, ["tone 0", "tone 2"], least=0.5) == expected


def test_another_model_is_refused(folder, tmp_path):
    where = tmp_path / "index"
    SoundIndex.update(Tones(), folder, where, source="the first")
    assert not (folder / ".opensed-index").exists()
    other = Tones("other")
    with pytest.raises(ValueError, match="other model .*name the same model"):
        SoundIndex.update(other, folder, where)
    index = SoundIndex.load(where)
    with pytest.raises(ValueError, match="another model .the first.: name"):
        index.search(other, ["tone 1"])
    assert index.search(Tones(), ["tone 1"])
    elsewhere = shutil.copytree(folder, tmp_path / "elsewhere")
    with pytest.raises(ValueError, match="holds an index of .*sounds"):
        SoundIndex.update(Tones(), elsewhere, where)


def test_damage_is_told(folder):
    space, where = Tones(), folder / ".opensed-index"
    index = SoundIndex.update(space, folder)
    graph = next(index.parts[0].folder.glob("moments-*.usearch"))
    os.truncate(graph, 20)
    with pytest.raises(ValueError, match="is damaged .*remove it"):
        SoundIndex.load(where)
    (where / "index.json").write_text("{")
    with pytest.raises(ValueError, match="damaged|does not say"):
        SoundIndex.load(where)
    shutil.rmtree(where)
    with pytest.raises(FileNotFoundError, match="no index at"):
        SoundIndex.load(where)
    assert SoundIndex.update(space, folder).encoded == 3


def test_a_second_update_is_refused_and_readers_see_a_whole_index(folder):
    space = Tones()
    before = SoundIndex.update(space, folder)
    expected = before.search(space, ["tone 0"], least=0.5)

    class Looking(Tones):
        def hear(self, waves):
            old = SoundIndex.load(folder / ".opensed-index")
            assert len(old.files) == 3
            assert old.search(space, ["tone 0"], least=0.5) == expected
            # So does one that was opened before.
            assert before.search(space, ["tone 0"], least=0.5) == expected
            with pytest.raises(OSError, match="another process is writing"):
                SoundIndex.update(space, folder)
            return super().hear(waves)

    write(folder / "d.wav", 5, [(0, 1.0, 2.0)])
    looking = Looking()
    index = SoundIndex.update(looking, folder)
    assert looking.windows == 1 and len(index.files) == 4
    assert before.search(space, ["tone 0"], least=0.5) == expected


@pytest.mark.timeout(30)
def test_links_and_pipes_take_nothing_from_the_others(folder):
    (folder / "circle.wav").symlink_to("circle.wav")
    (folder / "circle.txt").symlink_to("circle.txt")
    (folder / "nowhere.wav").symlink_to("gone.wav")
    os.mkfifo(folder / "pipe.wav")
    index = SoundIndex.update(Tones(), folder)
    assert len(index.files) == 3
    bad = {"bad.wav", "circle.wav", "nowhere.wav", "pipe.wav"}
    assert set(index.failed) == bad
    assert "a pipe or device" in index.failed["pipe.wav"]["reason"]


def test_what_cannot_be_heard(tmp_path):
    with pytest.raises(FileNotFoundError, match="no folder .*nowhere"):
        SoundIndex.update(Tones(), tmp_path / "nowhere")
    (tmp_path / "a.txt").write_text("")
    with pytest.raises(FileNotFoundError, match="no recordings in"):
        SoundIndex.update(Tones(), tmp_path)
    (tmp_path / "bad.wav").write_text("no audio")
    index = SoundIndex.update(Tones(), tmp_path)
    assert index.passed_over == [str(tmp_path / "a.txt")]
    with pytest.raises(ValueError, match="none of the 1 recordings"):
        index.search(Tones(), ["tone 1"])
    with pytest.raises(ValueError, match="bad.wav is not a sound file"):
        SoundIndex.update(Tones(), tmp_path, tmp_path / "s", strict=True)
    # What ends in the middle leaves nothing behind.
    write(tmp_path / "cut.flac", 30, [(1, 2.0, 3.0)])
    os.truncate(
        tmp_path / "cut.flac", os.path.getsize(tmp_path / "cut.flac") // 2
    )
    write(tmp_path / "good.wav", 5, [(1, 2.0, 3.0)])
    index = SoundIndex.update(Tones(), tmp_path)
    assert set(index.failed) == {"bad.wav", "cut.flac"}
    ((hit,),) = index.search(Tones(), ["tone 1"], least=0.5)
    assert hit.path == str(tmp_path / "good.wav") and hit.onset == 2.0
