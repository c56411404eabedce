"""The `opensed` command.

Authors
 * The speechbrain-opensed contributors 2026
"""

import importlib
import logging
import os
from typing import Any

import click

from speechbrain_opensed.commands.checks import checked
from speechbrain_opensed.commands.interrupts import INTERRUPTED, end_at_once
from speechbrain_opensed.commands.options import SomeFailed
from speechbrain_opensed.core.errors import in_words

__all__ = ["SECTIONS", "main", "opensed"]

_AGAIN = "`opensed --traceback ...` with the same command"
_ALIGNMENT = "speechbrain_opensed.commands.evaluate_alignment"
_COMMANDS = {
    "detect": "speechbrain_opensed.commands.detect:detect",
    "listen": "speechbrain_opensed.commands.listen:listen",
    "serve": "speechbrain_opensed.commands.serve:serve",
    "models": "speechbrain_opensed.commands.models:models",
    "train": "speechbrain_opensed.commands.train:train",
    "learn": "speechbrain_opensed.commands.learn:learn",
    "calibrate": "speechbrain_opensed.commands.calibrate:calibrate",
    "publish": "speechbrain_opensed.commands.publish:publish",
    "caption": "speechbrain_opensed.commands.caption:caption",
    "annotate": "speechbrain_opensed.commands.annotate:annotate",
    "evaluate": "speechbrain_opensed.commands.evaluate:evaluate",
    "evaluate-retrieval": f"{_ALIGNMENT}:evaluate_retrieval",
    "evaluate-classification": f"{_ALIGNMENT}:evaluate_classification",
    "evaluate-grounding": f"{_ALIGNMENT}:evaluate_grounding",
    "index": "speechbrain_opensed.commands.index:index",
    "search": "speechbrain_opensed.commands.search:search",
    "evaluate-generation": (
        "speechbrain_opensed.commands.evaluate_generation:evaluate_generation"
    ),
    "generate": "speechbrain_opensed.commands.generate:generate",
    "soundscapes": "speechbrain_opensed.commands.soundscapes:soundscapes",
    "relate-labels": (
        "speechbrain_opensed.commands.relate_labels:relate_labels"
    ),
    "neighbors": "speechbrain_opensed.commands.neighbors:neighbors",
    "prompt-results": (
        "speechbrain_opensed.commands.prompt_results:prompt_results"
    ),
    "convert-checkpoint": (
        "speechbrain_opensed.commands.convert_checkpoint:convert_checkpoint"
    ),
    "join-captions": (
        "speechbrain_opensed.commands.join_captions:join_captions"
    ),
    "phrase-bank": "speechbrain_opensed.commands.phrase_bank:phrase_bank",
    "export-onnx": "speechbrain_opensed.commands.export_onnx:export_onnx",
    "prepare": "lhotse_recipes.cli:prepare",
    "download": "lhotse_recipes.cli:download",
    "export": "lhotse_recipes.cli:export",
    "new": "speechbrain_opensed.commands.new:new",
}

#: What `opensed --help` shows together.
SECTIONS = {
    "Hear": (
        "detect",
        "listen",
        "serve",
        "caption",
        "annotate",
        "index",
        "search",
        "models",
    ),
    "Teach": ("learn", "calibrate", "train", "publish"),
    "Evaluate": (
        "evaluate",
        "evaluate-retrieval",
        "evaluate-classification",
        "evaluate-grounding",
        "evaluate-generation",
        "prompt-results",
    ),
    "Data": ("prepare", "download", "join-captions", "soundscapes", "export"),
    "Language": ("phrase-bank", "relate-labels", "neighbors"),
    "Generate": ("generate",),
    "Build": ("new", "convert-checkpoint", "export-onnx"),
}


class _Failure(click.ClickException):
    """A user's error, in one line."""

    exit_code = 2

    def format_message(self):
        return " ".join(self.message.split())


class _LazyGroup(click.Group):
    """Imports a command's module when it is needed.

    Errors that tell the user what is wrong become one line, without a
    traceback; so does, as a last resort, whatever else goes wrong.
    Exit codes: 0 done, 1 some items failed, 2 usage or input, 130 interrupted.
    """

    def list_commands(self, ctx):
        return list(_COMMANDS)

    def format_commands(self, ctx, formatter):
        """The commands by what they are for, each with a line of help."""
        listed = set(self.list_commands(ctx))
        shown = [name for names in SECTIONS.values() for name in names]
        rest = tuple(name for name in _COMMANDS if name not in shown)
        width = max(map(len, listed))
        for title, names in {**SECTIONS, "More": rest}.items():
            rows = []
            for name in names:
                if (command := self.get_command(ctx, name)) is not None:
                    limit = formatter.width - 6 - width
                    about = command.get_short_help_str(limit)
                    rows.append((name.ljust(width), about))
            if rows:
                with formatter.section(title):
                    formatter.write_dl(rows)

    def get_command(self, ctx, name):
        if name not in _COMMANDS:
            return None
        module, _, attribute = _COMMANDS[name].partition(":")
        return checked(getattr(importlib.import_module(module), attribute))

    def invoke(self, ctx):
        if ctx.params.get("traceback"):
            return super().invoke(ctx)
        try:
            return super().invoke(ctx)
        except BrokenPipeError:
            raise
        except (click.UsageError, SomeFailed, click.exceptions.Exit):
            raise
        except (KeyboardInterrupt, click.Abort):
            click.echo("\nInterrupted; what was done before is kept", err=True)
            ctx.exit(INTERRUPTED)
        except click.ClickException as error:
            cause, message = error.__cause__, error.format_message()
            if isinstance(cause, OSError) and str(cause) == message:
                message = in_words(cause)
            raise _Failure(message) from error
        except Exception as error:
            raise _Failure(in_words(error, _AGAIN)) from error


@click.group(
    cls=_LazyGroup,
    context_settings={
        "help_option_names": ["-h", "--help"],
        "show_default": True,
    },
)
@click.version_option(package_name="speechbrain-opensed")
@click.option(
    "--traceback",
    is_flag=True,
    help="Show where an error happened.",
)
@click.option("-v", "--verbose", is_flag=True, help="Tell more.")
@click.option(
    "-q", "--quiet", is_flag=True, help="Tell errors alone; no progress bars."
)
@click.pass_context
def opensed(ctx: Any, traceback: bool, verbose: Any, quiet: Any) -> None:
    """Find any sound you can describe in words.

    The options below stand before the command; those of a command, in its own
    help, behind it.
    """
    if verbose and quiet:
        raise click.UsageError("--verbose and --quiet exclude each other")
    if verbose:
        logging.basicConfig(level=logging.INFO)
    if quiet:
        logging.disable(logging.WARNING)
        ctx.call_on_close(lambda: logging.disable(logging.NOTSET))
        # Read when tqdm is imported, which is later.
        os.environ["TQDM_DISABLE"] = "1"
        ctx.call_on_close(lambda: os.environ.pop("TQDM_DISABLE"))


def main() -> None:
    """Run the command line."""
    try:
        opensed(prog_name="opensed")
    except SystemExit as end:
        if end.code == INTERRUPTED:
            end_at_once()
        raise
