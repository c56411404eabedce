"""BEATs computes what SpeechBrain's own class does."""

import pytest
import torch
from speechbrain.lobes.models import beats

from lhotse_recipes.vocabulary import Vocabulary
from speechbrain_opensed.checkpoints import load_beats, load_encoder
from speechbrain_opensed.lobes.encoders.beats import RELEASED, BEATs
from tests.unit.speechbrain_opensed.lobes.encoders.sizes import BEATS

OLD = {
    "parametrizations.weight.original0": "weight_g",
    "parametrizations.weight.original1": "weight_v",
}


def published(encoder, labels=None, old=False):
    """A checkpoint as its authors lay it out."""
    state = {}
    for name, value in encoder.state_dict().items():
        name = name.replace("tagger.", "predictor.")
        for new, was in OLD.items() if old else ():
            name = name.replace(new, was)
        state[name] = value
    cfg = vars(beats.BEATsConfig({**RELEASED, **BEATS}))
    cfg |= {"finetuned_model": bool(encoder.num_tags)}
    cfg |= {"predictor_class": encoder.num_tags, "dropout": 0.0}
    return {"cfg": cfg, "model": state} | (
        {"label_dict": labels} if labels else {}
    )


@pytest.fixture(scope="module")
def encoder():
    torch.manual_seed(0)
    return BEATs(num_tags=5, sizes=BEATS).eval()


@torch.no_grad()
def test_frames_are_those_of_speechbrain(encoder, tmp_path):
    torch.save(published(encoder), tmp_path / "beats.pt")
    theirs = beats.BEATs(str(tmp_path / "beats.pt"))
    wav = torch.randn(2, 40000) * 0.2
    tokens, tags, _ = theirs(
        torch.nn.functional.pad(wav, (0, 400)), torch.ones(2)
    )
    frames = encoder.encode(wav)
    assert frames.shape == (2, 15, 21)
    expected = tokens.unflatten(1, (-1, 8)).mean(2)
    torch.testing.assert_close(frames[..., :16], expected)
    # Theirs are of the clip, the mean over its frames.
    torch.testing.assert_close(frames[..., 16:].mean(1).sigmoid(), tags)


@pytest.mark.parametrize("old", [False, True], ids=["new", "old"])
@torch.no_grad()
def test_a_published_file_is_read(encoder, tmp_path, old):
    torch.save(published(encoder, old=old), tmp_path / "beats.pt")
    loaded = load_encoder(tmp_path / "beats.pt", name="beats")
    assert loaded.sizes["max_distance"] == 800 and not loaded.training
    wav = torch.randn(1, 16000)
    assert torch.equal(loaded.encode(wav), encoder.encode(wav))


@torch.no_grad()
def test_tags_come_in_the_order_of_audioset(tmp_path):
    mids = [e.mid for e in Vocabulary.load("audioset").entries]
    mixed = dict(enumerate(reversed(mids)))
    encoder = BEATs(num_tags=len(mids), sizes=BEATS).eval()
    loaded = load_beats(published(encoder, mixed))
    wav = torch.randn(1, 16000)
    torch.testing.assert_close(
        loaded.encode(wav)[..., 16:], encoder.encode(wav)[..., 16:].flip(-1)
    )
    with pytest.raises(ValueError, match="order is not known"):
        load_beats(published(encoder))


def test_other_files_are_refused(encoder, tmp_path):
    with pytest.raises(FileNotFoundError, match="download a checkpoint from"):
        load_beats(tmp_path / "no.pt")
    (tmp_path / "text.pt").write_text("no weights")
    with pytest.raises(ValueError, match="cannot be read as a checkpoint"):
        load_beats(tmp_path / "text.pt")
    with pytest.raises(ValueError, match="weights of MobileNet, not of BEATs"):
        weights = {"features.0.0.weight": 1, "classifier.2.bias": 1}
        load_beats({k: torch.ones(v) for k, v in weights.items()})
    broken = published(encoder)
    broken["model"]["layer_norm.weight"] = torch.full((8,), float("nan"))
    with pytest.raises(ValueError, match="NaN or infinite"):
        load_beats(broken)
    with pytest.raises(ValueError, match="sizes .*'depth'.* of BEATs"):
        BEATs(sizes={"depth": 2})
    with pytest.raises(ValueError, match="give at least 2560"):
        encoder.encode(torch.zeros(1, 2000))
