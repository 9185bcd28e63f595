"""What one step of a search has changed."""

from __future__ import annotations

from attacks.text import Candidate


def excerpt(current: Candidate, index: int, size: int) -> str:
    """The `size` words around word `index`, as they stand in its field with all that is between them.

    Near an edge of the field the window moves inwards, as in TextFooler's code; a shorter field is
    given whole, from its first word to its last.
    """
    words = current.origin.words
    field = words[index].field
    numbers = [i for i, word in enumerate(words) if word.field == field]
    first = max(0, min(index - numbers[0] - (size - 1) // 2, len(numbers) - size))
    shown = numbers[first : first + size]
    value = current.origin.strings[field]
    pieces: list[str] = []
    for i in shown:
        between = value[words[i - 1].end : words[i].start] if i != shown[0] else ""
        if current.word(i):
            pieces += (between, current.word(i))
        else:
            pieces.append(between.rstrip())
    return "".join(pieces).strip()


def field_length(current: Candidate, index: int) -> int:
    """Number of words in the field of word `index`."""
    field = current.origin.words[index].field
    return sum(word.field == field for word in current.origin.words)
