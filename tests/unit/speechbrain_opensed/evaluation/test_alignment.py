"""Four tasks on the cut sets of our own recipes, each clip heard once."""

import io
import json

import numpy as np
import pytest
import soundfile
import torch
from lhotse import CutSet, Recording
from lhotse.cut import MultiCut

from lhotse_recipes import (
    prepare_audiocaps,
    prepare_audiogrounding,
    prepare_clotho,
    prepare_desed,
    prepare_esc50,
)
from lhotse_recipes.schema import caption, event, tag
from speechbrain_opensed.evaluation.alignment import (
    encode_cuts,
    evaluate_alignment,
)
from speechbrain_opensed.evaluation.clip_tasks import (
    ClassificationTask,
    RetrievalTask,
)
from speechbrain_opensed.evaluation.frame_tasks import (
    DetectionTask,
    GroundingTask,
)

HOP = 0.1


def test_clotho_and_audiocaps(tmp_path, model, write_tones, write_text):
    for name in ("dog", "cat", "rain"):
        write_tones(tmp_path / f"clotho/evaluation/{name}.wav", [(name, 0, 2)])
        write_tones(tmp_path / f"caps/test/Y{name}.wav", [(name, 0, 1)])
    head = "file_name," + ",".join(f"caption_{i}" for i in range(1, 6))
    write_text(
        tmp_path / "clotho/clotho_captions_evaluation.csv",
        f"{head}\ndog.wav,A dog.,The dog barks.,Dog,,\n"
        "cat.wav,A cat.,Some rain.,,,\nrain.wav,Rain.,,,,\n",
    )
    cuts = prepare_clotho(tmp_path / "clotho")["evaluation"]["cuts"]
    found = evaluate_alignment(cuts, model, {"r": RetrievalTask(cuts)})["r"]
    assert (found["clips"], found["captions"]) == (3, 6)
    # "Some rain." is said of the cat: the rain is nearer to it, and its own
    # caption is as near to the rain's clip.
    assert found["T2A_R@1"] == pytest.approx(5 / 6)
    assert found["A2T_R@1"] == pytest.approx(2 / 3)
    assert model.clips == 3 and len(model.texts) == 6
    write_text(
        tmp_path / "caps/test.csv",
        "audiocap_id,youtube_id,start_time,caption\n"
        "1,dog,0,A dog\n2,dog,0,Dog\n3,cat,0,A cat\n",
    )
    cuts = prepare_audiocaps(tmp_path / "caps")["test"]["cuts"]
    found = evaluate_alignment(cuts, model, {"r": RetrievalTask(cuts)})["r"]
    assert (found["clips"], found["captions"]) == (2, 3)
    assert found["T2A_R@1"] == found["A2T_R@1"] == 1


def test_esc50(tmp_path, model, write_tones, write_text):
    rows = "filename,fold,target,category,esc10,src_file,take\n"
    for name in ("dog", "cat", "rain"):
        write_tones(tmp_path / f"audio/1-{name}.wav", [(name, 0, 2)])
        rows += f"1-{name}.wav,1,0,{name},True,{name},A\n"
    write_text(tmp_path / "meta/esc50.csv", rows)
    cuts = prepare_esc50(tmp_path)["fold1"]["cuts"]
    task = ClassificationTask(cuts, template="I hear {} now")
    found = evaluate_alignment(cuts, model, {"c": task})["c"]
    assert found["accuracy"] == found["mAP"] == 1 and found["classes"] == 3
    assert model.texts == [
        "I hear cat now",
        "I hear dog now",
        "I hear rain now",
    ]
    assert task.details()["per_class"]["dog"]["recall"] == 1
    with pytest.raises(ValueError, match="write {} once"):
        ClassificationTask(cuts, template="a sound")
    with pytest.raises(ValueError, match="no phrase, such as 'cat'"):
        ClassificationTask(cuts, phrases={"dog": "barking", "rain": "rain"})


