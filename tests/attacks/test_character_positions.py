"""Charmer's search, where what must happen is known exactly, and over any Unicode."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from attacks import recipes
from attacks.constraints import EditDistance, Stopwords
from attacks.constraints.edit_distance import levenshtein
from attacks.engine.scheduler import Job, run
from attacks.errors import AttackError
from attacks.goals import Margin, Untargeted
from attacks.outcomes import Example, Finished, Outcome, Status
from attacks.questions import Floats, Inputs
from attacks.recipe import Recipe
from attacks.searches import CharacterPositions, Draws
from attacks.searches.character_positions import OneAway
from attacks.text import Text
from attacks.transformations import AnyCharacter, DeleteLetter
from attacks.transformations.any_character import PRINTABLE, slots, with_symbol


class Scale:
    """Logits 0 and what a function says of the text; it notes what it is asked."""

    labels = ("no", "yes")

    def __init__(self, of: object, reads: int | None = None) -> None:
        self.of, self.reads = of, reads
        self.fingerprint = str(id(self))
        self.asked: list[str] = []

    def encode(self, inputs: Sequence[Inputs]) -> list[Inputs]:
        return list(inputs)

    def run(self, batch: Sequence[Inputs]) -> Floats:
        texts = ["\n".join(item)[: self.reads] for item in batch]
        self.asked += texts
        return np.array([[0.0, self.of(text)] for text in texts], dtype=np.float32)  # type: ignore[operator]

    def reach(self, strings: Inputs) -> tuple[int, ...]:
        return tuple(min(len(s), 10**9 if self.reads is None else self.reads) for s in strings)


def attack(victim: Scale, recipe: Recipe, text: Text | str) -> Outcome:
    example = Example("x", text if isinstance(text, Text) else Text.of(text), 1)
    events = run([Job(example, recipe)], {"victim": victim})
    (found,) = (event.outcome for event in events if isinstance(event, Finished))
    return found


def shown(outcome: Outcome) -> str:
    return (outcome.perturbed or ("nothing",))[0]


def test_a_letter_is_put_in_where_the_probe_said_that_it_matters() -> None:
    def of(text: str) -> float:
        """A space inside the word is felt, a "q" there is decisive."""
        return -1.0 if "fiqlm" in text else 1.0 if "fi lm" in text else 2.0

    victim = Scale(of)
    found = attack(victim, recipes.load("charmer", positions=1), "a film")
    assert (found.status, shown(found)) == (Status.SUCCEEDED, "a fiqlm")
    assert found.queries == 1 + 13 + 95
    # A second space before or after the first is the same text; so is the probe of the best slot.
    assert len(victim.asked) == 1 + 12 + 94


@pytest.mark.parametrize(
    ("decisive", "expected"), [("a fim", "a fim"), ("a fi?m", "a fi?m"), ("afilm", "afilm")]
)
def test_characters_are_taken_out_and_replaced(decisive: str, expected: str) -> None:
    victim = Scale(lambda text: -1.0 if text == decisive else 1.0)
    found = attack(victim, recipes.load("charmer"), "a film")
    assert (found.status, shown(found)) == (Status.SUCCEEDED, expected)


def test_edits_add_up_while_they_help() -> None:
    def of(text: str) -> float:
        return 3.5 - text.count("z")

    for edits, status in ((3, Status.FAILED), (4, Status.SUCCEEDED)):
        found = attack(Scale(of), recipes.load("charmer", edits=edits, alphabet="yz"), "a film")
        assert (found.status, shown(found).count("z")) == (status, edits)
        assert levenshtein("a film", shown(found)) == edits


def test_it_ends_where_nothing_helps() -> None:
    victim = Scale(lambda text: 1.0 if text == "a film" else 2.0)
    found = attack(victim, recipes.load("charmer", alphabet="x"), "a film")
    assert (found.status, found.perturbed) == (Status.FAILED, None)
    assert found.queries <= 1 + 13 + 2 * 13, "one round"


def test_a_probe_outside_the_alphabet_is_no_attack() -> None:
    def of(text: str) -> float:
        return -1.0 if " lm" in text else 1.5 - text.count("x")

    found = attack(Scale(of), recipes.load("charmer", alphabet="x", edits=1), "film")
    assert found.status is Status.FAILED
    assert "x" in shown(found)
    found = attack(Scale(of), recipes.load("charmer", alphabet="x ", edits=1), "film")
    assert (found.status, found.queries) == (Status.SUCCEEDED, 1 + 9)


def test_words_that_are_protected_and_texts_that_are_not_allowed_stay() -> None:
    def of(text: str) -> float:
        return 5.0 - levenshtein("the plot of a film", text)

    base = recipes.load("charmer", alphabet="x", edits=9)
    kept = attack(Scale(of), replace(base, protections=(Stopwords(),)), "the plot of a film")
    assert {change.before for change in kept.changes} <= {"plot", "film"}
    near = attack(Scale(of), replace(base, constraints=(EditDistance(2),)), "the plot of a film")
    assert levenshtein("the plot of a film", shown(near)) == 2


def test_fields_that_are_frozen_and_what_is_not_read_stay() -> None:
    pair = Text.of({"premise": "a man", "hypothesis": "a woman"}, frozen=("premise",))
    found = attack(
        Scale(lambda text: 4.0 - text.count("x")), recipes.load("charmer", alphabet="x"), pair
    )
    assert found.status is Status.SUCCEEDED
    assert found.perturbed is not None
    assert found.perturbed[0] == "a man"
    victim = Scale(lambda text: 9.0 - text.count("x"), reads=6)
    short = attack(victim, recipes.load("charmer", alphabet="x"), "a film that is very long")
    assert shown(short).endswith("that is very long")


def of_hash(text: str) -> float:
    digest = hashlib.sha256(text.encode("utf-8", "surrogatepass")).digest()
    return digest[0] / 64 - 1.0


texts = st.text(max_size=12) | st.lists(
    st.sampled_from(
        ["film", "e\u0301", "🎬", "👍🏽", "don't", "فيلم", " ", "  ", "\n", "\ud800", "ß", "!"]
    ),
    max_size=6,
).map("".join)


@given(texts, st.integers(1, 3), st.integers(1, 3))
@settings(max_examples=60, deadline=None)
def test_any_unicode_stays_within_as_many_edits(text: str, edits: int, positions: int) -> None:
    recipe = recipes.load("charmer", positions=positions, edits=edits, alphabet="a 🎬\u0301")
    victim = Scale(of_hash)
    found = attack(victim, recipe, text)
    assert found.status in (Status.SUCCEEDED, Status.FAILED, Status.SKIPPED), found.error
    assert all(levenshtein(text, asked) <= edits for asked in victim.asked)
    if found.perturbed is not None:
        assert 1 <= levenshtein(text, shown(found)) <= edits
        assert of_hash(shown(found)) < of_hash(text)
    around = [t for t in victim.asked if levenshtein(text, t) == 1]
    if found.status is Status.FAILED:
        assert around, "every text has a neighbour"


@given(
    texts, st.lists(st.tuples(st.integers(0, 30), st.sampled_from(["", "b", " ", "-"])), max_size=4)
)
@settings(deadline=None)
def test_texts_one_character_away_are_those_of_the_strings(
    text: str, steps: list[tuple[int, str]]
) -> None:
    current, value = Text.of(text).candidate, text
    for place, symbol in steps:
        slot = place % len(slots(value))
        new = with_symbol(value, slot, symbol)
        found = OneAway(current).text((0, slot), symbol)
        assert (found is None) == (new == value)
        if found is not None:
            assert found.strings == (new,)
            current, value = found, new


def test_slots_hold_what_is_put_into_them() -> None:
    assert [with_symbol("ab", slot, "x") for slot in slots("ab")] == [
        "xab",
        "xb",
        "axb",
        "ax",
        "abx",
    ]
    assert [with_symbol("ab", slot, "") for slot in slots("ab")] == ["ab", "b", "ab", "a", "ab"]
    assert (len(PRINTABLE), PRINTABLE[0], PRINTABLE[-1]) == (95, " ", "~")


def test_the_transformation_serves_other_searches() -> None:
    rng = np.random.default_rng(0)
    found = AnyCharacter("xy").replacements(Text.of("ab").candidate, 0, rng)
    assert set(found) == {
        "xab",
        "yab",
        "b",
        "xb",
        "yb",
        "axb",
        "ayb",
        "a",
        "ax",
        "ay",
        "abx",
        "aby",
    }
    assert AnyCharacter("x").replacements(Text.of("a").candidate, 0, rng) == ("xa", "x", "ax")
    recipe = replace(recipes.load("charmer"), search=Draws(3))
    assert attack(Scale(lambda text: 1.0 - len(text)), recipe, "a film").status is Status.SKIPPED


def test_what_makes_no_sense_is_refused() -> None:
    with pytest.raises(AttackError, match="one character"):
        CharacterPositions(probe="")
    with pytest.raises(AttackError, match="at least one"):
        AnyCharacter("")
    wrong = replace(recipes.load("charmer"), transformation=DeleteLetter())
    with pytest.raises(AttackError, match="must be AnyCharacter, not DeleteLetter"):
        attack(Scale(len), wrong, "a film")


def test_a_margin_is_the_difference_of_two_logits() -> None:
    goal, row = Margin(), np.array([0.7, 0.2, 0.1], dtype=np.float32)
    assert goal.judge(row, 0) == (round(float(np.log(2 / 7)), 4), False)
    assert goal.judge(row, 2) == (round(float(np.log(7)), 4), True)
    sure = np.array([[1.0, 0.0], [1.0, 1e-20]], dtype=np.float32)
    saturated = [Untargeted().judge(row, 0)[0] for row in sure]
    assert saturated[0] == saturated[1]
    assert goal.judge(sure[0], 0)[0] < goal.judge(sure[1], 0)[0]
