"""Does the answer hang on capitals?"""

from __future__ import annotations

from collections.abc import Callable

from attacks.outcomes import Example
from attacks.questions import Inputs
from suites.validity.check import Asked, Counted, ModelCheck

MOST = 64
WAYS: tuple[Callable[[str], str], ...] = (str.lower, str.upper)


def measure(asked: Asked) -> Counted:
    """Write all in small letters, and in capitals; count the right answers that do not stay right."""
    examples = asked.right(MOST)
    if not examples:
        return Counted(0, 0, reason="the victim has none of the attacked examples right")
    tried = [(example, _written(example, way)) for example in examples for way in WAYS]
    found = asked.answers([text for _, text in tried])
    lost = [e.id for (e, _), label in zip(tried, found, strict=True) if label != e.label]
    names = tuple(dict.fromkeys(lost))
    return Counted(len(examples), len(names), {}, names)


def _written(example: Example, way: Callable[[str], str]) -> Inputs:
    frozen = example.text.frozen_fields
    return tuple(value if name in frozen else way(value) for name, value in example.text.fields)


RECASED = ModelCheck(
    "recased",
    "weakness",
    "Right answers lost in all small letters or all capitals",
    "the answer hangs on capitals, which readers hardly see",
    "CheckList, Ribeiro et al., ACL 2020 (an invariance test); a quarter is ours",
    at_most=0.25,
    measure=measure,
)
