"""`--draft`: what guesses which candidates are worth a query."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import TYPE_CHECKING, Any

from attacks.drafts import GradientDraft, ModelDraft
from harness.plan import PlanError
from suites.endpoint import is_endpoint

if TYPE_CHECKING:
    from attacks.models import Model
    from attacks.protocols import Draft

GRADIENT = "gradient"


def chosen_draft(spec: str, keep: int, labels: Sequence[str] | None, victim: str) -> Draft:
    """The draft by name: "gradient", or another classifier (a folder, a bundle or a Hugging Face id).

    No weights are loaded. Raises PlanError where the victim has no labels (None), is an endpoint whose
    gradient is wanted, or the other classifier has other labels; HarnessError where it is none.
    """
    from harness.model_checks import classifier_labels

    if labels is None:
        raise PlanError(f"{victim} writes text, and only attacks on classifiers can be drafted.")

    if spec != GRADIENT:
        theirs = tuple(classifier_labels(spec))
        if theirs != tuple(labels):
            raise PlanError(
                f"The draft {spec} has the labels {', '.join(theirs)}, and the model under attack has "
                f"{', '.join(labels)}: the same are needed in the same order."
            )
        return ModelDraft(keep, spec)
    if is_endpoint(victim):
        raise PlanError(
            f"{victim} does not give its gradient. Name a classifier with the same labels as --draft, "
            "such as a model of your own that was trained on its answers."
        )
    return GradientDraft(keep)


def loaded_draft(
    draft: Draft, labels: Sequence[str] | None, device: str | None, max_length: int
) -> tuple[Draft, dict[str, Model]]:
    """The draft with its fingerprint, and the model behind it, if it has one of its own."""
    if not isinstance(draft, ModelDraft):
        return draft, {}
    from attacks.victims.huggingface import HuggingFaceVictim
    from harness.models import load_classifier

    loaded = load_classifier(draft.model, labels=labels)
    model: Any = HuggingFaceVictim(
        loaded.model,
        loaded.tokenizer,
        loaded.labels,
        fingerprint=loaded.fingerprint,
        max_length=max_length,
        device=device,
    )
    return replace(draft, fingerprint=loaded.fingerprint), {draft.needs: model}
