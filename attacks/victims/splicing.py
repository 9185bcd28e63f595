"""Token ids of a text, spliced from those of a text that it has most words in common with."""

from __future__ import annotations

from bisect import bisect_left, bisect_right
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from functools import lru_cache
from itertools import accumulate, chain, pairwise
from typing import Any

from attacks.questions import Inputs
from attacks.victims.cutting import BORDER, Cutting, cutting

Ids = tuple[int, ...]
Row = tuple[Ids, Ids | None]
"""Token ids of one input, special tokens included, and its token types where the model has any."""

LONG = 200
"""Characters from which a text is compared with one that is known.

On one CPU core that takes 7.4 microseconds at 171 characters and 10.8 at 591; looking up all parts takes
7.6 and 26 (medians of 40 pairs).
"""
KEY = 16
"""A known text is found by so many characters at its beginning or at its end."""
KNOWN = 256
"""Texts that are found by their beginnings, and as many by their ends; the oldest go first."""
PARTS = 50_000
"""Parts of texts, most of them words, whose tokens are remembered; then it begins anew."""
LONGEST = 64
"""Characters of a part that is remembered."""


@dataclass(slots=True, eq=False)
class Known:
    """A text that was seen, and is taken apart when another one resembles it.

    Attributes:
        starts: where its parts begin: all but the first with the space at which it was cut.
        ids: its tokens; None until the parts are tokenized, and for a text that may not be cut.
        counts: how many tokens come before each part, and in all.
    """

    text: str
    starts: list[int] = field(default_factory=list)
    ids: Ids | None = None
    counts: list[int] = field(default_factory=list)


@dataclass(frozen=True, slots=True)
class Plan:
    """What a text is made of: the first `kept` parts of a known one, new parts, its parts from `after`.

    Attributes:
        first: the new part that begins the text, where none is kept.
        after: 0 where nothing is taken from `known`: it is then this text itself, to be filled in.
    """

    first: str | None
    parts: list[str]
    known: Known | None = None
    kept: int = 0
    after: int = 0


@dataclass(frozen=True, slots=True)
class Frame:
    """What stands around the fields of an input: the special tokens before, between and behind them.

    `kinds` are their token types, `inside` those of each field; None for a model that has none.
    """

    ids: tuple[Ids, ...]
    kinds: tuple[Ids, ...] | None
    inside: Ids | None

    def around(self, fields: Sequence[Ids]) -> Row:
        """The whole input."""
        ids, kinds = self.ids[0], None if self.kinds is None else self.kinds[0]
        for n, tokens in enumerate(fields):
            ids += tokens + self.ids[n + 1]
            if kinds is not None and self.kinds is not None and self.inside is not None:
                kinds += (self.inside[n],) * len(tokens) + self.kinds[n + 1]
        return ids, kinds


