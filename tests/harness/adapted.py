"""Tiny classifiers with an adapter that stays in them, trained to something."""

from __future__ import annotations

from typing import Any

import torch

from harness.adapters import Adapted
from harness.training_plan import Adapter, AdapterMethod
from tests.harness import tiny

SMALL: dict[AdapterMethod, Adapter] = {
    "prefix": Adapter(method="prefix", tokens=3),
    "prompt": Adapter(method="prompt", tokens=3),
    "bottleneck": Adapter(method="bottleneck", size=4),
}
DECODERS = ("gpt2", "llama")
PREFIX = ("bert", "roberta", "electra", *DECODERS)
PROMPT = (*PREFIX, "albert", "deberta-v2", "distilbert", "modernbert")
ALL = (*PROMPT, *tiny.ENCODER_DECODERS)
WORKS: list[tuple[str, AdapterMethod]] = [
    *((kind, "prefix") for kind in PREFIX),
    *((kind, "prompt") for kind in PROMPT),
    *((kind, "bottleneck") for kind in ALL),
]
"""Architectures with the methods that work there."""


def classifier(kind: str, **options: Any) -> Any:
    """As `tiny.classifier`, and GPT-2's too."""
    if kind != "gpt2":
        return tiny.classifier(kind, **options)
    from transformers import GPT2Config, GPT2ForSequenceClassification

    config = GPT2Config(
        vocab_size=len(tiny.VOCABULARY),
        n_embd=16,
        n_layer=2,
        n_head=2,
        n_positions=64,
        num_labels=2,
        pad_token_id=0,
        bos_token_id=2,
        eos_token_id=3,
        initializer_range=0.3,
        attn_implementation="eager",
    )
    if (dropout := options.get("dropout")) is not None:
        config.resid_pdrop = config.embd_pdrop = config.attn_pdrop = dropout
    torch.manual_seed(0)
    return GPT2ForSequenceClassification(config)


def inputs(texts: list[str], kind: str) -> dict[str, torch.Tensor]:
    """A padded batch as the model of that kind takes it."""
    return tiny.inputs(texts, kind)


def adapted(kind: str, method: AdapterMethod, **options: Any) -> Any:
    """A classifier with an adapter, whose trained weights are not what they began as."""
    model = classifier(kind, **options)
    put = Adapted(model, SMALL[method], seed=0)
    shake(model)
    put.merge()
    return model.eval()


def shake(model: Any) -> None:
    """Move every weight that is trained."""
    torch.manual_seed(1)
    with torch.no_grad():
        for weight in model.parameters():
            if weight.requires_grad:
                weight += torch.randn_like(weight) * 0.2
