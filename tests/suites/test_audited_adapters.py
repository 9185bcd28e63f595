"""Plans with adapters that stay in the model: refused beforehand, or hardened, audited and verified."""

from __future__ import annotations

import json
import re
from pathlib import Path

import pytest

from harness.kept_adapters import kept_method
from harness.models import load_classifier, save_classifier
from harness.session import model_record
from reports import card
from reports.folder import RunFolder
from suites.cli import invoke
from tests.harness import tiny
from tests.suites import project

SMALL = {
    "prefix": '{ method = "prefix", tokens = 3 }',
    "prompt": '{ method = "prompt", tokens = 3 }',
    "bottleneck": '{ method = "bottleneck", size = 4 }',
}
ONE_IS_QUICK = [
    "prefix",
    *(pytest.param(name, marks=pytest.mark.slow) for name in ("prompt", "bottleneck")),
]


def write(
    folder: Path, train: str = "", harden: str = "", *, base: str = "bert", length: int = 32
) -> Path:
    """The project with more in its sections, its base of some architecture."""
    plan = project.project(folder)
    if base != "bert":
        save_classifier(tiny.loaded(tiny.classifier(base)), folder / "base")
    shown = (
        plan.read_text()
        .replace("blend = [0.5]\n", "")
        .replace("max_length = 32", f"max_length = {length}")
    )
    shown = shown.replace("[train]\n", f"[train]\n{train}\n", 1)
    plan.write_text(shown.replace("[harden]\n", f"[harden]\n{harden}\n", 1))
    return plan


def refused(plan: Path, verb: str, capsys: pytest.CaptureFixture[str], *more: str) -> str:
    runs = plan.parent / "runs"
    assert invoke([verb, str(plan), "-q", "-o", str(runs), *more]) == 2
    assert not runs.exists() or not any(runs.iterdir())
    return " ".join(capsys.readouterr().err.split())


def fail_to_load(*_: object, **__: object) -> None:
    raise AssertionError("weights were loaded")


