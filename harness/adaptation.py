"""What of a model is kept, begun anew, held still, and taught at which rate."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from typing import Any

import torch
from torch import nn

from attacks.victims.embedding import called_embedding
from harness.errors import HarnessError
from harness.layers import layers
from harness.randomness import untouched
from harness.training_plan import Adaptation


def adapt(model: Any, settings: Adaptation, seed: int) -> None:
    """Change a freshly loaded classifier as the plan says, in place.

    Args:
        seed: of the layers that are begun anew; the global random state is left as it was.

    Raises HarnessError where the model has fewer layers than the settings speak of.
    """
    if settings.keep_layers:
        keep_layers(model, settings.keep_layers)
    if settings.reinitialize:
        with torch.random.fork_rng(devices=[]):
            torch.manual_seed(seed)
            reinitialize(model, settings.reinitialize)
    if settings.freeze:
        freeze(model, settings.freeze)


def keep_layers(model: Any, wanted: int) -> None:
    """Keep so many layers, spread evenly and the last among them, as DistilBERT's student begins.

    (Sanh et al., 2019: every other layer of the teacher.) A first layer that is made unlike the others,
    as T5's with its position bias, stays the first.
    """
    blocks = _lowest(model, wanted, "adaptation.keep_layers")
    places = [round((n + 1) * len(blocks) / wanted) - 1 for n in range(wanted)]
    if len({frozenset(dict(block.named_parameters())) for block in blocks}) > 1:
        gap = (len(blocks) - 1) / max(1, wanted - 1)
        places = [round(n * gap) for n in range(wanted)]
    kept = nn.ModuleList([blocks[place] for place in places])
    for module in model.modules():
        for name, child in list(module.named_children()):
            if isinstance(child, nn.ModuleList) and list(child) == list(blocks):
                setattr(module, name, kept)
    model.config.num_hidden_layers = wanted
    for number, block in enumerate(kept):
        for module in block.modules():
            if "layer_idx" in vars(module):  # where a decoder keeps its keys and values
                vars(module)["layer_idx"] = number
    if getattr(model.config, "layer_types", None):
        model.config.layer_types = [model.config.layer_types[place] for place in places]


def reinitialize(model: Any, top: int) -> None:
    """Draw the weights of the last `top` layers anew, and the pooler's.

    Few examples are learnt better and more steadily so (Zhang et al., ICLR 2021, section 5).
    """
    blocks = _lowest(model, top, "adaptation.reinitialize")[-top:]
    poolers = [module for name, module in model.named_modules() if name.endswith("pooler")]
    for block in (*blocks, *poolers):
        for module in block.modules():
            for tensor in (module, *module.parameters(recurse=False)):
                # transformers 5 spares what it has once initialised.
                if hasattr(tensor, "_is_hf_initialized"):
                    del tensor._is_hf_initialized
            model._init_weights(module)


def freeze(model: Any, lowest: int) -> None:
    """Hold the embeddings and the first `lowest` layers still."""
    _lowest(model, lowest, "adaptation.freeze")
    heights = _heights(model)
    for name, parameter in model.named_parameters():
        if heights[name] <= lowest:
            parameter.requires_grad_(False)


def rates(model: Any, decay: float) -> dict[str, float]:
    """Each weight's share of the learning rate, by name.

    The head and what else stands behind the last layer have 1, every layer `decay` times that of the
    one above it, and so have the embeddings. (Discriminative fine-tuning: Howard and Ruder, ACL 2018.)
    """
    top = len(layers(model)) + 1
    return {name: decay ** (top - height) for name, height in _heights(model).items()}


def groups(
    named: Iterable[tuple[str, nn.Parameter]],
    decayed: Iterable[str],
    shares: dict[str, float],
    *,
    rate: float,
    weight_decay: float,
) -> Iterator[dict[str, Any]]:
    """Parameter groups of an optimizer: by learning rate, and by whether weight decay applies.

    Args:
        decayed: names of the weights that decay.
        shares: of `rate`, by name.
    """
    found: dict[tuple[float, bool], list[nn.Parameter]] = {}
    decays = set(decayed)
    for name, parameter in named:
        if parameter.requires_grad:
            found.setdefault((shares[name], name in decays), []).append(parameter)
    for (share, decay), members in found.items():
        yield {
            "params": members,
            "lr": rate * share,
            "weight_decay": weight_decay if decay else 0.0,
        }


def has_unused(model: Any, ids: Sequence[int]) -> bool:
    """Whether weights that are trained have no part in the answer to a text, given as token ids."""
    weights = [weight for weight in model.parameters() if weight.requires_grad]
    device = weights[0].device
    with untouched(device), torch.enable_grad():
        logits = model(input_ids=torch.tensor([list(ids)], device=device)).logits
        found = torch.autograd.grad(logits.sum(), weights, allow_unused=True)
    return any(gradient is None for gradient in found)


def _heights(model: Any) -> dict[str, int]:
    """How high each weight stands: 0 for embeddings, 1 for the first layer, and so on to the head."""
    blocks = layers(model)
    inside = {id(p): n for n, block in enumerate(blocks, start=1) for p in block.parameters()}
    below = {id(p) for p in called_embedding(model).parameters()}
    found = {}
    for name, parameter in model.named_parameters():
        height = inside.get(id(parameter))
        if height is None:
            embeds = id(parameter) in below or "embed" in name
            height = 0 if embeds else len(blocks) + 1
        found[name] = height
    return found


def _lowest(model: Any, wanted: int, key: str) -> list[nn.Module]:
    blocks = list(layers(model))
    if wanted > len(blocks):
        raise HarnessError(
            f"{key} is {wanted}, and {type(model).__name__} has {len(blocks)} layers. Allowed: up to "
            f"{len(blocks)}."
        )
    return blocks
