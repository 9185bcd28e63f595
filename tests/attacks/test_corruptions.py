"""Natural noise: what each corruption does, how severities grow, and the attack that asks them all."""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from dataclasses import replace
from importlib.metadata import EntryPoint
from itertools import pairwise

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from attacks import corruptions, recipes
from attacks.constraints import Stopwords
from attacks.corruptions import CATALOGUE, SEVERITIES, SHARES, chosen, corrupted, generator
from attacks.corruptions.layout import asides
from attacks.corruptions.severity import words_hit
from attacks.corruptions.words import Noise, Words
from attacks.engine.scheduler import EngineConfig, Job, run
from attacks.errors import AttackError
from attacks.goals import Untargeted
from attacks.outcomes import Example, Finished, Outcome, Status
from attacks.recipe import Recipe
from attacks.resources.names import kind_of, names
from attacks.resources.spelling import _homophones, _misspellings
from attacks.resources.stopwords import stopwords
from attacks.searches import BySeverity
from attacks.text import Candidate, Text
from attacks.transformations.characters import touching
from attacks.transformations.noise import OtherCase
from attacks.victims.function import FunctionVictim
from harness.splits import load_split

NAMES = sorted(CATALOGUE)
OF_WORDS = sorted({*NAMES} - {"punctuation", "truncation", "appended"})
PIECES = (
    *(
        "It is",
        "I do not",
        "don't",
        "It’s",
        "they have seen",
        "Michael",
        "New York",
        "PARIS",
        "Anna's",
    ),
    *(
        "1999",
        "12",
        "two",
        "3/5",
        "10:30",
        "their",
        "definitely",
        "film",
        "rn",
        "a",
        "ß",
        "日本",
        "-",
    ),
    *("Hello, world!", "end.", "...", "  ", "\n", "“so”", "(well)"),
)
texts = st.one_of(
    st.text(max_size=40),
    st.lists(st.sampled_from(PIECES), max_size=30).map(" ".join),
)


def noisy(text: str | Text, name: str, severity: int = 1, seed: int = 0) -> Candidate:
    text = Text.of(text) if isinstance(text, str) else text
    return corrupted(text, name, severity, seed=seed, example_id="x")


def results(text: str, name: str, severity: int = 1) -> set[str]:
    """All that forty seeds make of a text."""
    return {noisy(text, name, severity, seed).strings[0] for seed in range(40)}


@pytest.mark.parametrize("name", NAMES)
@given(first=texts, second=texts, severity=st.sampled_from(SEVERITIES), seed=st.integers(0, 2**63))
@settings(max_examples=40, deadline=None)
def test_any_text_is_corrupted_the_same_every_time_and_frozen_fields_stay(
    name: str, first: str, second: str, severity: int, seed: int
) -> None:
    text = Text.of({"premise": first, "hypothesis": second}, frozen=["premise"])
    found = noisy(text, name, severity, seed)
    assert found == noisy(text, name, severity, seed)
    assert found.strings[0] == first
    assert set(found.changed) <= set(text.editable)
    assert (found == text.candidate) == (found.strings == text.strings)
    frozen = Text.of({"premise": first, "hypothesis": second}, frozen=["premise", "hypothesis"])
    assert noisy(frozen, name, severity, seed) == frozen.candidate


@pytest.mark.parametrize("name", OF_WORDS)
@given(text=texts, seed=st.integers(0, 2**63))
@settings(max_examples=40, deadline=None)
def test_a_higher_severity_makes_all_edits_of_a_lower_one(name: str, text: str, seed: int) -> None:
    found = [noisy(text, name, severity, seed) for severity in SEVERITIES]
    for low, high in pairwise(found):
        assert set(low.edits) <= set(high.edits)
    assert bool(found[0].edits) == bool(found[-1].edits), "the lowest hits a word where any can be"


