"""Attack-generated rows: whose turn it is, what takes a place, what a restart reads back."""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
import torch
from pydantic import ValidationError

from attacks import recipes
from attacks.engine.cache import Cache
from attacks.engine.scheduler import EngineConfig
from attacks.victims.huggingface import HuggingFaceVictim
from harness.augmentation import AttackRefresh, Battery, draw, read, slots
from harness.batches import LengthGroups, Row, TrainingSet
from harness.errors import HarnessError
from harness.training_plan import Augment
from reports.progress import Quiet
from tests.harness import tiny

EXAMPLES = tiny.examples(30)
NAMES = ("deepwordbug", "pwws")
EXAMPLE_PLACES = {example.id: place for place, example in enumerate(EXAMPLES)}


class Setup:
    """A refresh on a small model, and everything around it that a test looks at."""

    def __init__(self, folder: Path, identity: str = "one", **changes: Any) -> None:
        self.config = Augment(
            **{"attacks": NAMES, "share": 0.5, "query_budget": 20, **changes}  # type: ignore[arg-type]
        )
        self.model = tiny.classifier(dropout=0.3).train()
        self.victim = HuggingFaceVictim(
            self.model, tiny.tokenizer(), ("no", "yes"), fingerprint="m", max_length=32
        )
        encodings = self.victim.encode([e.text.strings for e in EXAMPLES])
        rows = [Row(e, x.label) for e, x in zip(encodings, EXAMPLES, strict=True)]
        extra = slots(self.config, len(rows)) if self.config.keep_clean else 0
        self.data = TrainingSet(rows, extra, self.config.refresh)
        self.folder = folder
        self.events: list[dict[str, Any]] = []
        self.asked = 0
        self.moments: list[str] = []
        self.refresh = AttackRefresh(
            self.config,
            data=self.data,
            examples=EXAMPLES,
            recipes=[recipes.load(name) for name in self.config.attacks],
            battery=Battery({}, Cache(), EngineConfig(), Quiet()),
            victim=self._victim,
            temperature=lambda: 1.0,
            encode=self.victim.encode,
            folder=folder,
            seed=3,
            identity=identity,
            record=self.events.append,
        )

    def _victim(self, moment: str) -> HuggingFaceVictim:
        self.asked += 1
        self.moments.append(moment)
        return self.victim

    def begin(self, epoch: int) -> None:
        state = SimpleNamespace(global_step=epoch * 10, max_steps=30)
        args = SimpleNamespace(num_train_epochs=3.0, device=torch.device("cpu"))
        self.refresh.on_epoch_begin(args, state, None)
        self.data.epoch = epoch
        self.order = list(LengthGroups(self.data, 4, seed=3))

    def rows(self) -> list[tuple[tuple[int, ...], int]]:
        return [(self.data[i].encoding.ids, self.data[i].label) for i in range(len(self.data))]


def test_every_row_keeps_its_clean_text_and_adversarial_ones_stand_beside(tmp_path: Path) -> None:
    setup = Setup(tmp_path)
    assert len(setup.data) == 45
    setup.begin(0)
    found = read(tmp_path / "epoch-0-part-0.jsonl", "one")
    assert found is not None
    assert [item.attack for item in found] == [NAMES[n % 2] for n in range(15)]
    rows = setup.rows()
    assert rows[:30] == [(r.encoding.ids, r.label) for r in setup.data.clean]
    by_id = {example.id: example for example in EXAMPLES}
    for item, (ids, label) in zip(found, rows[30:], strict=True):
        example = by_id[item.id]
        assert label == example.label
        assert list(ids) == list(setup.victim.encode([item.fields])[0].ids)
        assert item.adversarial == (item.fields != example.text.strings)
        if item.status in ("skipped", "errored"):
            assert item.fields == example.text.strings
        else:
            assert item.adversarial
    (event,) = setup.events
    assert event["adversarial"] == sum(item.adversarial for item in found) > 0
    assert sum(event["statuses"].values()) == event["rows"] == 15


def test_without_the_clean_row_the_adversarial_one_takes_its_place(tmp_path: Path) -> None:
    setup = Setup(tmp_path, keep_clean=False)
    assert len(setup.data) == 30
    setup.begin(0)
    changed = [
        number
        for number, (row, clean) in enumerate(zip(setup.rows(), setup.data.clean, strict=True))
        if row[0] != clean.encoding.ids
    ]
    assert len(changed) == setup.events[0]["adversarial"] > 0
    assert set(changed) <= set(draw(setup.config, 30, 3, 0))
    setup.begin(1)
    assert len(setup.data) == 30


def test_failures_stay_clean_where_they_are_not_wanted(tmp_path: Path) -> None:
    found = {}
    for keep in (False, True):
        setup = Setup(
            tmp_path / str(keep), keep_failures=keep, share=1.0, query_budget=15, attacks=("pwws",)
        )
        setup.begin(0)
        found[keep] = read(tmp_path / str(keep) / "epoch-0-part-0.jsonl", "one") or []
    assert all(item.adversarial == (item.status == "succeeded") for item in found[False])
    assert [item.status for item in found[False]] == [item.status for item in found[True]]
    hardest = [item for item in found[True] if item.status in ("failed", "out_of_budget")]
    assert any(item.adversarial for item in hardest)


