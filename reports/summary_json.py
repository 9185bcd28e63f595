"""report.json: the verdict and the numbers of a run in one flat, small object, for other tools.

results.json holds the same and more, but in the shape that the run was measured in: a reader who wants
one number has to know where each kind stands, and that a comparison has two of all. Here every number
has the name by which gates know it, so a dashboard reads one key; there is no example and no attacked
text in it, so it can be sent where those may not go; and the records that it was drawn from are named by
SHA-256. The format has a version of its own; readers ignore keys that they do not know.
"""

from __future__ import annotations

from reports.named import estimates
from reports.source import Source
from reports.storage import to_json

FORMAT = "withstand/report"
VERSION = 1


def render(source: Source) -> str:
    """The object in one line."""
    results, measured = source.results, source.measured
    model, data = measured.get("model") or {}, measured.get("data") or {}
    found = {
        "format": FORMAT,
        "version": VERSION,
        "kind": results["kind"],
        "run": {key: results["run"].get(key) for key in ("id", "name", "created", "finished")},
        "plan_digest": results["run"].get("plan_digest"),
        "release": source.release,
        "model": {key: model.get(key) for key in ("name", "fingerprint")} if model else None,
        "data": {
            "source": data.get("source"),
            "test_fingerprint": ((data.get("splits") or {}).get("test") or {}).get("fingerprint"),
        }
        if data
        else None,
        "verdict": results["verdict"],
        "metrics": {name: value.to_dict() for name, value in estimates(results).items()},
        "alarms": [
            {key: check.get(key) for key in ("name", "attack", "kind", "means", "errored")}
            for check in measured.get("checks", [])
            if check["alarm"] or check["errored"]
        ],
        "summary": list(source.report.summary),
        "limits": results["limits"],
        "records": source.digests,
    }
    return to_json(found) + "\n"
