"""The client, the journal and the relations against a server that errs."""

import csv
import json
import re
import socket
import threading
import time
from urllib.parse import quote

import pytest

from speechbrain_opensed.language.client import (
    LlmAnswerError,
    LlmClient,
    LlmError,
    parse_json,
)
from speechbrain_opensed.language.journal import Journal
from tests.llm_server import completion, hang, hang_up, stop_halfway

KEY = "sk-very-secret"
LABELS = ["Animal", "Dog", "Engine idling", "Engine starting", "Thunder"]
TRUTH = {
    frozenset(("Animal", "Dog")): "A",
    frozenset(("Engine idling", "Engine starting")): "B",
}


def asked_pairs(request):
    """The pairs in the first question of a conversation, by number."""
    prompt = next(m for m in request["messages"] if m["role"] == "user")
    found = re.findall(r'^(\d+)\. "(.*)" - "(.*)"$', prompt["content"], re.M)
    return {number: frozenset((one, two)) for number, one, two in found}


def right_answer(request):
    return json.dumps(
        {
            number: TRUTH.get(pair, "D")
            for number, pair in asked_pairs(request).items()
        }
    )


@pytest.fixture
def server(llm_server):
    llm_server.answer = right_answer
    return llm_server


@pytest.fixture
def waits():
    return []


@pytest.fixture
def client(server, waits):
    return LlmClient(
        server.url,
        "tiny",
        KEY,
        timeout=5,
        max_retries=3,
        max_concurrency=1,
        sleep=waits.append,
    )


def relate(labels, client, folder, **options):
    from speechbrain_opensed.language.relations import classify_relations

    return classify_relations(labels, client, folder / "rel.csv", **options)


def table(folder):
    with open(folder / "rel.csv", newline="") as file:
        rows = list(csv.reader(file))
    assert rows[0] == ["Label 1", "Label 2", "Category"]
    return {(one, two): letter for one, two, letter in rows[1:]}


ASK = [{"role": "user", "content": "hello"}]


def test_a_request_is_what_the_protocol_wants(server, client):
    server.answer = lambda request: "hi"
    assert client.complete(ASK) == "hi"
    assert server.paths == ["/v1/chat/completions"]
    assert server.keys == [f"Bearer {KEY}"]
    assert server.requests == [
        {"model": "tiny", "messages": ASK, "temperature": 0.0}
    ]


def test_no_key_no_header(server):
    server.answer = lambda request: "hi"
    LlmClient(server.url + "/", "tiny").complete(ASK)
    assert server.keys == [None]
    assert server.paths == ["/v1/chat/completions"]


@pytest.mark.parametrize(
    "fault",
    [
        (500, {}, b"oops"),
        (502, {}, b""),
        (503, {}, b""),
        (504, {}, b""),
        (429, {}, b"slow down"),
        (200, {}, b"<html>a proxy's page</html>"),
        (200, {}, b'{"error": "overloaded"}'),
        hang_up,
        stop_halfway,
    ],
)
def test_passing_failures_are_tried_again(server, client, waits, fault):
    server.answer = lambda request: "hi"
    server.faults = [fault, fault]
    assert client.complete(ASK) == "hi"
    assert len(server.requests) == 3
    assert waits == [1.0, 2.0]


def test_the_server_says_how_long_to_wait(server, client, waits):
    server.answer = lambda request: "hi"
    server.faults = [
        (429, {"Retry-After": "7"}, b""),
        (503, {"Retry-After": "Wed, 21 Oct 2015 07:28:00 GMT"}, b""),
        (429, {"Retry-After": "soon"}, b""),
    ]
    assert client.complete(ASK) == "hi"
    assert waits == [7.0, 2.0, 4.0]


def test_a_wait_of_an_hour_is_an_error(server, client, waits):
    server.faults = [(429, {"Retry-After": "3600"}, b"daily limit")]
    with pytest.raises(LlmError, match="wait 3600 s .*daily limit"):
        client.complete(ASK)
    assert waits == []


def test_a_hanging_server_is_given_up(server, waits):
    server.faults = [hang]
    server.answer = lambda request: "hi"
    client = LlmClient(server.url, "tiny", timeout=0.2, sleep=waits.append)
    assert client.complete(ASK) == "hi"
    assert waits == [1.0]


