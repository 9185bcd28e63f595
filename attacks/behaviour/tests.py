"""The three kinds of behavioural test (Ribeiro et al., ACL 2020, arXiv:2005.04118).

A test holds texts and what is expected of the answers to them; it asks nobody. `judge` takes one row of
class probabilities a text and says which texts failed, and why. A row with NaN is no answer: its case is
errored, unless another of its texts has failed.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from itertools import pairwise
from typing import ClassVar, Literal, Protocol

import numpy as np

from attacks.errors import AttackError
from attacks.questions import Floats, Inputs
from attacks.rounding import DECIMALS, predicted

Case = str | Inputs
"""One text: a string, or the strings of several fields."""


@dataclass(frozen=True, slots=True)
class Failure:
    """A text that was answered otherwise than expected.

    Attributes:
        case: number of its case.
        original, text: numbers, in `texts`, of the case's first text and of this one.
        reason: in words.
    """

    case: int
    original: int
    text: int
    reason: str


@dataclass(frozen=True, slots=True)
class Findings:
    """What became of a test.

    Attributes:
        cases: how many it has.
        failures: every text that failed, in order; a case with any has failed.
        errored: numbers of the cases that cannot be judged, for want of an answer.
    """

    cases: int
    failures: tuple[Failure, ...]
    errored: tuple[int, ...]

    @property
    def failed(self) -> int:
        """Cases that failed."""
        return len({failure.case for failure in self.failures})

    @property
    def rate(self) -> float | None:
        """Share of the judged cases that failed; None where no case could be judged."""
        judged = self.cases - len(self.errored)
        return self.failed / judged if judged else None


class BehaviouralTest(Protocol):
    """What `attacks.behaviour.run` runs; also anybody's own."""

    kind: ClassVar[str]

    @property
    def name(self) -> str:
        """What reports call it."""

    @property
    def texts(self) -> tuple[Inputs, ...]:
        """Every text of every case, in order."""

    def judge(self, probabilities: Floats, labels: Sequence[str] = ()) -> Findings:
        """Compare answers with what is expected.

        Args:
            probabilities: one row of class probabilities a text, shape (len(texts), labels).
            labels: their names, for the reasons; without them labels are numbers.

        Raises AttackError where there are not as many rows, or a label has no column.
        """


@dataclass(frozen=True)
class MinimumFunctionality:
    """Each text has one right label. A case is a text with the number of that label."""

    kind: ClassVar[str] = "minimum functionality"
    name: str
    cases: tuple[tuple[Case, int], ...] = field(repr=False)

    def __post_init__(self) -> None:
        _some(self.name, self.cases)

    @property
    def texts(self) -> tuple[Inputs, ...]:
        """See `BehaviouralTest.texts`."""
        return tuple(inputs(text) for text, _ in self.cases)

    def judge(self, probabilities: Floats, labels: Sequence[str] = ()) -> Findings:
        """See `BehaviouralTest.judge`."""
        _check(self.name, probabilities, len(self.cases), [gold for _, gold in self.cases])
        failures: list[Failure] = []
        errored: list[int] = []
        for number, ((_, gold), row) in enumerate(zip(self.cases, probabilities, strict=True)):
            if _unknown(row):
                errored.append(number)
            elif (found := predicted(row)) != gold:
                reason = f"{_named(found, labels)} instead of {_named(gold, labels)}"
                failures.append(Failure(number, number, number, reason))
        return Findings(len(self.cases), tuple(failures), tuple(errored))


@dataclass(frozen=True)
class Invariance:
    """All texts of a group have the label of its first, whatever that is. A case is a group.

    Attributes:
        tolerance: how far, at the most, the probability of that label may move either way (None: as far
            as the label allows).
    """

    kind: ClassVar[str] = "invariance"
    name: str
    groups: tuple[tuple[Case, ...], ...] = field(repr=False)
    tolerance: float | None = None

    def __post_init__(self) -> None:
        _grouped(self.name, self.groups)
        if self.tolerance is not None:
            _tolerable(self.name, self.tolerance)

    @property
    def texts(self) -> tuple[Inputs, ...]:
        """See `BehaviouralTest.texts`."""
        return tuple(inputs(text) for group in self.groups for text in group)

    def judge(self, probabilities: Floats, labels: Sequence[str] = ()) -> Findings:
        """See `BehaviouralTest.judge`."""
        _check(self.name, probabilities, sum(map(len, self.groups)), ())

        def reason(first: Floats, other: Floats) -> str | None:
            label, now = predicted(first), predicted(other)
            if now != label:
                return f"{_named(now, labels)} instead of {_named(label, labels)} as before"
            change = _change(first, other, label)
            if self.tolerance is not None and abs(change) > self.tolerance:
                return _moved(label, labels, first, other)
            return None

        return _findings(self.groups, probabilities, reason)


