"""Captions by a language model: asked once, checked, resumable."""

import json
import re

import pytest
from lhotse import CutSet
from lhotse.testing.dummies import dummy_cut

from lhotse_recipes.schema import captions_of, event, events_of
from lhotse_recipes.soundscapes import ProceduralBank, simulate_soundscapes
from speechbrain_opensed.language.captions import caption_clips, timeline
from speechbrain_opensed.language.client import (
    LlmAnswerError,
    LlmClient,
    LlmError,
)


class Writer(LlmClient):
    """Repeats each timeline as a sentence, or errs as it is told."""

    def __init__(self, faults=()):
        super().__init__("http://localhost:1/v1", "writer", max_concurrency=1)
        self.faults = list(faults)
        self.asked = []

    def complete(self, messages):
        prompt = next(m["content"] for m in messages if m["role"] == "user")
        lines = re.findall(r"^(\d+)\. (.*)$", prompt, re.M)
        fault = self.faults.pop(0) if self.faults else None
        if isinstance(fault, Exception):
            raise fault
        self.asked.append(len(lines))
        if fault is not None:
            return fault
        return json.dumps({k: f"There is {json.loads(t)}." for k, t in lines})


def clips(number):
    return CutSet.from_cuts(
        dummy_cut(
            k, supervisions=[event(f"r{k}", 0, 0.1 * k, 1.0, "a dog", "dog")]
        )
        for k in range(number)
    )


def texts(path):
    return [
        [one.text for one in captions_of(cut)] for cut in CutSet.from_file(path)
    ]


def test_every_clip_gets_its_caption(tmp_path):
    path = tmp_path / "captioned.jsonl.gz"
    writer = Writer()
    cuts = clips(7)
    report = caption_clips(cuts, writer, path, batch_size=3)
    assert writer.asked == [3, 3, 1]
    assert texts(path) == [[f"There is {timeline(cut)}."] for cut in cuts]
    assert report.counts == {"clips": 7, "captions": 7}
    assert (tmp_path / "captioned_report_captions.json").is_file()
    caption_clips(clips(8), writer, path)
    assert writer.asked == [3, 3, 1, 1]


def test_equal_timelines_are_asked_once(tmp_path):
    cut = dummy_cut(0)
    cuts = [cut, dummy_cut(1), dummy_cut(2)]
    writer = Writer()
    caption_clips(cuts, writer, tmp_path / "c.jsonl")
    assert writer.asked == [1]
    assert (
        texts(tmp_path / "c.jsonl")
        == [["There is nothing but background."]] * 3
    )


def test_unusable_answers_are_asked_again_and_reported(tmp_path):
    path = tmp_path / "c.jsonl"
    long = " ".join(["dog"] * 61)
    writer = Writer(
        [
            "[]",
            '{"9": "A dog."}',
            json.dumps({"1": "A dog barks.", "2": "", "3": long}),
        ]
    )
    report = caption_clips(clips(3), writer, path, attempts=3)
    assert texts(path) == [["A dog barks."], [], []]
    ids = [cut.id for cut in clips(3)][1:]
    assert report.dropped == {"no valid caption": ids}
    caption_clips(clips(3), writer, path)
    assert writer.asked == [3, 3, 3, 2]
    assert all(texts(path))


def test_answers_survive_a_failure(tmp_path):
    path = tmp_path / "c.jsonl"
    answer = '{"1": "A dog barks.", "2": "Another dog."}'
    writer = Writer([answer, LlmError("down.")])
    with pytest.raises(LlmError, match=r"down. 2 of 4 captions are kept"):
        caption_clips(clips(4), writer, path, batch_size=2)
    assert not path.exists()
    caption_clips(clips(4), writer, path, batch_size=2)
    assert writer.asked == [2, 2]
    assert texts(path)[:2] == [["A dog barks."], ["Another dog."]]


def test_a_model_that_cannot(tmp_path):
    writer = Writer(["no"] * 3)
    with pytest.raises(LlmAnswerError, match="no usable caption for any"):
        caption_clips(clips(2), writer, tmp_path / "c.jsonl")
    assert not (tmp_path / "c.jsonl").exists()


def test_mixtures_keep_their_sound_and_events(tmp_path):
    bank = ProceduralBank(seed=0).write(
        tmp_path / "bank",
        per_phrase=1,
        num_backgrounds=1,
        phrases=["low rising buzz"],
    )
    cuts = simulate_soundscapes(bank, None, 2, seed=0)
    caption_clips(cuts, Writer(), tmp_path / "c.jsonl.gz")
    for ours, cut in zip(
        CutSet.from_file(tmp_path / "c.jsonl.gz"), cuts, strict=True
    ):
        assert (ours.load_audio() == cut.load_audio()).all()
        assert [e.to_dict() for e in events_of(ours)] == [
            e.to_dict() for e in events_of(cut)
        ]
        assert captions_of(ours)[0].text.startswith("There is low rising buzz")
