"""Forms of English words, and which phrases name a class."""

import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from speechbrain_opensed.language.inflection import (
    FILLERS,
    alternatives,
    lemmas,
    mentions,
    same_class,
    words_of,
)

FORMS = """
dog dogs
bus buses busses
city cities
baby babies
glass glasses
church churches
wolf wolves
goose geese
child children
bark barks barking barked
clap claps clapping clapped
breathe breathes breathing breathed breath
rise rises rising risen
type types typing typed
cry cries crying cried
play plays playing played
quit quits quitting
sniff sniffs sniffing sniffed
fizz fizzes fizzing fizzed
idle idles idling idled
open opens opening opened
travel travels travelling travelled
echo echoes echoing echoed
break breaks breaking broke broken
blow blows blowing blew blown
anger angry angrily
happy happily happiness
sad sadly sadness
fear fearful fearfully
surprise surprised surprisingly
disgust disgusted disgusting
laugh laughs laughing laughter
explode explosion explosions exploding
rain rainy raining
noise noisy
guitar guitars guitarist
flute flutist
blues bluesy
drum drummer drummers drumming
buzz buzzer buzzing
grind grinder grinding ground
spit spat spitting
tear tore torn tearing
hear heard hearing
leave leaves left
swing swung
shoot shot shooting
strike struck striking
bite bit bitten
weep wept
split splitting
knock knocker
sing sang sung singer song
speak spoke spoken speaker speech
applaud applauding applause
vibrate vibrating vibration
generate generator
fog foggy
stick sticky
bubble bubbly
crackle crackling crackly
piano pianist
ox oxen
hoof hooves
scarf scarves
mouse mice
tooth teeth
foot feet
loaf loaves
crisis crises
thunder thunderous thundering
loud louder loudest loudly
"""
STRANGERS = """
car card care caring cares carry scar
rain train brain
wind window winding
bus busy buzz
his hissing
pop poppy
cat catch category
hen when
crow crowd crown
pig pigeon
bell belly
blue blues
red reed
tap tape
can cane
flow flower
show shower
corn corner
pup puppy
fun bunny
numb number
hum humble
son song
lone alone
"""


@pytest.mark.parametrize("line", FORMS.strip().splitlines())
def test_forms_of_a_word(line):
    first, *others = line.split()
    for other in others:
        assert lemmas(first) & lemmas(other), (first, other)


@pytest.mark.parametrize("line", STRANGERS.strip().splitlines())
def test_words_that_only_look_alike(line):
    first, *others = line.split()
    for other in others:
        assert not lemmas(first) & lemmas(other), (first, other)


@pytest.mark.parametrize(
    "phrase, name",
    [
        ("the Dogs' barking", "dog"),
        ("a crying, hungry baby", "baby_crying"),
        ("baby crying", "crying baby"),
        ("a baby that cries", "crying baby"),
        ("gun shots", "gunshot"),
        ("gunshots", "gun shot"),
        ("hip-hop beat", "hiphop"),
        ("sea-gull", "seagull"),
        ("noise of the city centre", "city_center"),
        ("restaurants at night", "cafe/restaurant"),
        ("a CAFÉ", "cafe/restaurant"),
        ("small sips", "drinking, sipping"),
        ("steps of a foot", "foot_steps"),
        ("knock on the door", "knocking on a door"),
        ("drops of water", "water drops"),
        ("zippers", "Zipper (clothing)"),
        ("honks", "car horn, honking"),
    ],
)
def test_a_phrase_names_a_class(phrase, name):
    assert mentions(phrase, name)


@pytest.mark.parametrize(
    "phrase, name",
    [
        ("rattling window", "wind"),
        ("train station", "rain"),
        ("credit card", "car"),
        ("bells of a horse", "church bells"),
        ("small sips", "drinking sipping"),
        ("window on a busy street", "bus"),
        ("tick", "tick tick"),
        ("clothing", "Zipper (clothing)"),
        ("", "rain"),
    ],
)
def test_a_phrase_does_not_name_a_class(phrase, name):
    assert not mentions(phrase, name)


def test_places_are_positions_of_words():
    assert mentions("a dog and two dogs", "dog") == [
        frozenset({1}),
        frozenset({4}),
    ]
    assert mentions("baby, a crying baby", "crying baby") == [
        frozenset({2, 0}),
        frozenset({2, 3}),
    ]


@pytest.mark.parametrize(
    "one, other, same",
    [
        ("angry", "anger", True),
        ("Laughter", "laughing", True),
        ("gun_shot", "gunshots", True),
        ("cafe", "cafe/restaurant", True),
        ("car", "car horn", False),
        ("dog", "dog bark", False),
        ("clock alarm", "clock tick", False),
    ],
)
def test_classes_of_two_corpora(one, other, same):
    assert same_class(one, other) is same_class(other, one) is same


def test_names_without_words():
    assert alternatives("on / off") == (("on",), ("off",))
    with pytest.raises(ValueError, match="'//' has no word"):
        alternatives("//")
    assert words_of("Şarkı_söyleme, 鳥") == ("sarkı", "soyleme", "鳥")


words = st.from_regex(r"[a-z]{1,12}", fullmatch=True)


@given(words)
def test_a_word_is_one_of_its_lemmas(word):
    assert word in lemmas(word)


@pytest.mark.parametrize(
    "word",
    "dog siren engine alarm bell bird train horn drum guitar thunderstorm "
    "keyboard footstep cricket frog hammer helicopter motorcycle vacuum "
    "printer wave chainsaw rooster pig cow hen insect clock door".split(),
)
def test_plurals_lead_back(word):
    assert lemmas(word) & lemmas(word + "s")


@given(st.lists(words, min_size=2, max_size=3, unique=True), st.randoms())
def test_order_case_and_joints_do_not_matter(parts, random):
    assume(all(part not in FILLERS | {"or"} for part in parts))
    shuffled = list(parts)
    random.shuffle(shuffled)
    phrase = "_".join(["xylo", *shuffled, "zz"]).upper()
    assert mentions(phrase, " ".join(parts))
    assert same_class("-".join(parts), " ".join(shuffled))
