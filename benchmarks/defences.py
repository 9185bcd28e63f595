"""The defence table: every way to train, on the same data, under the same attacks.

    python benchmarks/defences.py [--jobs N] [--data NAME] [--only DEFENCE]… [--device cuda]

trains each defence of `defences.toml` for each seed and audits it, in run folders below `runs/defences`.
What is finished is not run again, and what was interrupted goes on where it stopped. At the end
`defence_table.py` writes `docs/defences.md`, its chart, and the figures with the hashes of their run
folders.
"""

from __future__ import annotations

import argparse
import sys
import tomllib
from collections.abc import Iterator
from concurrent.futures import ProcessPoolExecutor, as_completed
from dataclasses import dataclass
from multiprocessing import get_context
from pathlib import Path
from time import perf_counter
from typing import Any

from defence_table import write_table

from harness.plan import Plan, parse_plan
from harness.session import Stage, train_run
from reports.folder import RunFolder, slug
from reports.progress import Quiet
from suites.audit import AuditOptions, audit_run

HERE = Path(__file__).parent
RUNS = Path("runs/defences")


@dataclass(frozen=True)
class Cell:
    """One defence on one data set from one seed."""

    data: str
    defence: str
    seed: int
    plan: Plan
    stage: Stage

    @property
    def folder(self) -> Path:
        """Where its run folders are."""
        return RUNS / self.data / str(self.seed) / _short(self.defence)

    def run(self, kind: str) -> RunFolder | None:
        """Its finished run of a kind ("train" or "audit"), where there is one."""
        for path in sorted(self.folder.iterdir()) if self.folder.is_dir() else ():
            found = RunFolder.open(path)
            if found.is_finished and found.started()["kind"] == kind:
                # Read again, since a key that a later version knows is not in an earlier one's plan.
                written = parse_plan(tomllib.loads(found.plan_text() or ""), str(path))
                if written.digest == self.plan.digest:
                    return found
        return None


def cells(grid: dict[str, Any]) -> Iterator[Cell]:
    """Every cell of the table."""
    for data in grid["data"]:
        for defence in grid["defences"]:
            if data["name"] in defence.get("only", (data["name"],)):
                for seed in data["seeds"]:
                    yield _cell(grid["plan"], data, defence, seed)


def _cell(common: dict[str, Any], data: dict[str, Any], defence: dict[str, Any], seed: int) -> Cell:
    def output(name: str) -> str:
        return str(RUNS / "models" / data["name"] / str(seed) / _short(name))

    changed = data.get("plan", {})
    plan = {section: {**common[section], **changed.get(section, {})} for section in common}
    own = {key: value for key, value in defence.items() if key not in ("name", "only")}
    section = {**plan["train"], **own, "output": output(defence["name"])}
    stage: Stage = "train"
    if own.get("start") == "plain":
        stage, plan["harden"] = "harden", section
        section = {**plan["train"], "output": output("plain")}
    whole = {
        **plan,
        "name": _short(f"{data['name']} {defence['name']}"),
        "seed": seed,
        "data": {k: v for k, v in data.items() if k not in ("name", "title", "seeds", "plan")},
        "train": section,
    }
    parsed = parse_plan(whole, "defences.toml")
    return Cell(data["name"], defence["name"], seed, parsed, stage)


def _short(name: str) -> str:
    return slug(name.replace("+", " plus"))


def make(cell: Cell, device: str | None, batch_size: int) -> tuple[Cell, float]:
    """Train and audit a cell, or go on with it; the seconds that this took."""
    started = perf_counter()
    if cell.run("train") is None:
        train_run(cell.plan, cell.stage, runs=cell.folder, progress=Quiet(), resume="last")
    if cell.run("audit") is None:
        audit_run(
            cell.plan,
            stage=cell.stage,
            runs=cell.folder,
            progress=Quiet(),
            options=AuditOptions(device=device, batch_size=batch_size),
            gates=(),
            resume="last",
        )
    return cell, perf_counter() - started


def run(todo: list[Cell], jobs: int, device: str | None, batch_size: int) -> int:
    """Make cells side by side; one that fails is named and the others go on. Returns the failures."""
    failed = 0
    with ProcessPoolExecutor(jobs, mp_context=get_context("spawn")) as pool:
        pending = {pool.submit(make, cell, device, batch_size): cell for cell in todo}
        for number, future in enumerate(as_completed(pending), start=1):
            cell = pending[future]
            what = f"[{number}/{len(todo)}] {cell.data}, seed {cell.seed}, {cell.defence}"
            try:
                _, seconds = future.result()
            except Exception as error:
                failed += 1
                print(f"{what}: {type(error).__name__}: {error}", flush=True)
            else:
                print(f"{what}: {seconds:.0f} s", flush=True)
    return failed


def main(arguments: list[str]) -> int:
    """The command."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--jobs", type=int, default=1, help="trainings and audits at once")
    parser.add_argument("--data", help="this data set alone")
    parser.add_argument(
        "--only", action="append", help="this defence alone; several times for more"
    )
    parser.add_argument("--seeds", type=int, help="so many seeds alone")
    parser.add_argument("--device", help="of audits; training takes a GPU where there is one")
    parser.add_argument("--batch-size", type=int, default=64, help="texts at once in an attack")
    parser.add_argument("--grid", type=Path, default=HERE / "defences.toml")
    given = parser.parse_args(arguments)
    grid = tomllib.loads(given.grid.read_text(encoding="utf-8"))
    if unknown := set(given.only or ()) - {defence["name"] for defence in grid["defences"]}:
        parser.error(f"No such defence: {', '.join(sorted(unknown))}. {given.grid} names them.")
    todo = [
        cell
        for cell in cells(grid)
        if (given.only is None or cell.defence in given.only)
        and given.data in (None, cell.data)
        and (given.seeds is None or cell.seed < given.seeds)
    ]
    todo.sort(key=lambda cell: cell.seed)
    # Plain ones run beside the others, so that training times compare; what starts from them waits.
    first = [cell for cell in todo if cell.stage == "train"]
    then = [cell for cell in todo if cell.stage == "harden"]
    how = (given.jobs, given.device, given.batch_size)
    failed = sum(run(part, *how) for part in (first, then) if part)
    write_table(grid, list(cells(grid)))
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
