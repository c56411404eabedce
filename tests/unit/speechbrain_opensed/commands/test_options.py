"""All commands say the same thing in the same way."""

from collections import defaultdict

import click
import pytest

from speechbrain_opensed.commands.cli import SECTIONS, opensed
from speechbrain_opensed.commands.options import SomeFailed, read_phrases

# Lhotse's recipes have signatures of their own.
LHOTSE = ("prepare", "download")
#: What writes no file, or a folder that its arguments name.
NO_FILE = ("listen", "serve", "models", "train", "publish")
# Words of which one command means something else, and why.
OTHER_MEANING = {
    "--threshold": "search knows no phrases in advance: one number",
    "--median": "evaluate has one filter for all classes",
    "--reference": "tables of truth; sounds of a style",
    "--encoder": "evaluate-generation takes several",
}


def walk(command, path=()):
    context = click.Context(command)
    if isinstance(command, click.Group):
        for name in command.list_commands(context):
            if name not in LHOTSE:
                below = command.get_command(context, name)
                yield from walk(below, (*path, name))
    else:
        yield " ".join(path), command


COMMANDS = dict(walk(opensed))


def options_of(command):
    return [p for p in command.params if isinstance(p, click.Option)]


def longs(option):
    return [word for word in option.opts if word.startswith("--")]


def kind_of(option):
    path = isinstance(option.type, click.Path)
    name = "path" if path else option.type.name
    return name, option.multiple, option.is_flag


def named(command):
    return {word for option in options_of(command) for word in option.opts}


def faults_of(commands):
    """What a command says in another way than the others do."""
    shorts, kinds, faults = defaultdict(set), defaultdict(dict), []
    for name, command in commands.items():
        words = named(command)
        if not command.help or not command.get_short_help_str():
            faults.append(f"{name}: no help")
        if name.split()[0] not in NO_FILE and not {"-o", "--output"} <= words:
            faults.append(f"{name}: no -o/--output")
        for option in options_of(command):
            if not option.help:
                faults.append(f"{name} {option.opts[0]}: no help")
            for word in option.opts:
                if not word.startswith("--"):
                    shorts[word].add(longs(option)[0])
            for word in longs(option):
                if word not in OTHER_MEANING:
                    kinds[word].setdefault(kind_of(option), name)
    for short, long in shorts.items():
        # How many: of clips, of moments, of phrases.
        if len(long) > 1 and short != "-n":
            faults.append(f"{short} is {' and '.join(sorted(long))}")
    for word, found in kinds.items():
        if len(found) > 1:
            faults.append(f"{word} is not the same in {[*found.values()]}")
    return faults


def test_all_commands_speak_alike():
    assert faults_of(COMMANDS) == []


@pytest.mark.parametrize(
    ("options", "words"),
    [
        ([click.Option(["--out"], help="File.")], "no -o/--output"),
        ([click.Option(["-o", "--output"])], "no help"),
        ([click.Option(["-q", "--quick"], help="Fast.")], "-q is --query"),
        (
            [click.Option(["--device"], type=int, help="Number.")],
            "--device is not the same in",
        ),
    ],
)
def test_a_strange_command_is_noticed(options, words):
    strange = click.Command("x", params=options, help="Does something.")
    said = faults_of({**COMMANDS, "strange": strange})
    assert any(words in fault for fault in said), said


def test_exceptions_are_needed():
    for word in OTHER_MEANING:
        kinds = {
            kind_of(option)
            for command in COMMANDS.values()
            for option in options_of(command)
            if word in option.opts
        }
        assert len(kinds) > 1, f"{word} needs no exception"
    for name in NO_FILE:
        assert not {"-o", "--output"} <= named(COMMANDS[name]), name


def test_options_are_where_they_act():
    """Precision: where something is decoded; normalize: where files are."""
    having = defaultdict(set)
    for name, command in COMMANDS.items():
        for word in named(command):
            having[word].add(name)
    assert having["--precision"] == {
        "detect", "listen", "serve", "caption", "annotate", "calibrate",
        "evaluate", "generate",
    }  # fmt: skip
    assert having["--normalize"] == {"detect"}
    assert having["--allow-commands"] >= {
        "annotate", "calibrate", "evaluate", "evaluate-retrieval",
    }  # fmt: skip
    for word in ("--model", "--device"):
        assert having["--precision"] <= having[word]


def test_each_command_has_one_section():
    names = [name for section in SECTIONS.values() for name in section]
    assert len(names) == len(set(names))
    assert {name.split()[0] for name in COMMANDS} == {*names} - {*LHOTSE}


def test_every_command_has_an_example_or_takes_nothing():
    """A line of help tells what it does; most show how."""
    shown = [n for n, c in COMMANDS.items() if "opensed " in (c.help or "")]
    assert len(shown) > len(COMMANDS) / 2, sorted({*COMMANDS} - {*shown})


def test_failures_have_a_code_of_their_own():
    assert SomeFailed("one").exit_code == 1
    with pytest.raises(ValueError, match="add -q PHRASE"):
        read_phrases([], None)
