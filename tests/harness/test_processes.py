"""Several processes: what they share out, and that two train as one does."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from attacks.victims.transformer import Encoding
from harness import processes
from harness.batches import LengthGroups, Row, Shares, TrainingSet
from suites.cli import invoke
from tests.harness.launching import trained, unlike
from tests.harness.together import CASES

REFUSED = ("diverging", "uneven")
QUICK = ("plain", "accumulated")
"""Cases of the quick test, with inner steps and without; all of them are marked slow."""


@given(
    rows=st.integers(1, 40), each=st.integers(1, 4), count=st.integers(1, 4), seed=st.integers(0, 9)
)
def test_every_row_of_a_batch_is_one_process_s(rows: int, each: int, count: int, seed: int) -> None:
    encodings = [Encoding(tuple(range(1, 2 + n % 7)), None) for n in range(rows)]
    data = TrainingSet([Row(encoding, 0) for encoding in encodings])
    size = each * count

    def share(rank: int, of: int) -> list[list[int]]:
        return list(Shares(LengthGroups(data, size, seed), size, rank, of))

    whole = share(0, 1)
    parts = [share(rank, count) for rank in range(count)]
    assert len(whole) == len(Shares(LengthGroups(data, size, seed), size, 0, count))
    assert sorted(position for batch in whole for position in batch) == list(range(rows))
    for batch, *shares in zip(whole, *parts, strict=True):
        assert sorted(p for part in shares for p in part if p >= 0) == sorted(batch)
        for part in shares:
            idle = [p for p in part if p < 0]
            assert not idle or len(part) == 1
            assert all(not data[p].counts and data[p].encoding == data[~p].encoding for p in idle)


def test_one_process_alone_shares_nothing() -> None:
    assert processes.count() == 1
    assert processes.is_first()
    assert processes.total(1.5, 2) == [1.5, 2]
    assert processes.shared_out([1, 2, 3], lambda part: [n * n for n in part]) == [1, 4, 9]
    assert processes.from_first(lambda: "made") == "made"


def results(folder: Path, cases: Sequence[str]) -> tuple[dict[str, Any], dict[str, Any]]:
    """Of each case what one process found, and what two did."""
    return trained(folder / "1", cases, 1), trained(folder / "2", cases, 2)


@pytest.mark.slow
def test_two_processes_come_to_what_one_does(tmp_path: Path) -> None:
    alone, two = results(tmp_path, QUICK)
    assert unlike(alone, two, QUICK) == {}


@pytest.mark.slow
def test_two_processes_come_to_what_one_does_in_every_case(tmp_path: Path) -> None:
    """All in one test: the cases share two programs, which start but once."""
    alone, two = results(tmp_path, list(CASES))
    assert unlike(alone, two, [case for case in CASES if case not in REFUSED]) == {}
    assert attacked(alone["attacked"]["events"]) == attacked(two["attacked"]["events"])
    assert sum(item[2] for item in attacked(two["attacked"]["events"])) > 0
    for side in (alone, two):
        assert "The training loss became" in side["diverging"]["refused"]
    assert "history" in alone["uneven"]
    assert "2 processes cannot share evenly" in two["uneven"]["refused"]


def attacked(events: list[dict[str, Any]]) -> list[Any]:
    """What attacks on training rows came to, part by part."""
    rows = [event for event in events if event["event"] == "augmentation"]
    return [(e["epoch"], e["part"], e["adversarial"], e["statuses"]) for e in rows]


def test_verbs_for_one_process_say_so(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("WORLD_SIZE", "2")
    monkeypatch.setenv("RANK", "1")
    assert invoke(["audit", "plan.toml"]) == 2
    assert "`withstand audit` runs in one process, and 2 were launched" in capsys.readouterr().err
