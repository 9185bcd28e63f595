"""What `defences.py` measured, as figures, a table and a chart."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Hashable, Mapping, Sequence
from pathlib import Path
from statistics import mean
from typing import Any

from reports.folder import RunFolder
from reports.records import OutcomeRecord
from reports.statistics import Estimate, paired_difference
from reports.storage import write_atomic
from reports.summaries import union_outcomes
from suites.judgement import problems

FIGURES = Path("benchmarks/defences.json")
PAGE = Path("docs/defences.md")
CHART = Path("docs/defences-{}.svg")
BEGIN, END = "<!-- figures: {} -->", "<!-- end of figures: {} -->"
HELD_OUT = "textfooler"
"""What gains and the chart are about: most defences saw nothing of its kind."""

Flags = dict[tuple[int, str], bool]
"""What held, by seed and example."""


def write_table(grid: Mapping[str, Any], cells: Sequence[Any]) -> None:
    """Collect every finished cell, and write the figures, the tables and the charts.

    Seeds of a defence that are not finished, or whose plain model is not, are left out. A row that was
    measured elsewhere stays until as many seeds of it are measured here.
    """
    attacks = grid["plan"]["audit"]["attacks"]
    found: dict[str, Any] = json.loads(FIGURES.read_text()) if FIGURES.exists() else {}
    order = [defence["name"] for defence in grid["defences"]]
    for data in grid["data"]:
        runs: dict[str, dict[int, Run]] = {}
        for cell in cells:
            training, audit = cell.run("train"), cell.run("audit")
            if cell.data == data["name"] and training and audit:
                runs.setdefault(cell.defence, {})[cell.seed] = Run(
                    cell.seed, training, audit, cell.stage == "harden"
                )
        plain = runs.get("plain", {})
        pace = runs.get(grid["cost_reference"], {})
        rows = found.get(data["name"], {})
        for name, by_seed in runs.items():
            seeds = [seed for seed in by_seed if seed in plain and seed in pace]
            if seeds and len(seeds) >= len(rows.get(name, {}).get("runs", ())):
                rows[name] = figures(
                    [by_seed[seed] for seed in seeds],
                    [plain[seed] for seed in seeds],
                    [(by_seed if name == "plain" else pace)[seed] for seed in seeds],
                    attacks,
                )
        if rows:
            found[data["name"]] = {name: rows[name] for name in order if name in rows}
    if not found:
        return
    write_atomic(FIGURES, json.dumps(found, indent=1) + "\n")
    for data in grid["data"]:
        if rows := found.get(data["name"]):
            _insert(PAGE, data["name"], table(rows, attacks))
            draw(rows, Path(str(CHART).format(data["name"])), data["title"])


class Run:
    """A finished training and its audit, of one seed."""

    def __init__(
        self, seed: int, training: RunFolder, audit: RunFolder, after_plain: bool = False
    ) -> None:
        self.seed, self.training, self.audit = seed, training, audit
        self.after_plain = after_plain
        self.results = audit.results()
        # Whatever the audit says against its own figures: a model that guesses, above all.
        self.reasons = problems(self.results)
        self._clean = audit.predictions("clean@test")
        self._outcomes: dict[str, list[OutcomeRecord]] = {}
        for outcome in audit.outcomes():
            self._outcomes.setdefault(outcome.check, []).append(outcome)

    def clean(self) -> Flags:
        """Which unaltered test texts are read rightly."""
        return {(self.seed, p.example_id): p.correct for p in self._clean}

    def families(self) -> dict[tuple[int, str], Hashable]:
        """The family of every test text; one without is its own."""
        return {(self.seed, p.example_id): p.group or p.example_id for p in self._clean}

    def withstood(self, attacks: Sequence[str], *, calibrated: bool) -> Flags:
        """Which attacked test texts withstood all of the attacks."""
        end = "/calibrated" if calibrated else ""
        checks = {name: self._outcomes[f"attack:{name}@test{end}"] for name in attacks}
        return {(self.seed, key): held for key, held in union_outcomes(checks)[0].items()}

    def gap(self, name: str) -> float | None:
        """A gap by its name, in the audit's own words."""
        for gap in self.results["gaps"]:
            if gap["name"] == name:
                value: float | None = gap["difference"]["value"]
                return value
        return None

    def seconds(self) -> float:
        """Of training alone, attacks on training rows included, evaluation excluded."""
        return sum(e["train_seconds"] for e in self.training.events() if e["event"] == "epoch")

    def seen(self) -> list[str]:
        """Attacks that this training saw, itself or in an edit of their kind."""
        return sorted({a["name"] for a in self.results["attacks"] if a["seen"]})

    def evidence(self) -> dict[str, dict[str, str]]:
        """The run folders and the SHA-256 of the sums of all their files."""
        return {
            kind: {
                "run": folder.id,
                "sha256": hashlib.sha256((folder.path / "SHA256SUMS").read_bytes()).hexdigest(),
            }
            for kind, folder in (("train", self.training), ("audit", self.audit))
        }


