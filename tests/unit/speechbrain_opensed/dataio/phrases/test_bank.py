"""Phrase banks: files, audit, building and the command."""

import json

import pytest
from click.testing import CliRunner

from lhotse_recipes.ontology import Ontology
from lhotse_recipes.vocabulary import Entry, Vocabulary
from speechbrain_opensed.commands.phrase_bank import phrase_bank
from speechbrain_opensed.dataio.phrases.audit import audit_bank, bank_relations
from speechbrain_opensed.dataio.phrases.bank import PhraseBank
from speechbrain_opensed.dataio.phrases.build import build_bank
from speechbrain_opensed.lobes.text.encoders import HashTextEncoder
from speechbrain_opensed.lobes.text.phrase_encoder import PhraseEncoder
from speechbrain_opensed.lobes.text.sentence import SentenceTextEncoder

NAMES = {
    "/an": "Animal",
    "/do": "Dog",
    "/ca": "Cat",
    "/ba": "Bark",
    "/mu": "Music",
    "/ta": "Tabla",
    "/si": "Singing",
    "/sb": "Singing bowl",
    "/fr": "Frying (food)",
}
CHILDREN = {
    "/an": ["/do", "/ca"],
    "/do": ["/ba"],
    "/mu": ["/ta", "/si", "/sb"],
}
BANK = {
    "Cat": ["Cat", "Tabla"],
    "Bark": ["Bark", "dog_bark"],
    "Dog": ["Dog"],
    "Singing": ["Singing", "Singing_bowl"],
    "Frying (food)": ["Frying_(food)", "Frying"],
    "Gadget": ["odd_gadget"],
}


def write(path, clusters):
    lines = [
        json.dumps({"phrase": name, "alternatives": phrases}) + "\n"
        for name, phrases in clusters
    ]
    path.write_text("".join(lines))
    return path


@pytest.fixture
def ontology():
    return Ontology(NAMES, CHILDREN)


def run(*arguments):
    return CliRunner().invoke(phrase_bank, [str(a) for a in arguments])


def test_files_come_back_as_they_were(tmp_path):
    bank = PhraseBank(BANK)
    bank.save(tmp_path / "bank.jsonl")
    again = PhraseBank.from_jsonl(tmp_path / "bank.jsonl")
    assert again == bank
    assert again.clusters["Frying (food)"] == (
        "Frying (food)",
        "Frying_(food)",
        "Frying",
    )


def test_doubled_clusters_are_merged_and_named(tmp_path):
    path = write(
        tmp_path / "bank.jsonl",
        [("Bell", ["Bell"]), ("Rain", ["Rain"]), ("Bell", ["Bells"])],
    )
    bank = PhraseBank.from_jsonl(path)
    assert bank.merged == ("Bell",)
    assert bank.clusters == {"Bell": ("Bell", "Bells"), "Rain": ("Rain",)}


def test_clusters_are_found_however_phrases_are_spelled():
    bank = PhraseBank(
        {"Rattle": [], "Rattle (instrument)": [], "Drill": ["drilling, loud"]}
    )
    assert bank.cluster_of("rattle_(instrument)") == "Rattle (instrument)"
    assert bank.cluster_of("RATTLE") == "Rattle"
    assert bank.cluster_of("Drilling_and_loud") == "Drill"
    assert bank.cluster_of("drilling") is None


def test_bad_files_are_named(tmp_path):
    path = tmp_path / "bank.jsonl"
    with pytest.raises(FileNotFoundError, match="bank.jsonl"):
        PhraseBank.from_jsonl(path)
    path.write_text("\n\n")
    with pytest.raises(ValueError, match="is an empty phrase bank"):
        PhraseBank.from_jsonl(path)
    good = '{"phrase": "a", "alternatives": ["a"]}\n'
    for line in ("{", '{"phrase": "b"}', '{"phrase": 1, "alternatives": []}'):
        path.write_text(good + line)
        with pytest.raises(ValueError, match=r"jsonl:2.* no (whole|cluster)"):
            PhraseBank.from_jsonl(path)
    with pytest.raises(ValueError, match="'x' is in the clusters 'a' and 'b'"):
        PhraseBank({"a": ["x"], "b": ["x"]})
    with pytest.raises(ValueError, match="'a' holds an empty phrase"):
        PhraseBank({"a": [" "]})
    with pytest.raises(ValueError, match="the phrase bank is empty"):
        PhraseBank({})


