"""Neighbours by a language model, from a server that errs."""

import json
import re

import pytest
from click.testing import CliRunner

from speechbrain_opensed.commands.neighbors import neighbors
from speechbrain_opensed.language.client import (
    LlmAnswerError,
    LlmClient,
    LlmError,
)
from speechbrain_opensed.language.neighbor_writer import write_neighbors
from speechbrain_opensed.language.neighbors import Neighbors
from tests.llm_server import hang_up, stop_halfway

GOOD = {
    "cat": ["kitten mewing", "feline purring", "tomcat yowling"],
    "dog": ["puppy whining", "fox yapping", "hound baying"],
    "rain": ["drizzle on leaves", "cloudburst", "wet street pattering"],
}
KEY = "sk-very-secret"


def question(request):
    (prompt,) = [
        turn["content"]
        for turn in request["messages"]
        if turn["role"] == "user" and turn["content"].startswith("Class: ")
    ]
    return dict(re.findall(r"^([^:]+): (.*)$", prompt, re.M))


def asked(server):
    return [json.loads(question(r)["Class"]) for r in server.requests]


def right_answer(request):
    label = json.loads(question(request)["Class"])
    return json.dumps(GOOD[label])


@pytest.fixture
def server(llm_server):
    llm_server.answer = right_answer
    return llm_server


@pytest.fixture
def client(server):
    return LlmClient(
        server.url,
        "tiny",
        KEY,
        timeout=5,
        max_retries=2,
        max_concurrency=1,
        sleep=lambda seconds: None,
    )


def write(client, folder, classes=GOOD, **options):
    options = {"number": 3} | options
    return write_neighbors(classes, client, folder / "mine.json", **options)


def test_neighbours_are_written(server, client, tmp_path):
    report = write(client, tmp_path, number=2, avoid=["tractor"])
    made = Neighbors.load(tmp_path / "mine.json")
    assert made.of("dog") == ("puppy whining", "fox yapping")
    assert made.provenance["model"] == "tiny"
    assert made.provenance["avoided"] == ["tractor"]
    assert report.counts == {"classes": 3, "neighbours": 6}
    others = json.loads(question(server.requests[0])["Other classes"])
    assert others == ["dog", "rain", "tractor"]
    assert KEY not in "".join(p.read_text() for p in tmp_path.iterdir())


def test_threads_do_not_change_the_file(server, client, tmp_path):
    write(client, tmp_path)
    client.max_concurrency = 3
    (tmp_path / "again").mkdir()
    write(client, tmp_path / "again")
    one = (tmp_path / "mine.json").read_bytes()
    assert (tmp_path / "again/mine.json").read_bytes() == one


@pytest.mark.parametrize("fault", [(500, {}, b""), hang_up, stop_halfway])
def test_passing_failures(server, client, tmp_path, fault):
    server.faults = [fault]
    write(client, tmp_path, ["dog"])
    assert len(server.requests) == 2


@pytest.mark.parametrize(
    "bad, complaint",
    [
        ("I cannot do that.", "no complete JSON"),
        ('{"dog": ["puppy"]}', "not a JSON list"),
        ('["puppy whining", 3, null]', "2 more phrases are needed"),
        ('["Dog", "puppy", "pug"]', "'Dog' is the name of its class"),
        ('["puppy", "a pup", "Puppy "]', "'Puppy' was used already"),
        ('["cats hissing", "a", "b"]', "'cats hissing' names the class 'cat'"),
        (json.dumps(["x " * 11, "a", "b"]), "more than 10 words"),
    ],
)
def test_unusable_answers_are_asked_again(
    server, client, tmp_path, bad, complaint
):
    server.faults = [bad]
    write(client, tmp_path, ["dog", "cat"])
    said = server.requests[1]["messages"][-1]["content"]
    assert complaint in said
    made = Neighbors.load(tmp_path / "mine.json")
    assert len(made.of("dog")) == 3


