"""Behavioural tests of a victim: every distinct text of all tests is asked once."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from attacks.behaviour.tests import BehaviouralTest
from attacks.engine.asking import ask_all
from attacks.engine.cache import Cache
from attacks.engine.scheduler import EngineConfig
from attacks.errors import AttackError
from attacks.models import Victim
from attacks.protocols import VICTIM, Ask
from attacks.questions import Floats, Inputs
from attacks.rounding import softmax


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


def _asked(
    texts: Sequence[Inputs],
    victim: Victim,
    temperature: float,
    config: EngineConfig,
    cache: Cache | None,
) -> tuple[dict[Inputs, Floats], dict[Inputs, str]]:
    """Probabilities of each text that has an answer, and of each other what went wrong."""
    asked = ask_all([Ask(VICTIM, (text,)) for text in texts], {VICTIM: victim}, config, cache)
    answers = {
        texts[place]: softmax(logits, temperature)[0] for place, logits in asked.answers.items()
    }
    return answers, {texts[place]: error for place, error in asked.errors.items()}


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