def test_epochs_before_the_first_attack_repeat_clean_rows(tmp_path: Path) -> None:
    setup = Setup(tmp_path, start_epoch=1)
    setup.begin(0)
    assert setup.asked == 0
    assert setup.events[0]["adversarial"] == 0
    chosen = draw(setup.config, 30, 3, 0)
    clean = [(r.encoding.ids, r.label) for r in setup.data.clean]
    assert setup.rows()[30:] == [clean[i] for i in chosen]
    setup.begin(1)
    assert setup.asked == 1
    assert setup.events[1]["adversarial"] > 0


def test_static_rows_are_made_once_and_stay(tmp_path: Path) -> None:
    setup = Setup(tmp_path, start_epoch=1, static=True)
    found = []
    for epoch in range(3):
        setup.begin(epoch)
        found.append(setup.rows()[30:])
    assert setup.asked == 1
    assert found[0] != found[1] == found[2]


def test_a_curriculum_goes_from_one_attack_to_the_next(tmp_path: Path) -> None:
    setup = Setup(tmp_path, start_epoch=1, order="curriculum")
    for epoch in range(3):
        setup.begin(epoch)
    assert [set(event["attacks"]) for event in setup.events] == [set(), {NAMES[0]}, {NAMES[1]}]


@pytest.mark.parametrize("other", [{"refresh": 2}, {"order": "curriculum"}])
def test_what_is_made_once_is_not_made_again(other: dict[str, Any]) -> None:
    with pytest.raises(ValidationError, match="static attacks once"):
        Augment(attacks=("pwws",), static=True, **other)


@pytest.mark.parametrize("keep_clean", [True, False])
def test_each_part_of_an_epoch_is_attacked_when_it_begins(tmp_path: Path, keep_clean: bool) -> None:
    whole = Setup(tmp_path / "whole", keep_clean=keep_clean)
    whole.begin(1)
    parts = Setup(tmp_path / "parts", keep_clean=keep_clean, refresh=3)
    parts.begin(1)
    assert parts.moments == ["10", "10-1", "10-2"]
    assert [event["part"] for event in parts.events] == [0, 1, 2]
    # The weights stand still here, so the parts together must give what the whole gives.
    assert parts.rows() == whole.rows()
    assert parts.order == whole.order
    assert sum(event["rows"] for event in parts.events) == whole.events[0]["rows"] == 15
    size = len(parts.data) / 3
    for number in range(3):
        found = read(tmp_path / "parts" / f"epoch-1-part-{number}.jsonl", "one") or []
        assert len(found) < 15
        start, end = round(number * size), round((number + 1) * size)
        piece = set(parts.order[max(0, start - 4) : end + 4])  # parts end where batches do
        places = {30 + i.slot if keep_clean else EXAMPLE_PLACES[i.id] for i in found}
        assert places <= piece


def test_no_row_is_read_before_its_part_began(tmp_path: Path) -> None:
    setup = Setup(tmp_path, keep_clean=False, refresh=3, share=1.0)
    args = SimpleNamespace(num_train_epochs=3.0, device=torch.device("cpu"))
    setup.refresh.on_epoch_begin(args, SimpleNamespace(global_step=0, max_steps=30), None)
    filled: list[int] = []
    attack = setup.refresh.fill

    def noted(part: int, positions: Sequence[int]) -> None:
        attack(part, positions)
        filled.extend(positions)

    setup.data.on_part = noted
    for position in LengthGroups(setup.data, 4, seed=3):
        assert position in filled
    assert sorted(filled) == list(range(30))


def test_draws_differ_between_epochs_and_never_repeat_within_one() -> None:
    config = Augment(attacks=("pwws",), share=0.4)
    draws = [draw(config, 50, 7, epoch) for epoch in range(3)]
    assert all(len(set(d)) == len(d) == 20 for d in draws)
    assert draws[0] != draws[1] != draws[2]
    assert draws == [draw(config, 50, 7, epoch) for epoch in range(3)]
    assert draws[0] != draw(config, 50, 8, 0)


def test_an_attack_leaves_no_trace_in_the_random_state_or_the_mode(tmp_path: Path) -> None:
    setup = Setup(tmp_path)
    torch.manual_seed(9)
    before = torch.get_rng_state()
    setup.begin(0)
    assert torch.equal(torch.get_rng_state(), before)
    assert setup.model.training


def test_a_restart_reads_what_was_made(tmp_path: Path) -> None:
    first = Setup(tmp_path)
    first.begin(1)
    second = Setup(tmp_path)
    second.begin(1)
    assert second.asked == 0
    assert second.rows() == first.rows()
    assert second.events[0]["reused"]
    assert second.events[0]["sha256"] == first.events[0]["sha256"]


def test_altered_and_foreign_files_are_refused(tmp_path: Path) -> None:
    Setup(tmp_path).begin(0)
    with pytest.raises(HarnessError, match="another training"):
        Setup(tmp_path, identity="two").begin(0)
    path = tmp_path / "epoch-0-part-0.jsonl"
    lines = path.read_text().splitlines()
    lines[1] = json.dumps({**json.loads(lines[1]), "fields": ["a good film"]})
    path.write_text("\n".join(lines) + "\n")
    with pytest.raises(HarnessError, match="was altered"):
        Setup(tmp_path).begin(0)


def test_odd_text_survives_the_file(tmp_path: Path) -> None:
    from harness.augmentation import Attacked, write

    odd = Attacked(0, "a", "pwws", "failed", ("bad \ud800 \u2028 \x00 שלום 😀",), True)
    write(tmp_path / "epoch-0-part-0.jsonl", [odd], "one", 0)
    assert read(tmp_path / "epoch-0-part-0.jsonl", "one") == [odd]
