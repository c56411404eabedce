"""Pages of the reference that the build writes: commands, YAML keys, API.

Authors
 * The speechbrain-opensed contributors 2026
"""

import importlib
import re
from collections.abc import Iterator
from pathlib import Path

import click

__all__ = ["api_pages", "cli_page", "yaml_page"]

_ROOT = Path(__file__).resolve().parents[2]
# Page to its title, its package and, where the package itself exports
# nothing, the modules to show.
_API = {
    "speechbrain_opensed": ("The three interfaces", "speechbrain_opensed"),
    "inference": ("Inference", "speechbrain_opensed.inference"),
    "checkpoints": ("Released weights", "speechbrain_opensed.checkpoints"),
    "losses": ("Losses", "speechbrain_opensed.losses"),
    "metrics": ("Metrics", "speechbrain_opensed.metrics"),
    "training": ("Training", "speechbrain_opensed.training"),
    "evaluation": ("Evaluation", "speechbrain_opensed.evaluation"),
    "plotting": ("Figures", "speechbrain_opensed.plotting"),
    "dataio": (
        "Cuts to batches",
        "speechbrain_opensed.dataio.loader",
        "speechbrain_opensed.dataio.batches",
        "speechbrain_opensed.dataio.targets",
        "speechbrain_opensed.dataio.queries",
        "speechbrain_opensed.dataio.knowledge",
    ),
    "lobes": (
        "Models",
        "speechbrain_opensed.core.spec",
        "speechbrain_opensed.lobes.flexsed",
        "speechbrain_opensed.lobes.finelap",
        "speechbrain_opensed.lobes.track_sed",
        "speechbrain_opensed.lobes.query_sed",
        "speechbrain_opensed.lobes.encoders.protocol",
        "speechbrain_opensed.lobes.encoders.named",
        "speechbrain_opensed.lobes.text.encoders",
        "speechbrain_opensed.lobes.prompts.base",
        "speechbrain_opensed.lobes.style.adapter",
    ),
    "lhotse_recipes": (
        "Corpora as cut sets",
        "lhotse_recipes",
        "lhotse_recipes.schema",
        "lhotse_recipes.vocabulary",
    ),
    "formats": ("Other programs' files", "lhotse_recipes.formats"),
    "soundscapes": ("Soundscapes", "lhotse_recipes.soundscapes"),
}


def api_pages() -> Iterator[tuple[str, str]]:
    """Path below docs and text of each page of the API."""
    shown: set[str] = set()
    for name, (title, *modules) in _API.items():
        blocks = [f"# {title}"]
        for module in modules:
            if len(modules) > 1 or module != f"speechbrain_opensed.{name}":
                blocks.append(f"Import from `{module}`.")
            for path in _where_defined(module):
                # Each thing has one page.
                if path not in shown:
                    blocks.append(f"::: {path}")
                    shown.add(path)
        yield f"reference/api/{name}.md", "\n\n".join(blocks) + "\n"


def _where_defined(module: str) -> Iterator[str]:
    """The paths under which griffe finds what a module exports."""
    loaded = importlib.import_module(module)
    for name in loaded.__all__:
        if name.startswith("__"):
            continue
        thing = getattr(loaded, name)
        home = getattr(thing, "__module__", None)
        if isinstance(thing, str | dict | tuple) or home is None:
            home = module
        yield f"{home}.{name}"


def cli_page() -> str:
    """Every command with its options, from the commands themselves."""
    from speechbrain_opensed.commands.cli import SECTIONS, opensed

    context = click.Context(opensed, info_name="opensed")
    blocks = [
        "# Commands",
        "Written from the commands themselves. `opensed COMMAND --help` "
        "tells the same; [exit codes](exit-codes.md) are the same for all.",
        _help(opensed, context, "##"),
    ]
    for title, names in SECTIONS.items():
        blocks.append(f"## {title}")
        for name in names:
            command = opensed.get_command(context, name)
            blocks += _command(command, context, name, "###")
    return "\n\n".join(blocks) + "\n"


def _command(command, parent, name, heading) -> Iterator[str]:
    context = click.Context(command, info_name=name, parent=parent)
    yield f"{heading} {context.command_path}"
    yield _help(command, context, heading)
    if isinstance(command, click.Group) and name not in ("prepare", "download"):
        for one in command.list_commands(context):
            below = command.get_command(context, one)
            yield from _command(below, context, one, heading + "#")


def _help(command, context, heading) -> str:
    context.terminal_width = context.max_content_width = 80
    home = str(Path.home())
    text = command.get_help(context).replace(home, "~")
    return f"```text\n{text}\n```"


def yaml_page() -> str:
    """The keys of each recipe's YAML files, their values and comments."""
    blocks = [
        "# YAML keys",
        "Every key at the top level of a recipe's file can be overridden on "
        "the command line: `opensed train FlexSED event_bank --lr 0.001`. "
        "Written from the files; *paper* marks a value of the paper, *ours* "
        "one of ours.",
    ]
    for file in sorted((_ROOT / "recipes").glob("*/hparams/*.yaml")):
        recipe = file.parts[-3]
        blocks.append(f"## {recipe}: {file.name}")
        rows = ["| key | value | |", "|---|---|---|"]
        rows += [
            f"| `{key}` | {_cell(value)} | {_words(comment)} |"
            for key, value, comment in keys_of(file.read_text("utf-8"))
        ]
        blocks.append("\n".join(rows))
    return "\n\n".join(blocks) + "\n"


def keys_of(text: str) -> Iterator[tuple[str, str, str]]:
    """Key, value and comment of each line of a YAML's top level.

    >>> list(keys_of("# Hz\\nrate: 16000  # paper\\nsizes:\\n    a: 1\\n"))
    [('rate', '16000', 'Hz paper'), ('sizes', '', '')]
    """
    above: list[str] = []
    for line in text.splitlines():
        if line.startswith("#"):
            words = line.strip("# ")
            above = [*above, words] if words and not line.endswith("##") else []
            continue
        match = re.match(r"([A-Za-z_]\w*):(?: +(.*?))?(?: {2,}# (.*))?$", line)
        if match:
            key, value, beside = match.groups()
            yield key, value or "", " ".join([*above, *filter(None, [beside])])
        above = []


def _cell(value: str) -> str:
    value = value.replace("|", "\\|")
    if value.startswith(("!new:", "!name:", "!apply:")):
        value = re.sub(r"([\w]+\.)+(\w+)", r"\2", value)
    return f"`{value}`" if value else ""


def _words(comment: str) -> str:
    return comment.replace("|", "\\|").replace("<", "&lt;")
