"""What counts as success against a victim that writes.

A goal judges what was written beside what should have been (`attacks.protocols.WrittenGoal`). Where an
example brings no reference, the engine takes what the victim wrote for the original in its place.
"""

from __future__ import annotations

import math
import re
import sys
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Any

from attacks.errors import AttackError
from attacks.questions import Continuation, Inputs, Written
from attacks.rounding import DECIMALS, MARGIN_DECIMALS, SMALLEST

ORDER = 4
"""Longest n-grams of BLEU (Papineni et al., ACL 2002, section 2.3)."""

# Scripts that put no space between words: every character is a word, as in sacreBLEU's "zh" and "char".
_UNSPACED = (
    "\u0e00-\u0eff\u1000-\u109f\u1780-\u17ff\u3040-\u30ff\u3400-\u4dbf\u4e00-\u9fff\uf900-\ufaff"
)
_WORD = re.compile(rf"[{_UNSPACED}]|[^\W{_UNSPACED}]+(?:['’\-][^\W{_UNSPACED}]+)*")


@dataclass(frozen=True)
class MinimumBleu:
    """As few n-grams of the reference as possible: the score is 1 - BLEU, success is a low BLEU.

    Attributes:
        target: BLEU (0 to 1) at or below which it is a success; `target_bleu=0.0` in TextAttack 0.3.11.
        smoothed: see `bleu`. Without it BLEU is 0 as soon as no four words in a row are the reference's.
    """

    target: float = 0.0
    smoothed: bool = False

    def __post_init__(self) -> None:
        if not 0 <= self.target < 1:
            raise AttackError(
                f"The BLEU to get below lies between 0 and 1 (1 left out), and {self.target} does not."
            )

    def judge_written(self, written: Written, reference: str | None) -> tuple[float, bool]:
        """See `attacks.protocols.WrittenGoal.judge_written`."""
        if reference is None:
            return 0.0, False
        found = round(bleu(written.text, reference, smoothed=self.smoothed), DECIMALS)
        return round(1 - found, DECIMALS), found <= self.target


@dataclass(frozen=True)
class NonOverlapping:
    """No word of the reference stands where it stood in it (Cheng et al., AAAI 2020, equation 3).

    The score is the share of the reference's words in whose place another one stands; success is all of
    them, so that a text which ends before the reference does is none (as in TextAttack 0.3.11).
    """

    def judge_written(self, written: Written, reference: str | None) -> tuple[float, bool]:
        """See `attacks.protocols.WrittenGoal.judge_written`."""
        wanted = words(reference or "")
        if not wanted:
            return 0.0, False
        # The shorter of the two ends the comparison.
        differing = sum(a != b for a, b in zip(words(written.text), wanted, strict=False))
        return round(differing / len(wanted), DECIMALS), differing == len(wanted)


@dataclass(frozen=True)
class Elicits:
    """A language model begins its answer with the reference: the score is the mean log-probability of
    the reference's tokens (minus the loss of Zou et al., arXiv:2307.15043, section 2.1, by token).

    Success is what greedy decoding writes. Where it gets there by other tokens than those that the
    tokenizer makes of the reference, the text is known up to the first that differs, so that such a
    success may be missed; none is claimed wrongly.
    """

    def judge_written(self, written: Written, reference: str | None) -> tuple[float, bool]:
        """See `attacks.protocols.WrittenGoal.judge_written`.

        Raises ValueError where the victim does not say how likely the reference is.
        """
        if written.likelihood is None or not reference:
            raise ValueError("The victim did not say how likely the reference is.")
        return round(written.likelihood, MARGIN_DECIMALS), written.text.startswith(reference)

    def question(self, strings: Inputs, stem: Inputs, reference: str | None) -> Continuation:
        """See `attacks.protocols.ContinuationGoal.question`."""
        if not reference:
            raise ValueError(
                "The example has no reference: there is nothing that the model is to write."
            )
        return Continuation(strings, reference, stem)


@dataclass(frozen=True)
class JudgedWritten:
    """What a function of one's own says of a text.

    Attributes:
        function: takes what was written and the reference (where the example brings none: what was
            written for the original, and None of that itself); returns the score (higher is nearer) and
            whether that is a success. It must depend on nothing else.
        name: what records call the goal.
    """

    function: Callable[[str, str | None], tuple[float, bool]] = field(repr=False)
    name: str

    def judge_written(self, written: Written, reference: str | None) -> tuple[float, bool]:
        """See `attacks.protocols.WrittenGoal.judge_written`.

        Raises ValueError where the score is no finite number.
        """
        score, succeeded = self.function(written.text, reference)
        if not math.isfinite(score):
            raise ValueError(f"The goal '{self.name}' gave the score {score}.")
        return round(float(score), DECIMALS), bool(succeeded)


NAMED = ("minimize-bleu[:TARGET] with a BLEU from 0 to 1", "non-overlapping")
"""What the command line calls them, with what may follow."""


def parsed(spec: str) -> MinimumBleu | NonOverlapping | None:
    """The goal that the command line names, None for any other name.

    Raises AttackError where its target is no BLEU.
    """
    kind, colon, target = spec.partition(":")
    if spec == "non-overlapping":
        return NonOverlapping()
    if kind != "minimize-bleu":
        return None
    try:
        return MinimumBleu(float(target)) if colon else MinimumBleu()
    except ValueError:
        raise AttackError(f"'{target}' is no BLEU: give a number from 0 to 1.") from None


def bleu(written: str, reference: str, *, smoothed: bool = True) -> float:
    """Sentence BLEU of a text against one reference, from 0 to 1, by `nltk.translate`.

    N-grams have up to `ORDER` words, and no more than the reference: of a perfect translation of three
    words it is 1. Capitals count, punctuation does not.

    Args:
        smoothed: precisions of 0 become 1/2, 1/4, ... of a single match, as in mteval-v13a and (by
            default) in sacreBLEU; without it one such precision makes the whole 0.
    """
    # Imported here: it takes half a second, and few campaigns need it.
    from nltk.translate.bleu_score import SmoothingFunction, sentence_bleu

    found, wanted = words(written), words(reference)
    if not found or not wanted:
        return float(found == wanted)
    order = min(ORDER, len(wanted))
    smoothing = SmoothingFunction().method3 if smoothed else _as_they_are
    weights = (1 / order,) * order
    value = float(sentence_bleu([wanted], found, weights, smoothing))
    return value if value > SMALLEST else 0.0


def _as_they_are(precisions: Sequence[Any], **_: Any) -> list[float]:
    """NLTK's own choice without smoothing, less its warning for every 0 (which it would leave out)."""
    return [float(precision) or sys.float_info.min for precision in precisions]


def words(text: str) -> list[str]:
    """The words that goals count, as in `attacks.text`; one a character where words have no spaces."""
    return _WORD.findall(text)