def test_audit_finds_wrong_phrases(ontology):
    found = {
        (s.cluster, s.phrase): s.relation
        for s in audit_bank(PhraseBank(BANK), ontology)
    }
    assert found == {("Cat", "Tabla"): "D", ("Singing", "Singing_bowl"): "B"}
    # Without an ontology only what shares no word is certain.
    found = [s.phrase for s in audit_bank(PhraseBank(BANK))]
    assert "Tabla" in found and "dog_bark" not in found


def test_names_of_the_same_class_are_right():
    vocabulary = Vocabulary("v", (Entry("Skid", "screeching tyres", "/s"),))
    bank = PhraseBank({"Skid": ["screeching_tyres", "screaming"]})
    found = audit_bank(bank, vocabulary=vocabulary)
    assert [s.phrase for s in found] == ["screaming"]


def test_relations_of_clusters(ontology):
    bank = PhraseBank({**BANK, "dog (animal)": [], "Dog": []})
    relations = bank_relations(bank, ontology)
    assert relations.of("Bark", "Dog") == "A"
    assert relations.of("Cat", "Dog") == "B"
    assert relations.of("Dog", "Singing") == "D"
    assert relations.of("Cat", "Bark") == "C"
    assert "Gadget" in relations.unknown


def test_published_bank(shared_data):
    """491 clusters; "Tabla" for cats and more."""
    folder = shared_data / "meta/audioset"
    bank = PhraseBank.from_jsonl(folder / "finelap_phrase_bank.jsonl")
    assert (len(bank), len(bank.phrases)) == (491, 673)
    assert bank.merged == ("Bell", "Church bell", "Choir")
    ontology = Ontology.from_json(folder / "ontology.json")
    suspects = audit_bank(bank, ontology)
    found = {(s.cluster, s.phrase) for s in suspects}
    assert len(found) == 37
    wrong = {
        "Cat": ["Tabla"],
        "Lock": ["Glockenspiel"],
        "Pant": ["Toot"],
        "Patter": ["Sitar"],
        "Clang": ["Strum"],
        "Fizz": ["Pizzicato"],
        "Wind": ["Wind_instrument_and_woodwind_instrument"],
        "Maraca": ["Didgeridoo"],
        "Cello": ["Timpani", "Vibraphone"],
        "Double bass": ["Bassoon"],
        "Flute": ["Clarinet", "Oboe"],
        "Bicycle bell": ["Tubular_bells"],
        "Singing": ["Singing_bowl"],
        "Bird": ["Duck"],
        "Paper rustling": ["Rustling_leaves"],
        "Drum machine": ["Drum", "Drum_roll"],
        "Scratch": ["Scratching_(performance_technique)"],
    }
    assert {(k, p) for k, v in wrong.items() for p in v} <= found
    right = {("Bark", "dog_bark"), ("Gunshot, gunfire", "gun_shot")}
    assert not right & found
    mended = bank.without(found)
    assert mended.cluster_of("Tabla") == "Tabla"
    assert audit_bank(mended, ontology) == []
    relations = bank_relations(mended, ontology)
    assert relations.of("Dog", "Bark") == "A"
    assert relations.of("Vehicle", "Car") == "A"
    assert relations.of("Male speech, man speaking", "Speech") == "A"
    assert len(relations.unknown) < 40


