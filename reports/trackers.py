"""The numbers of a run for experiment trackers: TensorBoard, MLflow and Weights & Biases.

Each gets every number that a gate can name, the ends of its interval as `NAME.low` and `NAME.high` and
its denominator as `NAME.n`, the verdict as a tag, and, where the tracker keeps files, the reports that
were just drawn and results.json. Weights & Biases writes to the disk and sends nothing: `wandb sync`
does that, when its user wants it. None of them is a dependency; each is an extra.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from importlib.util import find_spec
from pathlib import Path

from reports import judged, markdown
from reports.errors import ReportError
from reports.named import estimates
from reports.redaction import redacted, without_credentials
from reports.source import Source
from reports.visible import one_line

_BATCH = 500
"""Numbers in one request to MLflow, which takes 1,000."""


@dataclass(frozen=True, slots=True)
class Told:
    """What is sent of a run, counted before a tracker is asked: what fails then is the tracker's."""

    source: Source
    title: str
    numbers: tuple[tuple[str, float], ...]
    tags: Mapping[str, str]
    report: str


@dataclass(frozen=True, slots=True)
class Target:
    """A tracker and where it keeps its records; empty for the tracker's own default."""

    name: str
    place: str
    _send: Callable[[str, Told, Sequence[Path]], str]

    def send(self, source: Source, files: Sequence[Path]) -> str:
        """Send the numbers and files of a run; says where they are.

        Raises ReportError where the tracker does not take them.
        """
        told = Told(
            source,
            _title(source),
            tuple(numbers(source)),
            tags(source),
            markdown.render(source.report) if self.name == "tensorboard" else "",
        )
        try:
            return self._send(self.place, told, files)
        except ReportError:
            raise
        except Exception as error:
            said = one_line(f"{type(error).__name__}: {error}", 400)
            raise ReportError(
                f"{self.name} did not take the numbers of {source.run.id}: {redacted(said)} The "
                "run folder and its reports are whole; send them again with `withstand report --to`."
            ) from error


def target(spec: str) -> Target:
    """The tracker that `NAME` or `NAME:PLACE` means.

    Raises ReportError for one that is not known, or whose package is not installed.
    """
    name, _, place = spec.partition(":")
    if name not in TRACKERS:
        raise ReportError(f"There is no tracker '{name}'. Known: {', '.join(TRACKERS)}.")
    if find_spec(name) is None:
        raise ReportError(
            f"`--to {name}` needs the package {name}: `pip install withstand[{name}]`."
        )
    return Target(name, place, TRACKERS[name])


def numbers(source: Source) -> Iterator[tuple[str, float]]:
    """Every number by a name that all trackers take: letters, digits, `_ - . /`."""
    given: set[str] = set()
    for metric, found in estimates(source.results).items():
        name = re.sub(r"[^\w\-./]", "_", metric.replace("@", "/"), flags=re.ASCII)[:200].strip("/.")
        values = {
            "": found.value,
            ".low": found.low,
            ".high": found.high,
            ".n": found.n,
        }
        while any(name + ending in given for ending in values):
            name += "_"
        given.update(name + ending for ending in values)
        for ending, value in values.items():
            if value is not None:
                yield name + ending, float(value)


def tags(source: Source) -> dict[str, str]:
    """What is said of a run beside its numbers."""
    results, model = source.results, source.measured.get("model") or {}
    found = {
        "verdict": judged.headline(results),
        "kind": str(results["kind"]),
        "run": str(results["run"]["id"]),
        "plan_digest": str(results["run"].get("plan_digest") or ""),
        "model": str(model.get("fingerprint") or ""),
        "release": source.release,
    }
    found |= {f"gate.{gate.title}": gate.word for gate in judged.gates(results["verdict"])}
    return {name: one_line(value, 200) for name, value in found.items() if value}


