"""Ids become names of files; those that a disk takes for one are told."""

import numpy as np
import pytest
import soundfile
from lhotse import Recording

from lhotse_recipes import names
from lhotse_recipes.formats.textgrid import export_textgrid
from lhotse_recipes.names import file_name, folds_case, refuse_alike
from lhotse_recipes.schema import event, make_cuts
from speechbrain_opensed.inference.clips import save_moments
from speechbrain_opensed.inference.lookup import Hit

PAIRS = [("Dog", "dog"), ("STRASSE", "stra\u00dfe")]


def make(folder, ids):
    recordings, supervisions = [], []
    for number, name in enumerate(ids):
        path = folder / f"{number}" / f"{name}.wav"
        path.parent.mkdir(parents=True)
        soundfile.write(path, np.zeros(16000), 16000)
        recordings.append(Recording.from_file(path, name))
        supervisions.append(event(name, 0, 0.1, 0.5, "dog", "dog"))
    return make_cuts(recordings, supervisions, "v", True)


@pytest.mark.parametrize(
    "name",
    ["../../escaped", "/absolute", ".", "..", ".hidden", "a/../b", "a\0b"]
    + ["a\\b", "c:d", "line\nbreak", "x" * 500, "雨" * 200, "end.", " "],
)
def test_an_id_stays_in_its_folder(tmp_path, name):
    for suffix in ("", ".flac"):
        path = tmp_path / file_name(name, suffix)
        path.write_text("here")
        assert path.resolve().parent == tmp_path.resolve()
        assert not path.name.startswith(".")


def test_different_ids_have_different_names():
    ids = ["a/b", "a%2Fb", "a\\b", "a_b", "a b", "x" * 500, "x" * 501]
    assert len({file_name(name) for name in ids}) == len(ids)
    assert file_name("Ünï-1_2.x") == "Ünï-1_2.x"
    # Windows takes these for devices.
    devices = ("CON", "con", "aux.wav", "Nul", "COM1", "lpt9.x")
    assert [file_name(name, ".wav")[0] for name in devices] == ["%"] * 6
    assert file_name("console") == "console"
    with pytest.raises(ValueError, match="empty"):
        file_name("")


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
    monkeypatch.setattr(names, "folds_case", lambda folder: True)
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
    written = {path.stem for path in (tmp_path / "out").iterdir()}
    assert written == set(pair)
