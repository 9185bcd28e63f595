"""The numbers in trackers: read back from TensorBoard's file, and from MLflow and W&B where they are.

MLflow and Weights & Biases bring dozens of packages, so the test environment has neither: calls are
recorded by stand-ins with the signatures of mlflow-skinny 3.17 and wandb 0.31. Where the real ones are
installed, they are sent the numbers too.
"""

from __future__ import annotations

import sys
from collections.abc import Iterator
from pathlib import Path
from types import ModuleType, SimpleNamespace
from typing import Any

import judged_run
import pytest
from hypothesis import given
from tensorboard.backend.event_processing.event_accumulator import EventAccumulator

from reports import trackers
from reports.errors import ReportError
from reports.named import estimates
from reports.source import Source


@pytest.fixture
def source(tmp_path: Path) -> Source:
    folder = tmp_path / "run"
    folder.mkdir()
    for name in ("results.json", "report.md"):
        (folder / name).write_text("{}")
    return judged_run.source(folder=folder)


def send(spec: str, source: Source) -> str:
    return trackers.target(spec).send(source, [source.run.path / "report.md"])


def test_tensorboard_has_every_number_with_its_interval_and_the_verdict(
    source: Source, tmp_path: Path
) -> None:
    for _ in range(2):  # sent again, it is there once
        said = send(f"tensorboard:{tmp_path / 'board'}", source)
    (file,) = (tmp_path / "board" / "run").iterdir()
    assert str(file.parent) in said
    events = EventAccumulator(str(file.parent))
    events.Reload()
    for name, found in estimates(source.results).items():
        for ending, value in (("", found.value), (".low", found.low), (".n", found.n)):
            if value is not None:
                (scalar,) = events.Scalars(name + ending)
                assert scalar.value == pytest.approx(value)
    (verdict,) = events.Tensors("withstand/verdict/text_summary")
    assert verdict.tensor_proto.string_val[0] == b"Fail"
    (report,) = events.Tensors("withstand/report/text_summary")
    assert "rt-harden" in report.tensor_proto.string_val[0].decode()


@pytest.fixture
def mlflow(monkeypatch: pytest.MonkeyPatch) -> list[Any]:
    """A stand-in that keeps what a client was told."""
    told: list[Any] = []

    class Client:
        def __init__(self, tracking_uri: str | None = None) -> None:
            told.append(("uri", tracking_uri))

        def get_experiment_by_name(self, name: str) -> None:
            return None

        def create_experiment(self, name: str) -> str:
            told.append(("experiment", name))
            return "7"

        def create_run(self, experiment_id: str, run_name: str) -> Any:
            return SimpleNamespace(info=SimpleNamespace(run_id="r1"))

        def log_batch(self, run_id: str, metrics: Any = (), tags: Any = ()) -> None:
            assert len(metrics) <= 1_000
            assert len(tags) <= 100
            told.extend([*metrics, *tags])

        def log_artifact(self, run_id: str, local_path: str) -> None:
            told.append(("file", Path(local_path).name))

        def set_terminated(self, run_id: str, status: str) -> None:
            told.append(("status", status))

    entities, tracking = ModuleType("mlflow.entities"), ModuleType("mlflow.tracking")
    entities.Metric = lambda key, value, timestamp, step: (key, value)  # type: ignore[attr-defined]
    entities.RunTag = lambda key, value: ("tag", key, value)  # type: ignore[attr-defined]
    tracking.MlflowClient = Client  # type: ignore[attr-defined]
    package = ModuleType("mlflow")
    package.__spec__ = SimpleNamespace()  # type: ignore[assignment]
    for name, module in (("", package), (".entities", entities), (".tracking", tracking)):
        monkeypatch.setitem(sys.modules, f"mlflow{name}", module)
    monkeypatch.setattr(trackers, "find_spec", lambda name: object())
    return told


def test_mlflow_is_told_the_numbers_the_verdict_and_the_files(
    source: Source, mlflow: list[Any]
) -> None:
    said = send("mlflow:https://me:secret@host/mlflow", source)
    assert mlflow[0] == ("uri", "https://me:secret@host/mlflow")
    assert "secret" not in said
    assert dict(trackers.numbers(source)).items() <= {e for e in mlflow if len(e) == 2}
    assert ("tag", "withstand.verdict", "Fail") in mlflow
    assert ("tag", "withstand.gate.calibration_error", "waived") in mlflow
    assert [entry[1] for entry in mlflow if entry[0] == "file"] == ["report.md", "results.json"]
    assert mlflow[-1] == ("status", "FINISHED")


