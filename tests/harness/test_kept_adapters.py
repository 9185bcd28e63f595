"""Adapters that stay in a model: that they count, that texts are read as before, what is refused."""

from __future__ import annotations

import copy
from typing import Any

import pytest
import torch
from torch.func import functional_call

from harness.adapter_support import why_not
from harness.adapters import Adapted
from harness.embedding import EmbeddingTap
from harness.errors import HarnessError
from harness.kept_adapters import is_adapters, kept_method
from harness.objectives.base import StepContext
from harness.training_plan import Adapter, AdapterMethod, Train
from harness.virtual_tokens import NAME, VirtualTokens, attach, attached
from tests.harness import tiny
from tests.harness.adapted import ALL, DECODERS, PREFIX, PROMPT, SMALL, WORKS, adapted, classifier

TEXTS = ["a good film", "the plot is bad and it was a dull movie"]


def logits(model: Any, kind: str, texts: list[str] = TEXTS) -> torch.Tensor:
    with torch.no_grad():
        found: torch.Tensor = model.eval()(**tiny.inputs(texts, kind)).logits
    return found


def of_adapter(model: Any) -> dict[str, torch.nn.Parameter]:
    return {name: weight for name, weight in model.named_parameters() if is_adapters(name)}


@pytest.mark.smoke
@pytest.mark.parametrize(("kind", "method"), WORKS)
def test_the_answer_depends_on_every_weight_of_the_adapter(
    kind: str, method: AdapterMethod
) -> None:
    model = adapted(kind, method)
    before, weights = logits(model, kind), of_adapter(model)
    assert weights
    for weight in weights.values():
        # Of virtual tokens every one, in every layer, as a key and as a value.
        tokens = attached(model)
        layers = max(1, 2 * tokens.layers) if tokens else 1
        parts = weight.view(len(weight), layers, -1) if tokens else weight.view(1, 1, -1)
        for row in range(parts.shape[0]):
            for layer in range(parts.shape[1]):
                kept = parts[row, layer].detach().clone()
                with torch.no_grad():
                    parts[row, layer] += 3.0 * torch.randn_like(kept)
                    changed = (logits(model, kind) - before).abs().max()
                    parts[row, layer] = kept
                assert changed > 1e-5, (row, layer)
    assert torch.equal(logits(model, kind), before)


@pytest.mark.parametrize(("kind", "method"), WORKS)
def test_of_the_model_s_own_weights_the_head_is_trained_alone(
    kind: str, method: AdapterMethod
) -> None:
    model = classifier(kind)
    names = {name for name, _ in model.named_parameters()}
    put = Adapted(model, SMALL[method], seed=0)
    trained = {name for name, weight in model.named_parameters() if weight.requires_grad}
    assert set(of_adapter(model)) <= trained
    rest = trained - set(of_adapter(model))
    body = f"{model.base_model_prefix}."
    assert rest
    assert all(not name.startswith(body) or "pooler" in name for name in rest)
    put.merge()
    assert all(weight.requires_grad for weight in model.parameters())
    assert {name for name, _ in model.named_parameters()} - set(of_adapter(model)) == names
    assert kept_method(model) == method


@pytest.mark.smoke
@pytest.mark.parametrize(("kind", "method"), WORKS)
def test_a_perturbation_meets_the_words_alone(kind: str, method: AdapterMethod) -> None:
    if tiny.embeds_twice(kind):
        pytest.skip("such a model has no embedding objectives, whatever stands in it")
    model = adapted(kind, method)
    tap = EmbeddingTap(model)
    ctx = StepContext(
        model=model,
        inputs=tiny.inputs(TEXTS, kind),
        labels=torch.tensor([1, 0]),
        tap=tap,
        propagate=lambda loss: loss.backward(),
    )
    with torch.no_grad():
        before = ctx.logits()
        assert torch.equal(ctx.logits(torch.zeros(ctx.delta_shape)), before)
        assert tap.fired == 2
        torch.manual_seed(0)
        noise = torch.randn(ctx.delta_shape)
        at_padding = noise * (1 - ctx.mask).unsqueeze(-1)
        assert at_padding.abs().sum() > 0
        assert torch.equal(ctx.logits(at_padding), before)
        assert (ctx.logits(noise) - before).abs().max() > 1e-4


