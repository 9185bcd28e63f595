"""The one place where our settings become `transformers.TrainingArguments`.

Argument names differ between transformers 4.57 and 5.x and go on changing in minor releases; nothing
else in the project constructs this class.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

import torch
from transformers import TrainingArguments

from harness import dividing, processes
from harness.errors import HarnessError
from harness.training_plan import Train


def training_arguments(config: Train, *, seed: int, folder: Path) -> TrainingArguments:
    """Arguments of the Trainer for one fine-tuning.

    Evaluation, the choice of the checkpoint, progress and records are ours (callbacks), so the Trainer
    neither evaluates nor logs; it saves a checkpoint after every epoch to `folder`.
    """
    several = processes.count()
    dividing.follow_plan(config)
    if config.batch_size % several:
        raise HarnessError(
            f"batch_size is {config.batch_size}, which {several} processes cannot share evenly: it is "
            "the rows of a batch over all of them. Give a multiple of their number."
        )
    accepted = set(TrainingArguments.__dataclass_fields__)
    values: dict[str, Any] = {
        "output_dir": str(folder),
        "per_device_train_batch_size": config.batch_size // several,
        "gradient_accumulation_steps": config.accumulate,
        "num_train_epochs": config.epochs,
        "learning_rate": config.learning_rate,
        "weight_decay": config.weight_decay,
        "max_grad_norm": config.clip,
        "lr_scheduler_type": _schedule(config),
        "seed": seed,
        "data_seed": seed,
        "save_strategy": "epoch",
        "eval_strategy": "no",
        "logging_strategy": "no",
        "report_to": "none",
        "disable_tqdm": True,
        "label_names": ["labels"],
        # Our rows are no model inputs; the collator makes those.
        "remove_unused_columns": False,
        # The default hides a loss that became NaN behind the average of the earlier ones.
        "logging_nan_inf_filter": False,
        # On a CPU the default warns that nothing can be pinned.
        "dataloader_pin_memory": torch.cuda.is_available(),
        # Workers would keep the rows of the epoch in which they were started.
        "dataloader_num_workers": 0,
        "bf16": config.precision == "bfloat16",
        "fp16": config.precision == "float16",
        # Else bf16 is refused where there is no GPU.
        "use_cpu": not torch.cuda.is_available(),
        **_warmup(config.warmup, accepted),
        **_checkpointing(config.gradient_checkpointing, accepted),
    }
    made = TrainingArguments(**values)
    if made.n_gpu > 1:
        # nn.DataParallel copies modules at every pass, which leaves the embedding hook behind.
        made._n_gpu = 1
    return made


def _warmup(share: float, accepted: set[str]) -> dict[str, float]:
    """Share of the steps over which the rate rises: 5.x takes it as `warmup_steps` below 1."""
    if "warmup_ratio" in accepted:
        return {"warmup_ratio": share}
    return {"warmup_steps": share}


def _checkpointing(wanted: bool, accepted: set[str]) -> dict[str, Any]:
    """Renamed in 5.23; without reentrance, which loses the gradients of perturbed embeddings."""
    if not wanted:
        return {}
    name = "activation" if "activation_checkpointing" in accepted else "gradient"
    return {f"{name}_checkpointing": True, f"{name}_checkpointing_kwargs": {"use_reentrant": False}}


def _schedule(config: Train) -> str:
    if config.schedule == "constant" and config.warmup > 0:
        return "constant_with_warmup"
    return config.schedule