def test_building_by_similarity():
    vocabulary = Vocabulary.from_labels(["dog_bark", "rain"], "mine")
    bank, decided = build_bank(
        vocabulary,
        ["Dog bark", "dog", "rain", "thunder", "light rain", "dog"],
        HashTextEncoder(dim=256),
        min_similarity=0.5,
    )
    assert bank.clusters == {
        "dog_bark": ("dog_bark", "dog bark", "Dog bark", "dog"),
        "rain": ("rain", "light rain"),
        "thunder": ("thunder",),
    }
    assert [one.phrase for one in decided if not one.joined] == ["thunder"]
    assert decided[0].phrase == "thunder"
    with pytest.raises(ValueError, match="phrase 1 is empty"):
        build_bank(vocabulary, ["rain", ""], HashTextEncoder())
    with pytest.raises(ValueError, match="min_similarity 2 is no cosine"):
        build_bank(vocabulary, [], HashTextEncoder(), 2)


def test_build_command(tmp_path):
    (tmp_path / "mine.csv").write_text("label\ndog_bark\nrain\n")
    (tmp_path / "more.txt").write_text("Rain\nlight rain\nthunder\n")
    out = tmp_path / "bank.jsonl"
    result = run(
        *("build", tmp_path / "mine.csv", out, "--encoder", "hash"),
        *("--phrases", tmp_path / "more.txt", "--min-similarity", 0.5),
    )
    assert result.exit_code == 0, result.output
    assert "light rain -> rain (0." in result.output
    assert "thunder alone" in result.output
    bank = PhraseBank.from_jsonl(out)
    assert bank.clusters["rain"] == ("rain", "Rain", "light rain")
    # The shipped vocabulary alone needs no encoder.
    assert run("build", "audioset_strong", out).exit_code == 0
    assert len(PhraseBank.from_jsonl(out)) == 456
    for encoder, message in (
        ("mystery", "unknown encoder 'mystery'"),
        ("table", "add its path"),
    ):
        result = run(
            *("build", tmp_path / "mine.csv", out, "--encoder", encoder),
            *("--phrases", tmp_path / "more.txt"),
        )
        assert isinstance(result.exception, ValueError)
        assert message in str(result.exception)


def test_audit_command(tmp_path):
    bank = write(tmp_path / "bank.jsonl", BANK.items())
    ontology = tmp_path / "ontology.json"
    classes = [
        {"id": mid, "name": name, "child_ids": CHILDREN.get(mid, [])}
        for mid, name in NAMES.items()
    ]
    ontology.write_text(json.dumps(classes))
    result = run("audit", bank, "--ontology", ontology)
    assert result.exit_code == 1
    assert "Cat -> Tabla (D: an unrelated class)" in result.output
    assert "2 of 12 phrases in 6 clusters" in result.output
    out = tmp_path / "mended.jsonl"
    result = run(
        *("audit", bank, "--ontology", ontology),
        *("--accept", "B", "--output", out),
    )
    assert result.exit_code == 0
    mended = PhraseBank.from_jsonl(out)
    assert mended.clusters["Cat"] == ("Cat",)
    assert mended.clusters["Singing"] == ("Singing", "Singing_bowl")
    assert run("audit", bank, "--accept", "B").exit_code == 2
    assert run("audit", bank, "--accept", "X").exit_code == 2


def test_sentence_encoder_averages_tokens(tmp_path):
    from transformers import BertConfig, BertModel, BertTokenizerFast

    (tmp_path / "vocab.txt").write_text(
        "\n".join(["[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]", "dog", "rain"])
    )
    tokenizer = BertTokenizerFast(str(tmp_path / "vocab.txt"))
    tokenizer.save_pretrained(tmp_path)
    model = BertModel(
        BertConfig(
            vocab_size=7,
            hidden_size=8,
            num_hidden_layers=1,
            num_attention_heads=2,
            intermediate_size=16,
        )
    ).eval()
    model.save_pretrained(tmp_path)
    encoder = SentenceTextEncoder(tmp_path)
    short, long = encoder(["rain", "dog rain dog"])
    states = model(**tokenizer("rain", return_tensors="pt")).last_hidden_state
    expected = states[0].mean(0) / states[0].mean(0).norm()
    # Padding beside a longer phrase has no influence.
    assert (short - expected).abs().max() < 1e-6
    assert abs(long.norm() - 1) < 1e-6
    by_source = PhraseEncoder(tmp_path, dim=8)
    assert by_source(["rain"]).equal(encoder(["rain"]))
