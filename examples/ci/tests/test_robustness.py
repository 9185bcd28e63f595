"""What a plan cannot say: comparisons between attacks, and texts of one's own."""

from hypothesis import given, settings
from suites.strategies import batches, corruptions, keeps_label, typos

PRAISE = "A warm and funny film with a wonderful cast."


def test_most_texts_withstand_the_names_and_numbers_of_others(robustness):
    found = robustness.attack("checklist", n=80)
    assert found.robust_accuracy >= 0.5


@settings(deadline=None, max_examples=10)
@given(texts=batches(typos(PRAISE, max_edits=1)))
def test_praise_stays_praise_with_a_typo(withstand_model, texts):
    keeps_label(withstand_model, texts, "fresh")


@settings(deadline=None, max_examples=10)
@given(texts=batches(corruptions(PRAISE, ["case", "whitespace", "punctuation"], severities=(1,))))
def test_praise_stays_praise_in_bad_layout(withstand_model, texts):
    keeps_label(withstand_model, texts, "fresh")
