"""The corners of words' hulls, for tokenizers of every family."""

from __future__ import annotations

from typing import Any

import pytest
import torch

from attacks.resources import neighbours
from harness.layers import layers
from harness.substitutes import Substitutes, substitutes
from tests.attacks.families import FAMILIES, snippets
from tests.harness import tiny


def words_of(tokenizer: Any, text: str) -> list[tuple[int, str]]:
    """Each token of a text with the whole word it stands for, or "" for a part of one."""
    encoded = tokenizer(text, return_offsets_mapping=True)
    spans = encoded["offset_mapping"]
    found = []
    for token, (start, end) in zip(encoded["input_ids"], spans, strict=True):
        while start < end and text[start].isspace():
            start += 1
        inside = (text[start - 1 : start] + text[end : end + 1]).strip()
        whole = end > start and not any(c.isalpha() for c in inside)
        found.append((token, text[start:end] if whole else ""))
    return found


@pytest.mark.parametrize("family", FAMILIES)
@pytest.mark.parametrize("hops", [1, 2])
def test_corners_are_near_words_and_parts_of_words_have_none(family: str, hops: int) -> None:
    tokenizer = FAMILIES[family]()
    table = substitutes(tokenizer, len(tokenizer) + 5, 8, hops)
    assert table.ids.shape == table.hops.shape == (len(tokenizer) + 5, 9)
    corners = 0
    for text in snippets()[:150]:
        tokens = words_of(tokenizer, text)
        ids, far = table.of(torch.tensor([[token for token, _ in tokens]]))
        for (token, word), row, away in zip(tokens, ids[0].tolist(), far[0].tolist(), strict=True):
            assert (row[0], away[0]) == (token, 0)
            own = tokenizer.decode([token]).strip(" ▁")
            first = {n.word for n in neighbours.nearest(own.lower())}
            for other, hop in zip(row[1:], away[1:], strict=True):
                if hop < 0:
                    continue
                corners += 1
                written = tokenizer.decode([other]).strip(" ▁")
                assert word, f"'{text}': a part of a word has corners"
                assert written.istitle() == own.istitle()
                assert (written.lower() in first) == (hop == 1) or hop == 2
    assert corners > 300


def test_a_second_hop_adds_words_behind_the_first() -> None:
    tokenizer = FAMILIES["WordPiece, cased"]()
    rows = len(tokenizer)
    one, two = (substitutes(tokenizer, rows, 8, hops) for hops in (1, 2))
    near = one.hops == 1
    assert torch.equal(two.ids[near], one.ids[near])
    assert int((two.hops == 2).sum()) > int(near.sum()) / 2
    assert not ((two.hops[:, :-1] == 2) & (two.hops[:, 1:] == 1)).any()


def test_a_word_that_the_next_token_continues_stands_for_itself() -> None:
    table = Substitutes(
        ids=torch.tensor([[0, 2], [1, 1], [2, 0]]),
        hops=torch.tensor([[0, 1], [0, -1], [0, 1]]),
        continues=torch.tensor([False, True, False]),
    )
    _, hops = table.of(torch.tensor([[0, 1, 2, 0]]))
    assert hops.tolist() == [[[0, -1], [0, -1], [0, 1], [0, 1]]]


@pytest.mark.parametrize("kind", sorted({*tiny.HEADS, *tiny.ENCODER_DECODERS} - {"albert"}))
def test_layers_run_in_the_order_in_which_they_are_listed(kind: str) -> None:
    model, order = tiny.classifier(kind), []
    found = layers(model)
    assert len(found) == 2
    for number, block in enumerate(found):
        block.register_forward_hook(lambda *_, number=number: order.append(number))
    model.eval()(**tiny.inputs(["a good film"], kind))
    assert order == [0, 1]
