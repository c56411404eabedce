"""Downloads that resume, are verified, and never look complete before they are.

An archive is fetched beside its final name, compared with the published size
and checksum, unpacked into a hidden folder, and only the finished folder gets
the corpus's name.
"""

import hashlib
import os
import re
import shutil
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit
from urllib.request import url2pathname

import requests
from requests.adapters import HTTPAdapter
from tqdm import tqdm
from urllib3 import Retry
from urllib3.exceptions import HTTPError

from lhotse_recipes.building.answers import (
    announced,
    fits,
    refuse_other_content,
    version_of,
)
from lhotse_recipes.building.unpack import merge_split_zips, unpack
from lhotse_recipes.fingerprint import Stamp
from lhotse_recipes.names import file_name
from lhotse_recipes.outputs import locked, write_atomically

__all__ = [
    "RemoteFile",
    "fetch",
    "fetch_corpus",
    "fetch_tables",
    "zenodo_files",
]

_ZENODO = "https://zenodo.org/api/records"
_BLOCK = 2**18
_TIMEOUT = 60.0


@dataclass(frozen=True)
class RemoteFile:
    """
    A file to fetch.

    :param url: where it is.
    :param name: what to call it here.
    :param size: bytes, where published.
    :param md5: checksum, where published.
    """

    url: str
    name: str
    size: int | None = None
    md5: str | None = None


def zenodo_files(
    record: int, names: Sequence[str] | None = None, api: str = _ZENODO
) -> list[RemoteFile]:
    """
    Files of a Zenodo record with the sizes and checksums published there.

    :param record: number of the record.
    :param names: the files wanted; all of them by default.
    :param api: address of Zenodo's interface for records.
    :return: the files.
    :raises ValueError: the record lacks a file, or the answer is no record.
    :raises OSError: no connection.
    """
    url = f"{api}/{record}"
    try:
        with _session() as session:
            answer = session.get(url, timeout=_TIMEOUT)
            answer.raise_for_status()
        listed = {
            entry["key"]: _listed_file(entry)
            for entry in answer.json()["files"]
        }
    except (ValueError, KeyError, TypeError, AttributeError) as error:
        raise ValueError(
            f"{url}: not a Zenodo record ({error!r}); fetch the corpus by hand"
        ) from error
    except OSError as error:
        raise OSError(f"{url}: {_why(error)}; try again later") from error
    missing = [name for name in names or () if name not in listed]
    if missing:
        raise ValueError(
            f"{url}: no file {', '.join(missing)} there; it has "
            f"{', '.join(listed)}; fetch the corpus by hand"
        )
    return [listed[name] for name in names or listed]


def _listed_file(entry: Any) -> RemoteFile:
    """A file of a record, which is not trusted: its address least of all."""
    url, size = entry["links"]["self"], entry["size"]
    name = Path(entry["key"]).name
    checksum = entry["checksum"].removeprefix("md5:")
    if urlsplit(url).scheme not in ("http", "https"):
        raise ValueError(f"the address {url!r} of a file")
    if name != file_name(name) or not isinstance(size, int):
        raise ValueError(f"a file {name!r} of {size!r} bytes")
    return RemoteFile(url, name, size, checksum)


def fetch(
    file: RemoteFile, folder: str | Path, force_download: bool = False
) -> Path:
    """
    Fetch a file, going on where an earlier attempt stopped.

    What has arrived so far lies beside it as ``<name>.part``, with what the
    server called that version; a version that changed meanwhile is fetched
    from its beginning. The name itself exists only when all is there and
    agrees with size and checksum.

    :param file: what to fetch.
    :param folder: where to put it; made when missing.
    :param force_download: fetch it again even if it is there.
    :return: the file here.
    :raises OSError: the connection failed or ended early; call again to go on.
    :raises ValueError: what arrived is not what was published; it is removed.
    """
    path = Path(folder) / file.name
    part = path.with_name(f"{path.name}.part")
    note = _note(part)
    path.parent.mkdir(parents=True, exist_ok=True)
    if force_download:
        path.unlink(missing_ok=True)
        part.unlink(missing_ok=True)
        note.unlink(missing_ok=True)
    if path.exists():
        return path
    if not (part.exists() and part.stat().st_size == file.size):
        _receive(file, part)
    size = part.stat().st_size
    if file.size is not None and size != file.size:
        if size > file.size:
            _discard(part)
        raise OSError(
            f"{file.url}: {size} of {file.size} bytes arrived; run the same "
            "command again to go on"
        )
    if file.md5 is not None and _md5(part) != file.md5:
        _discard(part)
        raise ValueError(
            f"{file.url}: the checksum of what arrived is not {file.md5}, so "
            "it was removed; fetch it again"
        )
    os.replace(part, path)
    note.unlink(missing_ok=True)
    return path


