"""Which class a phrase names: English words compared without their endings.

By rule and a table of irregular words, without a dictionary. Endings are cut
only where English would have put them: "caring" comes of "care", never of
"car", which would double its r.

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
# What the rules would take for a form of something else.
ATOMS = frozenset(
    """
    belly blues body bully copy daily dolly early evening family holly hundred
    jelly lily lonely morning naked news only party reply sacred series story
    supply ugly wicked winding
    """.split()
)
IRREGULAR = {
    base: tuple(forms.split())
    for base, forms in {
        "anger": "angry",
        "beat": "beaten",
        "bite": "bit bitten",
        "blow": "blew blown",
        "break": "broke broken",
        "breath": "breathe",
        "bring": "brought",
        "build": "built",
        "burn": "burnt",
        "bus": "busses",
        "calf": "calves",
        "catch": "caught",
        "center": "centre centres",
        "child": "children",
        "color": "colour",
        "dig": "dug",
        "drink": "drank drunk",
        "drive": "drove driven",
        "eat": "ate eaten",
        "explode": "explosion",
        "fall": "fell fallen",
        "fly": "flew flown",
        "foot": "feet",
        "fight": "fought",
        "freeze": "froze frozen",
        "goose": "geese",
        "half": "halves",
        "hoof": "hooves",
        "knife": "knives",
        "laugh": "laughter",
        "leaf": "leaves",
        "life": "lives",
        "light": "lit",
        "man": "men",
        "mouse": "mice",
        "ox": "oxen",
        "ride": "rode ridden",
        "ring": "rang rung",
        "rise": "risen",
        "run": "ran",
        "saw": "sawn",
        "shake": "shook shaken",
        "shoot": "shot",
        "shrink": "shrank shrunk",
        "sing": "sang sung",
        "sleep": "slept",
        "slide": "slid",
        "speak": "spoke spoken",
        "spin": "spun",
        "spring": "sprang sprung",
        "steal": "stole stolen",
        "sting": "stung",
        "strike": "struck stricken",
        "sweep": "swept",
        "swim": "swam swum",
        "swing": "swung",
        "tear": "tore torn",
        "thief": "thieves",
        "throw": "threw thrown",
        "tooth": "teeth",
        "tread": "trod trodden",
        "wake": "woke woken",
        "weep": "wept",
        "wife": "wives",
        "wolf": "wolves",
        "woman": "women",
        "write": "wrote written",
    }.items()
}
BASE_OF = {form: base for base, forms in IRREGULAR.items() for form in forms}


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

    Some of these are no words; two words are forms of one if these sets
    meet. Covered are plurals, forms of verbs, and adjectives and nouns made
    by -y, -ly, -ful, -ness and -ist.

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
    (['crie', 'cries', 'cry'], ['care', 'caring'])
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
    """Words that this one is made of by a single ending."""
    if word in ATOMS:
        return set()
    found = {BASE_OF[word]} if word in BASE_OF else set()
    if word.endswith("ies"):
        found |= {word[:-3] + "y", word[:-1]}
    elif word.endswith("s") and not word.endswith(("ss", "us", "is")):
        found.add(word[:-1])
        if re.search(r"(s|x|z|ch|sh|o)es$", word):
            found.add(word[:-2])
    if word.endswith("ied"):
        found.add(word[:-3] + "y")
    elif word.endswith("ed") and not word.endswith("eed"):
        found |= _stems(word[:-2])
    if word.endswith("ing"):
        found |= _stems(word[:-3])
    for ending in ("ly", "ness", "ful"):
        if word.endswith(ending):
            stem = word.removesuffix(ending)
            found.add(stem[:-1] + "y" if stem.endswith("i") else stem)
    if word.endswith("y") and word[-2:-1] not in VOWELS | {"l"}:
        # "Carry" is not made of "car", nor "puppy" of "pup".
        if word[-2:-1] != word[-3:-2] or word[-2:-1] in "sz":
            found |= _stems(word[:-1])
    if word.endswith("ist") and len(word) > 6:
        found |= {word[:-3], word[:-3] + "e"}
    return {base for base in found if len(base) >= 3}


def _stems(stem: str) -> set[str]:
    """What gives this stem when it takes -ing, -ed or -y."""
    last, before = stem[-1:], stem[-2:-1]
    syllables = len(re.findall(r"[aeiouy]+", stem))
    if not syllables:
        return set()
    if last == before and last not in VOWELS:
        single = last not in "flsz" or (last == "l" and syllables > 1)
        return {stem, stem[:-1]} if single else {stem}
    if (
        syllables == 1
        and len(stem) > 2
        and last not in VOWELS | set("wx")
        and before in VOWELS
        and (stem[-3] not in VOWELS or stem[-4:-2] == "qu")
    ):
        return {stem + "e"}
    return {stem, stem + "e"}
