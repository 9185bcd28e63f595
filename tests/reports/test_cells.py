"""Cells of CSV files are safe and keep the text."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from reports.cells import FORMULA, cell, shown_again

HIDDEN = st.sampled_from(
    [*FORMULA, "'", "\n", "\r", "\t", ";", "⟦", "⟧", "\u202e", "\x00", " ", "a"]
)


@given(st.one_of(st.text(), st.text(HIDDEN), st.text(st.characters(categories=["Cs", "Cf", "Cc"]))))
def test_a_cell_is_no_formula_hides_nothing_and_gives_the_text_back(text: str) -> None:
    found = cell(text)
    assert shown_again(found) == text
    for part in found.replace("\n", ";").split(";"):
        assert part.lstrip()[:1] not in tuple(FORMULA)
    assert all(character.isprintable() or character.isspace() for character in found)
    assert not any(character in found for character in "\r\t\x00\u202e")
    found.encode("utf-8")
