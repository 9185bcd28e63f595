"""Model folders: what is refused before loading, what loading gives, and what saving keeps."""

from __future__ import annotations

import errno
import json
import shlex
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import tiny
import torch

from harness.errors import HarnessError
from harness.model_checks import check_model, classifier_labels, planned_labels
from harness.models import (
    LoadedModel,
    check_model_folder,
    load_classifier,
    resolve,
    save_classifier,
    state_fingerprint,
)
from harness.other_models import load_causal, load_encoder
from reports.errors import ReportError

LABELS = ("negative", "positive")


@pytest.fixture
def saved(tmp_path: Path) -> Path:
    """A tiny classifier with the labels "negative" and "positive"."""
    save_classifier(tiny.loaded(), tmp_path / "model")
    return tmp_path / "model"


@pytest.fixture
def encoder(tmp_path: Path) -> Path:
    """The same body without a head."""
    folder = tmp_path / "encoder"
    tiny.classifier().bert.save_pretrained(folder)
    tiny.tokenizer().save_pretrained(folder)
    return folder


def edit(folder: Path, **changes: Any) -> None:
    path = folder / "config.json"
    config = json.loads(path.read_text()) | changes
    path.write_text(json.dumps({k: v for k, v in config.items() if v is not None}))


def refused(action: Callable[[], Any]) -> str:
    with pytest.raises(HarnessError) as caught:
        action()
    assert caught.value.exit_code == 2
    return str(caught.value)


# Refusals


def _no_weights(folder: Path) -> None:
    (folder / "model.safetensors").unlink()


def _keras_weights(folder: Path) -> None:
    (folder / "model.safetensors").rename(folder / "tf_model.h5")


def _cut_off(folder: Path) -> None:
    path = folder / "model.safetensors"
    path.write_bytes(path.read_bytes()[:-100])


def _no_shard(folder: Path) -> None:
    (folder / "model.safetensors").unlink()
    index = {"weight_map": {"a": "model-00001-of-00002.safetensors"}}
    (folder / "model.safetensors.index.json").write_text(json.dumps(index))


def _no_config(folder: Path) -> None:
    (folder / "config.json").unlink()


def _broken_config(folder: Path) -> None:
    (folder / "config.json").write_text("{")


def _no_tokenizer(folder: Path) -> None:
    for path in [*folder.glob("tokenizer*"), *folder.glob("vocab*")]:
        path.unlink()


def _adapter(folder: Path) -> None:
    (folder / "config.json").rename(folder / "adapter_config.json")


@pytest.mark.parametrize(
    ("damage", "expected"),
    [
        (_no_weights, "has no weights: neither model.safetensors nor"),
        (_keras_weights, "There is 'tf_model.h5', which is not PyTorch's"),
        (_cut_off, "model.safetensors is damaged or cut off"),
        (_no_shard, "lacks 1 of its 1 shards: 'model-00001-of-00002.safetensors'"),
        (_no_config, "is no model folder: it has no config.json"),
        (_broken_config, "config.json cannot be read"),
        (_no_tokenizer, "has no tokenizer"),
        (_adapter, "peft_type is missing"),
        (lambda f: edit(f, model_type="bret"), "'bret', which transformers"),
        (lambda f: edit(f, model_type="bret"), "Did you mean 'bert'?"),
        (lambda f: edit(f, model_type=None), "model_type is missing"),
        (lambda f: edit(f, model_type="clip"), "'clip' has no sequence classifier"),
        (
            lambda f: edit(f, model_type="own", auto_map={"AutoModel": "m.M"}),
            "brings code of its own",
        ),
        (lambda f: edit(f, id2label={"1": "a", "2": "b"}), "have to count from 0 to 1"),
        (lambda f: edit(f, id2label={"0": "a", "1": "a"}), "two labels have one name"),
    ],
)
def test_folders_that_are_refused(
    saved: Path, damage: Callable[[Path], None], expected: str
) -> None:
    damage(saved)
    assert expected in refused(lambda: check_model(str(saved)))
    assert expected in refused(lambda: load_classifier(str(saved)))


