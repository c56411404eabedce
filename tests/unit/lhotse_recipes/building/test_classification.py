"""Corpora of tagged clips: small trees with each corpus's layout and traps."""

import csv
import json
import os

import numpy as np
import pytest
import soundfile

from lhotse_recipes.corpora.beijing_opera import prepare_beijing_opera
from lhotse_recipes.corpora.crema_d import prepare_crema_d
from lhotse_recipes.corpora.esc50 import prepare_esc50
from lhotse_recipes.corpora.fsd50k import prepare_fsd50k
from lhotse_recipes.corpora.gtzan import prepare_gtzan
from lhotse_recipes.corpora.ns_instruments import (
    download_ns_instruments,
    prepare_ns_instruments,
)
from lhotse_recipes.corpora.ravdess import prepare_ravdess
from lhotse_recipes.corpora.sesa import prepare_sesa
from lhotse_recipes.corpora.tut2017 import prepare_tut2017
from lhotse_recipes.corpora.urbansound8k import prepare_urbansound8k
from lhotse_recipes.corpora.vggsound import prepare_vggsound
from lhotse_recipes.corpora.vocalsound import prepare_vocalsound
from lhotse_recipes.schema import tags_of
from lhotse_recipes.vocabulary import Vocabulary

ESC = "filename,fold,target,category,esc10,src_file,take\n"
US8K = "slice_file_name,fsID,start,end,salience,fold,classID,class\n"


@pytest.fixture(scope="session")
def sound(tmp_path_factory):
    path = tmp_path_factory.mktemp("sound") / "one.wav"
    soundfile.write(path, np.full(160, 0.1), 16000)
    return path


@pytest.fixture
def tree(tmp_path, sound):
    """Makes a corpus: a path ending in .wav is audio, others have text."""

    def make(files):
        for name, text in files.items():
            path = tmp_path / "corpus" / name
            path.parent.mkdir(parents=True, exist_ok=True)
            if text is None:
                os.link(sound, path)
            else:
                path.write_text(text, encoding="utf-8")
        return tmp_path / "corpus"

    return make


def found(prepared):
    """Part → clip → labels."""
    return {
        part: {
            cut.id: [one.label for one in tags_of(cut)]
            for cut in manifests["cuts"]
        }
        for part, manifests in prepared.items()
    }


def report(folder, name, part):
    return json.loads((folder / f"{name}_report_{part}.json").read_text())


def test_esc50(tree, tmp_path):
    corpus = tree(
        {
            "meta/esc50.csv": ESC
            + "1-17-A-0.wav,1,0,dog,True,17,A\n"
            + "5-9-A-38.wav,5,38,water_drops,False,9,A\n"
            + "1-18-B-21.wav,1,21,sneezing,False,18,B\n"
            + "1-19-A-0.wav,1,0,dog,True,19,A\n",
            "audio/1-17-A-0.wav": None,
            "audio/1-18-B-21.wav": None,
            "audio/5-9-A-38.wav": None,
        }
    )
    prepared = prepare_esc50(corpus, tmp_path / "out")
    assert found(prepared) == {
        "fold1": {"1-17-A-0": ["dog"], "1-18-B-21": ["sneezing"]},
        "fold5": {"5-9-A-38": ["water drops"]},
    }
    cut = prepared["fold1"]["cuts"][0]
    assert cut.custom == {
        "vocabulary": "esc50",
        "events_complete": False,
        "fold": "1",
        "group": "17",
    }
    told = report(tmp_path / "out", "esc50", "fold1")
    assert told["coverage"] == {"found": 2, "expected": 3}
    assert told["dropped"]["missing audio"]["items"] == ["1-19-A-0"]
    assert told["ids"] == ["1-17-A-0", "1-18-B-21"]
    actions = prepare_esc50(corpus, tmp_path / "out", actions=True)
    assert found(actions) == {
        "fold1": {"1-18-B-21": ["sneezing"]},
        "fold5": {},
    }
    told = report(tmp_path / "out", "esc50-actions", "fold1")
    assert told["dropped"]["no human action"]["count"] == 2
    assert len(Vocabulary.load(tmp_path / "out/esc50_actions.csv")) == 10


