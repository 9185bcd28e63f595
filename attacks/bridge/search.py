"""A TextAttack attack as a search of ours."""

from __future__ import annotations

import copy
from collections import OrderedDict
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from itertools import chain
from typing import Any

import numpy as np

from attacks.bridge.aside import Aside, Question, ask
from attacks.bridge.importing import textattack
from attacks.bridge.stand_ins import replaced
from attacks.bridge.wrappers import strings
from attacks.engine.attempt import Attempt, NothingToAttack
from attacks.errors import AttackError
from attacks.goals import Untargeted
from attacks.protocols import (
    FIRST_ORDER,
    SIMILARITY,
    VICTIM,
    AnyGoal,
    Ask,
    Draft,
    Scored,
    Search,
    Steps,
)
from attacks.questions import Floats, Inputs, Slopes, Swaps
from attacks.text import Text, rewritten


@dataclass(frozen=True)
class TextAttackGoal(Untargeted):
    """TextAttack decides about success; the score of the records is 1 - p(gold label).

    Attributes:
        description: its goal function.
    """

    description: str = ""


@dataclass(frozen=True)
class TextAttackTransformation:
    """What TextAttack's search asks its own transformation for; nothing else asks it.

    Attributes:
        description: the transformation.
    """

    description: str

    def replacements(self, current: Any, index: int, rng: np.random.Generator) -> Sequence[str]:
        """None: the search does not ask."""
        return ()


@dataclass(frozen=True)
class TextAttackSearch:
    """Runs the attack as it is, its questions answered by the scheduler.

    Every text that it asks about is charged to the example's budget; it does not say which of them are
    probes, so that only its result becomes the attempt's best. Random numbers that it draws derive from
    the example's seed.

    Attributes:
        description: the whole attack, as TextAttack prints it.
        stand_ins: what takes the place of resources that are not on the machine.
        attack: a `textattack.Attack`.
    """

    description: str
    stand_ins: tuple[str, ...]
    attack: Any = field(repr=False, compare=False)

    def aimed_at(self, goal: AnyGoal) -> Search:
        """Raises AttackError: TextAttack decides by its own goal."""
        raise AttackError(
            "A TextAttack attack has a goal of its own. Make it in a file with the goal function you "
            "want (textattack:FILE.py:NAME), or use one of the attacks here with --goal."
        )

    def drafted(self, draft: Draft) -> Search:
        """Raises AttackError: TextAttack chooses by itself what it asks."""
        raise AttackError("A TextAttack attack cannot be drafted. Run it without a draft.")

    def run(self, attempt: Attempt) -> Steps[Scored]:
        """See `attacks.protocols.Search.run`.

        Raises NothingToAttack also where the attack itself skips the example.
        """
        start = yield from attempt.start()
        text = attempt.example.text
        attack = _own_copy(self.attack, text)
        given = text.strings[0] if len(text.fields) == 1 else OrderedDict(text.fields)
        aside: Aside[Any] = Aside(
            lambda: attack.attack(given, attempt.example.label),
            seed=int(attempt.rng.integers(2**63)),
        )
        asked: dict[Inputs, Scored] = {text.strings: start}
        fresh = True
        try:
            state = aside.resume()
            while isinstance(state, Question):
                if state.model == FIRST_ORDER:
                    answer: Any = yield from _weights(attempt, state.inputs[0])
                elif state.model != VICTIM:
                    answer = yield Ask(state.model, state.inputs)
                elif fresh and state.inputs == (text.strings,):
                    answer, fresh = [start], False  # the engine has asked for it already
                else:
                    candidates = [rewritten(text, item) for item in state.inputs]
                    answer = yield from attempt.score(candidates, probing=True)
                    asked |= dict(zip(state.inputs, answer, strict=True))
                state = aside.resume(answer)
        finally:
            aside.close()
        results = textattack().attack_results
        if isinstance(state.value, results.SkippedAttackResult):
            raise NothingToAttack
        end = strings(state.value.perturbed_result.attacked_text.tokenizer_input)
        reached = results.SuccessfulAttackResult | results.MaximizedAttackResult
        done = isinstance(state.value, reached) and end != text.strings
        found = replace(asked[end], succeeded=done)
        attempt.offer(found)
        return found