def fetch_corpus(
    files: Iterable[RemoteFile],
    target_dir: str | Path,
    name: str,
    force_download: bool = False,
) -> Path:
    """
    Fetch archives and unpack them into one folder.

    The archives stay in ``<target_dir>/<name>.archives``; that folder may be
    removed afterwards. Files that somebody put into the corpus's folder stay.

    :param files: archives; what is no archive is copied.
    :param target_dir: where the corpus's folder goes.
    :param name: of that folder.
    :param force_download: replace what is there.
    :return: the folder; it exists only if everything is in it.
    :raises ValueError: the folder is there, made from other archives.
    :raises OSError: another process fetches it.
    """
    with locked(Path(target_dir) / name):
        return _fetch_corpus(list(files), target_dir, name, force_download)


def _fetch_corpus(
    files: list[RemoteFile],
    target_dir: str | Path,
    name: str,
    force_download: bool,
) -> Path:
    target = Path(target_dir) / name
    wanted = sorted(file.name for file in files)
    stamp = Stamp(Path(target_dir) / f".{name}.json", {"files": wanted})
    old = Path(target_dir) / f".{name}.old"
    if old.is_dir() and not target.exists():  # killed in between
        os.replace(old, target)
    if target.is_dir() and not force_download:
        found = (stamp.read() or {}).get("about", {}).get("files", wanted)
        missing = [one for one in wanted if one not in found]
        if missing:
            raise ValueError(
                f"{target} was made without {', '.join(missing)}: "
                "force_download makes it anew, or choose another folder"
            )
        print(f"{target} is there already; force_download replaces it")
        return target
    archives = Path(target_dir) / f"{name}.archives"
    fetched = [fetch(file, archives, force_download) for file in files]
    growing = Path(target_dir) / f".{name}.part"
    shutil.rmtree(growing, ignore_errors=True)
    try:
        growing.mkdir(parents=True)
        for archive in merge_split_zips(fetched):
            unpack(archive, growing)
        unpacked = _files_below(growing)
        if target.is_dir():
            ours = (stamp.read() or {}).get("unpacked", [])
            _keep(_files_below(target).difference(ours), target, growing)
            shutil.rmtree(old, ignore_errors=True)
            os.replace(target, old)
        os.replace(growing, target)
        stamp.write(unpacked=sorted(unpacked))
    finally:
        shutil.rmtree(growing, ignore_errors=True)
        if target.is_dir():
            shutil.rmtree(old, ignore_errors=True)
    return target


def _files_below(folder: Path) -> set[str]:
    found = (path for path in folder.rglob("*") if path.is_file())
    return {path.relative_to(folder).as_posix() for path in found}


def _keep(names: Iterable[str], source: Path, target: Path) -> None:
    """Copy what is of somebody else, where the name is free."""
    for name in sorted(names):
        copy = target / name
        if not copy.exists():
            copy.parent.mkdir(parents=True, exist_ok=True)
            shutil.copy2(source / name, copy)


def fetch_tables(
    urls: Iterable[str],
    target_dir: str | Path,
    name: str,
    force_download: bool = False,
) -> Path:
    """
    Fetch a corpus's tables, for which neither size nor checksum is published.

    :param urls: addresses; their last parts become the files' names.
    :param target_dir: where the folder goes.
    :param name: of the folder.
    :param force_download: replace what is there.
    :return: the folder; it exists only if everything is in it.
    """
    files = [RemoteFile(url, url.rpartition("/")[2]) for url in urls]
    return fetch_corpus(files, target_dir, name, force_download)


