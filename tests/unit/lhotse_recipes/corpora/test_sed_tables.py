"""Annotations of one's own, by function and by command."""

import json

import pytest
from click.testing import CliRunner
from lhotse import CutSet

from lhotse_recipes import prepare_sed_tables
from lhotse_recipes.cli import prepare
from lhotse_recipes.schema import events_of
from lhotse_recipes.vocabulary import Vocabulary

ROWS = "filename\tonset\toffset\tevent_label\n"


def spans(cut):
    return [(one.start, one.end, one.label) for one in events_of(cut)]


def test_a_table_with_durations(tmp_path, write_audio, write_text, report_of):
    write_audio(tmp_path / "audio", "a.wav", "b.wav", "c.wav")
    table = write_text(
        tmp_path / "meta/t.tsv", ROWS + "x\\a.wav\t0.5\t1.5\tdog_bark\n"
    )
    durations = write_text(
        tmp_path / "meta/durations.tsv",
        "filename\tduration\na.wav\t1.0\nb.wav\t2.0\n",
    )
    out = tmp_path / "out"
    prepared = prepare_sed_tables(
        tmp_path / "audio", out, table.parent, durations=durations, name="mine"
    )
    dog, empty = prepared["all"]["cuts"]
    assert spans(dog) == [(0.5, 1.0, "dog_bark")]
    assert empty.id == "b" and empty.supervisions == []
    assert (dog.vocabulary, dog.events_complete) == ("mine", True)
    assert Vocabulary.load(out / "mine.csv").phrases == {"dog_bark": "dog bark"}
    report = report_of(out, "mine", "all")
    assert report["notes"] == {"not as long as annotated": ["b"]}
    # Audio that no table speaks of is nobody's business.
    assert report["coverage"] == {"found": 2, "expected": 2}


def test_a_vocabulary_is_enforced(tmp_path, write_audio, write_text):
    write_audio(tmp_path, "a.wav")
    write_text(tmp_path / "t.tsv", ROWS + "a.wav\t0\t1\tbarking\n")
    pets = write_text(tmp_path / "x/pets.csv", "label,phrase\nDog,barking\n")
    (cut,) = prepare_sed_tables(
        tmp_path,
        annotations=tmp_path / "t.tsv",
        vocabulary=pets,
        events_complete=False,
        part="dev",
    )["dev"]["cuts"]
    assert spans(cut) == [(0.0, 1.0, "Dog")]
    assert (cut.vocabulary, cut.events_complete) == ("pets", False)
    pets.write_text("label\nCat\n")
    with pytest.raises(ValueError, match=r"t\.tsv:2: 'barking' is not in"):
        prepare_sed_tables(
            tmp_path, annotations=tmp_path / "t.tsv", vocabulary=pets
        )


def test_files_beside_the_audio_in_any_format(
    tmp_path, write_audio, write_text
):
    write_audio(
        tmp_path,
        "a.wav",
        "b.wav",
        "c.wav",
        "d.wav",
        "e.flac",
    )
    write_text(tmp_path / "a.txt", "0.25\t0.5\tdog\n")
    write_text(
        tmp_path / "b.TextGrid",
        '"ooTextFile" "TextGrid" 0 1 <exists> 1 "IntervalTier" "dog" 0 1 3 '
        '0 0.25 "" 0.25 0.5 "dog" 0.5 1 ""',
    )
    observation = {"time": 0.25, "duration": 0.25, "value": "dog"}
    whole = {
        "annotations": [{"namespace": "tag_open", "data": [observation]}],
        "file_metadata": {"duration": 1.0},
    }
    write_text(tmp_path / "c.jams", json.dumps(whole))
    phrases = [{"phrase": "dog", "segments": [[0.25, 0.5]]}]
    write_text(
        tmp_path / "meta.jsonl",
        json.dumps({"audio_id": "d.wav", "phrases": phrases}),
    )
    write_text(tmp_path / "t.csv", "e.wav,0.25,0.5,dog\n")
    cuts = prepare_sed_tables(tmp_path)["all"]["cuts"]
    assert {cut.id: spans(cut) for cut in cuts} == {
        name: [(0.25, 0.5, "dog")] for name in "abcde"
    }
    for form, name in (("jams", "c"), ("textgrid", "b"), ("finelap", "d")):
        (cut,) = prepare_sed_tables(tmp_path, format=form)["all"]["cuts"]
        assert cut.id == name
    write_text(tmp_path / "a.txt", "0.25\t0.5\tdog\n\\\t10\t20\n")
    (cut,) = prepare_sed_tables(tmp_path, format="audacity")["all"]["cuts"]
    assert spans(cut) == [(0.25, 0.5, "dog")]
    with pytest.raises(ValueError, match="format 'wav': it must be auto"):
        prepare_sed_tables(tmp_path, format="wav")
    with pytest.raises(FileNotFoundError, match="no annotation file; .*jams"):
        prepare_sed_tables(tmp_path, annotations=tmp_path / "a.wav")


