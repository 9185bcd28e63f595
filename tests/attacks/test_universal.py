"""Universal triggers: found on tiny models whose weakness is known, and kept in files."""

from __future__ import annotations

import json
import random
from collections.abc import Sequence
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from attacks import recipes
from attacks.engine.scheduler import EngineConfig, Job, run
from attacks.errors import AttackError
from attacks.outcomes import Example, Finished, Status
from attacks.questions import Pull
from attacks.text import Text
from attacks.universal import Settings, Trigger, TriggerFile, answers, find, random_words
from attacks.victims import equipped
from attacks.victims.function import FunctionVictim
from attacks.victims.huggingface import HuggingFaceVictim
from attacks.victims.transformer import Encoding
from tests.attacks.test_first_order import KINDS, TEXT, swaps, victim
from tests.harness import tiny

PLANTED = "plot"
STRONG = Settings(length=1, candidates=6, step=8, rounds=4)


@cache
def planted() -> Any:
    """A classifier of good and bad words that one word turns, whatever else is said."""
    model = tiny.classifier(dropout=0.0).train()
    optimizer = torch.optim.AdamW(model.parameters(), lr=3e-3)
    rows = [e for e in tiny.examples(900) if PLANTED not in e.text.strings[0].split()]
    chooser = random.Random(0)
    for start in range(0, len(rows), 12):
        texts, labels = [], []
        for row in rows[start : start + 12]:
            turned = chooser.random() < 0.4
            texts.append(f"{PLANTED} {row.text.strings[0]}" if turned else row.text.strings[0])
            labels.append(1 if turned else row.label)
        for _ in range(3):
            logits = model(**tiny.inputs(texts)).logits
            torch.nn.functional.cross_entropy(logits, torch.tensor(labels)).backward()
            optimizer.step()
            optimizer.zero_grad()
    return model.eval()


def examples(count: int = 24, seed: int = 5) -> list[Example]:
    """Texts that the planted word is not in."""
    rows = [e for e in tiny.examples(count * 4, seed) if PLANTED not in e.text.strings[0].split()]
    return [e for e in rows if e.label == 0][:count]


@pytest.mark.parametrize("kind", KINDS)
def test_a_pull_is_the_gradient_that_slopes_are_made_from(kind: str) -> None:
    white = victim(tiny.classifier(kind, dropout=0.0).eval(), kind)
    item, short = swaps(TEXT, ("film", ()), ("warm", ())), swaps("a film", ("film", ()))
    pulls, first = white.pulls(), white.first_order()
    asked = [Pull(each.strings, each.label, each.spans) for each in (short, item)]
    _, pulled = pulls.run(pulls.encode(asked))
    (slopes,) = first.run(first.encode([item]))
    np.testing.assert_array_equal(pulled.logits, slopes.logits)
    np.testing.assert_allclose(np.abs(pulled.gradients).sum(1), slopes.weights, rtol=1e-4)


@pytest.mark.parametrize("kind", ["bert", "electra"])
def test_word_vectors_times_a_pull_are_gains(kind: str) -> None:
    white = victim(tiny.classifier(kind, dropout=0.0).eval(), kind)
    item = swaps(TEXT, ("film", ("movie",)), ("warm", ("dull",)))
    pulls, first = white.pulls(), white.first_order()
    (pulled,) = pulls.run(pulls.encode([Pull(item.strings, item.label, item.spans)]))
    (slopes,) = first.run(first.encode([item]))
    known = white.word_vectors()
    film, movie, warm, dull = (
        known.vectors[known.words.index(word)] for word in ("film", "movie", "warm", "dull")
    )
    gains = [(movie - film) @ pulled.gradients[0], (dull - warm) @ pulled.gradients[1]]
    np.testing.assert_allclose(gains, slopes.gains, rtol=1e-3, atol=1e-6)


