"""Answers on disk: what was answered once is not asked again, by whatever process."""

from __future__ import annotations

import sqlite3
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from attacks.engine import store as stores
from attacks.engine.cache import Cache
from attacks.engine.scheduler import Job, run
from attacks.engine.store import Store
from attacks.errors import AttackError
from attacks.outcomes import Example, Finished, Tick
from attacks.questions import Fit, Written
from attacks.searches import Genetic
from attacks.text import Text
from attacks.victims.function import FunctionVictim
from tests.attacks.small import Table
from tests.attacks.test_in_turn import recipe

texts = st.tuples(st.text(alphabet=st.characters(), max_size=20)) | st.tuples(st.text(), st.text())
rows = st.lists(st.floats(width=32, allow_nan=False), min_size=1, max_size=5)


@given(answers=st.dictionaries(texts, rows, max_size=8))
@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], max_examples=40)
def test_what_was_put_in_is_got_out_to_the_bit(
    answers: dict[tuple[str, ...], list[float]], tmp_path_factory: pytest.TempPathFactory
) -> None:
    path = tmp_path_factory.mktemp("cache") / "answers.sqlite"
    store = Store(path)
    for text, row in answers.items():
        store.put("model", text, np.array(row, dtype=np.float32))
    store.flush()
    again = Store(path)
    for text, row in answers.items():
        found = again.get("model", text)
        assert isinstance(found, np.ndarray)
        assert found.tobytes() == np.array(row, dtype=np.float32).tobytes()
        assert again.get("another", text) is None
    assert again.get("model", ("not", "there", "at all")) is None


@given(
    answers=st.dictionaries(
        texts,
        st.builds(Written, st.text(st.characters()), st.none() | st.floats(-9, 0)),
        max_size=4,
    )
)
@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], max_examples=20)
def test_what_was_written_is_kept_beside_rows(
    answers: dict[tuple[str, ...], Written], tmp_path_factory: pytest.TempPathFactory
) -> None:
    path = tmp_path_factory.mktemp("cache") / "answers.sqlite"
    store = Store(path)
    store.put("classifier", ("x",), np.array([1.5], dtype=np.float32))
    for text, answer in answers.items():
        store.put("writer", text, answer)
        assert store.get("writer", text) == answer
    store.flush()
    again = Store(path)
    for text, answer in answers.items():
        assert again.get("writer", text) == answer
    assert isinstance(again.get("classifier", ("x",)), np.ndarray)


def attack(cache: Cache) -> tuple[list[object], Tick, list[str]]:
    victim = Table([13.5 - n for n in range(27)])
    jobs = [
        Job(Example(str(n), Text.of("a a a"), 1), recipe("bred", Genetic(6, 3))) for n in range(4)
    ]
    with cache:
        events = list(run(jobs, {"victim": victim}, cache=cache))
    ticks = [event for event in events if isinstance(event, Tick)]
    outcomes: list[object] = [e.outcome for e in events if isinstance(e, Finished)]
    return sorted(outcomes, key=repr), ticks[-1], victim.asked


def test_a_later_run_asks_nothing_that_was_answered(tmp_path: Path) -> None:
    path = tmp_path / "deep" / "answers.sqlite"
    first, tick, asked = attack(Cache.at(path))
    assert tick.scored == len(asked) == len(set(asked)) > 0
    second, tock, none = attack(Cache.at(path))
    assert none == []
    assert (tock.scored, tock.cached) == (0, tick.scored + tick.cached)
    assert second == first, "and its outcomes and query counts are the same"


def test_what_an_interrupted_run_was_told_is_kept(tmp_path: Path) -> None:
    path = tmp_path / "answers.sqlite"

    def interrupted() -> None:
        with Cache.at(path) as cache:
            cache.put(("model", ("a",)), np.array([1.0], dtype=np.float32))
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        interrupted()
    assert Cache.at(path).get(("model", ("a",))) is not None


def test_two_processes_may_write(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(stores, "PENDING", 1)
    one, other = Store(tmp_path / "a.sqlite"), Store(tmp_path / "a.sqlite")
    for n in range(20):
        for store in (one, other):
            store.put("model", (str(n),), np.array([n], dtype=np.float32))
    assert [float((one.get("model", (str(n),)) or [0])[0]) for n in range(20)] == list(range(20))


def test_only_rows_of_texts_are_kept(tmp_path: Path) -> None:
    path = tmp_path / "answers.sqlite"
    with Cache.at(path) as cache:
        cache.put(("model", Fit("a", "b", "c")), np.array([1.0], dtype=np.float32))
        assert cache.get(("model", Fit("a", "b", "c"))) is not None
    assert Cache.at(path).get(("model", Fit("a", "b", "c"))) is None


@pytest.mark.parametrize("kind", ["text", "database", "folder"])
def test_a_file_that_is_no_cache_is_left_alone(tmp_path: Path, kind: str) -> None:
    path = tmp_path / "mine"
    if kind == "text":
        path.write_text("dear diary, " * 50)
    elif kind == "folder":
        path.mkdir()
    else:
        with sqlite3.connect(path) as database:
            database.execute("CREATE TABLE letters (body TEXT)")
    with pytest.raises(AttackError, match="Name another file"):
        Store(path)
    if kind == "text":
        assert path.read_text().startswith("dear diary")


def test_functions_without_a_name_share_nothing() -> None:
    def function(texts: Sequence[object]) -> list[list[float]]:
        return [[0.5, 0.5] for _ in texts]

    one, other = (FunctionVictim(function, ("no", "yes")) for _ in range(2))
    assert one.fingerprint != other.fingerprint
