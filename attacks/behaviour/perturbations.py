"""Groups of texts from data: each text and what a corruption, or anybody's function, makes of it."""

from __future__ import annotations

from collections.abc import Callable, Iterable

import numpy as np

from attacks.corruptions import chosen, generator
from attacks.errors import AttackError
from attacks.questions import Inputs
from attacks.text import Text

Change = Callable[[str, np.random.Generator], str]
"""Another form of one string; the string itself where there is nothing to do."""


def perturbed(
    texts: Iterable[str | Text],
    change: str | Change,
    n: int = 1,
    seed: int = 0,
    severity: int = 1,
) -> tuple[tuple[Inputs, ...], ...]:
    """Of each text a group: the text itself, then other forms of it.

    What is drawn for a text derives from the seed and the text alone. Texts that nothing changes are
    left out, so that a test counts no case that could not fail.

    Args:
        change: name of a corruption (`attacks.corruptions.CATALOGUE`), or a function, which is given
            every field that is not frozen.
        n: forms of each text, at the most; equal ones count once.
        severity: of the corruption, 1 to 5; a function has none.

    Raises AttackError for a corruption or a severity that does not exist, and where `n` is below 1.
    """
    if n < 1:
        raise AttackError(f"At least one form of each text is made, and {n} is less.")
    groups = []
    for text in (text if isinstance(text, Text) else Text.of(text) for text in texts):
        forms = dict.fromkeys(_form(text, change, draw, seed, severity) for draw in range(n))
        forms.pop(text.strings, None)
        if forms:
            groups.append((text.strings, *forms))
    return tuple(groups)


def _form(text: Text, change: str | Change, draw: int, seed: int, severity: int) -> Inputs:
    name = change if isinstance(change, str) else "own"
    rng = generator(seed, "\x1f".join(text.strings), name, draw)
    if isinstance(change, str):
        (corruption,) = chosen([change])
        return corruption.corrupt(text, severity, rng).strings
    return tuple(
        value if name in text.frozen_fields else change(value, rng) for name, value in text.fields
    )