@pytest.mark.parametrize(("kind", "method"), WORKS)
def test_a_text_is_answered_alike_in_every_batch(kind: str, method: AdapterMethod) -> None:
    model = adapted(kind, method)
    alone = torch.cat([logits(model, kind, [text]) for text in TEXTS])
    torch.testing.assert_close(logits(model, kind), alone, atol=1e-5, rtol=1e-5)


@pytest.mark.parametrize("method", ["prefix", "prompt"])
def test_padding_before_a_text_changes_nothing(method: AdapterMethod) -> None:
    model = adapted("llama", method)
    batch = tiny.inputs(TEXTS, "llama")
    padding = [int((row == 0).sum()) for row in batch["attention_mask"]]
    assert padding[0]
    moved = {
        name: torch.stack([row.roll(n) for row, n in zip(value, padding, strict=True)])
        for name, value in batch.items()
    }
    with torch.no_grad():
        found = model(**moved).logits
    torch.testing.assert_close(found, logits(model, "llama"), atol=1e-5, rtol=1e-5)


def words_before(model: Any, kind: str, method: AdapterMethod) -> tuple[Any, torch.Tensor]:
    """Virtual tokens as they are drawn, and the model's answer to texts that begin with those words."""
    torch.manual_seed(4)
    words = torch.randint(len(tiny.VOCABULARY), (1, 3))
    assert 0 not in words, "padding"
    batch = tiny.inputs(TEXTS, kind)
    ahead = {"input_ids": words, "attention_mask": torch.ones_like(words)}
    longer = {
        name: torch.cat([ahead.get(name, torch.zeros_like(words)).expand(2, -1), value], dim=1)
        for name, value in batch.items()
    }
    with torch.no_grad():
        expected = model.eval()(**longer).logits
    return Adapted(model, SMALL[method], seed=4), expected


@pytest.mark.parametrize("kind", PROMPT)
def test_a_prompt_begins_as_words_before_the_text(kind: str) -> None:
    model = classifier(kind)
    _, expected = words_before(model, kind, "prompt")
    torch.testing.assert_close(logits(model, kind), expected, atol=1e-5, rtol=1e-5)


@pytest.mark.parametrize("kind", DECODERS)
def test_a_prefix_begins_as_words_before_the_text(kind: str) -> None:
    """Of decoders, in which words are no different for what comes behind them."""
    model = classifier(kind)
    _, expected = words_before(model, kind, "prefix")
    torch.testing.assert_close(logits(model, kind), expected, atol=1e-5, rtol=1e-5)


@pytest.mark.parametrize("kind", ALL)
def test_bottlenecks_begin_at_the_model(kind: str) -> None:
    model = classifier(kind)
    before = logits(model, kind)
    Adapted(model, SMALL["bottleneck"], seed=0)
    assert torch.equal(logits(model, kind), before)


@pytest.mark.parametrize("method", ["lora", "bottleneck"])
def test_a_model_s_own_bottlenecks_are_held_still(method: AdapterMethod) -> None:
    from transformers import MobileBertConfig, MobileBertForSequenceClassification

    sizes = {**tiny.SIZES, "embedding_size": 8, "intra_bottleneck_size": 16}
    model = MobileBertForSequenceClassification(
        MobileBertConfig(**sizes, num_feedforward_networks=1)
    )
    assert kept_method(model) is None
    Adapted(model, Adapter(method=method), seed=0)
    own = [n for n, _ in model.named_parameters() if ".bottleneck." in n and "lora" not in n]
    weights = dict(model.named_parameters())
    assert own
    assert not any(weights[name].requires_grad for name in own if not is_adapters(name))
    assert bool(of_adapter(model)) == (method == "bottleneck")