def test_clips_without_any_label(tmp_path, write_audio, write_text):
    write_audio(tmp_path, "a.wav")
    write_text(tmp_path / "t.tsv", "filename\na.wav\n")
    (cut,) = prepare_sed_tables(tmp_path, tmp_path / "out")["all"]["cuts"]
    assert cut.vocabulary == "open" and not cut.supervisions


def test_cells_that_a_spreadsheet_put_in_quotes(
    tmp_path, write_audio, write_text
):
    write_audio(tmp_path, "a.wav", "b, c.wav")
    speech = "Male speech, man speaking"
    rows = f'a.wav\t0\t1\t"{speech}"\n"b, c.wav"\t"0"\t1\tsay "cheese"\n'
    comma = f'a.wav,0,1,"{speech}"\n"b, c.wav",0,1,"say ""cheese"""\n'
    durations = write_text(
        tmp_path / "d/d.csv", 'filename,duration\n"b, c.wav",1.0\n'
    )
    for name, text in (
        ("a.tsv", ROWS + rows),
        ("a.tsv", '"filename"\t"onset"\t"offset"\t"event_label"\n' + rows),
        ("a.tsv", rows),
        ("a.csv", comma),
        ("a.csv", ROWS.replace("\t", ",") + comma),
        (
            "a.csv",
            (ROWS + rows)
            .replace("say", '"say')
            .replace('e"\n', 'e"""\n')
            .replace(' "ch', ' ""ch')
            .replace("\t", ";"),
        ),
    ):
        table = write_text(tmp_path / "t" / name, text)
        made = prepare_sed_tables(
            tmp_path, annotations=table, durations=durations
        )["all"]["cuts"]
        assert {cut.id: spans(cut) for cut in made} == {
            "a": [(0.0, 1.0, speech)],
            "b, c": [(0.0, 1.0, 'say "cheese"')],
        }, text
    track = write_text(tmp_path / "l/a.txt", f'0\t1\t"{speech}"\n')
    for form in ("audacity", "table"):
        (cut,) = prepare_sed_tables(tmp_path, annotations=track, format=form)[
            "all"
        ]["cuts"]
        assert spans(cut) == [(0.0, 1.0, speech)]


def test_times_in_another_unit_are_pointed_out(
    tmp_path, write_audio, write_text, report_of, capsys
):
    write_audio(tmp_path, "a.wav", "b.wav", "c.wav", seconds=10, rate=16000)
    out = tmp_path / "out"
    unit = {"milliseconds": 1000, "samples": 16000, "microseconds": 10**6}
    for name, factor in unit.items():
        write_text(
            tmp_path / "t.tsv",
            ROWS
            + f"a.wav\t{factor // 2}\t{factor}\tdog\n"
            + f"b.wav\t0\t{2 * factor}\tdog\nc.wav\t0\t{9 * factor}\tcat\n",
        )
        cuts = prepare_sed_tables(tmp_path, out)["all"]["cuts"]
        assert (
            f"3 of 3 events lie behind the end of their recording: the "
            f"times look like {name}" in capsys.readouterr().out
        )
        # What the clip does not have is not known to be absent.
        assert not any(cut.events_complete for cut in cuts)
        report = report_of(out, "sed-tables", "all")
        assert len(report["warnings"]) == 1
        assert len(report["notes"]["most events lie behind the end"]) == 3
    # One event too long, as in DESED, is none of that.
    write_text(
        tmp_path / "t.tsv",
        ROWS + "a.wav\t0\t12\tdog\nb.wav\t1\t2\tdog\nc.wav\t1\t2\tcat\n",
    )
    cuts = prepare_sed_tables(tmp_path, out)["all"]["cuts"]
    assert all(cut.events_complete for cut in cuts)
    report = report_of(out, "sed-tables", "all")
    assert not report["warnings"] and not report["notes"]