def test_desed(tmp_path, model, write_tones, write_text):
    rows = "filename\tonset\toffset\tevent_label\n"
    for index in range(4):
        name = f"Y{index}.wav"
        spans = [("dog", 0.4, 1.2)] if index % 2 else [("cat", 1.0, 1.6)]
        write_tones(tmp_path / f"audio/validation/{name}", spans)
        for word, onset, offset in spans:
            rows += f"{name}\t{onset}\t{offset}\t{word.title()}\n"
    write_tones(tmp_path / "audio/validation/Ysilent.wav", [("rain", 0, 1)])
    rows += "Ysilent.wav\t\t\t\n"
    write_text(tmp_path / "metadata/validation/validation.tsv", rows)
    cuts = prepare_desed(tmp_path)["validation"]["cuts"]
    task = DetectionTask(cuts, HOP, "desed", groups={"dogs": ["Dog"]})
    found = evaluate_alignment(cuts, model, {"d": task}, batch_size=3)["d"]
    assert found.items() >= {
        "PSDS1": 1.0, "PSDS2": 1.0, "PSDS1_dogs": 1.0, "collar_F1": 1.0,
        "segment_F1": 1.0, "clips": 4, "classes": 2,
        "onset_error": pytest.approx(0, abs=0.2),
        "offset_error": pytest.approx(0, abs=0.2),
    }.items()  # fmt: skip
    # Raw labels, and without the clip that has no event.
    assert model.texts == ["Cat", "Dog"] and model.clips == 4
    phrases = {"Cat": "rain", "Dog": "a dog"}
    kept = DetectionTask(cuts, HOP, "flexsed", phrases=phrases)
    found = evaluate_alignment(cuts, model, {"d": kept})["d"]
    assert found["clips"] == 5 and found["PSDS1_A"] == 0.5
    with pytest.raises(ValueError, match="frames of 0.16 s, the model's"):
        evaluate_alignment(cuts, model, {"d": DetectionTask(cuts, 0.16)})


def test_audiogrounding(tmp_path, model, write_tones, write_text):
    entry = {
        "audiocap_id": 7,
        "audio_id": "Yabcdefghijk_30.wav",
        "tokens": ["a", "dog", "and", "a", "dog", "in", "rain"],
        "phrases": [
            {"phrase": "a dog", "start_index": 0, "end_index": 1,
             "segments": [[0.4, 0.8], [1.2, 1.6]]},
            {"phrase": "a dog", "start_index": 3, "end_index": 4,
             "segments": [[1.2, 1.6]]},
            {"phrase": "rain", "start_index": 6, "end_index": 6,
             "segments": [[0, 0]]},
        ],
    }  # fmt: skip
    write_text(tmp_path / "test.json", json.dumps([entry]))
    spans = [("dog", 0.4, 0.8), ("dog", 1.2, 1.6)]
    write_tones(tmp_path / "audio/Yabcdefghijk_30.wav", spans)
    cuts = prepare_audiogrounding(tmp_path)["test"]["cuts"]
    task = GroundingTask(cuts, HOP)
    found = evaluate_alignment(cuts, model, {"g": task})["g"]
    # The same words at two places of the caption are two phrases; one clip
    # and two texts.
    assert found["phrases"] == 3 and model.clips == 1
    assert sorted(task.stats.scores) == [
        f"{cuts[0].id}/{name}" for name in ("7_0", "7_3", "rain")
    ]
    assert sorted(model.texts) == ["a dog", "rain"]
    assert task.stats.durations[f"{cuts[0].id}/7_3"] == 2.0
    assert 0 < found["psds2021"] <= 1 and 0 < found["th_auc"] < 1
    assert len(GroundingTask(cuts, HOP, unheard=False).texts) == 1


@pytest.fixture
def mixed(tmp_path, write_tones):
    """Three cuts with everything, one with nothing."""
    cuts = []
    for name in ("dog", "cat", "rain"):
        write_tones(tmp_path / f"{name}.wav", [(name, 0.5, 1.5)], channels=2)
        cut = Recording.from_file(tmp_path / f"{name}.wav").to_cut()
        cut.supervisions = [
            caption(name, 0, 2.0, f"A {name}."),
            tag(name, 0, 2.0, name, name),
            event(name, 0, 0.5, 1.5, f"the {name}", name.title()),
        ]
        cuts.append(cut)
    write_tones(tmp_path / "nothing.wav", [], seconds=0.01)
    cuts.append(Recording.from_file(tmp_path / "nothing.wav").to_cut())
    path = tmp_path / "cuts.jsonl.gz"
    CutSet.from_cuts(cuts).to_file(path)
    return CutSet.from_file(path)