def test_urbansound8k(tree):
    corpus = tree(
        {
            "metadata/UrbanSound8K.csv": US8K
            + "7-3-0-0.wav,7,0.0,0.3,1,10,3,dog_bark\n"
            + "8-2-0-1.wav,8,5.0,9.0,2,2,2,children_playing\n",
            "audio/fold10/7-3-0-0.wav": None,
            "audio/fold2/8-2-0-1.flac": None,
        }
    )
    prepared = prepare_urbansound8k(corpus)
    assert found(prepared) == {
        "fold2": {"8-2-0-1": ["children playing"]},
        "fold10": {"7-3-0-0": ["dog bark"]},
    }
    custom = prepared["fold2"]["cuts"][0].custom
    assert (custom["group"], custom["salience"]) == ("8", "background")


FSD = {
    "FSD50K.ground_truth/vocabulary.csv": "0,Bark,/m/05tny_\n"
    "1,Dog,/m/0bt9lr\n2,Water_tap_and_faucet,/m/02jz0l\n",
    "FSD50K.ground_truth/dev.csv": "fname,labels,mids,split\n"
    '64760,"Bark,Dog","/m/05tny_,/m/0bt9lr",train\n'
    "16399,Water_tap_and_faucet,/m/02jz0l,val\n",
    "FSD50K.ground_truth/eval.csv": "fname,labels,mids\n37199,Dog,/m/0bt9lr\n",
    "FSD50K.dev_audio/64760.wav": None,
    "FSD50K.dev_audio/16399.wav": None,
    "FSD50K.eval_audio/37199.wav": None,
}


def test_fsd50k(tree, tmp_path):
    prepared = prepare_fsd50k(tree(FSD), tmp_path / "out")
    assert found(prepared) == {
        "train": {"64760": ["Bark", "Dog"]},
        "val": {"16399": ["Water_tap_and_faucet"]},
        "eval": {"37199": ["Dog"]},
    }
    complete = {k: v["cuts"][0].events_complete for k, v in prepared.items()}
    assert complete == {"train": False, "val": False, "eval": True}
    (tap,) = tags_of(prepared["val"]["cuts"][0])
    assert (tap.text, tap.mid) == ("Water tap and faucet", "/m/02jz0l")
    assert (tmp_path / "out/fsd50k.csv").is_file()


def test_fsd50k_has_parts_of_its_own(tree):
    dev = "fname,labels,mids,split\n64760,Dog,/m/0bt9lr,dev\n"
    corpus = tree({**FSD, "FSD50K.ground_truth/dev.csv": dev})
    with pytest.raises(ValueError, match=r"dev.csv:2: split 'dev' is neither"):
        prepare_fsd50k(corpus)


@pytest.mark.parametrize("whole", [True, False])
def test_vggsound(tree, whole):
    tables = {
        "vggsound.csv": 'gl_Q-ijrKg,300,"bird chirping, tweeting",test\n'
        "aaaaaaaaaaa,0,parrot talking,train\n",
        "test.csv": 'gl_Q-ijrKg_000300.mp4,"bird chirping, tweeting"\n',
        "train.csv": "aaaaaaaaaaa_000000.mp4,parrot talking\n",
    }
    if not whole:
        del tables["vggsound.csv"]
    audio = {"a/gl_Q-ijrKg_000300.flac": None, "aaaaaaaaaaa_000000.wav": None}
    prepared = prepare_vggsound(tree({**tables, **audio}))
    assert found(prepared) == {
        "test": {"gl_Q-ijrKg_000300": ["bird chirping, tweeting"]},
        "train": {"aaaaaaaaaaa_000000": ["parrot talking"]},
    }
    assert prepared["test"]["cuts"][0].group == "gl_Q-ijrKg"


@pytest.mark.parametrize(
    "row, told",
    [
        ("a,x,parrot talking,test", "vggsound.csv:1: start 'x'"),
        ("a,1,parrot talking,valid", "vggsound.csv:1: split 'valid'"),
        ("\n#c\na,1,parrot talking", "vggsound.csv:3: 3 fields instead of 4"),
        ("a,1,parot talking,test", "vggsound.csv:1: .*mean 'parrot talking'"),
    ],
)
def test_bad_rows_of_vggsound(tree, row, told):
    with pytest.raises(ValueError, match=told):
        prepare_vggsound(tree({"vggsound.csv": row, "a.wav": None}))