def test_retries_end(server, client, waits):
    server.answer = lambda request: (500, {}, b"out of memory")
    with pytest.raises(LlmError, match="failed 4 times.*out of memory"):
        client.complete(ASK)
    assert waits == [1.0, 2.0, 4.0]


def test_nobody_listens(waits):
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        url = f"http://127.0.0.1:{free.getsockname()[1]}/v1"
    client = LlmClient(url, "tiny", max_retries=1, sleep=waits.append)
    with pytest.raises(LlmError, match="Is the server up"):
        client.complete(ASK)
    assert waits == [1.0]


@pytest.mark.parametrize(
    "status, remedy",
    [(401, "OPENSED_LLM_API_KEY"), (404, "base URL"), (400, "HTTP 400: no")],
)
def test_refusals_are_not_tried_again(server, client, waits, status, remedy):
    server.answer = lambda request: (status, {}, f"no {KEY}".encode())
    with pytest.raises(LlmError, match=remedy) as caught:
        client.complete(ASK)
    assert len(server.requests) == 1 and waits == []
    assert KEY not in str(caught.value)


def test_redirects_do_not_carry_the_key_away(server, client):
    elsewhere = server.url.replace("/v1", "/v2")
    server.faults = [(302, {"Location": elsewhere}, b"")]
    with pytest.raises(LlmError, match="redirected to .*/v2"):
        client.complete(ASK)
    assert server.paths == ["/v1/chat/completions"]


def test_the_key_is_not_logged(server, client, caplog):
    caplog.set_level("DEBUG")
    server.faults = [(500, {}, f"key {KEY}".encode())]
    server.answer = lambda request: "hi"
    client.complete(ASK)
    assert "HTTP 500: key ***" in caplog.text
    assert KEY not in caplog.text and KEY not in repr(client)


@pytest.mark.parametrize(
    "arguments, words",
    [
        (("localhost:8000", "m"), "no http"),
        (("ftp://host/v1", "m"), "no http"),
        (("http://my host/v1", "m"), "no http"),
        (("http://me:pw@host/v1", "m"), "carries a password"),
        (("http://host/v1", ""), "name is empty"),
        (("http://host/v1", "m", "a\nb"), "copy it again"),
        (("http://host/v1", "m", "schlüssel"), "copy it again"),
    ],
)
def test_wrong_settings_are_named(arguments, words):
    with pytest.raises(ValueError, match=words) as caught:
        LlmClient(*arguments)
    assert "pw" not in str(caught.value)


def test_settings_from_the_environment(server):
    server.answer = lambda request: "hi"
    openai = {
        "OPENAI_BASE_URL": server.url,
        "OPENAI_MODEL": "second",
        "OPENAI_API_KEY": "second-key",
    }
    LlmClient.from_environment(openai).complete(ASK)
    ours = openai | {
        "OPENSED_LLM_MODEL": "first",
        "OPENSED_LLM_API_KEY": "first-key",
    }
    LlmClient.from_environment(ours).complete(ASK)
    # A foreign key must not reach the address that was set for us.
    elsewhere = openai | {"OPENSED_LLM_BASE_URL": server.url}
    LlmClient.from_environment(elsewhere, model="third").complete(ASK)
    assert server.keys == ["Bearer second-key", "Bearer first-key", None]
    models = [request["model"] for request in server.requests]
    assert models == ["second", "first", "third"]


def test_missing_settings_are_named():
    with pytest.raises(ValueError, match="OPENSED_LLM_BASE_URL"):
        LlmClient.from_environment({})
    with pytest.raises(ValueError, match="OPENSED_LLM_MODEL"):
        LlmClient.from_environment({}, base_url="http://host/v1")


@pytest.mark.parametrize(
    "text, value",
    [
        ('{"a": 1}', {"a": 1}),
        ('```json\n{"a": [1, 2]}\n```', {"a": [1, 2]}),
        ('<think>{"a": 0, "b": 0}</think>{"a": 1}', {"a": 1}),
        ('As in [1], I say {"a": "x{y"} there.', {"a": "x{y"}),
        ("[1, 2]", [1, 2]),
    ],
)
def test_json_is_found(text, value):
    assert parse_json(text) == value


@pytest.mark.parametrize(
    "text", ["", "No.", '{"a": ', "[" * 100_000, '{"a": 1, "a": 2}']
)
def test_what_is_no_json(text):
    with pytest.raises(ValueError):
        parse_json(text)


