"""Commands and snippets of Markdown pages, and how they are run."""

import ast
import doctest
import re
import shlex
import textwrap
from dataclasses import dataclass
from pathlib import Path

import click
from click.testing import CliRunner

__all__ = ["Block", "blocks_of", "check", "commands_in", "run"]

_FENCE = re.compile(
    # A README, which nothing is done to, has words for its readers before it.
    r"(?:^[^\n]*<!-- run: (?P<reason>\S+) -->[ ]*\n)?"
    r"^(?P<indent>[ ]*)```(?P<language>\w*)[^\n]*\n"
    r"(?P<text>.*?)^(?P=indent)```[ ]*$",
    re.MULTILINE | re.DOTALL,
)


@dataclass(frozen=True)
class Block:
    """A fenced block: `reason` says why it is not run."""

    language: str
    text: str
    line: int
    reason: str | None


def blocks_of(text: str) -> list[Block]:
    """All fenced blocks of a page, in order."""
    return [
        Block(
            match["language"],
            textwrap.dedent(match["text"]),
            text[: match.start("text")].count("\n"),
            match["reason"],
        )
        for match in _FENCE.finditer(text)
    ]


def commands_in(block: Block) -> list[tuple[list[str], str]]:
    """Each command of a console block and the output shown, if any."""
    found: list[tuple[list[str], list[str]]] = []
    for line in block.text.replace("\\\n", " ").splitlines():
        if line.startswith("$ "):
            found.append((shlex.split(line[2:], comments=True), []))
        elif found:
            found[-1][1].append(line)
        elif line:
            raise ValueError(f"line {block.line}: no $ before {line!r}")
    return [(words, "\n".join(shown).strip()) for words, shown in found]


def run(block: Block, names: dict, folder: Path) -> int:
    """Run a block in the current folder; `names` are the snippets' own.

    How many commands or statements it has: none would be a mistake.
    """
    if block.language == "python":
        code = compile(block.text, f"{folder.name}:{block.line}", "exec")
        exec(code, names)  # noqa: S102
        return len(ast.parse(block.text).body)
    commands = list(commands_in(block))
    for words, shown in commands:
        if words[:2] == ["opensed", "train"] and "--list" not in words:
            # Training takes the place of the process, which is the tests'.
            raise ValueError(f"{shlex.join(words)} is not run: say why")
        result = CliRunner().invoke(_program(words), _arguments(words))
        said = f"line {block.line}: {shlex.join(words)}\n{result.output}"
        if result.exit_code:
            raise AssertionError(f"{said}{result.exception!r}")
        if shown:
            same = doctest.OutputChecker().check_output(
                f"{shown}\n",
                f"{result.stdout.strip()}\n",
                doctest.ELLIPSIS | doctest.NORMALIZE_WHITESPACE,
            )
            assert same, f"{said}\nis not what is shown:\n{shown}"
    return len(commands)


def check(block: Block) -> int:
    """What can be said of a block that is not run: its options exist.

    How many commands or statements it has.
    """
    if block.language == "python":
        compile(block.text, f"line {block.line}", "exec")
        return len(ast.parse(block.text).body)
    commands = list(commands_in(block))
    for words, _ in commands:
        if words[0] == "opensed" or words[:2] == ["python", "-m"]:
            _parse(_program(words), _arguments(words), words[0])
    return len(commands)


def _program(words: list[str]) -> click.Command:
    if words[0] == "opensed":
        from speechbrain_opensed.commands.cli import opensed

        return opensed
    if words[:3] == ["python", "-m", "lhotse_recipes"]:
        from lhotse_recipes.cli import lhotse_cli

        return lhotse_cli()
    raise ValueError(f"{shlex.join(words)} is not run: say why above it")


def _arguments(words: list[str]) -> list[str]:
    return words[1:] if words[0] == "opensed" else words[3:]


def _parse(command: click.Command, words: list[str], name: str) -> None:
    context = command.make_context(name, list(words))
    if isinstance(command, click.Group):
        rest = [*getattr(context, "_protected_args", []), *context.args]
        name, below, rest = command.resolve_command(context, rest)
        assert below is not None and name is not None
        _parse(below, rest, name)
