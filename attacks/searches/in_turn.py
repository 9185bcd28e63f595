"""Several attacks one after the other, each on what the others have left."""

from __future__ import annotations

from dataclasses import dataclass, replace
from operator import attrgetter

from attacks.engine.attempt import Attempt
from attacks.errors import AttackError
from attacks.protocols import AnyGoal, Draft, Scored, Steps
from attacks.recipe import Recipe


@dataclass(frozen=True)
class Stage:
    """An attack, and how many distinct queries it may spend on an example."""

    recipe: Recipe
    queries: int


@dataclass(frozen=True)
class InTurn:
    """The first success of any stage, in their order; the nearest to one where none succeeds.

    A stage whose queries are spent makes room for the next. All of them share what the victim has said,
    so that no input is charged twice.
    """

    stages: tuple[Stage, ...]

    def aimed_at(self, goal: AnyGoal) -> InTurn:
        """See `attacks.protocols.Composed.aimed_at`."""
        return InTurn(tuple(replace(s, recipe=s.recipe.aimed_at(goal)) for s in self.stages))

    def drafted(self, draft: Draft) -> InTurn:
        """See `attacks.protocols.Composed.drafted`."""
        found = [stage.recipe.draftable for stage in self.stages]
        if not any(found):
            raise AttackError(
                "None of the attacks in turn can be drafted. Run them without a draft."
            )
        return InTurn(
            tuple(
                replace(stage, recipe=stage.recipe.drafted(draft)) if can else stage
                for stage, can in zip(self.stages, found, strict=True)
            )
        )

    def run(self, attempt: Attempt) -> Steps[Scored]:
        """See `attacks.protocols.Search.run`."""
        best = yield from attempt.start()
        for stage in self.stages:
            found = yield from attempt.under(stage.recipe, stage.queries)
            best = max(best, found, key=attrgetter("rank"))
            if best.succeeded:
                break
        return best
