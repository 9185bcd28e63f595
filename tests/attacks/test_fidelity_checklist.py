"""What CheckList changes, beside TextAttack 0.3.11.

Not compared: names and places. TextAttack has a tagger of entities (flair) find them, and draws from
lists of its own; ours are found in a list and by their capital, and what is drawn depends on the name.
"""

from __future__ import annotations

from importlib import import_module
from typing import Any

import numpy as np
import pytest

from attacks.bridge.importing import textattack
from attacks.corruptions import CONTRACTIONS
from attacks.corruptions.rewrites import Rewrites
from attacks.protocols import proposals
from attacks.text import Text
from attacks.transformations import OtherNumber
from tests.attacks.fidelity import answered

pytestmark = pytest.mark.slow

# "'d" is "would" or "had"; and what hardly anybody writes.
UNUSUAL = (
    "he'd I'd i'd it'd she'd that'd there'd they'd we'd you'd he'd've you'd've how'd "
    "where'd how'd'y ain't can't've ma'am could've might've must've should've would've "
    "where've who've mightn't oughtn't shan't how'll who'll what're when's why's"
)
NOT_WRITTEN_OUT = set(UNUSUAL.split())
# "It would" is "it'd" in speech alone.
NOT_CONTRACTED = NOT_WRITTEN_OUT - {"he'd", "I'd", "i'd", "she'd", "they'd", "we'd", "you'd"}


def table() -> dict[str, str]:
    found: dict[str, str] = import_module("textattack.shared.data").EXTENSION_MAP
    return found


def rewritten(part: Any, text: str) -> set[str]:
    """All that ours makes of a text in one step."""
    original = Text.of(text)
    found = set()
    for index in original.editable:
        rng = np.random.default_rng(0)
        for new in answered(proposals(part, original.candidate, index, rng)):
            made = original.candidate.replace(index, new) if isinstance(new, str) else new
            found.add(made.strings[0])
    return found


def rewritten_there(kind: str, text: str) -> set[str]:
    package = textattack()
    original = package.shared.AttackedText(text)
    part = getattr(package.transformations, kind)()
    places = set(range(original.num_words))
    return {other.text for other in part._get_transformations(original, places)}


def test_contractions_are_written_out_alike() -> None:
    textattack()
    for short in table():
        text = f"{short} the film"
        theirs = rewritten_there("WordSwapExtend", text)
        assert len(theirs) == 1
        ours = rewritten(Rewrites(CONTRACTIONS), text)
        assert ours == (set() if short in NOT_WRITTEN_OUT else theirs), short


def test_two_words_are_contracted_alike() -> None:
    """Before a participle: elsewhere ours does not contract "have", which means to own there."""
    textattack()
    for short, words in table().items():
        if len(words.split()) != 2 or short in NOT_CONTRACTED:
            continue
        text = f"{words} been there"
        assert f"{short} been there" in rewritten(Rewrites(CONTRACTIONS), text), words
        assert f"{short} been there" in rewritten_there("WordSwapContract", text), words


def test_numbers_are_found_alike() -> None:
    """Theirs leaves 0, 2 and 4 alone, ours 0 and 1. What is drawn differs, as the deviations say."""
    for number in (*range(12), 57, 310, 1984):
        text = f"They saw {number} of them"
        assert bool(rewritten(OtherNumber(), text)) == (number > 1), number
        np.random.seed(0)
        assert bool(rewritten_there("WordSwapChangeNumber", text)) == (number not in (0, 2, 4))


def test_numbers_in_words_are_found_alike() -> None:
    """Theirs takes "one" for a number wherever it stands, in "anyone" too, and leaves two and four."""
    for number in ("three", "seven", "ten", "fifteen", "ninety"):
        text = f"They saw {number} of them"
        np.random.seed(0)
        assert rewritten(OtherNumber(), text)
        assert rewritten_there("WordSwapChangeNumber", text)
    for number in ("two", "four"):
        assert not rewritten_there("WordSwapChangeNumber", f"They saw {number} of them")
    assert not rewritten(OtherNumber(), "They saw one of them")
