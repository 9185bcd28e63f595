"""Calibration of class probabilities: temperature, and how far confidence is from being right.

numpy and scipy only: it runs on recorded logits, without the model.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

Array = npt.NDArray[np.float64]
LOG_RANGE = (math.log(1e-3), math.log(1e3))
"""Temperatures that are looked at. Overconfident training shows in the hundreds."""

BINS = 15
"""Guo et al. 2017."""


@dataclass(frozen=True, slots=True)
class Calibration:
    """A fitted temperature.

    Attributes:
        temperature: logits are divided by it; above 1 where the model was overconfident.
        n: examples it was fitted on.
        nll_before, nll_after: mean negative log-likelihood on those.
        at_bound: the optimum lies at an end of the range (every prediction right or the like), so the
            value is no estimate.
    """

    temperature: float
    n: int
    nll_before: float
    nll_after: float
    at_bound: bool

    @property
    def divisor(self) -> float:
        """What logits are divided by: nothing is rescaled where the optimum is no estimate."""
        return 1.0 if self.at_bound else round(self.temperature, 6)


def fit_temperature(logits: npt.ArrayLike, labels: npt.ArrayLike) -> Calibration:
    """The temperature of least negative log-likelihood (Guo et al., ICML 2017, section 4.2).

    The likelihood has one minimum in log T, so a bounded scalar search finds it. Logits have shape
    (n, classes), labels (n,). Raises ValueError on an empty sample or logits that are not finite.
    """
    from scipy.optimize import minimize_scalar

    scores, gold = _checked(logits, labels)
    # Where every prediction is right, sharper is better without end, and the search would stop wherever
    # the likelihood underflows.
    separable = bool((scores.argmax(axis=1) == gold).all())
    found = minimize_scalar(
        lambda log_t: nll(scores / math.exp(log_t), gold),
        bounds=LOG_RANGE,
        method="bounded",
        options={"xatol": 1e-7},
    )
    best = LOG_RANGE[0] if separable else float(found.x)
    return Calibration(
        temperature=math.exp(best),
        n=len(gold),
        nll_before=nll(scores, gold),
        nll_after=nll(scores / math.exp(best), gold),
        at_bound=min(best - LOG_RANGE[0], LOG_RANGE[1] - best) < 1e-3,
    )


def softmax(logits: npt.ArrayLike, temperature: float = 1.0) -> Array:
    """Probabilities of logits / temperature, shape (n, classes)."""
    return np.exp(_log_softmax(np.asarray(logits, dtype=np.float64) / temperature))


def losses(logits: npt.ArrayLike, labels: npt.ArrayLike) -> Array:
    """Cross-entropy of every example, shape (n,)."""
    scores, gold = _checked(logits, labels)
    chosen: Array = -_log_softmax(scores)[np.arange(len(gold)), gold]
    return chosen


def nll(logits: npt.ArrayLike, labels: npt.ArrayLike) -> float:
    """Mean cross-entropy."""
    return float(losses(logits, labels).mean())


def accuracy(logits: npt.ArrayLike, labels: npt.ArrayLike) -> float:
    """Share of examples whose largest logit is the label's; the lowest number wins a tie."""
    scores, gold = _checked(logits, labels)
    return float((scores.argmax(axis=1) == gold).mean())


def ece(logits: npt.ArrayLike, labels: npt.ArrayLike, bins: int = BINS) -> float:
    """Expected calibration error of the most probable class.

    The sum over bins of share * |share of hits - mean confidence|. Bins are of equal width, closed on
    the left; the last one is closed at 1.0, so that a confidence of exactly 1 is not lost (Guo et al.
    2017, equation 3).
    """
    scores, gold = _checked(logits, labels)
    return ece_of(softmax(scores).max(axis=1), scores.argmax(axis=1) == gold, bins)


def ece_of(confidences: npt.ArrayLike, correct: npt.ArrayLike, bins: int = BINS) -> float:
    """As `ece`, from confidences in [0, 1] and whether each prediction was right, both of shape (n,)."""
    confidence = np.asarray(confidences, dtype=np.float64)
    hits = np.asarray(correct, dtype=np.float64)
    if confidence.shape != hits.shape or confidence.ndim != 1 or not len(confidence):
        raise ValueError("ece needs one confidence and one flag for each of at least one example")
    bin_of = np.minimum((confidence * bins).astype(int), bins - 1)
    gaps = np.bincount(bin_of, weights=hits - confidence, minlength=bins)
    return float(np.abs(gaps).sum() / len(confidence))


def brier(logits: npt.ArrayLike, labels: npt.ArrayLike) -> float:
    """Mean squared distance of the probabilities to the one-hot label, summed over classes; 0 to 2."""
    scores, gold = _checked(logits, labels)
    distance = softmax(scores)
    distance[np.arange(len(gold)), gold] -= 1.0
    return float((distance**2).sum(axis=1).mean())


def _log_softmax(scores: Array) -> Array:
    shifted = scores - scores.max(axis=-1, keepdims=True)
    logarithms: Array = shifted - np.log(np.exp(shifted).sum(axis=-1, keepdims=True))
    return logarithms


def _checked(logits: npt.ArrayLike, labels: npt.ArrayLike) -> tuple[Array, npt.NDArray[np.int64]]:
    scores = np.asarray(logits, dtype=np.float64)
    gold = np.asarray(labels, dtype=np.int64)
    if scores.ndim != 2 or gold.shape != scores.shape[:1] or not len(gold):
        raise ValueError(
            f"expected logits of shape (n, classes) and n labels, n at least 1; got {scores.shape} "
            f"and {gold.shape}"
        )
    if not np.isfinite(scores).all():
        raise ValueError("some logits are not finite")
    if gold.min() < 0 or gold.max() >= scores.shape[1]:
        raise ValueError(f"labels must lie in 0..{scores.shape[1] - 1}")
    return scores, gold