@dataclass(frozen=True)
class Directional:
    """What is done to the first text of a group moves the probability of a label one way at the most.

    A case is a group.

    Attributes:
        label: number of the label.
        must_not: which way its probability must not go, from the first text to each of the others.
        tolerance: how far it may go there all the same.
    """

    kind: ClassVar[str] = "directional"
    name: str
    groups: tuple[tuple[Case, ...], ...] = field(repr=False)
    label: int
    must_not: Literal["fall", "rise"]
    tolerance: float = 0.1

    def __post_init__(self) -> None:
        _grouped(self.name, self.groups)
        _tolerable(self.name, self.tolerance)
        if self.must_not not in ("fall", "rise"):
            raise AttackError(
                f"The test '{self.name}' says what must not happen by 'fall' or 'rise', not "
                f"{self.must_not!r}."
            )

    @property
    def texts(self) -> tuple[Inputs, ...]:
        """See `BehaviouralTest.texts`."""
        return tuple(inputs(text) for group in self.groups for text in group)

    def judge(self, probabilities: Floats, labels: Sequence[str] = ()) -> Findings:
        """See `BehaviouralTest.judge`."""
        _check(self.name, probabilities, sum(map(len, self.groups)), [self.label])
        sign = -1 if self.must_not == "fall" else 1

        def reason(first: Floats, other: Floats) -> str | None:
            if sign * _change(first, other, self.label) > self.tolerance:
                return _moved(self.label, labels, first, other)
            return None

        return _findings(self.groups, probabilities, reason)


class _Reason(Protocol):
    def __call__(self, first: Floats, other: Floats, /) -> str | None: ...


def inputs(text: Case) -> Inputs:
    """A text as a victim is asked it."""
    return (text,) if isinstance(text, str) else tuple(text)


def _findings(groups: Sequence[Sequence[Case]], probabilities: Floats, reason: _Reason) -> Findings:
    """Compare every text of a group with its first."""
    failures: list[Failure] = []
    errored: list[int] = []
    for number, (start, end) in enumerate(_ranges(groups)):
        known = [at for at in range(start + 1, end) if not _unknown(probabilities[at])]
        first = probabilities[start]
        if _unknown(first):
            errored.append(number)
            continue
        told = [(at, reason(first, probabilities[at])) for at in known]
        found = [Failure(number, start, at, why) for at, why in told if why is not None]
        failures += found
        if not found and len(known) < end - start - 1:
            errored.append(number)
    return Findings(len(groups), tuple(failures), tuple(errored))


def _ranges(groups: Sequence[Sequence[Case]]) -> Iterator[tuple[int, int]]:
    edges = np.cumsum([0, *map(len, groups)]).tolist()
    return pairwise(edges)


def _unknown(row: Floats) -> bool:
    return not bool(np.isfinite(row).all())


def _change(first: Floats, other: Floats, label: int) -> float:
    """How far the probability of a label moved, rounded, so that float noise decides nothing."""
    return round(float(other[label]) - float(first[label]), DECIMALS)


def _moved(label: int, labels: Sequence[str], first: Floats, other: Floats) -> str:
    before, after = float(first[label]), float(other[label])
    verb = "fell" if after < before else "rose"
    return f"the probability of {_named(label, labels)} {verb} from {before:.2f} to {after:.2f}"


def _named(label: int, labels: Sequence[str]) -> str:
    return f"'{labels[label]}'" if labels else f"label {label}"


def _some(name: str, cases: Sequence[object]) -> None:
    if not cases:
        raise AttackError(f"The test '{name}' has no cases.")


def _grouped(name: str, groups: Sequence[Sequence[Case]]) -> None:
    _some(name, groups)
    for number, group in enumerate(groups):
        if isinstance(group, str) or len(group) < 2:
            raise AttackError(
                f"Group {number} of the test '{name}' needs an original and at least one text to "
                f"compare with it: {group!r}."
            )


def _tolerable(name: str, tolerance: float) -> None:
    if not 0 <= tolerance <= 1:  # NaN fails too
        raise AttackError(f"The tolerance of the test '{name}' is in 0 to 1, not {tolerance}.")


def _check(name: str, probabilities: Floats, texts: int, labels: Sequence[int]) -> None:
    if probabilities.ndim != 2 or len(probabilities) != texts:
        raise AttackError(
            f"The test '{name}' has {texts} texts and got probabilities of shape "
            f"{probabilities.shape}; it needs one row a text."
        )
    wrong = [label for label in labels if not 0 <= label < probabilities.shape[1]]
    if wrong:
        raise AttackError(
            f"The test '{name}' speaks of label {wrong[0]}; there are {probabilities.shape[1]} labels, "
            "counted from 0."
        )