def test_a_pickled_checkpoint_is_refused_and_its_advice_works(saved: Path) -> None:
    from safetensors.torch import load_file

    weights = load_file(saved / "model.safetensors")
    torch.save(weights, saved / "pytorch_model.bin")
    (saved / "model.safetensors").unlink()
    torch.save({}, saved / "training_args.bin")
    message = refused(lambda: load_classifier(str(saved)))
    assert "'pytorch_model.bin' alone: a pickled checkpoint" in message
    assert "weights_only=True" in message
    command = shlex.split(message.splitlines()[-1])
    subprocess.run([sys.executable, *command[1:]], check=True)
    assert load_classifier(str(saved)).labels == LABELS


def test_a_hostile_pickle_is_never_opened(saved: Path, tmp_path: Path) -> None:
    trap = tmp_path / "sprung"

    class Bomb:
        def __reduce__(self) -> tuple[Any, ...]:
            return Path.touch, (trap,)

    import pickle

    for name in ("pytorch_model.bin", "training_args.bin"):
        (saved / name).write_bytes(pickle.dumps(Bomb()))
    load_classifier(str(saved))
    (saved / "model.safetensors").unlink()
    refused(lambda: load_classifier(str(saved)))
    assert not trap.exists()


def test_names_that_are_no_model(
    saved: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert "Did you mean 'model'?" in refused(lambda: check_model(str(tmp_path / "modle")))
    file = str(saved / "config.json")
    assert "is a file; a model is a folder" in refused(lambda: check_model(file))
    monkeypatch.chdir(tmp_path)
    # Beside a folder that exists this is a slip of the pen, not a name on the Hub.
    (tmp_path / "models").mkdir()
    assert "no model folder at models/rt" in refused(lambda: resolve("models/rt"))
    assert resolve("owner/name@v1.0").revision == "v1.0"
    assert "is a data bundle" in refused(lambda: check_model("bundle:rotten-tomatoes"))


def test_a_folder_of_models_names_the_one_inside(saved: Path) -> None:
    assert f"Did you mean {saved}?" in refused(lambda: check_model(str(saved.parent)))


def test_an_input_that_is_too_long_for_the_model(saved: Path) -> None:
    assert check_model(str(saved), max_length=64).longest == 64
    message = refused(lambda: check_model(str(saved), max_length=65))
    assert (
        message == f"max_length is 65, and {saved} takes at most 64 tokens. Set it to that or less."
    )


def test_positions_of_roberta_start_behind_its_padding(tmp_path: Path) -> None:
    tiny.classifier("roberta").save_pretrained(tmp_path)
    tiny.tokenizer().save_pretrained(tmp_path)
    assert check_model(str(tmp_path)).longest == 63


# The Hub


def test_a_hub_id_is_fetched_without_pickles(saved: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    import huggingface_hub

    asked: list[dict[str, Any]] = []

    def snapshot_download(name: str, **options: Any) -> str:
        asked.append({"name": name, **options})
        return str(saved)

    monkeypatch.setattr(huggingface_hub, "snapshot_download", snapshot_download)
    assert classifier_labels("owner/name@main") == LABELS
    assert load_classifier("owner/name@main").source.kind == "hub"
    assert [(a["name"], a["revision"]) for a in asked] == [("owner/name", "main")] * 2
    small = [p for p in asked[0]["allow_patterns"] if "safetensors" in p]
    assert small == ["adapter_model.safetensors"], "whose header says what head it brings"
    patterns = asked[1]["allow_patterns"]
    assert "*.safetensors" in patterns
    assert not any(p.endswith((".bin", ".pt", ".py")) for p in patterns)


def test_a_hub_id_that_cannot_be_had(monkeypatch: pytest.MonkeyPatch) -> None:
    import huggingface_hub

    def snapshot_download(name: str, **options: Any) -> str:
        raise ConnectionError("no route to host")

    monkeypatch.setattr(huggingface_hub, "snapshot_download", snapshot_download)
    message = refused(lambda: check_model("owner/name"))
    assert "no folder here" in message
    assert "no route to host" in message


# Labels


def test_labels_of_a_classifier(saved: Path, encoder: Path) -> None:
    assert classifier_labels(str(saved)) == LABELS
    assert planned_labels(str(saved)) == LABELS
    assert planned_labels(str(encoder), ("a", "b")) == ("a", "b")
    assert planned_labels(str(encoder)) == ()
    assert "without a classification head" in refused(lambda: classifier_labels(str(encoder)))


def test_labels_must_be_the_models_in_its_order(
    saved: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def no_weights(*_: Any, **__: Any) -> Any:
        raise AssertionError("weights were loaded")

    monkeypatch.setattr("harness.models.from_pretrained", no_weights)
    turned = refused(lambda: load_classifier(str(saved), ("positive", "negative")))
    assert 'Set model.labels = ["negative", "positive"].' in turned
    other = refused(lambda: load_classifier(str(saved), ("a", "b", "c")))
    assert "is a classifier for 'negative', 'positive', and the labels are 'a', 'b', 'c'" in other


def test_labels_without_names_take_those_given(saved: Path) -> None:
    edit(saved, id2label=None, label2id=None)
    assert classifier_labels(str(saved)) == ("LABEL_0", "LABEL_1")
    loaded = load_classifier(str(saved), ("no", "yes"))
    assert (loaded.labels, loaded.new_head) == (("no", "yes"), False)
    assert "is a classifier for" in refused(lambda: load_classifier(str(saved), ("a", "b", "c")))


def test_an_encoder_needs_labels(encoder: Path) -> None:
    assert "needs at least two label names" in refused(lambda: load_classifier(str(encoder)))


# Loading


def test_a_new_head_is_drawn_by_seed_alone(encoder: Path) -> None:
    torch.manual_seed(5)
    before = torch.random.get_rng_state()
    first = load_classifier(str(encoder), ("a", "b", "c"), seed=1)
    assert torch.equal(torch.random.get_rng_state(), before)
    torch.manual_seed(6)
    again = load_classifier(str(encoder), ("a", "b", "c"), seed=1)
    other = load_classifier(str(encoder), ("a", "b", "c"), seed=2)
    renamed = load_classifier(str(encoder), ("a", "b", "d"), seed=1)
    assert first.new_head
    assert first.model.config.num_labels == 3
    assert not first.model.training
    assert first.fingerprint == again.fingerprint
    assert len({first.fingerprint, other.fingerprint, renamed.fingerprint}) == 3


def test_loading_is_quiet(encoder: Path, capfd: pytest.CaptureFixture[str]) -> None:
    from transformers.utils import logging

    level = logging.get_verbosity()
    load_classifier(str(encoder), LABELS)
    assert capfd.readouterr() == ("", "")
    assert logging.get_verbosity() == level
    assert logging.is_progress_bar_enabled()


def test_weights_that_do_not_fit_the_configuration(saved: Path, encoder: Path) -> None:
    edit(saved, num_hidden_layers=3)
    assert "weights are not in its files" in refused(lambda: load_classifier(str(saved)))
    edit(encoder, num_hidden_layers=3)
    assert "weights are not in its files" in refused(lambda: load_classifier(str(encoder), LABELS))
    assert "no encoder of sentences" in refused(lambda: load_encoder(str(encoder)))
    edit(encoder, num_hidden_layers=2, hidden_size=32)
    assert "cannot be loaded" in refused(lambda: load_classifier(str(encoder), LABELS))


def test_a_decoder_without_padding_gets_one(tmp_path: Path) -> None:
    model = tiny.classifier("llama")
    model.config.pad_token_id = None
    model.save_pretrained(tmp_path)
    tiny.tokenizer().save_pretrained(tmp_path)
    path = tmp_path / "tokenizer_config.json"
    config = json.loads(path.read_text())
    config["pad_token"], config["eos_token"] = None, "[SEP]"
    path.write_text(json.dumps(config))
    loaded = load_classifier(str(tmp_path))
    assert loaded.tokenizer.pad_token_id is not None
    assert loaded.model.config.pad_token_id == loaded.tokenizer.pad_token_id


def test_half_precision_files_load_as_float32(saved: Path) -> None:
    loaded = load_classifier(str(saved))
    loaded.model.to(torch.bfloat16)
    save_classifier(loaded, saved)
    assert load_classifier(str(saved)).model.dtype is torch.float32


def test_the_bundled_encoder_knows_what_is_alike() -> None:
    encoder = load_encoder("bundle:minilm-l6")
    texts = ["A fine film.", "A good movie.", "The tax office closes at noon."]
    vectors = encoder.run(encoder.encode([(text,) for text in texts]))
    assert vectors @ vectors.T == pytest.approx((vectors @ vectors.T).T)
    assert vectors[0] @ vectors[1] > 0.6 > 0.3 > vectors[0] @ vectors[2]


# Saving


def _logits(loaded: LoadedModel) -> Any:
    batch = loaded.tokenizer(["a good film", "the plot was bad"], return_tensors="pt", padding=True)
    with torch.no_grad():
        return loaded.model(**batch).logits


def test_what_is_saved_comes_back(tmp_path: Path) -> None:
    original = tiny.loaded(tiny.classifier().eval())
    hashes = save_classifier(original, tmp_path / "deep" / "model")
    back = load_classifier(str(tmp_path / "deep" / "model"))
    assert state_fingerprint(back.model.state_dict()) == state_fingerprint(
        original.model.state_dict()
    )
    assert torch.allclose(_logits(back), _logits(original), atol=1e-5)
    assert (back.labels, back.new_head) == (LABELS, False)
    assert dict(back.files) == dict(hashes)
    again = save_classifier(original, tmp_path / "again")
    assert load_classifier(str(tmp_path / "again")).fingerprint == back.fingerprint
    assert again == hashes
    names = {path.name for path in (tmp_path / "deep" / "model").iterdir()}
    assert {"config.json", "model.safetensors", "tokenizer_config.json"} <= names
    assert not any(name.endswith((".bin", ".pt")) for name in names)


def test_saving_replaces_the_old_model_whole(saved: Path) -> None:
    (saved / "leftover.txt").write_text("old")
    before = load_classifier(str(saved)).fingerprint
    save_classifier(tiny.loaded(tiny.classifier(seed=1)), saved)
    assert load_classifier(str(saved)).fingerprint != before
    assert not (saved / "leftover.txt").exists()
    assert [path.name for path in saved.parent.iterdir()] == ["model"]


def test_a_full_disk_keeps_the_old_model(saved: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    before = load_classifier(str(saved)).fingerprint
    loaded = tiny.loaded(tiny.classifier(seed=1))

    def full(folder: Path) -> None:
        (folder / "model.safetensors").write_bytes(b"half")
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(loaded.model, "save_pretrained", full)
    with pytest.raises(ReportError, match="the disk is full"):
        save_classifier(loaded, saved)
    assert load_classifier(str(saved)).fingerprint == before
    assert [path.name for path in saved.parent.iterdir()] == ["model"]


def test_a_failed_move_puts_the_old_model_back(
    saved: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    before = load_classifier(str(saved)).fingerprint
    rename = Path.rename

    def second_fails(self: Path, target: Path) -> Path:
        if self.name.endswith(".tmp"):
            raise OSError(errno.EIO, "Input/output error")
        return rename(self, target)

    monkeypatch.setattr(Path, "rename", second_fails)
    with pytest.raises(ReportError, match="cannot be written"):
        save_classifier(tiny.loaded(tiny.classifier(seed=1)), saved)
    monkeypatch.undo()
    assert load_classifier(str(saved)).fingerprint == before
    assert [path.name for path in saved.parent.iterdir()] == ["model"]


def test_a_model_whose_head_has_another_width_is_not_saved(saved: Path) -> None:
    import dataclasses

    wrong = dataclasses.replace(tiny.loaded(), labels=("a", "b", "c"))
    message = refused(lambda: save_classifier(wrong, saved))
    assert "The model has 2 classes, and 3 label names: 'a', 'b', 'c'." in message
    assert classifier_labels(str(saved)) == LABELS


# Fingerprints


def test_a_fingerprint_depends_on_what_decides_the_outputs(saved: Path) -> None:
    before = load_classifier(str(saved)).fingerprint
    (saved / "README.md").write_text("about")
    assert load_classifier(str(saved)).fingerprint == before
    edit(saved, hidden_act="relu")
    assert load_classifier(str(saved)).fingerprint != before


def test_a_state_fingerprint_sees_bits_shapes_and_names() -> None:
    one = torch.arange(4.0)
    prints = {
        state_fingerprint({"a": one}),
        state_fingerprint({"b": one}),
        state_fingerprint({"a": one.reshape(2, 2)}),
        state_fingerprint({"a": one.to(torch.bfloat16)}),
        state_fingerprint({"a": torch.nextafter(one, torch.tensor(9.0))}),
        state_fingerprint({"a": one}, ("x",)),
        state_fingerprint({"a": torch.tensor(1.0)}),
    }
    assert len(prints) == 7
    assert state_fingerprint({"a": one, "b": one}) == state_fingerprint({"b": one, "a": one})


def test_check_model_folder_reads_no_weights(saved: Path) -> None:
    facts = check_model_folder(saved)
    assert (facts.model_type, facts.classifier, facts.labels) == ("bert", True, LABELS)


# Causal language models


@pytest.fixture(params=["gpt2", "llama"])
def causal(request: pytest.FixtureRequest, tmp_path: Path) -> Path:
    """A tiny causal language model with a chat template."""
    from tests.attacks import language

    tokenizer = language.byte_level()
    model = (language.gpt2 if request.param == "gpt2" else language.llama)(tokenizer)
    folder = tmp_path / request.param
    model.save_pretrained(folder)
    tokenizer.save_pretrained(folder)
    return folder


@pytest.mark.smoke
def test_a_causal_language_model_is_loaded_as_it_was_saved(causal: Path) -> None:
    from transformers import AutoModelForCausalLM

    loaded = load_causal(str(causal))
    ids = loaded.tokenizer("a film", return_tensors="pt")["input_ids"]
    expected = AutoModelForCausalLM.from_pretrained(causal)(input_ids=ids).logits
    assert torch.equal(loaded.model(input_ids=ids).logits, expected)
    assert loaded.longest == 96
    assert "assistant:" in loaded.tokenizer.chat_template
    assert check_model(str(causal), classify=False).causal
    assert not loaded.model.training
    assert load_causal(str(causal)).fingerprint == loaded.fingerprint


def test_a_chat_template_is_part_of_a_models_fingerprint(causal: Path) -> None:
    before = load_causal(str(causal)).fingerprint
    # transformers 4 and 5 write it into different files.
    files = [*causal.glob("*.jinja"), causal / "tokenizer_config.json"]
    path = next(file for file in files if "assistant:" in file.read_text())
    path.write_text(path.read_text().replace("assistant:", "helper:"))
    assert load_causal(str(causal)).fingerprint != before


def test_what_is_no_causal_language_model_is_refused(
    saved: Path, encoder: Path, causal: Path
) -> None:
    assert "is a classifier without a head that goes on" in refused(lambda: load_causal(str(saved)))
    assert "a model of the kind 'bert'" in refused(lambda: load_causal(str(encoder)))
    edit(causal, architectures=None)
    assert "whose config.json names a head like" in refused(lambda: load_causal(str(causal)))


def test_a_causal_language_model_with_lost_weights_is_refused(causal: Path) -> None:
    from safetensors.torch import load_file, save_file

    path = causal / "model.safetensors"
    weights = load_file(path)
    lost = next(name for name in weights if "1" in name and "norm" not in name)
    save_file({n: w for n, w in weights.items() if n != lost}, path, metadata={"format": "pt"})
    assert "weights are not in its files" in refused(lambda: load_causal(str(causal)))