@given(text=texts, seed=st.integers(0, 2**63))
@settings(max_examples=80, deadline=None)
def test_marks_alone_are_changed_and_more_of_them_with_the_severity(text: str, seed: int) -> None:
    before = marks(text)
    hit: list[set[tuple[int, str]]] = []
    for severity in SEVERITIES:
        now = marks(noisy(text, "punctuation", severity, seed).strings[0])
        assert now[0] == before[0]
        pairs = enumerate(zip(now[1], before[1], strict=True))
        hit.append({(place, new) for place, (new, old) in pairs if new != old})
    assert all(low <= high for low, high in pairwise(hit))


def marks(text: str) -> tuple[str, list[str]]:
    """A text without its marks, and those behind each of the characters that are left."""
    rest, found = "", [""]
    for character in text:
        if character in ".,;:!?…'’":
            found[-1] += character
        else:
            rest += character
            found.append("")
    return rest, found


@given(text=texts)
def test_a_text_is_cut_shorter_and_shorter(text: str) -> None:
    found = [noisy(text, "truncation", severity).strings[0] for severity in SEVERITIES]
    for low, high in zip([text, *found], found, strict=False):
        assert low.startswith(high)
    words = len(Text.of(text).words)
    assert len(Text.of(found[-1]).words) == (words - words_hit(words, 5) if words > 1 else words)


@given(text=texts, seed=st.integers(0, 2**63))
def test_a_sentence_more_is_appended_with_every_severity(text: str, seed: int) -> None:
    found = [noisy(text, "appended", severity, seed).strings[0] for severity in SEVERITIES]
    for low, high in zip([text.rstrip(), *found], found, strict=False):
        assert high.startswith(low)
        assert high[len(low) :].strip() in asides()


@pytest.mark.parametrize("severity", [0, 6, -1])
@pytest.mark.parametrize("name", NAMES)
def test_a_severity_is_one_of_five(name: str, severity: int) -> None:
    with pytest.raises(AttackError, match="one of 1 to 5"):
        noisy("a fine film, don't you think", name, severity)


def test_words_hit_are_a_share_of_all_and_one_at_the_least() -> None:
    assert [words_hit(20, severity) for severity in SEVERITIES] == [1, 2, 4, 7, 10]
    assert [words_hit(100, severity) for severity in SEVERITIES] == [100 * s for s in SHARES]
    assert words_hit(3, 1) == words_hit(0, 1) == 1


@pytest.mark.parametrize(
    ("name", "text", "expected"),
    [
        ("ocr", "ham", {"bam", "hom", "harn"}),
        ("homophones", "Their", {"There", "They're"}),
        ("misspellings", "Receive", {"Recevie", "Recieve", "Receve", "Reiceve"}),
        ("case", "Film", {"FILM", "film"}),
        ("case", "film", {"FILM", "Film"}),
        ("punctuation", "Good.", {"Good", "Good..", "Good,", "Good;"}),
        ("punctuation", "don’t", {"dont"}),
        ("punctuation", "so good", {"so, good"}),
        ("punctuation", "3.5", {"3.5"}),
        ("whitespace", "a film", {"afilm", "a  film", "a fi lm"}),
        ("contractions", "I do not know", {"I don't know"}),
        ("contractions", "You’re right", {"You are right"}),
        ("contractions", "I'm here", {"I am here"}),
        ("contractions", "I am here", {"I'm here"}),
        ("contractions", "they’re and it is so", {"they are and it is so", "they’re and it’s so"}),
        ("contractions", "CANNOT", {"CAN'T"}),
        ("contractions", "It will not do", {"It won't do", "It'll not do"}),
        ("contractions", "they have seen it", {"they've seen it"}),
        ("numbers", "forty", {"twenty", "thirty", "fifty", "sixty", "seventy", "eighty", "ninety"}),
        ("numbers", "the 90s", {f"the {decade}0s" for decade in range(1, 9)}),
        ("numbers", "2 men", {f"{n} men" for n in range(3, 10)}),
        ("word-order", "a fine film", {"fine a film", "a film fine"}),
        ("word-order", "Good, very", {"Good, very"}),
        ("truncation", "one two three, four five.", {"one two three, four"}),
    ],
)
def test_what_a_corruption_makes_of_a_text(name: str, text: str, expected: set[str]) -> None:
    assert results(text, name) == expected


