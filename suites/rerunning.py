"""A run's attacks once more, on the texts that its records hold."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from attacks import goals
from attacks.engine.cache import Cache
from attacks.models import Model
from attacks.outcomes import Example
from attacks.recipe import Recipe
from attacks.text import Text
from attacks.victims import equipped
from attacks.victims.averaged import expected
from harness.auxiliaries import Auxiliaries
from harness.errors import HarnessError
from harness.model_checks import LONGEST, check_model
from reports.folder import RunFolder
from reports.progress import Quiet
from reports.records import OutcomeRecord
from suites.attack_request import AttackRequest, recipe_of
from suites.campaign import Campaign, run_campaign
from suites.draft import chosen_draft, loaded_draft
from suites.endpoint import is_endpoint
from suites.preflight import recipes_of
from suites.recounting import plan_of, table_of
from suites.subject import causal_of, named_victim, writer_of


@dataclass(frozen=True)
class Setting:
    """What decides the outcomes of a run, the example left out.

    Attributes:
        recipes: by name, as the run built them; `models` are those that they need beside the victim.
        columns: names of the fields of a text.
        temperature: of the calibrated victim (None: it was not calibrated).
    """

    victim: Model
    recipes: Mapping[str, Recipe]
    models: Mapping[str, Model]
    columns: tuple[str, ...]
    seed: int
    temperature: float | None

    @property
    def labels(self) -> tuple[str, ...]:
        """Label names; none of a victim that writes."""
        return tuple(getattr(self.victim, "labels", ()))


def setting_of(
    run: RunFolder,
    attacks: Sequence[str],
    *,
    model: str | None = None,
    device: str | None = None,
) -> Setting:
    """Build the attacks of a run again, and load what they need.

    Args:
        model: where the model lies now, if not where the run found it.

    Raises HarnessError where the model is another one, or this release builds an attack otherwise.
    """
    subject = _event(run, "subject")["model"]
    kind = run.started()["kind"]
    if kind == "audit":
        found = _of_audit(run, attacks, model or subject["name"], device)
    elif kind == "attack":
        found = _of_attack(run, model or subject["name"], device)
    else:
        raise HarnessError(
            f"The run {run.id} is of the kind '{kind}', which holds no outcomes. Name one of `withstand "
            "attack` or `withstand audit`; of `withstand harden` those that it lists as its parts."
        )
    attacked = {o.model for o in run.outcomes() if o.attack in attacks}
    if attacked != {found.victim.fingerprint}:
        raise HarnessError(
            f"The model at {model or subject['name']} is not the one that the run {run.id} attacked: "
            "its files have another fingerprint. Name the folder where that one lies with --model."
        )
    for event in run.events():
        if event["event"] == "campaign" and event["attack"] in attacks:
            _same(found.recipes[event["attack"]], event)
    return found


def rerun(
    setting: Setting, run: RunFolder, records: Sequence[OutcomeRecord], cache: Cache | None = None
) -> list[OutcomeRecord]:
    """What comes of these records anew, in their order."""
    budgets = {e["check"]: e["query_budget"] for e in run.events() if e["event"] == "campaign"}
    by_check: dict[str, list[OutcomeRecord]] = {}
    for record in records:
        by_check.setdefault(record.check, []).append(record)
    found: dict[tuple[str, str], OutcomeRecord] = {}
    for check, wanted in by_check.items():
        first = wanted[0]
        campaign = Campaign(
            setting.recipes[first.attack],
            [_example(record, setting.columns) for record in wanted],
            first.split,
            setting.seed,
            temperature=(setting.temperature or 1.0) if first.calibrated else 1.0,
            calibrated=first.calibrated,
            query_budget=budgets.get(check),
            model=first.model,
        )
        models = equipped(setting.victim, setting.models, [campaign.recipe])
        outcomes, _ = run_campaign(
            campaign, models, record=lambda *_, **__: None, progress=Quiet(), cache=cache
        )
        found |= {(check, outcome.example_id): outcome for outcome in outcomes}
    return [found[record.key] for record in records]


def _example(record: OutcomeRecord, columns: Sequence[str]) -> Example:
    names = columns
    if len(names) != len(record.original):
        names = [f"field {number}" for number in range(len(record.original))]
    return Example(
        id=record.example_id,
        text=Text.of(dict(zip(names, record.original, strict=True))),
        label=record.label,
        group=record.group,
        reference=record.reference,
    )


def _of_audit(run: RunFolder, attacks: Sequence[str], spec: str, device: str | None) -> Setting:
    plan = plan_of(run)
    recipes = {recipe.name: recipe for recipe in recipes_of(plan)}
    victim = named_victim(spec, plan.model.max_length, device)
    return Setting(
        victim=expected(victim, plan.audit.repeats),
        recipes=recipes,
        models=_beside(plan.audit.auxiliaries, [recipes[name] for name in attacks], device),
        columns=tuple(plan.data.text),
        seed=plan.seed,
        temperature=_event(run, "temperature").get("value"),
    )


def _of_attack(run: RunFolder, spec: str, device: str | None) -> Setting:
    request = AttackRequest.from_table(table_of(run))
    if is_endpoint(spec):
        raise HarnessError(
            f"The run {run.id} attacked the endpoint {spec}: what it answers now is no proof of what it "
            "answered then. Attack it anew: withstand attack."
        )
    recipe, _ = recipe_of(request)
    victim = _victim(request, spec, device)
    labels = getattr(victim, "labels", None)
    if request.goal is not None:
        recipe = recipe.aimed_at(goals.parsed(request.goal, labels or ()))
    models = _beside(request.auxiliaries, [recipe], device)
    if request.draft is not None:
        draft = chosen_draft(request.draft, request.draft_keep, labels, spec)
        length = request.max_length or LONGEST
        draft, models = loaded_draft(
            draft, victim, models, labels=labels, device=device, max_length=length
        )
        recipe = recipe.drafted(draft)
    recipes = {recipe.name: recipe}
    return Setting(victim, recipes, models, request.text, request.seed, None)


def _victim(request: AttackRequest, spec: str, device: str | None) -> Model:
    from attacks.victims.seq2seq import NEW_TOKENS
    from harness.other_models import load_causal, load_writer

    facts = check_model(spec, classify=False)
    if facts.causal:
        return causal_of(load_causal(spec), request.max_length, device)
    if facts.writer:
        length, tokens = request.max_length or LONGEST, request.new_tokens or NEW_TOKENS
        return writer_of(load_writer(spec), length, tokens, request.prefix or "", device)
    return named_victim(spec, request.max_length, device)


def _beside(
    auxiliaries: Auxiliaries, recipes: Sequence[Recipe], device: str | None
) -> Mapping[str, Model]:
    auxiliaries.check(recipes)
    return auxiliaries.load([need for recipe in recipes for need in recipe.needs], device)


def _same(recipe: Recipe, campaign: Mapping[str, Any]) -> None:
    """Raise HarnessError where the recipe has other parameters than the run recorded."""
    now = json.loads(json.dumps(recipe.parameters()))
    recorded = campaign["recipe"]["parameters"]
    if now != recorded:
        differ = sorted(k for k in now.keys() | recorded.keys() if now.get(k) != recorded.get(k))
        raise HarnessError(
            f"This release builds the attack '{recipe.name}' otherwise than the one that made the run "
            f"(its {' and '.join(differ)} differ), so it cannot be run as it was. Use that release."
        )


def _event(run: RunFolder, name: str) -> Mapping[str, Any]:
    found: Mapping[str, Any] = {}
    for event in run.events():
        if event["event"] == name:
            found = event
    return found