class Splicer:
    """Tokenizes texts in parts, and every part once; get one from `splicer`.

    A long text is compared with a known one, so that the work grows with what was changed in it and
    hardly with its length.
    """

    def __init__(
        self, tokenizer: Any, max_length: int, how: Cutting, frames: Sequence[Frame]
    ) -> None:
        self._tokenizer = tokenizer
        self._rooms = [max_length - sum(map(len, frame.ids)) for frame in frames]
        self._how = how
        self._frames = frames
        self._inner: dict[str, Ids | None] = {}
        self._first = {} if how.lead else self._inner
        self._passing: list[tuple[dict[str, Ids | None], str]] = []
        self._heads: dict[str, Known] = {}
        self._tails: dict[str, Known] = {}
        self._apart: list[Plan] = []

    def rows(self, inputs: Sequence[Inputs]) -> list[Row | None]:
        """What the tokenizer would say to inputs of one field or two; None where it has to be asked.

        It is asked about texts that resemble none that was seen before: their parts would serve nobody
        else, and a text is tokenized faster than its parts. Also about texts with an added token in
        them, and about pairs that are too long.
        """
        if len(self._inner) + len(self._first) > PARTS:
            self.forget()
        plans = [[self._plan(text) for text in item] for item in inputs]
        known = [plan for item in plans for plan in item if plan is not None]
        flat = [*self._apart, *known]
        self._learn((plan.first for plan in flat if plan.first is not None), self._first, "")
        self._learn(chain.from_iterable(plan.parts for plan in flat), self._inner, self._how.lead)
        for plan in self._apart:
            self._ids(plan)
        self._apart.clear()
        rows = [
            self._row([self._ids(plan) if plan is not None else None for plan in item])
            for item in plans
        ]
        for memory, part in self._passing:
            memory.pop(part, None)
        self._passing.clear()
        return rows

    def forget(self) -> None:
        """Begin anew."""
        for memory in (self._inner, self._first, self._heads, self._tails):
            memory.clear()

    def _plan(self, text: str) -> Plan | None:
        heads, tails = self._heads.get(text[:KEY]), self._tails.get(text[-KEY:])
        if heads is None and tails is None:
            self._remember(Known(text))
            return None
        if len(text) < LONG:
            return _apart(text)[0]
        for found in (heads, tails):
            if found is None:
                continue
            if not found.starts:
                plan, found.starts = _apart(found.text, found)
                self._apart.append(plan)
            difference = _difference(found, text)
            if difference is not None:
                return difference
        known = Known(text)
        plan, known.starts = _apart(text, known)
        self._remember(known)
        return plan

    def _remember(self, known: Known) -> None:
        for place, key in ((self._heads, known.text[:KEY]), (self._tails, known.text[-KEY:])):
            place[key] = known
            if len(place) > KNOWN:
                del place[next(iter(place))]

    def _learn(self, parts: Iterable[str], memory: dict[str, Ids | None], lead: str) -> None:
        new = [part for part in dict.fromkeys(parts) if part not in memory]
        if not new:
            return
        found = _tokenized(self._tokenizer, [lead + part for part in new])
        for part, ids in zip(new, found, strict=True):
            free = self._how.alone.isdisjoint(ids) and (
                self._how.unknown is None or self._how.unknown not in part
            )
            memory[part] = tuple(ids) if free else None
            if len(part) > LONGEST:
                self._passing.append((memory, part))

    def _ids(self, plan: Plan) -> Ids | None:
        found = [self._inner[part] for part in plan.parts]
        if plan.first is not None:
            found.insert(0, self._first[plan.first])
        known = plan.known
        if known is not None and plan.after and known.ids is None:
            return None
        rows = [ids for ids in found if ids is not None]
        if len(rows) < len(found):
            return None
        ids = tuple(chain.from_iterable(rows))
        if known is None:
            return ids
        if plan.after == 0 or known.ids is None:
            known.ids, known.counts = ids, list(accumulate(map(len, rows), initial=0))
            return ids
        return known.ids[: known.counts[plan.kept]] + ids + known.ids[known.counts[plan.after] :]

    def _row(self, fields: Sequence[Ids | None]) -> Row | None:
        frame, room = self._frames[len(fields) - 1], self._rooms[len(fields) - 1]
        whole = [ids for ids in fields if ids is not None]
        if len(whole) < len(fields):
            return None
        if len(whole) == 1:
            return frame.around([whole[0][:room]])
        return frame.around(whole) if sum(map(len, whole)) <= room else None


def _apart(text: str, known: Known | None = None) -> tuple[Plan, list[int]]:
    """A text in parts, and where they begin."""
    parts = BORDER.split(text)
    first = parts.pop(0)
    starts = [0, *accumulate((len(part) + 1 for part in parts), initial=len(first))]
    return Plan(first, parts, known), starts[:-1]


def _difference(known: Known, text: str) -> Plan | None:
    """How to make the text of the known one; None where that keeps less than half of it."""
    old, starts = known.text, known.starts
    shortest = min(len(old), len(text))
    same, high = 0, shortest
    while same < high:
        middle = (same + high + 1) // 2
        if old[same:middle] == text[same:middle]:
            same = middle
        else:
            high = middle - 1
    end, high = 0, shortest - same
    while end < high:
        middle = (end + high + 1) // 2
        if old[len(old) - middle : len(old) - end] == text[len(text) - middle : len(text) - end]:
            end = middle
        else:
            high = middle - 1
    # A border is the same in both texts where the characters on both its sides are.
    kept = max(0, bisect_right(starts, same - 2) - 1)
    after = bisect_left(starts, len(old) - end + 1)
    stop = len(text) - (len(old) - starts[after]) if after < len(starts) else len(text)
    if 2 * (stop - starts[kept]) > len(text):
        return None
    if kept:
        return Plan(None, BORDER.split(text[starts[kept] + 1 : stop]), known, kept, after)
    parts = BORDER.split(text[:stop])
    return Plan(parts.pop(0), parts, known, kept, after)