def test_refused_phrases_are_counted(server, client, tmp_path):
    server.faults = ['["cats hissing", "puppy", "pug"]', '["red fox"]']
    report = write(client, tmp_path, ["dog", "cat"])
    expected = {"names the class 'cat'": ["cats hissing (dog)"]}
    assert report.dropped == expected
    stored = json.loads((tmp_path / "mine_report_neighbors.json").read_text())
    assert stored["dropped"]["names the class 'cat'"]["count"] == 1


def test_a_phrase_of_two_classes_stays_with_the_first(server, client, tmp_path):
    same = json.dumps(["zoo", "pet shop", "vet"])
    server.faults = [same, same]
    report = write(client, tmp_path, ["cat", "dog"])
    made = Neighbors.load(tmp_path / "mine.json")
    assert made.of("cat") == ("zoo", "pet shop", "vet")
    assert made.of("dog") == tuple(GOOD["dog"])
    assert len(report.dropped["was used already"]) == 3
    assert asked(server) == ["cat", "dog", "dog"]
    used = json.loads(question(server.requests[2])["Used already"])
    assert sorted(used) == ["pet shop", "vet", "zoo"]


def test_classes_that_stay_short_are_named(server, client, tmp_path):
    (tmp_path / "mine.json").write_text("old")
    server.answer = lambda request: '["puppy", "kitten"]'
    with pytest.raises(
        LlmAnswerError, match="fewer than 3 .* 1 of 1 classes: 'dog' .2."
    ):
        write(client, tmp_path, ["dog"], attempts=1)
    assert (tmp_path / "mine.json").read_text() == "old"
    # The next run asks for what is missing alone.
    server.requests.clear()
    server.answer = right_answer
    write(client, tmp_path, ["dog"])
    (request,) = server.requests
    assert question(request)["Number of phrases"] == "1"


def test_an_interrupted_run_goes_on(server, client, tmp_path):
    server.faults = [json.dumps(GOOD["cat"]), (401, {}, b"expired")]
    with pytest.raises(LlmError, match="expired.*is kept in .*journal"):
        write(client, tmp_path)
    assert not (tmp_path / "mine.json").exists()
    journal = tmp_path / "mine.json.journal.jsonl"
    journal.write_bytes(journal.read_bytes() + b'{"torn')
    server.requests.clear()
    write(client, tmp_path)
    # A request that was under way may have been answered too.
    assert asked(server) in (["dog"], ["dog", "rain"])
    server.requests.clear()
    write(client, tmp_path)
    assert server.requests == []
    # A class that is new to the list makes older answers leaks.
    server.answer = lambda request: '["beagle", "wild dingo", "pug", "jackal"]'
    report = write(client, tmp_path, ["dog", "fox"], number=2)
    assert report.dropped["names the class 'fox'"] == ["fox yapping (dog)"]


@pytest.mark.parametrize(
    "classes, options, words",
    [
        ([], {}, "no classes"),
        (["dog"], {"number": 0}, "0 neighbours"),
        (["gun shot", "rain", "Gun_shot"], {}, "'gun shot', 'Gun_shot' have"),
        (["dog"], {"avoid": ["//"]}, "'//' has no word"),
    ],
)
def test_wrong_classes_cost_nothing(
    server, client, tmp_path, classes, options, words
):
    with pytest.raises(ValueError, match=words):
        write(client, tmp_path, classes, **options)
    assert server.requests == [] and list(tmp_path.iterdir()) == []


def test_command_line(server, tmp_path, monkeypatch):
    monkeypatch.setenv("OPENSED_LLM_BASE_URL", server.url)
    monkeypatch.setenv("OPENSED_LLM_API_KEY", KEY)
    (tmp_path / "list.txt").write_text("cat\ndog\n")
    paths = [str(tmp_path / "list.txt"), str(tmp_path / "mine.json")]
    options = ["-n", "3", "--avoid", "sesa", "--model", "tiny"]
    result = CliRunner().invoke(neighbors, [*paths, *options])
    assert result.exit_code == 0, result.output
    assert "classes 2; neighbours 6" in result.output
    made = Neighbors.load(paths[1])
    assert made.provenance["avoided"][0] == "casual"
    result = CliRunner().invoke(neighbors, ["esc40", paths[1], *options])
    assert result.exit_code == 1
    assert "shipped vocabularies" in result.output
