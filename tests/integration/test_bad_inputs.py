"""What cannot be used is refused in words: which item, and what to do.

A table for each door through which things come from outside. Each row gives
what comes in and words that the message has to hold, or None where the right
answer is a result.
"""

import gzip
import json
import re
import struct
from pathlib import Path

import numpy as np
import pytest
import soundfile
import torch
from click.testing import CliRunner
from lhotse import CutSet
from safetensors.torch import save_file

from lhotse_recipes.manifests import read_cuts
from lhotse_recipes.soundscapes import simulate_soundscapes
from speechbrain_opensed.checkpoints import (
    load_dasheng,
    load_finelap,
    load_flexsed,
    load_mobilenet,
    load_tango,
)
from speechbrain_opensed.commands.cli import opensed
from speechbrain_opensed.core.spec import SedSpec
from speechbrain_opensed.inference import SoundEventDetector
from speechbrain_opensed.inference.safe_yaml import check_yaml
from speechbrain_opensed.lobes.flexsed import FlexSED
from speechbrain_opensed.lobes.text.encoders import HashTextEncoder
from speechbrain_opensed.metrics import compute_psds
from speechbrain_opensed.training.hparams import load_hparams
from tests.tango_folder import write_tango

ROOT = Path(__file__).parents[2]
pytestmark = pytest.mark.timeout(60)

WAV = np.random.default_rng(0).normal(0, 0.1, 16000).astype("float32")
NAN, INF = float("nan"), float("inf")


def rows(table):
    return [pytest.param(*row[1:], id=row[0]) for row in table]


def outcome(call):
    """What a call gives: its result, and the words of its error."""
    try:
        return call(), None
    except (ValueError, OSError) as error:
        return None, str(error)


def says(message, words):
    """Whether an error, or that there is none, is what a row asks for."""
    if words is None or message is None:
        return words is message
    return words in message and len(message) < 2000


@pytest.fixture(scope="module")
def detector():
    torch.manual_seed(0)
    return SoundEventDetector(
        {
            "model": FlexSED(16, 2, 2, ft_blocks=1, cls_dim=8),
            "text_encoder": HashTextEncoder(dim=8),
        },
        {"spec": SedSpec()},
        {"device": "cpu"},
    )


@pytest.fixture(scope="module")
def sound(tmp_path_factory):
    path = tmp_path_factory.mktemp("sound") / "ok.wav"
    soundfile.write(path, WAV, 16000)
    return path


def wav(rate=16000, channels=1, bits=16, kind=1, data=None, size=None):
    """A WAV whose header may say anything."""
    data = WAV.astype("<i2").tobytes() if data is None else data
    size = len(data) if size is None else size
    align = channels * bits // 8
    return (
        b"RIFF"
        + struct.pack("<I", (36 + size) & 0xFFFFFFFF)
        + b"WAVEfmt "
        + struct.pack(
            "<IHHIIHH",
            16,
            kind,
            channels,
            rate,
            rate * align & 0xFFFFFFFF,
            align & 0xFFFF,
            bits,
        )
        + b"data"
        + struct.pack("<I", size)
        + data
    )


def floats(value):
    return np.full(16000, value, "<f4").tobytes()


