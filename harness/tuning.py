"""`withstand tune`: a search for the settings of a training, judged on validation texts alone."""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable, Mapping
from dataclasses import dataclass, fields
from pathlib import Path
from typing import Any

from pydantic import ValidationError

from attacks.resources.own import file_hashes
from harness.errors import HarnessError
from harness.plan import Plan, PlanError
from harness.selection import EpochRecord, choose
from harness.session import (
    WORK,
    constraint_models,
    data_of,
    run_info,
    section_of,
    start_of,
    teacher_of,
)
from harness.training_plan import Train
from harness.tuning_plan import Dimension, Tune, Value
from reports.folder import RunFolder
from reports.manifest import collect
from reports.progress import Progress, Quiet
from reports.results import empty
from reports.sessions import start_or_resume
from reports.storage import write_atomic

JOURNAL = "study.log"
"""Optuna's own record of the trials, which a restart reads."""
CUT_OFF = "cut off"
EPOCH = tuple(field.name for field in fields(EpochRecord))
TUNED = "tuned.toml"
"""The plan with the best settings."""


@dataclass(frozen=True)
class Tuned:
    """What a search came to.

    Attributes:
        folder: its run folder; `tuned.toml` lies in it.
        best: the best settings, by key.
        value: their metric.
        counts: trials by how they ended ("complete", "pruned", "fail").
    """

    folder: Path
    best: Mapping[str, Value]
    value: float
    counts: Mapping[str, int]


def tune_of(plan: Plan) -> Tune:
    """The plan's `[tune]` section, checked: every end of every range makes a valid training.

    Raises PlanError.
    """
    tune = plan.tune
    if tune is None:
        raise PlanError(f"The plan '{plan.name}' has no [tune] section.")
    section = section_of(plan, tune.stage)
    for key, dimension in tune.space.items():
        for value in dimension.ends:
            try:
                with_settings(section, {key: value})
            except (ValidationError, KeyError, IndexError, TypeError) as error:
                detail = error.errors()[0]["msg"] if isinstance(error, ValidationError) else ""
                raise PlanError(
                    f"tune.space.{key}: [{tune.stage}] has no such setting, or it may not be {value!r}. "
                    f"{detail}".strip()
                ) from None
    if tune.metric == "robust_accuracy" and not section.selection.attacks:
        raise PlanError(
            f"tune.metric: robust_accuracy needs at least one name in {tune.stage}.selection.attacks."
        )
    return tune


def with_settings(section: Train, settings: Mapping[str, Value]) -> Train:
    """The section with some of its keys set, given as paths with points between.

    Raises KeyError, IndexError or TypeError for a path that leads nowhere, ValidationError for a value
    that is not allowed.
    """
    raw = section.model_dump(mode="json")
    for path, value in settings.items():
        *parents, last = path.split(".")
        target: Any = raw
        for part in parents:
            if isinstance(target, list) and not part.isdigit():
                target = target[0]
            target = target[int(part) if isinstance(target, list) else part]
            if target is None:
                raise KeyError(path)
        if isinstance(target, list):
            target = target[0]
        if last not in target and parents[-1:] != ["parameters"]:
            raise KeyError(path)
        target[last] = value
    return Train.model_validate_json(json.dumps(raw))


