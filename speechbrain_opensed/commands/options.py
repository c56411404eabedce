"""Options that several subcommands share.

Authors
 * The speechbrain-opensed contributors 2026
"""

from collections.abc import Callable, Sequence
from functools import partial
from pathlib import Path
from typing import Any

import click

__all__ = [
    "SomeFailed",
    "amount_option",
    "batch_option",
    "channel_option",
    "commands_option",
    "count_option",
    "detection_options",
    "load_aligner",
    "load_detector",
    "model_options",
    "phrase_options",
    "read_phrases",
    "read_run_opts",
    "read_settings",
    "read_thresholds",
    "stacked",
]

_MODEL = (
    "Name of a released model, see `opensed models`; folder of an export or "
    "of a run; OWNER/MODEL on the Hugging Face hub; or a file of released "
    "weights."
)


class SomeFailed(click.ClickException):
    """Some items were left out, each told before; the others are done.

    Example
    -------
    >>> SomeFailed("1 of 3 files were left out").exit_code
    1
    """

    exit_code = 1


# An option that takes a whole number from 1, and one for amounts above 0.
count_option = partial(click.option, type=click.IntRange(min=1))
amount_option = partial(
    click.option, type=click.FloatRange(min=0, min_open=True)
)
batch_option = count_option(
    "--batch-size", default=4, help="Windows that are encoded at once."
)
commands_option = click.option(
    "--allow-commands",
    is_flag=True,
    help="Let the manifest run shell commands and fetch from addresses where "
    "it names them as audio; only for manifests that you trust.",
)


def _check_channel(context, parameter, value):
    from lhotse_recipes.sound import CHANNELS

    if value in CHANNELS or (value.isdecimal() and int(value) > 0):
        return value
    raise click.BadParameter(
        f"{value!r}: choose {', '.join(CHANNELS)} or a number from 1"
    )


channel_option = click.option(
    "--channel",
    default="mix",
    metavar="mix|left|right|loudest|N",
    callback=_check_channel,
    help="How several channels become one: their mean, one of them, or that "
    "with the most energy.",
)


def stacked(*options: Any) -> Callable:
    """Several options as one decorator.

    Arguments
    ---------
    *options : callable
        Decorators of click, the first on top.

    Returns
    -------
    callable
        Decorator of a command.

    Example
    -------
    >>> both = stacked(click.option("--a"), click.option("--b"))
    >>> [option.name for option in click.command()(both(lambda: 0)).params]
    ['a', 'b']
    """

    def decorate(function):
        for option in reversed(options):
            function = option(function)
        return function

    return decorate


def model_options(
    required: bool = True, what: str = _MODEL, precision: bool = True
) -> Callable:
    """Options that :func:`load_detector` takes.

    Arguments
    ---------
    required : bool
        Whether the model has to be named.
    what : str
        Help on what can be named.
    precision : bool
        Whether there is a decoder, whose precision can be chosen.

    Returns
    -------
    callable
        Decorator of a command.

    Example
    -------
    >>> @click.command()
    ... @model_options()
    ... def listen(model, device, precision):
    ...     "Listens."
    >>> [option.name for option in listen.params]
    ['model', 'device', 'precision']
    """
    options = [
        click.option(
            "--model",
            required=required,
            help=what,
        ),
        click.option(
            "--device", default=None, help="cpu, cuda, ...; default: the best."
        ),
    ]
    if precision:
        options.append(
            click.option(
                "--precision",
                type=click.Choice(["fp32", "bf16", "fp16"]),
                default="fp32",
                help="Precision of the heaviest part, the decoder or the "
                "U-Net; bf16 is faster where the hardware knows it.",
            )
        )
    return stacked(*options)


def load_detector(
    model: str, device: str | None, precision: str = "fp32"
) -> Any:
    """The detector that the options describe.

    Arguments
    ---------
    model : str
        Folder, repository or weights.
    device : str or None
        Where it runs; None: the best there is.
    precision : str
        That of the decoder.

    Returns
    -------
    SoundEventDetector
        Ready to use.

    Example
    -------
    >>> load_detector("./nowhere", "cpu", "fp32")
    Traceback (most recent call last):
    FileNotFoundError: no folder ./nowhere: give one that export_detector ...
    """
    from speechbrain_opensed.inference import SoundEventDetector

    return SoundEventDetector.from_source(
        model, read_run_opts(device, precision)
    )


