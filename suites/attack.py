"""`withstand attack`: one recipe, one model, one set of examples, one JSON object."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from attacks import goals
from attacks.engine.cache import Cache
from attacks.engine.scheduler import EngineConfig
from attacks.models import Model
from attacks.outcomes import Example
from attacks.protocols import ContinuationGoal
from attacks.recipe import Recipe
from attacks.resources.own import file_hashes
from attacks.victims import check_answers, equipped
from harness.model_checks import LONGEST
from harness.plan import PlanError
from reports import doubtful
from reports.folder import RunFolder
from reports.manifest import collect
from reports.progress import Progress
from reports.records import OutcomeRecord
from reports.sessions import start_or_resume
from suites import explaining, smallest, validity
from suites.attack_request import AttackRequest, recipe_of
from suites.doubts import CHECKS
from suites.draft import chosen_draft, loaded_draft
from suites.endpoint import Limits, is_endpoint, open_endpoint
from suites.evidence import Collector, Target, UnusableModelError, sample
from suites.findings import audit_results
from suites.options import EXPLAINED
from suites.subject import causal_on_record, put_on_record, victim_on_record, writer_on_record
from suites.validity import judging


def attack_run(
    request: AttackRequest,
    *,
    runs: Path,
    progress: Progress,
    resume: str | None = None,
    config: EngineConfig = EngineConfig(),
    device: str | None = None,
    cache: Path | None = None,
    limits: Limits = Limits(),
    checks: bool = True,
    explained: int = EXPLAINED,
) -> dict[str, Any]:
    """Run or resume the attack in a run folder of its own; return what `--json` prints.

    Args:
        limits: of an endpoint; other models have none.
        checks: make the checks that doubt an attack, unless each question is a request to an endpoint,
            or the model writes.
        explained: worst examples whose words are weighed (`suites.explaining`).
    """
    from reports.storage import probe_writable

    recipe, own = recipe_of(request)
    probe_writable(runs)
    answers = Cache.at(cache)
    request.auxiliaries.check([recipe])
    remote = None
    if is_endpoint(request.model):
        remote = open_endpoint(request.model, request.labels, limits)
    labels = _labels(request, recipe)
    if request.goal is not None:
        recipe = recipe.aimed_at(goals.parsed(request.goal, labels or ()))
    if remote is not None:
        equipped(remote, {}, [recipe])
    if labels is None:
        continues = _continues(request, recipe)
        check_answers(recipe, "text", continues=continues)
    else:
        check_answers(recipe, None)
    draft = None
    if request.draft is not None:
        draft = chosen_draft(
            request.draft, request.draft_keep, labels, request.model, request.query_budget
        )
        recipe.drafted(draft)
    examples = _examples(request, labels)
    if remote is not None and cache is not None:
        # So that another model behind the same URL is not taken for the one that the cache knows.
        remote.recognize()
    chosen = (
        examples if request.examples is None else sample(examples, request.examples, request.seed)
    )
    text = request.to_toml()
    if recipe.made_for:  # what stands in a file of triggers decides outcomes too
        text += f"# {json.dumps(recipe.parameters()['transformation'])}\n"
    with start_or_resume(
        runs,
        f"attack-{recipe.name}",
        "attack",
        plan_text=text,
        plan_digest=hashlib.sha256(text.encode()).hexdigest(),
        resume=resume,
    ) as folder:
        if remote is not None:
            put_on_record(folder, request.model, remote.fingerprint, labels=request.labels)
        victim = remote or _loaded(request, labels, folder, device)
        models = request.auxiliaries.load(recipe.needs, device)
        if draft is not None:
            length = request.max_length or LONGEST
            draft, models = loaded_draft(
                draft, victim, models, labels=labels, device=device, max_length=length
            )
            recipe = recipe.drafted(draft)
        collector = Collector(
            folder,
            Target(victim, [], chosen, [], chosen, []),
            models,
            progress,
            seed=request.seed,
            query_budget=request.query_budget,
            config=config,
            cache=answers,
        )
        outcomes = collector.attack(recipe, "test", chosen)
        broken = [
            o
            for o in outcomes
            if o.status == "errored" and o.predicted_before is None and o.written_before is None
        ]
        if broken and len(broken) == len(outcomes):
            raise UnusableModelError(
                f"The model gave no usable answer to any of the {len(outcomes)} examples. The first "
                f"error was: {(broken[0].error or '').strip().splitlines()[-1]}"
            )
        if checks and labels is not None and remote is None:
            _check(collector, recipe, outcomes)
        smallest.shrink_worst(folder, victim, outcomes)
        explaining.explain(folder, victim, outcomes, explained, progress)
        results = audit_results(folder, kind="attack")
        folder.write_manifest(collect(seeds={"run": request.seed}, files=file_hashes(own)))
        folder.finish(results)
        found = summarize(folder, results["attacks"][0], request)
        raised = [e for e in results["checks"] if checks and (e["alarm"] or e["errored"])]
        said = [judging.sentence(e) for e in raised]
        return {**found, "doubts": said}


def _check(collector: Collector, recipe: Recipe, outcomes: Sequence[OutcomeRecord]) -> None:
    """The checks that doubt an attack; once, and not anew on a resume."""
    for name in CHECKS:
        check = validity.load(name)
        if isinstance(check, validity.ModelCheck):
            collector.check_victim(check)
        else:
            collector.check_attack(check, recipe, outcomes)


def _labels(request: AttackRequest, recipe: Recipe) -> tuple[str, ...] | None:
    """Label names of the model, None of one that writes; no weights are loaded.

    Raises PlanError where something was said that is for models of the other kind.
    """
    from harness.model_checks import check_model, classifier_labels

    if is_endpoint(request.model):
        labels: tuple[str, ...] | None = request.labels
    elif (facts := check_model(request.model, classify=False)).writer or facts.causal:
        labels = None
    else:
        # Of a model without either head the attack says which of the two is missing.
        if request.goal is None:
            check_answers(recipe, None)
        labels = classifier_labels(request.model)
    given = {"--reference": request.reference, "--prefix": request.prefix}
    given["--new-tokens"] = None if request.new_tokens is None else str(request.new_tokens)
    stray = [option for option, value in given.items() if value is not None]
    if labels is not None and stray:
        raise PlanError(
            f"{stray[0]} is for models that write, and {request.model} answers with labels."
        )
    return labels


def _continues(request: AttackRequest, recipe: Recipe) -> bool:
    """Whether a model that writes is a causal language model, which goes on with its prompts.

    Raises PlanError where something was said that is for the others, or left out that it needs.
    """
    from harness.model_checks import check_model

    if not check_model(request.model, classify=False).causal:
        return False
    if request.prefix is not None or request.new_tokens is not None:
        option = "--prefix" if request.prefix is not None else "--new-tokens"
        raise PlanError(
            f"{option} is for encoder-decoders, and {request.model} is a causal language model: it goes "
            "on with the text as it stands in the data."
        )
    if request.reference is None and isinstance(recipe.goal, ContinuationGoal):
        raise PlanError(
            f"The attack '{recipe.name}' makes a model write a given text. Name the column that has it: "
            "--reference COLUMN."
        )
    return True


def _examples(request: AttackRequest, labels: tuple[str, ...] | None) -> Sequence[Example]:
    """The examples in the order of `stratified_order`; what is wrong with them is a HarnessError."""
    from harness.data import load_texts
    from harness.splits import load_split, stratified_order

    if labels is None:
        texts = load_texts(request.data, text=request.text, reference=request.reference)
        return stratified_order(texts, 0, "all")
    return load_split(request.data, text=request.text, label=request.label, labels=labels).rows


def _loaded(
    request: AttackRequest, labels: tuple[str, ...] | None, folder: RunFolder, device: str | None
) -> Model:
    """The model under attack, of whatever kind."""
    from harness.model_checks import check_model

    length = request.max_length or LONGEST
    if labels is None and check_model(request.model, classify=False).causal:
        return causal_on_record(folder, request.model, max_length=request.max_length, device=device)
    if labels is not None:
        return victim_on_record(
            folder, request.model, labels=labels, max_length=length, device=device, data=None
        )
    from attacks.victims.seq2seq import NEW_TOKENS

    return writer_on_record(
        folder,
        request.model,
        max_length=length,
        new_tokens=request.new_tokens or NEW_TOKENS,
        prefix=request.prefix or "",
        device=device,
    )


def summarize(
    folder: RunFolder, attack: Mapping[str, Any], request: AttackRequest
) -> dict[str, Any]:
    """The one JSON object: everything that is needed to read the number, and the folder behind it."""
    return {
        "run": str(folder.path),
        "model": request.model,
        "data": request.data,
        "goal": request.goal,
        "draft": request.draft,
        "recipe": {"name": attack["name"], "seed": request.seed, **attack["recipe"]},
        "max_length": request.max_length,
        "query_budget": request.query_budget,
        "counts": attack["counts"],
        "clean_accuracy": attack["accuracy"],
        "robust_accuracy": attack["robust_accuracy"],
        "attack_success_rate": attack["attack_success_rate"],
        "queries": attack["queries"],
        "seconds": attack["seconds"],
        "words_changed": attack["words_changed"],
        **{key: attack[key] for key in ("written", "doubtful") if key in attack},
    }


def show(summary: Mapping[str, Any]) -> None:
    """The summary in words, on stdout."""
    from suites.terminal import shown_estimate

    counts, queries, seconds = summary["counts"], summary["queries"], summary["seconds"]
    changed = summary["words_changed"]
    lines = [
        f"{summary['recipe']['name']} on {summary['model']}, {counts['total']} examples of "
        f"{summary['data']}",
        *(_told(summary["goal"]) if summary["goal"] else ()),
        *([f"  draft                {summary['draft']}"] if summary["draft"] else ()),
        *_rates(summary),
        f"  attack success rate  {shown_estimate(summary['attack_success_rate'])}",
        "  outcomes             "
        + ", ".join(f"{counts[key]} {key.replace('_', ' ')}" for key in counts if key != "total"),
        f"  queries              {queries['raw']} raw, {queries['scored']} scored, "
        f"{queries['cached']} from the cache",
        f"  seconds              {seconds['total']:.1f}, {seconds['victim']:.1f} of them in the victim",
    ]
    if changed["mean"] is not None:
        share = f"{changed['share']:.0%} of the text"
        lines.append(f"  words changed        {changed['mean']:.1f} a success ({share})")
    if said := doubtful.sentence(summary):
        lines.append(f"  doubtful             {said}")
    lines += [f"  in doubt             {doubt}" for doubt in summary["doubts"]]
    print("\n".join([*lines, f"  run folder           {summary['run']}"]))


def _rates(summary: Mapping[str, Any]) -> list[str]:
    """What a model's answers are worth before and after: accuracies, or BLEU of one that writes."""
    from suites.terminal import shown_estimate

    if "written" not in summary:
        return [
            f"  clean accuracy       {shown_estimate(summary['clean_accuracy'])}",
            f"  robust accuracy      {shown_estimate(summary['robust_accuracy'])}",
        ]
    before, after = (summary["written"][key] for key in ("bleu_before", "bleu_after"))
    return [
        f"  mean BLEU before     {shown_estimate(before, percent=False)}",
        f"  mean BLEU after      {shown_estimate(after, percent=False)}",
    ]


def _told(goal: str) -> list[str]:
    line = f"  goal                 {goal}"
    if goal.startswith("targeted"):
        line += "; examples of that label are skipped, the others withstand where it is not reached"
    return [line]
