"""Which class a phrase names: English words compared without their endings.

Plurals and forms of verbs are lemminflect's, by its dictionary; what is made
of a word by -y, -ly, -ful, -ness, -ist, -er and -or is found by rule, where
the dictionary knows that word; a short table holds the rest.

Authors
 * The speechbrain-opensed contributors 2026
"""

import itertools
import re
import unicodedata
from functools import lru_cache

__all__ = ["alternatives", "lemmas", "mentions", "same_class", "words_of"]

VOWELS = frozenset("aeiouy")
# Words that a name may have or lack without being another name.
FILLERS = frozenset(
    "a an and at by for from in into is of on some that the to with".split()
)
# What would be taken for a form of something else.
ATOMS = frozenset(
    """
    badger banner batter blues body bully butter canter copper corner counter
    dinner early evening family flower gutter hammer heavy holly hundred ladder
    letter litter lower matter meter monitor morning naked news number only
    otter patter pepper powder river rubber scatter series sewer shower shutter
    silly slipper summer supper tiny tower ugly wicked winding
    """.split()
)
# What no ending tells: base to what is derived from it, or spelled otherwise.
DERIVED = {
    "anger": "angry",
    "applaud": "applause",
    "breath": "breathe",
    "center": "centre",
    "color": "colour",
    "explode": "explosion explosive",
    "fly": "flight",
    "gray": "grey",
    "hunger": "hungry",
    "ignite": "ignition",
    "laugh": "laughter",
    "mold": "mould",
    "music": "musical musician",
    "ox": "oxen",
    "plow": "plough",
    "sing": "song",
    "speak": "speech",
    "thunder": "thunderous",
    "vibrate": "vibration",
}
BASE_OF = {
    form: base for base, forms in DERIVED.items() for form in forms.split()
}


def words_of(text: str) -> tuple[str, ...]:
    """The words of a name: lower case, no accents, hyphens or underscores.

    Arguments
    ---------
    text : str
        A class or a phrase.

    Returns
    -------
    tuple of str

    Example
    -------
    >>> words_of("Baby's first_CAFÉ-visit")
    ('baby', 'first', 'cafe', 'visit')
    """
    text = unicodedata.normalize("NFKD", text.casefold().replace("’", "'"))
    text = "".join(c for c in text if not unicodedata.combining(c))
    text = re.sub(r"'s\b|'", "", text)
    # A word of any script; an underscore is none.
    return tuple(re.findall(r"[^\W_]+", text))


@lru_cache(maxsize=65536)
def lemmas(word: str) -> frozenset[str]:
    """What a word may be a form of, itself included.

    Two words are forms of one if these sets meet. Covered are plurals, forms
    of verbs, and what -y, -ly, -ful, -ness, -ist, -er and -or make of a word.

    Arguments
    ---------
    word : str
        One of `words_of`.

    Returns
    -------
    frozenset of str

    Example
    -------
    >>> sorted(lemmas("cries")), sorted(lemmas("caring"))
    (['cries', 'cry'], ['care', 'caring'])
    >>> bool(lemmas("crying") & lemmas("cries"))
    True
    >>> bool(lemmas("caring") & lemmas("cars"))
    False
    """
    found, left = {word}, [word]
    while left:
        for base in _bases(left.pop()) - found:
            found.add(base)
            left.append(base)
    return frozenset(found)


def alternatives(name: str) -> tuple[tuple[str, ...], ...]:
    """The names that a class goes by, each as its words without fillers.

    A slash, a comma, a semicolon or "or" stands between names of their own;
    what is in parentheses explains and is left out.

    Arguments
    ---------
    name : str
        The class.

    Returns
    -------
    tuple of tuple of str

    Raises
    ------
    ValueError
        If no word is left.

    Example
    -------
    >>> alternatives("cafe/restaurant"), alternatives("cry of a baby")
    ((('cafe',), ('restaurant',)), (('cry', 'baby'),))
    """
    bare = re.sub(r"\([^)]*\)", " ", name)
    split = re.split(r"[/,;]|\bor\b", bare.replace("_", " "), flags=re.I)
    parts = []
    for part in map(words_of, split):
        kept = tuple(word for word in part if word not in FILLERS) or part
        if kept:
            parts.append(kept)
    if not parts:
        raise ValueError(f"the class name {name!r} has no word in it")
    return tuple(dict.fromkeys(parts))


