"""Results of earlier releases are read in the shape of this one, and never changed otherwise."""

from __future__ import annotations

import copy
import json
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from reports.errors import ReportError
from reports.folder import RunFolder
from reports.migration import migrated

FIXTURE = Path(__file__).parent / "data" / "results-v1.json"

VALUES = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(max_size=8),
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.dictionaries(st.sampled_from(["checks", "comparison", "before", "after", "x"]), inner)
    ),
    max_leaves=20,
)


def test_checks_of_before_they_could_error_did_not() -> None:
    check = {"name": "twin", "alarm": True}
    side = {"checks": [check, {"name": "reach", "errored": True}]}
    results = {**side, "comparison": {"before": side, "after": {}, "cost": 1}}
    before = copy.deepcopy(results)
    found = migrated(results)
    expected = [{"errored": False, **check}, {"name": "reach", "errored": True}]
    assert found["checks"] == expected
    assert found["comparison"] == {"before": {"checks": expected}, "after": {}, "cost": 1}
    assert results == before, "what was read stays as it is"


def test_results_of_this_release_stay_as_they_are() -> None:
    results = json.loads(FIXTURE.read_text(encoding="utf-8"))
    once = migrated(results)
    assert migrated(once) == once
    assert {key: once[key] for key in results if key not in ("checks", "comparison")} == {
        key: results[key] for key in results if key not in ("checks", "comparison")
    }


@given(st.dictionaries(st.sampled_from(["checks", "comparison", "x"]), VALUES))
def test_whatever_is_no_result_is_left_to_who_checks_it(results: dict[str, Any]) -> None:
    migrated(results)


def test_a_version_that_is_newer_is_refused_and_says_by_whom_it_is_read(tmp_path: Path) -> None:
    results = json.loads(FIXTURE.read_text(encoding="utf-8")) | {"version": 2}
    run = RunFolder.create(tmp_path, "newer", kind="audit")
    (run.path / "results.json").write_text(json.dumps(results), encoding="utf-8")
    with pytest.raises(ReportError, match="version 2; this release reads version 1"):
        run.results()
