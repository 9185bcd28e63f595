"""Made-up runs that look like real ones: records drawn by seed, results counted from them."""

from __future__ import annotations

import random
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from reports import gaps, summaries
from reports.compare import compare_runs, comparison_results
from reports.curve import curve
from reports.folder import RunFolder
from reports.records import OutcomeRecord, PredictionRecord
from reports.results import Results, empty

ATTACKS = {"deepwordbug": "characters", "pwws": "synonyms", "textfooler": "synonyms"}

TEXTS = (
    "a gripping, smartly plotted thriller that never once loses its nerve",
    "the film is a tired retread of every road movie you have ever slept through",
    "an uneven but warm comedy carried by a wonderful lead performance",
    "manages to be both dull and loud, which takes a certain kind of talent",
    "quietly devastating, beautifully shot and impossible to forget",
    "two hours of watching attractive people make bad decisions in good lighting",
    "the dialogue crackles and the pace rarely drops below a sprint",
    "there is no reason to see this unless you have lost a bet",
)

SYNONYMS = {
    "gripping": "gripp\u0456ng",
    "tired": "wearied",
    "uneven": "unequal",
    "dull": "dulled",
    "devastating": "ruinous",
    "attractive": "attracting",
    "crackles": "cracks",
    "reason": "rationale",
}

BREAKS = {
    "plain": {"deepwordbug": 0.86, "pwws": 0.90, "textfooler": 0.94},
    "hardened": {"deepwordbug": 0.44, "pwws": 0.38, "textfooler": 0.55},
}


def predictions(role: str, split: str, count: int) -> list[PredictionRecord]:
    """Clean predictions: both models right on about four in five test texts."""
    chance = random.Random(f"{split}-clean")
    noise = random.Random(f"{role}-{split}")
    right = {"train": 0.95, "test": 0.82, "validation": 0.81}[split]
    found = []
    for number in range(count):
        label = number % 2
        correct = (chance.random() < right) != (noise.random() < 0.02)
        predicted = label if correct else 1 - label
        margin = 1.2 + 2.5 * noise.random()
        logits = (margin, 0.0) if predicted == 0 else (0.0, margin)
        loss = 0.12 + 0.1 * noise.random() if correct else 1.4 + noise.random()
        found.append(
            PredictionRecord(
                check=f"clean@{split}",
                example_id=f"{split}-{number}",
                split=split,
                label=label,
                group=f"movie-{number // 2}",
                predicted=predicted,
                logits=logits,
                loss=loss,
                model=role,
            )
        )
    return found


def outcomes(
    role: str, attack: str, split: str, count: int, *, calibrated: bool
) -> list[OutcomeRecord]:
    """Outcomes of one attack on the first `count` examples of a split."""
    clean = {record.example_id: record for record in predictions(role, split, count)}
    # One draw an example and attack, so that the two models' outcomes go together.
    chance = random.Random(f"{attack}-{split}")
    found = []
    for number in range(count):
        before = clean[f"{split}-{number}"]
        text = TEXTS[number % len(TEXTS)]
        word = next(word for word in SYNONYMS if word in text)
        harder = 0.06 if calibrated else 0.0
        broken = chance.random() < BREAKS[role][attack] + harder - (0.08 if split == "train" else 0)
        queries = 30 + chance.randrange(60)
        status = "succeeded" if broken else "out_of_budget" if number % 29 == 3 else "failed"
        if not before.correct:
            status, queries = "skipped", 1
        if number == 77 and attack == "textfooler" and role == "plain":
            status = "errored"
        won = status == "succeeded"
        index = text.split().index(next(w for w in text.split() if word in w))
        found.append(
            OutcomeRecord(
                check=f"attack:{attack}@{split}" + ("/calibrated" if calibrated else ""),
                attack=attack,
                example_id=before.example_id,
                split=split,
                calibrated=calibrated,
                model=role,
                status=status,  # type: ignore[arg-type]
                label=before.label,
                group=before.group,
                original=(text,),
                perturbed=(text.replace(word, SYNONYMS[word]),) if won else None,
                changes=((index, word, SYNONYMS[word]),) if won else (),
                predicted_before=before.predicted,
                predicted_after=1 - before.label if won else before.predicted,
                confidence_before=0.6 + 0.39 * chance.random(),
                confidence_after=0.45 * chance.random() if won else 0.7,
                words=len(text.split()),
                queries=queries,
                unique_queries=queries - queries // 6,
                error="Traceback (most recent call last): …" if status == "errored" else None,
            )
        )
    return found


