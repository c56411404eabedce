"""Text encoders: one interface, cached, offline."""

import json

import numpy as np
import pytest
import torch
from safetensors.torch import save_file

from lhotse_recipes.vocabulary import Vocabulary
from speechbrain_opensed.lobes.encoders.clap import ClapTextEncoder
from speechbrain_opensed.lobes.text.encoders import (
    HashTextEncoder,
    OneHotTextEncoder,
    TableTextEncoder,
    TextEncoder,
)
from speechbrain_opensed.lobes.text.phrase_encoder import PhraseEncoder


class Counting(TextEncoder):
    """Remembers what it had to embed."""

    dim = 1

    def __init__(self):
        super().__init__()
        self.asked = []

    def embed(self, phrases):
        self.asked += phrases
        return torch.tensor([[float(len(p))] for p in phrases])


def test_phrases_are_embedded_once_and_keep_their_order():
    encoder = Counting()
    assert encoder(["bb", "a", "bb"])[:, 0].tolist() == [2, 1, 2]
    assert encoder(["a", "ccc"])[:, 0].tolist() == [1, 3]
    assert encoder.asked == ["bb", "a", "ccc"]
    assert encoder([]).shape == (0, 1)
    assert not encoder(["a"]).requires_grad


def test_empty_phrases_and_lone_strings_are_refused():
    encoder = HashTextEncoder()
    with pytest.raises(ValueError, match="phrase 1 of 2 is empty"):
        encoder(["dog", " "])
    with pytest.raises(ValueError, match="'dog' is one phrase: give a list"):
        encoder("dog")


def test_hashes_are_the_same_everywhere_and_compositional():
    one, two = HashTextEncoder(dim=512), HashTextEncoder(dim=512)
    assert torch.equal(one(["Dog barking"]), two(["dog, barking!"]))
    bell, buzz, other = one(["high bell", "high buzz", "low hiss"])
    cosine = torch.nn.functional.cosine_similarity
    assert abs(cosine(bell, buzz, dim=0) - 0.5) < 0.15
    assert abs(cosine(bell, other, dim=0)) < 0.15
    assert abs(bell.std() - 1) < 0.15


@pytest.mark.parametrize("suffix", [".npz", ".safetensors"])
def test_tables_and_aliases(tmp_path, suffix):
    path = tmp_path / f"table{suffix}"
    if suffix == ".npz":
        rows = np.eye(2, dtype=np.float16)
        np.savez(path, labels=["Bark", "Siren"], embeddings=rows)
    else:
        save_file({"Bark": torch.eye(2)[0], "Siren": torch.eye(2)[1]}, path)
    aliases = tmp_path / "aliases.csv"
    aliases.write_text("phrase,label\ndog barking,Bark\nnothing,\n")
    encoder = TableTextEncoder(path, aliases)
    assert encoder(["dog barking", "Siren"]).tolist() == [[1, 0], [0, 1]]
    assert encoder.canonical("dog barking") == "Bark"
    assert encoder.canonical("nothing") is None
    with pytest.raises(
        ValueError, match="no embedding for 1 phrases.*Add rows"
    ):
        encoder(["cat meowing"])


def test_bad_tables_are_named(tmp_path):
    with pytest.raises(FileNotFoundError, match="gone.npz"):
        TableTextEncoder(tmp_path / "gone.npz")
    np.savez(tmp_path / "other.npz", x=[1])
    with pytest.raises(ValueError, match="other.npz.*`labels`"):
        TableTextEncoder(tmp_path / "other.npz")
    # An array of objects would have to be unpickled.
    np.savez(
        tmp_path / "pickle.npz",
        labels=["a"],
        embeddings=np.array([{"a": 1}], dtype=object),
    )
    with pytest.raises(ValueError, match="pickle.npz"):
        TableTextEncoder(tmp_path / "pickle.npz")
    (tmp_path / "cut.safetensors").write_bytes(b"123")
    with pytest.raises(ValueError, match="cut.safetensors"):
        TableTextEncoder(tmp_path / "cut.safetensors")
    table = tmp_path / "t.npz"
    np.savez(table, labels=["a"], embeddings=[[1.0]])
    with pytest.raises(ValueError, match="aliases name 1 labels.*'b'"):
        TableTextEncoder(table, {"x": "b"})
    (tmp_path / "bad.csv").write_text("query,label\n")
    with pytest.raises(ValueError, match="bad.csv has no column .'phrase'"):
        TableTextEncoder(table, tmp_path / "bad.csv")


