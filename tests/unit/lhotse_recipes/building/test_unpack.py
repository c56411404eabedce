"""Archives are unpacked whole or not at all, and to a bounded size."""

import gzip
import io
import os
import tarfile
import zipfile

import pytest

from lhotse_recipes.building import unpack as module
from lhotse_recipes.building.unpack import unpack


def _tar(path, members):
    with tarfile.open(path, "w") as archive:
        for name, content in members:
            info = tarfile.TarInfo(name)
            info.size = len(content)
            archive.addfile(info, io.BytesIO(content))
    return path


def _zip(path, members):
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, content in members:
            archive.writestr(name, content)
    return path


@pytest.mark.filterwarnings("ignore:Duplicate name")
@pytest.mark.parametrize("pack", [_tar, _zip])
@pytest.mark.parametrize("second", ["a/b.txt", "a//b.txt", "a\\b.txt"])
def test_a_member_that_occurs_twice_is_refused(tmp_path, pack, second):
    members = [("a/b.txt", b"1"), ("c.txt", b"2"), (second, b"3")]
    path = pack(tmp_path / "x.archive", members)
    with pytest.raises(ValueError, match="b.txt' is there twice"):
        unpack(path, tmp_path / "out")
    assert os.listdir(tmp_path / "out") == []


@pytest.mark.parametrize("pack", [_tar, _zip])
def test_what_grows_too_much_leaves_nothing(tmp_path, pack, monkeypatch):
    members = [("good.txt", b"1"), ("bomb.txt", bytes(5_000_000))]
    path = pack(tmp_path / "x.archive", members)
    assert len(os.listdir(unpack(path, tmp_path / "whole"))) == 2
    monkeypatch.setattr(module, "_SMALL", 1000)
    monkeypatch.setattr(module, "_RATIO", 0)
    with pytest.raises(ValueError, match="bomb.txt' is more than"):
        unpack(path, tmp_path / "out")
    assert os.listdir(tmp_path / "out") == []


def test_a_damaged_archive_leaves_nothing(tmp_path):
    noise = os.urandom(3_000_000)
    path = _zip(tmp_path / "x.zip", [("a.bin", noise), ("b.bin", noise)])
    data = bytearray(path.read_bytes())
    data[5_000_000] ^= 255
    path.write_bytes(data)
    with pytest.raises(ValueError, match="damaged archive"):
        unpack(path, tmp_path / "out")
    assert os.listdir(tmp_path / "out") == []


@pytest.mark.timeout(20)
def test_what_announces_too_much_is_not_even_begun(tmp_path):
    path = tmp_path / "x.tar.xz"
    with tarfile.open(path, "w:xz", preset=0) as archive:
        info = tarfile.TarInfo("bomb")
        info.size = 2**33
        archive.addfile(info)
        archive.fileobj.write(bytes(100_000))
    with pytest.raises(ValueError, match="bomb' is more than 1100 times"):
        unpack(path, tmp_path / "out")
    assert os.listdir(tmp_path / "out") == []


@pytest.mark.parametrize("pack", [_tar, _zip])
@pytest.mark.parametrize(
    "names", [("a", "a/b"), ("a/b", "a"), ("x" * 300,), ("y/" * 3000 + "z",)]
)
def test_names_that_no_file_can_have_are_refused(tmp_path, pack, names):
    members = [("good.txt", b"1"), *((name, b"2") for name in names)]
    path = pack(tmp_path / "x.archive", members)
    with pytest.raises(ValueError, match="nothing was unpacked") as refused:
        unpack(path, tmp_path / "out")
    assert len(str(refused.value)) < 600
    assert os.listdir(tmp_path / "out") == []


@pytest.mark.parametrize("kind", [tarfile.XHDTYPE, tarfile.GNUTYPE_LONGNAME])
def test_a_header_is_no_way_to_fill_memory(tmp_path, kind):
    head = tarfile.TarInfo("x")
    head.type, head.size = kind, 2**32
    path = tmp_path / "x.tar.gz"
    with gzip.open(path, "wb", 1) as file:
        file.write(head.tobuf(tarfile.USTAR_FORMAT) + bytes(2**20))
    with pytest.raises(ValueError, match=r"x.tar.gz: .*header of 4294967296"):
        unpack(path, tmp_path / "out")


@pytest.mark.parametrize("pack", [_tar, _zip])
def test_names_that_write_on_a_screen_are_refused(tmp_path, pack):
    path = pack(tmp_path / "x", [("a\x1b[2J\n.wav", b"1")])
    with pytest.raises(ValueError, match="control characters"):
        unpack(path, tmp_path / "out")


@pytest.mark.parametrize(
    "headers",
    [
        {"path": "a\0b"},
        {"GNU.sparse.major": "1", "GNU.sparse.minor": "0"},
        {"GNU.sparse.map": "0,1,x", "GNU.sparse.size": "9"},
    ],
)
def test_odd_headers_name_the_archive(tmp_path, headers):
    path = tmp_path / "x.tar"
    with tarfile.open(path, "w", format=tarfile.PAX_FORMAT) as archive:
        info = tarfile.TarInfo("ok")
        info.pax_headers = headers
        archive.addfile(info)
    with pytest.raises(ValueError, match="x.tar"):
        unpack(path, tmp_path / "out")
    assert list((tmp_path / "out").iterdir()) == []


def test_names_in_no_encoding_name_the_archive(tmp_path):
    path = _zip(tmp_path / "x.zip", [("aé.wav", b"1")])
    path.write_bytes(path.read_bytes().replace("é".encode(), b"\xff\xfe"))
    with pytest.raises(ValueError, match=r"x.zip: damaged"):
        unpack(path, tmp_path / "out")


@pytest.mark.parametrize("name", ["x.7z", "x.rar", "x.tar.xz", "X.ZIP"])
def test_archives_that_cannot_be_read_are_no_files(tmp_path, name):
    path = tmp_path / name
    path.write_bytes(b"7z\xbc\xaf\x27\x1c" + bytes(99))
    with pytest.raises(ValueError, match="no zip or tar"):
        unpack(path, tmp_path / "out")
