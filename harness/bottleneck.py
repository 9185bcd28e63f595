"""Bottlenecks: small networks behind the parts of every layer, trained in the place of the layers.

Houlsby et al. (ICML 2019, section 2.1): behind attention and behind the feed-forward network, before
what the layer adds and normalises; with `targets` at other places, as behind the feed-forward network
alone (Pfeiffer et al., EACL 2021, appendix C).

`peft` has none. Its registry of methods could carry them, but not to anybody who has `peft` alone, and
its tuners differ from release to release; as hooks they need nothing of it. As in `virtual_tokens`, each
hook is a method of a child module, here of the linear layer that it stands behind, so that copies, casts
and `functional_call` take it along.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any

import torch
from torch import Tensor, nn

from attacks.victims.transformer import evaluating
from harness.errors import HarnessError, in_words
from harness.virtual_tokens import sample

NAME = "adapter_bottleneck"
"""Of the child module of a linear layer; MobileBERT has modules of its own called "bottleneck"."""
ENDS = (
    *("attention.output.dense", "output.dense"),  # BERT and what was made of it
    *("out_lin", "lin2"),  # DistilBERT
    *("attn.Wo", "mlp.Wo"),  # ModernBERT
    *("attention.dense", "ffn_output"),  # ALBERT
    *("self_attn.o_proj", "mlp.down_proj"),  # Llama and what was made of it
    *("attn.c_proj", "mlp.c_proj"),  # GPT-2
    *("SelfAttention.o", "EncDecAttention.o", "DenseReluDense.wo"),  # T5
    *("self_attn.out_proj", "encoder_attn.out_proj", "fc2"),  # BART, OPT
    *("self_attention.dense", "dense_4h_to_h"),  # GPT-NeoX, BLOOM, Falcon
    *("attn.o", "layer.output.dense"),  # MPNet
)
"""How the linear layers are called that end a layer's attention and its feed-forward network."""


class Bottleneck(nn.Module):
    """down, ReLU, up, added to what a linear layer gives; it begins by adding nothing.

    Args:
        width: of what the linear layer gives.
        size: of what is between.
        dropout: of what goes in.
    """

    def __init__(self, width: int, size: int, dropout: float = 0.0) -> None:
        super().__init__()
        self.dropout = nn.Dropout(dropout)
        self.down = nn.Linear(width, size)
        self.up = nn.Linear(size, width)
        nn.init.zeros_(self.up.weight)
        nn.init.zeros_(self.up.bias)

    def behind(self, module: nn.Module, arguments: tuple[Any, ...], output: Tensor) -> Tensor:
        """Hook behind the linear layer; `output` has any shape that ends in its width."""
        between = torch.relu(self.down(self.dropout(output)))
        found: Tensor = output + self.up(between)
        return found


def bottlenecks(model: Any) -> dict[str, Bottleneck]:
    """Those of a model, by the name of the linear layer that each stands behind."""
    return {
        name.removesuffix(f".{NAME}"): module
        for name, module in model.named_modules()
        if isinstance(module, Bottleneck)
    }


def linear_layers(model: Any) -> Iterator[tuple[str, nn.Module]]:
    """The linear layers of the model's body by name, GPT-2's among them, the pooler's not."""
    from transformers.pytorch_utils import Conv1D

    body = f"{model.base_model_prefix}."
    for name, module in model.named_modules():
        inside = name.startswith(body) and "pooler" not in name and NAME not in name.split(".")
        if inside and isinstance(module, nn.Linear | Conv1D):
            yield name, module


def attach(model: Any, size: int, dropout: float, targets: Sequence[str]) -> None:
    """Put a bottleneck behind linear layers, its weights drawn by torch's generator.

    Args:
        targets: ends of their names; none: those of `ENDS`.

    Raises HarnessError where there is no such layer, or the logits do not depend on one.
    """
    kind, known = type(model).__name__, dict(linear_layers(model))
    ends = targets or ENDS
    chosen = {
        name: module
        for name, module in known.items()
        if any(name == end or name.endswith(f".{end}") for end in ends)
    }
    if not chosen:
        have = sorted({name.rpartition(".")[2] for name in known})
        raise HarnessError(
            f"adapter.method 'bottleneck' on {kind}: it is not known where its layers' attention and "
            f"feed-forward networks end. Name linear layers in adapter.targets, of {in_words(have)}."
        )
    like = next(model.parameters())
    for module in chosen.values():
        put = Bottleneck(_width(module), size, dropout).to(like.device, like.dtype)
        module.add_module(NAME, put)
        module.register_forward_hook(put.behind)
    prove(model)


def prove(model: Any) -> None:
    """Raise HarnessError unless the logits depend on every bottleneck."""
    found = bottlenecks(model)
    ids, mask = sample(model)
    with evaluating(model, gradients=True):
        logits = model(input_ids=ids, attention_mask=mask).logits.float()
        weights = torch.arange(1.0, logits.numel() + 1, device=ids.device).view_as(logits)
        slopes = torch.autograd.grad(
            (logits * weights).sum(), [b.up.bias for b in found.values()], allow_unused=True
        )
    idle = [
        name
        for name, slope in zip(found, slopes, strict=True)
        if slope is None or not bool(slope.any())
    ]
    if idle:
        raise HarnessError(
            f"adapter.method 'bottleneck' on {type(model).__name__}: the answers do not depend on what "
            f"stands behind {in_words(idle, 3)}. Name other linear layers in adapter.targets."
        )


def _width(module: Any) -> int:
    """Of what a linear layer gives; GPT-2's own kind stores its weight the other way round."""
    if isinstance(module, nn.Linear):
        return module.out_features
    return int(module.weight.shape[1])
