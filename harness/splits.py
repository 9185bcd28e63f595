"""Training, validation and test rows that have nothing in common.

No group stands in two splits, duplicates across splits are removed from the side that is trained on, and
which row goes where follows from the seed and the rows alone: not from their order.
"""

from __future__ import annotations

import dataclasses
import functools
import hashlib
from collections import Counter, defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from attacks.outcomes import Example
from harness.data import Oddities, Split, default_group, load_rows
from harness.data_report import DataReport, DuplicatePair, Overlap, SplitFacts
from harness.duplicates import content_key, find_duplicates
from harness.errors import HarnessError, did_you_mean, in_words
from harness.plan import Data
from harness.sources import parse_source

NAMES = ("train", "validation", "test")
_SHOWN = 5


@dataclass(frozen=True, slots=True)
class Prepared:
    """The three splits, and how they came to be."""

    train: Split
    validation: Split
    test: Split
    report: DataReport

    @property
    def labels(self) -> tuple[str, ...]:
        """Label names in the order of their numbers; the same for every split."""
        return self.train.labels


def prepare(
    data: Data, seed: int, labels: Sequence[str] = (), columns: Sequence[str] = ()
) -> Prepared:
    """Load, check, split, remove duplicates and draw.

    The rows of each split come in an order drawn by seed in which every beginning is balanced by label
    like the whole: the first n rows are a stratified sample, and part of the first n + 1.

    Args:
        data: the plan's section.
        seed: of the splitting and the draws.
        labels: label names in the order of their numbers; where empty, as the training rows have them.
        columns: further columns that test rows carry (`Example.columns`).

    Raises:
        HarnessError: as `load_rows`; also where a split would be empty or hold one class only.
    """
    stamp = _stamp(data)
    if stamp is None:
        return _prepare(data, seed, tuple(labels), tuple(columns))
    return _prepare_once(data, seed, tuple(labels), tuple(columns), stamp)


def _stamp(data: Data) -> tuple[tuple[str, int, int], ...] | None:
    """Name, size and time of every file behind the data; None where it is not files alone."""
    stamps = []
    for spec in (data.source, data.validation, data.test):
        if spec is None:
            continue
        source = parse_source(spec)
        if source.kind == "file":
            stat = Path(source.location).stat()
            stamps.append((str(Path(source.location).resolve()), stat.st_size, stat.st_mtime_ns))
        elif source.kind == "bundle":
            stamps.append((source.spec, 0, 0))  # pinned by hash
        else:
            return None
    return tuple(stamps)


# One `withstand harden` asks for the same splits before it starts and in each of its stages.
@functools.lru_cache(maxsize=2)
def _prepare_once(
    data: Data,
    seed: int,
    labels: tuple[str, ...],
    columns: tuple[str, ...],
    stamp: tuple[tuple[str, int, int], ...],
) -> Prepared:
    return _prepare(data, seed, labels, columns)


def _prepare(data: Data, seed: int, labels: tuple[str, ...], columns: tuple[str, ...]) -> Prepared:
    loaded, oddities = _load(data, seed, labels, columns)
    for split in loaded.values():
        _check_classes(split, data)
    kept, overlaps = _without_overlaps(loaded, data)
    limits = (data.train_limit, data.validation_limit, data.test_limit)
    drawn = {
        name: dataclasses.replace(
            kept[name], rows=stratified_order(kept[name].rows, seed, name)[:n]
        )
        for name, n in zip(NAMES, limits, strict=True)
    }
    _check_classes(drawn["train"], data)
    report = DataReport(
        seed=seed,
        group=data.group or default_group(parse_source(data.source)),
        ids=loaded["train"].ids,
        threshold=data.near_duplicate,
        read=sum(len(split) for split in loaded.values()),
        oddities=oddities,
        splits=tuple(SplitFacts.of(drawn[name], len(kept[name])) for name in NAMES),
        overlaps=overlaps,
    )
    return Prepared(drawn["train"], drawn["validation"], drawn["test"], report)


