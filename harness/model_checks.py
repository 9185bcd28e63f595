"""What can be said of a model before it is loaded: small files are read, no weights."""

from __future__ import annotations

from collections.abc import Sequence

from harness.errors import HarnessError, in_words
from harness.model_files import ModelFacts, check_model_folder, fetch, resolve

LONGEST = 512
"""Tokens at which texts are cut where nothing was said and the model takes more."""


def check_model(
    spec: str,
    *,
    max_length: int | None = None,
    classify: bool = True,
    trust_remote_code: bool = False,
) -> ModelFacts:
    """Everything about a model that can be found out without loading it.

    Of a hub id the small files are fetched, and its weights are left for the loading.

    Args:
        spec: a bundle, a folder or a Hugging Face id.
        max_length: the longest input that is planned, in tokens.
        classify: whether it is to be a classifier (and not a sentence encoder alone).

    Raises:
        HarnessError: as `resolve` and `check_model_folder`; or the model does not take `max_length`.
    """
    source = resolve(spec)
    folder = fetch(source, weights=False, trust_remote_code=trust_remote_code)
    facts = check_model_folder(
        folder,
        classify=classify,
        trust_remote_code=trust_remote_code,
        weights=source.kind != "hub",
    )
    if max_length is not None and facts.longest is not None and max_length > facts.longest:
        raise HarnessError(
            f"max_length is {max_length:,}, and {spec} takes at most {facts.longest:,} tokens. Set it "
            "to that or less."
        )
    return facts


def input_length(spec: str, wanted: int | None) -> int | None:
    """Tokens at which texts for a model are cut: those wanted, else all that it takes, up to `LONGEST`.

    None for a causal language model where none are wanted: it takes what it can, and nothing is cut.
    Raises HarnessError where the model takes fewer than are wanted.
    """
    facts = check_model(spec, max_length=wanted, classify=False)
    if wanted is not None or facts.causal:
        return wanted
    return min(facts.longest or LONGEST, LONGEST)


def require_writer(spec: str, facts: ModelFacts) -> None:
    """Raise HarnessError unless a model is an encoder-decoder with the head that writes."""
    if facts.writer:
        return
    what = "a classifier" if facts.classifier else f"a model of the kind '{facts.model_type}'"
    raise HarnessError(
        f"{spec} is {what}, and this takes one that writes: an encoder-decoder such as T5, BART or "
        "Marian with its language modelling head."
    )


def require_causal(spec: str, facts: ModelFacts) -> None:
    """Raise HarnessError unless a model is a causal language model."""
    if facts.causal:
        return
    what = "a classifier" if facts.classifier else f"a model of the kind '{facts.model_type}'"
    raise HarnessError(
        f"{spec} is {what} without a head that goes on with a text, and this takes a causal language "
        "model such as GPT-2 or Llama, whose config.json names a head like LlamaForCausalLM."
    )


def classifier_labels(spec: str) -> tuple[str, ...]:
    """Label names of a fine-tuned classifier, from its configuration alone.

    Raises HarnessError where it has no classification head.
    """
    facts = check_model(spec)
    if facts.writer:
        raise HarnessError(f"{spec} is a model that writes text, so it has no labels.")
    if not facts.classifier:
        raise HarnessError(
            f"{spec} is an encoder without a classification head, so it has no labels. Fine-tune it "
            "first (withstand train) and name the folder that this leaves."
        )
    return _own_labels(facts)


def planned_labels(spec: str, labels: Sequence[str] = ()) -> tuple[str, ...]:
    """Label names to read data by: those of a classifier, else those given (none: the data decide).

    Raises HarnessError where a classifier has others than those given, or the same in another order.
    """
    facts = check_model(spec)
    return agreed_labels(spec, facts, labels) if facts.classifier else tuple(labels)


def _own_labels(facts: ModelFacts) -> tuple[str, ...]:
    return facts.labels or tuple(f"LABEL_{number}" for number in range(facts.classes))


def agreed_labels(spec: str, facts: ModelFacts, labels: Sequence[str] | None) -> tuple[str, ...]:
    """The labels that both sides can mean, or a HarnessError."""
    wanted = tuple(labels or ())
    if not facts.classifier:
        if len(wanted) < 2:
            raise HarnessError(
                f"{spec} has no classification head. A new one needs at least two label names, and "
                f"got {in_words(wanted) or 'none'}."
            )
        return wanted
    own = _own_labels(facts)
    if not wanted or wanted == own:
        return own
    if facts.labels is None and len(wanted) == facts.classes:
        return wanted
    written = "[" + ", ".join(f'"{name}"' for name in own) + "]"
    if set(wanted) == set(own):
        raise HarnessError(
            f"{spec} has the labels {in_words(own)} in this order, and {in_words(wanted)} was given. "
            f"Set model.labels = {written}."
        )
    raise HarnessError(
        f"{spec} is a classifier for {in_words(own)}, and the labels are {in_words(wanted)}. Give data "
        "with its labels, or start from an encoder that has no head yet."
    )
