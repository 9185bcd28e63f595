"""Weights that are divided between processes: FSDP and DeepSpeed's ZeRO, by `accelerate launch`.

What is trained lies in parts then, one in each process, and a pass through it is made by all of them
together. Attacks and evaluations are shared out example by example instead, so each process keeps the
model whole beside its part, and takes over the trained weights before it asks.
"""

from __future__ import annotations

import json
import os
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn

from harness.errors import HarnessError
from harness.launcher import launched
from harness.layers import layers
from harness.training_plan import Train

FSDP, DEEPSPEED = "FSDP", "DeepSpeed"
VARIABLES = {
    "ACCELERATE_USE_FSDP": FSDP,
    "ACCELERATE_USE_DEEPSPEED": DEEPSPEED,
    "ACCELERATE_USE_MEGATRON_LM": "Megatron-LM",
}
"""What `accelerate launch` sets for its configurations that divide weights."""

CONFIGURATION = "ACCELERATE_DEEPSPEED_CONFIG_FILE"
LOADED_ONCE = "FSDP_CPU_RAM_EFFICIENT_LOADING"
LAYERS = "FSDP_TRANSFORMER_CLS_TO_WRAP"
"""Which modules become parts of their own."""


def asked() -> str:
    """Which way to divide the weights the launcher was configured for; "" where none.

    Raises HarnessError for one that is not supported.
    """
    found = [name for variable, name in VARIABLES.items() if _is_set(variable)]
    if DEEPSPEED in found:
        return DEEPSPEED
    if not found or launched() == 1:  # alone there is nothing to divide, for accelerate too
        return ""
    if FSDP not in found:
        raise HarnessError(
            f"accelerate was configured for {found[0]}, which takes models apart in a way of its own. "
            "Allowed: FSDP of version 2, DeepSpeed, or processes that share the batches alone "
            "(`accelerate launch --multi_gpu`, torchrun)."
        )
    if os.environ.get("FSDP_VERSION", "1") != "2":
        raise HarnessError(
            "accelerate was configured for FSDP of version 1, which hides each layer's weights in one "
            "flat tensor. Launch with `--fsdp_version 2`, or write fsdp_version: 2 into the "
            "configuration (`accelerate to-fsdp2` converts one)."
        )
    return FSDP


def prepare() -> None:
    """What has to be said before the first model loads.

    Raises HarnessError as `asked`.
    """
    way = asked()
    if way == FSDP:
        # Else transformers leaves models empty in all processes but the first, and here each is asked.
        os.environ[LOADED_ONCE] = "false"
    if way == DEEPSPEED:
        # It calls by names that torch 2.13 has others for, a hundred times an epoch.
        names = r"`torch\.distributed\.(all_gather_into|reduce_scatter)_tensor` is deprecated"
        warnings.filterwarnings("ignore", names, FutureWarning)


