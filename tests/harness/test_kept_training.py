"""Trainings of adapters that stay: under every objective, interrupted, averaged, gone on with."""

from __future__ import annotations

import json
import signal
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
import torch
from safetensors.torch import load_file

from harness import dividing, objectives
from harness.adapters import Adapted
from harness.checkpoints import AVERAGE, TRAINED
from harness.errors import HarnessError
from harness.kept_adapters import check_kept, is_adapters, kept_method
from harness.models import load_classifier
from harness.rate_range import rate_range
from harness.training import train
from harness.training_checks import check_divided
from harness.training_plan import AdapterMethod
from tests.harness import tiny
from tests.harness.adapted import SMALL, WORKS, adapted, classifier
from tests.harness.interrupted import run

METHODS = tuple(SMALL)
ONE_IS_QUICK = [METHODS[0], *(pytest.param(name, marks=pytest.mark.slow) for name in METHODS[1:])]
TEXTS = ["a good film", "the plot is bad and it was a dull movie"]


def asked_for(method: AdapterMethod) -> dict[str, Any]:
    found: dict[str, Any] = json.loads(SMALL[method].model_dump_json())
    return found


def logits(model: Any, kind: str = "bert") -> torch.Tensor:
    with torch.no_grad():
        found: torch.Tensor = model.eval()(**tiny.inputs(TEXTS, kind)).logits
    return found


def short(
    folder: Path,
    changes: dict[str, Any],
    model: Any = None,
    kind: str = "bert",
    resume: bool = False,
) -> tuple[Any, Any]:
    """A training of few steps; its result and the model."""
    loaded = tiny.loaded(model)
    if kind not in ("bert", "electra", "albert"):
        object.__setattr__(loaded, "tokenizer", _without_types())
    result = train(
        tiny.settings(folder / "model", **{"epochs": 1, "learning_rate": 0.02, **changes}),
        loaded,
        tiny.examples(24),
        tiny.examples(12, seed=1),
        seed=5,
        max_length=32,
        work=folder / "work",
        record=lambda event: None,
        resume=resume,
    )
    return result, loaded.model


def _without_types() -> Any:
    import copy

    found = copy.deepcopy(tiny.tokenizer())
    found.model_input_names = ["input_ids", "attention_mask"]
    return found


def unchanged(model: Any, start: dict[str, torch.Tensor]) -> set[str]:
    return {n for n, value in model.state_dict().items() if torch.equal(value, start[n])}


def check_trained(model: Any, start: dict[str, torch.Tensor], folder: Path, kind: str) -> None:
    """All of the adapter was trained and nothing of the body, and what was saved is that."""
    still = unchanged(model, start)
    body = f"{model.base_model_prefix}."
    own = {name for name in start if is_adapters(name)}
    assert own
    assert not own & still
    inside = {n for n in start if n.startswith(body) and "pooler" not in n and n not in own}
    assert inside <= still
    saved = load_classifier(str(folder / "model"))
    assert kept_method(saved.model) == kept_method(model)
    torch.testing.assert_close(logits(saved.model, kind), logits(model, kind), atol=1e-5, rtol=1e-4)


def started(method: AdapterMethod, kind: str = "bert") -> dict[str, torch.Tensor]:
    """The weights that a training begins with, of seed 5."""
    model = classifier(kind)
    Adapted(model, SMALL[method], seed=5)
    return {name: value.clone() for name, value in model.state_dict().items()}


@pytest.mark.parametrize("name", objectives.names())
@pytest.mark.parametrize("method", ONE_IS_QUICK)
def test_every_objective_trains_the_adapter(
    method: AdapterMethod, name: str, tmp_path: Path
) -> None:
    objective: Any = {"name": name} if name != "awp" else [{"name": "fgm"}, {"name": "awp"}]
    _, model = short(tmp_path, {"adapter": asked_for(method), "objective": objective})
    check_trained(model, started(method), tmp_path, "bert")


@pytest.mark.slow
@pytest.mark.smoke
@pytest.mark.parametrize(("kind", "method"), [w for w in WORKS if not tiny.embeds_twice(w[0])])
def test_every_architecture_is_trained_against_an_adversary(
    kind: str, method: AdapterMethod, tmp_path: Path
) -> None:
    changes = {"adapter": asked_for(method), "objective": {"name": "freelb"}}
    _, model = short(tmp_path, changes, classifier(kind), kind)
    check_trained(model, started(method, kind), tmp_path, kind)