def test_a_key_beside_is_hit() -> None:
    for found in results("film", "keyboard"):
        ((before, after),) = ((a, b) for a, b in zip("film", found, strict=True) if a != b)
        assert after in touching(before)


@pytest.mark.parametrize(
    "text",
    [
        *("it's based on a book", "he's seen it", "I'd go", "don't you go", "what it is"),
        *("they have a car", "the film's end", "who is, after all", "is it not"),
    ],
)
def test_what_is_no_sure_contraction_is_left_alone(text: str) -> None:
    assert noisy(text, "contractions", 5) == Text.of(text).candidate


@pytest.mark.parametrize(
    "text",
    [
        *(
            "3/5",
            "3 / 5",
            "2 stars",
            "two-star",
            "two stars",
            "4 out of 5",
            "rated 7",
            "90%",
            "3.5",
        ),
        *("10:30", "10,000 men", "007", "one", "B2B", "40 percent", "a score of 80"),
    ],
)
def test_figures_that_say_more_than_how_many_stay(text: str) -> None:
    assert results(text, "numbers", 5) == {text}


@given(year=st.integers(1500, 2099), seed=st.integers(0, 2**63))
def test_years_stay_years(year: int, seed: int) -> None:
    found = int(noisy(str(year), "numbers", 1, seed).strings[0])
    assert found != year
    assert abs(found - year) <= 10
    assert found // 100 == year // 100


@given(number=st.integers(10, 10**9 - 1), seed=st.integers(0, 2**63))
def test_numbers_keep_their_digits(number: int, seed: int) -> None:
    found = noisy(f"{number}-inch", "numbers", 1, seed).strings[0]
    assert re.fullmatch(rf"[1-9][0-9]{{{len(str(number)) - 1}}}-inch", found)
    assert found != f"{number}-inch"


def test_names_are_swapped_for_others_of_their_kind_wherever_they_stand() -> None:
    text = "So Anna met MICHAEL Smith in New York. New York was Anna's, and it was not paris at all"
    pattern = (
        r"So (\S+) met (\S+) (\S+) in ([\w ]+)\. ([\w ]+) was (\S+)'s, and it was not paris at all"
    )
    for found in results(text, "entities", 5):
        match = re.fullmatch(pattern, found)
        assert match is not None
        anna, michael, smith, place, again, her = match.groups()
        assert (anna, place) == (her, again)
        assert michael.isupper()
        kinds = [kind_of(tuple(n.split())) for n in (anna, michael.title(), place)]
        assert kinds == ["female", "male", "city"]
        assert kind_of((smith,)) == "surname"
        assert anna[0] in "AEIOU"
        assert {"Anna", "MICHAEL", "Smith", "New York"}.isdisjoint(match.groups())


def test_nothing_to_do_is_told() -> None:
    text = Text.of("a fine film")
    for name in ("contractions", "numbers", "entities", "homophones"):
        assert noisy(text, name, 5) == text.candidate


# Texts of a hundred that are changed at every severity, as counted under seed 0.
CHANGED = {"homophones": 76, "misspellings": 97, "contractions": 25, "numbers": 12, "entities": 24}


@pytest.mark.parametrize("name", NAMES)
def test_a_plausible_share_of_real_snippets_is_changed(name: str) -> None:
    rows = load_split("bundle:rotten-tomatoes:test").rows[:100]
    for severity in SEVERITIES:
        found = [
            corrupted(row.text, name, severity, seed=0, example_id=row.id) != row.text.candidate
            for row in rows
        ]
        assert sum(found) == pytest.approx(CHANGED.get(name, 100), abs=3)


