"""Options that several subcommands share.

Authors
 * The speechbrain-opensed contributors 2026
"""

from pathlib import Path

import click

__all__ = [
    "SomeFailed",
    "commands_option",
    "detection_options",
    "load_aligner",
    "load_detector",
    "model_options",
    "phrase_options",
    "read_phrases",
    "read_run_opts",
    "read_thresholds",
]

_MODEL = (
    "Folder of an exported model, OWNER/MODEL on the Hugging Face hub, or "
    "FineLAP's weights: `finelap`, a file or a folder."
)


class SomeFailed(click.ClickException):
    """Some items were left out, each told before; the others are done.

    Example
    -------
    >>> SomeFailed("1 of 3 files were left out").exit_code
    1
    """

    exit_code = 1


commands_option = click.option(
    "--allow-commands",
    is_flag=True,
    help="Let the manifest run shell commands and fetch from addresses where "
    "it names them as audio; only for manifests that you trust.",
)


def _stacked(*options):
    def decorate(function):
        for option in reversed(options):
            function = option(function)
        return function

    return decorate


def model_options(required=True, what=_MODEL):
    """Options that :func:`load_detector` takes.

    Arguments
    ---------
    required : bool
        Whether the model has to be named.
    what : str
        Help on what can be named.

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
    return _stacked(
        click.option(
            "--model",
            required=required,
            help=what,
        ),
        click.option(
            "--device", default=None, help="cpu, cuda, ...; default: the best."
        ),
        click.option(
            "--precision",
            type=click.Choice(["fp32", "bf16", "fp16"]),
            default="fp32",
            show_default=True,
            help="Precision of the decoder; bf16 is faster where the hardware "
            "knows it.",
        ),
    )


def load_detector(model, device, precision):
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


def load_aligner(model, device, precision):
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
    >>> load_aligner("./nowhere", "cpu", "fp32")
    Traceback (most recent call last):
    FileNotFoundError: no folder ./nowhere: give one that export_detector ...
    """
    from speechbrain_opensed.inference import AudioTextAligner

    return AudioTextAligner.from_source(model, read_run_opts(device, precision))


def read_run_opts(device, precision):
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
    if (device or "").startswith("cuda") and not torch.cuda.is_available():
        raise ValueError(f"no {device} here: leave --device out or use cpu")
    return {"precision": precision, **({"device": device} if device else {})}


phrase_options = _stacked(
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


def read_phrases(queries, queries_file):
    """The phrases of both options, checked.

    Arguments
    ---------
    queries : sequence of str
        Phrases.
    queries_file : Path or None
        File with one phrase per line.

    Returns
    -------
    list of str
        All phrases.

    Example
    -------
    >>> read_phrases(["dog barking"], None)
    ['dog barking']
    """
    from speechbrain_opensed.inference.events import check_phrases

    phrases = list(queries)
    if queries_file is not None:
        lines = queries_file.read_text(encoding="utf-8-sig").splitlines()
        phrases += [line for line in lines if line.strip()]
        if not phrases:
            raise ValueError(f"{queries_file} holds no phrase")
    if not phrases:
        raise ValueError(
            "nothing to look for: add -q PHRASE or --queries-file FILE"
        )
    return check_phrases(phrases)


detection_options = _stacked(
    click.option(
        "--threshold",
        "thresholds",
        multiple=True,
        default=["0.5"],
        show_default=True,
        metavar="[PHRASE=]NUMBER",
        help="Score above which a sound counts as present, for all phrases "
        "or for one; may be repeated.",
    ),
    click.option(
        "--median",
        "median_seconds",
        type=float,
        default=0.36,
        show_default=True,
        help="Span of the median filter over the scores, in seconds.",
    ),
    click.option(
        "--min-duration",
        type=float,
        default=0.0,
        show_default=True,
        help="Leave out shorter events; seconds.",
    ),
    click.option(
        "--merge-gap",
        type=float,
        default=0.0,
        show_default=True,
        help="Join events of one phrase that are closer; seconds.",
    ),
    click.option(
        "--batch-size",
        type=click.IntRange(min=1),
        default=4,
        show_default=True,
        help="Windows that are encoded at once.",
    ),
)


def read_thresholds(thresholds, phrases):
    """What the option says about each phrase.

    Arguments
    ---------
    thresholds : sequence of str
        `0.5`, for all phrases, or `dog barking=0.3`.
    phrases : sequence of str
        The phrases.

    Returns
    -------
    dict
        Phrase to threshold.

    Example
    -------
    >>> read_thresholds(["0.4", "rain=0.7"], ["rain", "dog"])
    {'rain': 0.7, 'dog': 0.4}
    """
    from speechbrain_opensed.inference.events import check_threshold

    common, own = 0.5, {}
    for text in thresholds:
        phrase, equals, number = text.rpartition("=")
        try:
            value = float(number)
        except ValueError:
            raise ValueError(
                f"threshold {text!r}: write a number such as 0.4, or PHRASE=0.4"
            ) from None
        if equals:
            own[phrase.strip()] = value
        else:
            common = value
    combined = {**dict.fromkeys(phrases, common), **own}
    check_threshold(combined, phrases)
    return combined
