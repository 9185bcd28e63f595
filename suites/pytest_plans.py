"""A plan file as tests: one a gate. `pytest release.toml` audits the model once and judges each gate."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from datetime import UTC, datetime
from importlib.metadata import version
from pathlib import Path
from typing import Any, cast

import pytest

from harness.plan import Gate, Plan, read_plan
from harness.session import Stage, data_of
from reports.errors import ReportError
from reports.folder import RunFolder
from reports.progress import Quiet
from reports.results import Results
from reports.storage import read_json
from suites.audit import model_of, texts_of
from suites.freezing import Freeze, read_freeze
from suites.gate_bounds import PAIRED
from suites.judgement import with_verdict
from suites.measured import InconclusiveError
from suites.pytest_fixtures import folder
from suites.pytest_settings import MARK, PROPERTY, setting, switched
from suites.sets import load_sets


class GateError(Exception):
    """A gate of a plan is not met."""


class PlanFile(pytest.File):
    """The plan; it is audited when the first of its gates is run."""

    def collect(self) -> Iterator[pytest.Item]:
        """One item a gate. A plan that is not valid, or has no gates, is an error of collection."""
        self.plan = read_plan(self.path)
        self._results: dict[str, Any] | None = None
        if not self.plan.gates:
            raise self.CollectError(
                f"{self.path}: the plan has no [[gates]], so nothing is tested."
            )
        for number, gate in enumerate(self.plan.gates):
            name = gate.name + (f"-{number + 1}" if self._repeated(gate) else "")
            item: GateItem = GateItem.from_parent(self, name=name, number=number)
            item.add_marker(MARK)
            item.add_marker(pytest.mark.xdist_group(str(self.path)))
            yield item

    def _repeated(self, gate: Gate) -> bool:
        return sum(other.name == gate.name for other in self.plan.gates) > 1

    def results(self) -> dict[str, Any]:
        """results.json of the audit, with its verdict; run now unless it was."""
        if self._results is None:
            self._results = audited(
                self.plan,
                folder(self.config, "runs", "runs"),
                device=setting(self.config, "device"),
                fresh=switched(self.config, "fresh"),
                frozen=read_freeze(self.path),
            )
        return self._results


class GateItem(pytest.Item):
    """One gate of a plan."""

    def __init__(self, *, number: int, **given: Any) -> None:
        super().__init__(**given)
        self._number = number

    def runtest(self) -> None:
        """Judge the gate.

        Raises GateError where it is missed, InconclusiveError where the sample cannot tell.
        """
        assert isinstance(self.parent, PlanFile)  # noqa: S101 - who made it
        verdict = self.parent.results()["verdict"]
        gate = verdict["gates"][self._number]
        if waiver := gate.get("waiver"):
            said = f"waived by {waiver['owner']} until {waiver['until']}: {waiver['reason']}"
            self.user_properties.append((f"{PROPERTY}.waived", f"{gate['explanation']}; {said}"))
            pytest.xfail(f"{gate['explanation']}; {said}")
        problems = verdict["problems"]
        word = "inconclusive" if gate["verdict"] == "pass" and problems else gate["verdict"]
        reason = "; ".join([gate["explanation"], *(problems if word == "inconclusive" else ())])
        self.user_properties.append((f"{PROPERTY}.{word}", reason))
        if word == "fail":
            raise GateError(f"{reason}. Why it is there: {gate['why']}")
        if word == "inconclusive":
            raise InconclusiveError(reason)

    def repr_failure(self, excinfo: pytest.ExceptionInfo[BaseException], style: Any = None) -> Any:
        """The reason alone; the traceback of anything that is no judgement."""
        if isinstance(excinfo.value, GateError | InconclusiveError):
            return str(excinfo.value)
        return super().repr_failure(excinfo, style)

    def reportinfo(self) -> tuple[Path, int, str]:
        """Where it stands."""
        return self.path, 0, f"gate: {self.name}"


def audited(
    plan: Plan, runs: Path, *, device: str | None, fresh: bool, frozen: Freeze | None = None
) -> dict[str, Any]:
    """Results of an audit of the plan's last model, against its plain one where a gate asks for that.

    A finished run of the same plan on the same weights is taken as it is, unless `fresh`.
    """
    from reports.render import render
    from suites.audit import AuditOptions, audit_run
    from suites.preflight import check_audit, chosen_stage

    stage = chosen_stage(plan, None)
    options = AuditOptions(device=device, frozen=frozen)
    paired = stage == "harden" and any(g.measured.startswith(PAIRED) for g in plan.gates)
    stages: list[Stage] = ["train", stage] if paired else [stage]
    for each in stages:
        check_audit(plan, model_of(plan, each), runs)
    baseline: Path | None = None
    for each in stages:
        gates: Sequence[Gate] = plan.gates if each == stage else ()
        known = None if fresh else _known(plan, each, runs, baseline, frozen)
        if known is not None:
            found = known
        else:
            found = audit_run(
                plan,
                stage=each,
                runs=runs,
                progress=Quiet(),
                options=options,
                gates=gates,
                baseline=baseline,
            ).folder
            render(found)
        baseline = found
    results = cast("Results", RunFolder.open(found).results())
    # Of a run that is known the gates may be none (`withstand harden` judges once, at its end).
    # By today: a run that is taken again must not keep a waiver alive.
    with_verdict(results, plan.gates, waivers=plan.waivers, today=datetime.now(UTC).date())
    return cast("dict[str, Any]", results)


def _known(
    plan: Plan, stage: Stage, runs: Path, baseline: Path | None, frozen: Freeze | None
) -> Path | None:
    """The newest whole audit of this plan and stage, of the weights and texts that lie there now.

    With a baseline, one that was compared with it; of a frozen plan, one that ran when it was frozen.
    """
    output = Path(model_of(plan, stage))
    prepared = data_of(plan)
    texts = texts_of(prepared, load_sets(plan, prepared.labels))
    for path in sorted(runs.iterdir(), reverse=True) if runs.is_dir() else ():
        if not (path / "results.json").is_file():
            continue
        try:
            run = RunFolder.open(path)
            began = run.started()
            if (began.get("kind"), began.get("stage")) != ("audit", stage) or not run.is_finished:
                continue
            if began.get("plan_digest") != plan.digest:
                continue
            results = run.results()
        except ReportError:
            continue  # damaged, or no run of ours
        if results.get("limited") or _release(path) != version("withstand"):
            continue
        compared = results["comparison"]
        against = compared["before"]["run"]["id"] if compared else None
        if against != (baseline.name if baseline else None):
            continue
        side = compared["after"] if compared else results
        if frozen is not None and (results.get("frozen") or {}).get("date") != frozen.date:
            continue
        splits = (side["data"] or {}).get("splits", {})
        if texts != {name: split["fingerprint"] for name, split in splits.items()}:
            continue
        files = side["model"]["files"]
        if files and all(_same(output / name, digest) for name, digest in files.items()):
            return path
    return None


def _release(run: Path) -> str | None:
    """The release of Withstand that made a run."""
    found: str | None = read_json(run / "manifest.json").get("versions", {}).get("withstand")
    return found


def _same(path: Path, digest: str) -> bool:
    from reports.hashing import sha256_file

    return path.is_file() and sha256_file(path) == digest
