"""One recipe at work on one example: what a search is handed, and what it has used up."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping, Sequence

import numpy as np

from attacks.engine.judging import asking, judging
from attacks.engine.ledger import Ledger
from attacks.engine.promising import Strictness, promising
from attacks.errors import AttackError
from attacks.outcomes import Example
from attacks.protocols import (
    FIRST_ORDER,
    RELAXED,
    TOKEN_GRADIENTS,
    VICTIM,
    Ask,
    Constraint,
    ModelConstraint,
    ModelTransformation,
    Scored,
    Selective,
    Sloped,
    Steps,
    TextGoal,
    proposals,
)
from attacks.questions import (
    Coordinates,
    Floats,
    Inputs,
    Relax,
    Relaxation,
    Relaxed,
    Slopes,
    Swaps,
    TokenChoices,
    Written,
)
from attacks.recipe import Recipe
from attacks.rounding import comparable, predicted, softmax
from attacks.text import Candidate, changed_between

NO_PROBABILITIES = np.empty(0, dtype=np.float32)
"""Of a victim that writes."""


class NothingToAttack(Exception):  # noqa: N818 - a signal inside the engine, not an error
    """The victim gets the example wrong as it stands, or the goal leaves it alone or is met already."""


class BudgetSpent(Exception):  # noqa: N818 - a signal inside the engine, not an error
    """The example's query budget is used up; the attempt's best is what was reached."""


class Attempt:
    """State of one example under one recipe.

    The budget counts distinct inputs: asking twice for the same string costs nothing. Random numbers
    derive from (run seed, example id, recipe name), so neither order nor neighbours change them.
    `broken_after` is how many distinct inputs had been scored when the first succeeded.
    `reach` is how many characters of each field the victim reads (None: all of them), `seed` the run's;
    `left_out` says whether a draft has kept anything back that is worth another visit. `judged` gives
    (score, succeeded) for a candidate and the victim's answer.
    """

    def __init__(
        self,
        example: Example,
        recipe: Recipe,
        *,
        seed: int,
        temperature: float = 1.0,
        query_budget: int | None = None,
    ) -> None:
        self.example = example
        self.recipe = recipe
        self.original: Candidate = example.text.candidate
        self.rng = np.random.default_rng(derive_seed(seed, example.id, recipe.name))
        self.queries = 0
        self.first: Scored | None = None
        self.best: Scored | None = None
        self.broken_after: int | None = None
        self.reach: Sequence[int] | None = None
        self.seed = seed
        self.left_out = False
        self.strictness = Strictness()
        self.judged = judging(recipe.goal, example, self._reference)
        self.temperature = temperature
        self._question = asking(recipe.goal, example)
        self._budget = query_budget
        self._ledger = Ledger()

    @property
    def unique_queries(self) -> int:
        """Distinct inputs scored so far, those of a `Relax` among them."""
        return self._ledger.spent

    def under(self, recipe: Recipe, queries: int) -> Steps[Scored]:
        """Run another recipe on the example, with so many distinct queries of its own.

        What was asked before costs it nothing, and what it asks is charged here. It draws what it would
        draw by itself. Returns the best that it found; raises BudgetSpent where the whole budget is.
        """
        most = self._ledger.spent + queries
        inner = Attempt(
            self.example,
            recipe,
            seed=self.seed,
            temperature=self.temperature,
            query_budget=most if self._budget is None else min(most, self._budget),
        )
        inner.first, inner.best, inner.reach = self.first, self.first, self.reach
        inner._ledger = self._ledger
        try:
            yield from recipe.search.run(inner)
        except BudgetSpent:
            if self._budget is not None and self._ledger.spent >= self._budget:
                raise
        finally:
            self.queries += inner.queries
            if self.broken_after is None:
                self.broken_after = inner.broken_after
            assert inner.best is not None  # noqa: S101 - the original at least
            self.offer(inner.best)
        return inner.best

    def start(self) -> Steps[Scored]:
        """The original with the victim's answer.

        Raises NothingToAttack where that is wrong, or the goal leaves the example alone.
        """
        if self.first is None:
            yield from self.score([self.original])
        return self._opened()

    def editable(self, current: Candidate) -> list[int]:
        """Word indices that every protection of the recipe lets be edited, ascending.

        Words that the victim does not read are left out: to try them would cost queries and change
        nothing. A goal that looks at the text itself sees a change in them all the same.
        """
        words = self.example.text.words
        reach = None if isinstance(self.recipe.goal, TextGoal) else self.reach
        return [
            i
            for i in self.example.text.editable
            if (reach is None or words[i].start < reach[words[i].field])
            and all(p.allows(current, i) for p in self.recipe.protections)
        ]

    def propose(
        self,
        current: Candidate,
        index: int,
        transformation: ModelTransformation | None = None,
        *,
        all_of_them: bool = False,
    ) -> Steps[list[Candidate]]:
        """Rewrites of word `index` of `current` that pass every constraint, in proposal order.

        They are those of the recipe's transformation, where no other is given; where the recipe is
        drafted, the most promising of them, unless `all_of_them` are asked for.
        """
        part = transformation or self.recipe.transformation
        found = yield from proposals(part, current, index, self.rng)
        new: dict[Candidate, None] = {}
        for proposal in found:
            if isinstance(proposal, str):
                new[current.replace(index, proposal)] = None
            elif self.may_change(proposal, current, index):
                new[proposal] = None
        new.pop(current, None)
        if self.recipe.draft is not None and not all_of_them:
            return (yield from promising(self, list(new), current, self.recipe.draft))
        return (yield from self.admissible(list(new), current))

    def may_change(self, proposal: Candidate, current: Candidate, index: int | None = None) -> bool:
        """Whether no protection forbids what a proposal changes (beside word `index`, if any)."""
        others = set(changed_between(proposal, current)) - {index}
        return others <= set(self.example.text.editable) and all(
            protection.allows(current, other)
            for other in others
            for protection in self.recipe.protections
        )

    def admissible(
        self,
        candidates: Sequence[Candidate],
        previous: Candidate,
        constraints: Sequence[Constraint | ModelConstraint] | None = None,
    ) -> Steps[list[Candidate]]:
        """Those candidates, made from `previous` in one step, that every constraint allows.

        They are those of the recipe, where no others are given.
        """
        kept = list(candidates)
        for constraint in self.recipe.constraints if constraints is None else constraints:
            if not kept:
                break
            if isinstance(constraint, Constraint):
                kept = [c for c in kept if constraint.allows(c, previous)]
            else:
                mask = yield from constraint.filter(kept, previous)
                kept = [c for c, keep in zip(kept, mask, strict=True) if keep]
        return kept

    def rewrites(self, index: int) -> Steps[list[str]]:
        """What `propose` offers for a word of the original, as the strings alone.

        Proposals that change more than the word are left out.
        """
        original = self.original
        if self.recipe.constraints:
            candidates = yield from self.propose(original, index)
            return [c.word(index) for c in candidates if c.changed == (index,)]
        # Nothing looks at candidates: to make one would cost more than to find its string.
        found = yield from proposals(self.recipe.transformation, original, index, self.rng)
        word = original.word(index)
        return [p for p in dict.fromkeys(found) if isinstance(p, str) and p != word]

    def score(
        self, candidates: Sequence[Candidate], *, probing: bool = False
    ) -> Steps[list[Scored]]:
        """The victim's answer to each candidate, in order.

        A probe (a text with a word masked or left out, to measure the word's weight) is paid for like
        any query but is no attack: it never becomes the attempt's best.

        Raises BudgetSpent when not all of them fit the query budget and none that fits succeeds;
        if one does, the answers to those that fit are returned.
        """
        affordable, new, spent = self._affordable(candidates)
        results: list[Scored] = []
        if affordable:
            self.queries += len(affordable)
            try:
                answers = yield Ask(VICTIM, tuple(map(self._question, affordable)))
            except GeneratorExit:  # never asked: another branch of the search came to an end
                self.queries -= len(affordable)
                self._ledger.refund(new)
                raise
            if isinstance(answers, np.ndarray):
                answers = softmax(answers, self.temperature)
            results = [self._judge(c, a) for c, a in zip(affordable, answers, strict=True)]
        if not probing:
            for scored, queries in zip(results, spent, strict=True):
                self.offer(scored)
                if scored.succeeded and self.broken_after is None:
                    self.broken_after = queries
        if len(affordable) < len(candidates) and (
            probing or not any(scored.succeeded for scored in results)
        ):
            raise BudgetSpent
        return results

    def first_order(
        self, options: Mapping[int, Sequence[str]], current: Candidate | None = None
    ) -> Steps[dict[int, list[float]]]:
        """How much each rewrite of a word would do for the goal, by one gradient.

        Args:
            options: by word index what could stand in its place.
            current: the text as it stands; the original where None.

        Returns:
            By word index an estimate a rewrite, in order: how much it would raise the loss of the gold
            label (or lower that of the target), relative to the largest of the text and rounded (float
            noise decides nothing). It is one query of the text, and does instead of `start` where it
            comes first.

        Raises NothingToAttack as `start` does, BudgetSpent as `score` does.
        """
        slopes, sign = yield from self._slopes(options, current or self.original)
        gains = iter(comparable(slopes.gains * sign))
        return {index: [next(gains) for _ in options[index]] for index in options}

    def weights(self, indices: Sequence[int]) -> Steps[dict[int, float]]:
        """How much words of the original weigh by the gradient (`Slopes.weights`), as `first_order`."""
        slopes, _ = yield from self._slopes(dict.fromkeys(indices, ()), self.original)
        return dict(zip(indices, comparable(slopes.weights), strict=True))

    def coordinates(
        self, current: Candidate, most: int, *, ascii_only: bool
    ) -> Steps[TokenChoices]:
        """The tokens that `current` has more than the original, and for each `most` that a gradient
        proposes (see `attacks.questions.Coordinates`). It is one query of the text.

        Raises BudgetSpent as `score` does.
        """
        if not self._affordable([current])[0]:
            raise BudgetSpent
        self.queries += 1
        asked = Coordinates(
            current.strings,
            self.example.reference or "",
            self.original.strings,
            most,
            ascii_only,
        )
        answers: list[TokenChoices] = yield Ask(TOKEN_GRADIENTS, (asked,))
        return answers[0]

    def _slopes(
        self, options: Mapping[int, Sequence[str]], current: Candidate
    ) -> Steps[tuple[Slopes, int]]:
        """What the gradient says, and the sign that a gain has to be taken with."""
        swaps, sign = self.swaps(options, current)
        if not self._affordable([current])[0]:
            raise BudgetSpent
        self.queries += 1
        answers: list[Slopes] = yield Ask(FIRST_ORDER, (swaps,))
        (probabilities,) = softmax(answers[0].logits[np.newaxis], self.temperature)
        self.offer(self._judge(current, probabilities))
        self._opened()
        return answers[0], sign

    def swaps(self, options: Mapping[int, Sequence[str]], current: Candidate) -> tuple[Swaps, int]:
        """The question after a gradient, and the sign that a gain has to be taken with.

        Raises AttackError where the goal has no slope.
        """
        label, sign = self._slope()
        spans = tuple(current.span(index) for index in options)
        replacements = tuple(tuple(options[index]) for index in options)
        return Swaps(current.strings, label, spans, replacements), sign

    def relax(self, how: Relaxation) -> Steps[Relaxed]:
        """Texts drawn from a distribution that gradients have moved towards the goal.

        It costs `how.passes` distinct queries, charged before the first of them is made.

        Raises NothingToAttack as `start` does, BudgetSpent where they do not all fit the query budget.
        """
        yield from self.start()
        label, sign = self._slope()
        fields = self.example.text.fields
        item = Relax(
            strings=self.original.strings,
            label=label,
            rise=sign > 0,
            frozen=tuple(
                n for n, (name, _) in enumerate(fields) if name in self.example.text.frozen_fields
            ),
            seed=int(self.rng.integers(2**63)),
            how=how,
        )
        if not self._ledger.charge(item, self._budget):
            raise BudgetSpent
        self.queries += how.passes
        try:
            answers: list[Relaxed] = yield Ask(RELAXED, (item,))
        except GeneratorExit:  # as in `score`
            self.queries -= how.passes
            self._ledger.refund([item])
            raise
        return answers[0]

    def _slope(self) -> tuple[int, int]:
        goal = self.recipe.goal
        if not isinstance(goal, Sloped):
            raise AttackError(f"The goal {type(goal).__name__} has no gradient to follow.")
        return goal.slope(self.example.label)

    def _opened(self) -> Scored:
        assert self.first is not None  # noqa: S101 - scored by the caller
        goal, example = self.recipe.goal, self.example
        written = self.first.written is not None
        if self.first.succeeded if written else self.first.predicted != example.label:
            raise NothingToAttack
        if isinstance(goal, Selective) and not goal.applies(example.text, example.label):
            raise NothingToAttack
        return self.first

    def _affordable(
        self, candidates: Sequence[Candidate]
    ) -> tuple[list[Candidate], set[Inputs], list[int]]:
        """The candidates that fit the budget, the inputs among them that it was charged for, and what
        had been spent with each candidate.
        """
        kept: list[Candidate] = []
        charged: set[Inputs] = set()
        spent: list[int] = []
        for candidate in candidates:
            known = candidate.strings in self._ledger
            if not self._ledger.charge(candidate.strings, self._budget):
                break
            if not known:
                charged.add(candidate.strings)
            kept.append(candidate)
            spent.append(self._ledger.spent)
        return kept, charged, spent

    def _judge(self, candidate: Candidate, answer: Floats | Written) -> Scored:
        score, succeeded = self.judged(candidate, answer)
        if isinstance(answer, Written):
            return Scored(candidate, score, succeeded, None, None, NO_PROBABILITIES, answer)
        confidence = float(answer[self.example.label])
        return Scored(candidate, score, succeeded, predicted(answer), confidence, answer)

    def _reference(self) -> str | None:
        """What should have been written: what was written first, where nothing else is known."""
        if self.example.reference is not None:
            return self.example.reference
        written = self.first.written if self.first is not None else None
        return written.text if written is not None else None

    def offer(self, scored: Scored) -> None:
        """Let a text be the attempt's first, and its best where it is nearer to the goal than others."""
        if self.first is None:
            self.first = scored
        if self.best is None or scored.rank > self.best.rank:
            self.best = scored


def derive_seed(seed: int, example_id: str, recipe: str) -> int:
    """A 64-bit seed for one example under one recipe; equal inputs give equal seeds everywhere."""
    digest = hashlib.sha256(f"{seed}\x1f{example_id}\x1f{recipe}".encode()).digest()
    return int.from_bytes(digest[:8], "big")
