import pytest
from lhotse import CutSet

from lhotse_recipes.clips import ClipTable
from lhotse_recipes.importing import Part, choose, find_tables, prepare_parts
from lhotse_recipes.io import PrepareReport


def part_of(*names, **fields):
    table = ClipTable(PrepareReport("corpus", fields.pop("name", "test")))
    for number, name in enumerate(names, 1):
        table.event(f"t.tsv:{number}", name, 0.5, 1.5, "dog")
    return Part(table.report, table.clips, **fields)


def test_audio_is_found_and_what_happened_is_reported(
    tmp_path, write_audio, report_of
):
    write_audio(tmp_path, "a.wav", "b.flac")
    (tmp_path / "d.wav").write_bytes(b"RIFF")
    part = part_of("a.wav", "b.wav", "c.wav", "d.wav", events_complete=True)
    part.clips[0].custom["negatives"] = ["cat"]
    part.clips[1].duration = 3.0
    prepare_parts(
        [part], tmp_path, "pets", output_dir=tmp_path / "out", num_jobs=2
    )
    cuts = CutSet.from_file(tmp_path / "out/corpus_cuts_test.jsonl.gz")
    first, second = cuts
    assert first.custom == {
        "vocabulary": "pets",
        "events_complete": True,
        "negatives": ["cat"],
    }
    assert "negatives" not in second.custom
    assert first.supervisions[0].end == 1.0
    report = report_of(tmp_path / "out", "corpus", "test")
    assert report["coverage"] == {"found": 2, "expected": 4}
    assert report["counts"]["clipped to the recording"] == 2
    assert report["dropped"]["missing audio"] == ["c"]
    (unreadable,) = report["dropped"]["unreadable audio"]
    assert unreadable.startswith(f"{tmp_path}/d.wav is not")
    assert report["notes"] == {"not as long as annotated": ["b"]}
    with pytest.raises(ValueError, match="d.wav: .* replace the file"):
        prepare_parts([part_of("a.wav", "d.wav")], tmp_path, strict=True)


def test_parts_may_share_names_but_not_clips(tmp_path, write_audio):
    write_audio(tmp_path, "x/train/1.wav", "x/test/1.wav")
    parts = [
        part_of("1.wav", name=name, near=name) for name in ("train", "test")
    ]
    prepared = prepare_parts(parts, tmp_path)
    for name in ("train", "test"):
        (recording,) = prepared[name]["recordings"]
        assert recording.sources[0].source == f"{tmp_path}/x/{name}/1.wav"
    with pytest.raises(ValueError, match="t.tsv:1: .*two audio files"):
        prepare_parts([part_of("1.wav")], tmp_path)
    double = part_of("1.wav", near="test")
    double.clips *= 2
    with pytest.raises(ValueError, match="annotated before, in t.tsv:1"):
        prepare_parts([double], tmp_path)
    alias = part_of("x/test/1.wav", "other.wav", near="test")
    alias.clips[1].aliases = ("1",)
    with pytest.raises(ValueError, match="audio of two clips, 1 and other"):
        prepare_parts([alias], tmp_path)


def test_no_audio_at_all_is_an_error(tmp_path, write_audio):
    write_audio(tmp_path, "z.wav")
    with pytest.raises(FileNotFoundError, match="of the 2 .* such as a.wav"):
        prepare_parts([part_of("a.wav", "b.wav")], tmp_path)
    # One part may be missing while the other is there.
    parts = [part_of("a.wav", name="one"), part_of("z.wav", name="two")]
    prepared = prepare_parts(parts, tmp_path)
    assert [len(prepared[name]["cuts"]) for name in ("one", "two")] == [0, 1]


def test_tables_are_found_by_name(tmp_path, write_text):
    names = {"weak": ("weak.tsv",), "synth": ("a/soundscapes.tsv",)}
    with pytest.raises(FileNotFoundError, match="none of weak.tsv, a/sounds"):
        find_tables(tmp_path, names, "https://example.org")
    write_text(tmp_path / "b/soundscapes.tsv", "")
    synth = write_text(tmp_path / "x/a/soundscapes.tsv", "")
    assert find_tables(tmp_path, names, "there") == {"synth": synth}
    weak = write_text(tmp_path / "x/weak.tsv", "")
    assert list(find_tables(tmp_path, names, "there")) == ["weak", "synth"]
    write_text(tmp_path / "y/weak.tsv", "")
    with pytest.raises(ValueError, match=f"{weak} and .*two tables of .* weak"):
        find_tables(tmp_path, names, "there")


def test_parts_are_chosen():
    known = ("train", "val", "test")
    assert choose("auto", ["train", "test"], known) == ["train", "test"]
    assert choose("test", ["train", "test"], known) == ["test"]
    assert choose(["test", "train"], known, known) == ["test", "train"]
    with pytest.raises(ValueError, match="no part 'tset'; .* train, val, test"):
        choose("tset", known, known)
    with pytest.raises(FileNotFoundError, match="the part 'val'; .* train"):
        choose(["val"], ["train"], known)
