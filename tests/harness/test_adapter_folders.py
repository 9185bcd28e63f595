"""Folders with an adapter: ours read by peft, peft's read here, and what of them is refused."""

from __future__ import annotations

import json
import shutil
import warnings
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from safetensors.torch import load_file, save_file

from harness.errors import HarnessError
from harness.kept_adapters import kept_method
from harness.model_checks import check_model, classifier_labels, input_length, planned_labels
from harness.model_files import file_hashes
from harness.models import load_classifier, save_classifier
from harness.other_models import load_causal, load_encoder, load_masked_lm, load_writer
from harness.training_plan import AdapterMethod
from tests.harness import tiny
from tests.harness.adapted import DECODERS, SMALL, WORKS, adapted, classifier, shake

TEXTS = ["a good film", "the plot is bad and it was a dull movie"]
LABELS = ("negative", "positive")
CLOSE = {"atol": 1e-5, "rtol": 1e-5}


def logits(model: Any, kind: str = "bert", texts: list[str] = TEXTS) -> torch.Tensor:
    with torch.no_grad():
        found: torch.Tensor = model.eval()(**tiny.inputs(texts, kind)).logits
    return found


def refused(action: Callable[[], Any]) -> str:
    with pytest.raises(HarnessError) as caught:
        action()
    assert caught.value.exit_code == 2
    return str(caught.value)


def save(model: Any, folder: Path) -> Path:
    save_classifier(tiny.loaded(model), folder)
    return folder


def edit(folder: Path, **changes: Any) -> None:
    path = folder / "adapter_config.json"
    found = json.loads(path.read_text()) | changes
    kept = {key: value for key, value in found.items() if value is not ...}
    path.write_text(json.dumps(kept))


