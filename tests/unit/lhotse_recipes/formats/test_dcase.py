import pytest

from lhotse_recipes.clips import ClipTable
from lhotse_recipes.formats.dcase import read_dcase, read_durations
from lhotse_recipes.io import PrepareReport
from lhotse_recipes.vocabulary import Vocabulary


def spans(clip):
    return [(one.onset, one.offset, one.label) for one in clip.annotations]


@pytest.mark.parametrize(
    "name, text",
    [
        ("t.tsv", "filename\tonset\toffset\tevent_label\nx.wav\t1\t2\ta b\n"),
        ("t.csv", ",event_label,onset,offset,filename\n0,a b,1,2,x.wav\n"),
        ("t.txt", "x.wav\t1.0\t2.0\ta b\n"),
        ("t.txt", "audio\\x.wav\tstreet\t1.0\t2.0\ta b\r\n"),
        ("t.txt", "x.wav, 1.0, 2.0, a b\n"),
        ("t.csv", "x.wav;1.0;2.0;a b\n"),
        ("t.txt", "x.wav 1.0 2.0 a b\n\n"),
        ("x.txt", "1.0\t2.0\ta b\n"),
        ("x.ann", "  1.0   2e0 a b\n"),
        ("x.tsv", "\ufeffonset\toffset\tevent_label\n1\t2\ta b\n"),
    ],
)
def test_usual_forms_are_read(tmp_path, table, name, text):
    path = tmp_path / name
    path.write_bytes(text.encode())
    read_dcase(path, table)
    (clip,) = table.clips
    assert clip.id == "x"
    assert spans(clip) == [(1.0, 2.0, "a b")]


def test_clips_without_events_tags_and_scores(tmp_path, table):
    path = tmp_path / "t.tsv"
    path.write_text(
        "filename\tonset\toffset\tevent_label\tscore\n"
        "a.wav\t\t\t\t\nb.wav\t0\t1\tdog_bark\t0.25\nb.wav\t0\t2\tcat\t\n"
    )
    read_dcase(path, table)
    empty, full = table.clips
    assert spans(empty) == []
    assert [one.confidence for one in full.annotations] == [0.25, None]
    assert full.annotations[0].text == "dog bark"

    path.write_text("filename\tevent_labels\na.wav\tdog,cat\nb.wav\t\n")
    weak = ClipTable(PrepareReport("corpus", "weak"))
    read_dcase(path, weak)
    assert [[o.label for o in c.of_kind("tag")] for c in weak.clips] == [
        ["dog", "cat"],
        [],
    ]
    path.write_text("filename\na.wav\nb.wav\n")
    unlabelled = ClipTable(PrepareReport("corpus", "unlabelled"))
    read_dcase(path, unlabelled)
    assert [clip.id for clip in unlabelled.clips] == ["a", "b"]

    (tmp_path / "silence.txt").write_text("\n")
    read_dcase(tmp_path / "silence.txt", unlabelled)
    assert unlabelled.clips[-1].id == "silence"


def test_what_is_left_out_is_counted(tmp_path, table):
    path = tmp_path / "t.txt"
    path.write_text("x.wav\t1\t2\ta\nx.wav\t1\t2\ta\nx.wav\t3\t2\ta\n")
    read_dcase(path, table)
    assert spans(table.clips[0]) == [(1.0, 2.0, "a")]
    assert table.report.dropped == {
        "repeated row": [f"{path}:2: a"],
        "ends before it begins": [f"{path}:3"],
    }


HEAD = "filename\tonset\toffset\tevent_label\n"


@pytest.mark.parametrize(
    "text, message",
    [
        (HEAD + "x.wav\tone\t2\tdog\n", ":2: 'one' is no time"),
        (HEAD + "x.wav\tnan\t2\tdog\n", ":2: 'nan' is no time"),
        (HEAD + "x.wav\t1\t2\t\n", ":2: no label"),
        (HEAD + "x.wav\t1\t2\n", ":2: 3 fields where the header has 4"),
        (HEAD + "\t1\t2\tdog\n", ":2: names no audio file"),
        (HEAD + "x.wav\t1\t2\tdgo\n", ":2: 'dgo' is not in .* mean 'dog'"),
        ("filename\tonset\n", "no column 'offset'"),
        (HEAD + "a/x.wav\t1\t2\tdog\nb/x.wav\t1\t2\tdog\n", ":3: .* id x of"),
        ("filename\tevent_labels\nx.wav\tdog\nx.wav\tcat\n", ":3: .*keep one"),
        ("x.wav\t1\t2\n", ":1: 3 fields; write onset"),
        ("x.wav\t1\t2\tdog\textra\tmore\n", ":1: 6 fields"),
        ("x.wav\t1\t2\td\xf6g\n", ":1: .*encoding='latin-1'"),
        (HEAD.strip() + "\tscore\nx.wav\t1\t2\tdog\thigh\n", "score 'high'"),
    ],
)
def test_bad_rows_are_named(tmp_path, text, message):
    path = tmp_path / "t.tsv"
    path.write_bytes(text.encode("latin-1"))
    labels = Vocabulary.from_labels(["dog", "cat"], "pets")
    with pytest.raises(ValueError, match=rf"t\.tsv.*{message}"):
        read_dcase(path, ClipTable(PrepareReport("c", "p"), labels))


def test_durations(tmp_path):
    path = tmp_path / "d.tsv"
    path.write_text("filename\tduration\na.wav\t10.0\nb.wav\t9.98\n")
    assert read_durations(path) == {"a.wav": 10.0, "b.wav": 9.98}
    path.write_text("a.wav,10.0\n")
    assert read_durations(path) == {"a.wav": 10.0}
    for text, message in (
        ("a.wav\tlong\n", "d.tsv:1: .* no pair of filename and seconds"),
        ("a.wav\t1\n\na.wav\t2\n", "d.tsv:3: a.wav occurs twice"),
    ):
        path.write_text(text)
        with pytest.raises(ValueError, match=message):
            read_durations(path)


# name, clips, events; sed_eval's audioset files begin with AudioSet ids.
REAL = [
    ("desed/validation__validation.tsv", 1168, 4224),
    ("desed/student__predictions0.5.csv", 1140, 3312),
    ("dcase2016_task2/dev.tsv", 18, 594),
    ("dcase2016_task2/test.tsv", 54, 1782),
    ("../soundscapes/annotations.tsv", 11, 60),
    ("sed_eval_pairs/street_fold1_reference.txt", 6, 142),
    ("sed_eval_pairs/street_fold1_detected.txt", 6, 218),
    ("sed_eval_pairs/office_snr0_high_v2.txt", 1, 68),
    ("sed_eval_pairs/office_snr0_med_v2_detected.txt", 1, 35),
    ("sed_eval_pairs/binary2.txt", 1, 0),
    ("sed_eval_pairs/binary5.txt", 6, 4),
    ("sed_eval_pairs/binary5_detected.txt", 6, 2),
    ("sed_eval_pairs/mini_reference.txt", 1, 2),
]


@pytest.mark.parametrize("name, clips, events", REAL)
def test_real_tables(shared_data, table, name, clips, events):
    read_dcase(shared_data / "meta" / name, table)
    assert len(table.clips) == clips
    assert sum(len(clip.annotations) for clip in table.clips) == events
    assert not table.report.dropped


def test_real_durations(shared_data):
    durations = read_durations(
        shared_data / "meta/desed/validation_durations.tsv"
    )
    assert len(durations) == 1168
    assert durations["Y68PoupXLTzw_60.000_70.000.wav"] == 10.0
    assert 0 < min(durations.values()) <= max(durations.values()) < 11
