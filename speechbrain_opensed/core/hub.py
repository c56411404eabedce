"""Files of released models: on this machine, or fetched from their hub.

Without a network the answer comes at once and says what to download and
where to put it: a hub's own client would try for half a minute.

Authors
 * The speechbrain-opensed contributors 2026
"""

import os
import re
import socket
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TypeVar
from urllib.parse import urlparse
from urllib.request import getproxies

__all__ = [
    "auto_options",
    "local_options",
    "fetch_file",
    "fetch_folder",
    "load_pretrained",
    "hub_address",
    "hub_problem",
    "models_folder",
]

_SECONDS = 3.0
_REPOSITORY = re.compile(r"\w[\w.-]*/\w[\w.-]*")
# What from_pretrained may read beside a config.
_PARTS = (
    "model*.safetensors",
    "*.json",
    "tokenizer*",
    "vocab*",
    "merges.txt",
    "spiece.model",
)

Loaded = TypeVar("Loaded")


def models_folder() -> Path:
    """Where files that were downloaded by hand are looked for.

    Returns
    -------
    Path
        `$OPENSED_HOME/models`, by default `~/.cache/opensed/models`.

    Example
    -------
    >>> models_folder().name
    'models'
    """
    home = os.environ.get("OPENSED_HOME")
    return (Path(home) if home else Path.home() / ".cache/opensed") / "models"


def fetch_file(repository: str, name: str) -> Path:
    """A file of a repository.

    Arguments
    ---------
    repository : str
        `owner/name` on the Hugging Face hub.
    name : str
        The file in it, with its folder.

    Returns
    -------
    Path
        In `models_folder()/name-of-repository`, else in the hub's cache.

    Raises
    ------
    FileNotFoundError
        If it is not there and cannot be fetched: where to get it, and where
        to put it.

    Example
    -------
    >>> at = "http://localhost:9"
    >>> getfixture("monkeypatch").setenv("HF_ENDPOINT", at)
    >>> fetch_file("no/model", "weights.pt")
    Traceback (most recent call last):
    FileNotFoundError: weights.pt of no/model is not on this machine ...
    """
    here = models_folder() / repository.split("/")[-1]
    for path in (here / name, here / Path(name).name):
        if path.is_file():
            return path
    from huggingface_hub import hf_hub_download, try_to_load_from_cache

    cached = try_to_load_from_cache(repository, name)
    if isinstance(cached, str):
        return Path(cached)
    return Path(
        _fetch(
            lambda: hf_hub_download(repository, name),
            repository,
            [name],
            here / Path(name).name,
        )
    )


def fetch_folder(
    repository: str, needed: Sequence[str], patterns: Sequence[str] = ()
) -> Path:
    """A repository's files in one folder, for `from_pretrained`.

    Arguments
    ---------
    repository : str
        `owner/name` on the Hugging Face hub.
    needed : sequence of str
        Files without which the folder is of no use, such as `config.json`.
    patterns : sequence of str
        What else is fetched, as shell patterns: tokenizer, weights.

    Returns
    -------
    Path
        `models_folder()/name-of-repository`, else the hub's cache.

    Raises
    ------
    FileNotFoundError
        If it is not there and cannot be fetched: where to get it, and where
        to put it.

    Example
    -------
    >>> at = "http://localhost:9"
    >>> getfixture("monkeypatch").setenv("HF_ENDPOINT", at)
    >>> fetch_folder("no/model", ["config.json"])
    Traceback (most recent call last):
    FileNotFoundError: config.json of no/model is not on this machine ...
    """
    here = models_folder() / repository.split("/")[-1]
    if all((here / name).is_file() for name in needed):
        return here
    from huggingface_hub import snapshot_download, try_to_load_from_cache

    cached = [try_to_load_from_cache(repository, name) for name in needed]
    if all(isinstance(path, str) for path in cached):
        return Path(str(cached[0])).parent
    wanted = [*needed, *patterns]
    return Path(
        _fetch(
            lambda: snapshot_download(repository, allow_patterns=wanted),
            repository,
            wanted,
            here,
        )
    )


