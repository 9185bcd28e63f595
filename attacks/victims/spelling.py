"""How tokens are written where others stood."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache
from typing import Any

from attacks.victims.nearest import space_mark


@dataclass(frozen=True)
class Spelling:
    """The tokens that can be written.

    Attributes:
        ids: their numbers, ascending.
        texts: how each is written, without white space.
        starts: whether it begins a word; others stand right behind what is before them.
        marked: whether tokens that begin a word hold the space before it.
    """

    ids: tuple[int, ...]
    texts: tuple[str, ...]
    starts: tuple[bool, ...]
    marked: bool


@lru_cache(maxsize=4)
def spelling(tokenizer: Any) -> Spelling:
    """Every token but special ones, parts of characters, and those that begin a word and are read
    otherwise when they are written ("[unused7]").
    """
    tokens = tokenizer.convert_ids_to_tokens(list(range(len(tokenizer))))
    mark, special = space_mark(tokenizer), set(tokenizer.all_special_ids)
    found: list[tuple[int, str, bool]] = []
    for number, token in enumerate(tokens):
        if token is None or number in special:
            continue
        if mark:
            # Byte-level tokens are written in other letters than the ones they stand for.
            text = tokenizer.convert_tokens_to_string([token]).strip()
            start = token.startswith(mark)
        else:
            text, start = token.removeprefix("##"), not token.startswith("##")
        if text.isprintable() and "\ufffd" not in text and text.split() == [text]:
            found.append((number, text, start))
    first = [f" {text}" for _, text, start in found if start]
    read = iter(tokenizer(first, add_special_tokens=False)["input_ids"] if first else ())
    kept = [item for item in found if not item[2] or next(read) == [item[0]]]
    return Spelling(
        tuple(number for number, _, _ in kept),
        tuple(text for _, text, _ in kept),
        tuple(start for _, _, start in kept),
        bool(mark),
    )


@dataclass(frozen=True, slots=True)
class Place:
    """Where a token stands.

    Attributes:
        field, start, end: its field and its characters there, white space left out.
        begins: whether it begins a word.
    """

    field: int
    start: int
    end: int
    begins: bool


def respelt(
    strings: Sequence[str],
    places: Sequence[Place],
    new: Sequence[tuple[str, bool] | None],
    marked: bool,
) -> tuple[str, ...]:
    """The strings with other tokens at some places; what is not replaced stays as it is written.

    A token that begins a word has what stood before its place before it, and a space where the two would
    run together. Any other stands right behind what is before it.

    Args:
        places: ascending, without overlap.
        new: for each place text and start of the token that is to stand there; None where it stays.
        marked: whether tokens hold the space before them, so that none begins a word without one.
    """
    written, done = ["" for _ in strings], [0] * len(strings)
    touched = [False] * len(strings)
    for place, token in zip(places, new, strict=True):
        n = place.field
        gap = strings[n][done[n] : place.start]
        text, begins = token or (strings[n][place.start : place.end], place.begins)
        if token is not None and not begins:
            # Where the old one did not begin a word either, a space is a token by itself, and stays.
            gap = gap.rstrip() if place.begins else gap
        elif token is not None or touched[n]:
            before = (written[n] + gap)[-1:]
            if before and not before.isspace() and begins and (marked or _join(before, text[0])):
                gap += " "
        written[n] += gap + text
        done[n], touched[n] = place.end, token is not None
    return tuple(
        parts + value[end:] for parts, value, end in zip(written, strings, done, strict=True)
    )


def _join(before: str, after: str) -> bool:
    """Whether two characters are read as parts of one word when nothing stands between them."""
    return before.isalnum() and after.isalnum()