def load_split(
    source: str,
    *,
    text: Sequence[str] = ("text",),
    label: str = "label",
    group: str | None = None,
    labels: Sequence[str] = (),
    seed: int = 0,
) -> Split:
    """The rows that `source` names, in the order of `stratified_order`.

    Behind the colon of a bundle or a file stands "train", "validation" or "test": the split that
    `prepare` makes with default shares and this seed. Anything else behind a colon is a split of the
    source's own.

    Raises:
        HarnessError: as `prepare` and `load_rows`.
    """
    parsed = parse_source(source)
    if parsed.split is None or parsed.kind in ("folder", "hub"):
        whole = load_rows(parsed, text=text, label=label, group=group, labels=labels)
        return dataclasses.replace(whole, rows=stratified_order(whole.rows, seed, whole.name))
    if parsed.split not in NAMES:
        hint = did_you_mean(parsed.split, NAMES)
        raise HarnessError(f"{source}: a split is one of {in_words(NAMES)}.{hint}")
    unsplit = source.removesuffix(f":{parsed.split}")
    data = Data(source=unsplit, text=tuple(text), label=label, group=group)
    prepared = prepare(data, seed, labels)
    found = {"train": prepared.train, "validation": prepared.validation, "test": prepared.test}
    return dataclasses.replace(found[parsed.split], source=source)


def stratified_order(rows: Iterable[Example], seed: int, role: str) -> tuple[Example, ...]:
    """Rows in an order drawn by seed, in which every beginning has the labels in equal proportion.

    A row's place among those of its label is drawn from (seed, role, its id), so the result does not
    depend on the order in which the rows come.
    """
    by_label: dict[int, list[tuple[bytes, Example]]] = defaultdict(list)
    for row in rows:
        by_label[row.label].append((_drawn(seed, role, row.id), row))
    placed = []
    for members in by_label.values():
        members.sort(key=lambda item: (item[0], item[1].id))
        placed += [
            ((rank + 0.5) / len(members), key, row) for rank, (key, row) in enumerate(members)
        ]
    return tuple(
        row for _, _, row in sorted(placed, key=lambda item: (item[0], item[1], item[2].id))
    )


def _load(
    data: Data, seed: int, labels: Sequence[str], columns: Sequence[str]
) -> tuple[dict[str, Split], Oddities]:
    named = {"validation": data.validation, "test": data.test}
    missing = [name for name, source in named.items() if source is None]
    whole = load_rows(
        data.source,
        text=data.text,
        label=data.label,
        group=data.group,
        labels=labels,
        columns=columns if data.test is None else (),
    )
    made = {"train": dataclasses.replace(whole, name="train")}
    if missing:
        _check_classes(whole, data)
        wanted = [
            share if name in ("train", *missing) else 0.0
            for name, share in zip(NAMES, data.shares, strict=True)
        ]
        parts = _assign(whole.rows, [share / sum(wanted) for share in wanted], seed)
        for name, part in zip(NAMES, parts, strict=True):
            if name in ("train", *missing):
                made[name] = dataclasses.replace(whole, name=name, rows=tuple(part))
    given = {
        name: load_rows(
            source,
            text=data.text,
            label=data.label,
            group=data.group,
            # What the training rows know is what the model will know.
            labels=labels or whole.labels,
            name=name,
            columns=columns if name == "test" else (),
        )
        for name, source in named.items()
        if source is not None
    }
    oddities = sum((split.oddities for split in given.values()), whole.oddities)
    found = {name: (made | given)[name] for name in NAMES}
    return (_with_distinct_ids(found) if given else found), oddities


def _with_distinct_ids(splits: dict[str, Split]) -> dict[str, Split]:
    """The same splits; where two of them share an id, all ids are led by the name of their split."""
    counts = Counter(row.id for split in splits.values() for row in split.rows)
    if not counts or max(counts.values()) == 1:
        return splits
    return {
        name: dataclasses.replace(
            split,
            rows=tuple(dataclasses.replace(row, id=f"{name}:{row.id}") for row in split.rows),
        )
        for name, split in splits.items()
    }


def _assign(
    rows: Sequence[Example], shares: Sequence[float], seed: int
) -> tuple[list[Example], ...]:
    """Give whole groups to splits, near the shares for every label.

    Groups come in the order that the seed draws; each goes to the split that lacks most, in proportion
    to its share, of the labels that the group has (and of rows). How large a group is has no say, or
    the small splits would be filled up with small groups. Rows without a group are grouped by their
    text, so that exact duplicates stay together.
    """
    groups: dict[str, list[Example]] = defaultdict(list)
    for row in rows:
        # The two kinds of key differ in their first character, so that no group is named like a text.
        family = f"g{row.group}" if row.group is not None else "t" + content_key(row.text.strings)
        groups[family].append(row)
    width = max(row.label for row in rows) + 1
    total = _counts(rows, width)
    open_splits = [number for number, share in enumerate(shares) if share > 0]
    wanted = np.outer([shares[number] for number in open_splits], total)
    weight = np.divide(1.0, wanted, out=np.zeros_like(wanted), where=wanted > 0)
    # Half of what the average group brings: with it the last group rounds to the nearer split.
    filled = np.zeros_like(wanted) + total / len(groups) / 2
    parts: tuple[list[Example], ...] = tuple([] for _ in shares)
    for family in sorted(groups, key=lambda name: (_drawn(seed, "split", name), name)):
        members = groups[family]
        counts = _counts(members, width)
        excess = (counts / len(members) * (filled - wanted) * weight).sum(axis=1)
        # Rounded, so that the order of summing over another processor's lanes decides nothing.
        best = int(np.argmin(np.round(excess, 9)))
        filled[best] += counts
        parts[open_splits[best]].extend(members)
    return parts


