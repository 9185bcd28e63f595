"""Logits of many examples, in few and tight batches."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from attacks.engine.queue import padded_length
from attacks.engine.scheduler import is_out_of_memory
from attacks.models import Model, Victim
from attacks.outcomes import Example
from attacks.questions import Floats
from harness import processes
from reports.progress import Progress, Quiet


def predict(
    victim: Victim,
    examples: Sequence[Example],
    *,
    batch_size: int = 64,
    batch_tokens: int = 4096,
    progress: Progress | None = None,
    title: str = "predict",
) -> Floats:
    """Logits of the unaltered examples, shape (n, labels), rows in the order given.

    Examples are run longest first, so that every batch holds texts of one padded length or nearly so
    and running out of memory shows at once; then batches are halved. A padded length depends on
    the text alone where the victim pads as the attack engine does. Where several processes train
    together each must ask for the same; each runs a part.
    """

    def run(part: Sequence[Example]) -> list[Floats]:
        inputs = [example.text.strings for example in part]
        return rows_of(
            victim,
            inputs,
            batch_size=batch_size,
            batch_tokens=batch_tokens,
            progress=progress,
            title=title,
        )

    rows: list[Floats] = processes.shared_out(examples, run)
    return np.array(rows, dtype=np.float32).reshape(len(examples), len(victim.labels))


def rows_of(
    model: Model,
    inputs: Sequence[Any],
    *,
    batch_size: int = 64,
    batch_tokens: int = 4096,
    progress: Progress | None = None,
    title: str = "predict",
) -> list[Floats]:
    """What a model that answers with rows of numbers says of each input, in the order given."""
    encodings = model.encode(inputs)
    lengths = [padded_length(len(encoding)) for encoding in encodings]
    order = sorted(range(len(inputs)), key=lambda i: (-lengths[i], i))
    rows: dict[int, Floats] = {}
    done = 0
    with (progress or Quiet()).task(title, len(inputs)) as task:
        while done < len(order):
            length = lengths[order[done]]
            room = max(1, min(batch_size, batch_tokens // length))
            batch = [i for i in order[done : done + room] if lengths[i] == length]
            try:
                answers = np.asarray(model.run([encodings[i] for i in batch]), dtype=np.float32)
            except Exception as error:
                if len(batch) == 1 or not is_out_of_memory(error):
                    raise
                batch_tokens = len(batch) * length // 2
                continue
            rows.update(zip(batch, answers, strict=True))
            done += len(batch)
            task.update(done)
    return [rows[i] for i in range(len(inputs))]
