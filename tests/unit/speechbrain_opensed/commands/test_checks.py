"""No command destroys what it reads, or takes NaN for a number."""

import pytest
import soundfile
from click.testing import CliRunner
from lhotse import CutSet, Recording

from lhotse_recipes.schema import event
from speechbrain_opensed.commands.cli import _COMMANDS, opensed


@pytest.fixture
def folder(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    soundfile.write("a.wav", [0.1] * 16000, 16000)
    cut = Recording.from_file("a.wav").to_cut()
    cut.supervisions = [event(cut.id, 0, 0.25, 0.5, "dog barking", "Bark")]
    CutSet.from_cuts([cut]).to_file("cuts.jsonl")
    (tmp_path / "t.tsv").write_text("filename\tonset\toffset\tevent_label\n")
    (tmp_path / "link.jsonl").symlink_to("cuts.jsonl")
    return tmp_path


def refused(*arguments):
    result = CliRunner().invoke(opensed, arguments)
    assert result.exit_code in (1, 2), result.output
    return result.stderr


@pytest.mark.parametrize(
    "command",
    [
        "export cuts.jsonl cuts.jsonl --format csv",
        "export cuts.jsonl link.jsonl --format dcase",
        "export cuts.jsonl x --format dcase --durations cuts.jsonl",
        "annotate cuts.jsonl link.jsonl -q dog --model m",
        "evaluate cuts.jsonl --model m -o cuts.jsonl",
        "evaluate cuts.jsonl --scores s --tune-boxes cuts.jsonl",
        "evaluate --reference t.tsv --detected t.tsv -o t.tsv",
        "evaluate-retrieval cuts.jsonl --model m -o cuts.jsonl",
        "generate dog -r a.wav --model m -o a.wav",
        "generate dog --model m -o b.wav --plot a.wav -r a.wav",
        "detect a.wav -q dog --model m -o a.wav",
        "caption a.wav -q dog --model m -o a.wav",
        "join-captions cuts.jsonl cuts.jsonl link.jsonl",
        "relate-labels t.tsv t.tsv --model m",
        "neighbors t.tsv -o t.tsv --model m",
        "convert-checkpoint a.wav a.wav",
        "phrase-bank audit t.tsv --output t.tsv",
        "search . --example a.wav -o a.wav --model m",
    ],
)
def test_an_input_is_no_output(folder, command):
    before = {p: p.read_bytes() for p in folder.iterdir()}
    assert "would be overwritten; choose another" in refused(*command.split())
    assert {p: p.read_bytes() for p in folder.iterdir()} == before


def test_two_outputs_are_two_files(folder):
    command = "detect a.wav -q dog --model m -o x.png --plot ./x.png"
    assert "named for two outputs" in refused(*command.split())


def test_two_outputs_are_two_files_behind_links(folder):
    (folder / "x.tsv").symlink_to("y.tsv")
    command = "export cuts.jsonl x.tsv --format dcase --durations y.tsv"
    assert "named for two outputs" in refused(*command.split())
    assert not (folder / "y.tsv").exists()


def test_a_hyphen_is_no_file(folder):
    assert "- is no output" in refused(
        *"detect a.wav -q x --model m -o -".split()
    )
    assert not (folder / "-").exists()


def test_mixtures_do_not_go_among_their_sounds(folder):
    for output in ("bank", "bank/dog/mix", "link"):
        (folder / "bank/dog").mkdir(parents=True, exist_ok=True)
        (folder / "link").unlink(missing_ok=True)
        (folder / "link").symlink_to("bank")
        assert "lies in bank" in refused("soundscapes", "bank", output)
        assert "lies in link" in refused(
            *("soundscapes", "procedural", output, "--backgrounds", "link")
        )
    assert [p.name for p in (folder / "bank").rglob("*")] == ["dog"]


def test_nan_is_no_number(folder):
    table = "evaluate --reference t.tsv --detected t.tsv --collar nan"
    assert "--collar is nan: give a number" in refused(*table.split())
    median = "evaluate cuts.jsonl --model m --median nan"
    assert "--median is nan: give a number" in refused(*median.split())


def test_help_of_every_command_is_as_before():
    for name in _COMMANDS:
        result = CliRunner().invoke(opensed, [name, "--help"])
        assert result.exit_code == 0 and f"opensed {name}" in result.output


def test_exports_leave_files_of_others(folder):
    (folder / "out").mkdir()
    (folder / "out/a.TextGrid").write_text("by hand")
    command = "export cuts.jsonl out --format textgrid".split()
    assert "a.TextGrid is there already" in refused(*command)
    assert (folder / "out/a.TextGrid").read_text() == "by hand"
    (folder / "out/a.TextGrid").unlink()
    for _ in range(2):
        result = CliRunner().invoke(opensed, command)
        assert result.exit_code == 0, result.output
    (folder / "out/a.TextGrid").write_text("corrected by hand")
    assert "or was edited since" in refused(*command)
