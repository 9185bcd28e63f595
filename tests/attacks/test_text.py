"""Laws of texts, edits and candidates, for any Unicode."""

from __future__ import annotations

import pytest
from hypothesis import assume, example, given
from hypothesis import strategies as st

from attacks.text import Candidate, Edit, Text, rewritten

words = st.text(alphabet="abcXYZ09é", min_size=1, max_size=6)
anything = st.text(max_size=60) | st.lists(
    st.one_of(
        words, st.sampled_from([" ", "  ", ", ", "\n", "'", "-", "’", "(", ") ", ". ", "😀"])
    ),
    max_size=25,
).map("".join)


@st.composite
def edited(draw: st.DrawFn, deletions: bool = True) -> tuple[Text, dict[int, str]]:
    """A text of one to three fields and a replacement for some of its words."""
    values = draw(st.lists(anything, min_size=1, max_size=3))
    text = Text.of({f"field{n}": value for n, value in enumerate(values)})
    assume(text.words)
    replacement = words | st.just("") if deletions else words
    chosen = draw(st.sets(st.integers(0, len(text.words) - 1), max_size=8))
    return text, {i: draw(replacement) for i in sorted(chosen)}


def apply(text: Text, edits: dict[int, str]) -> Candidate:
    candidate = text.candidate
    for index, replacement in edits.items():
        candidate = candidate.replace(index, replacement)
    return candidate


def rebuilt(text: Text, edits: dict[int, str]) -> tuple[str, ...]:
    """The same, slowly: words and what stands between them, one after the other."""
    fields = []
    for number, value in enumerate(text.strings):
        written, position = "", 0
        for index, word in enumerate(text.words):
            if word.field != number:
                continue
            written += value[position : word.start]
            position = word.end
            shown = edits.get(index, word.string)
            if not shown and written.strip():
                written = written.rstrip()
            elif not shown:
                while value[position : position + 1].isspace():
                    position += 1
            written += shown
        fields.append(written + value[position:])
    return tuple(fields)


@given(st.lists(anything, min_size=1, max_size=3))
def test_words_are_where_they_say(values: list[str]) -> None:
    text = Text.of({str(n): value for n, value in enumerate(values)})
    assert text.candidate.strings == tuple(values)
    places = [(w.field, w.start) for w in text.words]
    assert places == sorted(places)
    for word in text.words:
        assert values[word.field][word.start : word.end] == word.string != ""


@given(edited())
@example((Text.of("a b c"), {0: "", 1: ""}))
@example((Text.of(" a b c"), {0: "", 1: ""}))
@example((Text.of("(a) b"), {0: ""}))
@example((Text.of("a, b"), {0: "x", 1: ""}))
def test_slicing_equals_rebuilding_word_by_word(case: tuple[Text, dict[int, str]]) -> None:
    text, edits = case
    assert apply(text, edits).strings == rebuilt(text, edits)


@given(edited(deletions=False))
def test_nothing_outside_replaced_words_changes(case: tuple[Text, dict[int, str]]) -> None:
    text, edits = case
    strings = list(text.strings)
    for index in sorted(edits, reverse=True):
        word = text.words[index]
        value = strings[word.field]
        strings[word.field] = value[: word.start] + edits[index] + value[word.end :]
    assert apply(text, edits).strings == tuple(strings)


@given(edited())
def test_a_deletion_takes_white_space_alone_and_joins_no_words(
    case: tuple[Text, dict[int, str]],
) -> None:
    text, edits = case
    candidate = apply(text, edits)
    remaining = [word for word in candidate.words if word]
    again = Text.of(dict(zip((name for name, _ in text.fields), candidate.strings, strict=True)))
    assert [w.string for w in again.words] == remaining
    kept = ["".join(value.split()) for value in candidate.strings]
    spliced = list(text.strings)
    for index in sorted(edits, reverse=True):
        word = text.words[index]
        value = spliced[word.field]
        spliced[word.field] = value[: word.start] + edits[index] + value[word.end :]
    assert kept == ["".join(value.split()) for value in spliced]