@pytest.mark.parametrize(
    ("train", "harden", "options", "words"),
    [
        (
            'adapter = { method = "prompt", rank = 4 }',
            "",
            {},
            "adapter.rank says nothing to the method 'prompt'",
        ),
        (
            f"adapter = {SMALL['prefix']}\ngradient_checkpointing = true",
            "",
            {},
            "gradient_checkpointing leaves out the keys and values",
        ),
        (
            f"adapter = {SMALL['prompt']}\nselection = {{ blend = [0.5] }}",
            "",
            {},
            "selection.blend mixes weights",
        ),
        (
            f"adapter = {SMALL['prefix']}",
            "",
            {"base": "albert"},
            "train.adapter.method: 'prefix' does not work with the architecture 'albert': its layers "
            "take no keys and values from outside. With it these do: 'lora', 'dora', 'ia3', "
            "'bottleneck', 'prompt'",
        ),
        (
            f"adapter = {SMALL['prompt']}",
            "",
            {"base": "t5"},
            "an encoder-decoder's classifier reads each text twice",
        ),
        (
            f"adapter = {SMALL['prompt']}",
            "",
            {"length": 62},
            "train.adapter.tokens: 3 virtual tokens and model.max_length = 62 are more than the 64 "
            "positions of",
        ),
        (
            f"adapter = {SMALL['prompt']}",
            'adapter = { method = "lora" }',
            {},
            "harden.adapter: the model that training starts from has an adapter that stays in it "
            "('prompt')",
        ),
        (
            f"adapter = {SMALL['prefix']}",
            "gradient_checkpointing = true",
            {},
            "harden.gradient_checkpointing: it leaves out",
        ),
        (
            f"adapter = {SMALL['prefix']}",
            "adaptation = { keep_layers = 1 }",
            {},
            "harden.adaptation.keep_layers: the model that training starts from has a prefix",
        ),
    ],
)
def test_what_cannot_be_is_refused_before_a_model_loads(
    train: str,
    harden: str,
    options: dict[str, object],
    words: str,
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    plan = write(tmp_path, train, harden, **options)  # type: ignore[arg-type]
    monkeypatch.setattr("harness.models.from_pretrained", fail_to_load)
    assert words in refused(plan, "harden", capsys)


@pytest.mark.parametrize("method", SMALL)
def test_a_base_with_an_adapter_is_known_beforehand(
    method: str,
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    from tests.harness.adapted import adapted

    plan = write(tmp_path, 'adapter = { method = "lora" }')
    save_classifier(tiny.loaded(adapted("bert", method)), tmp_path / "base")  # type: ignore[arg-type]
    monkeypatch.setattr("harness.models.from_pretrained", fail_to_load)
    words = refused(plan, "train", capsys)
    assert f"has an adapter that stays in it ('{method}')" in words


@pytest.mark.slow
@pytest.mark.parametrize("method", SMALL)
def test_a_model_with_an_adapter_is_hardened_audited_and_verified(
    method: str, tmp_path: Path
) -> None:
    adapter = f"adapter = {SMALL[method]}"
    plan = write(tmp_path, adapter, f'{adapter}\nteacher = "plain"\nobjective = {{ name = "fgm" }}')
    runs = tmp_path / "runs"
    assert invoke(["harden", str(plan), "-q", "-o", str(runs)]) in (0, 1, 3)
    models = {name: tmp_path / "models" / name for name in ("plain", "hardened")}
    loaded = {name: load_classifier(str(folder)) for name, folder in models.items()}
    assert all(kept_method(found.model) == method for found in loaded.values())
    assert model_record(str(models["hardened"]))["kept_adapter"] == method
    assert model_record(str(models["hardened"]))["adapter"]["method"] == method
    audits = [RunFolder.open(path) for path in sorted(runs.iterdir()) if "-audit-" in path.name]
    assert len(audits) == 2
    for run, found in zip(audits, loaded.values(), strict=True):
        subject = next(event for event in run.events() if event["event"] == "subject")["model"]
        assert subject["fingerprint"] == found.fingerprint
        assert subject["files"] == dict(found.files)
        assert any(name.startswith("base/") for name in subject["files"])
        assert subject["tested"]["architecture"] == f"BertForSequenceClassification + {method}"
        assert invoke(["verify", str(run.path), "--spot-check", "2"]) == 0
    # The hardened model is a base like any other.
    release = project.release(tmp_path)
    release.write_text(release.read_text().replace("/base", "/models/hardened"))
    assert invoke(["audit", str(release), "-q", "-o", str(tmp_path / "more")]) in (0, 1, 3)


@pytest.mark.parametrize("method", ONE_IS_QUICK)
def test_a_plan_as_it_was_written_trains_the_same_model(method: str, tmp_path: Path) -> None:
    plan = write(tmp_path, f"adapter = {SMALL[method]}")
    assert invoke(["train", str(plan), "-q", "-o", str(tmp_path / "runs")]) == 0
    first = load_classifier(str(tmp_path / "models" / "plain"))
    written = (tmp_path / "models" / "plain" / "plan.toml").read_text()
    assert ("rank" in written, "tokens" in written) == (False, method != "bottleneck")
    again = tmp_path / "again.toml"
    again.write_text(written)
    assert invoke(["train", str(again), "-q", "-o", str(tmp_path / "runs")]) == 0
    assert load_classifier(str(tmp_path / "models" / "plain")).fingerprint == first.fingerprint


@pytest.mark.parametrize("method", [None, *ONE_IS_QUICK])
def test_the_card_says_how_the_model_is_loaded(method: str | None, tmp_path: Path) -> None:
    line = f"adapter = {SMALL[method]}" if method else ""
    assert invoke(["train", str(write(tmp_path, line)), "-q", "-o", str(tmp_path / "runs")]) == 0
    folder = tmp_path / "models" / "plain"
    shown = (folder / card.NAME).read_text()
    (block,) = re.findall(r"```python\n(.*?)```", shown, re.DOTALL)
    found: dict[str, object] = {}
    exec(block.replace("PATH/TO/THIS/FOLDER", str(folder)), found)
    assert ("classify" in found) == (method is None)
    assert ("loaded" in found) == (method is not None)
    assert ("AutoPeftModel" in shown) == (method in ("prefix", "prompt"))
    if method:
        assert f"`{method}`" in shown
        assert json.loads((folder / "adapter_config.json").read_text())["task_type"] == "SEQ_CLS"
