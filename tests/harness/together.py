"""Trainings that two processes make together, or one alone: run as a program by the tests.

Usage: together.py FOLDER CASE…, under torchrun. Of each case FOLDER/CASE.json has the history, the
events and some of each weight; a case that is refused leaves its message there.
"""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import Any

import torch

from harness import processes
from harness.errors import HarnessError
from harness.objectives import perturbations
from harness.training import train
from tests.harness import tiny

ROWS = 41  # the last batch has one row: one of two processes has nothing to do
ATTACKED = {
    "augment": {"attacks": ["deepwordbug"], "share": 0.3, "query_budget": 15, "refresh": 2},
    "selection": {
        "metric": "robust_accuracy",
        "attacks": ["deepwordbug"],
        "examples": 8,
        "query_budget": 15,
    },
}
OBJECTIVES = (
    *("plain", "fgm", "pgd", "freelb", "freelb++", "tavat", "vat", "smart", "trades", "mart"),
    *("r3f", "r-drop", "neftune", "awp", "distillation"),
)
CASES: dict[str, dict[str, Any]] = {
    **{name: {"objective": {"name": name}} for name in OBJECTIVES},
    # Nearer to the text the divergence that these climb is little more than rounding.
    "vat": {"objective": {"name": "vat", "parameters": {"xi": 1.0}}},
    "trades": {"objective": {"name": "trades", "parameters": {"init_scale": 0.1}}},
    "accumulated": {"objective": {"name": "freelb"}, "batch_size": 4, "accumulate": 3},
    "accumulated-tavat": {"objective": {"name": "tavat"}, "batch_size": 4, "accumulate": 3},
    "attacked": ATTACKED,
    "averaged": {"average": {"method": "ema"}, "adaptation": {"layer_decay": 0.8}},
    "decayed": {"adaptation": {"layer_decay": 0.5}, "clip": 0.05},
    "mixed": {"objective": [{"name": "freelb"}, {"name": "r-drop", "weight": 0.5}]},
    "checkpointing": {"gradient_checkpointing": True, "objective": {"name": "pgd"}},
    "taught": {"soft_labels": 0.5, "label_smoothing": 0.1},
    "adapted": {"adapter": {"method": "lora"}, "objective": {"name": "fgm"}},
    **{
        name: {"adapter": settings, "objective": {"name": "fgm"}}
        for name, settings in (
            ("prefixed", {"method": "prefix", "tokens": 3}),
            ("prompted", {"method": "prompt", "tokens": 3}),
            ("narrowed", {"method": "bottleneck", "size": 4}),
        )
    },
    "diverging": {"learning_rate": 1e30},
    "uneven": {"batch_size": 7},
}


def fixed(noise: torch.Tensor, ctx: Any) -> torch.Tensor:
    """Noise that depends on nothing but the token and its place."""
    ids = ctx.inputs["input_ids"]
    place = torch.arange(ids.shape[1])
    width = torch.arange(noise.shape[-1])
    waves = torch.sin(ids.unsqueeze(-1) * 12.9 + place.view(1, -1, 1) * 78.2 + width * 37.7)
    return waves * ctx.mask.unsqueeze(-1)


def run(folder: Path, case: str) -> None:
    """One training; the first process writes what came of it."""
    loaded, events = tiny.loaded(tiny.classifier(dropout=0.0)), []
    settings = {"learning_rate": 1e-3, **CASES[case]}
    found: dict[str, Any]
    try:
        result = train(
            tiny.settings(folder / case / "model", **settings),
            loaded,
            tiny.examples(ROWS),
            tiny.examples(24, seed=1),
            seed=5,
            max_length=32,
            work=folder / case / "work",
            record=events.append,
        )
    except HarnessError as error:
        found = {"refused": str(error)}
    else:
        # The gradients of attention's key biases are zero but for rounding, which Adam makes large.
        state = {k: v for k, v in loaded.model.state_dict().items() if "key.bias" not in k}
        found = {
            "history": [record.to_dict() for record in result.history],
            "events": events,
            "weights": {name: value.flatten()[:50].tolist() for name, value in state.items()},
        }
    if processes.is_first():
        (folder / f"{case}.json").write_text(json.dumps(found), encoding="utf-8")


def main(folder: Path, cases: list[str]) -> None:
    """Some cases, one after the other."""
    torch.set_num_threads(1)
    perturbations._masked = fixed
    for case in cases:
        run(folder, case)


if __name__ == "__main__":
    main(Path(sys.argv[1]), sys.argv[2:])