@given(edited(), st.randoms())
def test_the_order_of_edits_does_not_matter(case: tuple[Text, dict[int, str]], rng: object) -> None:
    text, edits = case
    shuffled = list(edits.items())
    rng.shuffle(shuffled)  # type: ignore[attr-defined]
    one, other = apply(text, edits), apply(text, dict(shuffled))
    assert one == other
    assert hash(one) == hash(other)
    assert one.changed == tuple(i for i in edits if edits[i] != text.words[i].string)


@given(edited())
def test_restoring_every_word_gives_the_original(case: tuple[Text, dict[int, str]]) -> None:
    text, edits = case
    restored = apply(text, edits)
    for index in edits:
        restored = restored.replace(index, text.words[index].string)
    assert restored == text.candidate
    assert restored.strings == text.strings


@given(edited())
def test_words_show_the_edits(case: tuple[Text, dict[int, str]]) -> None:
    text, edits = case
    candidate = apply(text, edits)
    assert candidate.words == tuple(edits.get(i, w.string) for i, w in enumerate(text.words))


def test_the_last_edit_of_a_word_counts() -> None:
    candidate = Text.of("a fine film").candidate.replace(1, "good").replace(1, "bad")
    assert candidate.edits == (Edit(1, "bad"),)
    assert candidate.strings == ("a bad film",)


def test_a_word_that_does_not_exist_cannot_be_replaced() -> None:
    with pytest.raises(IndexError):
        Text.of("one").candidate.replace(1, "two")


def test_frozen_fields_are_read_and_not_edited() -> None:
    text = Text.of({"premise": "A man sleeps.", "hypothesis": "He rests."}, frozen=["premise"])
    assert [text.words[i].string for i in text.editable] == ["He", "rests"]
    assert len(text.words) == 5


@given(edited())
def test_spans_say_where_words_stand_now(case: tuple[Text, dict[int, str]]) -> None:
    text, edits = case
    candidate = apply(text, edits)
    for index in range(len(text.words)):
        field, start, end = candidate.span(index)
        assert candidate.strings[field][start:end] == candidate.word(index)


@given(edited())
def test_rewriting_by_edits_alone_is_the_same_text(case: tuple[Text, dict[int, str]]) -> None:
    text, edits = case
    strings = apply(text, edits).strings
    found = rewritten(text, strings)
    assert found.strings == strings
    assert rewritten(text, text.strings) == text.candidate


@given(st.lists(anything, min_size=1, max_size=2), st.data())
def test_a_rewritten_text_keeps_its_strings_and_aligns_its_words(
    values: list[str], data: st.DataObject
) -> None:
    text = Text.of({f"field{n}": value for n, value in enumerate(values)})
    strings = tuple(data.draw(anything) for _ in values)
    found = rewritten(text, strings)
    assert found.strings == strings
    reached = [0] * len(values)
    for index, word in enumerate(text.words):
        field, start, end = found.span(index)
        assert field == word.field
        assert reached[field] <= start <= end <= len(strings[field])
        assert strings[field][start:end] == found.word(index)
        reached[field] = end


@given(edited(), st.data())
def test_words_of_a_rewritten_text_can_be_replaced(
    case: tuple[Text, dict[int, str]], data: st.DataObject
) -> None:
    text, edits = case
    found = rewritten(text, tuple(data.draw(anything) for _ in text.fields))
    for index, replacement in edits.items():
        if found.word(index) == "" or replacement == "":
            continue
        before = found.strings
        field, start, end = found.span(index)
        found = found.replace(index, replacement)
        assert found.word(index) == replacement
        value = before[field]
        assert found.strings[field] == value[:start] + replacement + value[end:]


@pytest.mark.parametrize(
    ("before", "after", "edits"),
    [
        ("a fine film .", "a fine film!", {}),
        ("a fine film", "a very fine film", {0: "a very"}),
        ("fine film", "a fine film", {0: "a fine"}),
        ("one two three", "one three", {1: ""}),
        ("a fine film", "a film that is fine, a film", {0: "a film that is", 1: "fine, a"}),
    ],
)
def test_what_counts_as_changed(before: str, after: str, edits: dict[int, str]) -> None:
    found = rewritten(Text.of(before), (after,))
    assert {edit.index: edit.replacement for edit in found.edits} == edits
    assert found.strings == (after,)
