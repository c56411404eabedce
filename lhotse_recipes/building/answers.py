"""What a server says about the file that it sends, which is not trusted."""

import re

import requests

__all__ = ["announced", "fits", "refuse_other_content", "version_of"]


def refuse_other_content(name: str, answer: requests.Response) -> None:
    """
    Refuse what is no file, or one that was packed on the way.

    :param name: what the file is called here.
    :param answer: of the server.
    :raises OSError: it is a page, or packed.
    """
    kind = answer.headers.get("Content-Type", "").partition(";")[0].strip()
    pages = (".html", ".htm")
    if kind.lower() == "text/html" and not name.lower().endswith(pages):
        raise OSError(
            "the server sent a page in place of the file, perhaps one to log "
            "in; open the address in a browser, and fetch the corpus by hand"
        )
    packed = answer.headers.get("Content-Encoding", "identity").lower()
    # Some servers call an archive by what it is.
    if packed != "identity" and not name.endswith((".gz", ".tgz")):
        raise OSError(
            f"the server packs the file on the way ({packed}), though it was "
            "asked not to; fetch the corpus by hand"
        )


def announced(answer: requests.Response, have: int) -> int | None:
    """
    Bytes of the whole file, where the server says.

    :param answer: of the server.
    :param have: bytes that are here.
    :return: their number; None where it is not told.
    """
    total = re.search(r"/(\d+)$", answer.headers.get("Content-Range", ""))
    if answer.status_code == 206 and total:
        return int(total[1])
    length = answer.headers.get("Content-Length", "")
    return have + int(length) if length.isdecimal() else None


def version_of(answer: requests.Response) -> str:
    """
    What identifies the bytes; weak tags do not.

    :param answer: of the server.
    :return: a tag or a time, or nothing.
    """
    tag = answer.headers.get("ETag", "")
    if tag and not tag.startswith("W/"):
        return tag
    return answer.headers.get("Last-Modified", "")


def fits(answer: requests.Response, have: int, version: str) -> bool:
    """
    Whether a part of a file goes on where ours ends.

    :param answer: of the server, with status 206.
    :param have: bytes that are here.
    :param version: what the server called the file that they are of.
    :return: False for another place or version, or where it is not told.
    """
    sent = re.match(r"bytes (\d+)-", answer.headers.get("Content-Range", ""))
    if not sent or int(sent[1]) != have:
        return False
    return not version or version_of(answer) in ("", version)
