"""One character, anywhere in a text, put in, replaced or taken out.

Before every character and after the last a null symbol is thought. Then to put in, to replace and to
take out are one and the same: a symbol takes the place of another (Abad Rocamora et al., ICML 2024). A
text of n characters has 2n + 1 slots: even ones are gaps, odd ones characters.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property

import numpy as np

from attacks.errors import AttackError
from attacks.text import Candidate

PRINTABLE = "".join(map(chr, range(0x20, 0x7F)))
"""The printable characters of ASCII, the space first."""


@dataclass(frozen=True)
class AnyCharacter:
    """Every text that is one character away.

    Attributes:
        alphabet: characters that are put in; each counts once.
    """

    alphabet: str = PRINTABLE

    def __post_init__(self) -> None:
        if not self.alphabet:
            raise AttackError("An alphabet has at least one character.")

    @cached_property
    def symbols(self) -> tuple[str, ...]:
        """What can stand in a slot: nothing, then each character."""
        return ("", *dict.fromkeys(self.alphabet))

    def replacements(
        self, current: Candidate, index: int, rng: np.random.Generator
    ) -> Sequence[str]:
        """See `attacks.protocols.Transformation.replacements`; the last letter of a word stays."""
        word = current.word(index)
        found = (with_symbol(word, slot, new) for slot in slots(word) for new in self.symbols)
        return tuple(new for new in dict.fromkeys(found) if new and new != word) if word else ()


def slots(value: str) -> range:
    """The slots of a string, from left to right."""
    return range(2 * len(value) + 1)


def with_symbol(value: str, slot: int, character: str) -> str:
    """`value` with a character in a slot; with nothing in it, where `character` is empty."""
    place = slot // 2
    return value[:place] + character + value[place + slot % 2 :]
