"""Archives of corpora, opened without trusting them."""

import errno
import os
import re
import shutil
import struct
import subprocess
import tarfile
import zipfile
import zlib
from collections import Counter
from collections.abc import Callable, Sequence
from functools import partial
from lzma import LZMAError
from pathlib import Path, PurePosixPath
from typing import IO

from tqdm import tqdm

from lhotse_recipes.holding import let_go, new_part

__all__ = ["merge_split_zips", "unpack"]

_BLOCK = 2**20
# Silence packs well: deflate reaches 1 032 at most, other methods any ratio.
_RATIO = 1100
_SMALL = 2**30
# Of a long name or of what is told about a member, which is read as a whole.
_LARGEST_HEADER = 2**20
_HEADERS = (
    *(tarfile.XHDTYPE, tarfile.XGLTYPE, tarfile.SOLARIS_XHDTYPE),
    *(tarfile.GNUTYPE_LONGNAME, tarfile.GNUTYPE_LONGLINK),
)
_ENDINGS = (
    *(".zip", ".tar", ".tgz", ".tar.gz", ".tar.bz2", ".tbz2", ".tar.xz"),
    *(".txz", ".7z", ".rar"),
)
# A name that is taken, too long, or none of this file system.
_UNFIT = (
    *(errno.EEXIST, errno.EISDIR, errno.ENOTDIR),
    *(errno.ENAMETOOLONG, errno.EINVAL, errno.EILSEQ),
)

Member = tuple[str, Callable[[], IO[bytes]]]


def unpack(archive: str | Path, folder: str | Path) -> Path:
    """
    Unpack a zip or tar archive; what is neither is copied.

    Only plain files are written, and only below ``folder``: a member with an
    absolute path, a drive letter or ``..``, and links and devices, are
    refused before anything is written. Backslashes of Windows archives part
    folders. A member that occurs twice is refused, and so is an archive that
    grows to more than 1 GiB and 1 100 times its size. All files appear, or
    none: they are unpacked beside and then moved.

    :param archive: ``.zip``, ``.tar``, ``.tar.gz`` and the like.
    :param folder: where the files go; made when missing.
    :return: the folder.
    :raises ValueError: the archive is damaged or dangerous; nothing of it was
        unpacked.
    """
    archive, folder = Path(archive), Path(folder)
    folder.mkdir(parents=True, exist_ok=True)
    try:
        if zipfile.is_zipfile(archive):
            with zipfile.ZipFile(archive) as opened:
                _write(_zip_members(opened, archive), folder, archive)
        elif (tape := _opened_tar(archive)) is not None:
            with tape:
                _write(_tar_members(tape, archive), folder, archive)
        elif archive.name.lower().endswith(_ENDINGS):
            raise zipfile.BadZipFile("no zip or tar, in spite of its name")
        else:
            shutil.copy(archive, folder / archive.name)
    except (
        zipfile.BadZipFile,
        tarfile.TarError,
        zlib.error,
        EOFError,
        LZMAError,
        NotImplementedError,
        RuntimeError,
        OverflowError,
        struct.error,
        ValueError,
    ) as error:
        if isinstance(error, _Dangerous):
            raise
        raise ValueError(
            f"{archive}: damaged archive ({error}); remove it and fetch it "
            "again"
        ) from error
    return folder


def merge_split_zips(paths: Sequence[Path]) -> list[Path]:
    """
    Join archives that come as ``x.z01``, ``x.z02``, ..., ``x.zip``.

    :param paths: files; those that are no such parts are passed through.
    :return: the files with each split archive replaced by a whole one.
    :raises ValueError: the program ``zip``, which joins them, is missing or
        refuses.
    """
    split = {
        path.with_suffix("")
        for path in paths
        if re.fullmatch(r"\.z\d\d", path.suffix)
    }
    merged = []
    for path in paths:
        if path.with_suffix("") not in split:
            merged.append(path)
        elif path.suffix == ".zip":
            whole = path.with_name(f"{path.stem}.whole.zip")
            if shutil.which("zip") is None:
                raise ValueError(
                    f"{path}: an archive in several parts, which only the "
                    "program zip joins; install it (apt install zip) and run "
                    "the same command again"
                )
            whole.unlink(missing_ok=True)
            done = subprocess.run(
                ["zip", "-q", "-s", "0", str(path), "--out", str(whole)],
                capture_output=True,
                text=True,
            )
            if done.returncode:
                whole.unlink(missing_ok=True)
                raise ValueError(
                    f"{path}: zip cannot join its parts: "
                    f"{(done.stdout + done.stderr).strip()}; remove the "
                    "damaged part and run the same command again"
                )
            merged.append(whole)
    return merged


