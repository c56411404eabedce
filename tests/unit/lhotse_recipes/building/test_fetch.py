"""Downloads and archives: interrupted, corrupt, hostile."""

import hashlib
import http.server
import io
import json
import random
import shutil
import subprocess
import sys
import tarfile
import threading
import zipfile

import pytest

from lhotse_recipes.building.fetch import (
    RemoteFile,
    fetch,
    fetch_corpus,
    zenodo_files,
)
from lhotse_recipes.building.unpack import merge_split_zips, unpack
from lhotse_recipes.outputs import locked
from lhotse_recipes.registry import DATASETS

BODY = bytes(range(256)) * 400


class Server(http.server.ThreadingHTTPServer):
    """Serves `files`; breaks the next answer off after `cut` bytes."""

    files = {"/a.bin": BODY}
    cut = None
    ranges = True
    version = None
    honest = True
    told = None  # of a range
    more = {}

    def __init__(self):
        super().__init__(("127.0.0.1", 0), Handler)
        self.asked = []
        self.files = dict(self.files)
        self.address = f"http://127.0.0.1:{self.server_port}"


class Handler(http.server.BaseHTTPRequestHandler):
    def do_GET(self):  # noqa: N802
        server = self.server
        offset = 0
        server.asked.append(self.headers.get("Range"))
        if self.path not in server.files:
            return self.send_error(404)
        body = server.files[self.path]
        known = self.headers.get("If-Range")
        same = known in (None, server.version) or not server.honest
        if self.headers.get("Range") and server.ranges and same:
            offset = int(self.headers["Range"][6:-1])
            if offset >= len(body):
                self.send_response(416)
                self.send_header("Content-Range", f"bytes */{len(body)}")
                self.send_header("Content-Length", "0")
                return self.end_headers()
        self.send_response(206 if offset else 200)
        if offset:
            end = len(body) - 1
            told = server.told or f"bytes {offset}-{end}/{len(body)}"
            self.send_header("Content-Range", told)
        for name, value in server.more.items():
            self.send_header(name, value)
        if server.version is not None:
            self.send_header("ETag", server.version)
        self.send_header("Content-Length", str(len(body) - offset))
        self.end_headers()
        stop = len(body) if server.cut is None else offset + server.cut
        self.wfile.write(body[offset:stop])
        server.cut = None

    def log_message(self, *_):
        pass


@pytest.fixture
def server():
    with Server() as server:
        threading.Thread(
            target=server.serve_forever, args=(0.02,), daemon=True
        ).start()
        yield server
        server.shutdown()


def remote(server, **known):
    return RemoteFile(f"{server.address}/a.bin", "a.bin", **known)


def test_an_interrupted_download_goes_on(server, tmp_path):
    server.cut = 1000
    file = remote(server, size=len(BODY), md5=hashlib.md5(BODY).hexdigest())
    with pytest.raises(OSError, match="1000 of 102400 bytes.*go on"):
        fetch(file, tmp_path)
    assert not (tmp_path / "a.bin").exists()
    assert fetch(file, tmp_path).read_bytes() == BODY
    assert server.asked == [None, "bytes=1000-"]
    assert [p.name for p in tmp_path.iterdir()] == ["a.bin"]
    fetch(file, tmp_path)
    assert len(server.asked) == 2


def test_a_version_that_changed_is_fetched_from_its_beginning(server, tmp_path):
    server.cut, server.version = 1000, '"one"'
    with pytest.raises(OSError, match="1000 of 102400"):
        fetch(remote(server), tmp_path)
    assert (tmp_path / "a.bin.part").stat().st_size == 1000
    server.version, server.files["/a.bin"] = '"two"', BODY[::-1]
    assert fetch(remote(server), tmp_path).read_bytes() == BODY[::-1]
    assert [path.name for path in tmp_path.iterdir()] == ["a.bin"]


@pytest.mark.parametrize(
    "told", ["bytes 0-9/99", "bytes 999999999-/1", "nonsense"]
)
def test_another_range_than_was_asked_for(server, tmp_path, told):
    server.cut = 1000
    with pytest.raises(OSError, match="run the same command again"):
        fetch(remote(server), tmp_path)
    server.told = told
    with pytest.raises(OSError, match="beginning was removed"):
        fetch(remote(server), tmp_path)
    assert list(tmp_path.iterdir()) == []
    server.told = None
    assert fetch(remote(server), tmp_path).read_bytes() == BODY


def test_a_range_that_ends_early_is_no_whole_file(server, tmp_path):
    server.cut = 1000
    with pytest.raises(OSError, match="run the same command again"):
        fetch(remote(server), tmp_path)
    server.told = f"bytes 1000-{len(BODY) - 1}/{len(BODY) + 5}"
    with pytest.raises(OSError, match="the connection ended after"):
        fetch(remote(server), tmp_path)