def _counts(rows: Iterable[Example], width: int) -> np.ndarray[tuple[int], np.dtype[np.float64]]:
    """Rows by label, and in all in the last place: shape (width + 1,)."""
    counts = np.zeros(width + 1)
    for row in rows:
        counts[row.label] += 1
        counts[width] += 1
    return counts


def _without_overlaps(
    loaded: dict[str, Split], data: Data
) -> tuple[dict[str, Split], tuple[Overlap, ...]]:
    """Remove from validation what it shares with test, then from training what it shares with both.

    In this order, so that no training row is removed for a validation row that is not used.
    """
    kept = dict(loaded)
    overlaps = []
    for weaker, stronger in (("validation", "test"), ("train", "test"), ("train", "validation")):
        clean, overlap = _subtract(kept[weaker], kept[stronger], data.near_duplicate)
        if kept[weaker].rows and not clean:
            raise HarnessError(
                f"Every row of {weaker} ({kept[weaker].source}) is a duplicate of one in {stronger} "
                f"({kept[stronger].source}). Is it the same file twice?"
            )
        kept[weaker] = dataclasses.replace(kept[weaker], rows=clean)
        overlaps.append(overlap)
    return kept, tuple(overlaps)


def _subtract(
    weaker: Split, stronger: Split, threshold: float
) -> tuple[tuple[Example, ...], Overlap]:
    matches = find_duplicates(
        [row.text.strings for row in weaker.rows],
        [row.text.strings for row in stronger.rows],
        threshold,
    )
    exact = {match.first for match in matches if match.exact}
    near = {match.first for match in matches} - exact
    conflicting = {
        match.first
        for match in matches
        if weaker.rows[match.first].label != stronger.rows[match.second].label
    }
    groups = {row.group for row in stronger.rows} - {None}
    same_group = {place for place, row in enumerate(weaker.rows) if row.group in groups}
    gone = exact | near | same_group
    shown = sorted(matches, key=lambda match: (match.exact, match.similarity, match))[:_SHOWN]
    overlap = Overlap(
        removed_from=weaker.name,
        kept_in=stronger.name,
        same_group=len(same_group),
        exact=len(exact),
        near=len(near),
        conflicting=len(conflicting),
        rows=len(gone),
        examples=tuple(
            _pair(weaker.rows[m.first], stronger.rows[m.second], m.similarity) for m in shown
        ),
    )
    return tuple(row for place, row in enumerate(weaker.rows) if place not in gone), overlap


def _pair(removed: Example, kept: Example, similarity: float) -> DuplicatePair:
    texts = [" | ".join(row.text.strings)[:200] for row in (removed, kept)]
    return DuplicatePair(removed.id, kept.id, round(similarity, 4), texts[0], texts[1])


def _check_classes(split: Split, data: Data) -> None:
    """Every split that the plan asks for has rows, and rows of two classes at least."""
    if data.test is None and split.name in NAMES:
        if data.shares[NAMES.index(split.name)] == 0:
            return
        advice = "Change data.shares or the limits, or give more rows or groups."
    else:
        advice = "A classifier needs rows of at least two."
    if not split.rows:
        raise HarnessError(f"The {split.name} split of {split.source} would be empty. {advice}")
    present = [name for name, count in split.balance.items() if count]
    if len(present) == 1:
        raise HarnessError(
            f"{split.source}: the {split.name} rows hold one class only, '{present[0]}' "
            f"({len(split):,} rows). {advice}"
        )


def _drawn(seed: int, role: str, name: str) -> bytes:
    """A number drawn for a name: the same whatever else there is."""
    text = f"{seed}\0{role}\0{name}"
    return hashlib.blake2b(text.encode("utf-8", "surrogatepass"), digest_size=16).digest()
