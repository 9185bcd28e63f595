"""Fixtures of the tests of the fine-tuning core."""

from __future__ import annotations

import pytest
import torch
from torch import Tensor

from harness.objectives import perturbations
from harness.objectives.base import StepContext


@pytest.fixture
def fixed_noise(monkeypatch: pytest.MonkeyPatch) -> None:
    """Noise that depends on the token and its coordinate alone, not on the batch around it."""

    def noise(ctx: StepContext) -> Tensor:
        places = ctx.inputs["input_ids"].unsqueeze(-1) * 31 + torch.arange(ctx.tap.dimension)
        return torch.sin(places * 12.9898) * ctx.mask.unsqueeze(-1)

    monkeypatch.setattr(perturbations, "uniform", noise)
    monkeypatch.setattr(perturbations, "normal", noise)
    for name in ("vat", "trades", "smart"):
        monkeypatch.setattr(f"harness.objectives.{name}.normal", noise)
    monkeypatch.setattr("harness.objectives.dne.dirichlet", lambda hull, *_: hull.real.double() / 9)
    monkeypatch.setattr("harness.objectives.r3f.NOISES", {"uniform": noise, "normal": noise})
