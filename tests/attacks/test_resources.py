"""Facts that the lexical tables must hold, and laws of their loaders."""

from __future__ import annotations

import subprocess
import sys

import pytest
from hypothesis import given
from hypothesis import strategies as st

from attacks.errors import AttackError
from attacks.resources import inflection, neighbours, pos, wordnet
from attacks.resources.stopwords import stopwords
from attacks.text import Text


@pytest.mark.parametrize(
    ("form", "letter", "base"),
    [
        ("went", "v", "go"),
        ("better", "a", "good"),
        ("best", "r", "well"),
        ("movies", "n", "movie"),
        ("children", "n", "child"),
        ("loved", "v", "love"),
        ("Loved", "v", "love"),
        ("running", "v", "run"),
        ("funnier", "a", "funny"),
    ],
)
def test_base_forms(form: str, letter: str, base: str) -> None:
    assert base in wordnet.base_forms(form, letter)


def test_a_word_that_nobody_knows_has_nothing() -> None:
    for letter in wordnet.PARTS_OF_SPEECH:
        assert wordnet.base_forms("qwrtzp", letter) == ()
        assert wordnet.synonyms("qwrtzp", letter) == ()
        assert wordnet.antonyms("qwrtzp", letter) == ()


def test_wordnet_relations() -> None:
    assert "bad" in wordnet.antonyms("good", "a")
    assert wordnet.synonyms("movies", "n") == ("film", "picture", "pic", "flick")
    assert wordnet.lemma_synonyms("movies", "n") == ()
    assert wordnet.senses("love", "v")[1] == ("enjoy",)
    assert "thymine" not in wordnet.synonyms("t", "n")


def test_symbols_and_phrases_are_left_out() -> None:
    table = wordnet.tables()
    for (lemma, letter), values in table.synonyms.items():
        assert len(lemma) >= (2 if letter == "v" else 3)
        assert lemma == lemma.lower()
        assert all(len(w) >= 3 and "_" not in w for w in values.replace("|", " ").split())


@pytest.mark.parametrize(
    ("lemma", "slot", "form"),
    [
        ("adore", "VBD", "adored"),
        ("adore", "VBG", "adoring"),
        ("die", "VBG", "dying"),
        ("see", "VBG", "seeing"),
        ("stop", "VBN", "stopped"),
        ("go", "VBD", "went"),
        ("go", "VBN", "gone"),
        ("try", "VBZ", "tries"),
        ("box", "NNS", "boxes"),
        ("man", "NNS", "men"),
        ("day", "NNS", "days"),
        ("funny", "JJR", "funnier"),
        ("good", "JJS", "best"),
        ("abysmal", "JJR", None),
    ],
)
def test_inflection(lemma: str, slot: str, form: str | None) -> None:
    assert inflection.inflect(lemma, slot) == form


def test_slots_of_a_form() -> None:
    assert inflection.slots("loved", "love", "v") == ("VBD", "VBN")
    assert inflection.slots("burnt", "burn", "v") == ("VBD", "VBN")
    assert inflection.slots("put", "put", "v")[0] == ""
    assert inflection.slots("was", "be", "v") == ()
    assert inflection.slots("film", "movie", "n") == ()


@given(st.sampled_from(sorted(wordnet.tables().synonyms)))
def test_every_form_is_recognised_as_its_slot(key: tuple[str, str]) -> None:
    lemma, letter = key
    for slot in inflection.SLOTS[letter]:
        form = inflection.inflect(lemma, slot)
        if form is not None and lemma != "be":
            assert slot in inflection.slots(form, lemma, letter)


def test_neighbours_are_sorted_and_above_the_floor() -> None:
    words = neighbours.vocabulary()
    assert len(words) == len(set(words)) == 30_000
    for word in words[:3000]:
        near = neighbours.nearest(word)
        cosines = [n.cosine for n in near]
        assert len(near) <= neighbours.MOST
        assert cosines == sorted(cosines, reverse=True)
        # Cosines are rounded down to 1/255.
        assert not near or cosines[-1] > neighbours.FLOOR - 1 / 255
        assert word not in {n.word for n in near}


def test_neighbours_of_a_word() -> None:
    assert {"film", "films"} <= {n.word for n in neighbours.nearest("Movie")}
    assert neighbours.nearest("qwrtzp") == ()
    assert not neighbours.knows("qwrtzp")
    assert not neighbours.knows("the")
    assert neighbours.cosine("movie", "MOVIE") == 1.0
    assert neighbours.cosine("movie", "film") == neighbours.cosine("film", "movie")
    assert neighbours.cosine("movie", "volcanic") is None


def test_antonyms_are_no_near_neighbours() -> None:
    for a, b in [("good", "bad"), ("best", "worst"), ("love", "hate"), ("happy", "unhappy")]:
        assert (neighbours.cosine(a, b) or 0.0) < 0.5


@pytest.mark.parametrize(
    ("sentence", "index", "tag"),
    [
        ("The movie was really good", 1, "NOUN"),
        ("The movie was really good", 3, "ADV"),
        ("The movie was really good", 4, "ADJ"),
        ("THE MOVIE WAS REALLY GOOD", 4, "ADJ"),
        ("They loved it", 1, "VERB"),
        ("They loved it", 2, "OTHER"),
        ("give it up now", 2, "OTHER"),
    ],
)
def test_tags(sentence: str, index: int, tag: str) -> None:
    assert pos.universal(pos.tag_at(Text.of(sentence).candidate, index)) == tag


def test_a_word_is_tagged_among_the_words_that_stand_there_now() -> None:
    text = Text.of({"a": "I saw the", "b": "love of my life"})
    # The other field is no context, and neither is a deleted word.
    alone = Text.of("love of my life").candidate
    assert pos.tag_at(text.candidate, 3) == pos.tag_at(alone, 0)
    shortened = Text.of("the very good film").candidate.replace(1, "")
    assert pos.tag_at(shortened, 2) == pos.tag_at(Text.of("the good film").candidate, 1)


@given(st.lists(st.text(alphabet=st.characters(exclude_categories=["Cs"]), min_size=1), min_size=1))
def test_any_words_can_be_tagged(words: list[str]) -> None:
    assert len(pos.tags(tuple(words))) == len(words)


def test_stop_words() -> None:
    assert len(stopwords("nltk")) == 179
    assert len(stopwords("textfooler")) == 266
    with pytest.raises(AttackError, match="Did you mean 'nltk'"):
        stopwords("nltkk")


def test_importing_the_catalogue_loads_nothing_heavy() -> None:
    code = (
        "import sys, attacks.recipes as r; r.load('textfooler'); "
        "print([m for m in ('torch', 'transformers', 'textblob', 'nltk') if m in sys.modules])"
    )
    shown = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert shown.stdout.strip() == "[]"


def test_context_decides_between_the_readings_that_wordnet_knows() -> None:
    assert pos.tags(("We", "want", "to", "love", "it"))[3] == "VB"
    assert pos.tags(("a", "love", "story"))[1] == "NN"
    assert pos.tags(("they", "kindness", "it"))[1] == "NN"
