"""English inflection: the form of a word that a slot in a sentence wants.

Spelling rules cover what is regular; a table of exceptions, made by `scripts/make_inflections.py` from
LemmInflect's look-up file (SPECIALIST Lexicon), covers the rest. LemmInflect itself is not used at run
time: it loads its models from pickles, and imports spaCy where that is installed.

Slots are named by Penn Treebank tags.
"""

from __future__ import annotations

import re
from functools import lru_cache

from attacks.resources.registry import INFLECTIONS, read

SLOTS: dict[str, tuple[str, ...]] = {
    "n": ("NNS",),
    "v": ("VBD", "VBN", "VBG", "VBZ"),
    "a": ("JJR", "JJS"),
    "r": ("RBR", "RBS"),
}
"""The inflected slots of every part of speech (WordNet's letters), in the order of the table."""

_POS = {slot: pos for pos, slots in SLOTS.items() for slot in slots}
_BE = frozenset({"am", "are", "is", "was", "were", "been", "being"})


def inflect(lemma: str, slot: str) -> str | None:
    """The form of `lemma` in `slot`; None where it has none ("more abysmal" is no form of a word)."""
    listed = _table().get((lemma, _POS[slot]))
    if listed is not None:
        forms = listed[SLOTS[_POS[slot]].index(slot)]
        return forms[0] if forms else None
    return regular(lemma, slot)


@lru_cache(maxsize=2**14)
def slots(form: str, lemma: str, pos: str) -> tuple[str, ...]:
    """The slots of `lemma` that `form` can fill, in the table's order; "" for the base form.

    "loved" is both a past tense and a participle of "love". Nothing for the forms of "be", which agree
    with the person as well.
    """
    if form in _BE:
        return ()
    found = [""] if form == lemma else []
    listed = _table().get((lemma, pos))
    for number, slot in enumerate(SLOTS.get(pos, ())):
        forms = listed[number] if listed is not None else (regular(lemma, slot),)
        if form in forms:
            found.append(slot)
    return tuple(found)


def forms(lemma: str, pos: str) -> tuple[str, ...]:
    """Every form of `lemma`, the base form first, then slot by slot, all that a slot has ("learned",
    "learnt"); the base form alone where the part of speech has no other.
    """
    if (lemma, pos) == ("be", "v"):
        return ("be", *sorted(_BE))
    listed = _table().get((lemma, pos))
    if listed is None:
        listed = tuple((regular(lemma, slot) or "",) for slot in SLOTS.get(pos, ()))
    return tuple(
        dict.fromkeys(form for form in (lemma, *(f for slot in listed for f in slot)) if form)
    )


def regular(lemma: str, slot: str) -> str | None:
    """What the spelling rules alone give; None for degrees of comparison, which are always listed."""
    if slot in ("NNS", "VBZ"):
        if re.search(r"(?:s|x|z|ch|sh)$", lemma):
            return lemma + "es"
        return lemma[:-1] + "ies" if re.search(r"[^aeiou]y$", lemma) else lemma + "s"
    if slot in ("VBD", "VBN"):
        if lemma.endswith("e"):
            return lemma + "d"
        return lemma[:-1] + "ied" if re.search(r"[^aeiou]y$", lemma) else lemma + "ed"
    if slot == "VBG":
        if lemma.endswith("ie"):
            return lemma[:-2] + "ying"
        return lemma[:-1] + "ing" if re.search(r"[^eoy]e$", lemma) else lemma + "ing"
    return None


@lru_cache(maxsize=1)
def _table() -> dict[tuple[str, str], tuple[tuple[str, ...], ...]]:
    table = {}
    for line in read(INFLECTIONS).decode("ascii").splitlines():
        lemma, pos, *columns = line.split("\t")
        table[lemma, pos] = tuple(tuple(c.split("/")) if c else () for c in columns)
    return table
