"""What the model read: how much each word of the worst examples spoke for its label."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from importlib.util import find_spec
from typing import TYPE_CHECKING, Any

from attacks.errors import AttackError
from attacks.models import Model
from reports.folder import RunFolder
from reports.progress import Progress
from reports.records import OutcomeRecord
from reports.summaries import worst_examples

if TYPE_CHECKING:
    from attacks.victims.attributions import Attribution

EVENT = "explained"
_MISSING = (
    "  the worst examples are not explained: captum is not installed "
    "(pip install 'withstand[explain]')"
)


def explain(
    folder: RunFolder,
    victim: Model,
    outcomes: Iterable[OutcomeRecord],
    most: int,
    progress: Progress,
) -> None:
    """Put on record what the words of the worst examples add to the logit of their label.

    Of a model whose insides cannot be seen, and where captum is not installed, there is nothing: an
    explanation is no evidence, and no audit fails for it. What is on record already is not asked again.
    """
    from attacks.victims.huggingface import HuggingFaceVictim

    if most == 0 or not isinstance(victim, HuggingFaceVictim):
        return
    shown = worst_examples(outcomes, most)
    known = {(e["check"], e["example_id"]) for e in folder.events() if e["event"] == EVENT}
    left = [e for e in shown if (e["check"], e["example_id"]) not in known]
    if not left:
        return
    if find_spec("captum") is None:
        progress.say(_MISSING)
        return
    asked = victim.attributions()
    for example in left:
        sides = {"before": example["original"], "after": example["perturbed"]}
        try:
            found = {
                side: _plain(asked.attributed(tuple(strings), example["label"]), strings)
                for side, strings in sides.items()
            }
        except (AttackError, RuntimeError) as error:
            # A slow tokenizer, or a forward pass that captum cannot follow.
            progress.say(f"  the worst examples are not explained: {error}")
            return
        folder.append(
            EVENT,
            check=example["check"],
            attack=example["attack"],
            example_id=example["example_id"],
            label=example["label"],
            **found,
        )


def explained(events: Iterable[Mapping[str, Any]]) -> list[dict[str, Any]]:
    """The explanations that are on record, as results.json has them."""
    keys = ("check", "attack", "example_id", "label", "before", "after")
    return [{key: event[key] for key in keys} for event in events if event["event"] == EVENT]


def _plain(found: Attribution, strings: Sequence[str]) -> dict[str, Any]:
    return {
        "words": [
            {"field": field, "text": strings[field][start:end], "score": round(score, 4)}
            for (field, start, end), score in zip(found.words, found.scores, strict=True)
        ],
        "logit": round(found.logit, 4),
        "empty": round(found.empty, 4),
        "error": round(found.error, 4),
    }