def test_a_page_is_no_file(server, tmp_path):
    server.more = {"Content-Type": "text/html; charset=utf-8"}
    with pytest.raises(OSError, match="a page in place of the file"):
        fetch(remote(server), tmp_path)
    assert list(tmp_path.glob("a.bin*")) == []


def test_what_is_packed_on_the_way_is_refused(server, tmp_path):
    server.more = {"Content-Encoding": "gzip"}
    with pytest.raises(OSError, match=r"packs the file on the way \(gzip\)"):
        fetch(remote(server), tmp_path)
    # What is an archive by itself is taken as it is sent.
    server.files["/a.tgz"] = BODY
    file = RemoteFile(f"{server.address}/a.tgz", "a.tgz", len(BODY))
    assert fetch(file, tmp_path).read_bytes() == BODY


@pytest.mark.parametrize(
    "change",
    [
        {"links": {"self": "file:///etc/passwd"}},
        {"key": ".."},
        {"size": "many"},
        {"checksum": None},
    ],
)
def test_a_record_may_not_name_anything(server, change):
    entry = {
        "key": "a.bin",
        "size": 3,
        "checksum": "md5:1",
        "links": {"self": f"{server.address}/a.bin"},
    }
    server.files["/1"] = json.dumps({"files": [entry | change]}).encode()
    with pytest.raises(ValueError, match="not a Zenodo record"):
        zenodo_files(1, api=server.address)


def test_servers_that_ignore_versions_are_noticed(server, tmp_path):
    server.cut, server.version = 1000, '"one"'
    with pytest.raises(OSError, match="1000 of 102400"):
        fetch(remote(server), tmp_path)
    server.version, server.honest = '"two"', False
    server.files["/a.bin"] = BODY[::-1]
    with pytest.raises(OSError, match="changed on the server"):
        fetch(remote(server), tmp_path)
    assert fetch(remote(server), tmp_path).read_bytes() == BODY[::-1]


def test_a_part_of_a_longer_file_is_removed(server, tmp_path):
    (tmp_path / "a.bin.part").write_bytes(BODY + b"more")
    with pytest.raises(OSError, match="102404 bytes were there of a file of"):
        fetch(remote(server), tmp_path)
    assert fetch(remote(server), tmp_path).read_bytes() == BODY


def test_what_may_pass_is_tried_again(server, tmp_path, monkeypatch):
    answers = [503, 200]
    serve = Handler.do_GET
    monkeypatch.setattr(
        Handler,
        "do_GET",
        lambda self: (
            self.send_error(503) if answers.pop(0) == 503 else serve(self)
        ),
    )
    assert fetch(remote(server), tmp_path).read_bytes() == BODY


def test_servers_without_ranges_send_it_all_again(server, tmp_path):
    server.cut, server.ranges = 1000, False
    for _ in range(2):
        try:
            path = fetch(remote(server), tmp_path)
        except OSError:
            continue
    assert path.read_bytes() == BODY


def test_a_part_that_is_whole_needs_no_more(server, tmp_path):
    (tmp_path / "a.bin.part").write_bytes(BODY)
    assert fetch(remote(server), tmp_path).read_bytes() == BODY
    (tmp_path / "a.bin").rename(tmp_path / "a.bin.part")
    fetch(remote(server, size=len(BODY)), tmp_path)
    assert server.asked == ["bytes=102400-"]


def test_what_was_not_published_is_removed(server, tmp_path):
    with pytest.raises(ValueError, match="checksum.*fetch it again"):
        fetch(remote(server, md5="0" * 32), tmp_path)
    assert not list(tmp_path.iterdir())
    with pytest.raises(OSError, match="102400 of 5 bytes"):
        fetch(remote(server, size=5), tmp_path)
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize("name", ["missing", "a.bin"])
def test_errors_of_the_connection_name_the_address(name, tmp_path):
    with pytest.raises(OSError, match=f"127.0.0.1:9/{name}"):
        fetch(RemoteFile(f"http://127.0.0.1:9/{name}", "x"), tmp_path)


def zip_of(members, path):
    with zipfile.ZipFile(path, "w") as archive:
        for name, content in members.items():
            archive.writestr(name, content)
    return path


