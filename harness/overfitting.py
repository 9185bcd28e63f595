"""Whether a training learns its texts by heart, loses robustness, or learns nothing: said in words."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from math import sqrt

from attacks.outcomes import Example
from harness.selection import EpochRecord, Robustness, at_chance, choose
from harness.training_plan import Selection

LOSS_ROSE = 1.05
"""Validation loss of so many times its least is a rise and no noise of an epoch."""


def commonest(examples: Sequence[Example], labels: Sequence[str]) -> tuple[str, float]:
    """The label that most examples have, and its share."""
    number, count = Counter(example.label for example in examples).most_common(1)[0]
    return labels[number], count / len(examples)


def line(record: EpochRecord, epochs: int) -> str:
    """An epoch in one line."""
    parts = [f"epoch {record.epoch + 1} of {epochs}:"]
    if record.train_loss is not None:
        parts.append(f"training loss {record.train_loss:.3f};")
    parts.append(
        f"validation {100 * record.accuracy:.1f}% right, loss {record.validation_loss:.3f}, calibration "
        f"off by {100 * record.calibration_error:.1f} points"
    )
    if record.robustness:
        parts.append(f"{100 * record.robustness.accuracy:.1f}% under attack")
    if record.fitted:
        parts.append(
            f"(training texts {100 * record.fitted.accuracy:.1f}%, loss {record.fitted.loss:.3f}"
            + (
                f", {100 * record.fitted.robustness.accuracy:.1f}% under attack)"
                if record.fitted.robustness
                else ")"
            )
        )
    return " ".join(parts)


def warnings(
    history: Sequence[EpochRecord], selection: Selection, majority: tuple[str, float]
) -> list[str]:
    """What the last epoch of `history` gives reason to warn of.

    Args:
        majority: the commonest validation label, and its share.
    """
    found = [_guessing(history[-1], majority), _robust_gap(history, selection), _by_heart(history)]
    return [warning for warning in found if warning]


def _guessing(last: EpochRecord, majority: tuple[str, float]) -> str | None:
    """A model that answers one thing withstands every attack, and is not robust for that."""
    label, share = majority
    if not at_chance(last, share):
        return None
    return (
        f"After epoch {last.epoch + 1} validation accuracy ({100 * last.accuracy:.1f}%) cannot be told "
        f"from always answering '{label}' ({100 * share:.1f}%). A model that has learnt nothing "
        "withstands attacks and is not robust: a weaker adversary (epsilon, adv_lr, max_norm), a lower "
        'learning_rate, or start = "plain" helps.'
    )


def _robust_gap(history: Sequence[EpochRecord], selection: Selection) -> str | None:
    """Robust overfitting (Rice et al., ICML 2020): robust on training texts, less and less on others."""
    last = history[-1]
    if last.robustness is None or last.fitted is None or last.fitted.robustness is None:
        return None
    for before in sorted(history[:-1], key=lambda record: -_robust(record.robustness)):
        if before.fitted is None or before.fitted.robustness is None or before.robustness is None:
            continue
        was, now = before.robustness.accuracy, last.robustness.accuracy
        train_was, train_now = before.fitted.robustness.accuracy, last.fitted.robustness.accuracy
        if was - now > _noise(was, before.robustness.n) and train_now > train_was:
            kept = history[choose(history, selection)].epoch
            if kept == before.epoch:
                end = "That epoch's weights are the ones that are kept."
            else:
                end = (
                    f"Epoch {kept + 1} is kept, by its {selection.metric.replace('_', ' ')}; "
                    'selection.metric = "robust_accuracy" chooses by robustness.'
                )
            return (
                f"A robust gap opens: since epoch {before.epoch + 1} robust accuracy rose from "
                f"{100 * train_was:.1f}% to {100 * train_now:.1f}% on training texts and fell from "
                f"{100 * was:.1f}% to {100 * now:.1f}% on validation texts. {end}"
            )
    return None


def _by_heart(history: Sequence[EpochRecord]) -> str | None:
    last = history[-1]
    before = min(history, key=lambda record: record.validation_loss)
    if last.fitted is None or before.fitted is None:
        return None
    rose = last.validation_loss > LOSS_ROSE * before.validation_loss
    if not rose or last.fitted.loss >= before.fitted.loss:
        return None
    return (
        f"Since epoch {before.epoch + 1} the loss rose from {before.validation_loss:.3f} to "
        f"{last.validation_loss:.3f} on validation texts and fell from {before.fitted.loss:.3f} to "
        f"{last.fitted.loss:.3f} on training texts: the model learns these by heart, and grows too sure "
        "of itself. Fewer epochs, label_smoothing or a lower learning_rate helps."
    )


def _robust(found: Robustness | None) -> float:
    return found.accuracy if found else -1.0


def _noise(share: float, n: int) -> float:
    """One standard error of a share."""
    return sqrt(max(share * (1 - share), 0.25 / n) / n)
