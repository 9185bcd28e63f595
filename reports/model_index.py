"""The numbers of an audit as model hubs read them: `model-index`, `.eval_results`, and a card of both.

`model-index` stands in the front matter of a card (README.md), with clean accuracy and robust accuracy,
each with its interval and its denominator. The newer `.eval_results/*.yaml` belongs to a data set on the
Hub by its id; a run knows only what its data were called here, so that file is written where the user
says the id, and not guessed. Its `task_id` is our name of the number: the Hub lists what the data set
declares and shows the rest nowhere.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

from reports import front_matter, judged
from reports import wording as w
from reports.errors import ReportError
from reports.source import Source, data_name
from reports.storage import write_atomic
from reports.visible import one_line

LONGEST = 200
_DATASET = re.compile(r"^    dataset: (\{.*\})$", re.MULTILINE)
_HUB_ID = re.compile(r"([\w.-]+/[\w.-]+)(?:@([0-9a-f]{7,40}))?", re.ASCII)


def render(source: Source) -> str:
    """A card of the run alone, for a model that has none."""
    from reports.markdown import text
    from reports.withstands import withstands

    title = f"# {text(_plain(judged.title(source.results)))}"
    body = "\n".join(["", title, "", *withstands(source.report)])
    return front_matter.patched(body, lines(source), "report.modelcard.md")


def again(source: Source, there: bytes) -> str:
    """The card that is there, drawn again: of the data set on the Hub that it names, if it names one."""
    found = _DATASET.search(there.decode("utf-8", "replace"))
    try:
        named = json.loads(found[1]) if found else {}
        dataset = "@".join(filter(None, (named.get("name"), named.get("revision"))))
    except (ValueError, AttributeError, TypeError, RecursionError):
        dataset = ""
    plain = render(source)
    if _HUB_ID.fullmatch(dataset) is None or plain.encode() == there:
        return plain
    return render(replace(source, dataset=dataset))


def patch(path: Path, source: Source) -> list[Path]:
    """Put the numbers into a card, which may be its folder; returns what was written.

    Raises ReportError where the card cannot be read or patched, or the run measured nothing for it.
    """
    readme = path / "README.md" if path.is_dir() else path
    found = _read(readme) if readme.is_file() else None
    entries = None if source.dataset is None else _eval_results(source, source.dataset)
    new = (
        render(source) if found is None else front_matter.patched(found, lines(source), str(readme))
    )
    write_atomic(readme, new.encode("utf-8", "surrogateescape"))
    if entries is None:
        return [readme]
    results = readme.parent / ".eval_results" / "withstand.yaml"
    results.parent.mkdir(exist_ok=True)
    write_atomic(results, entries)
    return [readme, results]


def lines(source: Source) -> list[str]:
    """Our item of the list `model-index`, in YAML.

    Raises ReportError where the run measured nothing that stands there.
    """
    name = str((source.measured.get("model") or {}).get("name") or judged.title(source.results))
    found = element(data_name(name), source.measured, source.dataset)
    if found is None:
        raise ReportError(
            f"The run {source.run.id} measured no accuracy on test texts, so there is nothing to put "
            "into a model card. Report on an audit or on an attack."
        )
    return yaml_lines(found)


def yaml_lines(found: Mapping[str, Any]) -> list[str]:
    """An element as an item of a YAML list, a number a line."""
    (result,) = found["results"]
    return [
        f"- name: {_scalar(found['name'])}",
        "  results:",
        f"  - task: {front_matter.yaml_text(result['task'])}",
        f"    dataset: {front_matter.yaml_text(result['dataset'])}",
        "    metrics:",
        *(f"    - {front_matter.yaml_text(metric)}" for metric in result["metrics"]),
    ]


def element(
    name: str, measured: Mapping[str, Any], dataset: str | None = None
) -> dict[str, Any] | None:
    """One model of `model-index` with the numbers of one audit; None where there are none.

    Args:
        measured: results of an audit or an attack.
        dataset: the id of the data on the Hub; without one they are called as in the run.
    """
    metrics = [metric for _, metric in _metrics(measured)]
    if not metrics:
        return None
    hub, revision = (None, None) if dataset is None else _hub_id(dataset)
    called = _plain(hub or data_name(str((measured.get("data") or {}).get("source") or "unknown")))
    data = {"name": called, "type": called, "split": "test"}
    if revision:
        data["revision"] = revision
    writes = any("written" in attack for attack in measured.get("attacks", []))
    task = {"type": "text2text-generation" if writes else "text-classification"}
    return {
        "name": _plain(name),
        "results": [{"task": task, "dataset": data, "metrics": metrics}],
    }


def _metrics(measured: Mapping[str, Any]) -> Iterator[tuple[str, dict[str, Any]]]:
    """Name and entry of each number."""
    clean = (measured.get("clean") or {}).get("test")
    if clean and clean["accuracy"]["value"] is not None:
        yield "clean_accuracy", _metric("accuracy", "Accuracy", clean["accuracy"])
    rated = [
        (f"robust_accuracy.{a['name']}", a)
        for a in measured.get("attacks", [])
        if "written" not in a
    ]
    rated += [("robust_accuracy.union", union) for union in measured.get("unions", [])]
    for name, entry in rated:
        found = entry["robust_accuracy"]
        if entry["split"] == "test" and found["value"] is not None:
            metric = name + (".calibrated" if entry["calibrated"] else "")
            yield metric, _metric("robust_accuracy", w.metric_title(metric), found)


def _metric(kind: str, title: str, found: Mapping[str, Any]) -> dict[str, Any]:
    known = {key: found.get(key) for key in ("low", "high", "n", "level")}
    args = {
        key: round(value, 4) if isinstance(value, float) else value
        for key, value in known.items()
        if value is not None
    }
    entry: dict[str, Any] = {"type": kind, "value": round(found["value"], 4), "name": _plain(title)}
    return entry | ({"args": args} if args else {})


def _eval_results(source: Source, dataset: str) -> str:
    """`.eval_results/withstand.yaml`."""
    import yaml

    hub, revision = _hub_id(dataset)
    entries = []
    for name, metric in _metrics(source.measured):
        about: dict[str, Any] = {"id": hub, "task_id": _plain(name)}
        if revision:
            about["revision"] = revision
        args = metric.get("args", {})
        interval = (
            f"{args['level']:.0%} interval {args['low']} to {args['high']}, "
            if "low" in args
            else ""
        )
        entries.append(
            {
                "dataset": about,
                "value": metric["value"],
                "date": str(source.results["run"]["created"])[:10],
                "notes": f"{metric['name']}: {interval}n = {args.get('n')}; withstand "
                f"{_plain(source.release)}, run {_plain(str(source.results['run']['id']))}",
            }
        )
    found: str = yaml.safe_dump(entries, sort_keys=False, allow_unicode=True)
    return found


def _hub_id(dataset: str) -> tuple[str, str | None]:
    found = _HUB_ID.fullmatch(dataset)
    if found is None:
        raise ReportError(
            f"'{dataset}' is no data set on the Hub. Give --dataset as OWNER/NAME, with @REVISION (a "
            "commit) where it is known."
        )
    return found[1], found[2]


def _read(path: Path) -> str:
    try:
        # What is not UTF-8 goes through as it is.
        return path.read_bytes().decode("utf-8", "surrogateescape")
    except OSError as error:
        raise ReportError(f"{path} cannot be read: {error.strerror}.") from None


def _scalar(text: str) -> str:
    return json.dumps(text, ensure_ascii=False)


def _plain(text: str) -> str:
    return one_line(text, LONGEST)