def test_a_corpus_appears_when_all_of_it_is_there(server, tmp_path):
    packed = zip_of({"audio/x.wav": b"x", "m.csv": b"m"}, tmp_path / "x.zip")
    whole = packed.read_bytes()
    server.files["/x.zip"] = whole[:-30]
    file = RemoteFile(f"{server.address}/x.zip", "x.zip")
    with pytest.raises(ValueError, match="damaged archive.*fetch it again"):
        fetch_corpus([file], tmp_path / "to", "corpus")
    assert [p.name for p in (tmp_path / "to").iterdir()] == ["corpus.archives"]
    server.files["/x.zip"] = whole
    folder = fetch_corpus([file], tmp_path / "to", "corpus", True)
    assert (folder / "audio/x.wav").read_bytes() == b"x"
    (folder / "m.csv").write_text("mine")
    fetch_corpus([file], tmp_path / "to", "corpus")
    assert (folder / "m.csv").read_text() == "mine"
    fetch_corpus([file], tmp_path / "to", "corpus", True)
    assert (folder / "m.csv").read_text() == "m"


def test_what_others_put_beside_a_corpus_stays(server, tmp_path):
    whole = zip_of({"a/x.wav": b"x", "a/old.csv": b"o"}, tmp_path / "x.zip")
    server.files["/x.zip"] = whole.read_bytes()
    file = RemoteFile(f"{server.address}/x.zip", "x.zip")
    folder = fetch_corpus([file], tmp_path / "to", "corpus")
    (folder / "a/notes.txt").write_text("mine")
    (folder / ".git").mkdir()
    (folder / ".git/config").write_text("mine")
    whole.unlink()
    zip_of({"a/x.wav": b"new"}, whole)
    server.files["/x.zip"] = whole.read_bytes()
    fetch_corpus([file], tmp_path / "to", "corpus", force_download=True)
    assert (folder / "a/x.wav").read_bytes() == b"new"
    assert (folder / "a/notes.txt").read_text() == "mine"
    assert (folder / ".git/config").read_text() == "mine"
    assert not (folder / "a/old.csv").exists()
    # Killed between two renames: what was there is there.
    folder.rename(folder.with_name(".corpus.old"))
    assert fetch_corpus([file], tmp_path / "to", "corpus") == folder
    assert (folder / "a/notes.txt").read_text() == "mine"
    with locked(folder), pytest.raises(OSError, match="another process"):
        fetch_corpus([file], tmp_path / "to", "corpus")


def test_a_corpus_with_fewer_archives_is_another(server, tmp_path):
    files = []
    for name in ("train", "test"):
        packed = zip_of({f"{name}/x.wav": b"x"}, tmp_path / f"{name}.zip")
        server.files[f"/{name}.zip"] = packed.read_bytes()
        url = f"{server.address}/{name}.zip"
        files.append(RemoteFile(url, f"{name}.zip"))
    folder = fetch_corpus(files[:1], tmp_path / "to", "corpus")
    fetch_corpus(files[:1], tmp_path / "to", "corpus")
    with pytest.raises(ValueError, match="made without test.zip"):
        fetch_corpus(files, tmp_path / "to", "corpus")
    fetch_corpus(files, tmp_path / "to", "corpus", force_download=True)
    assert (folder / "test/x.wav").is_file()
    fetch_corpus(files[1:], tmp_path / "to", "corpus")


def test_zenodo_publishes_sizes_and_checksums(server):
    entry = {
        "key": "a.bin",
        "size": 5,
        "checksum": "md5:abc",
        "links": {"self": "http://there/a.bin"},
    }
    server.files["/7"] = json.dumps({"files": [entry]}).encode()
    server.files["/8"] = b"<html>"
    api = server.address
    wanted = RemoteFile("http://there/a.bin", "a.bin", 5, "abc")
    assert zenodo_files(7, api=api) == [wanted]
    with pytest.raises(ValueError, match="no file b.zip there; it has a.bin"):
        zenodo_files(7, ["b.zip"], api=api)
    with pytest.raises(ValueError, match="not a Zenodo record"):
        zenodo_files(8, api=api)
    with pytest.raises(OSError, match="/9: Not Found"):
        zenodo_files(9, api=api)


@pytest.mark.parametrize(
    "name", ["../x", "/x", "a/../../x", "C:\\x", "C:x", "..\\x", "\\x"]
)
@pytest.mark.parametrize("kind", ["zip", "tar"])
def test_no_path_leaves_the_folder(name, kind, tmp_path):
    path = tmp_path / f"evil.{kind}"
    if kind == "zip":
        zip_of({"good": b"1", name: b"2"}, path)
    else:
        with tarfile.open(path, "w") as archive:
            for member in ("good", name):
                archive.addfile(tarfile.TarInfo(member), io.BytesIO())
    with pytest.raises(ValueError, match="evil.*path outside.*do not trust"):
        unpack(path, tmp_path / "in" / "side")
    assert not list((tmp_path / "in" / "side").iterdir())


