"""Which adapters an architecture can take, by what its classes say, before anything is loaded."""

from __future__ import annotations

import inspect
from typing import Any

from harness.errors import in_words
from harness.training_plan import AdapterMethod

EVERYWHERE: tuple[AdapterMethod, ...] = ("lora", "dora", "ia3", "bottleneck")
KNOWN = ("bert", "roberta", "xlm-roberta", "electra", "gpt2", "llama", "mistral", "qwen2")
"""Where the tests train a prefix, or a class that is the same in this."""


def why_not(method: AdapterMethod, model_type: str) -> str | None:
    """Why a method does not work with an architecture, as a sentence with what does; None where it may.

    Whether it really does is proved when it is put into the model (`virtual_tokens.prove`): arguments
    that a class takes may be left aside.
    """
    if method in EVERYWHERE:
        return None
    accepted = _accepted(model_type)
    if accepted is None:
        return None  # code of the model's own
    others: tuple[AdapterMethod, ...] = EVERYWHERE
    if "decoder_input_ids" not in accepted and "inputs_embeds" in accepted:
        if method == "prompt" or "past_key_values" in accepted:
            return None
        others = (*others, "prompt")
    return (
        f"'{method}' does not work with the architecture '{model_type}': "
        f"{_reason(method, accepted)}. With it these do: {in_words(others)}; and "
        f"'{method}' does with, among others, {in_words(KNOWN)}."
    )


def _reason(method: AdapterMethod, accepted: Any) -> str:
    if "decoder_input_ids" in accepted:
        return "an encoder-decoder's classifier reads each text twice, and by its token ids"
    if method == "prefix":
        return "its layers take no keys and values from outside"
    return "it takes no vectors in the place of token ids"


def _accepted(model_type: str) -> Any:
    """What the body of that architecture takes, by name; None where transformers has none."""
    import transformers
    from transformers.models.auto.modeling_auto import MODEL_MAPPING_NAMES

    name = MODEL_MAPPING_NAMES.get(model_type)
    body = getattr(transformers, name, None) if isinstance(name, str) else None
    return None if body is None else inspect.signature(body.forward).parameters