def mentions(phrase: str, name: str) -> list[frozenset[int]]:
    """Where a phrase names a class: positions of the words that do.

    A class of one word is named by any form of it; one of several words by
    forms of all of them, in any order and with others between ("a baby that
    cries" names "crying baby"). Words written as one or as two are the same
    ("gun shot", "gunshots").

    Arguments
    ---------
    phrase : str
        What may name it.
    name : str
        The class.

    Returns
    -------
    list of frozenset of int
        Positions in `words_of(phrase)`; empty if it is not named.

    Example
    -------
    >>> mentions("two babies cry", "crying_baby")
    [frozenset({1, 2})]
    >>> mentions("rattling window", "wind"), mentions("windy day", "wind")
    ([], [frozenset({0})])
    """
    forms, pairs, anywhere = _reading(phrase)
    found = []
    for parts, together in _pattern(name):
        if all(not part.isdisjoint(anywhere) for part in parts):
            places = [
                [k for k, word in enumerate(forms) if word & part]
                for part in parts
            ]
            found += [
                frozenset(chosen)
                for chosen in itertools.product(*places)
                if len(set(chosen)) == len(parts)
            ]
        if not together.isdisjoint(anywhere):
            found += [
                frozenset({k})
                for k, word in enumerate(forms)
                if word & together
            ] + [
                frozenset({k, k + 1})
                for k, word in enumerate(pairs)
                if word & together
            ]
    return list(dict.fromkeys(found))


def same_class(one: str, other: str) -> bool:
    """Whether two classes have a name in common, but for word forms.

    Arguments
    ---------
    one, other : str
        The classes, perhaps of two corpora.

    Returns
    -------
    bool

    Example
    -------
    >>> same_class("angry", "anger"), same_class("gun_shot", "Gunshots")
    (True, True)
    >>> same_class("car", "car horn")
    False
    """
    return _covers(one, other) and _covers(other, one)


@lru_cache(maxsize=4096)
def _pattern(name: str) -> tuple[tuple[tuple, frozenset[str]], ...]:
    """For each name of a class: forms of its words, and of these joined."""
    return tuple(
        (tuple(map(lemmas, parts)), lemmas("".join(parts)))
        for parts in alternatives(name)
    )


@lru_cache(maxsize=65536)
def _reading(phrase: str) -> tuple[tuple, tuple, frozenset[str]]:
    """Forms of each word of a phrase, of each two joined, and of any."""
    words = words_of(phrase)
    forms = tuple(map(lemmas, words))
    pairs = tuple(lemmas(a + b) for a, b in itertools.pairwise(words))
    return forms, pairs, frozenset().union(*forms, *pairs)


def _covers(phrase: str, name: str) -> bool:
    """Whether one of the names of a phrase is all of a name of the class."""
    return any(
        len(place) == len(parts)
        for parts in alternatives(phrase)
        for place in mentions(" ".join(parts), name)
    )


def _bases(word: str) -> set[str]:
    """Words that this one is a form of, or is made of by a single ending."""
    if word in ATOMS:
        return set()
    known = _lemmas(word)
    of_forms = {lemma for some in known.values() for lemma in some}
    if word in BASE_OF:
        of_forms.add(BASE_OF[word])
    found: set[str] = set()
    if not known:
        found |= _guessed(word)
    # "Carry" and "puppy" are no adjectives, and not made of "car" or "pup".
    if word.endswith("y") and known.keys() <= {"ADJ", "ADV"}:
        found |= {w for w in _stems(word[:-1]) if _lemmas(w)}
    for ending in ("ly", "ness", "ful", "ist"):
        stem = word.removesuffix(ending)
        if stem != word and len(stem) > (3 if ending == "ist" else 2):
            bases = {stem, stem + "e", stem + "le", stem + "o"}
            if stem.endswith("i"):
                bases = {stem[:-1] + "y"}
            found |= {w for w in bases if _lemmas(w)}
    if word.endswith(("er", "or")) and ("NOUN" in known or not known):
        found |= {w for w in _stems(word[:-2]) if "VERB" in _lemmas(w)}
    return of_forms | {base for base in found if len(base) >= 3}


@lru_cache(maxsize=65536)
def _lemmas(word: str) -> dict[str, tuple[str, ...]]:
    """Kind of word to lemmas, by the dictionary; empty for unknown words."""
    # Its tables take a second to load.
    from lemminflect import getAllLemmas

    return getAllLemmas(word)


def _guessed(word: str) -> set[str]:
    from lemminflect import getAllLemmasOOV

    kinds = ("NOUN", "VERB")
    return {w for kind in kinds for w in getAllLemmasOOV(word, kind)[kind]}


def _stems(stem: str) -> set[str]:
    """What gives this stem when it takes -y or -er."""
    last, before = stem[-1:], stem[-2:-1]
    syllables = len(re.findall(r"[aeiouy]+", stem))
    if not syllables:
        return set()
    if last == before and last not in VOWELS:
        return {stem, stem[:-1]}
    if stem.endswith("i"):
        return {stem[:-1] + "y"}
    if (
        syllables == 1
        and len(stem) > 2
        and last not in VOWELS | set("wx")
        and before in VOWELS
        and (stem[-3] not in VOWELS or stem[-4:-2] == "qu")
    ):
        return {stem + "e"}
    return {stem, stem + "e"}