def figures(
    runs: Sequence[Run], plain: Sequence[Run], pace: Sequence[Run], attacks: Sequence[str]
) -> dict[str, Any]:
    """One row of the table: means over seeds, and differences from the plain model of each seed.

    Args:
        pace: trainings that cost what plain ones do, and ran beside as many others as these.
    """
    robust = {}
    for name, members in {**{a: (a,) for a in attacks}, "all": attacks}.items():
        for calibrated in (False, True):
            every = [_share(run.withstood(members, calibrated=calibrated)) for run in runs]
            robust[name + (".calibrated" if calibrated else "")] = _spread(every)
    return {
        "clean": _spread([_share(run.clean()) for run in runs]),
        "robust": robust,
        "seen": runs[0].seen(),
        "reasons": [reason for run in runs for reason in run.reasons],
        "examples": sum(len(run.withstood([HELD_OUT], calibrated=True)) for run in runs),
        "clean_gain": _gain(runs, plain, lambda run: run.clean()),
        "gain": _gain(runs, plain, lambda run: run.withstood([HELD_OUT], calibrated=True)),
        "accuracy_gap": _spread([run.gap("accuracy_train_test") for run in runs]),
        "robust_gap": _spread([run.gap("robust_train_test.deepwordbug") for run in runs]),
        "cost": _spread(
            [
                run.seconds() / other.seconds() + run.after_plain
                for run, other in zip(runs, pace, strict=True)
            ]
        ),
        "runs": {str(run.seed): run.evidence() for run in runs},
    }


def _share(flags: Flags) -> float:
    return sum(flags.values()) / len(flags)


def _spread(values: Sequence[float | None]) -> dict[str, float] | None:
    known = [value for value in values if value is not None]
    if len(known) < len(values):
        return None
    return {"mean": mean(known), "least": min(known), "most": max(known)}


def _gain(runs: Sequence[Run], plain: Sequence[Run], flags: Any) -> dict[str, Any]:
    """The paired difference over all seeds' texts; families are resampled whole."""
    before: Flags = {}
    after: Flags = {}
    families: dict[tuple[int, str], Hashable] = {}
    for run, other in zip(runs, plain, strict=True):
        after |= flags(run)
        before |= flags(other)
        families |= run.families()
    keys = [key for key in after if key in before]
    found: Estimate = paired_difference(
        [before[key] for key in keys], [after[key] for key in keys], [families[k] for k in keys]
    )
    return found.to_dict()


