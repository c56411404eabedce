"""An export on the Hugging Face hub, where others load it by its name.

Authors
 * The speechbrain-opensed contributors 2026
"""

from pathlib import Path
from typing import Any

from lhotse_recipes.outputs import own_files

__all__ = ["push_to_hub"]


def push_to_hub(
    folder: str | Path,
    repository: str,
    *,
    private: bool = False,
    message: str = "Export of a sound event detector",
    api: Any = None,
) -> str:
    """Publish what an export wrote; `--model OWNER/NAME` then loads it.

    Only the files that the export wrote are sent, and those of an earlier
    export that are not there any more are removed; whatever else lies in the
    folder stays at home.

    Arguments
    ---------
    folder : str or Path
        What `export_detector` or `det.export` wrote.
    repository : str
        OWNER/NAME; made when missing.
    private : bool
        Whether only its owner sees it, if it is made.
    message : str
        Of the commit.
    api : huggingface_hub.HfApi, optional
        Default: with the token of `hf auth login` or `HF_TOKEN`.

    Returns
    -------
    str
        The address of the commit.

    Raises
    ------
    FileNotFoundError
        If there is no export.
    ValueError
        If the repository's name is none.
    OSError
        If the hub cannot be reached or refuses.

    Example
    -------
    >>> push_to_hub("nowhere", "me/detector")
    Traceback (most recent call last):
    FileNotFoundError: nowhere holds no export: ...
    """
    from huggingface_hub import HfApi
    from huggingface_hub.utils import HfHubHTTPError, validate_repo_id

    folder = Path(folder)
    names = sorted(own_files(folder))
    if "hyperparams.yaml" not in names:
        raise FileNotFoundError(
            f"{folder} holds no export: give the detector/ folder of a run, or "
            "what det.export wrote"
        )
    missing = [name for name in names if not (folder / name).is_file()]
    if missing:
        raise FileNotFoundError(
            f"{folder / missing[0]} is missing: export once more"
        )
    if repository.count("/") != 1:
        raise ValueError(f"{repository!r} is no repository: give OWNER/NAME")
    validate_repo_id(repository)
    if (folder / "README.md").is_file() and "README.md" not in names:
        names.append("README.md")
    api = HfApi() if api is None else api
    try:
        api.create_repo(repository, private=private, exist_ok=True)
        commit = api.upload_folder(
            repo_id=repository,
            folder_path=str(folder),
            allow_patterns=names,
            delete_patterns=["text_encoder/**", "*.safetensors", "*.yaml"],
            commit_message=message,
        )
    except HfHubHTTPError as error:
        raise OSError(
            f"the hub refuses {repository}: {error}; log in with `hf auth "
            "login`, or set HF_TOKEN to a token that may write"
        ) from error
    return str(commit.commit_url)
