"""Words get the weight that the model gives them, and the weights add up to its answer."""

from __future__ import annotations

import pytest
import torch

from attacks.errors import AttackError
from tests.attacks.test_first_order import KINDS, victim
from tests.attacks.test_universal import PLANTED, planted
from tests.harness import tiny

pytest.importorskip("captum")
TEXT = "the film was good and the plot is dull"


@pytest.mark.parametrize("kind", KINDS)
def test_the_weights_add_up_to_what_the_text_adds_to_the_logit(kind: str) -> None:
    white = victim(tiny.classifier(kind, dropout=0.0).eval(), kind)
    found = white.attributions().attributed((TEXT,), 1)
    (row,) = white.run(white.encode([(TEXT,)]))
    assert found.logit == pytest.approx(float(row[1]), abs=1e-5)
    assert [TEXT[start:end] for _, start, end in found.words] == TEXT.split()
    assert sum(found.scores) + found.error == pytest.approx(found.logit - found.empty, abs=1e-5)
    if kind not in ("t5", "bart"):  # their decoders read the text too
        assert abs(found.error) < 0.1 * sum(map(abs, found.scores)) + 1e-3


def test_the_word_that_was_planted_weighs_most() -> None:
    white = victim(planted())
    text = f"the film was bad {PLANTED} and dull"
    found = white.attributions().attributed((text,), 1)
    words = [text[start:end] for _, start, end in found.words]
    assert words[found.scores.index(max(found.scores))] == PLANTED
    against = white.attributions().attributed((text,), 0)
    assert words[against.scores.index(min(against.scores))] == PLANTED


def test_two_fields_have_their_own_words() -> None:
    white = victim(tiny.classifier(dropout=0.0).eval())
    found = white.attributions().attributed(("a good  film", "it was bad"), 0)
    assert found.words == ((0, 0, 1), (0, 2, 6), (0, 8, 12), (1, 0, 2), (1, 3, 6), (1, 7, 10))
    assert all(found.scores)


def test_words_behind_the_cut_weigh_nothing_and_an_empty_text_has_none() -> None:
    white = victim(tiny.classifier(dropout=0.0).eval())
    text = " ".join(["good"] * 80)
    found = white.attributions().attributed((text,), 1)
    reach = white.reach((text,))[0]
    for (_, start, _), score in zip(found.words, found.scores, strict=True):
        assert bool(score) == (start < reach)
    assert white.attributions().attributed(("",), 1).words == ()


def test_a_slow_tokenizer_is_refused_and_the_model_is_left_as_it_was() -> None:
    model = tiny.classifier(dropout=0.1).train()
    white = victim(model)
    white.attributions().attributed((TEXT,), 1)
    assert model.training
    assert all(parameter.grad is None for parameter in model.parameters())
    assert torch.is_grad_enabled()
    white._tokenizer = type(
        "Slow", (), {"is_fast": False, "pad_token_id": 0, "padding_side": "right"}
    )()
    with pytest.raises(AttackError, match="An attribution to words needs a fast tokenizer"):
        white.attributions().attributed((TEXT,), 1)