def splicer(tokenizer: Any, max_length: int) -> Splicer | None:
    """The splicer for a transformers tokenizer, the same for all models that share it.

    None where the tokenizer is not one that `cutting` knows, or shortens texts at their beginning, or
    where it says something else to a fixed sample of texts.
    """
    if getattr(tokenizer, "truncation_side", None) != "right" or not tokenizer.is_fast:
        return None
    return _splicer(tokenizer, max_length, len(tokenizer))


@lru_cache(maxsize=4)
def _splicer(tokenizer: Any, max_length: int, size: int) -> Splicer | None:
    """`size` is the vocabulary's: it changes when a token is added."""
    how = cutting(tokenizer)
    if how is None:
        return None
    frames = [_frame(tokenizer, 1), _frame(tokenizer, 2)]
    if any(sum(map(len, frame.ids)) >= max_length for frame in frames):
        return None
    made = Splicer(tokenizer, max_length, how, frames)
    for inputs in ([(text,) for text in SAMPLE], list(pairwise(SAMPLE[:6]))):
        whole = _whole(tokenizer, inputs, max_length)
        made.rows(inputs)  # only what was seen before is spliced
        pairs = zip(made.rows(inputs), whole, strict=True)
        if any(row is not None and row != other for row, other in pairs):
            return None
    return made


def _whole(tokenizer: Any, inputs: Sequence[Inputs], max_length: int) -> list[Row]:
    columns = [list(column) for column in zip(*inputs, strict=True)]
    encoded = tokenizer(*columns, truncation=True, max_length=max_length)
    kinds = encoded.get("token_type_ids")
    return [
        (tuple(ids), tuple(kinds[n]) if kinds is not None else None)
        for n, ids in enumerate(encoded["input_ids"])
    ]


def _tokenized(tokenizer: Any, parts: list[str]) -> list[list[int]]:
    """Ids without special tokens.

    Transformers is left out: its answers cost more than the tokens of a word.
    """
    backend = tokenizer.backend_tokenizer
    backend.no_truncation()
    backend.no_padding()
    backend.encode_special_tokens = bool(getattr(tokenizer, "split_special_tokens", False))
    found = backend.encode_batch_fast(parts, add_special_tokens=False)
    return [encoding.ids for encoding in found]


def _frame(tokenizer: Any, fields: int) -> Frame:
    encoded = tokenizer(*["a"] * fields)
    kinds = encoded.get("token_type_ids")
    ids_around: list[Ids] = [()] * (fields + 1)
    kinds_around: list[Ids] = [()] * (fields + 1)
    inside = [0] * fields
    passed = 0
    for n, (token, owner) in enumerate(
        zip(encoded["input_ids"], encoded.sequence_ids(0), strict=True)
    ):
        if owner is None:
            ids_around[passed] += (token,)
            kinds_around[passed] += (kinds[n],) if kinds is not None else ()
        else:
            passed = owner + 1
            inside[owner] = kinds[n] if kinds is not None else 0
    if kinds is None:
        return Frame(tuple(ids_around), None, None)
    return Frame(tuple(ids_around), tuple(kinds_around), tuple(inside))


_LETTERS = "".join(c for c in map(chr, range(0x21, 0x530)) if BORDER.search(f"{c} {c}"))
SAMPLE = (
    "",
    "a",
    "It's not (quite) the film that it was, he'll say; we'd said so in 1999-2003: 'twas \"fine\".",
    "  two  spaces, a\ttab \n and a line ;  the   end . ",
    "Ein Café für 3,50 € naïve Ärzte, Ελλάδα και Россия в 2024, 电影 很 好看 and",
    "e\u0301 \u0301 x\u200b y \u200d z\ufeff \u00a0 \u3000 w \u0600 ﬁne ①② 한국어 हिन्दी 🎬 \x00 \x1f q",
    "Don't splice #hashtags @names http://example.org/a?b=c&d=e, 12 345 678.90 or C++ ... ",
    " ".join(_LETTERS),
    " ".join(f"x{letter} {letter}y" for letter in _LETTERS),
    "one film after another, " * 60,
    "one film after another, " * 30 + "changed here, " + "one film after another, " * 29,
)
"""What a tokenizer is tried with: every character that may stand at a border, and oddities."""
