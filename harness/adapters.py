"""Adapters: few weights that are trained in the place of all, and end up in the model itself."""

from __future__ import annotations

import warnings
from collections.abc import Sequence
from typing import Any

import torch
from torch import nn

from harness.errors import HarnessError, in_words
from harness.training_plan import Adapter


class Adapted:
    """A model with an adapter in it, put there through `peft`.

    The model stays the object that it was: what attacks it, trains it or hooks into it need not know.
    Of its own weights only the head's are trained, and the pooler's.

    Args:
        model: a sequence classifier, changed in place.
        seed: of the adapter's weights; the global random state is left as it was.

    Raises HarnessError where modules to adapt are not there, or none is known for the architecture.
    """

    def __init__(self, model: Any, settings: Adapter, seed: int) -> None:
        from peft import get_peft_model

        self._model = model
        linear = _linear(model)
        _check(model, settings, linear)
        try:
            with torch.random.fork_rng(devices=[]), warnings.catch_warnings():
                # peft asks transformers by a name that is on its way out.
                warnings.simplefilter("ignore", FutureWarning)
                torch.manual_seed(seed)
                self._tuner = get_peft_model(model, _config(settings, linear))
        except ValueError as error:
            raise HarnessError(
                f"adapter.method '{settings.method}' on {type(model).__name__}: {error} Name modules "
                "in adapter.targets."
            ) from None
        body = f"{model.base_model_prefix}."
        for name, parameter in model.named_parameters():
            if not name.startswith(body) or "pooler" in name:
                parameter.requires_grad_(True)

    def merge(self) -> None:
        """Add the adapter to the weights that it stands beside, and take it out of the model."""
        self._tuner.merge_and_unload()
        if hasattr(self._model, "peft_config"):
            del self._model.peft_config
        self._model.requires_grad_(True)


def _config(settings: Adapter, linear: Sequence[str]) -> Any:
    """What `peft` is told.

    LoRA: Hu et al., ICLR 2022; DoRA: Liu et al., ICML 2024; IA3: Liu et al., NeurIPS 2022. All linear
    layers are adapted by default, as Dettmers et al. (NeurIPS 2023, section 4) found best for LoRA.
    """
    from peft import IA3Config, LoraConfig

    if settings.method == "ia3":
        chosen = list(settings.targets) or None
        return IA3Config(target_modules=chosen, feedforward_modules=[] if chosen else None)
    return LoraConfig(
        r=settings.rank,
        lora_alpha=settings.alpha,
        lora_dropout=settings.dropout,
        target_modules=list(settings.targets or linear),
        use_dora=settings.method == "dora",
    )


def _linear(model: Any) -> list[str]:
    """The linear layers of the model's body, by name."""
    body = f"{model.base_model_prefix}."
    return [
        name
        for name, module in model.named_modules()
        if isinstance(module, nn.Linear) and name.startswith(body) and "pooler" not in name
    ]


def _check(model: Any, settings: Adapter, linear: Sequence[str]) -> None:
    for target in settings.targets:
        if not any(name == target or name.endswith(f".{target}") for name in linear):
            ends = sorted({name.rpartition(".")[2] for name in linear})
            raise HarnessError(
                f"adapter.targets: {type(model).__name__} has no linear layer named '{target}'. "
                f"Allowed: {in_words(ends)}, or more of their names' ends."
            )
