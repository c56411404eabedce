"""Reads SpeechBrain's and Lhotse's dialects of docstrings as numpydoc.

Authors
 * The speechbrain-opensed contributors 2026
"""

import re
import textwrap

import griffe

__all__ = ["NumpydocExtension", "as_numpydoc"]

_HEADINGS = {"Arguments": "Parameters", "Example": "Examples"}
_HEADING = re.compile(
    rf"^(\s*)({'|'.join(_HEADINGS)})\n\1-{{3,}}$", re.MULTILINE
)
_ROLE = re.compile(r":(?!param|return|raises)\w+:`~?([^`]*)`")
_FIELD = re.compile(
    r"^:(param|return|raises)(?: +(\w+))?:(.*?)(?=^:(?:param|return|raises)|"
    r"^$|\Z)",
    re.MULTILINE | re.DOTALL,
)
_SECTIONS = {"param": "Parameters", "return": "Returns", "raises": "Raises"}


def as_numpydoc(text: str) -> str:
    """A docstring with the headings and marks of numpydoc and Markdown.

    >>> print(as_numpydoc("Hears.\\n\\nArguments\\n---------\\nx : int"))
    Hears.
    <BLANKLINE>
    Parameters
    ----------
    x : int
    >>> print(as_numpydoc("Hears.\\n\\n:param x: a sound\\n    file."))
    Hears.
    <BLANKLINE>
    Parameters
    ----------
    x
        a sound file.
    >>> as_numpydoc("see :func:`~a.b`")
    'see `a.b`'
    """

    def heading(match: re.Match[str]) -> str:
        name = _HEADINGS[match[2]]
        return f"{match[1]}{name}\n{match[1]}{'-' * len(name)}"

    text = _ROLE.sub(r"`\1`", _HEADING.sub(heading, text))
    found = _FIELD.findall(text)
    if not found:
        return text
    sections = []
    for kind, title in _SECTIONS.items():
        fields = [
            (name, " ".join(x.split())) for k, name, x in found if k == kind
        ]
        if fields:
            # What is returned has no name; its type is the annotation's.
            lines = [
                f"{name or ':'}\n{textwrap.indent(about, '    ')}"
                for name, about in fields
            ]
            rule = "-" * len(title)
            sections.append("\n".join([title, rule, *lines]))
    first = _FIELD.search(text)
    assert first is not None
    before, after = text[: first.start()], _FIELD.sub("", text[first.start() :])
    after = after.strip("\n")
    if after.startswith(">>>"):
        after = f"Examples\n--------\n{after}"
    return "\n\n".join(
        part.strip("\n") for part in (before, *sections, after) if part.strip()
    )


class NumpydocExtension(griffe.Extension):
    """Rewrites each docstring when its object is found."""

    def on_object(self, *, obj: griffe.Object, **kwargs) -> None:
        """Called by griffe for each module, class, function and attribute."""
        if obj.docstring is not None:
            obj.docstring.value = as_numpydoc(obj.docstring.value)