def _weights(attempt: Attempt, item: Inputs) -> Steps[Floats]:
    """How much each of TextAttack's words weighs in the gradient, shape (words,): one query."""
    if item != attempt.original.strings:
        yield from attempt.score([rewritten(attempt.example.text, item)], probing=True)
    spans = []
    for number, (value, words) in enumerate(zip(item, _words(item), strict=True)):
        reached = 0
        for word in words:
            start = value.index(word, reached)
            reached = start + len(word)
            spans.append((number, start, reached))
    swaps = Swaps(item, attempt.example.label, tuple(spans), ((),) * len(spans))
    attempt.queries += 1
    answers: list[Slopes] = yield Ask(FIRST_ORDER, (swaps,))
    return answers[0].weights


def _words(item: Inputs) -> list[list[str]]:
    """TextAttack's words of each field."""
    fields = OrderedDict((str(n), value) for n, value in enumerate(item))
    found: list[list[str]] = textattack().shared.AttackedText(fields).words_per_input
    return found


class AskingWrapper:
    """A `ModelWrapper` for code that runs aside: the scheduler answers.

    Of gradients TextAttack's searches want the L1 norm at each word alone. They are told that every word
    is a token whose gradient has that one number.
    """

    model = None
    max_length = 512
    """Words that `A2TYoo2021` ranks at the most, which it would read from a model."""

    def __call__(self, text_input_list: Sequence[str | Inputs], **kwargs: Any) -> Any:
        """Logarithms of the class probabilities, shape (texts, labels).

        Not the probabilities: where float noise keeps their sum from one, TextAttack takes them for
        logits.
        """
        import torch

        answers = ask(Question(VICTIM, tuple(strings(item) for item in text_input_list)))
        rows = np.stack([scored.probabilities for scored in answers])
        return torch.from_numpy(np.log(np.maximum(rows, np.finfo(np.float32).tiny)))

    def get_grad(self, text_input: str | Inputs) -> dict[str, Any]:
        """A "gradient" of shape (words, 1); see the class."""
        weights: Floats = ask(Question(FIRST_ORDER, (strings(text_input),)))
        return {"gradient": weights[:, np.newaxis]}

    def tokenize(
        self, inputs: Sequence[str | Inputs], strip_prefix: bool = False
    ) -> list[list[str]]:
        """The words of each text."""
        return [list(chain.from_iterable(_words(strings(item)))) for item in inputs]


def encode(sentences: list[str]) -> Floats:
    """Sentence vectors for code that runs aside, shape (sentences, width)."""
    distinct = tuple(dict.fromkeys((sentence,) for sentence in sentences))
    rows = dict(zip(distinct, ask(Question(SIMILARITY, distinct)), strict=True))
    return np.stack([rows[(sentence,)] for sentence in sentences])


def _own_copy(attack: Any, text: Text) -> Any:
    """The attack with states and caches of its own, asking the scheduler."""
    mine = copy.copy(attack)
    mine.constraints, _ = replaced(attack, encode)
    mine.goal_function = copy.copy(attack.goal_function)
    mine.goal_function.model = AskingWrapper()
    # Repeats are counted as queries, and the engine has a cache of its own.
    mine.goal_function.use_cache = False
    mine.goal_function.batch_size = 2**31
    frozen = [name for name, _ in text.fields if name in text.frozen_fields]
    if frozen:
        kept = textattack().constraints.pre_transformation.InputColumnModification(
            [name for name, _ in text.fields], set(frozen)
        )
        mine.pre_transformation_constraints = [*attack.pre_transformation_constraints, kept]
    search = mine.search_method = copy.copy(attack.search_method)
    search.goal_function = mine.goal_function
    search.get_goal_results = mine.goal_function.get_results
    search.get_transformations = mine.get_transformations
    search.get_indices_to_order = mine.get_indices_to_order
    search.filter_transformations = mine.filter_transformations
    return mine