class _Dangerous(ValueError):
    """An archive that is not only damaged."""


class _Member(tarfile.TarInfo):
    """One whose header is not itself a bomb."""

    @classmethod
    def frombuf(
        cls, buf: bytes | bytearray, encoding: str, errors: str
    ) -> "_Member":
        member = super().frombuf(buf, encoding, errors)
        if member.type in _HEADERS and member.size > _LARGEST_HEADER:
            raise ValueError(f"a header of {member.size} bytes")
        return member


def _opened_tar(archive: Path) -> tarfile.TarFile | None:
    try:
        return tarfile.open(archive, tarinfo=_Member)
    except tarfile.ReadError:
        return None


def _zip_members(opened: zipfile.ZipFile, archive: Path) -> list[Member]:
    members: list[Member] = []
    room = _room(archive)
    for info in opened.infolist():
        room -= info.file_size
        _refuse_growth(room, info.filename, archive)
        is_link = (info.external_attr >> 16) & 0o170000 == 0o120000
        if is_link:
            raise _dangerous(archive, info.filename, "a link")
        if not info.is_dir() and not info.filename.endswith("\\"):
            members.append((info.filename, partial(opened.open, info)))
    return members


def _tar_members(opened: tarfile.TarFile, archive: Path) -> list[Member]:
    members: list[Member] = []
    room = _room(archive)
    for info in opened:
        # Before the next one is looked for behind all that is in this one.
        room -= info.size
        _refuse_growth(room, info.name, archive)
        if info.isfile():
            members.append((info.name, partial(_content, opened, info)))
        elif not info.isdir():
            raise _dangerous(archive, info.name, "no plain file")
    return members


def _room(archive: Path) -> int:
    return max(_SMALL, _RATIO * archive.stat().st_size)


def _refuse_growth(room: int, name: str, archive: Path) -> None:
    if room < 0:
        what = f"more than {_RATIO} times what is packed"
        raise _dangerous(archive, name, what)


def _content(opened: tarfile.TarFile, info: tarfile.TarInfo) -> IO[bytes]:
    source = opened.extractfile(info)
    assert source is not None, "only plain files are asked for"
    return source


def _write(members: list[Member], folder: Path, archive: Path) -> None:
    names = [_inside(name, archive) for name, _ in members]
    double = [name for name, count in Counter(names).items() if count > 1]
    if double:
        raise _dangerous(archive, str(double[0]), "there twice")
    allowed = _room(archive)
    growing, held = new_part(folder, is_folder=True)
    bar = tqdm(
        zip(names, members, strict=True),
        total=len(members),
        desc=f"unpacking {archive.name}",
        unit=" files",
        disable=len(members) < 50,
    )
    try:
        for name, (_, opener) in bar:
            target = growing / name
            try:
                target.parent.mkdir(parents=True, exist_ok=True)
                # New, also where the file system folds names.
                target.touch(exist_ok=False)
            except OSError as error:
                if error.errno not in _UNFIT:
                    raise
                what = f"no new file here ({error.strerror})"
                raise _dangerous(archive, str(name), what) from error
            with opener() as source, open(target, "wb") as file:
                while block := source.read(_BLOCK):
                    allowed -= len(block)
                    _refuse_growth(allowed, str(name), archive)
                    file.write(block)
        for name in names:
            (folder / name).parent.mkdir(parents=True, exist_ok=True)
            os.replace(growing / name, folder / name)
    finally:
        shutil.rmtree(growing, ignore_errors=True)
        let_go(held)


def _inside(name: str, archive: Path) -> PurePosixPath:
    path = PurePosixPath(name.replace("\\", "/"))
    drive = re.match(r"[A-Za-z]:", name)
    if path.is_absolute() or drive or ".." in path.parts or not path.parts:
        raise _dangerous(archive, name, "a path outside")
    if any(ord(letter) < 32 or ord(letter) == 127 for letter in name):
        what = "a name with control characters"
        raise _dangerous(archive, name, what)
    return path


def _dangerous(archive: Path, name: str, what: str) -> _Dangerous:
    return _Dangerous(
        f"{archive}: its member {name[:200]!r} is {what}, nothing was "
        "unpacked; do "
        "not trust this archive"
    )