def test_json_is_asked_for_again_with_the_reason(server, client):
    def even(value):
        if value["n"] % 2:
            raise ValueError("n is odd")
        return value["n"]

    server.faults = ["Sorry?", '{"n": 1}']
    server.answer = lambda request: '{"n": 2}'
    assert client.complete_json("An even n", even, system="Count.") == 2
    roles = [turn["role"] for turn in server.requests[2]["messages"]]
    assert roles == ["system", "user"] + ["assistant", "user"] * 2
    assert "n is odd" in server.requests[2]["messages"][-1]["content"]


def test_json_that_never_comes(server, client):
    server.answer = lambda request: (200, {}, completion(None))
    with pytest.raises(LlmAnswerError, match="2 attempts"):
        client.complete_json("A list", attempts=2)
    assert len(server.requests) == 2


def test_map_runs_so_many_at_once(client):
    client.max_concurrency = 3
    together = threading.Barrier(3)
    results = client.map(lambda n: together.wait(5) * 0 + n, range(6))
    assert sorted(results) == list(range(6))


def test_an_error_ends_the_waits_of_others(server):
    """A wait of a minute in one thread must not delay another's error."""
    waiting = threading.Event()

    def answer(request):
        if request["messages"][0]["content"] == "wait":
            waiting.set()
            return (429, {"Retry-After": "60"}, b"")
        waiting.wait(5)
        return (401, {}, b"")

    server.answer = answer
    client = LlmClient(server.url, "tiny", max_concurrency=2)
    start = time.monotonic()
    with pytest.raises(LlmError, match="401"):
        list(
            client.map(
                lambda word: client.complete([{"content": word}]),
                ["wait", "fail", "wait"],
            )
        )
    assert time.monotonic() - start < 5
    assert client.sleep(0) is False, "later requests wait again"


def test_relations_are_written_both_ways(server, client, tmp_path):
    report = relate(LABELS, client, tmp_path, batch_size=4)
    rows = table(tmp_path)
    assert len(rows) == 20
    for (one, two), letter in rows.items():
        assert letter == TRUTH.get(frozenset((one, two)), "D")
    assert report.counts == {"pairs": 10, "A": 1, "B": 1, "D": 8}
    assert report.dropped == {}
    sizes = [len(asked_pairs(request)) for request in server.requests]
    assert sizes == [4, 4, 2]
    asked = [p for r in server.requests for p in asked_pairs(r).values()]
    assert len(asked) == len(set(asked)) == 10
    assert KEY not in "".join(p.read_text() for p in tmp_path.iterdir())


def test_threads_do_not_change_the_table(server, client, tmp_path):
    relate(LABELS, client, tmp_path, batch_size=1)
    one = (tmp_path / "rel.csv").read_bytes()
    client.max_concurrency = 4
    (tmp_path / "again").mkdir()
    relate(LABELS, client, tmp_path / "again", batch_size=1)
    assert (tmp_path / "again" / "rel.csv").read_bytes() == one


@pytest.mark.parametrize(
    "bad",
    [
        "I cannot do that.",
        '{"1": "A", "2": ',
        '{"1": "A", "1": "B", "2": "D", "3": "D"}',
        '{"1": "D", "2": "D", "3": "D", "4": "D"}',
        '["A", "D", "D"]',
    ],
)
def test_unusable_answers_are_asked_again(server, client, tmp_path, bad):
    server.faults = [bad]
    report = relate(LABELS[:3], client, tmp_path)
    assert report.counts == {"pairs": 3, "A": 1, "D": 2}
    assert len(server.requests) == 2


def test_good_letters_of_a_bad_answer_are_kept(server, client, tmp_path):
    server.faults = ['{"1": " a ", "2": "E", "3": null}', '{"2": "C"}']
    server.answer = lambda request: '{"3": "D"}'
    report = relate(LABELS[:3], client, tmp_path)
    assert table(tmp_path)["Engine idling", "Animal"] == "C"
    assert report.counts == {"pairs": 3, "A": 1, "C": 1, "D": 1}
    complaint = server.requests[2]["messages"][-1]["content"]
    assert "the pairs 3 have no letter" in complaint


