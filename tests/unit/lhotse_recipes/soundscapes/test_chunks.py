"""What large sets of soundscapes need: rooms, peaks, resuming, clusters."""

import json

import numpy as np
import pytest
import soundfile
from lhotse import CutSet, Recording, RecordingSet, validate

from lhotse_recipes.schema import events_of
from lhotse_recipes.soundscapes import simulate_soundscapes, write_audio
from lhotse_recipes.soundscapes import simulator as module
from lhotse_recipes.soundscapes.chunks import Chunks
from lhotse_recipes.soundscapes.render import render


def dicts(cuts):
    return [json.loads(json.dumps(cut.to_dict(), default=str)) for cut in cuts]


@pytest.fixture(scope="module")
def rooms(tmp_path_factory):
    folder = tmp_path_factory.mktemp("rooms")
    rng = np.random.default_rng(0)
    responses = []
    for k, rate in enumerate((16000, 8000)):
        decay = np.exp(-np.arange(rate // 4) / (0.05 * rate))
        response = 0.3 * decay * rng.standard_normal(len(decay))
        response[40] = 1.0  # The direct sound comes 2.5 or 5 ms late.
        path = folder / f"room{k}.wav"
        soundfile.write(path, 0.5 * response, rate)
        responses.append(Recording.from_file(path))
    return RecordingSet.from_recordings(responses)


EVERYTHING = {
    "speed": (0.8, 1.25),
    "vary_snr": True,
    "repeat_below": 1.0,
    "peak": 0.95,
    "captions": True,
    "max_polyphony": 2,
}


@pytest.mark.parametrize("with_rooms", [False, True])
@pytest.mark.parametrize("rate", [16000, 22050])
def test_render_equals_lhotse(bank, rooms, rate, with_rooms):
    cuts = simulate_soundscapes(
        bank,
        None,
        6,
        seed=5,
        sampling_rate=rate,
        rooms=rooms if with_rooms else None,
        **EVERYTHING,
    )
    for cut in cuts:
        validate(cut)
        samples = render(cut)
        assert samples.shape == (rate * 10,)
        theirs = cut.load_audio()[0]
        assert np.abs(samples - theirs).max() < 2e-6
        assert np.abs(samples).max() == pytest.approx(0.95, abs=1e-5)
        (again,) = CutSet.from_dicts(dicts([cut]))
        assert np.abs(again.load_audio()[0] - theirs).max() < 2e-6
        assert bool(cut.transforms) == with_rooms
        for event in events_of(cut):
            assert 0 <= event.start < event.end <= 10.0 + 1e-6


def test_speed_changes_the_length_of_what_is_heard(bank):
    plain = simulate_soundscapes(bank, None, 12, seed=0, repeats=(1, 1))
    fast = simulate_soundscapes(
        bank, None, 12, seed=0, repeats=(1, 1), speed=(2.0, 2.0)
    )

    def lengths(cuts):
        found = {}
        for cut in cuts:
            for sup in events_of(cut):
                found.setdefault(sup.text, set()).add(round(sup.duration, 2))
        return found

    slow, quick = lengths(plain), lengths(fast)
    assert slow.keys() == quick.keys()
    for phrase, seconds in quick.items():
        halves = {one / 2 for one in slow[phrase]}
        assert all(min(abs(one - h) for h in halves) < 0.03 for one in seconds)
    assert all(s.speed == 2.0 for c in fast for s in events_of(c))
    track = next(t for t in fast[0].tracks if t.tag == "event")
    source = track.cut.recording
    assert source.transforms[-1].factor == 2.0


def test_ratios_may_differ_between_occurrences(bank):
    cuts = simulate_soundscapes(
        bank, None, 10, seed=2, repeats=(3, 3), vary_snr=True
    )
    same = simulate_soundscapes(bank, None, 10, seed=2, repeats=(3, 3))

    def ratios(cuts):
        of_sound = {}
        for cut in cuts:
            for sup in events_of(cut):
                of_sound.setdefault((cut.id, sup.text), set()).add(sup.snr)
        return [len(some) for some in of_sound.values()]

    assert max(ratios(cuts)) == 3
    assert max(ratios(same)) == 1


def test_long_sounds_are_heard_once(bank):
    cuts = simulate_soundscapes(
        bank, None, 20, seed=2, repeats=(2, 2), repeat_below=1.0
    )
    for cut in cuts:
        texts = [sup.text for sup in events_of(cut)]
        for sup in events_of(cut):
            if sup.duration >= 1.0:
                assert texts.count(sup.text) == 1


@pytest.mark.parametrize(
    "bad, told",
    [
        ({"peak": 1.5}, "peak 1.5 must be"),
        ({"speed": (1.2, 0.8)}, "speed"),
        ({"speed": (0.0, 1.0)}, "speed"),
    ],
)
def test_bad_ranges(bank, bad, told):
    with pytest.raises(ValueError, match=told):
        simulate_soundscapes(bank, None, 1, seed=0, **bad)


def test_silent_rooms_are_refused(bank, tmp_path):
    soundfile.write(tmp_path / "dead.wav", np.zeros(800), 16000)
    dead = Recording.from_file(tmp_path / "dead.wav")
    rooms = RecordingSet.from_recordings([dead])
    with pytest.raises(ValueError, match="room response dead .*is silent"):
        simulate_soundscapes(bank, None, 1, seed=0, rooms=rooms)


def test_an_interrupted_plan_goes_on(bank, tmp_path, monkeypatch):
    made = []
    make = module._make_chunk

    def failing(*args):
        if len(made) == 2:
            raise RuntimeError("power cut")
        made.append(args[-1])
        return make(*args)

    monkeypatch.setattr(module, "_make_chunk", failing)
    run = dict(num_clips=900, seed=0, events_per_clip=(0, 1))
    with pytest.raises(RuntimeError, match="power cut"):
        simulate_soundscapes(bank, None, output_dir=tmp_path / "a", **run)
    assert not (tmp_path / "a/soundscapes_cuts_all.jsonl.gz").exists()
    monkeypatch.setattr(
        module,
        "_make_chunk",
        lambda *args: made.append(args[-1]) or make(*args),
    )
    simulate_soundscapes(bank, None, output_dir=tmp_path / "a", **run)
    assert made == [0, 250, 500, 750]
    simulate_soundscapes(bank, None, output_dir=tmp_path / "b", **run)
    names = sorted(path.name for path in (tmp_path / "a").iterdir())
    assert names == [
        "soundscapes_cuts_all.jsonl.gz",
        "soundscapes_report_all.json",
    ]
    for name in names:
        ours, theirs = tmp_path / "a" / name, tmp_path / "b" / name
        assert ours.read_bytes() == theirs.read_bytes()


def test_parts_of_another_plan_are_discarded(tmp_path):
    chunks = Chunks(tmp_path / "x.bin", "one")
    chunks.put(3, b"abc", {"n": 1})
    assert Chunks(tmp_path / "x.bin", "one").about(3) == {"n": 1}
    other = Chunks(tmp_path / "x.bin", "two")
    assert 3 not in other
    other.put(0, b"x", None)
    other.put(5, b"y", None)
    other.finish([0, 5])
    assert (tmp_path / "x.bin").read_bytes() == b"xy"
    assert [path.name for path in tmp_path.iterdir()] == ["x.bin"]


def test_a_cluster_changes_nothing(bank, tmp_path):
    distributed = pytest.importorskip("distributed")
    alone = simulate_soundscapes(
        bank, None, 600, seed=1, events_per_clip=(0, 2)
    )
    with (
        distributed.LocalCluster(
            n_workers=2,
            threads_per_worker=1,
            dashboard_address=None,
            worker_dashboard_address=None,
            local_directory=str(tmp_path / "dask"),
        ) as cluster,
        distributed.Client(cluster) as client,
    ):
        executor = client.get_executor()
        there = simulate_soundscapes(
            bank,
            None,
            600,
            seed=1,
            events_per_clip=(0, 2),
            output_dir=tmp_path,
            executor=executor,
        )
        some = CutSet.from_cuts(list(there)[:6])
        write_audio(some, tmp_path / "far", shard_size=2, executor=executor)
    assert dicts(there) == dicts(alone)
    write_audio(some, tmp_path / "near", shard_size=2)
    for path in (tmp_path / "near/flac").rglob("*.flac"):
        far = tmp_path / "far" / path.relative_to(tmp_path / "near")
        assert far.read_bytes() == path.read_bytes()
