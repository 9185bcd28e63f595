"""`--draft`: what guesses which candidates are worth a query."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace
from typing import TYPE_CHECKING, Any

from attacks.drafts import GradientDraft, ModelDraft, RoundedDraft
from attacks.excerpts import ExcerptDraft
from harness.plan import PlanError
from suites.endpoint import is_endpoint

if TYPE_CHECKING:
    from attacks.models import Model
    from attacks.protocols import Draft

OF_THE_VICTIM: dict[str, Callable[..., Draft]] = {
    "gradient": GradientDraft,
    "bfloat16": RoundedDraft,
    "excerpts": ExcerptDraft,
}


def chosen_draft(spec: str, keep: int | None, labels: Sequence[str] | None, victim: str) -> Draft:
    """The draft by name: "gradient", "bfloat16", "excerpts", or another classifier (a folder, a bundle
    or a Hugging Face id). Where `keep` is None it keeps as many rewrites as it does by itself.

    No weights are loaded. Raises PlanError where the victim has no labels (None), is an endpoint whose
    weights are wanted, or the other classifier has other labels; HarnessError where it is none.
    """
    from harness.model_checks import classifier_labels

    if labels is None:
        raise PlanError(f"{victim} writes text, and only attacks on classifiers can be drafted.")

    kept: dict[str, Any] = {} if keep is None else {"keep": keep}
    if spec not in OF_THE_VICTIM:
        theirs = tuple(classifier_labels(spec))
        if theirs != tuple(labels):
            raise PlanError(
                f"The draft {spec} has the labels {', '.join(theirs)}, and the model under attack has "
                f"{', '.join(labels)}: the same are needed in the same order."
            )
        return ModelDraft(model=spec, **kept)
    if spec != "excerpts" and is_endpoint(victim):
        lacking = "gradient" if spec == "gradient" else "weights"
        raise PlanError(
            f"{victim} does not give its {lacking}. Name a classifier with the same labels as --draft, "
            "such as a model of your own that was trained on its answers."
        )
    return OF_THE_VICTIM[spec](**kept)


def loaded_draft(
    draft: Draft, labels: Sequence[str] | None, device: str | None, max_length: int
) -> tuple[Draft, dict[str, Model]]:
    """The draft with its fingerprint, and the model behind it, if it has one of its own."""
    if not isinstance(draft, ModelDraft):
        return draft, {}
    from harness.models import load_classifier
    from suites.subject import victim_of

    loaded = load_classifier(draft.model, labels=labels)
    model: Any = victim_of(loaded, max_length, device)
    return replace(draft, fingerprint=loaded.fingerprint), {draft.needs: model}