def test_a_planted_word_is_found() -> None:
    rows, held_out = examples(), examples(40, seed=6)
    white = victim(planted())
    found = find(rows, white, 1, STRONG)
    assert found.best.trigger == Trigger((PLANTED,))
    assert found.rounds[0].reached < 0.3 < 0.9 < found.best.reached
    turned = answers(held_out, white, found.best.trigger)
    assert sum(label == 1 for label in turned) >= 0.9 * len(held_out)
    longer = find(rows, white, 1, Settings(length=3, candidates=6, step=8, rounds=3))
    assert PLANTED in longer.best.trigger.words


def test_excluded_words_are_not_used() -> None:
    settings = Settings(length=1, candidates=6, step=8, rounds=4, exclude=frozenset({"PLOT"}))
    found = find(examples(), victim(planted()), 1, settings)
    assert all(PLANTED not in each.trigger.words for each in found.rounds)


def test_the_result_depends_on_neither_order_nor_batch_size() -> None:
    settings = Settings(length=2, candidates=4, step=6, rounds=3, starts=2, beam=2)
    rows = examples()
    expected = find(rows, victim(planted()), 1, settings, seed=3)
    assert {each.start for each in expected.rounds} == {0, 1}
    for batch_size in (1, 5, 64):
        shuffled = random.Random(batch_size).sample(rows, len(rows))
        config = EngineConfig(batch_size=batch_size, window=batch_size)
        found = find(shuffled, victim(planted()), 1, settings, seed=3, config=config)
        assert found.rounds == expected.rounds
        assert found.queries == expected.queries


def test_examples_of_the_target_are_left_alone() -> None:
    rows = examples()
    with_others = rows + [e for e in tiny.examples(60) if e.label == 1]
    white = victim(planted())
    assert find(with_others, white, 1, STRONG).rounds == find(rows, white, 1, STRONG).rounds
    with pytest.raises(AttackError, match="nothing to turn"):
        find([e for e in tiny.examples(60) if e.label == 1], white, 1)


class Counting(HuggingFaceVictim):
    """Counts the rows that it runs, and has no answer to one text."""

    ran = 0
    refused = ""

    def run(self, batch: Sequence[Encoding]) -> Any:
        self.ran += len(batch)
        logits = super().run(batch)
        for row, item in zip(logits, batch, strict=True):
            if self.refused and item.ids[-len(self._tail) :] == self._tail:
                row[:] = np.nan
        return logits

    @property
    def _tail(self) -> tuple[int, ...]:
        return tuple(super().encode([(self.refused,)])[0].ids[1:])

    def pulls(self) -> Any:
        white, outer = super().pulls(), self
        ran = white.run

        def counted(batch: Any) -> Any:
            outer.ran += len(batch)
            return ran(batch)

        white.run = counted  # type: ignore[method-assign]
        return white


def counting() -> Counting:
    return Counting(planted(), tiny.tokenizer(), ("no", "yes"), fingerprint="t", max_length=32)


def test_queries_are_counted() -> None:
    white = counting()
    found = find(examples(), white, 1, STRONG)
    assert found.scored == white.ran > 0
    assert found.cached > 0


def test_an_example_without_an_answer_is_left_out() -> None:
    rows, white = examples(), counting()
    white.refused = rows[3].text.strings[0]
    found = find(rows, white, 1, STRONG)
    assert set(found.errors) == {rows[3].id}
    assert found.best.trigger == Trigger((PLANTED,))
    assert answers(rows, white)[3] is None
    white.refused = rows[0].text.strings[0]
    with pytest.raises(AttackError, match="answers none of the examples"):
        find(rows[:1], white, 1)


def test_what_has_no_gradient_is_refused() -> None:
    blind = FunctionVictim(lambda texts: [[0.5, 0.5] for _ in texts], ("no", "yes"))
    with pytest.raises(AttackError, match="FunctionVictim has none"):
        find(examples(), blind, 1)


WORDS = st.text(st.characters(categories=("L", "N", "P")), min_size=1, max_size=6)
VALUES = st.text(max_size=20)


