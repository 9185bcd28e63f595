"""Which test texts belong to a slice of the plan, told once and put on record."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Sequence

from attacks.outcomes import Example
from harness.plan import Audit, PlanError, Slice
from reports.folder import RunFolder
from reports.slices import EVENT, recorded


def check_slices(audit: Audit, labels: Sequence[str], test: Iterable[Example]) -> None:
    """Raise PlanError for a slice with a label that is none of the data's, or without a test text."""
    texts = list(test)
    for number, one in enumerate(audit.slices):
        where = f"audit.slices.{number}"
        if one.name in [earlier.name for earlier in audit.slices[:number]]:
            raise PlanError(f"{where}.name: '{one.name}' is the name of another slice.")
        for label in one.labels:
            if label not in labels:
                raise PlanError(
                    f"{where}.labels: '{label}' is no label of the data. Allowed: {', '.join(labels)}."
                )
        if not any(map(belongs(one, labels), texts)):
            raise PlanError(
                f"{where}: none of the {len(texts)} test texts is in the slice '{one.name}' "
                f"({one.says}), so nothing would be counted. {_seen(one, texts)}"
            )


def _seen(one: Slice, texts: Sequence[Example]) -> str:
    """What the texts have where the slice asks for something else."""
    if one.column is not None:
        values = sorted(
            {value for text in texts for key, value in text.columns if key == one.column}
        )
        return f"Values of '{one.column}': {', '.join(values[:10]) or 'none'}."
    lengths = sorted(_words(text) for text in texts)
    return f"They have {lengths[0]} to {lengths[-1]} words."


def belongs(one: Slice, labels: Sequence[str]) -> Callable[[Example], bool]:
    """Whether an example is in a slice, as a function of the example."""
    pattern = re.compile(one.matches, re.IGNORECASE) if one.matches is not None else None

    def inside(example: Example) -> bool:
        if one.labels and labels[example.label] not in one.labels:
            return False
        if one.column is not None and dict(example.columns).get(one.column) not in one.values:
            return False
        words = _words(example)
        if one.min_words is not None and words < one.min_words:
            return False
        if one.max_words is not None and words > one.max_words:
            return False
        return pattern is None or any(map(pattern.search, example.text.strings))

    return inside


def _words(example: Example) -> int:
    return sum(len(value.split()) for value in example.text.strings)


def put_on_record(
    folder: RunFolder, audit: Audit, labels: Sequence[str], test: Sequence[Example]
) -> None:
    """Record the members of every slice; once."""
    known = {members.name for members in recorded(folder.events())}
    for one in audit.slices:
        if one.name not in known:
            inside = belongs(one, labels)
            ids = [example.id for example in test if inside(example)]
            folder.append(EVENT, name=one.name, says=one.says, ids=ids)