@pytest.fixture(scope="module")
def base(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """An ordinary classifier."""
    return save(tiny.classifier(), tmp_path_factory.mktemp("ordinary") / "base")


@pytest.fixture(scope="module")
def encoder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The same without a head."""
    folder = tmp_path_factory.mktemp("encoder") / "base"
    tiny.classifier().bert.save_pretrained(folder)
    tiny.tokenizer().save_pretrained(folder)
    return folder


def by_peft(config: Any, start: Path, folder: Path) -> torch.Tensor:
    """An adapter that peft made, moved and saved; its answers."""
    from peft import get_peft_model
    from transformers import AutoModelForSequenceClassification

    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        torch.manual_seed(3)
        model = AutoModelForSequenceClassification.from_pretrained(str(start))
        made = get_peft_model(model, config)
        shake(made)
        made.save_pretrained(str(folder))
        return logits(made)


def lora(**options: Any) -> Any:
    from peft import LoraConfig

    return LoraConfig(r=2, task_type="SEQ_CLS", target_modules=["query", "value"], **options)


@pytest.fixture
def loras(base: Path, tmp_path: Path) -> Path:
    """A LoRA by peft, of a base that it names."""
    by_peft(lora(), base, tmp_path / "lora")
    return tmp_path / "lora"


# Ours


@pytest.mark.smoke
@pytest.mark.parametrize(("kind", "method"), WORKS)
def test_a_saved_model_is_the_same_when_it_is_loaded(
    kind: str, method: AdapterMethod, tmp_path: Path
) -> None:
    model = adapted(kind, method)
    expected = logits(model, kind)
    hashes = save_classifier(tiny.loaded(model), tmp_path / "first")
    (tmp_path / "first").rename(tmp_path / "moved")
    loaded = load_classifier(str(tmp_path / "moved"))
    torch.testing.assert_close(logits(loaded.model, kind), expected, **CLOSE)
    assert kept_method(loaded.model) == method
    assert (loaded.labels, loaded.new_head) == (LABELS, False)
    assert dict(loaded.files) == dict(hashes)
    names = {path.relative_to(tmp_path / "moved").as_posix() for path in _files(tmp_path / "moved")}
    assert names == set(hashes)
    assert all(name.endswith((".safetensors", ".json", ".txt")) for name in names)
    # Saved again and loaded, it is the same to the bit.
    again = load_classifier(str(save(loaded.model, tmp_path / "again")))
    assert torch.equal(logits(again.model, kind), logits(loaded.model, kind))


def _files(folder: Path) -> list[Path]:
    return [path for path in folder.rglob("*") if path.is_file()]


@pytest.mark.parametrize(("kind", "method"), [w for w in WORKS if w[1] != "bottleneck"])
def test_peft_loads_what_is_saved(kind: str, method: AdapterMethod, tmp_path: Path) -> None:
    from peft import AutoPeftModelForSequenceClassification as Auto

    model = adapted(kind, method)
    folder = save(model, tmp_path / "model")
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        theirs = Auto.from_pretrained(str(folder))
    # Of padded texts it would take padding for a prompt's last token.
    apart = [[text] for text in TEXTS] if kind in DECODERS else [TEXTS]
    for texts in apart:
        found, expected = logits(theirs, kind, texts), logits(model, kind, texts)
        torch.testing.assert_close(found, expected, **CLOSE)


@pytest.mark.parametrize("method", SMALL)
def test_every_file_of_both_is_in_the_fingerprint(method: AdapterMethod, tmp_path: Path) -> None:
    folder = save(adapted("bert", method), tmp_path / "model")
    first = load_classifier(str(folder))
    found = {first.fingerprint}
    for place in (folder / "adapter_model.safetensors", folder / "base" / "model.safetensors"):
        state = load_file(place)
        name = next(iter(state))
        save_file({**state, name: state[name] + 1}, place, metadata={"format": "pt"})
        found.add(load_classifier(str(folder)).fingerprint)
    edit(folder, note="other")
    found.add(load_classifier(str(folder)).fingerprint)
    assert len(found) == 4
    assert set(first.files) == set(file_hashes(folder, folder / "base"))


@pytest.mark.parametrize(("method", "taken"), [("prefix", 3), ("prompt", 3), ("bottleneck", 0)])
def test_virtual_tokens_take_positions_from_the_text(
    method: AdapterMethod, taken: int, tmp_path: Path
) -> None:
    folder = save(adapted("bert", method), tmp_path / "model")
    longest = 64 - taken
    assert check_model(str(folder)).longest == longest
    assert input_length(str(folder), None) == longest
    assert check_model(str(folder), max_length=longest).classes == 2
    assert f"at most {longest} tokens" in refused(
        lambda: check_model(str(folder), max_length=longest + 1)
    )
    model = load_classifier(str(folder)).model
    ids = torch.full((1, longest), 7)
    assert model(input_ids=ids, attention_mask=torch.ones_like(ids)).logits.isfinite().all()


def test_labels_are_told_without_weights(tmp_path: Path) -> None:
    folder = save(adapted("bert", "prefix"), tmp_path / "model")
    assert classifier_labels(str(folder)) == LABELS
    assert planned_labels(str(folder)) == LABELS
    assert "in this order" in refused(lambda: load_classifier(str(folder), LABELS[::-1]))


# peft's


def _mergeable() -> dict[str, Callable[[], Any]]:
    import peft

    common: dict[str, Any] = {"task_type": "SEQ_CLS", "target_modules": ["query", "value"]}
    return {
        "lora": lora,
        "dora": lambda: lora(use_dora=True),
        "rslora": lambda: lora(use_rslora=True, lora_alpha=3),
        "pissa": lambda: lora(init_lora_weights="pissa"),
        "ia3": lambda: peft.IA3Config(task_type="SEQ_CLS"),
        "adalora": lambda: peft.AdaLoraConfig(**common, total_step=10, init_r=3, target_r=2),
        "loha": lambda: peft.LoHaConfig(**common, r=2),
        "lokr": lambda: peft.LoKrConfig(**common, r=2),
        "oft": lambda: peft.OFTConfig(**common, oft_block_size=4),
        "hra": lambda: peft.HRAConfig(**common, r=2),
        "vera": lambda: peft.VeraConfig(**common, r=2),
    }


@pytest.mark.smoke
@pytest.mark.parametrize("name", _mergeable())
def test_what_can_be_merged_becomes_an_ordinary_model(
    name: str, base: Path, tmp_path: Path
) -> None:
    expected = by_peft(_mergeable()[name](), base, tmp_path / "adapter")
    plain = load_classifier(str(base))
    assert (logits(plain.model) - expected).abs().max() > 1e-2
    found = load_classifier(str(tmp_path / "adapter"))
    torch.testing.assert_close(logits(found.model), expected, **CLOSE)
    assert [n for n, _ in found.model.named_parameters()] == [
        n for n, _ in plain.model.named_parameters()
    ]
    assert all(weight.requires_grad for weight in found.model.parameters())
    assert found.labels == LABELS
    assert found.fingerprint != plain.fingerprint
    saved = load_classifier(str(save(found.model, tmp_path / "merged")))
    torch.testing.assert_close(logits(saved.model), expected, **CLOSE)
    assert not (tmp_path / "merged" / "adapter_config.json").exists()


def _prompts() -> dict[str, Callable[[], Any]]:
    import peft

    common: dict[str, Any] = {"task_type": "SEQ_CLS", "num_virtual_tokens": 3}
    return {
        "prompt": lambda: peft.PromptTuningConfig(**common),
        "prefix": lambda: peft.PrefixTuningConfig(**common),
        "projected": lambda: peft.PrefixTuningConfig(
            **common, prefix_projection=True, encoder_hidden_size=8
        ),
        "p-tuning": lambda: peft.PromptEncoderConfig(**common, encoder_hidden_size=8),
    }


@pytest.mark.smoke
@pytest.mark.parametrize("name", _prompts())
def test_virtual_tokens_of_peft_are_read(name: str, base: Path, tmp_path: Path) -> None:
    expected = by_peft(_prompts()[name](), base, tmp_path / "adapter")
    found = load_classifier(str(tmp_path / "adapter"))
    torch.testing.assert_close(logits(found.model), expected, **CLOSE)
    assert check_model(str(tmp_path / "adapter")).longest == 61


@pytest.mark.parametrize("config", [lora, lambda: _prompts()["prompt"]()])
def test_an_adapter_brings_a_head_to_an_encoder(
    config: Callable[[], Any], encoder: Path, tmp_path: Path
) -> None:
    expected = by_peft(config(), encoder, tmp_path / "adapter")
    spec = str(tmp_path / "adapter")
    assert classifier_labels(spec) == ("LABEL_0", "LABEL_1")
    found = load_classifier(spec, LABELS)
    torch.testing.assert_close(logits(found.model), expected, **CLOSE)
    assert (found.labels, found.new_head) == (LABELS, False)


def test_the_base_may_lie_in_a_sub_folder(base: Path, loras: Path, tmp_path: Path) -> None:
    expected = load_classifier(str(loras))
    shutil.copytree(base, loras / "base")
    edit(loras, base_model_name_or_path="no/such-base")
    found = load_classifier(str(loras))
    assert torch.equal(logits(found.model), logits(expected.model))


def test_a_whole_model_beside_an_adapter_is_refused(base: Path, loras: Path) -> None:
    for name in ("config.json", "model.safetensors"):
        shutil.copy(base / name, loras / name)
    message = refused(lambda: load_classifier(str(loras)))
    assert "holds a whole model and an adapter" in message
    (loras / "model.safetensors").unlink()
    assert load_classifier(str(loras)).labels == LABELS


@pytest.mark.parametrize("load", [load_causal, load_encoder, load_masked_lm, load_writer])
def test_only_classifiers_are_made_of_adapters(load: Callable[[str], Any], loras: Path) -> None:
    assert "Merge the two first" in refused(lambda: load(str(loras)))


# From a hub


def test_an_adapter_and_its_base_come_from_a_hub(
    base: Path, loras: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    import huggingface_hub

    asked: list[tuple[str, str | None, tuple[str, ...]]] = []

    def snapshot_download(name: str, revision: str | None = None, **options: Any) -> str:
        asked.append((name, revision, tuple(options["allow_patterns"])))
        return str({"owner/adapter": loras, "owner/base": base}[name])

    monkeypatch.setattr(huggingface_hub, "snapshot_download", snapshot_download)
    expected = load_classifier(str(loras))
    edit(loras, base_model_name_or_path="owner/base", revision="v2")
    found = load_classifier("owner/adapter@main")
    assert torch.equal(logits(found.model), logits(expected.model))
    assert [(name, revision) for name, revision, _ in asked] == [
        ("owner/adapter", "main"),
        ("owner/base", "v2"),
    ]
    assert not any(p.endswith((".bin", ".py")) for _, _, patterns in asked for p in patterns)
    shutil.copytree(base, loras / "base")
    asked.clear()
    load_classifier("owner/adapter")
    assert [name for name, _, _ in asked] == ["owner/adapter"] * 2
    assert "base/*.safetensors" in asked[1][2]


def test_a_base_that_cannot_be_had_is_named(loras: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    import huggingface_hub

    def snapshot_download(name: str, **options: Any) -> str:
        raise ConnectionError("no route to host")

    monkeypatch.setattr(huggingface_hub, "snapshot_download", snapshot_download)
    edit(loras, base_model_name_or_path="owner/base")
    message = refused(lambda: check_model(str(loras)))
    assert message.startswith(
        f"{loras} is an adapter, and its base model: 'owner/base' is no folder"
    )
    assert "no route to host" in message


# Refusals


def _pickled(folder: Path) -> None:
    (folder / "adapter_model.safetensors").rename(folder / "adapter_model.bin")


def _cut_off(folder: Path) -> None:
    path = folder / "adapter_model.safetensors"
    path.write_bytes(path.read_bytes()[:200])


def _broken(folder: Path) -> None:
    (folder / "adapter_config.json").write_text("{")


def _list(folder: Path) -> None:
    (folder / "adapter_config.json").write_text("[1]")


def _without(part: str) -> Callable[[Path], None]:
    def drop(folder: Path) -> None:
        path = folder / "adapter_model.safetensors"
        state = {name: value for name, value in load_file(path).items() if part not in name}
        save_file(state, path, metadata={"format": "pt"})

    return drop


def _more(folder: Path) -> None:
    path = folder / "adapter_model.safetensors"
    save_file({**load_file(path), "base_model.model.more": torch.ones(2)}, path)


@pytest.mark.parametrize(
    ("damage", "expected"),
    [
        (_pickled, "has its adapter in adapter_model.bin alone: a pickled checkpoint"),
        (lambda f: (f / "adapter_model.safetensors").unlink(), "has no adapter_model.safetensors"),
        (_cut_off, "is damaged or cut off"),
        (_broken, "adapter_config.json cannot be read"),
        (_list, "is no JSON object"),
        (lambda f: edit(f, peft_type="LORRA"), "Did you mean 'LORA'?"),
        (lambda f: edit(f, peft_type=7), "peft_type is 7, and has to be a name"),
        (lambda f: edit(f, peft_type=...), "peft_type is missing"),
        (lambda f: edit(f, task_type="CAUSAL_LM"), "task_type is 'CAUSAL_LM'"),
        (lambda f: edit(f, task_type=[1]), "task_type is [1]"),
        (lambda f: edit(f, base_model_name_or_path=None), "Put the base model into the sub-folder"),
        (lambda f: edit(f, base_model_name_or_path="a\0b"), "has to be a name"),
        (lambda f: edit(f, base_model_name_or_path="x" * 5000), "has to be a name"),
        (lambda f: edit(f, base_model_name_or_path="/" + "x" * 900), "File name too long"),
        (lambda f: edit(f, base_model_name_or_path="../../../../etc"), "model folder"),
        (lambda f: edit(f, base_model_name_or_path="/proc/self"), "no config.json"),
        (lambda f: edit(f, base_model_name_or_path=str(f)), "is an adapter too"),
        (lambda f: edit(f, megatron_config={}, megatron_core="os"), "names code to import"),
    ],
)
def test_folders_that_are_refused_unloaded(
    loras: Path, damage: Callable[[Path], None], expected: str
) -> None:
    damage(loras)
    assert expected in refused(lambda: check_model(str(loras)))
    assert expected in refused(lambda: load_classifier(str(loras)))


@pytest.mark.parametrize(
    ("damage", "expected"),
    [
        (lambda f: edit(f, r="two"), "cannot be loaded"),
        (lambda f: edit(f, r=3), "cannot be loaded"),
        (lambda f: edit(f, target_modules=["nothing"]), "cannot be loaded"),
        (lambda f: edit(f, target_modules=["query"]), "no place for"),
        (lambda f: edit(f, target_modules=["query", "value", "key"]), "are not there"),
        (_without("layer.1.attention.self.query.lora_A"), "are not there"),
        (_more, "no place for 1 of its weights ('base_model.model.more')"),
    ],
)
def test_adapters_that_do_not_fit_are_refused(
    loras: Path, damage: Callable[[Path], None], expected: str
) -> None:
    damage(loras)
    assert expected in refused(lambda: load_classifier(str(loras)))


@pytest.mark.parametrize(
    ("method", "damage", "expected"),
    [
        ("prefix", lambda f: edit(f, num_virtual_tokens=4), "num_virtual_tokens is 4"),
        ("prefix", lambda f: edit(f, num_virtual_tokens=10**12), "a whole number above 0"),
        ("prefix", lambda f: edit(f, num_virtual_tokens=True), "a whole number above 0"),
        ("prefix", _without("prompt_embeddings"), "'prompt_embeddings' in adapter_model"),
        ("prefix", lambda f: edit(f, num_layers=7), "is not what 7 layers of 2 heads take"),
        ("prefix", lambda f: edit(f, num_layers=1), "does not work with Bert"),
        ("prefix", lambda f: edit(f, num_attention_heads="2"), "num_attention_heads is '2'"),
        ("prefix", lambda f: edit(f, num_transformer_submodules=2), "for an encoder-decoder"),
        ("prefix", lambda f: edit(f, peft_type="PROMPT_TUNING"), "does not work with Bert"),
        (
            "prompt",
            lambda f: edit(f, peft_type="PREFIX_TUNING", num_layers=2),
            "does not work with Bert",
        ),
        ("bottleneck", lambda f: edit(f, size=5), "size is 5, and the weights are of another"),
        ("bottleneck", lambda f: edit(f, dropout="x"), "dropout is 'x'"),
        ("bottleneck", lambda f: edit(f, target_modules=7), "target_modules is 7"),
        ("bottleneck", lambda f: edit(f, target_modules=[["a"]]), "has to be a list of names"),
        ("bottleneck", _without("layer.0.output.dense.adapter_bottleneck.up"), "are not there"),
    ],
)
def test_our_own_folders_that_are_refused(
    method: AdapterMethod, damage: Callable[[Path], None], expected: str, tmp_path: Path
) -> None:
    folder = save(adapted("bert", method), tmp_path / "model")
    damage(folder)
    assert expected in refused(lambda: load_classifier(str(folder)))


def test_the_base_is_checked_as_any_model_is(tmp_path: Path) -> None:
    folder = save(adapted("bert", "prompt"), tmp_path / "model")
    (folder / "base" / "model.safetensors").rename(folder / "base" / "pytorch_model.bin")
    assert "a pickled checkpoint" in refused(lambda: check_model(str(folder)))
    (folder / "base" / "config.json").write_text('{"model_type": "own", "auto_map": {}}')
    assert "its base model" in refused(lambda: check_model(str(folder)))


def test_a_prompt_as_long_as_the_model_is_refused(tmp_path: Path) -> None:
    folder = save(adapted("bert", "prompt"), tmp_path / "model")
    config = json.loads((folder / "base" / "config.json").read_text())
    config["max_position_embeddings"] = 3
    (folder / "base" / "config.json").write_text(json.dumps(config))
    assert "take all the positions" in refused(lambda: check_model(str(folder)))


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=20),
    lambda inner: (
        st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner, max_size=3)
    ),
    max_leaves=6,
)
KEYS = (
    *("r", "lora_alpha", "target_modules", "modules_to_save", "bias", "rank_pattern", "use_dora"),
    *(
        "layers_to_transform",
        "init_lora_weights",
        "exclude_modules",
        "fan_in_fan_out",
        "corda_config",
    ),
    *(
        "base_model_name_or_path",
        "peft_type",
        "task_type",
        "revision",
        "auto_mapping",
        "unheard_of",
    ),
)


@settings(
    deadline=None,
    max_examples=60,
    suppress_health_check=[HealthCheck.function_scoped_fixture],
)
@given(changes=st.dictionaries(st.sampled_from(KEYS), JSON, min_size=1, max_size=3))
def test_whatever_a_configuration_says_there_is_an_answer_or_a_message(
    changes: dict[str, Any], loras: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    import huggingface_hub

    def snapshot_download(name: str, **options: Any) -> str:
        raise ConnectionError("no route to host")

    monkeypatch.setattr(huggingface_hub, "snapshot_download", snapshot_download)
    path = loras / "adapter_config.json"
    before = path.read_text()
    edit(loras, **changes)
    try:
        load_classifier(str(loras))
    except HarnessError:
        pass
    finally:
        path.write_text(before)


def test_gpt_2_may_be_the_base(tmp_path: Path) -> None:
    model = classifier("gpt2")
    assert check_model(str(save(model, tmp_path / "model"))).model_type == "gpt2"
