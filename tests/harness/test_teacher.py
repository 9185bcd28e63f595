"""Soft labels: how much of them is the starting model's word, and that a restart has the same."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import torch

from harness.batches import Collator, Row, TrainingSet
from harness.objectives.base import cross_entropy
from harness.teacher import soft_targets, training_targets
from tests.harness import tiny

EXAMPLES = tiny.examples(6)
LOGITS = np.array([[0.0, np.log(3.0)]] * 6, dtype=np.float32)


@pytest.mark.parametrize("share", [0.25, 1.0])
def test_targets_mix_the_answer_and_the_label(share: float, tmp_path: Path) -> None:
    found = soft_targets(share, EXAMPLES, lambda rows: LOGITS, tmp_path / "a.safetensors")
    for example, target in zip(EXAMPLES, found, strict=True):
        label = np.eye(2)[example.label]
        np.testing.assert_allclose(target, share * np.array([0.25, 0.75]) + (1 - share) * label)


def test_a_restart_does_not_ask_again(tmp_path: Path) -> None:
    path = tmp_path / "work" / "a.safetensors"
    first = soft_targets(0.5, EXAMPLES, lambda rows: LOGITS, path)
    assert soft_targets(0.5, EXAMPLES, lambda rows: 1 / 0, path) == first  # type: ignore[arg-type]


def test_soft_labels_reach_the_loss() -> None:
    encoding = tiny.tokenizer()("a film")["input_ids"]
    from attacks.victims.transformer import Encoding

    rows = [Row(Encoding(tuple(encoding), None), 1, (0.25, 0.75)) for _ in range(3)]
    batch = Collator.of(tiny.tokenizer())([TrainingSet(rows)[n] for n in range(3)])
    assert batch["targets"].tolist() == [[0.25, 0.75]] * 3
    logits = torch.tensor([[0.2, -0.1]] * 3)
    expected = -(torch.log_softmax(logits, 1) * torch.tensor([0.25, 0.75])).sum(1).mean()
    torch.testing.assert_close(cross_entropy(logits, batch["targets"]), expected)
    hard = Collator.of(tiny.tokenizer())([Row(rows[0].encoding, 1)])
    assert "targets" not in hard


def test_labels_are_smoothed_as_torch_does(tmp_path: Path) -> None:
    settings = tiny.settings(tmp_path, label_smoothing=0.3)
    targets = training_targets(settings, EXAMPLES, 3, lambda rows: 1 / 0, tmp_path / "a")
    logits, labels = torch.randn(6, 3), torch.tensor([e.label for e in EXAMPLES])
    expected = torch.nn.functional.cross_entropy(logits, labels, label_smoothing=0.3)
    torch.testing.assert_close(cross_entropy(logits, torch.tensor(targets)), expected)


def test_answers_of_the_starting_model_are_smoothed_too(tmp_path: Path) -> None:
    settings = tiny.settings(tmp_path, label_smoothing=0.2, soft_labels=1.0)
    found = training_targets(settings, EXAMPLES, 2, lambda rows: LOGITS, tmp_path / "a.safetensors")
    np.testing.assert_allclose(found, [(0.8 * 0.25 + 0.1, 0.8 * 0.75 + 0.1)] * 6)


def test_labels_alone_stay_labels(tmp_path: Path) -> None:
    found = training_targets(
        tiny.settings(tmp_path), EXAMPLES, 2, lambda rows: 1 / 0, tmp_path / "a"
    )
    assert found == [None] * 6
