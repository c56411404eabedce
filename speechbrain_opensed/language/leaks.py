"""Neighbours that name a class which is held out.

They would tell training the very word that the test asks for: base-to-new
results of SEPT (https://arxiv.org/abs/2601.20867) count only without them.

Authors
 * The speechbrain-opensed contributors 2026
"""

from collections.abc import Iterable, Mapping
from typing import NamedTuple

from speechbrain_opensed.language.inflection import mentions, same_class

__all__ = ["Leak", "find_leaks", "is_leak"]


class Leak(NamedTuple):
    """A neighbour that names a class which is held out.

    Arguments
    ---------
    label : str
        The class whose neighbour it is.
    neighbor : str
        The neighbour.
    name : str
        The class that it names.

    Example
    -------
    >>> str(Leak("dog", "cat hissing", "cat"))
    "'cat hissing' (of 'dog') names 'cat'"
    """

    label: str
    neighbor: str
    name: str

    def __str__(self) -> str:
        return f"{self.neighbor!r} (of {self.label!r}) names {self.name!r}"


def is_leak(neighbor: str, label: str, name: str) -> bool:
    """Whether a neighbour of one class names another.

    What belongs to a mention of its own class is no mention of the other:
    "alarm clock" may ring beside the class "alarm".

    Arguments
    ---------
    neighbor : str
        The neighbour.
    label : str
        Its class.
    name : str
        The other class.

    Returns
    -------
    bool

    Example
    -------
    >>> is_leak("two cats hissing", "dog", "cat")
    True
    >>> is_leak("old alarm clock ringing", "alarm clock", "alarm")
    False
    >>> is_leak("car alarm", "alarm", "car alarm")
    True
    """
    places = mentions(neighbor, name)
    if not places or same_class(label, name):
        return False
    own = mentions(neighbor, label)
    return any(not any(place < mine for mine in own) for place in places)


def find_leaks(
    neighbors: Mapping[str, Iterable[str]], held_out: Iterable[str]
) -> list[Leak]:
    """All neighbours that name a class which is held out.

    A class of which the two corpora of a cross-dataset run have one each
    ("angry", "anger") is not held out from its own neighbours.

    Arguments
    ---------
    neighbors : mapping
        Class to phrases.
    held_out : iterable of str
        Classes that training must not hear of.

    Returns
    -------
    list of Leak

    Example
    -------
    >>> find_leaks({"dog": ["fox yapping", "purring cat"]}, ["cat", "rain"])
    [Leak(label='dog', neighbor='purring cat', name='cat')]
    """
    names = list(dict.fromkeys(held_out))
    return [
        Leak(label, phrase, name)
        for label, phrases in neighbors.items()
        for phrase in phrases
        for name in names
        if is_leak(phrase, label, name)
    ]
