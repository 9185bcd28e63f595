"""`--draft`: what guesses which candidates are worth a query."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from typing import TYPE_CHECKING, Any

from attacks.drafts import ExactDraft, GradientDraft, ModelDraft, RoundedDraft
from attacks.excerpts import ExcerptDraft
from attacks.protocols import FLUENCY, SIMILARITY
from harness.plan import PlanError
from suites.endpoint import is_endpoint

if TYPE_CHECKING:
    from attacks.models import Model
    from attacks.protocols import Draft

OF_THE_VICTIM: dict[str, Callable[..., Draft]] = {
    "gradient": GradientDraft,
    "bfloat16": RoundedDraft,
    "excerpts": ExcerptDraft,
    "exact": ExactDraft,
}


def chosen_draft(
    spec: str,
    keep: int | None,
    labels: Sequence[str] | None,
    victim: str,
    query_budget: int | None = None,
) -> Draft:
    """The draft by name: one `OF_THE_VICTIM`, or another classifier (a folder, a bundle, a Hugging Face
    id). Where `keep` is None it keeps as many rewrites as it does by itself.

    No weights are loaded. Raises PlanError where the victim has no labels (None), is an endpoint whose
    weights are wanted or that is to be asked more, or a budget would make an exact draft inexact, or the
    other classifier has other labels; HarnessError where it is none.
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
    if spec == "exact":
        if is_endpoint(victim):
            raise PlanError(
                f"{victim} would be asked more: --draft exact spares the sentence encoder, and the "
                "endpoint is what a request costs. Leave it out."
            )
        if query_budget is not None:
            raise PlanError(
                "--draft exact asks about rewrites that the constraints forbid as well, so that less "
                f"would be tried under --query-budget {query_budget} than without it. Leave one out."
            )
    if spec != "excerpts" and is_endpoint(victim):
        lacking = "gradient" if spec == "gradient" else "weights"
        raise PlanError(
            f"{victim} does not give its {lacking}. Name a classifier with the same labels as --draft, "
            "such as a model of your own that was trained on its answers."
        )
    return OF_THE_VICTIM[spec](**kept)


def loaded_draft(
    draft: Draft,
    victim: Model,
    models: Mapping[str, Model],
    *,
    labels: Sequence[str] | None,
    device: str | None,
    max_length: int,
) -> tuple[Draft, dict[str, Model]]:
    """The draft with what only loaded models tell, and `models` with its own, if it has one."""
    if isinstance(draft, ExactDraft):
        beside: list[Any] = [models[name] for name in (SIMILARITY, FLUENCY) if name in models]
        asked: Any = victim
        cost = sum(model.weights for model in beside) / max(1, asked.weights)
        return replace(draft, constraint_cost=round(cost, 2)), dict(models)
    if not isinstance(draft, ModelDraft):
        return draft, dict(models)
    from harness.models import load_classifier
    from suites.subject import victim_of

    loaded = load_classifier(draft.model, labels=labels)
    model: Any = victim_of(loaded, max_length, device)
    return replace(draft, fingerprint=loaded.fingerprint), {**models, draft.needs: model}