def test_pairs_without_an_answer_are_listed(server, client, tmp_path):
    server.answer = lambda request: '{"1": "A", "3": "D"}'
    report = relate(LABELS[:3], client, tmp_path)
    assert len(server.requests) == 3
    assert report.dropped == {"no valid answer": ["Animal | Engine idling"]}
    stored = json.loads((tmp_path / "rel_report_relations.json").read_text())
    assert stored["dropped"]["no valid answer"]["count"] == 1
    assert len(table(tmp_path)) == 4
    # The next run asks for that pair alone.
    server.requests.clear()
    server.answer = right_answer
    assert relate(LABELS[:3], client, tmp_path).dropped == {}
    (request,) = server.requests
    assert list(asked_pairs(request).values()) == [
        frozenset(("Animal", "Engine idling"))
    ]


def test_no_answer_at_all_leaves_the_old_table(server, client, tmp_path):
    (tmp_path / "rel.csv").write_text("old")
    server.answer = lambda request: "no"
    with pytest.raises(LlmAnswerError, match="any of the 3 pairs"):
        relate(LABELS[:3], client, tmp_path)
    assert (tmp_path / "rel.csv").read_text() == "old"


def test_an_interrupted_run_goes_on(server, client, tmp_path):
    count = 0

    def dies(request):
        nonlocal count
        count += 1
        return right_answer(request) if count <= 3 else (401, {}, b"expired")

    server.answer = dies
    with pytest.raises(LlmError, match="expired.*6 of 10 pairs are kept"):
        relate(LABELS, client, tmp_path, batch_size=2)
    assert not (tmp_path / "rel.csv").exists()
    # As if the power had failed within the last line.
    journal = tmp_path / "rel.csv.journal.jsonl"
    journal.write_bytes(journal.read_bytes()[:-10])

    first = {p for r in server.requests[:2] for p in asked_pairs(r).values()}
    server.requests.clear()
    server.answer = right_answer
    relate(LABELS, client, tmp_path, batch_size=2)
    second = [p for r in server.requests for p in asked_pairs(r).values()]
    assert len(second) == 6 and not first & set(second)
    assert len(table(tmp_path)) == 20
    # Everything is known now, in whatever order.
    server.requests.clear()
    relate(LABELS[::-1], client, tmp_path)
    assert server.requests == []
    # A new label asks for its own pairs only.
    relate([*LABELS, "Rain"], client, tmp_path)
    (request,) = server.requests
    assert len(asked_pairs(request)) == 5


def test_a_stale_journal_is_refused(server, client, tmp_path):
    relate(LABELS, client, tmp_path)
    client.model = "other"
    with pytest.raises(ValueError, match="'tiny'.*'other'.*Remove"):
        relate(LABELS, client, tmp_path)
    assert len(server.requests) == 1


@pytest.mark.parametrize(
    "labels, words",
    [
        (["Dog", "Cat", "Dog"], "more than once: .'Dog'"),
        (["Dog", " Cat"], "' Cat'"),
        (["Dog", ""], "empty"),
        (["Dog"], "a pair takes two"),
    ],
)
def test_wrong_labels_are_named(client, tmp_path, labels, words):
    with pytest.raises(ValueError, match=words):
        relate(labels, client, tmp_path)
    assert list(tmp_path.iterdir()) == []


def test_journal_survives_and_says_what_is_broken(tmp_path):
    path = tmp_path / "j.jsonl"
    path.write_bytes(b'{"half a key')
    with Journal(path, {"k": 1}) as journal:
        journal.append({"n": 1})
    path.write_bytes(path.read_bytes() + b'{"n": 2')
    with Journal(path, {"k": 1}) as journal:
        assert journal.entries == [{"n": 1}]
        journal.append({"n": 3})
    assert path.read_text() == '{"k": 1}\n{"n": 1}\n{"n": 3}\n'
    path.write_text('{"k": 1}\nbroken\n{"n": 3}\n')
    with pytest.raises(ValueError, match="j.jsonl:2: .*remove"):
        Journal(path, {"k": 1})


def test_journal_on_a_full_disk(tmp_path, monkeypatch):
    import os

    with Journal(tmp_path / "j.jsonl", {}) as journal:
        write = os.write
        monkeypatch.setattr(os, "write", lambda fd, b: write(fd, b[:3]))
        with pytest.raises(OSError, match="No space.*j.jsonl"):
            journal.append({"n": 1})
        monkeypatch.undo()
        journal.append({"n": 2})
    assert (tmp_path / "j.jsonl").read_text() == '{}\n{"n": 2}\n'


