"""Detectors learn sounds from examples, and what their scores are worth."""

import numpy as np
import pytest
import soundfile
import torch
from lhotse import CutSet, Recording

from lhotse_recipes.schema import event
from speechbrain_opensed.core.spec import SedSpec
from speechbrain_opensed.inference import SoundEventDetector, export_detector
from speechbrain_opensed.inference.teaching import make_windows
from speechbrain_opensed.lobes.encoders.mobilenet import MobileNet
from speechbrain_opensed.lobes.text.encoders import HashTextEncoder
from speechbrain_opensed.lobes.text.learned import LearnedPhrases
from speechbrain_opensed.lobes.track_sed import TrackSED
from tests.tiny_detector import YAML

RATE = 16000


class Bands(torch.nn.Module):
    """Hears the loudness of 8 bands; a query is a weight for each."""

    def __init__(self):
        super().__init__()
        self.scale = torch.nn.Parameter(torch.tensor(6.0))

    def encode(self, wav):
        frames = wav.unfold(1, 640, 640)
        power = torch.fft.rfft(frames).abs()[..., 1:161]
        bands = power.unflatten(-1, (8, 20)).mean(-1)
        return torch.log1p(bands) - torch.log1p(bands).mean(-1, keepdim=True)

    def decode(self, feats, queries, precision="fp32"):
        return self.scale * (queries @ feats.transpose(1, 2)) - 4


def beep(frequency, seconds=1.0, rate=RATE, pause=0.5):
    time = np.arange(round(seconds * rate)) / rate
    sound = 0.5 * np.sin(2 * np.pi * frequency * time)
    return np.pad(sound, round(pause * rate)).astype(np.float32)


@pytest.fixture(scope="module")
def detector():
    return SoundEventDetector(
        {"model": Bands(), "text_encoder": HashTextEncoder(dim=8)},
        {"spec": SedSpec()},
        {"device": "cpu"},
    )


@pytest.fixture(scope="module")
def examples(tmp_path_factory):
    folder = tmp_path_factory.mktemp("examples")
    for number, frequency in enumerate((700, 720, 2900, 2950)):
        soundfile.write(folder / f"{number}.wav", beep(frequency), RATE)
    return {
        "low beep": [folder / "0.wav", str(folder / "1.wav")],
        "high beep": [folder / "2.wav", (beep(2950), RATE)],
    }


def means(detector, phrases):
    """Score of each phrase in a beep of each kind that was no example."""
    return np.array(
        [
            detector.detect((beep(f), RATE), phrases).scores[15:35].mean(0)
            for f in (710, 2920)
        ]
    )


def test_examples_make_a_query(detector, examples):
    phrases = list(examples)
    before = means(detector, [*phrases, "rain"])
    taught = detector.learn(examples, steps=120)
    after = means(taught, [*phrases, "rain"])
    assert after[0, 0] > 0.8 and after[1, 1] > 0.8
    assert after[0, 1] < 0.2 and after[1, 0] < 0.2
    # All else is as it was, and so is the detector that was asked.
    assert np.array_equal(before[:, 2], after[:, 2])
    assert np.array_equal(before, means(detector, [*phrases, "rain"]))
    again = detector.learn(examples, steps=120)
    assert np.array_equal(after, means(again, [*phrases, "rain"]))


def test_learning_goes_on(detector, examples):
    first = detector.learn({"low beep": examples["low beep"]}, steps=60)
    both = first.learn({"high beep": examples["high beep"]}, steps=60)
    one, two = means(first, ["low beep"]), means(both, ["low beep"])
    assert np.array_equal(one, two)
    text = both.mods.text_encoder
    assert isinstance(text, LearnedPhrases)
    assert not isinstance(text.encoder, LearnedPhrases)
    assert set(text.table) == set(examples)