def load_aligner(
    model: str, device: str | None, precision: str = "fp32"
) -> Any:
    """The audio-text model that the options describe.

    Arguments
    ---------
    model : str
        Folder, repository or weights.
    device : str or None
        Where it runs; None: the best there is.
    precision : str
        Has no effect on embeddings.

    Returns
    -------
    AudioTextAligner
        Ready to use.

    Example
    -------
    >>> load_aligner("./nowhere", "cpu")
    Traceback (most recent call last):
    FileNotFoundError: no folder ./nowhere: give one that export_detector ...
    """
    from speechbrain_opensed.inference import AudioTextAligner

    return AudioTextAligner.from_source(model, read_run_opts(device, precision))


def read_run_opts(device: str | None, precision: str = "fp32") -> dict:
    """What `from_hparams` of an interface takes as `run_opts`.

    Arguments
    ---------
    device : str or None
        Where it runs; None: the best there is.
    precision : str
        fp32, bf16 or fp16.

    Returns
    -------
    dict
        The options.

    Example
    -------
    >>> read_run_opts("cpu", "fp32")
    {'precision': 'fp32', 'device': 'cpu'}
    """
    import torch

    try:
        torch.device(device or "cpu")
    except RuntimeError as error:
        raise ValueError(
            f"--device {device}: there is no such kind; write cpu, cuda or "
            "cuda:0"
        ) from error
    try:
        usable = torch.empty(1, device=device or "cpu").device.type != "meta"
    except (AssertionError, NotImplementedError, RuntimeError):
        usable = False
    if not usable:
        raise ValueError(f"no {device} here: leave --device out or use cpu")
    return {"precision": precision, **({"device": device} if device else {})}


phrase_options = stacked(
    click.option(
        "-q",
        "--query",
        "queries",
        multiple=True,
        metavar="PHRASE",
        help='What to look for, such as "dog barking"; may be repeated.',
    ),
    click.option(
        "--queries-file",
        type=click.Path(dir_okay=False, path_type=Path),
        help="Text file with one phrase per line.",
    ),
)


def read_phrases(
    queries: Sequence[str], queries_file: Path | None
) -> list[str]:
    """The phrases of both options, checked.

    Lines of the file that say the same once more are counted and left out.

    Arguments
    ---------
    queries : sequence of str
        Phrases.
    queries_file : Path or None
        UTF-8 file with one phrase per line.

    Returns
    -------
    list of str
        All phrases.

    Raises
    ------
    ValueError
        If there is none, or one is no phrase; names the file and the line.

    Example
    -------
    >>> read_phrases(["dog barking"], None)
    ['dog barking']
    """
    from speechbrain_opensed.inference.events import check_phrases

    phrases = check_phrases(queries) if queries else []
    if queries_file is not None:
        listed = _read_list(queries_file)
        known = dict.fromkeys(phrases + listed)
        twice = len(phrases) + len(listed) - len(known)
        if twice:
            click.echo(
                f"{queries_file}: {twice} lines say what was said before and "
                "are left out",
                err=True,
            )
        phrases = list(known)
    if not phrases:
        raise ValueError(
            "nothing to look for: add -q PHRASE or --queries-file FILE"
        )
    return phrases


def _read_list(path):
    from speechbrain_opensed.inference.events import clean_phrase

    if not path.exists():
        raise FileNotFoundError(f"no such file: {path}")
    # A shell's <(...) is a pipe.
    if not (path.is_file() or path.is_fifo()):
        raise ValueError(f"{path} is a device: name a text file")
    listed = []
    # The codec drops the mark that some editors write first.
    for number, line in enumerate(path.read_bytes().splitlines(), 1):
        try:
            text = line.decode("utf-8-sig" if number == 1 else "utf-8")
            phrase = clean_phrase(text)
        except UnicodeDecodeError as error:
            raise ValueError(
                f"{path}:{number}: no text in UTF-8 ({error.reason}); save it "
                f"as UTF-8, for example: iconv -f latin1 -t utf-8 {path}"
            ) from error
        except ValueError as error:
            raise ValueError(f"{path}:{number}: {error}") from error
        if phrase:
            listed.append(phrase)
    if not listed:
        raise ValueError(f"{path} holds no phrase: write one per line")
    return listed