def all_tasks(cuts):
    return {
        "retrieval": RetrievalTask(cuts),
        "zero-shot": ClassificationTask(cuts),
        "detection": DetectionTask(cuts, HOP, "audioset-strong"),
        "grounding": GroundingTask(cuts, HOP),
    }


def test_each_clip_is_heard_once_for_all_tasks(mixed, model):
    tasks = all_tasks(mixed)
    model.part = torch.nn.Dropout()
    found = evaluate_alignment(mixed, model, tasks, batch_size=2)
    assert model.clips == 3  # the one with nothing is not asked for
    assert len(model.texts) == len(set(model.texts)) == 12
    assert found["retrieval"]["T2A_R@1"] == 1
    assert found["zero-shot"]["accuracy"] == 1
    assert found["detection"]["PSDS1"] == 1
    assert found["grounding"]["psds2021"] == 1
    assert model.training and model.modes == {False}
    again = evaluate_alignment(mixed, model, tasks, batch_size=7)
    assert again == found
    text = io.StringIO()
    for task in tasks.values():
        task.write_stats(text)
    assert "T2A_R@1: 1.0" in text.getvalue()


def test_a_brain_may_feed_the_tasks_itself(mixed, model):
    tasks = all_tasks(mixed)
    expected = evaluate_alignment(mixed, model, tasks)
    for task in tasks.values():
        task.clear()
    for cuts, clips, frames in encode_cuts(mixed, model, batch_size=1):
        for task in tasks.values():
            task.append([cut.id for cut in cuts], clips, frames)
    assert {n: task.summarize() for n, task in tasks.items()} == expected
    assert tasks["zero-shot"].summarize("accuracy") == 1


def test_what_is_heard(tmp_path, model, write_tones, mixed):
    ((_, _, tiny),) = encode_cuts([mixed[3]], model)
    assert tiny.shape[1] == 1  # 10 ms, filled up
    write_tones(tmp_path / "long.wav", [("dog", 0, 9), ("cat", 10, 30)], 30.0)
    long = Recording.from_file(tmp_path / "long.wav").to_cut()
    ((_, whole, _),) = encode_cuts([long], model)
    ((_, start, frames),) = encode_cuts([long], model, as_published=True)
    assert whole[0, 1] > whole[0, 0] and start[0, 0] > 0.99
    assert frames.shape[1] == 100
    both = np.stack([np.zeros(16000), np.ones(16000)], 1)
    soundfile.write(tmp_path / "stereo.wav", both, 16000, subtype="FLOAT")
    stereo = Recording.from_file(tmp_path / "stereo.wav").to_cut()
    assert isinstance(stereo, MultiCut)
    heard = []
    model.encode_audio = lambda wav, lens: heard.append(wav) or (wav, wav)
    list(encode_cuts([stereo], model))
    list(encode_cuts([stereo], model, as_published=True))
    assert heard[0].unique().tolist() == [0.5]
    assert heard[1].unique().tolist() == [0.0]


@pytest.mark.parametrize(
    "make, words",
    [
        (RetrievalTask, "no cut has a caption"),
        (ClassificationTask, "no cut has a tag"),
        (lambda cuts: DetectionTask(cuts, HOP), "no cut has an event"),
        (lambda cuts: GroundingTask(cuts, HOP), "no cut has an event"),
        (lambda cuts: GroundingTask([*cuts, *cuts], HOP), "occurs twice"),
    ],
)
def test_cuts_without_what_a_task_needs(mixed, make, words):
    with pytest.raises(ValueError, match=words):
        make([mixed[3]])


def test_missing_audio_is_never_silence(mixed, model, tmp_path):
    tasks = {"r": RetrievalTask(mixed)}
    (tmp_path / "cat.wav").unlink()
    with pytest.raises(FileNotFoundError, match="cut cat.*cat.wav is missing"):
        evaluate_alignment(mixed, model, tasks)
