"""Answers are kept as they come, and never mixed with those of another run."""

import pytest

from speechbrain_opensed.language.ask import (
    ask_all,
    ask_numbered,
    open_journal,
)
from speechbrain_opensed.language.client import LlmClient, LlmError

URL = "http://localhost:8000/v1"


class Scripted(LlmClient):
    def __init__(self, *answers, **options):
        super().__init__(URL, "tiny", **options)
        self.answers, self.asked = list(answers), []

    def complete(self, messages):
        self.asked.append(messages[-1]["content"])
        return self.answers.pop(0)


def ask(client, lines, attempts=2):
    accept = {"yes": "Y", "no": "N"}.get
    return ask_numbered(
        client, lines, accept, "i", attempts=attempts, lacking="{} lack one"
    )


def test_good_answers_of_a_bad_reply_are_kept():
    client = Scripted('{"1": "yes", "2": "perhaps", "3": 7}', '{"3": "no"}')
    assert ask(client, ["a", "b", "c"]) == {0: "Y", 2: "N"}
    assert client.asked[0] == "1. a\n2. b\n3. c"
    assert "2, 3 lack one" in client.asked[1]


@pytest.mark.parametrize(
    "reply, problem",
    [('{"4": "yes"}', "no numbers 4"), ("[1]", "not a JSON object")],
)
def test_other_replies_are_asked_for_again(reply, problem):
    client = Scripted(reply, '{"1": "yes"}')
    assert ask(client, ["a"]) == {0: "Y"} and problem in client.asked[1]


def test_what_was_answered_before_a_failure_is_kept(tmp_path):
    client = Scripted(max_concurrency=1)

    def work(batch):
        if batch == [3]:
            raise LlmError("down.")
        return {"numbers": batch}

    with open_journal(tmp_path / "t.csv", "1", client) as journal:
        with pytest.raises(LlmError, match="down. 2 of 3 numbers are kept"):
            ask_all(
                client,
                [[1, 2], [3]],
                work,
                journal,
                total=3,
                known=lambda: sum(len(e["numbers"]) for e in journal.entries),
                what="numbers",
            )
        assert journal.entries == [{"numbers": [1, 2]}]


@pytest.mark.parametrize(
    "prompt, options", [("2", {}), ("1", {"temperature": 1.0})]
)
def test_other_settings_are_refused(tmp_path, prompt, options):
    with open_journal(tmp_path / "t.csv", "1", Scripted()):
        pass
    with open_journal(tmp_path / "t.csv", "1", Scripted()):
        pass
    with pytest.raises(ValueError, match="Remove the journal"):
        open_journal(tmp_path / "t.csv", prompt, Scripted(**options))