def audit(root: Path, role: str, *, count: int = 200, seen: Sequence[str] = ()) -> RunFolder:
    """A finished audit of a made-up model."""
    run = RunFolder.create(root, f"rt-{role}", kind="audit", plan_text='name = "rt"\n')
    results = empty("audit", _info(run, f"rt-{role}", "audit"))
    clean = {split: predictions(role, split, count) for split in ("train", "test")}
    attacked: dict[tuple[str, str, bool], list[OutcomeRecord]] = {}
    for attack in ATTACKS:
        for split, calibrated in (("test", False), ("test", True), ("train", False)):
            size = count if split == "test" else count // 2
            attacked[attack, split, calibrated] = outcomes(
                role, attack, split, size, calibrated=calibrated
            )
    for records in (*clean.values(), *attacked.values()):
        for record in records:
            run.record(record)
    temperature = 1.84 if role == "plain" else 1.21
    results["model"] = {
        "name": f"models/rt-{role}",
        "fingerprint": ("ab12" if role == "plain" else "cd34") * 16,
        "files": {"model.safetensors": "0f" * 32, "config.json": "1e" * 32},
        "temperature": temperature,
        "seen_attacks": list(seen),
        "parameters": 22_713_986,
    }
    results["data"] = {
        "source": "bundle:rotten-tomatoes",
        "splits": {
            split: {
                "rows": rows,
                "labels": {"rotten": rows // 2, "fresh": rows - rows // 2},
                "groups": rows // 8,
                "fingerprint": fingerprint * 32,
            }
            for split, rows, fingerprint in (
                ("train", 4000, "a1"),
                ("validation", 900, "b2"),
                ("test", 1000, "c3"),
            )
        },
        "duplicates": {"exact": 12, "near": 31, "removed": 43, "threshold": 0.8},
    }
    for split, found in clean.items():
        results["clean"][split] = summaries.summarize_clean(found).to_dict()  # type: ignore[assignment]
    for (attack, split, calibrated), rows in attacked.items():
        results["attacks"].append(
            {
                "name": attack,
                "family": ATTACKS[attack],
                "seen": attack in seen,
                "calibrated": calibrated,
                "split": split,
                "recipe": {
                    "max_candidates": 50,
                    "deviations": ["neighbours from a table of the top 8"]
                    if attack == "textfooler"
                    else [],
                },
                "seconds": {"total": 48.2, "victim": 41.5},
                **summaries.summarize_attack(rows).to_dict(),
                "curve": curve(rows, None),
            }  # type: ignore[typeddict-item]
        )
    for calibrated in (False, True):
        table = {a: attacked[a, "test", calibrated] for a in ATTACKS}
        results["unions"].append(
            {
                "label": f"any of {len(table)} attacks",
                "attacks": list(table),
                "calibrated": calibrated,
                "split": "test",
                "robust_accuracy": summaries.union(table).to_dict(),  # type: ignore[typeddict-item]
            }
        )
    found_gaps: list[Any] = [
        gaps.accuracy_gap(clean["train"], clean["test"]),
        gaps.loss_gap(clean["train"], clean["test"]),
        gaps.robust_gap(attacked["pwws", "train", False], attacked["pwws", "test", False], "pwws"),
        gaps.calibration_gap(clean["test"], temperature),
    ]
    if seen:
        found_gaps.append(
            gaps.seen_unseen_gap(
                {a: attacked[a, "test", False] for a in ATTACKS if a in seen},
                {a: attacked[a, "test", False] for a in ATTACKS if a not in seen},
            )
        )
    results["gaps"] = found_gaps
    results["stages"] = [
        {"name": "clean@test", "seconds": 7.9},
        {"name": "attack:textfooler@test", "seconds": 131.0},
    ]
    results["examples"] = summaries.worst_examples(
        [row for (_, split, _), rows in attacked.items() if split == "test" for row in rows], 20
    )
    results["limits"] = [
        "Attacks that were not run may succeed where these failed.",
        "Attack texts were not read by people: some may have changed the meaning.",
        "Other languages, other domains and longer texts were not tested.",
    ]
    run.write_manifest(MANIFEST)
    run.finish(results)
    run.close()
    return run


def harden(root: Path, *, count: int = 200) -> RunFolder:
    """A finished hardening: two audits, their comparison, and gates on it."""
    before = audit(root, "plain", count=count)
    after = audit(root, "hardened", count=count, seen=("deepwordbug", "pwws"))
    comparison = compare_runs(before, after)
    run = RunFolder.create(root, "rt-harden", kind="harden", plan_text='name = "rt"\n')
    results = comparison_results(_info(run, "rt-harden", "harden"), comparison)
    results["kind"] = "harden"
    results["stages"] = [
        {"name": "train-plain", "seconds": 251.4},
        {"name": "audit-plain", "seconds": 148.0},
        {"name": "train-hardened", "seconds": 402.9},
        {"name": "audit-hardened", "seconds": 171.6},
    ]
    results["verdict"] = _verdict(comparison["differences"])
    run.write_manifest(MANIFEST)
    run.finish(results)
    return run


def attack(root: Path, *, count: int = 100) -> RunFolder:
    """A finished attack without gates."""
    run = RunFolder.create(root, "attack-pwws", kind="attack")
    rows = outcomes("plain", "pwws", "test", count, calibrated=False)
    for record in rows:
        run.record(record)
    results = empty("attack", _info(run, "attack-pwws", "attack"))
    results["attacks"] = [
        {
            "name": "pwws",
            "family": "synonyms",
            "seen": False,
            "calibrated": False,
            "split": "test",
            "recipe": {"deviations": []},
            "seconds": {"total": 22.4, "victim": 19.9},
            **summaries.summarize_attack(rows).to_dict(),
        }  # type: ignore[typeddict-item]
    ]
    results["examples"] = summaries.worst_examples(rows, 4)
    results["limits"] = ["One attack says little: run an audit for several and their worst case."]
    run.write_manifest(MANIFEST)
    run.finish(results)
    return run


def _info(run: RunFolder, name: str, verb: str) -> Any:
    return {
        "id": run.id,
        "name": name,
        "created": "2026-03-01T09:00:00.000+00:00",
        "finished": "2026-03-01T09:16:14.000+00:00",
        "command": ["withstand", verb, "plan.toml"],
        "plan_digest": "5a" * 32,
    }


def _verdict(differences: Sequence[dict[str, Any]]) -> Any:
    by_metric = {row["metric"]: row for row in differences}
    wanted = (
        ("clean_accuracy", "after", 0.78, "pass", "A defence that ruins the model is none.", None),
        ("gain.clean_accuracy", "difference", -0.02, "inconclusive", "At most 2 points.", 1450),
        (
            "gain.robust_accuracy.textfooler.calibrated",
            "difference",
            0.15,
            "pass",
            "The attack that training did not see, on the calibrated victim.",
            None,
        ),
    )
    gates = [
        {
            "name": metric,
            "metric": metric,
            "slice": None,
            "bound": bound,
            "margin": None,
            "direction": "at_least",
            "evidence": "interval",
            "value": by_metric[metric.removeprefix("gain.")][side],
            "verdict": word,
            "why": why,
            "examples_needed": needed,
            "explanation": "",
        }
        for metric, side, bound, word, why, needed in wanted
    ]
    return {
        "value": "inconclusive",
        "exit_code": 3,
        "reasons": [
            "The change of clean accuracy cannot be told from its bound with 200 examples; about "
            "1,450 would decide it.",
            "1 of 200 examples errored under textfooler on test.",
        ],
        "gates": gates,
    }


def with_verdict(results: Results, value: str) -> None:
    """Set the verdict's word, for pictures of each."""
    verdict: Any = results["verdict"]
    verdict["value"] = value
    verdict["exit_code"] = {"pass": 0, "fail": 1, "inconclusive": 3}[value]


MANIFEST = {
    "format": "withstand/manifest",
    "version": 1,
    "command": ["withstand", "harden", "plan.toml"],
    "seeds": {"run": 1, "training": 11, "attacks": 12},
    "files": {"minilm-l6": "2d" * 32},
    "git": {"commit": "3c" * 20, "dirty": False, "origin": "https://git.example/withstand.git"},
    "versions": {"withstand": "0.1.0", "torch": "2.13.0+cpu", "transformers": "5.23.0"},
    "platform": {
        "python": "3.11.9",
        "implementation": "CPython",
        "system": "Linux 6.1",
        "machine": "x86_64",
    },
    "hardware": {"cpu": "Example CPU @ 2.0 GHz", "cores": 2, "memory_bytes": 16 * 1024**3},
    "environment": {"OMP_NUM_THREADS": "1"},
}
