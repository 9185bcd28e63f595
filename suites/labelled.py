"""What people's labels say of a run's successes: the share that keep their label, and what follows.

A text keeps its label where more than half of the annotators give it that label. A tie is not enough,
and "cannot tell" does not count for it. So a success that people cannot agree on is not held against
the model, and a corrected success rate is rather too low than too high.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from typing import Any

from reports import statistics, summaries
from reports.agreement import kappa
from reports.statistics import Estimate
from suites.meaning import changes_label
from suites.sheet import Item, Sheet

Answers = Mapping[str, int | None]
"""The label number that an annotator gave to each text by id; None: cannot tell."""


def judged(
    sheet: Sheet, labels: Sequence[str], annotators: Mapping[str, Answers]
) -> dict[str, Any]:
    """The whole of what filled sheets say, as `withstand sheet --json` prints it.

    Args:
        labels: names of the labels; `annotators`: answers by the name of the file.

    Shares carry Wilson's interval, texts of one example or family counted together; kappa a bootstrap.
    An attack's corrected success rate is its measured one times the share of its sampled successes that
    keep their label, with an interval from both (`statistics.product`).
    """
    given = list(annotators.values())
    altered = [item for item in sheet.items if item.checks]
    controls = [item for item in sheet.items if not item.checks]
    table = [[answers[item.id] for item in sheet.items] for answers in given]
    alike = [len(set(column)) == 1 for column in zip(*table, strict=True)]
    several = len(given) > 1
    return {
        "run": sheet.run,
        "n": sheet.n,
        "seed": sheet.seed,
        "labels": list(labels),
        "sheets": [
            {
                "file": name,
                "cannot_tell": sum(label is None for label in answers.values()),
                "controls": _share(controls, [answers]).to_dict(),
            }
            for name, answers in annotators.items()
        ],
        "kept": _share(altered, given).to_dict(),
        "other_label": sum(_agreed_on(item, given) not in (None, item.label) for item in altered),
        "controls": _share(controls, given).to_dict(),
        "agreement": {
            "same_answer": (
                statistics.rate_of(alike, [item.group for item in sheet.items])
                if several
                else kappa(table)
            ).to_dict(),
            "kappa": kappa(table).to_dict(),
        },
        "attacks": [_attack(sheet, check, altered, given) for check in sheet.outcomes],
    }


def _attack(
    sheet: Sheet, check: str, altered: Sequence[Item], given: Sequence[Answers]
) -> dict[str, Any]:
    outcomes = sheet.outcomes[check]
    rate = summaries.summarize_attack(outcomes).attack_success_rate
    mine = [item for item in altered if check in item.checks]
    kept = _share(mine, given)
    return {
        "name": outcomes[0].attack,
        "split": outcomes[0].split,
        "calibrated": outcomes[0].calibrated,
        "successes": sum(map(changes_label, outcomes)),
        "attack_success_rate": rate.to_dict(),
        "kept": kept.to_dict(),
        "corrected_success_rate": statistics.product(rate, kept).to_dict(),
    }


def _share(items: Sequence[Item], given: Sequence[Answers]) -> Estimate:
    if not items:
        return Estimate.missing("no such text is in the sheet")
    flags = [_agreed_on(item, given) == item.label for item in items]
    return statistics.rate_of(flags, [item.group for item in items])


def _agreed_on(item: Item, given: Sequence[Answers]) -> int | None:
    """The label that more than half of the annotators give, if there is one."""
    (label, votes), *_ = Counter(answers[item.id] for answers in given).most_common(1)
    return label if votes > len(given) / 2 else None
