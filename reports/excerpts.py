"""Broken examples as marked text: what was taken out and what was put in."""

from __future__ import annotations

import re
import shlex
from collections.abc import Mapping
from typing import Any

from reports import weights
from reports import wording as w
from reports.alignment import aligned
from reports.view import Example, Piece

CONTEXT = 160
"""Characters kept on each side of a change where a text is long."""

LONGEST_COMMAND = 1_000

LONGEST = 20_000
"""Characters of a field that are compared; a longer one shows its listed changes alone."""


def example(
    record: Mapping[str, Any],
    labels: Mapping[int, str],
    run_id: str = "",
    explanation: Mapping[str, Any] | None = None,
    shrunk: Mapping[str, Any] | None = None,
) -> Example:
    """One outcome record of a run as a reader sees it.

    Args:
        explanation: what its words weigh, where that is known.
        shrunk: the fewest of its edits that do, where that is known.
    """
    original, perturbed = record["original"], record.get("perturbed") or []
    if (
        len(original) == len(perturbed)
        and max(map(len, [*original, *perturbed]), default=0) <= LONGEST
    ):
        fields = tuple(marked(a, b) for a, b in zip(original, perturbed, strict=True))
    else:
        fields = tuple(
            (Piece("del", before), Piece("ins", after))
            for _, before, after in record["changes"][:20]
        )
    written = _written(record)
    facts = [
        ""
        if written
        else f"was {_label(record.get('predicted_before'), labels)}, "
        f"became {_label(record.get('predicted_after'), labels)}",
        _sure(record, labels),
        _changed(record),
        f"{w.count(record.get('unique_queries'))} queries",
        w.victim(bool(record.get("calibrated"))),
    ]
    title = f"{record['attack']} on {record['example_id']}"
    replay = _replay(record, run_id) if run_id else ""
    left: tuple[tuple[Piece, ...], ...] = ()
    if shrunk is not None and len(shrunk["smallest"]) == len(original):
        facts.insert(2, _fewest(shrunk))
        if shrunk["edits"] < shrunk["of"] and max(map(len, shrunk["smallest"])) <= LONGEST:
            pairs = zip(original, shrunk["smallest"], strict=True)
            left, fields = fields, tuple(marked(a, b) for a, b in pairs)
    weighed = None
    if explanation is not None:
        weighed = weights.weighing(explanation, _label(explanation["label"], labels))
    return Example(title, tuple(filter(None, facts)), fields, written, replay, weighed, left)


def _fewest(shrunk: Mapping[str, Any]) -> str:
    edits, of = shrunk["edits"], shrunk["of"]
    if edits == of:
        return "its edit is needed" if of == 1 else f"none of its {of} edits can be spared"
    least = "" if shrunk["least"] else ", perhaps fewer"
    return f"{edits} of its {of} edits {'does' if edits == 1 else 'do'} it{least}"


def _replay(record: Mapping[str, Any], run_id: str) -> str:
    """The command that plays it again; what comes from the run is quoted for the shell."""
    form = "--calibrated" if record.get("calibrated") else "--raw"
    parts = ("withstand", "replay", f"runs/{run_id}", str(record["example_id"]))
    command = shlex.join((*parts, "--attack", str(record["attack"]), form))
    # A page shortens what is very long, and half a command is none.
    return command if len(command) <= LONGEST_COMMAND else ""


def _written(record: Mapping[str, Any]) -> tuple[tuple[str, tuple[Piece, ...]], ...]:
    """What a model wrote before and after, and what it should have written; nothing of a classifier."""
    before, after = record.get("written_before"), record.get("written_after")
    if before is None:
        return ()
    found = [("wrote", _in_one(before, before if after is None else after))]
    if record.get("reference") is not None:
        found.append(("reference", _in_one(record["reference"], record["reference"])))
    return tuple(found)


def _in_one(before: str, after: str) -> tuple[Piece, ...]:
    if max(len(before), len(after)) <= LONGEST:
        return marked(before, after)
    return (Piece("del", before[:LONGEST]), Piece("ins", after[:LONGEST]))


def marked(before: str, after: str) -> tuple[Piece, ...]:
    """The two texts as one, word by word, with long unchanged stretches left out."""
    a, b = _words(before), _words(after)
    pieces: list[Piece] = []
    for kind, a0, a1, b0, b1 in aligned(a, b):
        if kind == "equal":
            pieces.append(Piece("same", "".join(a[a0:a1])))
            continue
        if a1 > a0:
            pieces.append(Piece("del", "".join(a[a0:a1])))
        if b1 > b0:
            pieces.append(Piece("ins", "".join(b[b0:b1])))
    return tuple(
        kept
        for place, piece in enumerate(pieces)
        for kept in _shortened(piece, first=place == 0, last=place == len(pieces) - 1)
    )


def _shortened(piece: Piece, *, first: bool, last: bool) -> tuple[Piece, ...]:
    text = piece.text
    if piece.kind != "same":
        return (piece,)
    if len(text) <= 2 * CONTEXT + 40:
        return (piece,)
    head = () if first else (Piece("same", text[:CONTEXT]),)
    tail = () if last else (Piece("same", text[-CONTEXT:]),)
    left = len(text) - CONTEXT * (len(head) + len(tail))
    return (*head, Piece("gap", f"… {left:,} characters the same …"), *tail)


def _words(text: str) -> list[str]:
    return re.findall(r"\w+|\s+|[^\w\s]", text)


def _label(number: Any, labels: Mapping[int, str]) -> str:
    return w.NONE if number is None else labels.get(int(number), f"label {number}")


def _sure(record: Mapping[str, Any], labels: Mapping[int, str]) -> str:
    """How far the model's confidence in the right label fell."""
    before, after = record.get("confidence_before"), record.get("confidence_after")
    if before is None or after is None:
        return ""
    right = _label(record.get("label"), labels)
    return f"confidence in {right} {w.percent(before, 0)} → {w.percent(after, 0)}"


def _changed(record: Mapping[str, Any]) -> str:
    number, words = len(record["changes"]), record.get("words") or 0
    of = f" of {words}" if words else ""
    return f"{number}{of} words changed" if number != 1 or words else "1 word changed"