def table(rows: Mapping[str, Any], attacks: Sequence[str]) -> str:
    """Markdown: one line a defence, in points of a hundred."""
    head = ["defence", "clean", *attacks, "worst case", f"{HELD_OUT}, gain", "clean, gain"]
    head += ["gap, clean", "gap, robust", "cost"]
    lines = ["| " + " | ".join(head) + " |", "|" + " --- |" * len(head)]
    most = max(len(row["runs"]) for row in rows.values())
    for name, row in rows.items():
        robust = row["robust"]
        seeds = f" ({len(row['runs'])} seed{'s' * (len(row['runs']) > 1)})"
        cells = [name + seeds * (len(row["runs"]) < most), _percent(row["clean"])]
        if row["reasons"]:
            cells += ["‡"] * (len(attacks) + 2)
            cells += [_interval(row["clean_gain"]), _percent(row["accuracy_gap"]), "‡"]
            lines.append("| " + " | ".join([*cells, f"{row['cost']['mean']:.1f}"]) + " |")
            continue
        for attack in (*attacks, "all"):
            seen = set(attacks) if attack == "all" else {attack}
            mark = "†" if seen & set(row["seen"]) else ""
            raw, calibrated = (robust[attack + end] for end in ("", ".calibrated"))
            cells.append(f"{_percent(raw)} / {_percent(calibrated)}{mark}")
        plain = name == "plain"
        cells += ["" if plain else _interval(row[key]) for key in ("gain", "clean_gain")]
        cells += [_percent(row["accuracy_gap"]), _percent(row["robust_gap"])]
        cells.append(f"{row['cost']['mean']:.1f}")
        lines.append("| " + " | ".join(cells) + " |")
    return "\n".join(lines)


def _percent(spread: Mapping[str, float] | None) -> str:
    return "" if spread is None else f"{100 * spread['mean']:.1f}"


def _interval(estimate: Mapping[str, Any]) -> str:
    value, low, high = (100 * estimate[key] for key in ("value", "low", "high"))
    return f"{value:+.1f} [{low:+.1f}, {high:+.1f}]"


def draw(rows: Mapping[str, Any], path: Path, title: str) -> None:
    """What each defence costs, and what of the word-level attacks it withstands."""
    import matplotlib

    matplotlib.use("agg")
    from matplotlib import pyplot

    pyplot.rcParams["svg.hashsalt"] = "withstand"
    figure, axes = pyplot.subplots(figsize=(9, 6), layout="constrained")
    points = {
        name: (row["cost"]["mean"], 100 * row["robust"][f"{HELD_OUT}.calibrated"]["mean"])
        for name, row in rows.items()
        if not row["reasons"]
    }
    best = [
        name
        for name, (cost, robust) in points.items()
        if not any(
            c <= cost and r >= robust and (c, r) != (cost, robust) for c, r in points.values()
        )
    ]
    labels = []
    for name, (cost, robust) in points.items():
        seen = HELD_OUT in rows[name]["seen"]
        axes.plot(
            cost, robust, "o", color="C1" if seen else "C0", alpha=1.0 if name in best else 0.45
        )
        labels.append(
            axes.annotate(
                name, (cost, robust), xytext=(5, 3), textcoords="offset points", fontsize=8
            )
        )
    axes.plot([], [], "o", color="C0", label=f"saw nothing of {HELD_OUT}'s kind")
    axes.plot([], [], "o", color="C1", label="trained on edits of its kind")
    axes.legend(frameon=False, loc="upper left")
    line = sorted(points[name] for name in best)
    axes.step(*zip(*line, strict=True), where="post", color="grey", linewidth=0.8, zorder=0)
    axes.set_xscale("log")
    axes.set_xticks([1, 2, 3, 5, 10], ["1", "2", "3", "5", "10"])
    axes.xaxis.set_minor_locator(pyplot.NullLocator())
    axes.set_xlabel("training time, relative to plain training")
    axes.set_ylabel(f"% right under {HELD_OUT}, calibrated")
    axes.set_title(title)
    axes.spines[["top", "right"]].set_visible(False)
    _move_apart(figure, labels)
    figure.savefig(path, metadata={"Date": None})
    pyplot.close(figure)


def _move_apart(figure: Any, labels: Sequence[Any]) -> None:
    """Let each label down by its height until it covers none before it."""
    figure.draw_without_rendering()
    placed: list[Any] = []
    for label in labels:
        while any(label.get_window_extent().overlaps(other) for other in placed):
            right, up = label.get_position()
            label.set_position((right, up - label.get_fontsize()))
        placed.append(label.get_window_extent())


def _insert(page: Path, name: str, text: str) -> None:
    """Put a table between its marks on the page."""
    begin, end = BEGIN.format(name), END.format(name)
    whole = page.read_text(encoding="utf-8") if page.exists() else f"{begin}\n{end}\n"
    before, _, rest = whole.partition(begin)
    _, _, after = rest.partition(end)
    write_atomic(page, f"{before}{begin}\n{text}\n{end}{after}")