def test_links_are_refused(tmp_path):
    link = tarfile.TarInfo("link")
    link.type, link.linkname = tarfile.SYMTYPE, "/etc"
    with tarfile.open(tmp_path / "a.tar", "w") as archive:
        archive.addfile(link)
    with pytest.raises(ValueError, match="'link' is no plain file"):
        unpack(tmp_path / "a.tar", tmp_path / "in")
    info = zipfile.ZipInfo("link")
    info.external_attr = 0o120777 << 16
    with zipfile.ZipFile(tmp_path / "a.zip", "w") as archive:
        archive.writestr(info, "/etc")
    with pytest.raises(ValueError, match="'link' is a link"):
        unpack(tmp_path / "a.zip", tmp_path / "in")


def test_archives_of_windows_have_folders(tmp_path):
    zip_of({"a\\b.txt": b"1", "empty\\": b""}, tmp_path / "w.zip")
    unpack(tmp_path / "w.zip", tmp_path / "in")
    assert (tmp_path / "in/a/b.txt").read_bytes() == b"1"


@pytest.mark.parametrize("name", ["a.zip", "a.tar.gz"])
def test_damaged_archives_are_named(name, tmp_path):
    path = tmp_path / name
    content = BODY * 20
    if name == "a.zip":
        zip_of({"x": content}, path)
    else:
        with tarfile.open(path, "w:gz") as archive:
            info = tarfile.TarInfo("x")
            info.size = len(content)
            archive.addfile(info, io.BytesIO(content))
    whole = path.read_bytes()
    middle = len(whole) // 2
    damaged = [b"<html>", b"", whole[:middle]]
    damaged += [whole[:middle] + b"\xff" * 40 + whole[middle + 40 :]]
    for broken in damaged:
        path.write_bytes(broken)
        with pytest.raises(ValueError, match=f"{name}: damaged archive"):
            unpack(path, tmp_path / "in")


def test_plain_files_are_copied(tmp_path):
    (tmp_path / "notes.csv").write_text("a")
    unpack(tmp_path / "notes.csv", tmp_path / "in")
    assert (tmp_path / "in/notes.csv").read_text() == "a"


@pytest.mark.skipif(not shutil.which("zip"), reason="needs the program zip")
def test_split_archives_are_joined(tmp_path):
    # Info-ZIP 3.0 drops parts that lie wholly inside one member.
    draw = random.Random(0)
    contents = {f"{k}.bin": draw.randbytes(25_000) for k in range(8)}
    for name, content in contents.items():
        (tmp_path / name).write_bytes(content)
    subprocess.run(
        ["zip", "-q", "-s", "64k", "a.zip", *contents],
        cwd=tmp_path,
        check=True,
    )
    parts = sorted(tmp_path.glob("a.z*"))
    assert len(parts) == 4
    (tmp_path / "other.zip").touch()
    joined = merge_split_zips([*parts, tmp_path / "other.zip"])
    assert [p.name for p in joined] == ["a.whole.zip", "other.zip"]
    unpack(joined[0], tmp_path / "in")
    for name, content in contents.items():
        assert (tmp_path / "in" / name).read_bytes() == content
    parts[0].unlink()
    with pytest.raises(ValueError, match="a.zip: zip cannot join"):
        merge_split_zips([*parts[1:]])


def test_joining_needs_a_program(tmp_path, monkeypatch):
    monkeypatch.setenv("PATH", "")
    with pytest.raises(ValueError, match="apt install zip"):
        merge_split_zips([tmp_path / "a.z01", tmp_path / "a.zip"])


OURS = "esc50 fsd50k ns_instruments ravdess sesa tut2017 urbansound8k".split()


@pytest.mark.parametrize("module", OURS)
def test_corpora_that_may_be_fetched(module, server, tmp_path, monkeypatch):
    packed = zip_of({"inside/x.wav": b"x"}, tmp_path / "x.zip").read_bytes()
    asked = []

    def files_of(record, names=None):
        asked.append((record, names))
        return [RemoteFile(f"{server.address}/x.zip", "x.zip")]

    download = next(d for d in DATASETS if d.module == module).function(
        "download"
    )
    home = sys.modules[download.__module__]
    if hasattr(home, "zenodo_files"):
        monkeypatch.setattr(home, "zenodo_files", files_of)
        server.files["/x.zip"] = packed
    else:
        monkeypatch.setattr(home, "_URL", server.address)
        names = [f"/nsynth-{p}.jsonwav.tar.gz" for p in ("train", "test")]
        server.files.update(dict.fromkeys(["", "/", *names], packed))
    options = {"parts": ["test"]} if module == "ns_instruments" else {}
    folder = download(tmp_path / "to", **options)
    assert folder.parent == tmp_path / "to"
    assert (folder / "inside/x.wav").read_bytes() == b"x"
    assert len(asked) == int(hasattr(home, "zenodo_files"))