LOUD = (np.arange(16000) % 251 + 2).astype("<i2").tobytes()
FILES = [
    ("whole", "a.wav", wav(), None),
    ("endless", "a.wav", wav(size=0xFFFFFFFF), None),
    ("one-sample", "a.wav", wav(data=b"\1\0"), None),
    ("silence", "a.wav", wav(data=bytes(32000)), None),
    ("constant", "a.wav", wav(data=b"\xff\x7f" * 16000), None),
    ("empty", "a.wav", b"", "a.wav is empty"),
    ("text", "a.wav", b"hello " * 50, "a.wav is not a sound file"),
    ("zeros", "a.wav", bytes(1000), "a.wav is not a sound file"),
    ("header-alone", "a.wav", wav(data=b""), "a.wav holds no samples"),
    ("cut", "a.wav", wav()[:5000], "a.wav is truncated"),
    ("says-more", "a.wav", wav(size=64000), "a.wav is truncated"),
    ("says-less", "a.wav", wav(data=LOUD, size=100), "not closed"),
    ("says-nothing", "a.wav", wav(data=LOUD, size=0), "a.wav"),
    ("rate-0", "a.wav", wav(rate=0), "a.wav"),
    ("rate-10-MHz", "a.wav", wav(rate=10_000_000), "10000000 samples"),
    ("channels-0", "a.wav", wav(channels=0), "a.wav"),
    ("channels-128", "a.wav", wav(channels=128), "128 channels"),
    ("channels-65535", "a.wav", wav(channels=65535), "a.wav"),
    ("bits-0", "a.wav", wav(bits=0), "a.wav"),
    ("kind-99", "a.wav", wav(kind=99), "a.wav"),
    ("nan", "a.wav", wav(kind=3, bits=32, data=floats(NAN)), "NaN"),
    ("inf", "a.wav", wav(kind=3, bits=32, data=floats(INF)), "infinite"),
    ("png", "a.wav", b"\x89PNG\r\n\x1a\n" + bytes(99), "a.wav"),
    ("zip", "a.mp3", b"PK\3\4" + bytes(99), "a.mp3"),
    ("mp3-frame", "a.mp3", b"\xff\xfb\x90\0" + bytes(50), "a.mp3"),
    ("mp3-tag", "a.mp3", b"ID3\4\0\0\0\0\0\n" + bytes(10), "a.mp3"),
    ("flac", "a.flac", b"fLaC" + bytes(60), "a.flac"),
    ("ogg", "a.ogg", b"OggS" + bytes(60), "a.ogg"),
    ("aiff", "a.aiff", b"FORM" + bytes(60), "a.aiff"),
    ("au", "a.au", b".snd" + bytes(40), "a.au"),
    ("m4a", "a.m4a", bytes(4) + b"ftypM4A " + bytes(60), "a.m4a"),
    ("mkv", "a.mkv", b"\x1a\x45\xdf\xa3" + bytes(60), "a.mkv"),
    ("raw", "a.raw", bytes(1000), "without a header"),
    ("no-suffix", "a", b"abc", "is not a sound file"),
]


