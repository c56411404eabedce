"""Names that a disk takes for one are told, not overwritten."""

import numpy as np
import pytest
import soundfile
from lhotse import Recording

from lhotse_recipes import alike
from lhotse_recipes.alike import folds_case, refuse_alike
from lhotse_recipes.formats.textgrid import export_textgrid
from lhotse_recipes.schema import event, make_cuts
from speechbrain_opensed.inference.clips import save_moments
from speechbrain_opensed.inference.lookup import Hit

PAIRS = [("Dog", "dog"), ("STRASSE", "stra\u00dfe")]


def make(folder, names):
    recordings, supervisions = [], []
    for number, name in enumerate(names):
        path = folder / f"{number}" / f"{name}.wav"
        path.parent.mkdir(parents=True)
        soundfile.write(path, np.zeros(16000), 16000)
        recordings.append(Recording.from_file(path, name))
        supervisions.append(event(name, 0, 0.1, 0.5, "dog", "dog"))
    return make_cuts(recordings, supervisions, "v", True)


def test_the_disk_is_asked(tmp_path):
    (tmp_path / "aB").write_text("")
    folds = (tmp_path / "Ab").exists()
    assert folds_case(tmp_path) is folds
    assert folds_case(tmp_path / "yet" / "to be made") is folds
    assert [path.name for path in tmp_path.iterdir()] == ["aB"]


@pytest.mark.parametrize("pair", PAIRS)
def test_where_case_is_folded_nothing_is_overwritten(
    tmp_path, monkeypatch, pair
):
    cuts, out = make(tmp_path / "in", pair), tmp_path / "out"
    hit = Hit(cuts[0].recording.sources[0].source, 0.1, 0.5, 0.9, 0.8)
    found = [(name, [hit]) for name in pair]
    # No such disk is at hand everywhere; what was seen on it stands here.
    monkeypatch.setattr(alike, "folds_case", lambda folder: True)
    for write in (
        lambda: refuse_alike(out, pair),
        lambda: export_textgrid(cuts, out),
        lambda: save_moments(out, found),
    ):
        with pytest.raises(ValueError, match="would be one file in"):
            write()
    assert not out.exists()
    with pytest.raises(ValueError, match="would be one file"):
        refuse_alike(out, ["a", "caf\u00e9", "cafe\u0301"])


@pytest.mark.parametrize("pair", PAIRS)
def test_where_it_is_not_names_stay_as_they_are(tmp_path, pair):
    if folds_case(tmp_path):
        pytest.skip("this disk folds case")
    export_textgrid(make(tmp_path / "in", pair), tmp_path / "out")
    names = {path.stem for path in (tmp_path / "out").iterdir()}
    assert names == set(pair)
