"""Models: loaded quietly, fingerprinted and saved.

The `load_` functions read safetensors only; what can be said of a model before that
stands in `model_checks`. Everything here works with transformers 4.57 and 5.
"""

from __future__ import annotations

import hashlib
import os
import secrets
import shutil
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from harness.errors import HarnessError, in_words
from harness.model_checks import agreed_labels, require_causal, require_writer
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

if TYPE_CHECKING:
    from attacks.victims.huggingface import HuggingFaceEncoder
    from attacks.victims.masked_lm import HuggingFaceFluency, HuggingFaceMaskedLM
    from attacks.victims.seq2seq import HuggingFaceRephraser

__all__ = [
    "LoadedModel",
    "LoadedWriter",
    "ModelFacts",
    "ModelSource",
    "check_model_folder",
    "load_causal",
    "load_classifier",
    "load_encoder",
    "load_rephraser",
    "load_writer",
    "resolve",
    "save_classifier",
    "state_fingerprint",
]

ENCODER_LENGTH = 256
"""Tokens of a text that a sentence encoder reads at most."""
REPHRASED_LENGTH = 128
"""Tokens of a prompt, of a sentence with what goes around it, that a model which rephrases reads."""
LANGUAGE_MODEL_LENGTH = 128
"""Tokens around a place that a language model reads at most."""


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
    tokenizer = _tokenizer(folder, trust_remote_code)
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        model, missing = _from_pretrained(
            "AutoModelForSequenceClassification",
            folder,
            trust_remote_code,
            id2label=dict(enumerate(names)),
            label2id={name: number for number, name in enumerate(names)},
            num_labels=len(names),
        )
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
    if (
        tokenizer.pad_token_id is None
    ):  # decoders; a classifier cannot find the last token without it
        tokenizer.pad_token = tokenizer.eos_token
    if model.config.pad_token_id is None:
        model.config.pad_token_id = tokenizer.pad_token_id
    files = file_hashes(folder)
    fingerprint = tree_fingerprint(files)
    if missing:
        state = model.state_dict()
        head = state_fingerprint({name: state[name] for name in sorted(missing)}, names)
        fingerprint = hashlib.sha256(f"{fingerprint}\n{head}".encode()).hexdigest()
    return LoadedModel(source, model.eval(), tokenizer, names, fingerprint, files, bool(missing))


@dataclass(frozen=True, slots=True)
class LoadedWriter:
    """A model that writes, in memory, in evaluation mode, on the CPU, in float32.

    Attributes:
        source: where it came from.
        model, tokenizer: transformers' own objects.
        fingerprint: SHA-256 over the files.
        files: SHA-256 of each file behind it.
        longest: longest input in tokens, None where the architecture has no limit.
    """

    source: ModelSource
    model: Any
    tokenizer: Any
    fingerprint: str
    files: Mapping[str, str]
    longest: int | None


def load_writer(spec: str, *, trust_remote_code: bool = False) -> LoadedWriter:
    """Load an encoder-decoder that writes.

    Raises HarnessError as `check_model_folder` and `require_writer` do, and where weights are missing
    from its files.
    """
    return _load_writer(spec, "AutoModelForSeq2SeqLM", require_writer, trust_remote_code)


def load_causal(spec: str, *, trust_remote_code: bool = False) -> LoadedWriter:
    """Load a causal language model.

    Its tokenizer may have a chat template; `longest` counts what is written as well.

    Raises HarnessError as `check_model_folder` and `require_causal` do, and where weights are missing
    from its files.
    """
    return _load_writer(spec, "AutoModelForCausalLM", require_causal, trust_remote_code)


def _load_writer(
    spec: str,
    auto: str,
    require: Callable[[str, ModelFacts], None],
    trust_remote_code: bool,
) -> LoadedWriter:
    source = resolve(spec)
    folder = fetch(source, weights=True, trust_remote_code=trust_remote_code)
    facts = check_model_folder(folder, classify=False, trust_remote_code=trust_remote_code)
    require(spec, facts)
    tokenizer = _tokenizer(folder, trust_remote_code)
    model, missing = _from_pretrained(auto, folder, trust_remote_code)
    if missing:
        raise HarnessError(
            f"{spec}: {len(missing):,} weights are not in its files ({in_words(sorted(missing), 3)}), "
            "so what it would write is noise."
        )
    files = file_hashes(folder)
    fingerprint = tree_fingerprint(files)
    return LoadedWriter(source, model.eval(), tokenizer, fingerprint, files, facts.longest)


def load_rephraser(
    spec: str, *, prompt: str = "{text}", device: str | None = None
) -> HuggingFaceRephraser:
    """Load an encoder-decoder that says texts in other words, or translates them.

    Raises HarnessError as `load_writer`, AttackError where the prompt has no place for the text.
    """
    from attacks.victims.seq2seq import HuggingFaceRephraser

    loaded = load_writer(spec)
    return HuggingFaceRephraser(
        loaded.model,
        loaded.tokenizer,
        prompt=prompt,
        fingerprint=loaded.fingerprint,
        max_length=min(REPHRASED_LENGTH, loaded.longest or REPHRASED_LENGTH),
        device=device,
    )


