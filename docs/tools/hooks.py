"""What MkDocs calls while it builds the pages.

Authors
 * The speechbrain-opensed contributors 2026
"""

import os
import sys
from pathlib import Path
from urllib.parse import urlsplit

os.environ.setdefault("OMP_NUM_THREADS", "1")
ROOT = Path(__file__).resolve().parents[2]
# For the modules beside this one; MkDocs forgets the folder after loading.
sys.path[:0] = [str(ROOT), str(Path(__file__).parent)]

import claims  # noqa: E402
import included  # noqa: E402
import licences  # noqa: E402
import not_run  # noqa: E402
import pictures  # noqa: E402
import reference  # noqa: E402
import tutorials  # noqa: E402
from mkdocs.structure.files import File, Files  # noqa: E402
from mkdocs.utils import get_relative_url  # noqa: E402

__all__ = [
    "on_files",
    "on_page_markdown",
    "on_post_page",
    "on_post_template",
]

# The theme's way to search without a server, which asks the network for it.
_SHIM = "https://unpkg.com/iframe-worker/shim"
_OURS = "assets/frame-worker.js"


def on_files(files: Files, config, **kwargs) -> Files:
    """Adds the pages and pictures that are made by the build."""
    made: dict[str, str | bytes] = {
        "reference/cli.md": reference.cli_page(),
        "reference/yaml.md": reference.yaml_page(),
        "claims.md": claims.page(),
        "licences.md": licences.page(),
        **dict(reference.api_pages()),
        **dict(pictures.all_pictures()),
        **dict(tutorials.pages()),
    }
    for path, content in made.items():
        if old := files.get_file_from_path(path):
            files.remove(old)
        files.append(File.generated(config, path, content=content))
    return files


def on_page_markdown(markdown: str, page, config, **kwargs) -> str:
    """Puts in the files that a page includes, and says what is not run."""
    return not_run.tell(included.expand(markdown, page.file.src_uri))


def on_post_page(output: str, page, config, **kwargs) -> str:
    """Has the page search with a script of ours, without a network."""
    return _with_our_search(output, page.url, get_relative_url(_OURS, page.url))


def on_post_template(output: str, template_name: str, config, **kwargs) -> str:
    """The same for the page that a server shows where there is none."""
    if template_name != "404.html":
        return output
    # It is shown at any address, so paths begin at the site's own.
    home = urlsplit(config.site_url or "/").path
    return _with_our_search(output, template_name, f"{home}{_OURS}")


def _with_our_search(output: str, url: str, script: str) -> str:
    found = output.count(f'src="{_SHIM}"')
    if found != 1:
        raise ValueError(f"{url}: {found} scripts for search, not one")
    return output.replace(_SHIM, script)
