"""Downloads that resume, are verified, and never look complete before they are.

An archive is fetched beside its final name, compared with the published size
and checksum, unpacked into a hidden folder, and only the finished folder gets
the corpus's name.
"""

import hashlib
import http.client
import json
import os
import shutil
import urllib.error
import urllib.request
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path

from tqdm import tqdm

from lhotse_recipes.building.unpack import merge_split_zips, unpack

__all__ = [
    "RemoteFile",
    "fetch",
    "fetch_corpus",
    "fetch_tables",
    "zenodo_files",
]

_ZENODO = "https://zenodo.org/api/records"
_BLOCK = 2**20
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
        with urllib.request.urlopen(_request(url), timeout=_TIMEOUT) as answer:
            listed = {
                entry["key"]: RemoteFile(
                    entry["links"]["self"],
                    Path(entry["key"]).name,
                    entry["size"],
                    entry["checksum"].removeprefix("md5:"),
                )
                for entry in json.load(answer)["files"]
            }
    except OSError as error:
        raise OSError(f"{url}: {_why(error)}; try again later") from error
    except (ValueError, KeyError, TypeError) as error:
        raise ValueError(
            f"{url}: not a Zenodo record ({error!r}); fetch the corpus by hand"
        ) from error
    missing = [name for name in names or () if name not in listed]
    if missing:
        raise ValueError(
            f"{url}: no file {', '.join(missing)} there; it has "
            f"{', '.join(listed)}; fetch the corpus by hand"
        )
    return [listed[name] for name in names or listed]


def fetch(
    file: RemoteFile, folder: str | Path, force_download: bool = False
) -> Path:
    """
    Fetch a file, going on where an earlier attempt stopped.

    What has arrived so far lies beside it as ``<name>.part``; the name itself
    exists only when all is there and agrees with size and checksum.

    :param file: what to fetch.
    :param folder: where to put it; made when missing.
    :param force_download: fetch it again even if it is there.
    :return: the file here.
    :raises OSError: the connection failed or ended early; call again to go on.
    :raises ValueError: what arrived is not what was published; it is removed.
    """
    path = Path(folder) / file.name
    part = path.with_name(f"{path.name}.part")
    path.parent.mkdir(parents=True, exist_ok=True)
    if force_download:
        path.unlink(missing_ok=True)
        part.unlink(missing_ok=True)
    if path.exists():
        return path
    if not (part.exists() and part.stat().st_size == file.size):
        _receive(file, part)
    size = part.stat().st_size
    if file.size is not None and size != file.size:
        if size > file.size:
            part.unlink()
        raise OSError(
            f"{file.url}: {size} of {file.size} bytes arrived; run the same "
            "command again to go on"
        )
    if file.md5 is not None and _md5(part) != file.md5:
        part.unlink()
        raise ValueError(
            f"{file.url}: the checksum of what arrived is not {file.md5}, so "
            "it was removed; fetch it again"
        )
    os.replace(part, path)
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
    removed afterwards.

    :param files: archives; what is no archive is copied.
    :param target_dir: where the corpus's folder goes.
    :param name: of that folder.
    :param force_download: replace what is there.
    :return: the folder; it exists only if everything is in it.
    """
    target = Path(target_dir) / name
    if target.is_dir() and not force_download:
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
        if target.is_dir():
            shutil.rmtree(target)
        os.replace(growing, target)
    finally:
        shutil.rmtree(growing, ignore_errors=True)
    return target


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


def _request(url: str, offset: int = 0) -> urllib.request.Request:
    headers = {"User-Agent": "speechbrain-opensed"}
    if offset:
        headers["Range"] = f"bytes={offset}-"
    return urllib.request.Request(url, headers=headers)


def _receive(file: RemoteFile, part: Path) -> None:
    have = part.stat().st_size if part.exists() else 0
    try:
        with urllib.request.urlopen(
            _request(file.url, have), timeout=_TIMEOUT
        ) as answer:
            # A server that ignores ranges sends the whole file again.
            have = have if answer.status == 206 else 0
            length = answer.headers.get("Content-Length")
            expected = have + int(length) if length else None
            with (
                open(part, "ab" if have else "wb") as out,
                tqdm(
                    total=expected,
                    initial=have,
                    unit="B",
                    unit_scale=True,
                    desc=file.name,
                ) as bar,
            ):
                while block := answer.read(_BLOCK):
                    out.write(block)
                    bar.update(len(block))
    except urllib.error.HTTPError as error:
        if error.code == 416 and file.size is None:
            return  # Nothing is left to send: it was all there.
        if error.code == 416:
            part.unlink()
        raise OSError(f"{file.url}: {_why(error)}; try again later") from error
    except (OSError, http.client.HTTPException) as error:
        raise OSError(
            f"{file.url}: {_why(error)}; run the same command again to go on"
        ) from error
    if expected is not None and part.stat().st_size < expected:
        raise OSError(
            f"{file.url}: the connection ended after {part.stat().st_size} of "
            f"{expected} bytes; run the same command again to go on"
        )


def _why(error: Exception) -> str:
    return str(getattr(error, "reason", None) or error) or repr(error)


def _md5(path: Path) -> str:
    digest = hashlib.md5(usedforsecurity=False)
    with open(path, "rb") as file:
        while block := file.read(_BLOCK):
            digest.update(block)
    return digest.hexdigest()