def _session() -> requests.Session:
    """Tries again what may pass; what is sent is not packed on the way."""
    session = requests.Session()
    session.headers["User-Agent"] = "speechbrain-opensed"
    session.headers["Accept-Encoding"] = "identity"
    retries = Retry(
        3,
        connect=1,
        backoff_factor=0.5,
        status_forcelist=(429, 500, 502, 503, 504),
        raise_on_status=False,
    )
    for scheme in ("http://", "https://"):
        session.mount(scheme, HTTPAdapter(max_retries=retries))
    return session


def _note(part: Path) -> Path:
    """Holds what the server calls the version that a part is of."""
    return part.with_name(f"{part.name}.version")


def _discard(part: Path) -> None:
    part.unlink(missing_ok=True)
    _note(part).unlink(missing_ok=True)


def _receive(file: RemoteFile, part: Path) -> None:
    if urlsplit(file.url).scheme == "file":
        shutil.copyfile(url2pathname(urlsplit(file.url).path), part)
        return
    again = "run the same command again to go on"
    have = part.stat().st_size if part.exists() else 0
    note = _note(part)
    version = note.read_text(encoding="utf-8") if note.is_file() else ""
    headers = {"Range": f"bytes={have}-"} if have else {}
    if have and version:
        # Another version is then sent whole instead of from there on.
        headers["If-Range"] = version
    expected = None
    try:
        with (
            _session() as session,
            session.get(
                file.url, headers=headers, stream=True, timeout=_TIMEOUT
            ) as answer,
        ):
            if answer.status_code == 416:
                _check_nothing_left(file, part, answer)
                return
            answer.raise_for_status()
            if answer.status_code == 206 and not fits(answer, have, version):
                _discard(part)
                raise OSError(
                    f"the file changed on the server, so its beginning was "
                    f"removed; {again}"
                )
            # A server that ignores ranges sends the whole file again.
            have = have if answer.status_code == 206 else 0
            refuse_other_content(file.name, answer)
            expected = announced(answer, have)
            with write_atomically(note) as out:
                out.write(version_of(answer))
            with (
                open(part, "ab" if have else "wb") as sink,
                tqdm(
                    total=expected,
                    initial=have,
                    unit="B",
                    unit_scale=True,
                    desc=file.name,
                ) as bar,
            ):
                # What arrived of a last block counts; sizes are compared below.
                answer.raw.enforce_content_length = False
                # As it is sent: what is packed is a file like others.
                for block in answer.raw.stream(_BLOCK, decode_content=False):
                    sink.write(block)
                    bar.update(len(block))
                    if expected is not None and sink.tell() > expected:
                        break
    except requests.HTTPError as error:
        raise OSError(f"{file.url}: {_why(error)}; try again later") from error
    except (requests.RequestException, HTTPError) as error:
        if expected is None:
            raise OSError(f"{file.url}: {_why(error)}; {again}") from error
    except OSError as error:
        raise OSError(f"{file.url}: {error}") from error
    size = part.stat().st_size
    if expected is not None and size < expected:
        raise OSError(
            f"{file.url}: the connection ended after {size} of {expected} "
            f"bytes; {again}"
        )


def _check_nothing_left(
    file: RemoteFile, part: Path, answer: requests.Response
) -> None:
    """Nothing is left to send: it was all there, or is of another file."""
    total = re.match(r"bytes \*/(\d+)", answer.headers.get("Content-Range", ""))
    size = part.stat().st_size if part.exists() else 0
    wanted = file.size if file.size is not None else total and int(total[1])
    if wanted is not None and size != wanted:
        _discard(part)
        raise OSError(
            f"{size} bytes were there of a file of {wanted}, so they were "
            "removed; run the same command again"
        )


def _why(error: Exception) -> str:
    answer = getattr(error, "response", None)
    if answer is not None:
        return str(answer.reason)
    return str(error) or repr(error)


def _md5(path: Path) -> str:
    digest = hashlib.md5(usedforsecurity=False)
    with open(path, "rb") as file:
        while block := file.read(_BLOCK):
            digest.update(block)
    return digest.hexdigest()