@pytest.mark.parametrize("method", METHODS)
def test_attacked_texts_are_trained_on_too(method: AdapterMethod, tmp_path: Path) -> None:
    changes = {
        "adapter": asked_for(method),
        "objective": {"name": "fgm"},
        "augment": {"attacks": ["deepwordbug"], "share": 0.2, "query_budget": 15},
        "selection": {"metric": "robust_accuracy", "attacks": ["deepwordbug"], "examples": 6},
        "learning_rate": 0.02,
        "epochs": 8,
        "soft_labels": 0.1,
        "label_smoothing": 0.05,
        "balance": "weights",
    }
    result, model, _ = run(tmp_path, changes)
    losses = [record.train_loss for record in result.history]
    assert losses[-1] < losses[0] - 0.05
    saved = load_classifier(str(tmp_path / "model")).model
    torch.testing.assert_close(logits(saved), logits(model), atol=1e-5, rtol=1e-5)


HARD = {"average": {"method": "ema"}, "epochs": 3, "learning_rate": 0.02}


@pytest.mark.parametrize("method", ONE_IS_QUICK)
def test_a_killed_training_goes_on_to_the_same_bits(method: AdapterMethod, tmp_path: Path) -> None:
    changes = {**HARD, "adapter": asked_for(method), "objective": {"name": "freelb"}}
    straight, expected, _ = run(tmp_path / "straight", changes)
    moment = straight.history[-1].step - 2
    killed = tmp_path / "killed"
    program = (sys.executable, "-m", "tests.harness.interrupted")
    ended = subprocess.run(
        [*program, str(killed), str(moment), json.dumps(changes)],
        check=False,
        cwd=Path(__file__).parents[2],
    )
    assert ended.returncode == -signal.SIGKILL
    again, model, _ = run(killed, changes, resume=True)
    assert [r.to_dict() | {"seconds": 0} for r in again.history] == [
        r.to_dict() | {"seconds": 0} for r in straight.history
    ]
    for name, value in expected.state_dict().items():
        assert torch.equal(model.state_dict()[name], value), name
    for name in ("base/model.safetensors", "adapter_model.safetensors"):
        first = (tmp_path / "straight" / "model" / name).read_bytes()
        assert (killed / "model" / name).read_bytes() == first


@pytest.mark.parametrize("method", METHODS)
@pytest.mark.parametrize("average", ["ema", "swa"])
def test_averages_are_of_the_adapter_too(
    method: AdapterMethod, average: str, tmp_path: Path
) -> None:
    changes = {"adapter": asked_for(method), "epochs": 3, "average": {"method": average}}
    result, model = short(tmp_path, changes)
    best = result.history[result.best]
    checkpoint = tmp_path / "work" / "checkpoints" / f"checkpoint-{best.step}"
    kept, current = (load_file(checkpoint / name) for name in (AVERAGE, TRAINED))
    own = {name: value for name, value in model.state_dict().items() if is_adapters(name)}
    assert all(torch.equal(kept[name], value) for name, value in own.items())
    if average == "ema" or result.best:
        assert not any(torch.equal(current[name], value) for name, value in own.items())
    saved = load_classifier(str(tmp_path / "model")).model
    torch.testing.assert_close(logits(saved), logits(model), atol=1e-5, rtol=1e-5)


@pytest.mark.parametrize("method", ["prompt", "bottleneck"])
def test_checkpointed_gradients_are_the_same(method: AdapterMethod, tmp_path: Path) -> None:
    changes = {"adapter": asked_for(method), "objective": {"name": "fgm"}}
    _, plain = short(tmp_path / "plain", changes, tiny.classifier(dropout=0.0))
    _, spared = short(
        tmp_path / "spared",
        {**changes, "gradient_checkpointing": True},
        tiny.classifier(dropout=0.0),
    )
    torch.testing.assert_close(logits(spared), logits(plain), atol=1e-4, rtol=1e-4)


@pytest.mark.parametrize("method", METHODS)
def test_activations_may_be_rounded(method: AdapterMethod, tmp_path: Path) -> None:
    changes = {"adapter": asked_for(method), "objective": {"name": "fgm"}}
    _, model = short(tmp_path, {**changes, "precision": "bfloat16"})
    start = started(method)
    assert not {name for name in start if is_adapters(name)} & unchanged(model, start)
    saved = load_classifier(str(tmp_path / "model")).model.state_dict()
    for name, value in model.state_dict().items():
        assert value.dtype == torch.float32
        assert torch.equal(saved[name], value)


@pytest.mark.parametrize("method", METHODS)
def test_layers_may_have_rates_of_their_own(method: AdapterMethod, tmp_path: Path) -> None:
    changes = {"adapter": asked_for(method), "adaptation": {"layer_decay": 0.5, "keep_layers": 1}}
    _, model = short(tmp_path, changes)
    saved = load_classifier(str(tmp_path / "model")).model
    torch.testing.assert_close(logits(saved), logits(model), atol=1e-5, rtol=1e-5)


