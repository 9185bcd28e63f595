"""Scikit-learn classifiers that take texts: a pipeline with a vectorizer in front."""

from __future__ import annotations

import hashlib
import pickle
from collections.abc import Sequence
from typing import Any

import numpy as np

from attacks.errors import AttackError
from attacks.questions import Floats, Inputs
from attacks.victims.function import logarithms

JOINT = "\n"
"""What stands between the fields of a text: a vectorizer reads one string."""


class ScikitVictim:
    """A fitted pipeline from strings to classes.

    Its probabilities are used where it has any; else its decision function (as logits: those of an SVM
    are no probabilities, and a confidence made of them says little); else its predictions alone, which
    a search can climb only by luck. The likeliest class counts as its prediction (those of `SVC` with
    probabilities may differ from what its `predict` says).

    Args:
        pipeline: fitted, with `classes_`.
        labels: names of the classes in their order; by default the classes themselves.
        fingerprint: identifies it; by default a hash of its pickled form (which is never loaded).

    Raises:
        AttackError: it is not fitted, or the names are not as many as its classes.
    """

    def __init__(
        self, pipeline: Any, labels: Sequence[str] | None = None, fingerprint: str | None = None
    ) -> None:
        classes = getattr(pipeline, "classes_", None)
        if classes is None:
            raise AttackError(
                f"The {type(pipeline).__name__} is not fitted (it has no classes_): call its fit first."
            )
        self.labels = tuple(map(str, classes)) if labels is None else tuple(labels)
        if len(self.labels) != len(classes):
            raise AttackError(
                f"There are {len(self.labels)} label names and {len(classes)} classes: "
                f"{', '.join(map(str, classes))}."
            )
        self._pipeline, self._classes = pipeline, list(classes)
        self.fingerprint = fingerprint or hashlib.sha256(pickle.dumps(pipeline)).hexdigest()

    def encode(self, inputs: Sequence[Inputs]) -> list[Inputs]:
        """Inputs as they are; they count one token a field."""
        return list(inputs)

    def run(self, batch: Sequence[Inputs]) -> Floats:
        """Logits, shape (len(batch), len(labels)), float32."""
        texts = [JOINT.join(item) for item in batch]
        if hasattr(self._pipeline, "predict_proba"):
            found = np.asarray(self._pipeline.predict_proba(texts), dtype=np.float32)
        elif hasattr(self._pipeline, "decision_function"):
            margins = np.asarray(self._pipeline.decision_function(texts), dtype=np.float32)
            if margins.ndim == 1:  # two classes: one margin, that of the second
                margins = np.stack((-margins / 2, margins / 2), axis=1)
            return margins
        else:
            places = [self._classes.index(answer) for answer in self._pipeline.predict(texts)]
            found = np.eye(len(self._classes), dtype=np.float32)[places]
        return logarithms(found, len(texts), len(self.labels), type(self._pipeline).__name__)
