"""Which tokenizers may be cut at a space, so that the parts' tokens are the whole's."""

from __future__ import annotations

import json
import re
from dataclasses import dataclass
from typing import Any

PLAIN = "[!-~À-ɏΑ-ΡΣ-ώЀ-ҁҊ-ԯ]"
"""What has to stand on both sides of a space at which a text is cut: printable ASCII, and letters of
Latin, Greek and Cyrillic. None of them is a mark that combines with its neighbour, and no normalizer
that is known here makes one vanish or turns it into white space.
"""
BORDER = re.compile(f" (?<={PLAIN} )(?={PLAIN})")

MARK = "▁"
"""How SentencePiece writes a space."""

HARMLESS = re.compile(r"[!-~]+|[ ▁]{2,}|[\t\n\r]+")
"""Added tokens that cannot lie across a border: it is one space between two plain characters."""

# Each changes characters one by one, or with neighbours that no space parts from them.
CHARACTERS = {
    "NFC",
    "NFD",
    "NFKC",
    "NFKD",
    "Nmt",
    "Lowercase",
    "StripAccents",
    "Precompiled",
    "BertNormalizer",
    "Strip",
}
REPLACED = {
    ("String", "``"),
    ("String", "''"),
    ("Regex", " {2,}"),
    ("Regex", r"\s{2,}|[\n\r\t]"),
    ("Regex", r"[\n\r\t]"),
    ("Regex", r"\n"),
}
SPACES = {"BertPreTokenizer", "Whitespace", "WhitespaceSplit"}
# After something else than white space a space always begins a new match of these, and behind the space
# they read on as if nothing had been before it. Llama 3, Qwen 2.
_START = r"(?i:'s|'t|'re|'ve|'m|'ll|'d)|[^\r\n\p{L}\p{N}]?\p{L}+|"
_END = r"| ?[^\s\p{L}\p{N}]+[\r\n]*|\s*[\r\n]+|\s+(?!\S)|\s+"
PATTERNS = {_START + r"\p{N}{1,3}" + _END, _START + r"\p{N}" + _END}


@dataclass(frozen=True, slots=True)
class Cutting:
    """How a tokenizer reads the parts of a text that was cut at `BORDER`.

    Attributes:
        lead: what goes before a part that is not the first: the space at which it was cut, or nothing
            where the tokenizer puts it there itself.
        alone: ids of added tokens. They may reach for the spaces around them, so a text that has one is
            not cut.
        unknown: the unknown token as it would be written in a text; its id is not in `alone`.
    """

    lead: str
    alone: frozenset[int]
    unknown: str | None


def cutting(tokenizer: Any) -> Cutting | None:
    """How to cut for a transformers tokenizer; None where a part of it is not known to allow that."""
    backend = getattr(tokenizer, "backend_tokenizer", None)
    if backend is None or not hasattr(backend, "to_str"):
        return None
    parts = json.loads(backend.to_str())
    added, model = parts["added_tokens"], parts["model"]
    normalizers = _flat(parts["normalizer"], "normalizers")
    splitters = _flat(parts["pre_tokenizer"], "pretokenizers")
    if not (
        all(HARMLESS.fullmatch(token["content"]) and not token["rstrip"] for token in added)
        and all(map(_known_normalizer, normalizers))
        and all(_known_splitter(splitter, splitters) for splitter in splitters)
        and _fit_together(normalizers, splitters)
        and _reads_words_alone(model, normalizers, splitters)
    ):
        return None
    written = _unknown(model)
    unknown = next((token for token in added if token["content"] == written), None)
    ids = frozenset(token["id"] for token in added)
    if unknown is not None and not (unknown["normalized"] and normalizers):
        ids -= {unknown["id"]}
    return Cutting("" if _has(normalizers, "Prepend") else " ", ids, written)


def _flat(part: Any, members: str) -> list[dict[str, Any]]:
    if part is None:
        return []
    if part["type"] == "Sequence":
        return [inner for member in part[members] for inner in _flat(member, members)]
    return [part]


def _has(parts: list[dict[str, Any]], name: str) -> bool:
    return any(part["type"] == name for part in parts)


def _known_normalizer(part: dict[str, Any]) -> bool:
    if part["type"] == "Replace":
        found = next(iter(part["pattern"].items()))
        return _marks_spaces(part) or (found in REPLACED and part["content"] in (" ", MARK, '"'))
    if part["type"] == "Prepend":
        return bool(part["prepend"] == MARK)
    return part["type"] in CHARACTERS


def _marks_spaces(part: dict[str, Any]) -> bool:
    return part["type"] == "Replace" and (part["pattern"], part["content"]) == (
        {"String": " "},
        MARK,
    )


def _known_splitter(part: dict[str, Any], all_of_them: list[dict[str, Any]]) -> bool:
    match part["type"]:
        case "ByteLevel":  # it rewrites all characters: nothing may come after
            return all_of_them[-1] is part
        case "Metaspace":
            return bool(part["replacement"] == MARK)
        case "Punctuation":
            return bool(part["behavior"] == "Isolated")
        case "Split":
            known = part["pattern"].get("Regex") in PATTERNS
            return bool(known and part["behavior"] == "Isolated" and not part["invert"])
        case name:
            return str(name) in SPACES | {"Digits"}


def _fit_together(normalizers: list[dict[str, Any]], splitters: list[dict[str, Any]]) -> bool:
    spaces = [part for part in splitters if part["type"] == "Metaspace"]
    if any(map(_marks_spaces, normalizers)) and len(spaces) < len(splitters):
        return False  # the others look for spaces, and none is left
    if _has(normalizers, "Prepend"):
        # The space at which a text was cut is then left away, and comes back as the mark.
        return not splitters and any(map(_marks_spaces, normalizers))
    if any(part["type"] == "Strip" and part["strip_left"] for part in normalizers):
        # That space is lost, and comes back if nothing but a mark stands before every word.
        return all(part["type"] == "Metaspace" for part in splitters) and any(
            part["prepend_scheme"] == "always" for part in spaces
        )
    return True


def _reads_words_alone(
    model: dict[str, Any], normalizers: list[dict[str, Any]], splitters: list[dict[str, Any]]
) -> bool:
    """Whether no token lies across a border, and what is left of it has no say in what is right."""
    if model["type"] not in ("WordPiece", "WordLevel", "BPE", "Unigram") or model.get("dropout"):
        return False
    if any(
        part["type"] in SPACES
        or (part["type"] == "ByteLevel" and part["use_regex"])
        or (part["type"] == "Metaspace" and part["split"])
        or part["type"] == "Split"
        for part in splitters
    ):
        return True
    # The model reads the whole text as one word (Llama 2). Merges on both sides of a border do not
    # meet where no token has a mark behind another character. A Unigram model adds up scores, whose
    # rounding can depend on all that came before.
    marked = _has(splitters, "Metaspace") or any(map(_marks_spaces, normalizers))
    return (
        marked
        and model["type"] == "BPE"
        and not model["ignore_merges"]
        and not model["continuing_subword_prefix"]
        and not model["end_of_word_suffix"]
        and MARK in model["vocab"]
        and not any(MARK in token.lstrip(MARK) for token in model["vocab"])
    )


def _unknown(model: dict[str, Any]) -> str | None:
    if model["type"] == "Unigram":
        return None if model["unk_id"] is None else str(model["vocab"][model["unk_id"]][0])
    return None if model["unk_token"] is None else str(model["unk_token"])