@pytest.mark.parametrize("method", METHODS)
def test_a_range_of_rates_is_run_through(method: AdapterMethod, tmp_path: Path) -> None:
    found = rate_range(
        tiny.settings(tmp_path / "m", adapter=asked_for(method)),
        tiny.loaded(),
        tiny.examples(24),
        seed=1,
        max_length=32,
        steps=20,
    )
    assert len(found.points) > 5


# What was saved is trained on


def saved_start(method: AdapterMethod, tmp_path: Path) -> Any:
    from harness.models import save_classifier

    save_classifier(tiny.loaded(adapted("bert", method)), tmp_path / "start")
    return load_classifier(str(tmp_path / "start")).model


@pytest.mark.parametrize("method", METHODS)
def test_an_adapter_is_trained_on(method: AdapterMethod, tmp_path: Path) -> None:
    model = saved_start(method, tmp_path)
    start = {name: value.clone() for name, value in model.state_dict().items()}
    changes = {"adapter": asked_for(method), "objective": {"name": "pgd"}, "epochs": 2}
    short(tmp_path, changes, model)
    check_trained(model, start, tmp_path, "bert")


@pytest.mark.parametrize("method", METHODS)
def test_all_weights_are_trained_with_the_adapter_s(method: AdapterMethod, tmp_path: Path) -> None:
    model = saved_start(method, tmp_path)
    start = {name: value.clone() for name, value in model.state_dict().items()}
    changes = {
        "objective": {"name": "fgm"},
        "selection": {"metric": "loss", "blend": [0.5]},
        "epochs": 3,
        "learning_rate": 0.01,
    }
    result, _ = short(tmp_path, changes, model)
    moved = set(start) - unchanged(model, start)
    assert any(is_adapters(name) for name in moved)
    assert any("encoder.layer.0" in name and not is_adapters(name) for name in moved)
    assert result.blending is not None
    saved = load_classifier(str(tmp_path / "model")).model
    torch.testing.assert_close(logits(saved), logits(model), atol=1e-5, rtol=1e-5)


@pytest.mark.parametrize("method", METHODS)
def test_the_best_of_several_epochs_of_all_weights_is_read_back(
    method: AdapterMethod, tmp_path: Path
) -> None:
    """The first epoch is the best: every later one is spoilt by a rate that only then is high."""
    model = saved_start(method, tmp_path)
    changes = {"learning_rate": 0.3, "epochs": 3, "warmup": 0.9, "selection": {"metric": "loss"}}
    result, _ = short(tmp_path, changes, model)
    assert result.best < len(result.history) - 1
    again = saved_start(method, tmp_path)
    short(tmp_path, changes, again, resume=True)
    assert torch.equal(logits(again), logits(model))
    saved = load_classifier(str(tmp_path / "model")).model
    torch.testing.assert_close(logits(saved), logits(model), atol=1e-4, rtol=1e-4)


def test_another_adapter_is_refused_before_a_step(tmp_path: Path) -> None:
    model = saved_start("prompt", tmp_path)
    with pytest.raises(HarnessError, match="one at a time is trained"):
        short(tmp_path, {"adapter": {"method": "lora"}}, model)


@pytest.mark.parametrize("method", METHODS)
def test_weights_that_deepspeed_divides_are_refused(
    method: AdapterMethod, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(dividing, "asked", lambda: dividing.DEEPSPEED)
    settings = tiny.settings(tmp_path / "m", adapter=asked_for(method))
    with pytest.raises(HarnessError, match=f"'{method}' stays in the model"):
        check_divided(settings)
    with pytest.raises(HarnessError, match="not trained with weights that DeepSpeed divides"):
        check_kept(adapted("bert", method), tiny.settings(tmp_path / "m"))


@pytest.mark.parametrize(
    ("changes", "named"),
    [
        ({"gradient_checkpointing": True}, "gradient_checkpointing leaves out"),
        ({"adaptation": {"keep_layers": 1}}, "keep_layers takes layers away"),
    ],
)
def test_what_would_leave_a_prefix_out_is_refused(
    changes: dict[str, Any], named: str, tmp_path: Path
) -> None:
    model = saved_start("prefix", tmp_path)
    with pytest.raises(HarnessError, match=named):
        short(tmp_path, changes, model)
    with pytest.raises(HarnessError, match=named):
        rate_range(
            tiny.settings(tmp_path / "m", **changes),
            tiny.loaded(model),
            tiny.examples(24),
            seed=1,
            max_length=32,
            steps=20,
        )
