"""Texts from templates: "{first_name} says this is {a:adj} film" and lists of what may stand there.

    >>> fill("This is {a:adj} film.", {"adj": ["awful", "dull"]})
    ('This is an awful film.', 'This is a dull film.')

A placeholder is the name of a list. The same one twice is the same filler twice; with numbers behind
the name ("{first_name1}", "{first_name2}") it stands for different fillers of one list. "{a:adj}" is the
filler with "a" or "an" before it ("{A:adj}" begins with a capital), and "{{" and "}}" are braces.
"""

from __future__ import annotations

import math
import random
import re
import string
import sys
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from attacks.errors import AttackError, unknown_name

Lists = Mapping[str, Sequence[str]]

MOST = 100_000
"""Texts that are made without a number being given; a template with six long lists has billions."""
ARTICLES = ("a", "A")
# By sound where the spelling misleads; rare words ("a ewe") and abbreviations ("an MP") are not known.
_AN = re.compile(r"(?:[aeiou]|(?:hour|honest|honou?r|heir))", re.IGNORECASE)
_NOT_AN = re.compile(r"(?:uni(?![nmd])|us[aeu]|ut[io]|eu|one\b|once\b)", re.IGNORECASE)


@dataclass(frozen=True, slots=True)
class _Piece:
    literal: str
    slot: str | None
    article: str


@dataclass(frozen=True, slots=True)
class _Template:
    """A template that fits its lists.

    Attributes:
        pieces: a literal and the placeholder that follows it.
        slots: by name of a list the placeholders that it fills, in the order of the template.
        values: by name of a list its different fillers.
    """

    pieces: tuple[_Piece, ...]
    slots: Mapping[str, tuple[str, ...]]
    values: Mapping[str, tuple[str, ...]]

    @property
    def combinations(self) -> int:
        """How many ways there are to fill it."""
        return math.prod(
            math.perm(len(self.values[name]), len(slots)) for name, slots in self.slots.items()
        )

    def combination(self, number: int) -> dict[str, str]:
        """The filler of each placeholder in combination `number`; the first list changes slowest."""
        found: dict[str, str] = {}
        for name, slots in reversed(list(self.slots.items())):
            pool = list(self.values[name])
            number, rest = divmod(number, math.perm(len(pool), len(slots)))
            for left, slot in zip(range(len(slots) - 1, -1, -1), slots, strict=True):
                place, rest = divmod(rest, math.perm(len(pool) - 1, left))
                found[slot] = pool.pop(place)
        return found

    def text(self, fillers: Mapping[str, str]) -> str:
        """The template with its placeholders filled."""
        parts: list[str] = []
        for piece in self.pieces:
            parts.append(piece.literal)
            if piece.slot is not None:
                filler = fillers[piece.slot]
                parts.append(
                    f"{piece.article}{_article(filler)} {filler}" if piece.article else filler
                )
        return "".join(parts)


def fill(template: str, lists: Lists, n: int | None = None, seed: int = 0) -> tuple[str, ...]:
    """The template filled in every way, or in `n` drawn ways (in all, where there are no more).

    The first placeholder changes slowest, and what is drawn stands in the same order.

    Raises AttackError where the template cannot be read, names no list that is there, or asks more
    different fillers of a list than it has; where all would be more than MOST; where `n` is below 1.
    """
    parsed = _parsed(template, lists)
    return tuple(
        parsed.text(parsed.combination(number))
        for number in _numbers(template, parsed.combinations, n, seed)
    )


def varied(
    template: str, lists: Lists, over: str, n: int | None = None, seed: int = 0
) -> tuple[tuple[str, ...], ...]:
    """Groups of texts that differ in one placeholder alone, as tests of invariance take them.

    Each group fills the other placeholders in one way, and `over` with all that its list still has, in
    the order of the list. Groups are all there can be, or `n` drawn ones. Errors are those of `fill`,
    where `over` is no placeholder of the template, and where nothing is left to vary.
    """
    parsed = _parsed(template, lists)
    known = [slot for slots in parsed.slots.values() for slot in slots]
    if over not in known:
        raise unknown_name(f"placeholder in {template!r}", over, known)
    (name,) = (name for name, slots in parsed.slots.items() if over in slots)
    others = {
        key: tuple(slot for slot in slots if slot != over) for key, slots in parsed.slots.items()
    }
    if len(parsed.values[name]) < len(others[name]) + 2:
        raise AttackError(
            f"Nothing is left to vary: {template!r} needs {len(others[name]) + 2} different fillers "
            f"or more in the list '{name}', which has {len(parsed.values[name])}."
        )
    rest = _Template(parsed.pieces, others, parsed.values)
    groups = []
    for number in _numbers(template, rest.combinations, n, seed):
        fillers = rest.combination(number)
        taken = {fillers[slot] for slot in others[name]}
        free = [value for value in parsed.values[name] if value not in taken]
        groups.append(tuple(parsed.text({**fillers, over: value}) for value in free))
    return tuple(groups)


def _parsed(template: str, lists: Lists) -> _Template:
    try:
        parts = list(string.Formatter().parse(template))
    except ValueError as error:
        raise AttackError(
            f"The template {template!r} cannot be read ({error}). Write '{{{{' and '}}}}' for braces."
        ) from error
    pieces: list[_Piece] = []
    slots: dict[str, dict[str, None]] = {}
    for literal, field, spec, conversion in parts:
        if field is None:
            pieces.append(_Piece(literal, None, ""))
            continue
        if conversion or (spec and field not in ARTICLES):
            raise AttackError(
                f"The template {template!r} has a placeholder that cannot be read: before a colon "
                f"stands 'a' or 'A', as in '{{a:{spec or field}}}', and '!' has no meaning."
            )
        slot = spec or field
        pieces.append(_Piece(literal, slot, field if spec else ""))
        slots.setdefault(_list_of(slot, template, lists), {})[slot] = None
    values = {name: tuple(dict.fromkeys(lists[name])) for name in slots}
    for name, needed in slots.items():
        if len(values[name]) < len(needed):
            raise AttackError(
                f"The template {template!r} needs {len(needed)} different fillers of the list "
                f"'{name}', which has {len(values[name])}."
            )
    return _Template(tuple(pieces), {name: tuple(found) for name, found in slots.items()}, values)


def _list_of(slot: str, template: str, lists: Lists) -> str:
    """The list that a placeholder names, with a number behind its name or without."""
    for name in (slot, slot.rstrip(string.digits)):
        if name in lists:
            return name
    raise unknown_name(f"list for the placeholder in {template!r}", slot, lists)


def _numbers(template: str, combinations: int, n: int | None, seed: int) -> Sequence[int]:
    """The numbers of the combinations that are wanted, ascending."""
    if n is not None and n < 1:
        raise AttackError(f"At least one text is drawn from {template!r}, and {n} is less.")
    if n is None and combinations > MOST:
        raise AttackError(
            f"The template {template!r} can be filled in {combinations} ways, more than {MOST}. "
            "Say how many are to be drawn (n)."
        )
    if n is None or n >= combinations:
        return range(combinations)
    # A range of more than maxsize has no length; nobody will miss the combinations behind it.
    return sorted(random.Random(seed).sample(range(min(combinations, sys.maxsize)), n))


def _article(filler: str) -> str:
    """What follows the "a" of the article: nothing or "n"."""
    return "n" if _AN.match(filler) and not _NOT_AN.match(filler) else ""