def test_the_tables_hold_what_they_say() -> None:
    sets = {frozenset({word, *others}) for word, others in _homophones().items()}
    assert len(sets) > 150
    assert sum(map(len, sets)) == len(_homophones()), "no word is in two sets"
    assert len(_misspellings()) > 4000
    for right, wrong in _misspellings().items():
        assert 1 <= len(wrong) <= 4
        assert not {right, *_misspellings(), *_homophones()} & set(wrong)
    kinds = ("female", "male", "surname", "city", "country")
    listed = [name for kind in kinds for name in names(kind)]
    assert len(listed) == len(set(listed)) > 800
    assert not [name for name in listed if name.lower() in stopwords("nltk")]
    assert len(set(asides())) == len(asides()) > max(SEVERITIES)


REVIEW = "this is a charming film and they do not say in 1999 that Michael is in Paris, which is so"


def charmed(given: Sequence[str]) -> list[list[float]]:
    """Wrong where "charming" is there in other letters; right of all else."""
    wrong = ["charming" in text.lower() and "charming" not in text for text in given]
    return [[float(w), 1.0 - w] for w in wrong]


def whole(given: Sequence[str]) -> list[list[float]]:
    """The surer the more words it knows, and wrong where it knows fewer than fourteen."""
    known = [len(set(REVIEW.split()) & set(text.split())) for text in given]
    return [[1 - n / 27, n / 27] for n in known]


def attack(
    recipe: Recipe,
    victim: Callable[[Sequence[str]], list[list[float]]] = charmed,
    texts: Sequence[str] = (REVIEW,),
    window: int = 1,
    budget: int | None = None,
) -> list[Outcome]:
    jobs = [Job(Example(t, Text.of(t), 1), recipe, query_budget=budget) for t in texts]
    models = {"victim": FunctionVictim(victim, ("no", "yes"))}
    events = run(jobs, models, EngineConfig(window=window))
    found = [event.outcome for event in events if isinstance(event, Finished)]
    return sorted(found, key=lambda outcome: texts.index(outcome.example_id))


SHOUTED = Words("shouted", "A word is shouted.", OtherCase())
MISNAMED = replace(SHOUTED, name="whispered")


def test_other_distributions_add_corruptions(monkeypatch: pytest.MonkeyPatch) -> None:
    points = (
        EntryPoint("shouted", f"{__name__}:SHOUTED", corruptions.GROUP),
        EntryPoint("broken", "no_such_module:NOISE", corruptions.GROUP),
        EntryPoint("number", f"{__name__}:REVIEW", corruptions.GROUP),
        EntryPoint("called otherwise", f"{__name__}:MISNAMED", corruptions.GROUP),
        EntryPoint("case", f"{__name__}:SHOUTED", corruptions.GROUP),
    )
    monkeypatch.setattr(corruptions, "entry_points", lambda group: points)
    assert corruptions.names() == (
        *CATALOGUE,
        *("broken", "called otherwise", "number", "shouted"),
    )
    assert chosen(["case"]) == (CATALOGUE["case"],), "a built-in name cannot be taken over"
    found = corrupted(Text.of(REVIEW), "shouted", 5, seed=0, example_id="e")
    assert found.strings[0] != REVIEW
    assert found.strings[0].lower() == REVIEW.lower()
    (outcome,) = attack(recipes.load("natural-noise", corruptions=["shouted"], draws=5))
    assert outcome.status is Status.SUCCEEDED
    for name, said in (
        ("broken", "cannot be loaded from no_such_module"),
        ("number", "is no corruption. It must be an object with a name"),
        ("called otherwise", "calls itself 'whispered'"),
        ("shout", "Did you mean 'shouted'"),
    ):
        with pytest.raises(AttackError, match=said):
            chosen([name])


@pytest.mark.parametrize("name", NAMES)
def test_a_victim_that_minds_case_falls_to_case_alone(name: str) -> None:
    (outcome,) = attack(recipes.load("natural-noise", corruptions=[name], draws=5))
    expected = Status.SUCCEEDED if name == "case" else Status.FAILED
    assert outcome.status is expected


