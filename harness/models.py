"""Classifiers: loaded quietly, fingerprinted and saved.

What can be said of a model before it is loaded stands in `model_checks`, models of other kinds in
`other_models`.
"""

from __future__ import annotations

import hashlib
import os
import secrets
import shutil
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from harness.adapter_files import BASE
from harness.adapter_models import has_tokenizer, put_on, write_adapter
from harness.errors import HarnessError, in_words
from harness.kept_adapters import base_state, kept_method
from harness.loading import from_pretrained, load_tokenizer, quiet
from harness.model_checks import agreed_labels
from harness.model_files import (
    ModelFacts,
    ModelSource,
    check_model_folder,
    fetch,
    file_hashes,
    resolve,
    tree_fingerprint,
)
from reports.storage import explain, sync_folder

__all__ = [
    "LoadedModel",
    "ModelFacts",
    "ModelSource",
    "check_model_folder",
    "load_classifier",
    "resolve",
    "save_classifier",
    "state_fingerprint",
]


@dataclass(frozen=True, slots=True)
class LoadedModel:
    """A sequence classifier in memory, in evaluation mode, on the CPU, in float32.

    Attributes:
        source: where it came from.
        model, tokenizer: transformers' own objects.
        labels: label names in the order of the model's outputs.
        fingerprint: SHA-256 over the files and, where the head is new, over its first weights. Says
            what was loaded: training changes the model and not this.
        files: SHA-256 of each file behind it.
        new_head: whether the classification head was drawn here (by seed) and never trained.
    """

    source: ModelSource
    model: Any
    tokenizer: Any
    labels: tuple[str, ...]
    fingerprint: str
    files: Mapping[str, str]
    new_head: bool


def load_classifier(
    spec: str,
    labels: Sequence[str] | None = None,
    *,
    seed: int = 0,
    trust_remote_code: bool = False,
) -> LoadedModel:
    """Load a classifier, or an encoder with a new head.

    An adapter (`adapter_files`) is loaded into its base model: merged where it can be, else it stays.

    Args:
        spec: a bundle, a folder or a Hugging Face id.
        labels: label names in the order of their numbers. A fine-tuned classifier has its own, and these
            must be the same in the same order; one whose labels have no names ("LABEL_0") takes them. An
            encoder needs them.
        seed: of the new head's weights. The global random state is left as it was.

    Raises:
        HarnessError: as `check_model`; or the labels do not fit, before any weight is loaded; or weights
            of the model itself are missing from its files.
    """
    import torch

    source = resolve(spec)
    folder = fetch(source, weights=True, trust_remote_code=trust_remote_code)
    facts = check_model_folder(folder, trust_remote_code=trust_remote_code)
    names = agreed_labels(spec, facts, labels)
    whole = facts.base or folder
    owns = facts.base is None or has_tokenizer(folder)
    trusted = trust_remote_code and (facts.adapter is None or facts.adapter.own_base)
    tokenizer = load_tokenizer(folder if owns else whole, trust_remote_code if owns else trusted)
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        model, missing = from_pretrained(
            "AutoModelForSequenceClassification",
            whole,
            trusted,
            id2label=dict(enumerate(names)),
            label2id={name: number for number, name in enumerate(names)},
            num_labels=len(names),
        )
        _pad(model, tokenizer)
        if facts.adapter:
            model, brought = put_on(model, facts.adapter)
            missing -= brought
    body = f"{model.base_model_prefix}."
    lost = sorted(
        name
        for name in missing
        if facts.classifier or (name.startswith(body) and "pooler" not in name)
    )
    if lost:
        raise HarnessError(
            f"{spec}: {len(lost):,} weights are not in its files ({in_words(lost, 3)}). Its config.json "
            "and its weights do not belong together."
        )
    files = file_hashes(folder, facts.base)
    fingerprint = tree_fingerprint(files)
    if missing:
        state = model.state_dict()
        head = state_fingerprint({name: state[name] for name in sorted(missing)}, names)
        fingerprint = hashlib.sha256(f"{fingerprint}\n{head}".encode()).hexdigest()
    return LoadedModel(source, model.eval(), tokenizer, names, fingerprint, files, bool(missing))