def test_command_line(server, tmp_path, monkeypatch):
    from click.testing import CliRunner

    from speechbrain_opensed.commands.relate_labels import relate_labels

    monkeypatch.setenv("OPENSED_LLM_BASE_URL", server.url)
    monkeypatch.setenv("OPENSED_LLM_API_KEY", KEY)
    (tmp_path / "labels.txt").write_text("Animal\nDog\n\nThunder\n")
    paths = [str(tmp_path / "labels.txt"), str(tmp_path / "rel.csv")]
    result = CliRunner().invoke(relate_labels, [*paths, "--model", "tiny"])
    assert result.exit_code == 0, result.output
    assert "A 1; D 2" in result.output
    assert table(tmp_path)["Dog", "Animal"] == "A"

    result = CliRunner().invoke(relate_labels, [*paths, "--model", "other"])
    assert result.exit_code == 1
    assert "Remove the journal" in result.output

    (tmp_path / "bytes.txt").write_bytes(b"\xff\xfe")
    for labels, words in (
        ("no.txt", "no.txt: no such file; give"),
        ("bytes.txt", "is not UTF-8 text"),
        ("no_vocabulary", "shipped vocabularies"),
    ):
        arguments = [str(tmp_path / labels), paths[1], "--model", "tiny"]
        result = CliRunner().invoke(relate_labels, arguments)
        assert result.exit_code == 1
        assert words in result.output


def test_a_journal_has_one_writer(tmp_path):
    path = tmp_path / "answers.jsonl"
    with Journal(path, {"model": "tiny"}) as journal:
        journal.append({"answer": "A"})
        with pytest.raises(OSError, match="another process is writing"):
            Journal(path, {"model": "tiny"})
    with Journal(path, {"model": "tiny"}) as journal:
        assert journal.entries == [{"answer": "A"}]


@pytest.mark.timeout(5)
def test_thoughts_without_an_end_take_no_time():
    text = "<think>" * 200_000
    with pytest.raises(ValueError, match="no complete JSON"):
        parse_json(text)
    assert parse_json("<think>{}</think>" * 50_000 + '{"a": 1}') == {"a": 1}
    with pytest.raises(ValueError, match="too many to read"):
        parse_json("x" * 3_000_000)


@pytest.mark.timeout(10)
@pytest.mark.parametrize(
    "text, words",
    [
        ("[" * 900 + "1," * 500_000, "left open"),
        ("{" * 1_900_000, "left open"),
        ('["' * 900_000, "left open"),
        (
            "{" + ",".join(f'"{n}":1' for n in range(100_000)) + ',"0":1}',
            "'0'",
        ),
    ],
    ids=["nested", "braces", "texts", "a key twice"],
)
def test_answers_that_nobody_can_read_take_no_time(text, words):
    with pytest.raises(ValueError, match=words):
        parse_json(text)


def test_the_key_is_masked_before_anything_is_cut():
    key = "sk-secret-0123456789"
    client = LlmClient("http://localhost:1/v1", "tiny", key)
    for padding in range(380, 401):
        shown = client._clean(RuntimeError("x" * padding + key))
        assert key[:4] not in shown
    assert "sk-s" not in client._clean(RuntimeError(key * 9 + key[:12]))


@pytest.mark.parametrize(
    ("answer", "value"),
    [
        ('hm {"a": 9}</think>{"a": 1}', {"a": 1}),
        ('<think>{"a": 9, "b": 2}</think>{"a": 1}', {"a": 1}),
        ('{"a": 1}<think>{"a": 9, "b": 2}', {"a": 1}),
    ],
)
def test_thoughts_are_no_answers(answer, value):
    assert parse_json(answer) == value


@pytest.mark.parametrize(
    "answer",
    [
        '<think>perhaps {"a": 1}',
        '{"a": NaN}',
        '{"a": -Infinity}',
        '{"a": 1e999}',
        "[" * 500_000,
        '{"a":' * 100_000,
    ],
)
@pytest.mark.timeout(10)
def test_what_is_no_answer_is_refused(answer):
    with pytest.raises(ValueError):
        parse_json(answer)


@pytest.mark.parametrize("way", [json.dumps, repr, str])
def test_the_key_is_masked_however_it_is_written(way):
    key = 'sk-a/b+c"d\\e-123456'
    client = LlmClient("http://localhost:1/v1", "m", key)
    for said in (way(key), way(key).replace("/", "\\/"), quote(key, safe="")):
        masked = client._clean(RuntimeError(f"bad key {said} given"))
        assert "123456" not in masked and "sk-a" not in masked, masked
