"""Checks count what they say, on victims that are made for it, and stand in the records."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Sequence
from functools import cache
from importlib.metadata import EntryPoint
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from attacks import recipes
from attacks.errors import AttackError
from attacks.outcomes import Example
from attacks.protocols import FIRST_ORDER
from attacks.recipe import Recipe
from attacks.searches import InTurn
from attacks.text import Candidate, Text
from attacks.victims import equipped
from attacks.victims.function import FunctionVictim
from harness.plan import CHECKS, Gate
from reports.folder import RunFolder
from reports.progress import Quiet
from reports.records import OutcomeRecord
from reports.statistics import rate
from suites import validity
from suites.campaign import Campaign, run_campaign
from suites.validity.blind import BLIND, blinded
from suites.validity.budget import BUDGET
from suites.validity.check import Asked, CheckError, Counted, ModelCheck
from suites.validity.gradient import GRADIENT
from suites.validity.judging import EVENT, counted, described, doubts, entries
from suites.validity.reach import REACH, _in_words_of
from suites.validity.recased import RECASED
from suites.validity.repeatable import REPEATABLE
from suites.validity.signal import SIGNAL
from suites.validity.twin import TWIN, from_outside, planted
from tests.harness import tiny
from tests.suites import project

TEXTS = [
    f"the {word} film number {n} was shown again" for n in range(12) for word in ("good", "bad")
]
EXAMPLES = [Example(str(n), Text.of(text), int("good" in text)) for n, text in enumerate(TEXTS)]


def asked(answer: Callable[[Sequence[str]], Any], examples: Sequence[Example] = EXAMPLES) -> Asked:
    victim = FunctionVictim(answer, ("bad", "good"))
    rows = victim.run([example.text.strings for example in examples])
    found = [int(row.argmax()) if np.isfinite(row).all() else None for row in rows]
    predicted = {example.id: label for example, label in zip(examples, found, strict=True)}
    return Asked(victim, examples, examples, examples, predicted)


def reads(texts: Sequence[str]) -> list[list[float]]:
    """By "good" and "bad"; the length moves it a little."""
    rows = []
    for text in texts:
        good = 0.5 + 0.4 * (("good" in text) - ("bad" in text)) + 0.0004 * len(text)
        rows.append([1 - good, good])
    return rows


def deaf(texts: Sequence[str]) -> list[list[float]]:
    """Everything is good."""
    return [[0.2, 0.8]] * len(texts)


def test_the_plan_s_checks_are_those_that_there_are() -> None:
    assert tuple(validity.BUILTIN) == CHECKS == validity.names()
    for name in CHECKS:
        check = validity.load(name)
        assert (check.at_most is None) != (check.at_least is None)
        assert check.source


def test_a_victim_that_reads_is_repeatable_has_a_signal_and_falls_without_a_bound() -> None:
    for check, count in ((REPEATABLE, 0), (SIGNAL, 0), (REACH, 24)):
        found = check.measure(asked(reads))
        assert (found.n, found.count) == (24, count)


def test_a_victim_that_does_not_read_has_no_signal_and_holds_without_a_bound() -> None:
    for check, count in ((SIGNAL, 12), (REACH, 0)):
        found = check.measure(asked(deaf))
        assert (found.n, found.count) == (12, count)
        assert len(found.examples) == 12


def test_an_answer_that_depends_on_the_batch_is_not_repeatable() -> None:
    def crowded(texts: Sequence[str]) -> list[list[float]]:
        return [[0.4, 0.6] if len(texts) > 1 else [0.45, 0.55]] * len(texts)

    found = REPEATABLE.measure(asked(crowded))
    assert (found.n, found.count) == (24, 24)
    assert found.facts == {"largest": 0.05}


def test_an_answer_that_is_no_number_is_not_repeatable() -> None:
    def broken(texts: Sequence[str]) -> list[list[float]]:
        return [[float("nan")] * 2 if "bad" in text else [0.1, 0.9] for text in texts]

    assert REPEATABLE.measure(asked(broken)).count == 12


def test_where_nothing_can_be_counted_the_reason_is_said() -> None:
    def wrong(texts: Sequence[str]) -> list[list[float]]:
        return [[0.9, 0.1] if "good" in text else [0.1, 0.9] for text in texts]

    for check in (SIGNAL, REACH):
        found = check.measure(asked(wrong))
        assert found.n == 0
        assert "right" in found.reason
    one_label = [example for example in EXAMPLES if example.label]
    assert "one label" in REACH.measure(asked(reads, one_label)).reason


def outcome(example: Example, status: str, queries: int = 40) -> OutcomeRecord:
    return OutcomeRecord(
        check="attack:deepwordbug@test",
        attack="deepwordbug",
        example_id=example.id,
        split="test",
        status=status,  # type: ignore[arg-type]
        label=example.label,
        calibrated=False,
        model="m",
        group=None,
        original=example.text.strings,
        perturbed=None,
        changes=(),
        predicted_before=example.label,
        predicted_after=None,
        confidence_before=0.9,
        confidence_after=None,
        words=8,
        queries=queries,
        unique_queries=queries,
    )


def test_an_attack_that_works_breaks_its_twins_and_one_that_may_change_nothing_does_not() -> None:
    works = recipes.load("deepwordbug")
    assert TWIN.measure(asked(reads), works, ()).count == 24
    tied = recipes.load("deepwordbug", max_edit_distance=0)
    found = TWIN.measure(asked(reads), tied, ())
    assert (found.n, found.count) == (24, 0)


def test_a_twin_turns_with_the_first_word_that_changes_and_with_white_space() -> None:
    example = EXAMPLES[0]
    twin = planted(example, 3)
    text = example.text.strings[0]
    rows = twin.run(
        twin.encode([(text,), (text.replace("film", "flim"),), (text.replace(" ", "  "),)])
    )
    assert rows.argmax(1).tolist() == [
        example.label,
        (example.label + 1) % 3,
        (example.label + 1) % 3,
    ]


def test_an_attack_that_gave_up_where_chance_does_not_is_found() -> None:
    """Any of the words misspelt turns it: whoever reports a failure with forty queries did not look."""

    def brittle(texts: Sequence[str]) -> list[list[float]]:
        return [
            row if text in TEXTS else row[::-1]
            for text, row in zip(texts, reads(texts), strict=True)
        ]

    recipe = recipes.load("deepwordbug")
    gave_up = [outcome(example, "failed") for example in EXAMPLES]
    found = BLIND.measure(asked(brittle), recipe, gave_up)
    assert (found.n, found.count) == (24, 24)
    broke = [outcome(example, "succeeded") for example in EXAMPLES]
    assert BLIND.measure(asked(brittle), recipe, broke).count == 0
    # One query is that of the text itself: there is no budget to look with.
    asked_once = [outcome(example, "failed", queries=1) for example in EXAMPLES]
    assert BLIND.measure(asked(brittle), recipe, asked_once).count == 0


def test_attacks_with_other_goals_have_no_twin_and_no_blind_search() -> None:
    reduction = recipes.load("input-reduction")
    for check in (TWIN, BLIND):
        assert "goal" in check.measure(asked(reads), reduction, ()).reason


@cache
def misleading() -> Asked:
    """A model that reads well and whose gradients are those of another: they point anywhere."""
    from tests.attacks.test_first_order import victim

    model = tiny.classifier(dropout=0.0).train()
    optimizer = torch.optim.AdamW(model.parameters(), lr=3e-3)
    rows = tiny.examples(600)
    for start in range(0, len(rows), 12):
        part = rows[start : start + 12]
        inputs = tiny.inputs([row.text.strings[0] for row in part])
        for _ in range(3):
            labels = torch.tensor([row.label for row in part])
            torch.nn.functional.cross_entropy(model(**inputs).logits, labels).backward()
            optimizer.step()
            optimizer.zero_grad()
    model.eval()

    def turned(_: Any, __: Any, output: Any) -> Any:
        output["logits"] = 2 * output["logits"].detach() - output["logits"]
        return output

    model.register_forward_hook(turned)
    white = victim(model)
    examples = tiny.examples(100, seed=7)
    texts = [example.text.strings for example in examples]
    answers = [int(row.argmax()) for row in white.run(white.encode(texts))]
    predicted = {e.id: n for e, n in zip(examples, answers, strict=True)}
    right = [e for e in examples if predicted[e.id] == e.label][:48]
    return Asked(white, right, right, (), predicted)


def attacked(looked: Asked, recipe: Recipe) -> list[OutcomeRecord]:
    models = equipped(looked.victim, looked.models, [recipe])
    campaign = Campaign(recipe, looked.attacked, "test", 0)
    found, _ = run_campaign(campaign, models, record=lambda *_, **__: None, progress=Quiet())
    return found


class Sides:
    """Of a word that says something, one that says the same and four that say the opposite."""

    def replacements(self, current: Candidate, index: int, rng: Any) -> Sequence[str]:
        word = current.word(index)
        sides = (tiny.GOOD, tiny.BAD) if word in tiny.GOOD else (tiny.BAD, tiny.GOOD)
        return (sides[0][0], *sides[1]) if word in sides[0] else ()


@pytest.mark.parametrize(
    "recipe",
    [
        recipes.load("gbda", iterations=6, batch=4, samples=30),
        dataclasses.replace(
            recipes.load("gradient-step", least=1.0), transformation=Sides(), protections=()
        ),
    ],
    ids=["gbda", "gradient-step"],
)
def test_an_attack_whose_gradients_mislead_is_weaker_than_chance(recipe: Recipe) -> None:
    looked = misleading()
    outcomes = attacked(looked, recipe)
    withstood = sum(o.status != "succeeded" for o in outcomes)
    assert withstood > 24
    found = BLIND.measure(looked, recipe, outcomes)
    assert found.n == 48
    assert rate(found.count, found.n).low > 0.05  # type: ignore[operator]


def test_chance_changes_no_more_words_than_an_attack_that_is_held_back_by_its_loss() -> None:
    recipe = recipes.load("gbda", iterations=3, batch=2)
    twin = blinded(recipe, 2)
    assert twin is not None
    attempts = attacked(misleading(), twin)
    changed = [len(o.changes) for o in attempts if o.status == "succeeded"]
    assert changed
    assert max(changed) <= 2
    assert twin.needs == recipe.needs


def test_an_ensemble_has_a_twin_and_a_blind_search_for_the_stages_that_can_have_one() -> None:
    whole = recipes.load("standard")
    twin = blinded(whole, 1)
    assert twin is not None
    assert [stage.recipe.name for stage in twin.search.stages] == [  # type: ignore[attr-defined]
        *("standard-characters, blind", "standard-words, blind", "deepwordbug, blind"),
        *("pwws, blind", "textfooler, blind", "bae, blind"),
    ]
    outside = from_outside(whole)
    assert outside is not None
    assert FIRST_ORDER in whole.needs
    assert FIRST_ORDER not in outside.needs
    assert outside.search == recipes.load("standard", gradients=False).search
    cheap = tuple(s for s in whole.search.stages if not s.recipe.needs)  # type: ignore[attr-defined]
    ensemble = dataclasses.replace(whole, search=InTurn(cheap), needs=())
    assert TWIN.measure(asked(reads), ensemble, ()).count == 24

    def brittle(texts: Sequence[str]) -> list[list[float]]:
        return [
            row if text in TEXTS else row[::-1]
            for text, row in zip(texts, reads(texts), strict=True)
        ]

    gave_up = [outcome(example, "failed") for example in EXAMPLES]
    assert BLIND.measure(asked(brittle), ensemble, gave_up).count == 24


def test_chance_is_not_given_more_than_the_attack_may_do() -> None:
    noise = recipes.load("natural-noise")  # its search gives the dose
    assert "chance" in BLIND.measure(asked(reads), noise, [outcome(EXAMPLES[0], "failed")]).reason

    def holds_one_word(texts: Sequence[str]) -> list[list[float]]:
        rows = reads(texts)
        for row, text in zip(rows, texts, strict=True):
            changed = sum(word not in " ".join(TEXTS) for word in text.split())
            if changed > 1:
                row.reverse()
        return rows

    one_word = recipes.load("pruthi", words=1)
    failed = [outcome(example, "failed", 200) for example in EXAMPLES]
    assert BLIND.measure(asked(holds_one_word), one_word, failed).count == 0
    two_words = recipes.load("pruthi", words=2)
    assert BLIND.measure(asked(holds_one_word), two_words, failed).count == 24


def broken_check(_: Asked) -> Counted:
    raise ZeroDivisionError("nothing by nothing")


BROKEN = ModelCheck(
    "mine", "doubt", "What mine counts", "bad", "me", at_most=0.1, measure=broken_check
)


@pytest.mark.parametrize("kind", ["doubt", "weakness"])
def test_a_check_that_errors_stops_nothing_and_no_pass_stands_on_it(
    kind: Any, tmp_path: Path
) -> None:
    folder = RunFolder.create(tmp_path, "run", kind="audit")
    broken = dataclasses.replace(BROKEN, kind=kind)
    seen = counted(lambda: broken.measure(asked(reads)))
    folder.append(EVENT, **described(broken, None), **seen)
    (event,) = (event for event in folder.events() if event["event"] == EVENT)
    assert "ZeroDivisionError" in event["traceback"]
    (entry,) = entries(folder.events(), {}, {})
    assert entry["errored"]
    assert not entry["alarm"]  # it is no weakness of the model's
    (said,) = doubts({"checks": [entry]}, [Gate(metric="clean_accuracy", at_least=0.5, why="-")])
    assert "ZeroDivisionError: nothing by nothing" in said


class Fails:
    """A search that errors on one example."""

    def run(self, attempt: Any) -> Any:
        if attempt.example.id == "3":
            raise ZeroDivisionError("nothing by nothing")
        return (yield from attempt.start())


def test_a_search_that_errors_is_neither_held_nor_broken(monkeypatch: pytest.MonkeyPatch) -> None:
    """Else a blind search that crashes everywhere would find that nothing is wrong."""
    recipe = recipes.load("deepwordbug")
    with pytest.raises(CheckError, match="example 3 errored"):
        TWIN.measure(asked(reads), dataclasses.replace(recipe, search=Fails()), ())
    monkeypatch.setattr("suites.validity.blind.Blind", lambda most: Fails())
    gave_up = [outcome(example, "failed") for example in EXAMPLES]
    with pytest.raises(CheckError, match="example 3 errored"):
        BLIND.measure(asked(reads), recipe, gave_up)


def test_answers_that_are_no_numbers_are_not_right_and_help_no_check() -> None:
    """Only the texts as they are get an answer; NaN would look like label 0."""
    # Of different lengths, so that none is what the words of another make of one.
    texts = [f"{text} {'again ' * n}".strip() for n, text in enumerate(TEXTS)]
    examples = [Example(str(n), Text.of(text), int("good" in text)) for n, text in enumerate(texts)]

    def shy(given: Sequence[str]) -> list[list[float]]:
        known = zip(given, reads(given), strict=True)
        return [row if text in texts else [float("nan")] * 2 for text, row in known]

    for check, count in ((SIGNAL, 24), (REACH, 0), (RECASED, 24)):
        assert check.measure(asked(shy, examples)).count == count

    def mute(texts: Sequence[str]) -> list[list[float]]:
        return [[float("nan")] * 2 for _ in texts]

    assert asked(mute).right(24) == []


def test_what_is_no_check_is_refused_by_its_name(monkeypatch: pytest.MonkeyPatch) -> None:
    entry = EntryPoint("mine", "tests.suites.zoo:LABELS", validity.GROUP)
    monkeypatch.setattr(validity, "entry_points", lambda **_: [entry])
    with pytest.raises(AttackError, match=r"'mine' in the group withstand\.checks, is a tuple"):
        validity.load("mine")


def alarm(name: str, attack: str | None, kind: str = "doubt") -> dict[str, Any]:
    return {
        "name": name,
        "attack": attack,
        "kind": kind,
        "title": "Texts",
        "direction": "at_least",
        "bound": 0.5,
        "estimate": rate(1, 24).to_dict(),
        "alarm": True,
        "errored": False,
        "means": "so it is",
    }


@pytest.mark.parametrize(
    ("metric", "bound", "name", "rests"),
    [
        ("robust_accuracy.pwws", "at_least", "twin", True),
        ("robust_accuracy.pwws", "at_most", "twin", False),  # wants the model to be broken
        ("attack_success_rate.pwws", "at_most", "twin", True),
        ("attack_success_rate.pwws", "at_least", "twin", False),
        ("robust_accuracy.union", "at_least", "twin", True),
        ("robust_accuracy.textfooler", "at_least", "twin", False),
        ("clean_accuracy", "at_least", "twin", False),
        ("robust_accuracy.pwws.calibrated", "at_least", "twin", True),
        ("robust_accuracy.pwws", "at_least", "overconfidence", True),
        ("robust_accuracy.pwws.calibrated", "at_least", "overconfidence", False),
        ("robust_accuracy.pwws", "at_least", "meaning", False),
        ("robust_accuracy.pwws", "at_most", "meaning", True),
        ("attack_success_rate.pwws", "at_least", "meaning", True),
        ("attack_success_rate.pwws", "at_most", "meaning", False),
        ("gain.robust_accuracy.pwws", "at_least", "meaning", True),
    ],
)
def test_a_doubt_counts_where_a_gate_rests_on_it(
    metric: str, bound: str, name: str, rests: bool
) -> None:
    gate = Gate.model_validate({"metric": metric, bound: 0.5, "why": "-"})
    about = {"about": "successes"} if name == "meaning" else {}
    assert bool(list(doubts({"checks": [alarm(name, "pwws") | about]}, [gate]))) == rests


def test_doubts_of_the_other_side_and_weaknesses_are_no_doubts_about_a_gate() -> None:
    gate = Gate(metric="robust_accuracy.pwws", at_least=0.5, why="-")
    gain = Gate(metric="gain.robust_accuracy.pwws", at_least=0.0, why="-")
    side = {"checks": [alarm("reach", None)]}
    assert list(doubts(side, [gate], "before")) == []
    assert list(doubts(side, [gain], "before")) != []
    assert list(doubts(side, [gate], "after")) != []
    assert list(doubts({"checks": [alarm("trigger", None, "weakness")]}, [gate])) == []
    assert list(doubts({"checks": [alarm("reach", None) | {"alarm": False}]}, [gate])) == []


def test_a_resumed_audit_does_not_check_twice(tmp_path: Path) -> None:
    from reports.progress import Quiet
    from suites.evidence import Collector, Target

    folder = RunFolder.create(tmp_path, "run", kind="audit")
    calls: list[Asked] = []
    check = dataclasses.replace(BROKEN, measure=lambda a: calls.append(a) or Counted(4, 0))
    for _ in range(2):  # a second process opens the same folder
        victim = FunctionVictim(reads, ("bad", "good"), fingerprint="same")
        target = Target(victim, [], EXAMPLES, EXAMPLES, EXAMPLES, [])
        Collector(folder, target, {}, Quiet(), seed=0).check_victim(check)
    assert len(calls) == 1


def test_texts_too_long_for_a_twin_are_passed_over_with_the_reason() -> None:
    long = [dataclasses.replace(e, text=Text.of("word " * 600)) for e in EXAMPLES[:3]]
    recipe = recipes.load("deepwordbug")
    assert "500 words" in TWIN.measure(asked(reads, long), recipe, ()).reason
    assert TWIN.measure(asked(reads, [*long, EXAMPLES[0]]), recipe, ()).n == 1


def test_words_are_exchanged_in_their_places_and_frozen_fields_stay() -> None:
    text = Text.of({"premise": "keep this", "text": "(one) two,  three four"}, frozen=["premise"])
    example, donor = Example("a", text, 0), Example("b", Text.of("alpha beta gamma"), 1)
    assert _in_words_of(example, donor) == ("keep this", "(alpha) beta,  gamma alpha")


def sharpened(factor: float) -> Asked:
    """The tiny classifier with its scores made larger, on texts that it answers as their label says."""
    from suites.subject import victim_of
    from tests.harness import tiny

    loaded = tiny.loaded()
    loaded.model.eval()
    with torch.no_grad():
        for parameter in loaded.model.classifier.parameters():
            parameter.mul_(factor)
    victim = victim_of(loaded, 32, "cpu")
    texts = [text for text, _ in project.rows(40)]
    rows = victim.run(victim.encode([(text,) for text in texts]))
    examples = [
        Example(str(n), Text.of(text), int(row.argmax()))
        for n, (text, row) in enumerate(zip(texts, rows, strict=True))
    ]
    return Asked(victim, examples, examples, (), {e.id: e.label for e in examples})


@pytest.mark.parametrize(("factor", "flat"), [(1.0, 0), (1e6, 32)])
def test_saturated_scores_have_no_gradient_to_follow(factor: float, flat: int) -> None:
    found = GRADIENT.measure(sharpened(factor), recipes.load("hotflip"), [])
    assert (found.n, found.count) == (32, flat)


def test_an_attack_that_only_asks_needs_no_gradient() -> None:
    found = GRADIENT.measure(asked(reads), recipes.load("deepwordbug"), [])
    assert (found.n, found.reason) == (0, "it follows no gradient")
    found = GRADIENT.measure(asked(reads), recipes.load("hotflip"), [])
    assert (found.n, found.reason) == (0, "the victim shows no gradient")


def test_what_withstood_because_the_queries_ended_falls_to_twice_as_many() -> None:
    recipe = recipes.load("deepwordbug")
    looked = asked(reads)
    campaign = Campaign(recipe, EXAMPLES, "test", 0, query_budget=6)
    models = equipped(looked.victim, {}, [recipe])
    outcomes, _ = run_campaign(campaign, models, record=lambda *_, **__: None, progress=Quiet())
    ended = [o for o in outcomes if o.status == "out_of_budget"]
    assert ended
    found = BUDGET.measure(looked, recipe, outcomes)
    assert found.n == 24
    assert 0 < found.count <= len(ended)
    assert found.facts == {"queries": 6}
    whole, _ = run_campaign(
        dataclasses.replace(campaign, query_budget=None),
        models,
        record=lambda *_, **__: None,
        progress=Quiet(),
    )
    assert BUDGET.measure(looked, recipe, whole).reason == "no search ended by its budget"


def test_a_search_that_gets_worse_with_more_queries_is_no_result() -> None:
    recipe = recipes.load("deepwordbug")
    outcomes = [
        OutcomeRecord(
            check="attack:deepwordbug@test",
            attack="deepwordbug",
            example_id=example.id,
            split="test",
            status="out_of_budget" if number else "succeeded",
            label=example.label,
            unique_queries=4,
        )
        for number, example in enumerate(EXAMPLES)
    ]
    with pytest.raises(CheckError, match="with twice the queries 0 is broken no more"):
        BUDGET.measure(asked(deaf), recipe, outcomes)
