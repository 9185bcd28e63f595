"""Models trained anew on random halves of the texts, for membership inference (`reports.membership`)."""

from __future__ import annotations

import hashlib
import shutil
from collections.abc import Sequence

from attacks.outcomes import Example
from harness.models import load_classifier
from harness.plan import Plan
from harness.randomness import derived
from harness.session import WORK, Stage, constraint_models, section_of, start_of, teacher_of
from harness.splits import Prepared
from harness.training import train
from harness.training_plan import Train
from suites.evidence import Collector
from suites.subject import victim_of


def has_shadows(plan: Plan, section: Train) -> bool:
    """Whether a stage's model can have any: not where it learns from one that has seen all the texts."""
    return plan.audit.shadows > 0 and section.start == "base" and section.teacher != "plain"


def train_shadows(plan: Plan, stage: Stage, prepared: Prepared, collector: Collector) -> None:
    """Train the shadows that are not on record yet, and record how sure each is of measured texts."""
    section = section_of(plan, stage)
    if not has_shadows(plan, section):
        collector.progress.say(
            f"  No shadow models of [{stage}]: it learns from the plain model, which has seen all texts."
        )
        return
    pool = [*prepared.train.rows, *prepared.test.rows]
    measured = {e.id for e in (*collector.target.train, *collector.target.test)}
    for number in range(plan.audit.shadows):
        if collector.has_shadow(number):
            continue
        half = drawn(pool, plan.seed, number)
        seed = derived(plan.seed, "shadow", number) % 2**32
        loaded = load_classifier(start_of(plan, section), labels=prepared.labels, seed=seed)
        teacher = teacher_of(plan, section)
        work = collector.folder.path / WORK / f"shadow-{number}"
        shutil.rmtree(work, ignore_errors=True)
        with collector.stage(f"shadow:{number}"):
            train(
                section,
                loaded,
                half,
                prepared.validation.rows,
                seed=seed,
                max_length=plan.model.max_length,
                work=work,
                record=lambda _: None,
                progress=collector.progress,
                models_for_attacks=constraint_models(plan, section),
                own=plan.resources.resolve(),
                teacher=load_classifier(teacher, labels=prepared.labels) if teacher else None,
            )
            victim = victim_of(loaded, plan.model.max_length)
            collector.shadow(number, [e.id for e in half if e.id in measured], victim)
        shutil.rmtree(work, ignore_errors=True)
    shutil.rmtree(collector.folder.path / WORK, ignore_errors=True)


def drawn(pool: Sequence[Example], seed: int, number: int) -> list[Example]:
    """A random half of the texts, another for each shadow; each text has its own coin."""

    def heads(example: Example) -> bool:
        text = f"{seed}\x1fshadow\x1f{number}\x1f{example.id}"
        return hashlib.sha256(text.encode()).digest()[0] % 2 == 0

    return [example for example in pool if heads(example)]
