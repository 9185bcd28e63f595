"""Teachers: a smaller student learns from one, in its own tokens or in the student's."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import torch

from harness.errors import HarnessError
from harness.layers import layers
from harness.models import LoadedModel, load_classifier
from harness.objectives.divergences import kl
from harness.teacher import frozen
from harness.training import train
from tests.harness import tiny
from tests.harness.interrupted import run

DISTILLED = {"objective": {"name": "distillation", "parameters": {"alpha": 1.0}}}


def taught(folder: Path, changes: dict[str, Any], teacher: LoadedModel | None) -> LoadedModel:
    """A student of other initial weights, after it."""
    student = replace(tiny.loaded(), model=tiny.classifier(seed=5))
    train(
        tiny.settings(folder / "model", epochs=20, learning_rate=0.01, **changes),
        student,
        tiny.examples(60),
        tiny.examples(24, seed=1),
        seed=0,
        max_length=32,
        work=folder / "work",
        record=lambda event: None,
        teacher=teacher,
    )
    return student


def distance(student: LoadedModel, teacher: LoadedModel) -> float:
    """Divergence of the student's answers from the teacher's, on the texts that it was taught."""
    batch = tiny.inputs([example.text.strings[0] for example in tiny.examples(60)])
    with torch.no_grad():
        ours, theirs = (one.model.eval()(**batch).logits for one in (student, teacher))
    return float(kl(theirs, ours))


@pytest.fixture(scope="module")
def teacher(tmp_path_factory: pytest.TempPathFactory) -> LoadedModel:
    """A tiny model that has learnt its texts."""
    folder = tmp_path_factory.mktemp("teacher")
    run(folder, {"epochs": 25, "learning_rate": 0.01})
    return load_classifier(str(folder / "model"))


@pytest.mark.parametrize(
    "changes",
    [
        DISTILLED,
        {"soft_labels": 1.0},
        {"objective": {"name": "distillation", "parameters": {"hidden": 1.0, "steps": 2}}},
    ],
    ids=["logits", "soft labels", "hidden states, adversarial"],
)
def test_a_student_comes_nearer_to_its_teacher(
    changes: dict[str, Any], teacher: LoadedModel, tmp_path: Path
) -> None:
    before = {n: p.clone() for n, p in teacher.model.named_parameters()}
    start = replace(tiny.loaded(), model=tiny.classifier(seed=5))
    far = distance(start, teacher)
    student = taught(tmp_path, changes, teacher)
    assert distance(student, teacher) < 0.5 * far
    for name, parameter in teacher.model.named_parameters():
        assert torch.equal(parameter, before[name]), name


def test_the_starting_model_teaches_a_student_of_fewer_layers(tmp_path: Path) -> None:
    changes = {**DISTILLED, "adaptation": {"keep_layers": 1}, "epochs": 2}
    _, model, _ = run(tmp_path, changes)
    assert len(layers(model)) == 1


def test_a_teacher_of_another_vocabulary_gives_soft_labels_alone(tmp_path: Path) -> None:
    student = tiny.loaded()
    words = {**student.tokenizer.get_vocab(), "more": len(tiny.VOCABULARY)}

    class Other:
        def get_vocab(self) -> dict[str, int]:
            return words

    other = replace(tiny.loaded(), tokenizer=Other())
    with pytest.raises(HarnessError, match=r"another vocabulary .* Use soft_labels"):
        frozen(student, other, "cpu")


def test_a_teacher_is_asked_in_its_own_tokens(teacher: LoadedModel) -> None:
    from harness.training import _asked
    from reports.progress import Quiet

    found = _asked(teacher, 32, Quiet(), "cpu")(tiny.examples(5))
    expected = teacher.model.eval()(
        **tiny.inputs([e.text.strings[0] for e in tiny.examples(5)])
    ).logits
    torch.testing.assert_close(torch.tensor(found), expected.detach(), atol=1e-5, rtol=1e-5)