def follow_plan(config: Train) -> None:
    """Tell DeepSpeed, which takes optimizer steps by itself, what the plan says of them.

    Raises HarnessError where its own configuration file says otherwise than the plan can be told.
    """
    if asked() != DEEPSPEED:
        return
    os.environ["ACCELERATE_GRADIENT_CLIPPING"] = str(config.clip)
    os.environ["ACCELERATE_GRADIENT_ACCUMULATION_STEPS"] = str(config.accumulate)
    path = os.environ.get(CONFIGURATION, "none")
    if path == "none":
        return
    try:
        given = json.loads(Path(path).read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        raise HarnessError(f"DeepSpeed's configuration {path} cannot be read: {error}.") from None
    for key, meant in (
        ("optimizer", "learning_rate, weight_decay"),
        ("scheduler", "schedule, warmup"),
    ):
        if key in given:
            raise HarnessError(
                f"DeepSpeed's configuration {path} names {key}, and so does the plan ({meant} in "
                f"[train]). Take {key} out of the file."
            )


def forget() -> None:
    """Have transformers load models whole again: it keeps DeepSpeed's configuration for the process."""
    if asked() == DEEPSPEED:
        from transformers.integrations.deepspeed import unset_hf_deepspeed_config

        unset_hf_deepspeed_config()


class Mirror:
    """A whole model that takes over what one that is divided has learnt.

    Args:
        whole: the model that is asked, attacked and saved; one in each process.
        divided: a copy of it, which is trained: its weights are taken apart where they lie.
    """

    def __init__(self, whole: nn.Module, divided: nn.Module) -> None:
        self.whole, self.divided = whole, divided

    @property
    def weights(self) -> dict[str, nn.Parameter]:
        """Those of the whole model that are trained, by name."""
        return {name: p for name, p in self.whole.named_parameters() if p.requires_grad}

    def facts(self) -> dict[str, Any]:
        """How the weights lie, for the records: all that are trained, and those in this process."""
        parts = [weight for weight in self.divided.parameters() if weight.requires_grad]
        return {
            "way": asked(),
            "weights": sum(weight.numel() for weight in self.weights.values()),
            "here": sum(_here(weight) for weight in parts),
        }

    def follow(self) -> None:
        """Take the weights over. All processes call this together."""
        trained = dict(self.divided.named_parameters())
        gather = _precise if asked() == DEEPSPEED else whole
        with torch.no_grad():
            for name, weight in self.weights.items():
                weight.copy_(gather(trained[name]))


class Engine:
    """How an objective goes through a model that DeepSpeed has.

    DeepSpeed takes a pass back through what its engine returned for the gradients of a step, although a
    gradient of perturbations alone was asked for. So passes go through the model inside, and those
    that are for the weights are announced by what the engine itself calls (DeepSpeed 0.19.8).

    Attributes:
        model: what passes go through.
    """

    def __init__(self, engine: Any, accelerator: Any) -> None:
        self._engine, self._accelerator = engine, accelerator
        self.model = engine.module

    def backward(self, loss: Tensor) -> None:
        """Add the gradients of a loss; the last time in a step is the optimizer's step too."""
        self.announce(loss)
        # A loss is a share of its step's already, and not a mean over a micro-batch.
        self._accelerator.backward(loss, scale_wrt_gas=False)

    def announce(self, loss: Tensor) -> None:
        """The next pass back is for the weights, and from this loss."""
        clear = getattr(self._engine.optimizer, "clear_backward_seen_flag", None)
        if clear is not None:  # else ZeRO-3 puts its gradients into the place of the last pass's
            clear()
        prologue = getattr(self._engine, "_backward_prologue", None)
        if prologue is not None:
            hooked: Any = loss
            hooked.register_hook(lambda gradient: prologue())

    @contextmanager
    def silent(self) -> Iterator[None]:
        """Passes back in here are not the last of their step."""
        state = self._accelerator.gradient_state
        before = state.sync_gradients
        state._set_sync_gradients(False)
        try:
            yield
        finally:
            state._set_sync_gradients(before)


def _here(weight: Tensor) -> int:
    """How many numbers of a weight lie in this process."""
    from torch.distributed.tensor import DTensor

    if isinstance(weight, DTensor):
        return weight.to_local().numel()
    return int(getattr(weight, "ds_tensor", weight).numel())


def whole(tensor: Tensor) -> Tensor:
    """All of a tensor that lies in parts, called by all processes together; another, as it is."""
    from torch.distributed.tensor import DTensor

    return tensor.full_tensor() if isinstance(tensor, DTensor) else tensor


def _precise(weight: Tensor) -> Tensor:
    """All of a weight that DeepSpeed trains, in float32, whatever it computes in."""
    from deepspeed.utils import safe_get_full_fp32_param

    found: Tensor | None = safe_get_full_fp32_param(weight)
    return weight if found is None else found


def like(given: Tensor, weight: Tensor) -> Tensor:
    """This process's part of a whole tensor, divided as a weight is."""
    from torch.distributed.tensor import DTensor, distribute_tensor

    if not isinstance(weight, DTensor):
        return given
    return distribute_tensor(given, weight.device_mesh, weight.placements)


@contextmanager
def recognised(model: nn.Module) -> Iterator[None]:
    """accelerate reads its configuration for FSDP as a training of `model` needs it, inside.

    It reads one where there are accelerators alone; what it does then runs on processors too, so that
    a plan can be tried, and all of this be tested, without one. And where no class of layers is named
    it divides what transformers would not split, BERT's embeddings among it, and then the table inside
    these a second time, at which torch stops (accelerate 1.15).
    """
    from accelerate import PartialState
    from accelerate.utils import DistributedType

    state = PartialState._shared_state
    if asked() == FSDP and state.get("distributed_type") == DistributedType.MULTI_CPU:
        state["distributed_type"] = DistributedType.MULTI_GPU
    if asked() == FSDP:
        os.environ.setdefault(LAYERS, type(layers(model)[0]).__name__)
    yield


def _is_set(variable: str) -> bool:
    return os.environ.get(variable, "").lower() in ("1", "true", "yes")