def test_the_first_severity_with_a_success_ends_the_attack() -> None:
    (outcome,) = attack(recipes.load("natural-noise"), whole)
    by_severity = [
        [
            corrupted(Text.of(REVIEW), name, severity, seed=0, example_id=REVIEW)
            for name in CATALOGUE
        ]
        for severity in SEVERITIES
    ]
    sure = [[whole(c.strings)[0][1] for c in found] for found in by_severity]
    first = next(n for n, row in enumerate(sure) if min(row) < 0.5)
    assert first > 0
    assert outcome.perturbed == by_severity[first][sure[first].index(min(sure[first]))].strings
    asked = {REVIEW, *(c.strings[0] for found in by_severity[: first + 1] for c in found)}
    assert outcome.queries == outcome.unique_queries == len(asked)


def test_it_stops_at_the_last_severity_that_is_wanted() -> None:
    (outcome,) = attack(recipes.load("natural-noise", corruptions=["keyboard"], most=2), whole)
    assert outcome.status is Status.FAILED
    assert outcome.queries == 1 + 2
    assert len(outcome.changes) == words_hit(len(Text.of(REVIEW).words), 2)


def test_draws_differ_and_the_first_is_that_of_one_draw() -> None:
    (corruption,) = chosen(["keyboard"])
    text = Text.of(REVIEW)
    drawn = [corruption.corrupt(text, 3, generator(0, "x", "keyboard", draw)) for draw in range(4)]
    assert len(set(drawn)) == 4
    assert drawn[0] == noisy(REVIEW, "keyboard", 3)
    (outcome,) = attack(recipes.load("natural-noise", corruptions=["keyboard"], draws=4, most=1))
    assert outcome.queries == 1 + 4


def test_outcomes_depend_neither_on_the_texts_beside_nor_on_the_corruptions_beside() -> None:
    recipe = recipes.load("natural-noise")
    several = [REVIEW, REVIEW + " too", "two " + REVIEW]
    together = attack(recipe, whole, several, window=3)
    assert together == [o for text in several for o in attack(recipe, whole, [text])]
    alone = {
        name: attack(recipes.load("natural-noise", corruptions=[name]), whole) for name in NAMES
    }
    best = [o for (o,) in alone.values() if o.perturbed == together[0].perturbed]
    assert best, "the best text of all is one that its corruption makes alone"


@pytest.mark.parametrize("budget", [1, 5, 14, 20])
def test_the_budget_holds(budget: int) -> None:
    (outcome,) = attack(recipes.load("natural-noise"), charmed, ["a charming film"], budget=budget)
    assert outcome.unique_queries <= budget


def test_protected_words_are_left_alone() -> None:
    parts = chosen(["keyboard", "case"])
    search = BySeverity(parts, draws=20, most=1)
    recipe = Recipe(
        "mine", "mixed", "a test", Untargeted(), Noise(parts), search, (Stopwords("nltk"),)
    )
    (outcome,) = attack(recipe, whole)
    assert outcome.changes
    assert not {c.before.lower() for c in outcome.changes} & stopwords("nltk")
    assert outcome.queries < 1 + 2 * 20


def test_as_a_transformation_it_proposes_what_rewrites_single_words() -> None:
    text = Text.of("two ham").candidate
    noise = Noise(chosen(["ocr", "numbers", "truncation", "word-order"]))
    assert set(noise.replacements(text, 1, generator(0, "x", "any"))) == {"bam", "hom", "harn"}
    assert len(noise.replacements(text, 0, generator(0, "x", "any"))) > 1


@pytest.mark.parametrize(
    ("overrides", "message"),
    [
        ({"corruptions": ("keyboards",)}, "Did you mean 'keyboard'"),
        ({"corruptions": "keyboard"}, "should be a valid tuple"),
        ({"corruptions": [1]}, "should be a valid string"),
        ({"most": 6}, "one of 1 to 5"),
        ({"most": 0}, "one of 1 to 5"),
    ],
)
def test_what_the_recipe_refuses(overrides: dict[str, object], message: str) -> None:
    with pytest.raises(AttackError, match=message):
        recipes.load("natural-noise", **overrides)


def test_a_list_is_as_good_as_a_tuple() -> None:
    first, second = (recipes.load("natural-noise", corruptions=c) for c in (["ocr"], ("ocr",)))
    assert first == second