def tune_run(
    plan: Plan,
    *,
    runs: Path,
    progress: Progress,
    resume: str | None = None,
    began: Callable[[Path], None] = lambda _: None,
) -> Tuned:
    """Run or resume the search of a plan in a run folder of its own.

    Raises:
        PlanError: the plan has no valid `[tune]` section.
        HarnessError: Optuna is not installed, or no trial was finished.
    """
    from harness.models import load_classifier
    from harness.training import train

    optuna = _optuna()
    tune = tune_of(plan)
    section = section_of(plan, tune.stage)
    start, prepared, own = start_of(plan, section), data_of(plan), plan.resources.resolve()
    with start_or_resume(
        runs,
        f"{plan.name}-tune",
        "tune",
        plan_text=plan.to_toml(),
        plan_digest=plan.digest,
        resume=resume,
        details={"stage": tune.stage},
    ) as folder:
        began(folder.path)
        backend = optuna.storages.journal.JournalFileBackend(str(folder.path / JOURNAL))
        study = optuna.create_study(
            study_name=plan.name,
            storage=optuna.storages.JournalStorage(backend),
            direction=tune.direction,
            load_if_exists=True,
            pruner=optuna.pruners.MedianPruner(n_startup_trials=tune.startup)
            if tune.prune
            else optuna.pruners.NopPruner(),
        )
        for trial in study.get_trials(states=(optuna.trial.TrialState.RUNNING,)):
            # The process was killed.
            study.tell(trial.number, state=optuna.trial.TrialState.FAIL)
            _again(study, folder, trial)
        models = constraint_models(plan, section)
        work = folder.path / WORK

        def objective(trial: Any) -> float:
            settings = {key: _suggest(trial, key, d) for key, d in tune.space.items()}
            chosen = with_settings(section, settings).model_copy(
                update={"output": str(work / f"trial-{trial.number}" / "model")}
            )
            history: list[EpochRecord] = []

            def record(event: dict[str, Any]) -> None:
                if event["event"] != "epoch":
                    return
                folder.append("epoch", trial=trial.number, **{k: event[k] for k in EPOCH})
                history.append(EpochRecord.from_dict({k: event[k] for k in EPOCH}))
                value = metric_of(history[-1], tune.metric)
                trial.report(value, history[-1].epoch)
                if trial.should_prune():
                    raise optuna.TrialPruned

            teacher = teacher_of(plan, section)
            train(
                chosen,
                load_classifier(start, labels=prepared.labels, seed=plan.seed),
                prepared.train.rows,
                prepared.validation.rows,
                seed=plan.seed,
                max_length=plan.model.max_length,
                work=work / f"trial-{trial.number}" / "work",
                record=record,
                progress=Quiet(),
                models_for_attacks=models,
                own=own,
                teacher=load_classifier(teacher, labels=prepared.labels) if teacher else None,
            )
            return metric_of(history[choose(history, chosen.selection)], tune.metric)

        with progress.task("trials", tune.trials) as task:
            while (done := _ended(study, folder)) < tune.trials:
                task.update(done, _best(study, tune))
                # One seed a trial: a restart goes on as an uninterrupted search would.
                study.sampler = optuna.samplers.TPESampler(
                    seed=plan.seed + done, n_startup_trials=tune.startup
                )
                try:
                    study.optimize(objective, n_trials=1, catch=(HarnessError,))
                except KeyboardInterrupt:  # Optuna has it as a trial that failed
                    _again(study, folder, study.trials[-1])
                    raise
                last = study.trials[-1]
                folder.append(
                    "trial",
                    number=last.number,
                    state=last.state.name.lower(),
                    settings=last.params,
                    value=last.value,
                )
                progress.say(_line(last, tune))
                shutil.rmtree(work, ignore_errors=True)
            task.update(_ended(study, folder), _best(study, tune))
        finished = study.get_trials(states=(optuna.trial.TrialState.COMPLETE,))
        if not finished:
            raise HarnessError(
                f"None of {tune.trials} trials was finished; {folder.path / 'events.jsonl'} says how "
                "each ended. Narrow the ranges in [tune.space]."
            )
        best = study.best_trial
        tuned = plan.model_copy(
            update={tune.stage: with_settings(section, best.params), "tune": None}
        )
        write_atomic(folder.path / TUNED, tuned.to_toml())
        counts: dict[str, int] = {}
        for trial in study.trials:
            counts[trial.state.name.lower()] = counts.get(trial.state.name.lower(), 0) + 1
        folder.append("tuned", settings=best.params, value=best.value, counts=counts)
        folder.write_manifest(collect(seeds={"run": plan.seed}, files=file_hashes(own)))
        folder.finish(empty("tune", run_info(folder)))
        return Tuned(folder.path, best.params, float(best.value), counts)


def metric_of(record: EpochRecord, metric: str) -> float:
    """A metric of an epoch, on validation texts."""
    if metric == "robust_accuracy":
        return record.robustness.accuracy if record.robustness else 0.0
    if metric == "loss":
        return record.validation_loss
    return record.accuracy if metric == "accuracy" else record.calibration_error


def _suggest(trial: Any, key: str, dimension: Dimension) -> Value:
    low, high = dimension.low, dimension.high
    found: Value
    if low is None or high is None:
        found = trial.suggest_categorical(key, list(dimension.choices))
    elif isinstance(low, int) and isinstance(high, int):
        found = trial.suggest_int(key, low, high, log=dimension.log)
    else:
        found = trial.suggest_float(key, low, high, log=dimension.log)
    return found


def _again(study: Any, folder: RunFolder, trial: Any) -> None:
    """Have the settings of a trial that was cut off tried again, and not count it."""
    study.enqueue_trial(trial.params)
    folder.append("trial", number=trial.number, state=CUT_OFF)


def _ended(study: Any, folder: RunFolder) -> int:
    """Trials that count: one that was cut off has been begun again."""
    cut_off: int = sum(e["event"] == "trial" and e["state"] == CUT_OFF for e in folder.events())
    ended: int = sum(trial.state.is_finished() for trial in study.trials)
    return ended - cut_off


def _best(study: Any, tune: Tune) -> str:
    """The best value so far, for the display."""
    values = [trial.value for trial in study.trials if trial.state.name == "COMPLETE"]
    if not values:
        return ""
    return f"{tune.metric} {(max if tune.direction == 'maximize' else min)(values):.4g}"


def _optuna() -> Any:
    from importlib.util import find_spec

    if find_spec("optuna") is None:
        raise HarnessError(
            "`withstand tune` needs the package optuna: `pip install withstand[tune]`."
        )
    import optuna

    optuna.logging.set_verbosity(optuna.logging.WARNING)
    return optuna


def _line(trial: Any, tune: Tune) -> str:
    settings = ", ".join(f"{key} {_short(value)}" for key, value in trial.params.items())
    if trial.state.name == "COMPLETE":
        return f"trial {trial.number + 1}: {tune.metric} {trial.value:.4g} with {settings}"
    how = "stopped early" if trial.state.name == "PRUNED" else "failed"
    return f"trial {trial.number + 1}: {how} with {settings}"


def _short(value: Any) -> str:
    return f"{value:.3g}" if isinstance(value, float) else str(value)
