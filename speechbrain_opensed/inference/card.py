"""The README of an export: what the detector is, knows and was made from.

Authors
 * The speechbrain-opensed contributors 2026
"""

from collections.abc import Iterable, Mapping
from importlib.metadata import version
from typing import Any

from lhotse_recipes.schema import events_of

__all__ = ["model_card", "summarize_cuts"]


def summarize_cuts(cuts: Iterable) -> dict[str, Any]:
    """How much a part of the data holds.

    Arguments
    ---------
    cuts : iterable of lhotse.cut.Cut
        The part.

    Returns
    -------
    dict
        `clips`, `events` and `hours`.

    Example
    -------
    >>> summarize_cuts([])
    {'clips': 0, 'events': 0, 'hours': 0.0}
    """
    clips, events, seconds = 0, 0, 0.0
    for cut in cuts:
        clips += 1
        events += len(events_of(cut))
        seconds += cut.duration
    return {"clips": clips, "events": events, "hours": round(seconds / 3600, 3)}


def model_card(tree: Mapping[str, Any], learned: Iterable[str] = ()) -> str:
    """A card in Markdown from what an export's YAML says.

    Arguments
    ---------
    tree : mapping
        `spec`, `model`, `text_encoder`, and if known `calibration` and
        `about`: `data` (part to a summary), `scores` (name to number) and
        `encoder` (the weights that training began with).
    learned : iterable of str
        Phrases that were learned from examples.

    Returns
    -------
    str
        The text.

    Example
    -------
    >>> spec = {"sample_rate": 16000, "hop_seconds": 0.04, "classes": ["dog"]}
    >>> card = model_card({"spec": spec, "model": {}, "text_encoder": {}})
    >>> print(card.splitlines()[-1])
    dog
    """
    spec, about = tree["spec"], tree.get("about") or {}
    # `!new:...SedSpec` without a value is no mapping.
    spec = spec if isinstance(spec, Mapping) else {}
    classes, learned = list(spec.get("classes") or ()), list(learned)
    asked = (classes or learned or ["dog barking"])[0]
    rows = [
        ("model", _name(tree["model"])),
        ("encoder", about.get("encoder") or _name(_encoder(tree["model"]))),
        ("text encoder", _text(tree["text_encoder"])),
        ("sample rate", f"{spec.get('sample_rate', 16000)} Hz"),
        ("a score every", f"{1000 * spec.get('hop_seconds', 0.04):g} ms"),
        ("windows of", f"{spec.get('window_seconds', 10.0):g} s"),
    ]
    for part, of in (about.get("data") or {}).items():
        rows.append(
            (
                f"{part} data",
                f"{of['clips']} clips, {of['events']} events, "
                f"{of['hours']:g} hours",
            )
        )
    fitted = len((tree.get("calibration") or {}).get("phrases") or ())
    rows.append(
        (
            "thresholds",
            f"fitted for {fitted} phrases" if fitted else "0.5 for all phrases",
        )
    )
    lines = [
        *("---", "library_name: speechbrain-opensed"),
        *(
            "pipeline_tag: audio-classification",
            "tags: [sound-event-detection]",
        ),
        *("---", "# Sound event detector"),
        f"Written by speechbrain-opensed {version('speechbrain-opensed')}. "
        "In this folder:",
        "```",
        f'opensed detect recording.wav -q "{asked}" --model .',
        "```",
        "",
        "| | |",
        "|---|---|",
        *(f"| {name} | {value} |" for name, value in rows if value),
    ]
    scores = about.get("scores") or {}
    if scores:
        lines += [
            "",
            "## Scores on test data",
            "| score | value |",
            "|---|---|",
        ]
        lines += [f"| {name} | {_short(x)} |" for name, x in scores.items()]
    if learned:
        lines += ["", "## Learned from examples", ", ".join(learned)]
    if classes:
        lines += ["", "## Trained on these phrases", ", ".join(classes)]
    return "\n".join(lines) + "\n"


def _short(value: Any) -> str:
    return f"{value:.4g}" if isinstance(value, float) else str(value)


def _encoder(node: Any) -> Any:
    return node.get("encoder") if hasattr(node, "get") else None


def _name(node: Any) -> str:
    """The class that a node of the YAML makes."""
    tag = str(getattr(node, "tag", None) or "")
    return tag.rpartition(".")[2] if tag.startswith("!new:") else ""


def _text(node: Any) -> str:
    inner = _encoder(node)
    if inner is not None and _name(inner):
        node = inner
    source = node.get("source") if hasattr(node, "get") else None
    source = getattr(source, "value", source)
    named = _name(node)
    if source:
        named += f" ({str(source).rpartition('/')[2]})"
    return named.strip()
