"""Some outcomes of a run, drawn at random, asked of the model again."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path

import numpy as np

from attacks.rounding import softmax
from harness.errors import HarnessError
from harness.prediction import rows_of
from reports.folder import RunFolder
from reports.records import OutcomeRecord
from suites.replaying import differing
from suites.rerunning import Setting, rerun, setting_of
from suites.verifying import Step

NEAR = 1e-3
"""Probabilities nearer than this are one: another processor, or another number of threads, rounds
otherwise in the sixth place, and half precision in the third."""
LISTED = 5


def spot_check(
    path: Path,
    count: int,
    *,
    seed: int,
    model: str | None = None,
    device: str | None = None,
) -> Step:
    """Run so many outcomes again, and ask the model about the texts that the records hold.

    An answer or a status that is not the recorded one is wrong. A search that comes to the same end by
    another text is not: where two candidates are as good as one another, the last digit decides.

    Args:
        seed: of the draw.
        model: where the model lies now, if not where the run found it.

    Raises HarnessError as `suites.rerunning.setting_of`, and where no outcome could be run again.
    """
    run = RunFolder.open(path)
    outcomes = [o for o in run.outcomes() if o.status != "errored"]
    if not outcomes:
        raise HarnessError(f"The run {run.id} holds no outcome that could be run again.")
    chance = np.random.default_rng(seed)
    drawn = chance.choice(len(outcomes), size=min(count, len(outcomes)), replace=False)
    chosen = [outcomes[int(number)] for number in sorted(drawn)]
    setting = setting_of(run, sorted({o.attack for o in chosen}), model=model, device=device)
    wrong = [*_answers(setting, chosen)]
    elsewhere = []
    for recorded, now in zip(chosen, rerun(setting, run, chosen), strict=True):
        fields = differing(recorded, now)
        if "status" in fields:
            wrong.append(f"{_called(recorded)}: {recorded.status} on record, {now.status} now")
        elif fields:
            elsewhere.append(f"{_called(recorded)}: {', '.join(fields)}")
    notes = [f"drawn by --seed {seed}"]
    if elsewhere:
        notes.append(
            f"{len(elsewhere)} came to the same end by another way: {'; '.join(elsewhere[:LISTED])}"
        )
    if wrong:
        return Step("spot check", "wrong", wrong[0], (*(f"also {w}" for w in wrong[1:]), *notes))
    said = f"{len(chosen)} of {len(outcomes)} outcomes run again came to what is recorded"
    return Step("spot check", "ok", said, tuple(notes))


def _answers(setting: Setting, records: Sequence[OutcomeRecord]) -> Iterator[str]:
    """What a classifier says now to recorded texts, where it is not what it said."""
    if not setting.labels:
        return
    asked = []
    for record in records:
        if record.predicted_before is not None:
            before = (record.predicted_before, record.confidence_before)
            asked.append((record, record.original, *before))
        if record.perturbed is not None and record.predicted_after is not None:
            after = (record.predicted_after, record.confidence_after)
            asked.append((record, record.perturbed, *after))
    rows = rows_of(setting.victim, [text for _, text, _, _ in asked])
    for (record, text, predicted, confidence), row in zip(asked, rows, strict=True):
        temperature = (setting.temperature or 1.0) if record.calibrated else 1.0
        (shares,) = softmax(np.asarray(row)[np.newaxis], temperature)
        now = float(shares[record.label])
        other = int(shares.argmax()) != predicted and abs(float(shares[predicted]) - 0.5) > NEAR
        if other or (confidence is not None and abs(now - confidence) > NEAR):
            which = "the original" if text == record.original else "the text that was left"
            yield (
                f"{_called(record)}: to {which} the model gives the label {now:.4f}, and "
                f"{confidence if confidence is not None else 'nothing'} is recorded"
            )


def _called(record: OutcomeRecord) -> str:
    return f"{record.attack}{' (calibrated)' if record.calibrated else ''} on {record.example_id}"