def test_tut2017(tree):
    rows = "audio/b020_90_100.wav\tcafe/restaurant\n"
    corpus = tree(
        {
            "evaluation_setup/fold1_evaluate.txt": rows,
            "evaluation_setup/fold2_evaluate.txt": "audio/a1_0_10.wav\tbus\n",
            "eval/evaluation_setup/evaluate.txt": "audio/17.wav\ttram\n",
            "audio/b020_90_100.wav": None,
            "audio/a1_0_10.wav": None,
            "eval/audio/17.wav": None,
        }
    )
    prepared = prepare_tut2017(corpus)
    assert found(prepared) == {
        "fold1": {"b020_90_100": ["cafe/restaurant"]},
        "fold2": {"a1_0_10": ["bus"]},
        "evaluation": {"17": ["tram"]},
    }
    assert prepared["fold1"]["cuts"][0].group == "b020"
    tree({"evaluation_setup/fold3_evaluate.txt": rows})
    with pytest.raises(ValueError, match=r"fold3.*:1: .*tested at .*fold1"):
        prepare_tut2017(corpus)


def test_vocalsound(tree):
    def table(name):
        one = {"wav": f"/data/sls/{name}.wav", "labels": "/m/01b_21"}
        return json.dumps({"data": [one]})

    corpus = tree(
        {
            "datafiles_16k/tr.json": table("f0003_0_throatclearing"),
            "datafiles_16k/te.json": table("m0102_0_cough"),
            "audio_16k/f0003_0_throatclearing.wav": None,
            "audio_16k/m0102_0_cough.wav": None,
        }
    )
    prepared = prepare_vocalsound(corpus)
    assert found(prepared) == {
        "train": {"f0003_0_throatclearing": ["Throat clearing"]},
        "test": {"m0102_0_cough": ["Cough"]},
    }
    assert prepared["test"]["cuts"][0].speaker == "m0102"
    tree({"datafiles_16k/val.json": table("f0003_0_song")})
    with pytest.raises(ValueError, match="val.json: .*song.wav.* is no name"):
        prepare_vocalsound(corpus)
    (corpus / "datafiles_16k/val.json").write_text("{}")
    with pytest.raises(ValueError, match="val.json: not a list"):
        prepare_vocalsound(corpus)


def test_ns_instruments(tree, tmp_path):
    names = ["bass_synthetic_068-049-025", "synth_lead_synthetic_000-1-2"]
    corpus = tree(
        {
            "nsynth-test/examples.json": json.dumps(dict.fromkeys(names, {})),
            f"nsynth-test/audio/{names[0]}.wav": None,
            f"nsynth-test/audio/{names[1]}.wav": None,
        }
    )
    prepared = prepare_ns_instruments(corpus, tmp_path / "out")
    assert found(prepared) == {"test": {names[0]: ["bass"]}}
    assert prepared["test"]["cuts"][0].group == "bass_synthetic_068"
    told = report(tmp_path / "out", "ns-instruments", "test")
    assert told["dropped"]["a synth lead"]["count"] == 1
    (corpus / "nsynth-test/examples.json").write_text('{\n"a": }')
    with pytest.raises(ValueError, match="examples.json:2: no whole JSON"):
        prepare_ns_instruments(corpus)
    with pytest.raises(ValueError, match="parts .'dev'.: NSynth has train"):
        download_ns_instruments(tmp_path, parts=["dev"])


@pytest.mark.parametrize(
    "prepare, name, files, label, custom",
    [
        (
            prepare_crema_d,
            "crema-d",
            [f"AudioWAV/{n}_DFA_ANG_XX" for n in range(1001, 1041)],
            "anger",
            {"sentence": "DFA", "level": "XX"},
        ),
        (
            prepare_ravdess,
            "ravdess",
            [f"Actor_{n}/03-02-06-01-02-01-{n}" for n in range(10, 50)],
            "fearful",
            {"channel": "02", "intensity": "01"},
        ),
        (
            prepare_gtzan,
            "gtzan",
            [f"genres/blues/blues.{n:05d}" for n in range(40)],
            "blues",
            {},
        ),
        (
            prepare_beijing_opera,
            "beijing-opera",
            [f"Daluo/stroke_{n}" for n in range(40)],
            "daluo",
            {},
        ),
    ],
)
def test_classes_in_names(tree, tmp_path, prepare, name, files, label, custom):
    corpus = tree(
        dict.fromkeys([*(f"{file}.wav" for file in files), "odd.wav"])
    )
    prepared = prepare(corpus, tmp_path)
    clips = found(prepared)
    assert sum(map(len, clips.values())) == 40
    assert {tuple(v) for p in clips.values() for v in p.values()} == {(label,)}
    assert len(clips) == (5 if name == "beijing-opera" else 2)
    for manifests in prepared.values():
        for cut in manifests["cuts"]:
            assert custom.items() <= cut.custom.items()
    first = next(iter(prepared))
    told = report(tmp_path, name, first)["dropped"]
    assert told["its name says no class"]["items"] == ["odd.wav"]
    assert found(prepare(corpus, seed=1)) != clips
    (corpus / f"{files[0]}.wav").unlink()
    fewer = found(prepare(corpus))
    assert all(fewer[part].items() <= clips[part].items() for part in fewer)


