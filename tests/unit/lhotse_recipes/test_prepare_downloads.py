"""Which files the download functions ask for, and what they leave behind."""

import io
import sys
import zipfile

import pytest

from lhotse_recipes.building.fetch import RemoteFile
from lhotse_recipes.corpora import (
    audiocaps,
    audiogrounding,
    audioset_strong,
    beijing_opera,
    clotho,
    desed,
    urbansed,
    vggsound,
    wavcaps,
)


@pytest.fixture
def zenodo(monkeypatch, tmp_path):
    """Zenodo records whose files are local: record → name → content."""
    records = {}

    def files(record, names=None):
        listed = []
        for name in names or records[record]:
            path = tmp_path / "zenodo" / str(record) / name
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_bytes(records[record][name])
            listed.append(RemoteFile(path.as_uri(), name, path.stat().st_size))
        return listed

    for module in (audiogrounding, beijing_opera, clotho, desed, urbansed):
        monkeypatch.setattr(module, "zenodo_files", files)
    return records


def packed(**files):
    """A zip archive of texts."""
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w") as archive:
        for name, text in files.items():
            archive.writestr(name.replace("__", "/"), text)
    return buffer.getvalue()


@pytest.mark.parametrize(
    "download, record, name",
    [
        (audiogrounding.download_audiogrounding, 7269161, "AudioGrounding"),
        (urbansed.download_urbansed, 1324404, "URBAN-SED"),
        (beijing_opera.download_beijing_opera, 1285212, "Beijing-Opera"),
    ],
)
def test_whole_records(zenodo, tmp_path, download, record, name):
    zenodo[record] = {"a.zip": packed(x__t="1"), "notes.txt": b"2"}
    folder = download(tmp_path)
    assert folder == tmp_path / name
    assert (folder / "x/t").read_text() == "1"
    assert (folder / "notes.txt").read_text() == "2"
    # What is there stays, unless asked otherwise.
    zenodo[record] = {"a.zip": packed(x__t="3")}
    assert (download(tmp_path) / "x/t").read_text() == "1"
    assert (download(tmp_path, force_download=True) / "x/t").read_text() == "3"


def test_desed_has_a_folder_per_part(zenodo, tmp_path):
    zenodo[3588172] = {"public.zip": packed(eval__public__a="1")}
    zenodo[6026841] = {"synth.zip": b"PK\x03\x04 torn"}
    folder = desed.download_desed(tmp_path, parts="public")
    assert folder == tmp_path / "DESED"
    assert (folder / "public/eval/public/a").read_text() == "1"
    with pytest.raises(ValueError, match="synth.zip: damaged archive"):
        desed.download_desed(tmp_path)
    assert not (folder / "synthetic").exists()
    assert (folder / "public").is_dir()
    with pytest.raises(ValueError, match="no part 'weak'"):
        desed.download_desed(tmp_path, parts="weak")


def test_clotho_asks_for_py7zr_before_it_downloads(
    zenodo, tmp_path, monkeypatch
):
    monkeypatch.setitem(sys.modules, "py7zr", None)
    with pytest.raises(ValueError, match="pip install py7zr"):
        clotho.download_clotho(tmp_path)
    assert not (tmp_path / "Clotho").exists()


def seven_zip(py7zr, **files):
    buffer = io.BytesIO()
    with py7zr.SevenZipFile(buffer, "w") as archive:
        for name, text in files.items():
            archive.writestr(text, name.replace("__", "/"))
    return buffer.getvalue()


def test_clotho_is_unpacked(zenodo, tmp_path):
    py7zr = pytest.importorskip("py7zr", reason="py7zr opens Clotho's .7z")
    zenodo[4783391] = {
        "clotho_audio_validation.7z": seven_zip(py7zr, validation__a="1"),
        "clotho_captions_validation.csv": b"file_name\n",
    }
    folder = clotho.download_clotho(tmp_path, parts="validation")
    assert (folder / "validation/validation/a").read_text() == "1"
    assert (folder / "clotho_captions_validation.csv").is_file()
    zenodo[4783391] = {
        "clotho_audio_evaluation.7z": b"7z\xbc\xaf\x27\x1c torn",
        "clotho_captions_evaluation.csv": b"file_name\n",
    }
    with pytest.raises(ValueError, match="evaluation.7z: damaged archive"):
        clotho.download_clotho(tmp_path, parts="evaluation")
    assert not list(folder.glob("*evaluation*"))
    assert not list(folder.glob(".*"))


@pytest.mark.parametrize("interrupted", ["table", "audio", "nothing"])
def test_half_of_clotho_is_not_there_already(
    zenodo, tmp_path, monkeypatch, interrupted
):
    unpacked = []

    def unpack(_, archive, folder):
        unpacked.append(archive.name)
        folder.mkdir(parents=True, exist_ok=True)
        (folder / "a.wav").write_text("1")

    monkeypatch.setitem(sys.modules, "py7zr", object())
    monkeypatch.setattr(clotho, "_unpack_7z", unpack)
    zenodo[4783391] = {
        "clotho_audio_validation.7z": b"packed",
        "clotho_captions_validation.csv": b"file_name\na.wav\n",
    }
    folder = clotho.download_clotho(tmp_path, parts="validation")
    if interrupted == "table":
        (folder / "clotho_captions_validation.csv").unlink()
    elif interrupted == "audio":
        (folder / "validation/a.wav").unlink()
    clotho.download_clotho(tmp_path, parts="validation")
    assert len(unpacked) == (1 if interrupted == "nothing" else 2)
    assert (folder / "validation/a.wav").is_file()
    assert (folder / "clotho_captions_validation.csv").is_file()


@pytest.mark.parametrize(
    "module, where, folder, names",
    [
        (audiocaps, "_HOME", "AudioCaps", "train.csv val.csv test.csv"),
        (
            audioset_strong,
            "_HOME",
            "AudioSet-Strong",
            "audioset_train_strong.tsv audioset_eval_strong.tsv",
        ),
        (vggsound, "_HOME", "VGGSound", "vggsound.csv"),
        (
            wavcaps,
            "_TABLES",
            "WavCaps",
            "AudioSet_SL/as_final.json BBC_Sound_Effects/bbc_final.json "
            "FreeSound/fsd_final.json SoundBible/sb_final.json",
        ),
    ],
)
def test_tables_are_fetched_all_or_none(
    monkeypatch, tmp_path, module, where, folder, names
):
    source = tmp_path / "offered"
    for name in names.split()[:-1]:
        (source / name).parent.mkdir(parents=True, exist_ok=True)
        (source / name).write_text(name)
    monkeypatch.setattr(module, where, source.as_uri())
    download = getattr(module, f"download_{module.__name__.rpartition('.')[2]}")
    with pytest.raises(OSError, match="No such file"):
        download(tmp_path)
    assert not (tmp_path / folder).exists()
    last = source / names.split()[-1]
    last.parent.mkdir(parents=True, exist_ok=True)
    last.write_text(last.name)
    assert download(tmp_path) == tmp_path / folder
    found = {path.name for path in (tmp_path / folder).iterdir()}
    assert found == {name.rpartition("/")[2] for name in names.split()}