def test_a_tracker_that_refuses_is_an_error_without_its_password(
    source: Source, mlflow: list[Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(*_: Any) -> None:
        raise ConnectionError("no route to https://me:secret@host/mlflow")

    monkeypatch.setattr(sys.modules["mlflow.tracking"].MlflowClient, "log_artifact", refuse)
    with pytest.raises(ReportError, match="no route to https://host/mlflow") as raised:
        send("mlflow:https://me:secret@host/mlflow", source)
    assert "secret" not in str(raised.value)
    assert mlflow[-1] == ("status", "FAILED")


def test_wandb_is_offline_and_gets_numbers_verdict_and_files(
    source: Source, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    told: dict[str, Any] = {"files": []}

    class Run:
        summary = SimpleNamespace(update=lambda values: told.update(numbers=values))
        dir = str(tmp_path / "offline-run" / "files")

        def __enter__(self) -> Run:
            return self

        def __exit__(self, *_: object) -> None:
            told["ended"] = True

        def log_artifact(self, artifact: Any) -> None:
            told["artifact"] = artifact

    class Artifact:
        def __init__(self, name: str, type: str) -> None:  # noqa: A002
            pass

        def add_file(self, path: str, name: str) -> None:
            told["files"].append(name)

    package = ModuleType("wandb")
    package.init = lambda **given: told.update(given) or Run()  # type: ignore[attr-defined,func-returns-value]
    package.Settings = lambda **given: given  # type: ignore[attr-defined]
    package.Artifact = Artifact  # type: ignore[attr-defined]
    monkeypatch.setitem(sys.modules, "wandb", package)
    monkeypatch.setattr(trackers, "find_spec", lambda name: object())
    said = send("wandb:reviews", source)
    assert (told["mode"], told["project"], told["tags"]) == (
        "offline",
        "reviews",
        ["verdict: Fail"],
    )
    assert told["numbers"] == dict(trackers.numbers(source))
    assert told["files"] == ["report.md", "results.json"]
    assert told["ended"]
    assert f"wandb sync {tmp_path / 'offline-run'}" in said


def test_mlflow_itself_keeps_what_it_is_sent(
    source: Source, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    tracking = pytest.importorskip("mlflow.tracking")
    monkeypatch.setenv("MLFLOW_ALLOW_FILE_STORE", "true")
    place = (tmp_path / "mlruns").as_uri()
    send(f"mlflow:{place}", source)
    client = tracking.MlflowClient(tracking_uri=place)
    experiment = client.get_experiment_by_name("rt-harden")
    (run,) = client.search_runs([experiment.experiment_id])
    assert run.data.metrics == pytest.approx(dict(trackers.numbers(source)))
    assert run.data.tags["withstand.verdict"] == "Fail"
    assert {file.path for file in client.list_artifacts(run.info.run_id)} == {
        "report.md",
        "results.json",
    }


def test_wandb_itself_writes_an_offline_run(
    source: Source, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    pytest.importorskip("wandb")
    monkeypatch.setenv("WANDB_DIR", str(tmp_path))
    monkeypatch.setenv("WANDB_DATA_DIR", str(tmp_path))
    send("wandb", source)
    (file,) = (tmp_path / "wandb").glob("offline-run-*/run-*.wandb")
    data = file.read_bytes()
    assert b"robust_accuracy.textfooler.low" in data
    assert b"verdict: Fail" in data


@pytest.mark.parametrize("name", ["mlflow", "wandb", "tensorboard"])
def test_a_tracker_that_is_not_installed_names_its_extra(
    name: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(trackers, "find_spec", lambda name: None)
    with pytest.raises(ReportError, match=rf"pip install withstand\[{name}\]"):
        trackers.target(name)


def test_a_tracker_that_is_not_known_names_those_that_are() -> None:
    with pytest.raises(ReportError, match="Known: mlflow, wandb, tensorboard"):
        trackers.target("neptune:x")


@given(judged_run.NASTY)
def test_names_of_numbers_are_plain_and_none_is_lost(poison: str) -> None:
    found = judged_run.results()
    for attack in found["comparison"]["after"]["attacks"]:
        attack["name"] += poison
    source = judged_run.source(found)
    names = [name for name, _ in trackers.numbers(source)]
    assert len(set(names)) == len(names)
    assert all(set(name) <= set(_plain()) for name in names)
    assert sum(not name.endswith((".low", ".high", ".n")) for name in names) == sum(
        estimate.value is not None for estimate in estimates(found).values()
    )


def test_numbers_whose_plain_names_are_the_same_are_kept_apart() -> None:
    found = judged_run.results()
    odd = ("a b", "a_b", "a_b.low", "a\tb")
    for attack, name in zip(found["comparison"]["after"]["attacks"], odd, strict=False):
        attack |= {"name": name, "calibrated": False, "split": "test"}
    names = [name for name, _ in trackers.numbers(judged_run.source(found))]
    assert len(set(names)) == len(names)
    assert {"robust_accuracy.a_b", "robust_accuracy.a_b_"} <= set(names)


def _plain() -> Iterator[str]:
    yield from "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_-./"
