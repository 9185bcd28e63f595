"""What a model withstands, as a part of its card."""

from __future__ import annotations

from reports.markdown import MARKS, code, table, text
from reports.view import Report

_SHOWN = ("clean", "attacks", "gaps")


def withstands(audit: Report | None) -> list[str]:
    """The part of a card that says what the model withstands; without an audit, how to know."""
    lines = ["## What it withstands", ""]
    if audit is None:
        return [*lines, "It has not been audited: `withstand audit` draws its figures here.", ""]
    verdict = audit.verdict
    judged = f"{MARKS[verdict.value]} **{text(verdict.word)}.** {text(verdict.heading)} "
    if verdict.gates is None:  # the audits inside `withstand harden`
        judged = "Measured, not judged: this audit had no gates. "
    lines += [
        judged + " ".join(text(sentence) for sentence in audit.summary),
        "",
    ]
    for section in audit.sections:
        if section.key in _SHOWN:
            lines += [f"### {text(section.title)}", "", *table(section.table), ""]
            for note in filter(None, (section.intro, *section.notes)):
                lines += [text(note), ""]
            title, remarks = section.remarks
            lines += (
                [f"{text(title)}:", "", *(f"- {text(each)}" for each in remarks), ""]
                if remarks
                else []
            )
    lines += ["### What was not tested", ""]
    lines += [f"- {text(limit)}" for limit in audit.limits]
    return [*lines, "", f"Audit {code(audit.run_id)}, {text(audit.created)} UTC.", ""]
