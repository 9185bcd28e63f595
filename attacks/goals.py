"""What counts as success.

A goal judges one row of class probabilities (`attacks.protocols.Goal`), looks at the text as well
(`TextGoal`), or judges what a victim writes (`WrittenGoal`). It may say more: by which loss a gradient
leads to it (`Sloped`), and which examples have nothing for it to attack (`Selective`).
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field

from attacks.errors import AttackError
from attacks.protocols import AnyGoal
from attacks.questions import Floats
from attacks.rounding import DECIMALS, MARGIN_DECIMALS, SMALLEST, predicted
from attacks.text import Candidate, Text, words_left


@dataclass(frozen=True)
class Untargeted:
    """Any wrong label: the score is 1 - p(gold label), success is a prediction that is not gold.

    Attributes:
        confidence: least probability that the wrong label must reach.
    """

    confidence: float = 0.0

    def judge(self, probabilities: Floats, label: int) -> tuple[float, bool]:
        """See `attacks.protocols.Goal.judge`."""
        score = round(1.0 - float(probabilities[label]), DECIMALS)
        found = predicted(probabilities)
        sure = round(float(probabilities[found]), DECIMALS) >= self.confidence
        return score, found != label and sure

    def slope(self, label: int) -> tuple[int, int]:
        """See `attacks.protocols.Sloped.slope`: the loss of the gold label is to rise."""
        return label, 1


@dataclass(frozen=True)
class Margin:
    """Any wrong label: the score is log(largest other probability / p(gold label)).

    It is the margin loss of Carlini and Wagner (IEEE S&P 2017, f_6) without its bound: the difference of
    two logits. Unlike 1 - p(gold label) it does not saturate where the victim is sure.
    """

    def judge(self, probabilities: Floats, label: int) -> tuple[float, bool]:
        """See `attacks.protocols.Goal.judge`."""
        others = [float(p) for n, p in enumerate(probabilities) if n != label]
        other, gold = max(max(others), SMALLEST), max(float(probabilities[label]), SMALLEST)
        return round(math.log(other / gold), MARGIN_DECIMALS), predicted(probabilities) != label


@dataclass(frozen=True)
class Targeted:
    """One wrong label: the score is p(target), success is a prediction of the target.

    Examples whose gold label is the target are left alone: there is nothing to attack.

    Attributes:
        target: number of the label that the attack is after.
    """

    target: int

    def __post_init__(self) -> None:
        if self.target < 0:
            raise AttackError(f"The number of a label is 0 or more, and {self.target} is less.")

    def judge(self, probabilities: Floats, label: int) -> tuple[float, bool]:
        """See `attacks.protocols.Goal.judge`.

        Raises AttackError where the victim has no label of that number.
        """
        if self.target >= len(probabilities):
            raise AttackError(
                f"The goal is label number {self.target}, and the victim has {len(probabilities)} "
                "labels, numbered from 0."
            )
        score = round(float(probabilities[self.target]), DECIMALS)
        return score, predicted(probabilities) == self.target

    def slope(self, label: int) -> tuple[int, int]:
        """See `attacks.protocols.Sloped.slope`: the loss of the target is to fall."""
        return self.target, -1

    def applies(self, text: Text, label: int) -> bool:
        """See `attacks.protocols.Selective.applies`."""
        return label != self.target


@dataclass(frozen=True)
class HardLabel:
    """Any wrong label, seen by the predicted label alone: the score is 1 for a wrong one, else 0.

    It is for victims that answer with a label, and shows what an attack loses where probabilities are
    hidden. As long as nothing succeeds all scores are equal. A search that keeps only what helps then
    tries every word by itself and no two together; words are visited from left to right.
    """

    def judge(self, probabilities: Floats, label: int) -> tuple[float, bool]:
        """See `attacks.protocols.Goal.judge`."""
        wrong = predicted(probabilities) != label
        return float(wrong), wrong


@dataclass(frozen=True)
class Reduced:
    """The same label from fewer words: no more than `words` are left, and the gold label is predicted.

    The score is the number of words left out plus p(gold label); a text with another prediction scores
    p(gold label) - 1, less than the original. Examples that have no more words as they stand are left
    alone. Words in frozen fields do not count.

    Attributes:
        words: as few are to be left.
    """

    words: int = 1

    def __post_init__(self) -> None:
        if self.words < 1:
            raise AttackError(f"A text is reduced to at least 1 word, and {self.words} is less.")

    def judge_text(
        self, candidate: Candidate, probabilities: Floats, label: int
    ) -> tuple[float, bool]:
        """See `attacks.protocols.TextGoal.judge_text`."""
        confidence, left = float(probabilities[label]), words_left(candidate)
        if predicted(probabilities) != label:
            return round(confidence - 1, DECIMALS), False
        out = len(candidate.origin.editable) - left
        return round(out + confidence, DECIMALS), left <= self.words

    def slope(self, label: int) -> tuple[int, int]:
        """See `attacks.protocols.Sloped.slope`: the loss of the gold label is to fall."""
        return label, -1

    def applies(self, text: Text, label: int) -> bool:
        """See `attacks.protocols.Selective.applies`."""
        return len(text.editable) > self.words


@dataclass(frozen=True)
class Judged:
    """What a function of one's own says.

    Attributes:
        function: takes class probabilities, shape (labels,), rounded so that float noise decides
            nothing, and the number of the gold label; returns the score (higher is nearer) and whether
            that is a success. It must depend on nothing else.
        name: what records call the goal.
    """

    function: Callable[[Floats, int], tuple[float, bool]] = field(repr=False)
    name: str

    def judge(self, probabilities: Floats, label: int) -> tuple[float, bool]:
        """See `attacks.protocols.Goal.judge`.

        Raises ValueError where the score is no finite number.
        """
        score, succeeded = self.function(probabilities.round(DECIMALS), label)
        if not math.isfinite(score):
            raise ValueError(f"The goal '{self.name}' gave the score {score}.")
        return round(float(score), DECIMALS), bool(succeeded)


def parsed(spec: str, labels: Sequence[str]) -> AnyGoal:
    """The goal that the command line names: "untargeted", "hard-label" or "targeted:LABEL".

    LABEL is one of `labels`, or its number, from 0. A name comes first where labels are called by
    numbers. Goals for models that write have names in `attacks.goals_written`.

    Raises AttackError, which says what is allowed, for anything else.
    """
    from attacks import goals_written  # it imports this module

    kind, colon, wanted = spec.partition(":")
    if spec == "untargeted":
        return Untargeted()
    if spec == "hard-label":
        return HardLabel()
    if kind == "targeted" and colon:
        if wanted in labels:
            return Targeted(labels.index(wanted))
        if wanted.isascii() and wanted.isdigit() and int(wanted) < len(labels):
            return Targeted(int(wanted))
    written = goals_written.parsed(spec)
    if written is not None:
        return written
    allowed = f"for models that write: {' and '.join(goals_written.NAMED)}"
    if labels:
        allowed = (
            f"untargeted, hard-label, and targeted:LABEL with one of the labels {', '.join(labels)} or "
            f"its number, 0 to {len(labels) - 1}; {allowed}"
        )
    raise AttackError(f"There is no goal '{spec}'. Allowed: {allowed}.")
