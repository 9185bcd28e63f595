"""Models that are no classifiers: those that write, and those that stand beside a victim."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from harness.adapter_files import require_whole
from harness.errors import HarnessError, in_words
from harness.loading import from_pretrained, load_tokenizer
from harness.model_checks import require_causal, require_writer
from harness.model_files import (
    ModelFacts,
    ModelSource,
    check_model_folder,
    fetch,
    file_hashes,
    resolve,
    tree_fingerprint,
)

if TYPE_CHECKING:
    from attacks.victims.huggingface import HuggingFaceEncoder
    from attacks.victims.masked_lm import HuggingFaceFluency, HuggingFaceMaskedLM
    from attacks.victims.seq2seq import HuggingFaceRephraser

ENCODER_LENGTH = 256
"""Tokens of a text that a sentence encoder reads at most."""
REPHRASED_LENGTH = 128
"""Tokens of a prompt, of a sentence with what goes around it, that a model which rephrases reads."""
LANGUAGE_MODEL_LENGTH = 128
"""Tokens around a place that a language model reads at most."""


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
    require_whole(folder)
    facts = check_model_folder(folder, classify=False, trust_remote_code=trust_remote_code)
    require(spec, facts)
    tokenizer = load_tokenizer(folder, trust_remote_code)
    model, missing = from_pretrained(auto, folder, trust_remote_code)
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
    require_whole(folder)
    facts = check_model_folder(folder, classify=False, trust_remote_code=trust_remote_code)
    tokenizer = load_tokenizer(folder, trust_remote_code)
    model, missing = from_pretrained("AutoModel", folder, trust_remote_code)
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
    require_whole(folder)
    facts = check_model_folder(folder, classify=False, trust_remote_code=trust_remote_code)
    tokenizer = load_tokenizer(folder, trust_remote_code)
    if tokenizer.mask_token is None:
        raise HarnessError(
            f"{spec}: its tokenizer has no mask, so it is no masked language model. Give one that was "
            "trained to fill masks (bert-base-uncased, distilroberta-base, ...)."
        )
    model, missing = from_pretrained("AutoModelForMaskedLM", folder, trust_remote_code)
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