def _pad(model: Any, tokenizer: Any) -> None:
    """Give decoders a padding token: a classifier cannot find the last token without one."""
    if tokenizer.pad_token_id is None:
        tokenizer.pad_token = tokenizer.eos_token
    if model.config.pad_token_id is None:
        model.config.pad_token_id = tokenizer.pad_token_id


def save_classifier(loaded: LoadedModel, output: Path) -> Mapping[str, str]:
    """Save a classifier so that `output` holds the old model or the whole new one, never a part.

    Safetensors, configuration and tokenizer alone; nothing pickled. A model with an adapter that stays
    in it is saved as that adapter (`adapter_files`), with the model around it in a sub-folder. The new
    folder is written beside the old one, checked and moved into its place; a crash between the two moves
    leaves both under hidden names beside `output`. Files that others put into the old folder go with it.

    Returns:
        SHA-256 of each file that was written.

    Raises:
        ReportError: the place is full or cannot be written.
        HarnessError: the label names are not as many as the model's classes, or what was written
            cannot be loaded again.
    """
    from safetensors import SafetensorError

    config = loaded.model.config
    if config.num_labels != len(loaded.labels):
        raise HarnessError(
            f"The model has {config.num_labels} classes, and {len(loaded.labels)} label names: "
            f"{in_words(loaded.labels)}. It was not saved."
        )
    config.id2label = dict(enumerate(loaded.labels))
    config.label2id = {name: number for number, name in enumerate(loaded.labels)}
    output = Path(output)
    mark = secrets.token_hex(4)
    fresh = output.with_name(f".{output.name}.{mark}.tmp")
    old = output.with_name(f".{output.name}.{mark}.old")
    try:
        fresh.mkdir(parents=True)
        with quiet():
            kept = kept_method(loaded.model) is not None
            if not kept:
                loaded.model.save_pretrained(fresh)
            else:
                state = base_state(loaded.model)
                loaded.model.save_pretrained(fresh / BASE, state_dict=state)
                write_adapter(loaded.model, fresh, str(output / BASE))
            _forget_last_call(loaded.tokenizer)
            loaded.tokenizer.save_pretrained(fresh)
        check_model_folder(fresh)
        hashes = file_hashes(fresh, fresh / BASE if kept else None)
        for path in filter(Path.is_file, fresh.rglob("*")):
            with path.open("rb+") as file:
                os.fsync(file.fileno())
        if output.exists():
            output.rename(old)
        fresh.rename(output)
        sync_folder(output.parent)
    except OSError as error:
        if old.exists() and not output.exists():
            old.rename(output)
        raise explain(error, output) from error
    except SafetensorError as error:  # its word for a disk that is full
        raise HarnessError(f"{output} cannot be written: {error}.") from error
    finally:
        shutil.rmtree(fresh, ignore_errors=True)
    shutil.rmtree(old, ignore_errors=True)
    return hashes


def state_fingerprint(state: Mapping[str, Any], labels: Sequence[str] = ()) -> str:
    """SHA-256 of tensors in memory: names, types, shapes and bits, and the label names.

    Args:
        state: tensors by name, as `model.state_dict()` returns them.
    """
    import torch

    digest = hashlib.sha256("\0".join(labels).encode("utf-8", "surrogatepass"))
    for name in sorted(state):
        tensor = state[name].detach().cpu().contiguous()
        digest.update(f"\n{name} {tensor.dtype} {tuple(tensor.shape)}\n".encode())
        digest.update(tensor.reshape(-1).view(torch.uint8).numpy().data)
    return digest.hexdigest()


def _forget_last_call(tokenizer: Any) -> None:
    """Padding and truncation of the last call would be saved too, and change the fingerprint."""
    backend = getattr(tokenizer, "backend_tokenizer", None)
    if backend is not None:
        backend.no_padding()
        backend.no_truncation()