def test_no_speaker_is_heard_twice(tree):
    names = [
        f"{n}_DFA_{c}_XX.wav"
        for n in range(1001, 1021)
        for c in "ANG SAD".split()
    ]
    prepared = prepare_crema_d(tree(dict.fromkeys(names)))
    train, test = (
        {cut.speaker for cut in prepared[part]["cuts"]}
        for part in ("train", "test")
    )
    assert train and test and not train & test


def test_sesa(tree):
    prepared = prepare_sesa(
        tree({"train/gunshot_004.wav": None, "test/casual_001.wav": None})
    )
    assert found(prepared) == {
        "train": {"gunshot_004": ["gunshot"]},
        "test": {"casual_001": ["casual"]},
    }


def test_nothing_that_belongs_to_the_corpus(tree):
    corpus = tree({"odd.wav": None})
    with pytest.raises(FileNotFoundError, match="no clip of gtzan.*odd.wav"):
        prepare_gtzan(corpus)
    with pytest.raises(FileNotFoundError, match="esc50.csv below it; get them"):
        prepare_esc50(corpus)


PALM = "path,classname\n"


def test_tables_of_palm(tree):
    corpus = tree(
        {
            "train.csv": PALM + "audios/copy_of_a_fold.wav,dog\n",
            "csv_files/train_2.csv": PALM + "audios/a.wav,dog\n",
            "csv_files/test_2.csv": PALM + "audios\\b.wav,water drops\n",
            "csv_files/test_10.csv": PALM + "audios/a.wav,dog\n",
            "audios/a.wav": None,
            "audios/b.wav": None,
        }
    )
    prepared = prepare_esc50(corpus)
    assert list(found(prepared).items()) == [
        ("train_2", {"a": ["dog"]}),
        ("test_2", {"b": ["water drops"]}),
        ("test_10", {"a": ["dog"]}),
    ]
    with pytest.raises(FileNotFoundError, match=r"esc50\.csv"):
        prepare_esc50(corpus, splits="official")
    with pytest.raises(ValueError, match="splits 'random': choose from auto"):
        prepare_esc50(corpus, splits="random")
    tree({"more/test_2.csv": PALM})
    with pytest.raises(ValueError, match="two tables of one part"):
        prepare_esc50(corpus)


def test_without_tables_of_palm(tree):
    with pytest.raises(FileNotFoundError, match="huggingface.co/MahiA"):
        prepare_sesa(tree({"train/siren_1.wav": None}), splits="palm")


GOOD = "1-17-A-0.wav,1,0,dog,True,17,A\n"


@pytest.mark.parametrize(
    "rows, told",
    [
        (GOOD + "x.wav,1\n", r"esc50.csv:3: 2 fields where the header has 7"),
        (GOOD + GOOD, r"esc50.csv:3: .*1-17-A-0.wav.*esc50.csv:2"),
        (GOOD.replace("dog", "dgo"), r"esc50.csv:2: 'dgo'.*mean 'dog'"),
        (GOOD.replace("dog", ""), r"esc50.csv:2: no label"),
        (GOOD + ",1,0,dog,True,1,A\n", r"esc50.csv:3: names no audio file"),
    ],
)
def test_bad_rows_are_named(tree, rows, told):
    corpus = tree({"esc50.csv": ESC + rows, "1-17-A-0.wav": None})
    with pytest.raises(ValueError, match=told):
        prepare_esc50(corpus)


