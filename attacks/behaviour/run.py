"""Behavioural tests of a victim: every distinct text of all tests is asked once."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

import numpy as np

from attacks.behaviour.tests import BehaviouralTest
from attacks.engine import scheduler
from attacks.engine.attempt import Attempt
from attacks.engine.cache import Cache
from attacks.engine.scheduler import EngineConfig, Job
from attacks.errors import AttackError
from attacks.goals import Untargeted
from attacks.models import Floats, Inputs, Victim
from attacks.outcomes import Example, Finished
from attacks.protocols import VICTIM, Scored, Steps
from attacks.recipe import Recipe
from attacks.text import Text
from attacks.transformations import Composite

WAITING = 16
"""Full batches of texts that wait at once, so that those of one length fill a batch."""


@dataclass(frozen=True, slots=True)
class FailingExample:
    """A text that was answered otherwise than expected.

    Attributes:
        original: what it was made from (itself, in tests of minimum functionality).
        text: as it was asked.
        reason: in words.
    """

    original: Inputs
    text: Inputs
    reason: str


@dataclass(frozen=True)
class Result:
    """What became of one test.

    Attributes:
        name, kind: of the test.
        cases, failed, errored: how many; the rest has passed. A case is errored where an answer is
            missing that it rests on.
        rate: share of the judged cases that failed; None where none could be judged.
        failures: every text that failed, in the order of the test.
        errors: by text without an answer, what went wrong.
    """

    name: str
    kind: str
    cases: int
    failed: int
    errored: int
    rate: float | None
    failures: tuple[FailingExample, ...]
    errors: Mapping[Inputs, str]

    @property
    def passed(self) -> int:
        """Cases that were judged and did not fail."""
        return self.cases - self.failed - self.errored


def run(
    tests: Sequence[BehaviouralTest],
    victim: Victim,
    *,
    temperature: float = 1.0,
    config: EngineConfig = EngineConfig(),
    cache: Cache | None = None,
) -> tuple[Result, ...]:
    """Ask the victim every distinct text once and judge the answers; one result a test, in order.

    The scheduler of attacks does the asking: texts are batched by length, batches are halved when
    memory ends, and a text that the victim cannot answer costs no other its answer.

    Args:
        temperature: the victim's logits are divided by it before they become probabilities.
        cache: shared with attacks on the same victim where given.

    Raises AttackError where two tests have one name, texts differ in their number of fields, or a test
    speaks of a label that the victim does not have.
    """
    names = [test.name for test in tests]
    twice = [name for name in names if names.count(name) > 1]
    if twice:
        raise AttackError(f"Two tests are called '{twice[0]}'.")
    texts = [test.texts for test in tests]
    distinct = list(dict.fromkeys(text for group in texts for text in group))
    if len({len(text) for text in distinct}) > 1:
        raise AttackError(
            "Some texts have more fields than others. Run tests of pairs by themselves."
        )
    answers, errors = _asked(distinct, victim, temperature, config, cache)
    nobody = np.full(len(victim.labels), np.nan, dtype=np.float32)
    return tuple(
        _result(test, np.stack([answers.get(text, nobody) for text in its]), victim.labels, errors)
        for test, its in zip(tests, texts, strict=True)
    )


@dataclass(frozen=True)
class _Look:
    """A search that scores the text as it stands, and notes the answer."""

    answers: dict[Inputs, Floats]

    def run(self, attempt: Attempt) -> Steps[Scored]:
        (scored,) = yield from attempt.score([attempt.original])
        self.answers[attempt.original.strings] = scored.probabilities
        return scored


def _asked(
    texts: Sequence[Inputs],
    victim: Victim,
    temperature: float,
    config: EngineConfig,
    cache: Cache | None,
) -> tuple[dict[Inputs, Floats], dict[Inputs, str]]:
    """Probabilities of each text that has an answer, and of each other what went wrong."""
    answers: dict[Inputs, Floats] = {}
    recipe = Recipe(
        name="behaviour",
        family="sentence",
        source="none: nothing is attacked",
        goal=Untargeted(),
        transformation=Composite(()),
        search=_Look(answers),
    )
    jobs = (
        Job(
            Example(str(number), Text(tuple((str(n), value) for n, value in enumerate(text))), 0),
            recipe,
            temperature=temperature,
        )
        for number, text in enumerate(texts)
    )
    config = replace(config, window=max(config.window, WAITING * config.batch_size))
    errors = {
        event.outcome.original: event.outcome.error
        for event in scheduler.run(jobs, {VICTIM: victim}, config, cache)
        if isinstance(event, Finished) and event.outcome.error is not None
    }
    return answers, errors


def _result(
    test: BehaviouralTest,
    probabilities: Floats,
    labels: Sequence[str],
    errors: Mapping[Inputs, str],
) -> Result:
    findings, texts = test.judge(probabilities, labels), test.texts
    return Result(
        name=test.name,
        kind=test.kind,
        cases=findings.cases,
        failed=findings.failed,
        errored=len(findings.errored),
        rate=findings.rate,
        failures=tuple(
            FailingExample(texts[failure.original], texts[failure.text], failure.reason)
            for failure in findings.failures
        ),
        errors={text: errors[text] for text in texts if text in errors},
    )
