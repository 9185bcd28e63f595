"""The learning rate of a training whose plan names none: by what is trained, and by the model's size."""

from __future__ import annotations

from math import inf
from typing import Any

from harness.training_plan import Train

MILLION = 1_000_000

Table = tuple[tuple[float, float], ...]

FULL: Table = (
    (50 * MILLION, 1e-4),
    (200 * MILLION, 3e-5),
    (600 * MILLION, 1e-5),
    (inf, 5e-6),
)
"""Of all weights, for models of up to so many parameters. Compact BERTs: second of the four rates that
Turc et al. (2019) choose among; base: the middle one of Devlin et al. (2019, appendix A.3); large: the
lowest of Liu et al. (RoBERTa, 2019, table 10); beyond: the lowest of He et al. (DeBERTa, 2021) for 1.5
billion."""

LOW_RANK: Table = ((200 * MILLION, 4e-4), (600 * MILLION, 2e-4), (inf, 1e-4))
"""Of LoRA and DoRA: rates of Hu et al. (2022, table 9) for RoBERTa base, large and DeBERTa XXL."""

SCALES: Table = ((inf, 3e-3),)
"""Of IA3 (Liu et al., 2022, section 3.5)."""


KEPT: dict[str, Table] = {
    "prefix": ((inf, 1e-2),),
    "prompt": ((inf, 3e-2),),
    "bottleneck": ((inf, 3e-4),),
}
"""Of adapters that stay. Measured on MiniLM and 1,600 film reviews, three epochs in batches of 16: the
last epoch's accuracy on 300 others, of which 57% are of one class, one run each. Prefix: 76.7% at 3e-3,
77.7% at 1e-2, 76.0% at 3e-2. Bottleneck: 82.0% at 3e-4, 80.3% at 1e-3 and at 3e-3; Houlsby et al. (2019,
section 3.2) choose among 3e-5, 3e-4 and 3e-3. Prompt: 67.0% at 3e-2, the one rate tried there."""


def rate_of(config: Train, model: Any) -> float:
    """The plan's learning rate, or a default by what is trained and the number of parameters."""
    if config.learning_rate is not None:
        return config.learning_rate
    size = sum(parameter.numel() for parameter in model.parameters())
    table = FULL
    if config.adapter:
        others = SCALES if config.adapter.method == "ia3" else LOW_RANK
        table = KEPT.get(config.adapter.method, others)
    return next(rate for most, rate in table if size <= most)
