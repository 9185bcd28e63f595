"""Greedy search over the characters of a text (Charmer: Abad Rocamora et al., ICML 2024)."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from operator import attrgetter

from attacks.engine.attempt import Attempt
from attacks.errors import AttackError
from attacks.protocols import Scored, Steps
from attacks.text import Candidate, rewritten
from attacks.transformations.any_character import AnyCharacter, slots, with_symbol

Slot = tuple[int, int]
"""Number of the field, and of the slot in it (see `attacks.transformations.any_character`)."""


@dataclass(frozen=True)
class CharacterPositions:
    """Probe every slot with one character, try all characters in the best slots, take the best text.

    Each round is one edit, so that the text stays within `edits` insertions, deletions and substitutions
    of the original. A probe that succeeds ends the search, and so does a round that does not help. Ties
    go to the slot that stands first, and there to the order of the alphabet. A round costs at most
    2n + 1 queries for a text of n characters, and one for each character in each slot that is tried.

    The recipe's transformation must be `AnyCharacter`. Slots behind what the victim reads are left out,
    and those in frozen fields.

    Attributes:
        positions: slots of which all characters are tried.
        edits: most edits a text.
        probe: the character that slots are probed with; where it stands it is taken out instead. Probes
            are no attacks where it is not in the alphabet.
    """

    positions: int = 20
    edits: int = 10
    probe: str = " "

    def __post_init__(self) -> None:
        if len(self.probe) != 1:
            raise AttackError(f"A probe is one character, and {self.probe!r} is not.")

    def run(self, attempt: Attempt) -> Steps[Scored]:
        """See `attacks.protocols.Search.run`."""
        part = attempt.recipe.transformation
        if not isinstance(part, AnyCharacter):
            raise AttackError(
                f"The recipe '{attempt.recipe.name}' searches characters: its transformation must be "
                f"AnyCharacter, not {type(part).__name__}."
            )
        best = current = yield from attempt.start()
        for _ in range(self.edits):
            around = OneAway(current.candidate)
            probes = yield from self._probes(
                attempt, around, probing=self.probe not in part.alphabet
            )
            if self.probe in part.alphabet:
                best = max([best, *probes.values()], key=attrgetter("rank"))
            if not best.succeeded:
                order = sorted(probes, key=lambda slot: -probes[slot].score)[: self.positions]
                texts = (around.text(slot, symbol) for slot in order for symbol in part.symbols)
                candidates = yield from _admissible(attempt, texts, current.candidate)
                if candidates:
                    scored = yield from attempt.score(candidates)
                    best = max([best, *scored], key=attrgetter("rank"))
            if best.succeeded or best is current:
                break
            current = best
        return best

    def _probes(
        self, attempt: Attempt, around: OneAway, probing: bool
    ) -> Steps[dict[Slot, Scored]]:
        """The answer to a probe of every slot, from left to right."""
        probes: dict[Slot, Candidate] = {}
        for slot in _slots(attempt, around.current):
            text = around.text(slot, self.probe) or around.text(slot, "")
            if text is not None:
                probes[slot] = text
        admissible = yield from _admissible(attempt, probes.values(), around.current)
        allowed = {text.strings for text in admissible}
        probes = {slot: text for slot, text in probes.items() if text.strings in allowed}
        if not probes:
            return {}
        scored = yield from attempt.score(list(probes.values()), probing=probing)
        # There are fewer answers where the budget ended with a success.
        return dict(zip(probes, scored, strict=False))


class OneAway:
    """The texts that are one character away from another.

    Nearly all of them change a word and nothing else. Those are made from that word: to align all words
    of a long text takes longer than a fast model does to read it.
    """

    def __init__(self, current: Candidate) -> None:
        self.current = current
        self._spans = [current.span(index) for index in range(len(current.origin.words))]
        self._owners = {
            (field, place): index
            for index, (field, start, end) in enumerate(self._spans)
            for place in range(start, end)
        }

    def text(self, slot: Slot, symbol: str) -> Candidate | None:
        """The text with a symbol in a slot; None where it stands there already."""
        field, place = slot
        value = self.current.strings[field]
        new = with_symbol(value, place, symbol)
        if new == value:
            return None
        index = self._owners.get((field, place // 2))
        if index is not None and (place % 2 or self._owners.get((field, place // 2 - 1)) == index):
            _, start, end = self._spans[index]
            word = with_symbol(value[start:end], place - 2 * start, symbol)
            if word:
                return self.current.replace(index, word)
        strings = list(self.current.strings)
        strings[field] = new
        return rewritten(self.current.origin, strings)


def _slots(attempt: Attempt, current: Candidate) -> list[Slot]:
    """Those that may be edited, up to where the victim stops reading the original."""
    origin = current.origin
    found = []
    for field, (name, value) in enumerate(origin.fields):
        if name not in origin.frozen_fields:
            places = slots(current.strings[field])
            if attempt.reach is not None and attempt.reach[field] < len(value):
                places = places[: 2 * attempt.reach[field] + 1]
            found += [(field, place) for place in places]
    return found


def _admissible(
    attempt: Attempt, texts: Iterable[Candidate | None], current: Candidate
) -> Steps[list[Candidate]]:
    """Those that may be tried, each once."""
    new = list({text.strings: text for text in texts if text is not None}.values())
    if attempt.recipe.protections:
        new = [text for text in new if attempt.may_change(text, current)]
    return (yield from attempt.admissible(new, current))