def load_pretrained(
    what: str,
    source: str | Path,
    load: Callable[[str], Loaded],
    needed: Sequence[str] = ("config.json",),
) -> Loaded:
    """What `from_pretrained` makes of a folder or of a repository's files.

    Arguments
    ---------
    what : str
        What it is, for the message.
    source : str or Path
        A folder, or `owner/name` on the Hugging Face hub; the files of the
        latter are looked for and fetched as by :func:`fetch_folder`.
    load : callable
        From the folder to what is returned.
    needed : sequence of str
        Files without which the folder is of no use.

    Returns
    -------
    Any
        What `load` gives.

    Raises
    ------
    FileNotFoundError
        If it is not there and cannot be fetched, or is something else.

    Example
    -------
    >>> load_pretrained("model", "./nowhere", str)
    Traceback (most recent call last):
    FileNotFoundError: no model at ./nowhere and none could be fetched ...
    """
    place = str(source)
    try:
        if not os.path.isdir(place):
            if not _REPOSITORY.fullmatch(place):
                raise FileNotFoundError("it is neither folder nor owner/name")
            place = str(fetch_folder(place, needed, _PARTS))
        return load(place)
    except (OSError, ValueError) as error:
        raise FileNotFoundError(
            f"no {what} at {source} and none could be fetched "
            f"({str(error).splitlines()[0]}); download it to a folder and "
            "give that"
        ) from error


def local_options(source: str | Path) -> dict[str, bool]:
    """What `from_pretrained` of a class is told besides its source.

    Arguments
    ---------
    source : str or Path
        A folder, whose files alone are then read, or a repository.

    Returns
    -------
    dict
        Keyword arguments.

    Example
    -------
    >>> local_options("laion/clap-htsat-unfused")
    {'local_files_only': False}
    """
    return {"local_files_only": os.path.isdir(str(source))}


def auto_options(source: str | Path) -> dict[str, bool]:
    """The same for transformers' Auto classes: no code of a model is run.

    Arguments
    ---------
    source : str or Path
        A folder or a repository.

    Returns
    -------
    dict
        Keyword arguments.

    Example
    -------
    >>> auto_options("laion/clap-htsat-unfused")["trust_remote_code"]
    False
    """
    return {**local_options(source), "trust_remote_code": False}


def hub_address() -> str:
    """The hub's address, which `HF_ENDPOINT` may change.

    Example
    -------
    >>> getfixture("monkeypatch").setenv("HF_ENDPOINT", "http://localhost:9")
    >>> hub_address()
    'http://localhost:9'
    """
    return os.environ.get("HF_ENDPOINT") or "https://huggingface.co"


def hub_problem() -> str:
    """Why the hub cannot be reached, at once: its own client tries for long.

    Returns
    -------
    str
        Empty where it can, or where a proxy leaves no way to try.

    Example
    -------
    >>> getfixture("monkeypatch").setenv("HF_ENDPOINT", "http://localhost:9")
    >>> hub_problem()
    'localhost cannot be reached (...)'
    """
    address = urlparse(hub_address())
    port = address.port or (80 if address.scheme == "http" else 443)
    if getproxies():
        return ""
    try:
        socket.create_connection((address.hostname, port), _SECONDS).close()
    except OSError as error:
        return f"{address.hostname} cannot be reached ({error})"
    return ""


def _fetch(download, repository, names, place):
    remedy = (
        f"{', '.join(names)} of {repository} is not on this machine and "
        f"{{}}; download it from {hub_address()}/{repository} and put it at "
        f"{place}"
    )
    if problem := hub_problem():
        raise FileNotFoundError(remedy.format(problem))
    try:
        return download()
    except Exception as error:
        # The hub's client has errors of its own for each circumstance.
        raise FileNotFoundError(
            remedy.format(
                f"cannot be fetched ({type(error).__name__}: "
                f"{str(error).splitlines()[0]})"
            )
        ) from error