@pytest.mark.parametrize(
    ("given", "words"),
    [
        ({}, "no phrase"),
        ({"bell": []}, "no example of 'bell'"),
        ({"bell": "a.wav"}, "give a list"),
        ({"bell": ["nowhere.wav"]}, "nowhere.wav"),
        ({"bell": [(np.zeros(RATE, "float32"), RATE)]}, "silent"),
        ({"bell": [(np.ones(9, "float32"), RATE)]}, "at least one"),
        (["bell"], "mapping"),
    ],
)
def test_bad_examples_are_refused(detector, given, words):
    with pytest.raises((ValueError, FileNotFoundError), match=words):
        detector.learn(given)


def test_windows_hold_what_they_say():
    rng = np.random.default_rng(3)
    spec = SedSpec()
    long = np.tile(beep(500, 3.0, pause=0), 6)
    waves, targets = make_windows([[beep(900)], [long]], spec, 4, rng)
    assert waves.shape == (10, 160000) and waves.dtype == np.float32
    # The pauses around the beep are not it; what is longer fills a window.
    assert targets[:4, 0].sum(-1).tolist() == pytest.approx([25] * 4, abs=2)
    assert targets[4:8, 1].sum(-1).tolist() == [250] * 4
    assert not targets[8:].any() and not targets[:4, 1].any()
    # Whatever is left of a frame at an example's end is no reason to stop.
    odd = np.ones(250 * 640 - 1, np.float32)
    for length in (len(odd), 641, 123_456):
        waves, _ = make_windows([[odd[:length]]], spec, 8, rng)
        assert np.isfinite(waves).all()


@pytest.fixture(scope="module")
def tracks():
    """A detector on a tiny MobileNet that was fitted to two sounds."""
    torch.manual_seed(0)
    model = TrackSED(
        MobileNet(width=0.1, num_tags=5), query_dim=8, max_anchors=4
    ).eval()
    text = HashTextEncoder(dim=8)
    spec = SedSpec(sample_rate=32000, hop_seconds=model.hop_seconds)
    rng = np.random.default_rng(0)
    sounds = [[beep(f, rate=32000)] for f in (400, 5000)]
    waves, targets = make_windows(sounds, spec, 3, rng)
    with torch.no_grad():
        feats = model.encode(torch.from_numpy(waves))
    truth = torch.from_numpy(targets)
    model.fit(lambda: [(feats, truth)], text(["low", "high"]))
    return SoundEventDetector(
        {"model": model, "text_encoder": text},
        {"spec": spec},
        {"device": "cpu"},
    )


def test_tracks_take_sounds_in_closed_form(tracks):
    given = {"middle beep": [(beep(1500, rate=32000), 32000)]}
    taught = tracks.learn(given)
    assert taught.mods.model.prototypes.num_anchors == 3
    assert tracks.mods.model.prototypes.num_anchors == 2
    queries = tracks.mods.text_encoder(["low", "middle beep"])
    doubt = tracks.mods.model.prototypes(queries)[1]
    now = taught.mods.model.prototypes(queries)[1]
    # It is no stranger any more; what was known is known as well.
    assert now[1] < 0.3 < doubt[1]
    assert torch.allclose(now[0], doubt[0], atol=0.05)
    with pytest.raises(ValueError, match="max_anchors"):
        taught.learn({**given, "another": given["middle beep"]})


def cuts_of(tmp_path, vocabulary, complete=True):
    """Clips in which a beep of 710 Hz is a `Beep`."""
    cuts = []
    for number in range(6):
        path = tmp_path / f"{vocabulary}{complete}{number}.wav"
        noise = np.random.default_rng(number).normal(0, 0.01, 5 * RATE)
        wave = noise.astype(np.float32)
        wave[RATE : 3 * RATE] += beep(710)
        soundfile.write(path, wave, RATE)
        cut = Recording.from_file(path).to_cut()
        cut.supervisions = [
            event(cut.recording_id, 0, 1.5, 2.5, "low beep", "Beep")
        ]
        cut.custom = {"events_complete": complete, "vocabulary": vocabulary}
        cuts.append(cut)
    return CutSet.from_cuts(cuts)


