"""Capital letters of a replacement."""

from __future__ import annotations


def match_case(replacement: str, model: str) -> str:
    """`replacement` in capitals where `model` is, or with a capital where `model` starts with one.

    Otherwise as it is: WordNet writes names with their capital.
    """
    if len(model) > 1 and model.isupper():
        return replacement.upper()
    if model[:1].isupper():
        return replacement[:1].upper() + replacement[1:]
    return replacement