def _by_phrase(option, about, name=None, metavar=None, **kept):
    return click.option(
        *(option, name or option.strip("-").replace("-", "_")),
        multiple=True,
        metavar=metavar or "[PHRASE=]SECONDS",
        help=f"{about} For all phrases or for one; may be repeated.",
        **kept,
    )


detection_options = stacked(
    click.option(
        "--threshold",
        "thresholds",
        multiple=True,
        metavar="[PHRASE=]NUMBER",
        help="Score above which a sound counts as present, for all phrases "
        "or for one; may be repeated. Default: what `opensed calibrate` "
        "found, else 0.5.",
    ),
    _by_phrase(
        "--low-threshold",
        "An event that reaches the threshold lasts as long as scores are "
        "above this; default: the threshold itself.",
        metavar="[PHRASE=]NUMBER",
    ),
    _by_phrase(
        "--median",
        "Span of the median filter over the scores.",
        "median_seconds",
        default=["0.36"],
    ),
    _by_phrase("--min-duration", "Leave out shorter events.", default=["0"]),
    _by_phrase(
        "--merge-gap",
        "Join events of one phrase that are closer.",
        default=["0"],
    ),
    batch_option,
    click.option(
        "--overlap",
        type=click.FloatRange(0, 0.9),
        default=0.5,
        help="Share of a window that the next one hears again: less is "
        "faster, and hears less well at the edges.",
    ),
)


def read_thresholds(
    thresholds: Sequence[str], phrases: Sequence[str]
) -> dict | None:
    """What the option says about each phrase.

    Arguments
    ---------
    thresholds : sequence of str
        `0.5`, for all phrases, or `dog barking=0.3`.
    phrases : sequence of str
        The phrases.

    Returns
    -------
    dict or None
        Phrase to threshold; None where the option was not given.

    Example
    -------
    >>> read_thresholds([], ["rain", "dog"])
    >>> read_thresholds(["0.4", "rain=0.7"], ["rain", "dog"])
    {'rain': 0.7, 'dog': 0.4}
    """
    from speechbrain_opensed.inference.events import check_threshold

    if not thresholds:
        return None
    value = _read_values("threshold", thresholds, phrases, 0.5)
    check_threshold(value, phrases)
    if isinstance(value, dict):
        return value
    return dict.fromkeys(phrases, value)


def read_settings(settings: dict, phrases: Sequence[str]) -> dict:
    """Options that may differ by phrase, as `detect_file` takes them.

    Arguments
    ---------
    settings : dict
        What the command got from `detection_options`, without thresholds.
    phrases : sequence of str
        The phrases.

    Returns
    -------
    dict
        The same, each a number or a dict of phrase to number.

    Raises
    ------
    ValueError
        If a text is no number, or its phrase not among the phrases.

    Example
    -------
    >>> read_settings({"merge_gap": ["0", "rain=2"]}, ["rain", "dog"])
    {'merge_gap': {'rain': 2.0, 'dog': 0.0}}
    """
    defaults = {
        "low_threshold": None,
        "median_seconds": 0.36,
        "min_duration": 0.0,
        "merge_gap": 0.0,
    }
    return {
        name: _read_values(name, value, phrases, defaults[name])
        if name in defaults
        else value
        for name, value in settings.items()
    }


def _read_values(name, texts, phrases, common):
    """A number for all phrases, or a dict with one for each."""
    from speechbrain_opensed.inference.events import clean_phrase

    own: dict[str | None, float] = {}
    for text in texts:
        phrase, equals, number = text.rpartition("=")
        whose = clean_phrase(phrase) if equals else None
        # Of numbers for all the last counts, as of any option of a command.
        if equals and whose in own:
            raise ValueError(
                f"the {name} of {whose!r} is given twice: name it once"
            )
        try:
            own[whose] = float(number)
        except ValueError:
            raise ValueError(
                f"{name} {text!r}: write a number such as 0.4, or PHRASE=0.4"
            ) from None
    common = own.pop(None, common)
    if not own:
        return common
    unknown = [phrase for phrase in own if phrase not in phrases]
    if unknown:
        raise ValueError(
            f"a {name} for {unknown[0]!r}, which is not among the phrases"
        )
    if common is None:
        raise ValueError(
            f"{name} is given for {len(own)} of {len(phrases)} phrases: give "
            "a number for all, too"
        )
    return {**dict.fromkeys(phrases, common), **own}