@pytest.mark.parametrize("method", SMALL)
def test_the_adapter_is_drawn_by_seed(method: AdapterMethod) -> None:
    found = []
    for seed in (1, 1, 2):
        model, state = tiny.classifier(), torch.get_rng_state()
        Adapted(model, SMALL[method], seed=seed)
        assert torch.equal(torch.get_rng_state(), state)
        found.append(next(iter(of_adapter(model).values())).detach())
    assert torch.equal(found[0], found[1])
    assert not torch.equal(found[0], found[2])


@pytest.mark.parametrize(("kind", "method"), WORKS)
def test_a_copy_has_an_adapter_of_its_own(kind: str, method: AdapterMethod) -> None:
    model = adapted(kind, method)
    before = logits(model, kind)
    other = copy.deepcopy(model)
    assert torch.equal(logits(other, kind), before)
    with torch.no_grad():
        for weight in of_adapter(other).values():
            weight.zero_()
    assert torch.equal(logits(model, kind), before)
    assert (logits(other, kind) - before).abs().max() > 1e-4
    rounded = copy.deepcopy(model).to(torch.bfloat16)
    torch.testing.assert_close(logits(rounded, kind).float(), before, atol=0.3, rtol=0.1)
    assert not torch.equal(logits(rounded, kind).float(), before)


@pytest.mark.parametrize(("kind", "method"), WORKS)
def test_other_weights_may_be_given_for_one_call(kind: str, method: AdapterMethod) -> None:
    model, batch = adapted(kind, method), tiny.inputs(TEXTS, kind)
    before, own = logits(model, kind), of_adapter(model)
    zero = {name: torch.zeros_like(weight) for name, weight in own.items()}
    with torch.no_grad():
        given = functional_call(model, zero, kwargs=batch).logits
        assert (given - before).abs().max() > 1e-4
        for weight in own.values():
            weight.zero_()
    assert torch.equal(logits(model, kind), given)


@pytest.mark.parametrize(("kind", "method"), [w for w in WORKS if w[0] in PROMPT])
def test_hidden_states_are_those_of_the_text(kind: str, method: AdapterMethod) -> None:
    model, batch = adapted(kind, method), tiny.inputs(TEXTS, kind)
    with torch.no_grad():
        states = model(**batch, output_hidden_states=True).hidden_states
    assert {state.shape[:2] for state in states} == {batch["input_ids"].shape}


REFUSED: list[tuple[str, AdapterMethod]] = [
    *((kind, "prefix") for kind in ALL if kind not in PREFIX),
    *((kind, "prompt") for kind in ALL if kind not in PROMPT),
]


@pytest.mark.parametrize(("kind", "method"), REFUSED)
def test_what_an_architecture_cannot_take_is_refused(kind: str, method: AdapterMethod) -> None:
    with pytest.raises(HarnessError, match=f"'{method}' does not work with"):
        Adapted(classifier(kind), SMALL[method], seed=0)
    reason = why_not(method, kind)
    assert reason is not None
    assert "'bottleneck'" in reason
    assert ("'prompt'," in reason or "'prompt';" in reason) == (kind in PROMPT)


@pytest.mark.smoke
@pytest.mark.parametrize(("kind", "method"), WORKS)
def test_what_works_is_not_refused_beforehand(kind: str, method: AdapterMethod) -> None:
    assert why_not(method, kind) is None