def load_encoder(
    spec: str, *, device: str | None = None, trust_remote_code: bool = False
) -> HuggingFaceEncoder:
    """Load a sentence encoder (mean over tokens, unit vectors) for similarity constraints.

    Raises HarnessError as `load_classifier` does.
    """
    from attacks.victims.huggingface import HuggingFaceEncoder

    source = resolve(spec)
    folder = fetch(source, weights=True, trust_remote_code=trust_remote_code)
    facts = check_model_folder(folder, classify=False, trust_remote_code=trust_remote_code)
    tokenizer = _tokenizer(folder, trust_remote_code)
    model, missing = _from_pretrained("AutoModel", folder, trust_remote_code)
    lost = sorted(name for name in missing if "pooler" not in name)
    if lost:
        raise HarnessError(
            f"{spec}: {len(lost):,} weights are not in its files ({in_words(lost, 3)}), so it is no "
            "encoder of sentences."
        )
    return HuggingFaceEncoder(
        model.eval(),
        tokenizer,
        fingerprint=tree_fingerprint(file_hashes(folder)),
        max_length=min(ENCODER_LENGTH, facts.longest or ENCODER_LENGTH),
        device=device,
    )


def load_masked_lm(
    spec: str, *, device: str | None = None, trust_remote_code: bool = False
) -> tuple[HuggingFaceMaskedLM, HuggingFaceFluency]:
    """Load a masked language model: for words that could stand in a place, and how likely one is there.

    Raises HarnessError as `load_classifier` does, and where the tokenizer has no mask.
    """
    from attacks.victims.masked_lm import HuggingFaceFluency, HuggingFaceMaskedLM

    folder = fetch(resolve(spec), weights=True, trust_remote_code=trust_remote_code)
    facts = check_model_folder(folder, classify=False, trust_remote_code=trust_remote_code)
    tokenizer = _tokenizer(folder, trust_remote_code)
    if tokenizer.mask_token is None:
        raise HarnessError(
            f"{spec}: its tokenizer has no mask, so it is no masked language model. Give one that was "
            "trained to fill masks (bert-base-uncased, distilroberta-base, ...)."
        )
    model, missing = _from_pretrained("AutoModelForMaskedLM", folder, trust_remote_code)
    if missing:
        raise HarnessError(
            f"{spec}: {len(missing):,} weights are not in its files ({in_words(sorted(missing), 3)}), "
            "so it cannot fill masks."
        )
    fingerprint = tree_fingerprint(file_hashes(folder))
    longest = min(facts.longest or ENCODER_LENGTH, LANGUAGE_MODEL_LENGTH)
    model.eval()
    return (
        HuggingFaceMaskedLM(
            model, tokenizer, fingerprint=f"fill:{fingerprint}", max_length=longest, device=device
        ),
        HuggingFaceFluency(
            model, tokenizer, fingerprint=f"fit:{fingerprint}", max_length=longest, device=device
        ),
    )


def save_classifier(loaded: LoadedModel, output: Path) -> Mapping[str, str]:
    """Save a classifier so that `output` holds the old model or the whole new one, never a part.

    Safetensors, configuration and tokenizer alone; nothing pickled. The new folder is written beside the
    old one, checked and moved into its place; a crash between the two moves leaves both under hidden
    names beside `output`. Files that others put into the old folder go with it.

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
        with _quiet():
            loaded.model.save_pretrained(fresh)
            _forget_last_call(loaded.tokenizer)
            loaded.tokenizer.save_pretrained(fresh)
        check_model_folder(fresh)
        hashes = file_hashes(fresh)
        for path in fresh.iterdir():
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


def _tokenizer(folder: Path, trust_remote_code: bool) -> Any:
    from transformers import AutoTokenizer

    with _quiet(), _explained(folder, "The tokenizer"):
        return AutoTokenizer.from_pretrained(
            str(folder), local_files_only=True, trust_remote_code=trust_remote_code
        )


def _from_pretrained(
    auto: str, folder: Path, trust_remote_code: bool, **options: Any
) -> tuple[Any, set[str]]:
    """A model in float32, and the names of those of its weights that no file had."""
    import torch
    import transformers

    with _quiet(), _explained(folder, "The model"):
        model, info = getattr(transformers, auto).from_pretrained(
            str(folder),
            use_safetensors=True,
            local_files_only=True,
            trust_remote_code=trust_remote_code,
            dtype=torch.float32,
            output_loading_info=True,
            **options,
        )
    return model, set(info["missing_keys"])


@contextmanager
def _explained(folder: Path, what: str) -> Iterator[None]:
    from safetensors import SafetensorError

    try:
        yield
    except (OSError, ValueError, KeyError, TypeError, RuntimeError, ImportError) as error:
        reason = str(error).strip().splitlines()[0] if str(error).strip() else type(error).__name__
        raise HarnessError(f"{what} in {folder} cannot be loaded: {reason.rstrip('.')}.") from error
    except SafetensorError as error:
        raise HarnessError(f"{what} in {folder} cannot be loaded: {error}.") from error


@contextmanager
def _quiet() -> Iterator[None]:
    """No load report and no bars from transformers; its settings are put back afterwards."""
    from transformers.utils import logging

    level, bars = logging.get_verbosity(), logging.is_progress_bar_enabled()
    logging.set_verbosity_error()
    logging.disable_progress_bar()
    try:
        yield
    finally:
        logging.set_verbosity(level)
        if bars:
            logging.enable_progress_bar()
