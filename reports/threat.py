"""Who was let loose on the model: what each attack wants, knows, may change and must keep.

All of it is read from the parameters that a run recorded of its attacks. What this release has no words
for is shown by the name that its part has in the code.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from reports import clauses
from reports import wording as w
from reports.view import Cell, Column, Section, Table

INTRO = (
    "An attacker at the time of use: texts may be changed one at a time, and neither the training data "
    "nor the weights. What each attack wants, what it knows of the model, what it may change and what "
    "it must keep, as it was run."
)

FOLLOWS_GRADIENTS = {"RelaxedSamples", "CoordinateGradient", "GradientBeam", "OneStep"}
"""Searches that cannot go without the weights; others have a gradient in a name or a value."""

_GOALS = {
    "Untargeted": "any wrong answer",
    "Margin": "any wrong answer",
    "HardLabel": "any wrong answer",
    "Reduced": "the same answer from next to no words",
    "MinimumBleu": "another text than the reference",
    "NonOverlapping": "a text that shares no word with the reference",
    "Elicits": "a text that begins with a given one",
}

_EDITS = {
    "EmbeddingNeighbours": "words near by their vectors",
    "VictimNeighbours": "words near in the model's own table",
    "WordNetSynonyms": "synonyms of WordNet",
    "MaskedWords": "words of a masked language model",
    "SwapAdjacent": "letters swapped",
    "SubstituteLetter": "letters replaced",
    "DeleteLetter": "letters left out",
    "InsertLetter": "letters put in",
    "NeighbouringKey": "neighbouring keys",
    "Homoglyph": "letters that look alike",
    "InvisibleCharacter": "characters that cannot be seen",
    "AnyCharacter": "any character",
    "AnyToken": "any token",
    "DeleteWord": "words left out",
    "Inflections": "other inflections",
    "Paraphrases": "paraphrases",
    "BackTranslations": "translation there and back",
    "Trigger": "the same words before every text",
    "AppendedClause": "a clause at the end",
    "Suffix": "tokens at the end",
    "Noise": "natural noise",
}

_KEEPS = {
    "NoRepeat": "no word is changed twice",
    "Stopwords": "stop words are left alone",
    "MinWordLength": "short words are left alone",
    "MaxWordsChanged": "few words change",
    "EmbeddingCosine": "the vectors of words stay near",
    "SamePartOfSpeech": "the part of speech stays",
    "SentenceSimilarity": "the sentence stays similar",
    "LikelyWord": "words stay likely",
    "EditDistance": "few letters change",
}
_BOUNDS = {"least": "at least", "most": "at most"}

# Keys of parameters that say which file or list was used: the records have them, with their digests.
_RESOURCES = {"kind", "vectors", "tagger", "model", "words", "alphabet", "characters"}


def section(main: Mapping[str, Any]) -> list[Section]:
    """The attackers, a row an attack; nothing where none was run."""
    seen = {str(entry["name"]): entry for entry in reversed(main["attacks"])}
    rows = [_row(entry) for entry in reversed(seen.values())]
    if not rows:
        return []
    columns = (
        Column("Attack"),
        Column("Wants"),
        Column("Knows"),
        Column("May change"),
        Column("Must keep"),
        Column("Queries a text", True),
    )
    caption = "The attackers: what each wants, knows, may change and must keep"
    return [Section("attackers", "The attackers", INTRO, Table(caption, columns, tuple(rows)))]


def _row(entry: Mapping[str, Any]) -> tuple[Cell, ...]:
    recipe = entry["recipe"]
    parameters = recipe.get("parameters") or {}
    says, technique = knows(parameters)
    budget = entry.get("query_budget")
    return (
        Cell(str(entry["name"]), sub=_short(str(recipe.get("source") or ""))),
        Cell(wants(parameters.get("goal") or {})),
        Cell(says, sub=_label(technique)),
        Cell(", ".join(changes(parameters.get("transformation"))) or w.NONE),
        Cell("; ".join(keeps(parameters)) or "nothing beyond the edits themselves"),
        Cell("no limit" if budget is None else f"at most {budget:,}"),
    )


def wants(goal: Mapping[str, Any]) -> str:
    """What counts as success, in words."""
    kind = str(goal.get("kind") or "")
    if kind == "Targeted":
        return f"the answer with number {goal.get('target')}"
    return _GOALS.get(kind) or _plain(kind) or "not recorded"


def knows(parameters: Mapping[str, Any]) -> tuple[str, str]:
    """What an attack needs of the model, in words, and the technique of the clause map that it is."""
    if not parameters:
        return "not recorded", ""
    kinds = set(_kinds(parameters))
    named = {
        value for part in _tables(parameters) for value in part.values() if value == "gradient"
    }
    if kinds & FOLLOWS_GRADIENTS or named or any("Gradient" in kind for kind in kinds):
        return "the weights: it follows the model's gradients", "atlas-t0043-000"
    if "RoundedDraft" in kinds:
        return "the weights: it asks a rounded copy of the model first", "atlas-t0043-000"
    if "Trigger" in kinds:
        return "words that were fitted to a model beforehand, by its gradients", "atlas-t0043-000"
    if (parameters.get("goal") or {}).get("kind") == "HardLabel":
        return "the answers, without probabilities", "atlas-t0043-001"
    return "the answers and their probabilities", "atlas-t0043-001"


def changes(transformation: Any) -> tuple[str, ...]:
    """What may be changed: every elementary edit, in words."""
    found = (_EDITS.get(kind, _plain(kind)) for kind in _innermost(transformation))
    return tuple(dict.fromkeys(found))


def keeps(parameters: Mapping[str, Any]) -> list[str]:
    """What a change must keep to: constraints with their bounds, and what is left alone."""
    parts = [*_sequence(parameters.get("constraints")), *_sequence(parameters.get("protections"))]
    for stage in _sequence((parameters.get("search") or {}).get("stages")):
        inner = stage.get("recipe") or {}
        parts += [*_sequence(inner.get("constraints")), *_sequence(inner.get("protections"))]
    return list(dict.fromkeys(_bounded(part) for part in parts))


def _bounded(part: Mapping[str, Any]) -> str:
    bounds = [
        f"{_BOUNDS.get(key, key.replace('_', ' '))} {value:.3g}"
        for key, value in part.items()
        if key not in _RESOURCES and isinstance(value, int | float) and not isinstance(value, bool)
    ]
    kind = str(part.get("kind"))
    return _KEEPS.get(kind, _plain(kind)) + (f" ({', '.join(bounds)})" if bounds else "")


def _label(technique: str) -> str:
    found = {clause.id: clause for clause in clauses.clauses()}.get(technique)
    return found.label if found else ""


def _short(source: str) -> str:
    """Who published it, without the title's end: the records have the whole."""
    return source if len(source) <= 90 else source[:88].rstrip() + " …"


def _innermost(value: Any) -> Iterator[str]:
    """Kinds of the parts that hold no further part, but for what a protection spares."""
    if isinstance(value, Mapping):
        inner = [
            kind for key, item in value.items() if key != "protection" for kind in _innermost(item)
        ]
        yield from inner or ([str(value["kind"])] if "kind" in value else [])
    elif isinstance(value, list):
        for item in value:
            yield from _innermost(item)


def _tables(value: Any) -> Iterator[Mapping[str, Any]]:
    if isinstance(value, Mapping):
        yield value
        for item in value.values():
            yield from _tables(item)
    elif isinstance(value, list):
        for item in value:
            yield from _tables(item)


def _kinds(value: Any) -> Iterator[str]:
    return (str(part["kind"]) for part in _tables(value) if "kind" in part)


def _sequence(value: Any) -> Sequence[Any]:
    return value if isinstance(value, list) else ()


def _plain(kind: str) -> str:
    """A name of the code as words: SentenceSimilarity as sentence similarity."""
    return re.sub(r"(?<=[a-z0-9])(?=[A-Z])", " ", kind).lower()
