"""Adapters that stay in a model: which it has, what of its weights is theirs, and how they are told."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from torch import Tensor

from harness import bottleneck, dividing, virtual_tokens
from harness.errors import HarnessError
from harness.training_plan import Adapter, AdapterMethod, Train


def kept_method(model: Any) -> AdapterMethod | None:
    """The method of the adapter that stays in a model; None for an ordinary model."""
    tokens = virtual_tokens.attached(model)
    if tokens is not None:
        return tokens.method
    return "bottleneck" if bottleneck.bottlenecks(model) else None


def is_adapters(name: str) -> bool:
    """Whether a weight of that name belongs to such an adapter."""
    return virtual_tokens.NAME in name.split(".") or bottleneck.NAME in name.split(".")


def base_state(model: Any) -> dict[str, Tensor]:
    """The weights of the ordinary model around the adapter, the head's among them."""
    return {name: value for name, value in model.state_dict().items() if not is_adapters(name)}


def adapter_state(model: Any) -> dict[str, Tensor]:
    """The weights of the adapter alone."""
    return {name: value for name, value in model.state_dict().items() if is_adapters(name)}


def put_in(model: Any, settings: Adapter) -> None:
    """Put an adapter that stays into a model, drawn by torch's generator; one that it has goes on.

    Raises HarnessError where it has another one, or cannot take this one.
    """
    require_same(model, settings)
    if kept_method(model):
        return
    if settings.method == "bottleneck":
        bottleneck.attach(model, settings.size, settings.dropout, settings.targets)
    elif settings.method in ("prefix", "prompt"):
        made = virtual_tokens.drawn(model, settings.method, settings.tokens)
        virtual_tokens.attach(model, made)


def check_kept(model: Any, config: Train) -> None:
    """Raise HarnessError for settings under which an adapter that the model brings would be left out."""
    has = kept_method(model)
    if has is not None and dividing.asked() == dividing.DEEPSPEED:
        raise HarnessError(
            f"The model that training starts from has an adapter ('{has}'), which is not trained with "
            "weights that DeepSpeed divides. FSDP trains it, and so do processes that share the batches "
            "alone: `accelerate launch --multi_gpu`, torchrun."
        )
    if has != "prefix":
        return
    if config.gradient_checkpointing:
        raise HarnessError(
            "gradient_checkpointing leaves out the keys and values that a prefix consists of, and the "
            "model that training starts from has one. Set it to false."
        )
    if config.adaptation.keep_layers:
        raise HarnessError(
            "adaptation.keep_layers takes layers away, and the model that training starts from has a "
            "prefix with keys and values for all of them. Leave it out, or start from another model."
        )


def require_same(model: Any, settings: Adapter) -> None:
    """Raise HarnessError where a model has an adapter that stays, and another is to be trained in it."""
    has = kept_method(model)
    if has is None:
        return
    known = described(model)
    asked = {name: getattr(settings, name) for name in known}
    if has == settings.method and known == asked:
        return
    words = ", ".join(f"{name} = {value}" for name, value in known.items())
    raise HarnessError(
        f"The model that training starts from has an adapter already ('{has}', {words}), and one at a "
        f"time is trained. Set adapter to that, to train it on; or leave adapter out, to train all "
        "weights and the adapter's; or start from the model that it stands in."
    )


def described(model: Any) -> Mapping[str, Any]:
    """The settings by which a model's adapter is as large as it is."""
    tokens = virtual_tokens.attached(model)
    if tokens is not None:
        return {"tokens": tokens.tokens}
    found = bottleneck.bottlenecks(model)
    return {"size": next(b.down.out_features for b in found.values())} if found else {}