def test_closed_vocabularies_take_their_own_phrases_only():
    table = Vocabulary.load("audioset_strong")
    encoder = OneHotTextEncoder("audioset_strong")
    phrases = list(table.phrases.values())
    assert torch.equal(encoder(phrases), torch.eye(len(table)))
    with pytest.raises(ValueError, match="closed vocabulary"):
        encoder(["a phrase of one's own"])


@pytest.fixture(scope="module")
def clap_folder(tmp_path_factory):
    """A tiny random CLAP text model with a tokenizer of its own."""
    from transformers import (
        ClapTextConfig,
        ClapTextModelWithProjection,
        RobertaTokenizerFast,
    )

    folder = tmp_path_factory.mktemp("clap")
    letters = [*"abcdefghijklmnopqrstuvwxyzT", "Ġ"]
    tokens = ["<s>", "<pad>", "</s>", "<unk>", "<mask>", *letters]
    (folder / "vocab.json").write_text(
        json.dumps({token: i for i, token in enumerate(tokens)})
    )
    (folder / "merges.txt").write_text("#version: 0.2\n")
    RobertaTokenizerFast(
        str(folder / "vocab.json"), str(folder / "merges.txt")
    ).save_pretrained(folder)
    torch.manual_seed(0)
    config = ClapTextConfig(
        vocab_size=len(tokens),
        hidden_size=16,
        num_hidden_layers=1,
        num_attention_heads=2,
        intermediate_size=32,
        projection_dim=8,
        max_position_embeddings=80,
    )
    ClapTextModelWithProjection(config).save_pretrained(folder)
    return folder


def test_clap_from_a_folder(clap_folder):
    encoder = ClapTextEncoder(clap_folder)
    both = encoder(["dog", "a much longer phrase about rain"])
    assert both.shape == (2, 8)
    # What else is in the batch changes nothing; neither do underscores.
    alone = ClapTextEncoder(clap_folder, batch_size=1)
    assert torch.allclose(alone(["dog"]), both[:1], atol=1e-5)
    underscored = encoder(["a_much longer_phrase about rain"])
    assert torch.allclose(underscored, both[1:], atol=1e-5)
    other = ClapTextEncoder(clap_folder, template="{}")
    assert not torch.allclose(other(["dog"]), both[:1], atol=1e-3)
    encoder.train()
    assert not encoder.model.training
    assert not any(p.requires_grad for p in encoder.parameters())


@pytest.mark.parametrize(
    "typed, asked",
    [
        ("dog barking", "The sound of Dog barking"),
        ("Dog barking", "The sound of Dog barking"),
        ("telephone dialing, DTMF", "The sound of Telephone dialing, DTMF"),
        ("dog_bark", "The sound of Dog bark"),
    ],
)
def test_prompts_begin_with_the_capital_of_the_training(
    clap_folder, typed, asked
):
    expected = ClapTextEncoder(clap_folder, template="{}")([asked])
    for encoder in (
        ClapTextEncoder(clap_folder, capitalize=True),
        PhraseEncoder(clap_folder, 8, capitalize=True),
    ):
        assert torch.equal(encoder([typed]), expected)
    as_typed = ClapTextEncoder(clap_folder)([typed])
    assert torch.equal(as_typed, expected) == typed.startswith("Dog ")


def test_source_chooses_the_encoder(clap_folder, tmp_path):
    assert PhraseEncoder(clap_folder, dim=8)(["dog"]).shape == (1, 8)
    with pytest.raises(ValueError, match="set text_dim to 8"):
        PhraseEncoder(clap_folder, dim=512)
    np.savez(tmp_path / "t.npz", labels=["Bark"], embeddings=np.ones((1, 3)))
    table = PhraseEncoder(tmp_path / "t.npz", 3, aliases={"dog": "Bark"})
    assert table.canonical("dog") == "Bark"
    assert PhraseEncoder("hash", 4)(["dog"]).shape == (1, 4)


def test_missing_models_are_named(tmp_path):
    with pytest.raises(FileNotFoundError, match="no CLAP text model at"):
        ClapTextEncoder(str(tmp_path))


def test_released_embeddings(shared_data):
    source = shared_data / "clap_text" / "audioset_strong_clap_text.npz"
    encoder = TableTextEncoder(
        source,
        shared_data / "event_labels.csv",
        ("phrase", "audioset_strong_label"),
    )
    rows = encoder(list(encoder.rows))
    assert rows.shape == (456, 512)
    # FlexSED takes them as they are, not normalised.
    assert 4 < rows.norm(dim=1).mean() < 5
    assert torch.equal(encoder(["dog barking"]), encoder(["Bark"]))