@pytest.mark.parametrize(("name", "content", "words"), rows(FILES))
def test_sound_files(detector, tmp_path, name, content, words):
    path = tmp_path / name
    path.write_bytes(content)
    found, message = outcome(lambda: detector.detect(path, ["dog"]))
    assert says(message, words), message
    if words is None:
        assert found.scores.shape == (-(-round(found.duration * 25, 6) // 1), 1)
        assert np.isfinite(found.scores).all()
    # The same bytes, without a name to tell what they are.
    elif name != "a.raw":
        _, message = outcome(lambda: detector.detect(content, ["dog"]))
        assert says(message, "the sound"), message


SOUNDS = [
    ("tensor", (torch.from_numpy(WAV), 16000), None),
    ("list", (WAV[:1000].tolist(), 16000), None),
    ("half", (WAV.astype("float16"), 16000), None),
    ("bytes-of-a-card", ((WAV * 100 + 128).astype("uint8"), 16000), None),
    ("rate-of-numpy", (WAV, np.int64(16000)), None),
    ("rate-16000.0", (WAV, 16000.0), None),
    ("no-rate", WAV, "without a rate"),
    ("rate-none", (WAV, None), "without a rate"),
    ("rate-0", (WAV, 0), "rate is 0"),
    ("rate-negative", (WAV, -5), "rate is -5"),
    ("rate-fraction", (WAV, 16000.5), "rate is 16000.5"),
    ("rate-text", (WAV, "16000"), "rate is '16000'"),
    ("rate-true", (WAV, True), "rate is True"),
    ("rate-nan", (WAV, NAN), "rate is nan"),
    ("rate-1-GHz", (WAV, 10**9), "rate is 1000000000"),
    ("three", (WAV, 16000, 1), "no sound"),
    ("nan", (np.full(99, NAN), 16000), "NaN"),
    ("inf", (np.full(99, INF), 16000), "infinite"),
    ("bool", (np.zeros(99, bool), 16000), "type bool"),
    ("complex", (WAV.astype(complex), 16000), "complex"),
    ("texts", (np.array(["a"]), 16000), "real numbers"),
    ("nothing", (np.zeros(0), 16000), "no samples"),
    ("cube", (np.zeros((2, 2, 2)), 16000), "[2, 2, 2]"),
    ("number", (np.float32(1), 16000), "no sound"),
    ("none", None, "NoneType is no sound"),
    ("int", 5, "int is no sound"),
    ("dict", {}, "dict is no sound"),
    ("list-of-names", ["a.wav"], "list is no sound"),
    ("missing", "missing.wav", "no such file: missing.wav"),
    ("address", "http://x/a.wav", "no such file"),
    ("no-bytes", b"", "is empty"),
]


@pytest.mark.parametrize(("given", "words"), rows(SOUNDS))
def test_sounds_in_memory(detector, given, words):
    found, message = outcome(lambda: detector.detect(given, ["dog"]))
    assert says(message, words), message
    if words is None:
        assert found.duration == len(given[0]) / 16000
        assert np.isfinite(found.scores).all()


def test_sounds_that_are_no_files(detector, tmp_path, sound):
    (tmp_path / "a.wav").mkdir()
    with pytest.raises(ValueError, match="a.wav is a folder"):
        detector.detect(tmp_path / "a.wav", ["x"])
    (tmp_path / "b.wav").symlink_to(tmp_path / "nowhere.wav")
    with pytest.raises(FileNotFoundError, match="no such file: .*b.wav"):
        detector.detect(tmp_path / "b.wav", ["x"])
    with (
        open(sound, encoding="latin-1") as file,
        pytest.raises(ValueError, match="mode 'rb'"),
    ):
        detector.detect(file, ["x"])
    with open(sound, "rb") as file:
        assert detector.detect(file, ["x"]).duration == 1.0


PHRASES = [
    ("tuple", ("dog",), None),
    ("emoji", ["👩\u200d🚒 siren"], None),
    ("persian", ["می\u200cخواهم"], None),
    ("chinese", ["狗叫"], None),
    ("no-break", ["dog\u00a0barking"], None),
    ("long", ["x" * 100_000], None),
    ("none", [], "no phrase"),
    ("text", "dog", "give a list"),
    ("nothing", None, "NoneType"),
    ("number", 5, "int"),
    ("set", {"dog", "cat"}, "set"),
    ("blank", ["dog", "  "], "phrase 2 is blank"),
    ("twice", ["dog", "dog"], "'dog' is given twice"),
    ("twice-padded", ["dog", " dog"], "'dog' is given twice"),
    ("twice-composed", ["cafe\u0301", "café"], "given twice"),
    ("zero", ["a\0b"], "control"),
    ("line", ["a\nb"], "line break"),
    ("tab", ["a\tb"], "tab"),
    ("line-separator", ["a\u2028b"], "line break"),
    ("override", ["\u202edog"], "control"),
    ("surrogate", ["\ud800"], "control"),
    ("bytes", [b"dog"], "bytes"),
    ("none-inside", [None], "NoneType"),
    ("nan", [NAN], "float"),
    ("nested", [["dog"]], "list"),
]


@pytest.mark.parametrize(("phrases", "words"), rows(PHRASES))
def test_phrases(detector, sound, phrases, words):
    found, message = outcome(lambda: detector.detect(sound, phrases))
    assert says(message, words), message
    stream, message = outcome(lambda: detector.stream(phrases))
    assert says(message, words), message
    if words is None:
        assert len(found.phrases) == found.scores.shape[1] == len(phrases)
        assert stream.phrases == found.phrases


SETTINGS = [
    ("threshold-none", {"threshold": None}, None),
    ("median-0", {"median_seconds": 0}, None),
    ("file", {"normalize": "file"}, None),
    ("threshold-0", {"threshold": 0}, "threshold 0"),
    ("threshold-1", {"threshold": 1}, "threshold 1"),
    ("threshold-nan", {"threshold": NAN}, "threshold nan"),
    ("threshold-text", {"threshold": "0.5"}, "threshold '0.5'"),
    ("threshold-list", {"threshold": [0.5]}, "threshold [0.5]"),
    ("threshold-of-none", {"threshold": {"dog": None}}, "threshold None"),
    ("threshold-stranger", {"threshold": {"cat": 0.5}}, "'cat'"),
    ("threshold-lacking", {"threshold": {}}, "'dog'"),
    ("median-negative", {"median_seconds": -1}, "median_seconds is -1"),
    ("median-nan", {"median_seconds": NAN}, "median_seconds is nan"),
    ("median-inf", {"median_seconds": INF}, "median_seconds is inf"),
    ("median-text", {"median_seconds": "a"}, "median_seconds is 'a'"),
    ("median-eternal", {"median_seconds": 1e9}, "at most"),
    ("duration-negative", {"min_duration": -1}, "min_duration is -1"),
    ("duration-nan", {"min_duration": NAN}, "min_duration is nan"),
    ("gap-negative", {"merge_gap": -1}, "merge_gap is -1"),
    ("gap-inf", {"merge_gap": INF}, "merge_gap is inf"),
    ("batch-0", {"batch_size": 0}, "batch_size is 0"),
    ("batch-fraction", {"batch_size": 1.5}, "batch_size is 1.5"),
    ("batch-text", {"batch_size": "2"}, "batch_size is '2'"),
    ("level", {"normalize": "rms"}, "normalize is 'rms'"),
    ("level-true", {"normalize": True}, "normalize is True"),
    ("channel", {"channel": "middle"}, "'middle'"),
    ("channel-9", {"channel": 9}, "no 9"),
    ("channel-true", {"channel": True}, "no True"),
    ("low-above", {"low_threshold": 0.9}, "low"),
    ("low-nan", {"low_threshold": NAN}, "nan"),
]


@pytest.mark.parametrize(("settings", "words"), rows(SETTINGS))
def test_settings(detector, sound, settings, words):
    found, message = outcome(
        lambda: detector.detect(sound, ["dog"], **settings)
    )
    assert says(message, words), message
    assert words is not None or found.scores.shape == (25, 1)


FED = [
    ("whole-numbers", np.zeros(99, "int16"), None),
    ("nothing", np.zeros(0), None),
    ("stereo", np.zeros((2, 2)), "[2, 2]"),
    ("nan", np.full(9, NAN), "NaN"),
    ("complex", np.zeros(9, complex), "complex"),
    ("text", "abc", "type"),
    ("none", None, "type"),
]


@pytest.mark.parametrize(("samples", "words"), rows(FED))
def test_streams(detector, samples, words):
    stream = detector.stream(["dog"], rate=16000)
    events, message = outcome(lambda: stream.feed(samples))
    assert says(message, words), message
    # What was refused is not half taken: the stream goes on.
    assert words is not None or events == []
    stream.feed(WAV)
    taken = len(samples) if words is None else 0
    assert stream.duration == (16000 + taken) / 16000


@pytest.mark.parametrize("rate", [0, -1, "16000", True, None, 10**9])
def test_rates_of_streams(detector, rate):
    with pytest.raises(ValueError, match="rate is"):
        detector.stream(["dog"], rate=rate)


def test_a_stream_has_one_end(detector):
    stream = detector.stream(["dog"], rate=16000)
    with pytest.raises(ValueError, match="no samples were fed"):
        stream.finish()
    stream.feed(WAV)
    stream.finish()
    assert stream.scores.shape == (25, 1)
    with pytest.raises(ValueError, match="is finished"):
        stream.finish()
    with pytest.raises(ValueError, match="is finished"):
        stream.feed(WAV)


def psds(**changes):
    rng = np.random.default_rng(0)
    inputs = {
        "scores": {clip: rng.random((250, 2)) for clip in "ab"},
        "ground_truth": {"a": [(1.0, 3.0, "dog")], "b": [(2.0, 4.0, "cat")]},
        "durations": {"a": 10.0, "b": 10.0},
        "classes": ["dog", "cat"],
        "hop_seconds": 0.04,
    }
    return compute_psds(**{**inputs, **changes}).psds


def truth(*event, clip="a"):
    return {"ground_truth": {"a": [], "b": [(2.0, 4.0, "cat")], clip: [event]}}


def scores(array):
    good = np.random.default_rng(0).random((250, 2))
    return {"scores": {"a": array, "b": good}}


TRACK = np.random.default_rng(1).random((250, 2))
METRICS = [
    ("whole", {}, None),
    ("lists", scores(TRACK.tolist()), None),
    ("hop-0", {"hop_seconds": 0}, "hop_seconds is 0"),
    ("hop-negative", {"hop_seconds": -1}, "hop_seconds is -1"),
    ("hop-nan", {"hop_seconds": NAN}, "hop_seconds is nan"),
    ("hop-text", {"hop_seconds": "0.04"}, "hop_seconds is '0.04'"),
    ("hop-twice", {"hop_seconds": 0.08}, "hop"),
    ("milliseconds", {"durations": {"a": 1e4, "b": 1e4}}, "'a'"),
    ("duration-negative", {"durations": {"a": -1.0, "b": 10.0}}, "'a'"),
    ("duration-nan", {"durations": {"a": NAN, "b": 10.0}}, "'a'"),
    ("duration-lacking", {"durations": {"a": 10.0}}, "'b'"),
    ("event-nan", truth(NAN, 3.0, "dog"), "'a'"),
    ("event-inf", truth(1.0, INF, "dog"), "'a'"),
    ("event-reversed", truth(3.0, 1.0, "dog"), "'a'"),
    ("event-of-nothing", truth(3.0, 3.0, "dog"), "'a'"),
    ("event-behind", truth(11.0, 12.0, "dog"), "'a'"),
    ("event-in-ms", truth(1000.0, 3000.0, "dog"), "'a'"),
    ("event-stranger", truth(1.0, 3.0, "cow"), "'cow'"),
    ("event-texts", truth("1", "3", "dog"), "'a'"),
    ("event-pair", truth(1.0, 3.0), "'a'"),
    ("events-none", {"ground_truth": {"a": None, "b": []}}, "'a'"),
    ("clip-stranger", truth(1.0, 3.0, "dog", clip="z"), "'z'"),
    ("no-event", {"ground_truth": {"a": [], "b": []}}, "event"),
    ("no-class", {"classes": []}, "class"),
    ("class-twice", {"classes": ["dog", "dog"]}, "dog"),
    ("class-lacking", {"classes": ["dog"]}, "class"),
    ("class-more", {"classes": ["dog", "cat", "cow"]}, "3 classes"),
    ("no-scores", {"scores": {}}, "score"),
    ("scores-nan", scores(np.full((250, 2), NAN)), "'a'"),
    ("scores-inf", scores(np.full((250, 2), INF)), "'a'"),
    ("scores-flat", scores(TRACK[:, 0]), "'a'"),
    ("scores-turned", scores(TRACK.T), "'a'"),
    ("scores-half", scores(TRACK[:125]), "'a'"),
    ("scores-none", scores(TRACK[:0]), "'a'"),
    ("scores-complex", scores(TRACK.astype(complex)), "complex"),
    ("scores-text", scores("x"), "'a'"),
    ("share-2", {"dtc_threshold": 2}, "dtc_threshold is 2"),
    ("share-nan", {"gtc_threshold": NAN}, "gtc_threshold is nan"),
    ("alpha", {"alpha_st": -1}, "alpha_st is -1"),
    ("rate-0", {"max_efpr": 0}, "max_efpr is 0"),
    ("rate-nan", {"max_efpr": NAN}, "max_efpr is nan"),
    ("backend", {"backend": "quick"}, "'quick'"),
    ("jobs", {"num_jobs": 0}, "num_jobs is 0"),
    ("known-text", {"target_known": "no"}, "target_known is 'no'"),
]


@pytest.mark.parametrize(("changes", "words"), rows(METRICS))
def test_metrics(changes, words):
    found, message = outcome(lambda: psds(**changes))
    assert says(message, words), message
    assert words is not None or 0 <= found <= 1


RECORDING = {
    "id": "r",
    "sources": [{"type": "file", "channels": [0], "source": "ok.wav"}],
    "sampling_rate": 16000,
    "num_samples": 16000,
    "duration": 1.0,
    "channel_ids": [0],
}


def cut(**changes):
    whole = {
        "id": "c",
        "start": 0,
        "duration": 1.0,
        "channel": 0,
        "supervisions": [],
        "recording": RECORDING,
        "type": "MonoCut",
    }
    return json.dumps({**whole, **changes})


def event(**changes):
    whole = {
        "id": "s",
        "recording_id": "r",
        "start": 0.1,
        "duration": 0.2,
        "channel": 0,
        "text": "dog",
        "custom": {"kind": "event", "label": "Dog"},
    }
    return cut(supervisions=[{**whole, **changes}])


def source(kind, text):
    sources = [{"type": kind, "channels": [0], "source": text}]
    return cut(recording={**RECORDING, "sources": sources})


MANIFESTS = [
    ("whole", cut(), None),
    ("windows", cut() + "\r\n", None),
    ("separator", event(text="a\u2028b"), None),
    ("separator-raw", event(text="a@b").replace("@", "\u2028"), None),
    ("empty", "", "m.jsonl"),
    ("text", "hello", "m.jsonl"),
    ("array", "[]", "m.jsonl"),
    ("number", "5", "m.jsonl"),
    ("null", "null", "m.jsonl"),
    ("deep", "[" * 100_000, "m.jsonl"),
    ("latin-1", b"\xe4\xf6\n", "m.jsonl"),
    ("no-type", '{"id": "c"}', "m.jsonl"),
    ("stranger", cut(type="Evil"), "m.jsonl"),
    ("no-recording", cut(recording=None), "m.jsonl"),
    ("half-recording", cut(recording={"id": "r"}), "m.jsonl"),
    ("truncated", cut()[:-20], "m.jsonl"),
    ("second-truncated", cut() + "\n" + cut(id="d")[:-5], "2: item d"),
    ("same-ids", cut() + "\n" + cut(), "two cuts 'c'"),
    ("id-number", cut(id=5), "id is 5"),
    ("id-empty", cut(id=""), "id is ''"),
    ("nan", cut(duration=NAN), "item c: NaN"),
    ("inf", cut(duration=INF), "item c: Inf"),
    ("huge", cut(start=9).replace("9", "9e999"), "item c: the number"),
    ("key-twice", cut(id="a")[:-1] + ', "id": "c"}', "'id' occurs twice"),
    ("half", cut(id="c\ud800"), "half of a character"),
    ("negative", cut(duration=-1), "cut c"),
    ("nothing", cut(duration=0), "cut c"),
    ("begins-before", cut(start=-1), "cut c"),
    ("ends-behind", cut(duration=100.0), "behind its recording"),
    ("text-duration", cut(duration="1"), "m.jsonl"),
    ("event-nan", event(start=NAN), "item c: NaN"),
    ("event-inf", event(duration=INF), "item c: Inf"),
    ("event-negative", event(duration=-1), "supervision s"),
    ("event-text", event(start="a"), "m.jsonl"),
    ("text-number", event(text=5), "the text 5"),
    ("label-number", event(custom={"kind": "event", "label": 5}), "label 5"),
    ("no-words", event(text=None, custom={"kind": "event"}), "without text"),
    ("custom-list", event(custom=[1]), "m.jsonl"),
    ("command", source("command", "touch x"), "would run"),
    ("pipe", source("file", "pipe:touch x"), "would run"),
    ("address", source("url", "http://x/y.wav"), "would fetch"),
]


@pytest.mark.parametrize(("content", "words"), rows(MANIFESTS))
def test_manifests(tmp_path, monkeypatch, content, words):
    monkeypatch.chdir(tmp_path)
    path = tmp_path / "m.jsonl"
    path.write_bytes(
        content if isinstance(content, bytes) else content.encode()
    )
    packed = tmp_path / "m.jsonl.gz"
    packed.write_bytes(gzip.compress(path.read_bytes()))
    for form in (path, packed):
        cuts, message = outcome(lambda form=form: list(read_cuts(form)))
        asked = words and words.replace("m.jsonl", form.name)
        assert says(message, asked), message
        assert words is not None or [one.id for one in cuts] == ["c"]


def test_damaged_archives(tmp_path):
    lines = "\n".join(cut(id=f"c{number}") for number in range(500))
    path = tmp_path / "m.jsonl.gz"
    path.write_bytes(gzip.compress(lines.encode())[:-30])
    with pytest.raises(ValueError, match="m.jsonl.gz"):
        list(read_cuts(path))
    path.write_bytes(b"\x1f\x8bhello")
    with pytest.raises(ValueError, match="m.jsonl.gz"):
        list(read_cuts(path))
    for missing in (tmp_path / "no.jsonl", tmp_path):
        with pytest.raises(FileNotFoundError, match="no manifest"):
            read_cuts(missing)


LOADERS = [load_flexsed, load_finelap, load_dasheng, load_mobilenet]
CHECKPOINTS = [
    ("empty", "m.pt", b"", "m.pt"),
    ("text", "m.pt", b"hello", "m.pt"),
    ("empty-safe", "m.safetensors", b"", "m.safetensors"),
    ("damaged-safe", "m.safetensors", b"\xff" * 99, "m.safetensors"),
    ("code", "m.pt", b"cposix\nsystem\n(S'touch ran'\ntR.", "m.pt"),
]


@pytest.mark.parametrize(("name", "content", "words"), rows(CHECKPOINTS))
@pytest.mark.parametrize("load", LOADERS, ids=lambda one: one.__name__)
def test_checkpoint_files(tmp_path, monkeypatch, load, name, content, words):
    monkeypatch.chdir(tmp_path)
    (tmp_path / name).write_bytes(content)
    with pytest.raises(ValueError, match=words):
        load(tmp_path / name)
    assert not (tmp_path / "ran").exists()


@pytest.mark.parametrize(("name", "content", "words"), rows(CHECKPOINTS))
@pytest.mark.parametrize("part", ["vae", "main"])
def test_tango_folders(tmp_path, monkeypatch, part, name, content, words):
    monkeypatch.chdir(tmp_path)
    one = torch.zeros(1)
    states = {
        "vae": {"vocoder.a": one, "b": one},
        "main": {"unet.a": one, "text_encoder.b": one},
    }
    folder = write_tango(tmp_path / "tango", states, 1.0)
    suffix = ".safetensors" if name.endswith(".safetensors") else ".bin"
    (folder / f"pytorch_model_{part}.bin").unlink()
    (folder / f"pytorch_model_{part}{suffix}").write_bytes(content)
    with pytest.raises(ValueError, match=f"pytorch_model_{part}"):
        load_tango(folder, tokenizer=object())
    assert not (tmp_path / "ran").exists()


STATES = [
    ("list", [1, 2], "more than tensors"),
    ("tensor", torch.zeros(2), "more than tensors"),
    ("texts", {"a": "b"}, "more than tensors"),
    ("numbers-for-names", {1: torch.zeros(1)}, "more than tensors"),
]


@pytest.mark.parametrize(("state", "words"), rows(STATES))
def test_checkpoints_of_other_things(tmp_path, state, words):
    path = tmp_path / "m.pt"
    torch.save(state, path)
    with pytest.raises(ValueError, match=words):
        load_flexsed(path)


def test_checkpoints_that_are_none(tmp_path):
    save_file({"a": torch.zeros(2)}, tmp_path / "m.safetensors")
    for source in (None, 5, [1]):
        with pytest.raises(ValueError, match="state dict"):
            load_flexsed(source)
    with pytest.raises(FileNotFoundError, match="no.pt"):
        load_flexsed(tmp_path / "no.pt")
    with pytest.raises(ValueError, match="missing"):
        load_flexsed(tmp_path / "m.safetensors")
    for config, words in (({"foo": 1}, "foo"), ([1], "mapping")):
        with pytest.raises(ValueError, match=words):
            load_flexsed({}, config)


YAMLS = [
    ("plain", "a: 1\nb: !ref <a>\n", None),
    ("empty", "", "m.yaml"),
    ("list", "- 1\n", "m.yaml"),
    ("damaged", "a: [1\n", "m.yaml"),
    ("python", "a: !!python/object/apply:os.system [ls]\n", "line 1"),
    ("apply", "a: !apply:os.system [ls]\n", "line 1"),
    ("new", "a: !new:subprocess.Popen [ls]\n", "line 1"),
    ("name", "b: 1\na: !name:os.system\n", "line 2"),
    ("module", "a: !module:os\n", "line 1"),
    ("include", "a: !include:other.yaml\n", "line 1"),
    ("applyref", "a: !applyref:os.system\n", "line 1"),
    ("twice", "a: 1\na: 2\n", "line 2"),
    ("powers", "a: 9\nb: !ref <a> ** 9 ** 9 ** 9\n", "line 2"),
    ("repeated", "a: !ref 'x' * 999999999\n", "line 1"),
    ("circle", "a: !ref <b>\nb: !ref <a>\n", "m.yaml"),
    ("itself", "a: &x [*x]\n", "m.yaml"),
    ("brackets", "a: " + "[" * 5000, "m.yaml"),
    ("huge", "a: " + "x" * 600_000, "characters"),
    (
        "laughs",
        "a: &a [x, x, x, x, x, x, x, x, x, x]\n"
        + "".join(
            f"{name}: &{name} [{', '.join(['*' + before] * 10)}]\n"
            for before, name in zip("abcdefgh", "bcdefghi", strict=True)
        ),
        "m.yaml",
    ),
]


@pytest.mark.parametrize(("text", "words"), rows(YAMLS))
def test_model_yamls(text, words):
    _, message = outcome(lambda: check_yaml(text, "m.yaml"))
    assert says(message, words), message


MIXTURES = [
    ("eternal", {"duration": 1e12}, "duration 1e+12 s: give"),
    ("nan", {"duration": NAN}, "duration nan s: give"),
    ("rate", {"sampling_rate": 99_999_999}, "sampling_rate 99999999: give"),
    ("rate-0", {"sampling_rate": 0}, "sampling_rate 0: give"),
]


@pytest.mark.parametrize(("changes", "words"), rows(MIXTURES))
def test_soundscapes(changes, words):
    with pytest.raises(ValueError, match=re.escape(words)):
        simulate_soundscapes(CutSet(), None, num_clips=1, seed=0, **changes)


RECIPE = "recipes/FlexSED/hparams/demo_flexsed.yaml"
OVERRIDES = [
    ("batch-negative", {"batch_size": -1}, "batch_size"),
    ("batch-text", {"batch_size": "many"}, "batch_size"),
    ("flag-text", {"shuffle_labels": "no"}, "shuffle_labels"),
    ("unknown", {"bacth_size": 4}, "bacth_size"),
    ("lr-text", {"lr": "fast"}, "lr"),
]


@pytest.mark.parametrize(("overrides", "words"), rows(OVERRIDES))
def test_recipe_values(overrides, words):
    with pytest.raises(ValueError, match=words):
        load_hparams(ROOT / RECIPE, overrides)


COMMANDS = [
    ("nothing", ["detect"], "AUDIO"),
    ("no-model", ["detect", "a.wav", "-q", "dog"], "--model"),
    ("no-query", ["detect", "a.wav", "--model", "x"], "no folder x"),
    ("unknown-command", ["no-such"], "no-such"),
    ("unknown-option", ["detect", "--foo"], "--foo"),
    (
        "device",
        ["detect", "a.wav", "-q", "dog", "--model", "x", "--device", "foo"],
        "foo",
    ),
    (
        "precision",
        ["detect", "a.wav", "-q", "dog", "--model", "x", "--precision", "fp8"],
        "fp8",
    ),
    (
        "threshold",
        ["detect", "a.wav", "-q", "dog", "--model", "x", "--threshold", "2"],
        "threshold",
    ),
    (
        "threshold-text",
        ["detect", "a.wav", "-q", "dog", "--model", "x", "--threshold", "x"],
        "'x'",
    ),
    (
        "model",
        ["detect", "a.wav", "-q", "dog", "--model", "./nowhere"],
        "nowhere",
    ),
    (
        "queries-file",
        ["detect", "a.wav", "--queries-file", "no.txt", "--model", "x"],
        "no.txt",
    ),
    (
        "threshold-twice",
        ["detect", "a.wav", "-q", "dog", "--model", "x"]
        + ["--threshold", "dog=0.2", "--threshold", "dog =0.3"],
        "threshold of 'dog' is given twice",
    ),
    (
        "device-for-text",
        ["detect", "a.wav", "--queries-file", "/dev/null", "--model", "x"],
        "/dev/null is a device",
    ),
    (
        "page",
        ["generate", "rain", "--model", "x", "-o", "a.wav"]
        + ["--report", "a.txt"],
        "call it .html",
    ),
    (
        "bits",
        ["soundscapes", "procedural", "o", "--bits", "24"],
        "--bits has no effect without --audio",
    ),
    (
        "window",
        ["soundscapes", "procedural", "o", "--window", "3"],
        "--window has no effect without --clip-events",
    ),
    ("jobs", ["prepare", "event-bank", ".", "o", "-j", "0"], "x>=1"),
    ("cuts", ["annotate", "no.jsonl", "o.jsonl", "-q", "dog"], "--model"),
    ("soundscapes", ["soundscapes"], "Usage"),
    ("train", ["train", "NoSuchRecipe", "demo"], "NoSuchRecipe"),
    ("learn", ["learn", "--model", "x", "-o", "y"], "--add"),
    (
        "example-twice",
        ["learn", "--model", "x", "-o", "y", "--add", "bell", "a", "b", "a"],
        "a is named twice for 'bell'",
    ),
    ("calibrate", ["calibrate", "no.jsonl", "--model", "x"], "-o"),
    ("prepare", ["prepare", "no-such-corpus"], "no-such-corpus"),
]


@pytest.mark.parametrize(("args", "words"), rows(COMMANDS))
def test_commands(tmp_path, monkeypatch, args, words):
    monkeypatch.chdir(tmp_path)
    done = CliRunner().invoke(opensed, args)
    assert done.exit_code == 2, done.output
    assert words in done.output
    assert "Traceback" not in done.output
    assert not list(tmp_path.iterdir())
