"""Adapters: few weights that are trained in the place of all, and end up in the model itself.

Those that can be are merged into its weights; `kept_adapters` are part of it from then on.
"""

from __future__ import annotations

import warnings
from collections.abc import Sequence
from typing import Any

import torch

from harness.bottleneck import linear_layers
from harness.errors import HarnessError, in_words
from harness.kept_adapters import is_adapters, put_in, require_same
from harness.training_plan import KEPT, Adapter


class Adapted:
    """A model with an adapter in it, put there through `peft` where that has the method.

    The model stays the object that it was: what attacks it, trains it or hooks into it need not know.
    Of its own weights only the head's are trained, and the pooler's.

    Args:
        model: a sequence classifier, changed in place. An adapter of the same kind that is in it already
            is trained on.
        seed: of the adapter's weights; the global random state is left as it was.

    Raises HarnessError where modules to adapt are not there, none is known for the architecture, it
    cannot take the method, or another adapter is in the model.
    """

    def __init__(self, model: Any, settings: Adapter, seed: int) -> None:
        self._model = model
        self._tuner: Any = None
        linear = _linear(model)
        _check(model, settings, linear)
        with torch.random.fork_rng(devices=[]):
            torch.manual_seed(seed)
            if settings.method in KEPT:
                put_in(model, settings)
                model.requires_grad_(False)
            else:
                require_same(model, settings)
                self._tuner = _injected(model, settings, linear)
        body = f"{model.base_model_prefix}."
        for name, parameter in model.named_parameters():
            if not name.startswith(body) or "pooler" in name or is_adapters(name):
                parameter.requires_grad_(True)

    def merge(self) -> None:
        """Add the adapter to the weights that it stands beside, and take it out of the model.

        One that cannot be added stays.
        """
        if self._tuner is not None:
            self._tuner.merge_and_unload()
            if hasattr(self._model, "peft_config"):
                del self._model.peft_config
        self._model.requires_grad_(True)


def _injected(model: Any, settings: Adapter, linear: Sequence[str]) -> Any:
    from peft import get_peft_model

    try:
        with warnings.catch_warnings():
            # peft asks transformers by a name that is on its way out.
            warnings.simplefilter("ignore", FutureWarning)
            # It finds out by itself that GPT-2's weights are stored the other way round, and says so.
            warnings.filterwarnings("ignore", message=".*fan_in_fan_out")
            return get_peft_model(model, _config(settings, linear))
    except ValueError as error:
        raise HarnessError(
            f"adapter.method '{settings.method}' on {type(model).__name__}: {error} Name modules "
            "in adapter.targets."
        ) from None


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
    return [name for name, _ in linear_layers(model)]


def _check(model: Any, settings: Adapter, linear: Sequence[str]) -> None:
    for target in settings.targets:
        if not any(name == target or name.endswith(f".{target}") for name in linear):
            ends = sorted({name.rpartition(".")[2] for name in linear})
            raise HarnessError(
                f"adapter.targets: {type(model).__name__} has no linear layer named '{target}'. "
                f"Allowed: {in_words(ends)}, or more of their names' ends."
            )
