"""A timeline that is generated, written, and listened to."""

import pytest
import torch

from speechbrain_opensed.commands import generate_tools
from speechbrain_opensed.commands.generate_tools import (
    named_files,
    read_timeline,
    tell_events,
    write_page,
)
from speechbrain_opensed.inference.timeline import (
    generate_timeline,
    read_cues,
)
from speechbrain_opensed.inference.waves import write_wave
from tests.tiny_detector import loudness_detector

RATE = 16000


class Whistle:
    """A tone after half a second, whatever is asked for."""

    def generate(self, text, references, *, duration_s, seed):
        wave = torch.zeros(round(duration_s * RATE))
        tone = 0.1 * torch.sin(torch.arange(12000) * (0.3 + 0.01 * seed))
        wave[8000 : 8000 + len(tone)] = tone
        return wave, RATE


@pytest.fixture(scope="module")
def timeline():
    cues = read_cues("above 0.05 at 1.28, above 0.05 from 4 to 6")
    return generate_timeline(Whistle(), cues, 10.0)


def test_a_detector_hears_what_was_put_there(
    timeline, tmp_path, monkeypatch, capsys
):
    wave, rate, placed = timeline
    out = write_wave(tmp_path / "out.wav", wave, rate)
    monkeypatch.setattr(
        generate_tools, "load_detector", lambda *_: loudness_detector()
    )
    tell_events(
        *(placed, out, 10.0), check="loudness", truth=tmp_path / "truth.tsv"
    )
    told = capsys.readouterr().out
    assert "F-score 1.00" in told and "of 2 found" in told
    assert float(told.split("onset error ")[1].split()[0]) <= 0.04
    rows = (tmp_path / "truth.tsv").read_text().splitlines()
    assert len(rows) == 3 and "1.280\t2.030\tabove 0.05" in rows[1]
    # Two seconds later all onsets are wrong.
    late = write_wave(tmp_path / "late.wav", wave.roll(2 * rate), rate)
    tell_events(placed, late, 10.0, check="loudness")
    assert "F-score 0.00" in capsys.readouterr().out


def test_files_of_cues_are_read(tmp_path):
    path = tmp_path / "cues.txt"
    path.write_text("dog at 2\n")
    (cue,) = read_timeline(str(path), None, None, None, {})
    assert cue.phrase == "dog"
    assert read_timeline(None, None, None, None, {}) is None
    with pytest.raises(ValueError, match="--check has no effect without"):
        read_timeline(None, None, "flexsed", None, {})
    with pytest.raises(ValueError, match="--report has no effect beside"):
        read_timeline("dog at 2", None, None, path, {})
    with pytest.raises(ValueError, match="--fill has no effect beside"):
        read_timeline("dog at 2", None, None, None, {"fill": (1, 2)})


def test_references_that_are_called_alike_are_all_on_the_page(tmp_path):
    files = [tmp_path / "a/dog.wav", tmp_path / "b/dog.wav"]
    for path in files:
        path.parent.mkdir()
        write_wave(path, torch.rand(RATE) - 0.5, RATE)
    paths = list(map(str, files))
    assert list(named_files(paths)) == paths
    page = tmp_path / "page.html"
    write_page(page, "dog", paths, {"generated": torch.rand(RATE)}, RATE)
    assert all(path in page.read_text() for path in paths)
