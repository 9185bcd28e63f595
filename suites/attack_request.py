"""What `withstand attack` is asked for: all that decides its outcomes, as its run folder keeps it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass, field, fields
from typing import Any

import tomli_w

from attacks import recipes
from attacks.errors import AttackError
from attacks.recipe import Recipe
from attacks.resources.own import OPENERS, Own, resolved
from harness.auxiliaries import Auxiliaries
from harness.plan import PlanError


@dataclass(frozen=True)
class AttackRequest:
    """What decides the outcomes of an attack (batch size, device and window do not).

    Attributes:
        max_length: tokens at which texts are cut (None: whatever the endpoint does; what a causal
            language model takes, of which nothing is cut).
        labels: an endpoint's label names; empty for other models, which have their own.
        parameters: of the recipe, where they are not its defaults.
        goal: as `attacks.goals.parsed` reads it (None: the recipe's own).
        resources: as `attacks.resources.own.resolved` reads them, in the place of the built-in ones.
        draft: as `suites.draft.chosen_draft` reads it (None: the model itself is asked about all).
        draft_keep: rewrites of a word that it keeps at first (None: as many as it does by itself).
        reference: column with what a model that writes should write (None: nothing is known).
        prefix: what such a model is shown before every text.
        new_tokens: tokens that it writes at the most.
        paraphraser, paraphrase_prompt, translator, back_translator: see `Auxiliaries`.
    """

    model: str
    data: str
    recipe: str
    examples: int | None
    seed: int
    text: tuple[str, ...]
    label: str
    query_budget: int | None
    max_length: int | None
    similarity: str
    masked_lm: str
    parameters: Mapping[str, Any]
    labels: tuple[str, ...] = ()
    goal: str | None = None
    resources: Mapping[str, str] = field(default_factory=dict)
    draft: str | None = None
    draft_keep: int | None = None
    reference: str | None = None
    prefix: str | None = None
    new_tokens: int | None = None
    paraphraser: str | None = None
    paraphrase_prompt: str | None = None
    translator: str | None = None
    back_translator: str | None = None

    @property
    def auxiliaries(self) -> Auxiliaries:
        """The models that recipes need beside the victim."""
        return Auxiliaries(
            self.similarity,
            self.masked_lm,
            self.paraphraser,
            self.paraphrase_prompt or "{text}",
            self.translator,
            self.back_translator,
        )

    @classmethod
    def from_table(cls, table: Mapping[str, Any]) -> AttackRequest:
        """Read back what `to_toml` wrote. Raises PlanError where it is none."""
        values = dict(table.get("attack") or {})
        try:
            lists = {key: tuple(values[key]) for key in ("text", "labels")}
            missing = {f.name: None for f in fields(cls) if f.name not in values}
            return cls(**{**missing, **values, **lists})
        except (KeyError, TypeError) as error:
            raise PlanError(f"plan.toml is not that of an attack: {error}.") from None

    def to_toml(self) -> str:
        """The request as the run folder keeps it."""
        values = {key: value for key, value in asdict(self).items() if value is not None}
        return tomli_w.dumps(
            {"attack": {**values, "text": list(self.text), "labels": list(self.labels)}}
        )


def recipe_of(request: AttackRequest) -> tuple[Recipe, Own]:
    """The recipe that was asked for, with the user's own resources, which stand beside it.

    Raises AttackError for a parameter or a resource that it has no use for.
    """
    recipe = recipes.load(request.recipe, **request.parameters)
    for name in request.resources:
        if name in OPENERS and not recipe.reads(name):
            raise AttackError(
                f"The attack '{recipe.name}' has no use for '{name}'. Leave --resource {name}=… out."
            )
    own = resolved(request.resources)
    return recipe.using(own), own