def _mlflow(place: str, told: Told, files: Sequence[Path]) -> str:
    from mlflow.entities import Metric, RunTag
    from mlflow.tracking import MlflowClient

    client = MlflowClient(tracking_uri=place or None)
    title = told.title
    experiment = client.get_experiment_by_name(title)
    experiment_id = experiment.experiment_id if experiment else client.create_experiment(title)
    run = client.create_run(experiment_id, run_name=told.source.run.id)
    run_id, moment = run.info.run_id, _moment(told.source)
    try:
        found = [Metric(name, value, moment, 0) for name, value in told.numbers]
        for start in range(0, len(found), _BATCH):
            client.log_batch(run_id, metrics=found[start : start + _BATCH])
        marks = [RunTag(f"withstand.{_key(name)}", value) for name, value in told.tags.items()]
        for start in range(0, len(marks), 100):
            client.log_batch(run_id, tags=marks[start : start + 100])
        for path in _files(told.source, files):
            client.log_artifact(run_id, str(path))
    except BaseException:
        client.set_terminated(run_id, "FAILED")
        raise
    client.set_terminated(run_id, "FINISHED")
    where = without_credentials(place) or "its own tracking address"
    return f"MLflow has the numbers: run {run_id} of the experiment {title}, at {where}."


def _wandb(place: str, told: Told, files: Sequence[Path]) -> str:
    import wandb

    with wandb.init(
        project=place or "withstand",
        name=told.source.run.id,
        group=told.title,
        tags=[f"verdict: {judged.headline(told.source.results)}"],
        config=told.tags,
        mode="offline",
        # What runs here, and on what, is for the run's own manifest to say.
        settings=wandb.Settings(
            console="off", silent=True, save_code=False, disable_git=True, x_disable_stats=True
        ),
    ) as run:
        run.summary.update(dict(told.numbers))
        kept = wandb.Artifact(re.sub(r"[^\w.-]", "-", told.source.run.id), type="withstand-run")
        for path in _files(told.source, files):
            kept.add_file(str(path), name=path.name)
        run.log_artifact(kept)
        folder = Path(run.dir).parent
    return f"Weights & Biases has the numbers in {folder}; `wandb sync {folder}` sends them."


def _tensorboard(place: str, told: Told, files: Sequence[Path]) -> str:
    from torch.utils.tensorboard import SummaryWriter

    folder = Path(place or "tensorboard") / told.source.run.id
    folder.mkdir(parents=True, exist_ok=True)
    for earlier in folder.glob("events.out.tfevents.*"):
        earlier.unlink()  # the same run, sent again: it would be drawn twice
    with SummaryWriter(str(folder)) as writer:
        seconds = _moment(told.source) / 1000
        for name, value in told.numbers:
            writer.add_scalar(name, value, 0, walltime=seconds)
        for name, said in told.tags.items():
            writer.add_text(f"withstand/{_key(name)}", markdown.text(said), 0, walltime=seconds)
        writer.add_text("withstand/report", told.report, 0, walltime=seconds)
    return f"TensorBoard has the numbers in {folder}: tensorboard --logdir {folder.parent}"


def _title(source: Source) -> str:
    return one_line(judged.title(source.results), 100).replace("/", "-") or "withstand"


def _key(name: str) -> str:
    """A tag's name as MLflow takes it."""
    return re.sub(r"[^\w\-./ ]", "_", name, flags=re.ASCII)[:200]


def _moment(source: Source) -> int:
    """When the run ended, in milliseconds since 1970; 0 where it does not say."""
    run = source.results["run"]
    try:
        return int(datetime.fromisoformat(run.get("finished") or run["created"]).timestamp() * 1000)
    except ValueError:
        return 0


def _files(source: Source, files: Sequence[Path]) -> list[Path]:
    return [*files, source.run.path / "results.json"]


TRACKERS: dict[str, Callable[[str, Told, Sequence[Path]], str]] = {
    "mlflow": _mlflow,
    "wandb": _wandb,
    "tensorboard": _tensorboard,
}
