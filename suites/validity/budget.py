"""Did texts withstand an attack, or did its queries end?"""

from __future__ import annotations

from collections.abc import Sequence

from attacks.engine.scheduler import Job, run
from attacks.recipe import Recipe
from attacks.victims import equipped
from reports.records import OutcomeRecord
from reports.summaries import ATTACKABLE
from suites.validity.check import Asked, AttackCheck, CheckError, Counted, succeeded

MOST = 48
AGAIN = 8
"""Broken texts that are attacked once more: with twice the queries each must be broken again."""


def measure(asked: Asked, recipe: Recipe, outcomes: Sequence[OutcomeRecord]) -> Counted:
    """Attack again, with twice the queries, what withstood because its budget ended.

    Counted are, of all attackable examples, those that fall then.

    Raises CheckError where a text that was broken is not with more queries: no search may get worse.
    """
    by_id = {example.id: example for example in asked.attacked}
    attackable = [o for o in outcomes if o.status in ATTACKABLE and o.example_id in by_id][:MOST]
    ended = [o for o in attackable if o.status == "out_of_budget"]
    if not attackable:
        return Counted(0, 0, reason="no example could be attacked")
    if not ended:
        return Counted(0, 0, reason="no search ended by its budget")
    broken = [o for o in attackable if o.status == "succeeded"][:AGAIN]
    limit = max(o.unique_queries for o in ended)
    models = equipped(asked.victim, asked.models, [recipe])
    jobs = [
        Job(by_id[o.example_id], recipe, asked.seed, query_budget=2 * limit)
        for o in (*ended, *broken)
    ]
    fell = succeeded(run(jobs, models, asked.config, asked.cache))
    lost = [o.example_id for o in broken if o.example_id not in fell]
    if lost:
        raise CheckError(f"with twice the queries {lost[0]} is broken no more")
    more = tuple(o.example_id for o in ended if o.example_id in fell)
    return Counted(len(attackable), len(more), {"queries": limit}, more)


BUDGET = AttackCheck(
    "budget",
    "weakness",
    "Texts that fall to twice the queries",
    "robust accuracy is that of {queries} queries an example, and not of the attack: with twice as "
    "many more texts are broken",
    "Carlini et al., On Evaluating Adversarial Robustness, 2019, section 4.3 (more steps must not "
    "help); a twentieth is ours",
    at_most=0.05,
    measure=measure,
)
