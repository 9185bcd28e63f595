"""The checks of a test session: made once a victim and once an attack, and known to later sessions."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from functools import partial
from importlib.metadata import version
from typing import Any

from attacks.models import Model, Victim
from attacks.outcomes import Example
from attacks.recipe import Recipe
from attacks.victims.averaged import Averaged
from reports.records import OutcomeRecord
from suites import validity
from suites.outcome_store import OutcomeStore, digest
from suites.validity import judging
from suites.validity.check import Asked, AttackCheck, Check, Counted, ModelCheck

CHECKS = tuple(name for name, check in validity.BUILTIN.items() if check.kind == "doubt")
"""Those that are made where a session names none: what is about the model and not about the evidence is
for an audit to show.
"""


@dataclass
class Doubts:
    """What stands in the way of believing an attack that failed.

    Attributes:
        names: of the checks that are made.
        store: what earlier sessions counted.
    """

    victim: Victim
    names: Sequence[str] = CHECKS
    store: OutcomeStore | None = None
    seed: int = 0
    known: dict[str, Mapping[str, Any]] = field(default_factory=dict)

    def about(
        self,
        recipe: Recipe,
        campaign: str,
        examples: Sequence[Example],
        outcomes: Sequence[OutcomeRecord],
        models: Mapping[str, Model],
    ) -> tuple[str, ...]:
        """The doubts about an attack on these examples, in words.

        Args:
            campaign: digest of everything that decides an outcome, the victim left out.
        """
        predicted = {o.example_id: o.predicted_before for o in outcomes}
        asked = Asked(self.victim, examples, examples, (), predicted, self.seed, models)
        return tuple(self._said(asked, recipe, campaign, outcomes))

    def _said(
        self, asked: Asked, recipe: Recipe, campaign: str, outcomes: Sequence[OutcomeRecord]
    ) -> Iterator[str]:
        for name in self.names:
            repeats = self.victim.repeats if isinstance(self.victim, Averaged) else 1
            check = validity.load(name, repeats)
            if isinstance(check, ModelCheck):
                measure = partial(check.measure, asked)
                entry = self._entry(check, None, "", asked.attacked, measure)
            else:
                measure = partial(check.measure, asked, recipe, outcomes)
                entry = self._entry(check, recipe.name, campaign, asked.attacked, measure)
            if entry["errored"] or (entry["kind"] == "doubt" and entry["alarm"]):
                yield judging.sentence(entry)

    def _entry(
        self,
        check: ModelCheck | AttackCheck,
        attack: str | None,
        campaign: str,
        examples: Iterable[Example],
        measure: Callable[[], Counted],
    ) -> dict[str, Any]:
        """Count, unless it was counted: in this session or, of the same victim, in one before it."""
        decisive = [_identity(check), campaign, self.seed, version("withstand")]
        key = hashlib.sha256(json.dumps([*decisive, *map(digest, examples)]).encode()).hexdigest()
        counted = self.known.get(key)
        if counted is None and self.store is not None:
            counted = self.store.counted(key, self.victim.fingerprint)
        if counted is None:
            counted = judging.counted(measure)
            if self.store is not None and not counted.get("error"):
                self.store.keep(key, self.victim.fingerprint, counted)
        self.known[key] = counted
        return judging.entry(check, attack, counted)


def _identity(check: Check) -> list[str]:
    return [check.name, check.source]
