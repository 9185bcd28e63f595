"""Training texts whose label looks wrong: confident learning over embeddings of the texts.

Northcutt, Jiang and Chuang (Confident learning, JAIR 2021). Out-of-fold probabilities come from a
logistic regression on the embeddings of an encoder that knows no labels, so that no text has a hand in
what is said of it.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from torch import Tensor

from attacks.models import Model
from attacks.outcomes import Example
from attacks.questions import Floats
from harness.prediction import rows_of
from harness.randomness import derived
from reports.progress import Progress

FOLDS = 5
DECAY = 0.2
"""Weight of half the squared weights beside the mean loss. On 2,000 film reviews of which 5% had the
wrong label, 70% of the first 20 suspects were among these; at 0.0006 (scikit-learn's C = 1) 45%."""


@dataclass(frozen=True, slots=True)
class Suspect:
    """A text whose label looks wrong.

    Attributes:
        position: among the texts that were looked at.
        label, likely: numbers of its label and of the one that it looks like.
        given, other: probabilities of these two.
    """

    position: int
    label: int
    likely: int
    given: float
    other: float


def find_suspects(
    encoder: Model,
    examples: Sequence[Example],
    classes: int,
    *,
    seed: int,
    progress: Progress | None = None,
) -> list[Suspect]:
    """Texts whose label looks wrong, the surest first.

    Args:
        encoder: answers a text, its fields joined, with its embedding.
    """
    joined = [(" ".join(example.text.strings),) for example in examples]
    embeddings = np.stack(rows_of(encoder, joined, progress=progress, title="embed the texts"))
    labels = np.array([example.label for example in examples])
    groups = [
        example.group if example.group is not None else n for n, example in enumerate(examples)
    ]
    return suspects(out_of_fold(embeddings, labels, groups, classes, seed), labels)


def suspects(probabilities: Floats, labels: Any) -> list[Suspect]:
    """Those that are confidently of another class (section 3.1 and equation 2), by their margin.

    A text counts as one of class k where its probability of k is at least the mean over the texts
    labelled k; among several such classes the likeliest counts.

    Args:
        probabilities: out-of-fold, shape (n, classes).
        labels: class numbers, shape (n,).
    """
    classes = probabilities.shape[1]
    thresholds = np.array(
        [
            probabilities[labels == k, k].mean() if (labels == k).any() else np.inf
            for k in range(classes)
        ]
    )
    confident = np.where(probabilities >= thresholds, probabilities, -1.0)
    likely = confident.argmax(1)
    wrong = np.flatnonzero((confident.max(1) >= 0) & (likely != labels))
    found = [
        Suspect(
            position=int(n),
            label=int(labels[n]),
            likely=int(likely[n]),
            given=float(probabilities[n, labels[n]]),
            other=float(probabilities[n, likely[n]]),
        )
        for n in wrong
    ]
    return sorted(found, key=lambda suspect: (suspect.given - suspect.other, suspect.position))


def out_of_fold(
    features: Floats, labels: Any, groups: Sequence[Any], classes: int, seed: int
) -> Floats:
    """Class probabilities of each row by a regression that saw no row of its group, shape (n, classes).

    Args:
        features: shape (n, width).
        groups: what is never divided between folds, one a row.
    """
    names = list(dict.fromkeys(groups))
    order = np.random.default_rng(derived(seed, "folds")).permutation(len(names))
    fold_of = {names[n]: place % FOLDS for place, n in enumerate(order)}
    folds = np.array([fold_of[group] for group in groups])
    found = np.zeros((len(features), classes), dtype=np.float32)
    for fold in range(FOLDS):
        held = folds == fold
        if held.any() and not held.all():
            found[held] = _predicted(features[~held], labels[~held], features[held], classes)
        elif held.any():
            found[held] = 1 / classes
    return found


def _predicted(features: Floats, labels: Any, others: Floats, classes: int) -> Floats:
    """Probabilities of `others` by multinomial logistic regression on standardised features."""
    mean, deviation = features.mean(0), features.std(0) + 1e-6
    x, new = (
        torch.as_tensor((part - mean) / deviation, dtype=torch.float64)
        for part in (features, others)
    )
    y = torch.as_tensor(labels)
    weights = torch.zeros(x.shape[1], classes, dtype=torch.float64, requires_grad=True)
    bias = torch.zeros(classes, dtype=torch.float64, requires_grad=True)
    optimizer = torch.optim.LBFGS(
        [weights, bias], max_iter=200, line_search_fn="strong_wolfe", tolerance_grad=1e-5
    )

    def closure() -> Tensor:
        optimizer.zero_grad()
        fit = torch.nn.functional.cross_entropy(x @ weights + bias, y)
        loss: Tensor = fit + DECAY * weights.square().sum() / 2
        loss.backward()  # type: ignore[no-untyped-call]
        return loss

    optimizer.step(closure)  # type: ignore[no-untyped-call]
    with torch.no_grad():
        found: Floats = (new @ weights + bias).softmax(1).float().numpy()
    return found
