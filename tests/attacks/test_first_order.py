"""What a gradient says of word swaps, against differences that are measured."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
import torch

from attacks.errors import AttackError
from attacks.questions import Swaps
from attacks.victims.embedding import called_embedding
from attacks.victims.huggingface import HuggingFaceVictim
from tests.harness import tiny

TEXT = "the film was good and the plot is a warm one"
KINDS = [k for k in (*tiny.HEADS, *tiny.ENCODER_DECODERS) if not tiny.embeds_twice(k)]


def swaps(text: str = TEXT, *edits: tuple[str, tuple[str, ...]], label: int = 1) -> Swaps:
    """Swaps of words that are named by what stands there."""
    spans = tuple((0, text.index(word), text.index(word) + len(word)) for word, _ in edits)
    return Swaps((text,), label, spans, tuple(words for _, words in edits))


def victim(model: Any, kind: str = "bert") -> HuggingFaceVictim:
    tokenizer = known = tiny.tokenizer()
    if kind not in ("bert", "electra", "albert"):

        class WithoutTypes:
            is_fast, pad_token_id, padding_side = True, 0, "left" if kind == "llama" else "right"

            def __call__(self, *texts: Any, **options: Any) -> Any:
                encoded = known(*texts, **options)
                encoded.pop("token_type_ids")
                return encoded

        tokenizer = WithoutTypes()
    return HuggingFaceVictim(model, tokenizer, ("no", "yes"), fingerprint="t", max_length=32)


def measured(model: Any, kind: str, item: Swaps, span: int, word: str, step: float) -> float:
    """The slope of the loss where a word's vector moves towards another's, by two forward passes."""
    batch = tiny.inputs(list(item.strings), kind)
    ids = batch["input_ids"][0].tolist()
    _, start, end = item.spans[span]
    vocabulary = tiny.tokenizer().get_vocab()
    place = ids.index(vocabulary[item.strings[0][start:end]])
    module = called_embedding(model)
    table = module.forward(torch.tensor([[vocabulary[word], ids[place]]]))[0].detach()

    def loss(size: float) -> float:
        def shift(module: Any, arguments: Any, output: torch.Tensor) -> torch.Tensor:
            moved = output.clone()
            moved[0, place] += size * (table[0] - table[1])
            return moved

        handle = module.register_forward_hook(shift)
        with torch.no_grad():
            logits = model(**batch).logits
        handle.remove()
        return float(torch.nn.functional.cross_entropy(logits.double(), torch.tensor([item.label])))

    return (loss(step) - loss(-step)) / (2 * step)


@pytest.mark.smoke
@pytest.mark.parametrize("kind", KINDS)
def test_the_estimate_is_the_slope_of_the_loss(kind: str) -> None:
    model = tiny.classifier(kind, dropout=0.0).eval()
    item = swaps(TEXT, ("film", ("movie", "plot")), ("good", ("bad",)), ("warm", ("dull", "fine")))
    white = victim(model, kind).first_order()
    # Other texts in the batch change neither the padding nor the answer.
    others = [
        swaps("a film", ("film", ("plot",))),
        swaps("the plot was dull", ("dull", ("great",))),
    ]
    batch = white.encode([others[0], item, others[1]])
    answer = white.run(batch)[1]
    row = answer.gains
    assert row.shape == (5,)
    places = [(0, "movie"), (0, "plot"), (1, "bad"), (2, "dull"), (2, "fine")]
    expected = [measured(model, kind, item, span, word, 1e-3) for span, word in places]
    assert np.abs(expected).max() > 1e-4
    np.testing.assert_allclose(row, expected, rtol=0.03, atol=0.003 * np.abs(expected).max())
    asked = victim(model, kind)
    (logits,) = asked.run(asked.encode([item.strings]))
    np.testing.assert_array_equal(answer.logits, logits)


def test_a_model_that_embeds_twice_a_pass_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    model = tiny.classifier().eval()
    once = model.forward
    monkeypatch.setattr(model, "forward", lambda **inputs: (once(**inputs), once(**inputs))[1])
    white = victim(model).first_order()
    with pytest.raises(AttackError, match="once a pass"):
        white.run(white.encode([swaps(TEXT, ("film", ("plot",)))]))


def test_weights_modes_and_gradients_are_left_as_they_were() -> None:
    model = tiny.classifier(dropout=0.5).train()
    model.classifier.weight.grad = torch.ones_like(model.classifier.weight)
    white = victim(model).first_order()
    asked = white.encode([swaps(TEXT, ("film", ("plot",)))])
    rows = [white.run(asked)[0].gains for _ in range(2)]
    assert rows[0].tolist() == rows[1].tolist(), "dropout is off"
    assert model.training
    assert all(p.requires_grad for p in model.parameters())
    assert model.bert.embeddings.word_embeddings.weight.grad is None
    assert (model.classifier.weight.grad == 1).all()


def test_a_word_of_many_tokens_counts_as_their_mean() -> None:
    """Words that are spelt letter by letter: the estimate is the one for the mean of their vectors."""
    model = tiny.classifier(dropout=0.0).eval()
    white = victim(model).first_order()
    text, table = "a zq film", model.bert.embeddings.word_embeddings.weight.detach()
    row = white.run(white.encode([swaps(text, ("zq", ("film", "xk", "")))]))[0].gains
    vocabulary = tiny.tokenizer().get_vocab()
    old = table[[vocabulary["z"], vocabulary["##q"]]].mean(0)
    new = [table[vocabulary["film"]], table[[vocabulary["x"], vocabulary["##k"]]].mean(0), 0 * old]
    seen: list[torch.Tensor] = []
    module = model.bert.embeddings.word_embeddings
    handle = module.register_forward_hook(
        lambda m, a, output: seen.append(output.detach().requires_grad_()) or seen[-1]
    )
    logits = model(**tiny.inputs([text])).logits
    handle.remove()
    (slope,) = torch.autograd.grad(
        torch.nn.functional.cross_entropy(logits, torch.tensor([1])), seen[0]
    )
    at = slope[0, 2:4].sum(0)
    np.testing.assert_allclose(row, [float((n - old) @ at) for n in new], rtol=1e-3, atol=1e-6)


def test_words_behind_the_cut_and_fields_of_a_pair() -> None:
    model = tiny.classifier(dropout=0.0).eval()
    cut = HuggingFaceVictim(model, tiny.tokenizer(), ("no", "yes"), fingerprint="t", max_length=6)
    row = (
        cut.first_order()
        .run(cut.first_order().encode([swaps(TEXT, ("film", ("plot",)), ("warm", ("dull",)))]))[0]
        .gains
    )
    assert row[0] != 0
    assert row[1] == 0
    white = victim(model).first_order()
    pair = Swaps(("a film", "the film"), 1, ((0, 2, 6), (1, 4, 8)), (("plot",), ("plot",)))
    three = Swaps(("a film", "the", "film"), 1, ((2, 0, 4),), (("plot",),))
    first, second = white.run(white.encode([pair]))[0].gains
    assert first != second
    assert white.run(white.encode([three]))[0].gains.tolist() == [second]


class Slow:
    is_fast, pad_token_id, padding_side = False, 0, "right"


def test_a_victim_says_how_far_it_reads() -> None:
    cut = HuggingFaceVictim(
        tiny.classifier(), tiny.tokenizer(), ("no", "yes"), fingerprint="t", max_length=6
    )
    assert cut.reach((TEXT,)) == (len("the film was good"),)
    assert cut.reach(("a film",)) == (6,)
    assert victim(tiny.classifier()).reach(("a film ", "the plot", "was good")) == (6, 8, 8)
    assert HuggingFaceVictim(
        tiny.classifier(), Slow(), ("no", "yes"), fingerprint="", max_length=9
    ).reach(("a film",)) == (6,)


def test_a_slow_tokenizer_is_refused() -> None:
    model = tiny.classifier()
    white = HuggingFaceVictim(model, Slow(), ("no", "yes"), fingerprint="", max_length=9)
    with pytest.raises(AttackError, match=r"needs a fast tokenizer.*Slow is a slow one"):
        white.first_order().encode([swaps(TEXT, ("film", ("plot",)))])