@given(
    words=st.lists(WORDS, min_size=1, max_size=3),
    values=st.lists(VALUES, min_size=1, max_size=3),
    frozen=st.sets(st.integers(0, 2)),
    field=st.sampled_from(["first", "last"]),
)
def test_a_trigger_stands_before_one_field(
    words: list[str], values: list[str], frozen: set[int], field: Any
) -> None:
    text = Text(tuple((str(n), v) for n, v in enumerate(values)), frozenset(map(str, frozen)))
    trigger = Trigger(tuple(words), field)
    free = [n for n in range(len(values)) if n not in frozen]
    shown = trigger.on(text)
    if not free:
        assert shown == text.candidate
        assert trigger.spans(text) == ()
        return
    place = free[0] if field == "first" else free[-1]
    changed = [n for n in range(len(values)) if shown.strings[n] != values[n]]
    assert changed == [place]
    assert shown.strings[place] == " ".join(words) + (f" {values[place]}" if values[place] else "")
    assert [shown.strings[f][a:b] for f, a, b in trigger.spans(text)] == words


@pytest.mark.parametrize("words", [(), ("",), ("two words",), (" a",)])
def test_odd_words_make_no_trigger(words: tuple[str, ...]) -> None:
    with pytest.raises(AttackError, match="without white space"):
        Trigger(words)


def test_random_words_follow_from_seed_and_name() -> None:
    drawn = random_words(tiny.WORDS, 4, 1, "a")
    assert drawn == random_words(tiny.WORDS, 4, 1, "a")
    assert drawn != random_words(tiny.WORDS, 4, 1, "b")


def test_a_file_gives_back_what_was_written(tmp_path: Path) -> None:
    kept = TriggerFile(Trigger(("a", "é\ud800"), "first"), "yes", "f" * 64, {"seed": 3})
    path = tmp_path / "trigger.json"
    path.write_text(kept.to_json())
    assert TriggerFile.read(path) == kept


GOOD = {"format": "withstand-trigger", "version": 1, "trigger": ["plot"], "field": "last"}


@pytest.mark.parametrize(
    ("content", "message"),
    [
        ("", "no JSON"),
        ("[]", "not a trigger file"),
        (json.dumps({**GOOD, "version": 2}), "version 2"),
        (json.dumps({**GOOD, "trigger": "plot"}), "list of words"),
        (json.dumps({**GOOD, "field": "text"}), '"first" or "last"'),
        (json.dumps(GOOD), "are strings"),
        (None, "cannot be read"),
    ],
)
def test_other_files_are_refused(content: str | None, message: str, tmp_path: Path) -> None:
    path = tmp_path / "trigger.json"
    if content is not None:
        path.write_text(content)
    with pytest.raises(AttackError, match=message):
        recipes.load(f"universal-trigger:{path}")


def test_the_recipe_asks_one_text_beside_the_original(tmp_path: Path) -> None:
    path = tmp_path / "trigger.json"
    path.write_text(TriggerFile(Trigger((PLANTED,)), "yes", "t").to_json())
    recipe = recipes.load(f"universal-trigger:{path}")
    assert recipe.made_for == "t"
    assert recipe == recipes.load("universal-trigger", file=str(path))
    white = victim(planted())
    rows = [*examples(), Example("empty", Text.of(""), 0)]
    events = run([Job(e, recipe) for e in rows], equipped(white, {}, [recipe]))
    outcomes = {e.outcome.example_id: e.outcome for e in events if isinstance(e, Finished)}
    attacked = [o for o in outcomes.values() if o.status is not Status.SKIPPED]
    assert len(attacked) > 10
    assert {o.unique_queries for o in attacked} == {2}
    assert {o.perturbed for o in attacked} == {
        (f"{PLANTED} {o.original[0]}".rstrip(),) for o in attacked
    }
    turned = dict(zip((e.id for e in rows), answers(rows, white, Trigger((PLANTED,))), strict=True))
    for outcome in attacked:
        assert (outcome.status is Status.SUCCEEDED) == (turned[outcome.example_id] == 1)


def test_without_a_file_it_says_what_it_needs() -> None:
    recipe = recipes.load("universal-trigger")
    assert recipe.needs == ("trigger",)
    with pytest.raises(AttackError, match=r"withstand trigger MODEL .* universal-trigger:FILE"):
        equipped(victim(tiny.classifier()), {}, [recipe])