def test_virtual_tokens_that_nothing_depends_on_are_refused(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    model = tiny.classifier()
    monkeypatch.setattr(VirtualTokens, "_cache", lambda self, ids: None)
    monkeypatch.setattr(VirtualTokens, "_widened", lambda self, given, value: given)
    made = VirtualTokens("prefix", torch.randn(3, 64), heads=2, layers=2)
    with pytest.raises(HarnessError, match="its answers do not depend on them"):
        attach(model, made)


def test_a_model_with_one_adapter_takes_no_other() -> None:
    model = adapted("bert", "prompt")
    weight = getattr(model, NAME).weight
    before = weight.detach().clone()
    for other in (Adapter(), SMALL["prefix"], Adapter(method="prompt", tokens=4)):
        with pytest.raises(HarnessError, match=r"has an adapter already \('prompt', tokens = 3\)"):
            Adapted(model, other, seed=9)
    Adapted(model, SMALL["prompt"], seed=9)
    assert getattr(model, NAME).weight is weight, "it is trained on"
    assert torch.equal(weight, before)
    assert not model.bert.embeddings.word_embeddings.weight.requires_grad


def test_what_a_model_with_virtual_tokens_cannot_be_given_is_refused() -> None:
    model = adapted("bert", "prompt")
    batch = tiny.inputs(TEXTS)
    vectors = model.get_input_embeddings()(batch.pop("input_ids"))
    with pytest.raises(ValueError, match="takes input_ids"):
        model(inputs_embeds=vectors, **batch)
    places = torch.arange(4).unsqueeze(0)
    with pytest.raises(ValueError, match="numbers the positions itself"):
        model(input_ids=torch.ones(1, 4, dtype=torch.long), position_ids=places)


def test_targets_of_bottlenecks_are_named() -> None:
    model = tiny.classifier()
    Adapted(model, Adapter(method="bottleneck", size=4, targets=("intermediate.dense",)), seed=0)
    places = {name.split(".adapter_bottleneck")[0] for name in of_adapter(model)}
    assert places == {f"bert.encoder.layer.{n}.intermediate.dense" for n in range(2)}
    with pytest.raises(
        HarnessError, match=r"no linear layer named 'q_proj'. Allowed: 'dense', 'key'"
    ):
        Adapted(tiny.classifier(), Adapter(method="bottleneck", targets=("q_proj",)), seed=0)


@pytest.mark.parametrize(
    ("settings", "named"),
    [
        ({"method": "prompt", "rank": 8}, r"adapter\.rank says nothing to the method 'prompt'"),
        ({"method": "lora", "tokens": 20}, r"adapter\.tokens says nothing to the method 'lora'"),
        ({"tokens": 20}, r"adapter\.tokens says nothing to the method 'lora'"),
        ({"method": "ia3", "alpha": 1.0}, "knows targets"),
        ({"method": "prefix", "targets": ["query"]}, "knows tokens"),
        ({"method": "bottleneck", "alpha": 2.0}, "knows size, dropout, targets"),
    ],
)
def test_settings_of_other_methods_are_refused(settings: dict[str, Any], named: str) -> None:
    import json

    with pytest.raises(ValueError, match=named):
        Adapter.model_validate_json(json.dumps(settings))


@pytest.mark.parametrize("method", [*SMALL, "lora", "dora", "ia3"])
def test_settings_are_written_so_that_they_can_be_read(method: AdapterMethod) -> None:
    settings = Adapter(method=method)
    written = settings.model_dump_json()
    assert Adapter.model_validate_json(written) == settings


@pytest.mark.parametrize("method", SMALL)
def test_settings_that_leave_an_adapter_out_are_refused(method: str) -> None:
    with pytest.raises(ValueError, match=r"selection\.blend mixes weights"):
        Train.model_validate(
            {"output": "o", "adapter": {"method": method}, "selection": {"blend": (0.5,)}}
        )
    settings = {"output": "o", "adapter": {"method": method}, "gradient_checkpointing": True}
    if method == "prefix":
        with pytest.raises(ValueError, match="gradient_checkpointing leaves out the keys"):
            Train.model_validate(settings)
    else:
        Train.model_validate(settings)