def test_text_in_another_encoding(tree):
    corpus = tree({"esc50.csv": ESC, "a.wav": None, "vggsound.csv": ""})
    for name, prepare in (
        ("esc50.csv", prepare_esc50),
        ("vggsound.csv", prepare_vggsound),
    ):
        (corpus / name).write_bytes(ESC.encode() + b"\xe9,1,0,dog,True,1,A\n")
        with pytest.raises(ValueError, match=f"{name}:2: not a text in utf-8"):
            prepare(corpus)


def test_broken_audio_is_reported_or_refused(tree, tmp_path):
    corpus = tree({"blues.00001.wav": None, "jazz.00054.wav": "no audio"})
    prepared = prepare_gtzan(corpus, tmp_path, shares={"train": 1.0})
    assert found(prepared) == {"train": {"blues.00001": ["blues"]}}
    dropped = report(tmp_path, "gtzan", "train")["dropped"]
    assert "jazz.00054.wav" in dropped["unreadable audio"]["items"][0]
    with pytest.raises(ValueError, match="jazz.00054.wav is not a sound file"):
        prepare_gtzan(corpus, strict=True)


def test_one_name_in_two_folders(tree):
    corpus = tree(
        {
            "esc50.csv": ESC + GOOD,
            "a/1-17-A-0.wav": None,
            "b/1-17-A-0.flac": None,
        }
    )
    with pytest.raises(ValueError, match="two audio files for one clip"):
        prepare_esc50(corpus)


def rows_of(path):
    with open(path, newline="") as file:
        return list(csv.reader(file))


def link(names, sound, folder):
    folder.mkdir(parents=True)
    for name in names:
        os.link(sound, folder / name)
    return folder


def test_all_of_esc50(shared_data, sound, tmp_path):
    table = shared_data / "meta/esc50/esc50.csv"
    link([row[0] for row in rows_of(table)[1:]], sound, tmp_path / "audio")
    (tmp_path / "esc50.csv").write_bytes(table.read_bytes())
    for actions, each in (False, 400), (True, 80):
        prepared = prepare_esc50(tmp_path, actions=actions)
        assert [len(one["cuts"]) for one in prepared.values()] == [each] * 5


def test_all_of_urbansound8k(shared_data, sound, tmp_path):
    table = shared_data / "meta/urbansound8k/UrbanSound8K.csv"
    facts = json.loads((shared_data / "meta/sept/datasets.json").read_text())
    names = [row[0] for row in rows_of(table)[1:]]
    link(names, sound, tmp_path / "audio")
    (tmp_path / "UrbanSound8K.csv").write_bytes(table.read_bytes())
    prepared = prepare_urbansound8k(tmp_path)
    sizes = {part[4:]: len(one["cuts"]) for part, one in prepared.items()}
    assert sizes == facts["UrbanSound8K"]["test_samples_per_fold"]
    assert list(sizes) == [str(number) for number in range(1, 11)]


def test_part_of_vggsound(shared_data, sound, tmp_path):
    table = shared_data / "meta/vggsound/test.csv"
    names = [row[0].replace(".mp4", ".wav") for row in rows_of(table)[::50]]
    link(names, sound, tmp_path / "audio")
    (tmp_path / "test.csv").write_bytes(table.read_bytes())
    prepared = prepare_vggsound(tmp_path, tmp_path / "out")
    told = report(tmp_path / "out", "vggsound", "test")
    assert told["coverage"] == {"found": 309, "expected": 15446}
    assert told["dropped"]["missing audio"]["count"] == 15446 - 309
    assert sorted(prepared["test"]["cuts"].ids) == sorted(
        name.removesuffix(".wav") for name in names
    )


def test_classes_are_those_of_the_papers(shared_data):
    from lhotse_recipes.protocols import base_new

    facts = json.loads((shared_data / "meta/sept/datasets.json").read_text())
    names = {"GT-Music-Genre": "gtzan"}
    assert len(facts) == 11
    for name, fact in facts.items():
        short = names.get(name, name.lower().replace("-", "_"))
        labels = Vocabulary.load(short).labels
        assert list(labels) == fact["classes"]
        halves = base_new(reversed(labels))
        assert list(halves[0]) == fact["base_classes"]
        assert list(halves[1]) == fact["new_classes"]
    stat = rows_of(shared_data / "meta/vggsound/stat.csv")
    labels = Vocabulary.load("vggsound").labels
    assert sorted(row[0] for row in stat if row) == list(labels)
