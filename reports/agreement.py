"""How far annotators agree, beyond what chance would have them agree: Cohen's and Fleiss' kappa.

Cohen, "A coefficient of agreement for nominal scales", Educational and Psychological Measurement 20
(1960); Fleiss, "Measuring nominal scale agreement among many raters", Psychological Bulletin 76 (1971).
"""

from __future__ import annotations

from collections.abc import Hashable, Sequence
from typing import Any

from reports.statistics import LEVEL, RESAMPLES, Estimate, rate

ONE_ANSWER = "every text was given the same answer, so chance alone would agree as well"


def kappa(
    answers: Sequence[Sequence[Hashable]],
    *,
    level: float = LEVEL,
    seed: int = 0,
    resamples: int = RESAMPLES,
) -> Estimate:
    """Cohen's kappa of two annotators, Fleiss' of more; an answer is any value, "cannot tell" too.

    The interval is a percentile bootstrap of the texts. Where annotators never differ every resample
    says "exactly 1", which no sample can know: the lower end is then that of Wilson's interval for the
    observed agreement, at the same chance.

    Args:
        answers: for each annotator, the answers to the same texts in the same order.

    Raises:
        ValueError: where annotators have answered different numbers of texts.
    """
    if len(answers) < 2:
        return Estimate.missing("agreement needs two annotators", level=level)
    n = len(answers[0])
    if any(len(given) != n for given in answers):
        raise ValueError(
            f"annotators must answer the same texts: {[len(given) for given in answers]}"
        )
    if n == 0:
        return Estimate.missing("there are no texts", level=level)
    import numpy as np

    agreed, chosen = _tables(answers)
    weights = np.random.default_rng(seed).multinomial(n, [1 / n] * n, size=resamples)
    observed, chance = _parts(np.ones((1, n)), agreed, chosen)
    if chance[0] >= 1:
        return Estimate.missing(ONE_ANSWER, n, level)
    value = float((observed[0] - chance[0]) / (1 - chance[0]))
    drawn, by_chance = _parts(weights, agreed, chosen)
    # A resample in which all answers are one has no kappa; it is the sample's accident, not evidence.
    usable = by_chance < 1
    kappas = (drawn[usable] - by_chance[usable]) / (1 - by_chance[usable])
    low, high = (float(q) for q in np.quantile(kappas, [(1 - level) / 2, (1 + level) / 2]))
    method = f"{'Cohen' if len(answers) == 2 else 'Fleiss'}, bootstrap of texts, percentile"
    if (agreed == 1).all():
        surely = rate(n, n, level=level).low or 0.0
        low = (surely - float(chance[0])) / (1 - float(chance[0]))
        method = method.replace("bootstrap of texts, percentile", "Wilson")
    return Estimate(value, low, high, n, None, method, level)


def _tables(answers: Sequence[Sequence[Hashable]]) -> tuple[Any, Any]:
    """The share of agreeing pairs for each text; and what each margin chose of it.

    Cohen has a margin for each annotator, Fleiss one for all: shape (margins, texts, kinds of answer),
    each the share of the margin's annotators.
    """
    import numpy as np

    kinds = {
        answer: number
        for number, answer in enumerate(dict.fromkeys(a for given in answers for a in given))
    }
    coded = np.asarray([[kinds[answer] for answer in given] for given in answers])
    given = np.eye(len(kinds))[coded]
    counts, m = given.sum(axis=0), len(answers)
    agreed = (counts * (counts - 1)).sum(axis=1) / (m * (m - 1))
    return agreed, given if m == 2 else given.mean(axis=0, keepdims=True)


def _parts(weights: Any, agreed: Any, chosen: Any) -> tuple[Any, Any]:
    """Observed and chance agreement for each row of weights, shape (rows, texts)."""
    total = weights.sum(axis=1)
    shares = [weights @ margin / total[:, None] for margin in chosen]
    first, last = shares[0], shares[-1]
    return weights @ agreed / total, (first * last).sum(axis=1)