@pytest.mark.parametrize("kind", ["jams", "textgrid", "audacity", "finelap"])
def test_every_format_is_looked_at(
    tmp_path, write_audio, write_text, kind, report_of
):
    from lhotse_recipes import formats
    from lhotse_recipes.schema import event

    write_audio(tmp_path, "a.wav", seconds=4)
    write_text(tmp_path / "t.tsv", ROWS + "a.wav\t0\t1\tx\n")
    (cut,) = prepare_sed_tables(tmp_path)["all"]["cuts"]
    cut.recording.duration, cut.duration = 2000.0, 2000.0
    cut.supervisions = [
        event("a", 0, 500, 1000, "dog", "dog"),
        event("a", 1, 1500, 2000, "dog", "Dog"),
    ]
    write = getattr(formats, f"export_{kind}")
    target = tmp_path / "x"
    write([cut], target / "a.jsonl" if kind == "finelap" else target)
    (cut,) = prepare_sed_tables(
        tmp_path, tmp_path / "out", annotations=target, format=kind
    )["all"]["cuts"]
    report = report_of(tmp_path / "out", "sed-tables", "all")
    assert "look like milliseconds" in report["warnings"][0]
    assert report["notes"]["one label in several spellings"] == [
        "'Dog' (1), 'dog' (1)"
    ]
    assert not cut.events_complete


def test_spellings_of_one_label_are_noted(
    tmp_path, write_audio, write_text, report_of
):
    write_audio(tmp_path, "a.wav", "b.wav")
    write_text(
        tmp_path / "t.tsv",
        ROWS + "a.wav\t0\t1\tdog\nb.wav\t0\t0.5\tDog\n"
        "b.wav\t0.5\t1\tdog \nb.wav\t0\t1\tcat\n",
    )
    prepare_sed_tables(tmp_path, tmp_path / "out")
    notes = report_of(tmp_path / "out", "sed-tables", "all")["notes"]
    assert notes == {"one label in several spellings": ["'Dog' (1), 'dog' (2)"]}


def test_classes_of_textgrids_in_tiers_or_texts(
    tmp_path, write_audio, write_text, capsys
):
    write_audio(tmp_path, "a.wav")
    grid = tmp_path / "a.TextGrid"
    write_text(
        grid,
        '"ooTextFile" "TextGrid" 0 1 <exists> 1 "IntervalTier" "events" 0 1 2 '
        '0 0.25 "dog" 0.25 1 "cat"',
    )
    (cut,) = prepare_sed_tables(tmp_path, annotations=grid)["all"]["cuts"]
    assert {one.label for one in events_of(cut)} == {"events"}
    assert "choose textgrid_labels 'text'" in capsys.readouterr().out
    out = tmp_path / "out"
    done = CliRunner().invoke(
        prepare,
        ["sed-tables", str(tmp_path), str(out), "--textgrid-labels", "text"],
    )
    assert done.exit_code == 0 and "WARNING" not in done.output, done.output
    (cut,) = CutSet.from_file(out / "sed-tables_cuts_all.jsonl.gz")
    assert spans(cut) == [(0.0, 0.25, "dog"), (0.25, 1.0, "cat")]
    with pytest.raises(ValueError, match="'tier' or 'text', not 'both'"):
        prepare_sed_tables(tmp_path, textgrid_labels="both")
    table = write_text(tmp_path / "x/t.tsv", ROWS + "a.wav\t0\t1\tdog\n")
    with pytest.raises(ValueError, match="no effect: there is no TextGrid"):
        prepare_sed_tables(tmp_path, annotations=table, textgrid_labels="text")


def test_by_command(tmp_path, write_audio, write_text):
    write_audio(tmp_path, "a.wav")
    table = write_text(
        tmp_path / "t.txt", "a.wav\t0\t1\tBr\xfccke\n", "latin-1"
    )
    run = CliRunner()
    arguments = ["sed-tables", str(tmp_path), str(tmp_path / "out")]
    failed = run.invoke(prepare, arguments)
    assert failed.exit_code == 1
    assert failed.output.startswith(f"Error: {table}:1: not a text in utf-8")
    done = run.invoke(prepare, [*arguments, "--encoding", "latin-1", "-j", "2"])
    assert done.exit_code == 0, done.output
    (cut,) = CutSet.from_file(tmp_path / "out/sed-tables_cuts_all.jsonl.gz")
    assert spans(cut) == [(0.0, 1.0, "Brücke")]


def test_real_soundscapes(shared_data, tmp_path, report_of):
    folder = shared_data / "soundscapes"
    prepared = prepare_sed_tables(
        folder,
        tmp_path,
        annotations=folder / "annotations.tsv",
        durations=folder / "durations.tsv",
    )
    cuts = prepared["all"]["cuts"]
    report = report_of(tmp_path, "sed-tables", "all")
    found, expected = report["coverage"].values()
    assert expected - found == len(report["dropped"].get("missing audio", []))
    assert "not as long as annotated" not in report["notes"]
    assert sum(bool(cut.supervisions) for cut in cuts) == 11
    assert sum(len(cut.supervisions) for cut in cuts) == 60