def test_calibration_is_used_streamed_and_kept(
    tmp_path, detector, examples, monkeypatch
):
    taught = detector.learn(examples, steps=60)
    fitted = taught.calibrate(cuts_of(tmp_path, "beeps"))
    assert taught.calibration is None
    assert set(fitted.calibration.phrases) == {"low beep"}
    assert fitted.calibration.of("low beep").events == 6
    sound = (beep(715), RATE)
    phrases = ["low beep", "high beep"]
    found = fitted.detect(sound, phrases)
    level = fitted.calibration.thresholds(phrases)
    assert found == fitted.detect(sound, phrases, threshold=level)
    plain = taught.detect(sound, phrases, median_seconds=0.0).scores
    moved = fitted.detect(sound, phrases, median_seconds=0.0).scores
    assert np.allclose(moved, fitted.calibration.apply(plain, phrases))
    stream = fitted.stream(phrases, rate=RATE)
    events = stream.feed(sound[0]) + stream.finish()
    assert np.array_equal(stream.scores, found.scores)
    assert sorted(events) == found.events
    batch = fitted.detect_batch(torch.from_numpy(sound[0])[None], None, phrases)
    assert np.allclose(batch[0].numpy(), moved)
    # A phrase that is learned anew has to be calibrated anew.
    anew = fitted.learn({"low beep": examples["low beep"]}, steps=2)
    assert not anew.calibration.phrases


def test_incomplete_cuts_are_passed_over(tmp_path, detector):
    some = cuts_of(tmp_path, "beeps", complete=False)
    with pytest.raises(ValueError, match="events are complete"):
        detector.calibrate(some)
    whole = cuts_of(tmp_path, "other")
    with pytest.raises(ValueError, match="none of the phrases"):
        detector.calibrate(whole, ["rain"])
    fitted = detector.calibrate([*some, *whole], ["Beep", "rain"])
    assert fitted.calibration.about["cuts"] == 6
    assert set(fitted.calibration.phrases) == {"Beep"}


@pytest.fixture(scope="module")
def exported(tmp_path_factory):
    from speechbrain_opensed.lobes.flexsed import FlexSED

    torch.manual_seed(1)
    folder = tmp_path_factory.mktemp("exported")
    (folder / "train.yaml").write_text(YAML)
    model = FlexSED(16, 2, 2, ft_blocks=1, cls_dim=8)
    torch.nn.init.normal_(model.decoder.sed_head.weight)
    torch.nn.init.normal_(model.decoder.blocks[0].adaln.weight)
    return export_detector(
        folder / "detector", folder / "train.yaml", {"model": model}
    )


def test_what_was_learned_is_exported(exported, examples, tmp_path):
    detector = SoundEventDetector.from_source(
        exported, run_opts={"device": "cpu"}
    )
    taught = detector.learn(examples, steps=3, num_windows=2)
    taught = taught.calibrate(cuts_of(tmp_path, "x"))
    taught = taught.learn({"new": examples["low beep"]}, steps=3, num_windows=2)
    folder = taught.export(tmp_path / "taught")
    loaded = SoundEventDetector.from_source(folder, run_opts={"device": "cpu"})
    phrases = [*examples, "new", "rain"]
    sound = (beep(700), RATE)
    assert loaded.detect(sound, phrases) == taught.detect(sound, phrases)
    assert loaded.calibration == taught.calibration
    # And once more, into the same folder.
    more = loaded.learn({"newer": examples["high beep"]}, steps=2)
    more.export(folder)
    again = SoundEventDetector.from_source(folder, run_opts={"device": "cpu"})
    asked = [*phrases, "newer"]
    assert again.detect(sound, asked) == more.detect(sound, asked)


def test_without_an_export_there_is_nothing_to_write(detector, tmp_path):
    with pytest.raises(ValueError, match="not loaded from an export"):
        detector.export(tmp_path / "x")
