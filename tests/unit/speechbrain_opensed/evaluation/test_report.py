"""The page at the end of a training."""

import base64
import io
import re

import numpy as np
import pytest
import soundfile
from lhotse import CutSet, Recording
from PIL import Image

from speechbrain_opensed.evaluation.report import write_report
from speechbrain_opensed.metrics import PsdsStats

RATE = 16000


@pytest.fixture
def stats():
    """Two clips of two seconds; <dog> is taken for a wolf in the second."""
    truth = {"a": [(0.0, 1.0, "<dog>")], "b": [(1.0, 2.0, "<dog>")]}
    stats = PsdsStats(["<dog>", "wolf"], truth, 0.1, median_frames=1)
    scores = np.full((2, 20, 2), 0.1)
    scores[0, :10, 0] = 0.9
    scores[1, 10:, 1] = 0.8
    stats.append(["a", "b"], scores, [2.0, 2.0])
    stats.summarize()
    return stats


@pytest.fixture
def cuts(tmp_path):
    rng = np.random.default_rng(0)
    cuts = []
    for name in "ab":
        path = tmp_path / f"{name}.wav"
        soundfile.write(path, 0.1 * rng.normal(size=2 * RATE), RATE)
        cut = Recording.from_file(path, recording_id=name).to_cut()
        cuts.append(cut.with_id(name))
    return CutSet.from_cuts(cuts)


def test_a_page_that_holds_everything(stats, cuts, tmp_path):
    mistakes = write_report(tmp_path / "report.html", stats, cuts)
    assert mistakes.confusions() == [("<dog>", "wolf", 1)]
    page = (tmp_path / "report.html").read_text()
    # Labels are text, nothing is fetched and nothing runs.
    assert "<dog>" not in page and "&lt;dog&gt;" in page
    assert "http" not in page and "<script" not in page
    assert "&#x27; is taken for &#x27;wolf&#x27; once" in page
    rows = re.findall(r"<tr><td>(.*?)</td></tr>", page)
    (dog,) = [r.split("</td><td>") for r in rows if r.startswith("&lt;dog")]
    assert dog[1:5] == ["2", "1", "1", "0"]
    (wolf,) = [r.split("</td><td>") for r in rows if r.startswith("wolf")]
    assert wolf[1:] == ["0", "0", "0", "1", "–", "–"]
    # One mistake is shown, the missed one, as it is the worse of clip b.
    (picture,) = re.findall(r'src="data:image/png;base64,([^"]+)"', page)
    assert Image.open(io.BytesIO(base64.b64decode(picture))).size[0] > 800
    (sound,) = re.findall(r'src="data:audio/\w+;base64,([^"]+)"', page)
    samples, rate = soundfile.read(io.BytesIO(base64.b64decode(sound)))
    assert rate == RATE and abs(len(samples) / rate - 2) < 0.2
    assert "is missed, 1.00 to 2.00 s" in page
    assert "truly there: \n&lt;dog&gt; 1.00–2.00 s" in page


def test_nothing_is_wrong(cuts, tmp_path):
    stats = PsdsStats(["dog"], {"a": [(0.0, 1.0, "dog")]}, 0.1)
    scores = np.zeros((1, 20, 1))
    scores[0, :10] = 1
    stats.append(["a"], scores, [2.0])
    stats.summarize()
    assert write_report(tmp_path / "r.html", stats, cuts).every == []
    page = (tmp_path / "r.html").read_text()
    assert "No sound is taken for another" in page and "<img" not in page
