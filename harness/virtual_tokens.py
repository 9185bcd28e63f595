"""Virtual tokens: vectors before every text, which are trained in the place of the model's weights.

Prompt tuning (Lester et al., EMNLP 2021) puts them before the word embeddings, prefix tuning (Li and
Liang, ACL 2021) has one key and value in every layer for each, without the reparameterisation by an MLP
(as Liu et al., "P-Tuning v2", ACL 2022, section 3.3). Shapes are those of `peft`, so that each can read
what the other saved.

Why hooks on the model and not peft's wrapper around it: the model stays one transformers classifier
for all that attacks, hooks, copies, trains and saves it. The hooks are methods of a module that is a
child of the model: a deep copy has hooks of its own copy, `functional_call` and DDP find its weight
among the model's by a name that does not change, and a cast or a move takes it along. The wrapper has
names of its own for all weights, and answers wrongly about padded texts where the head looks for the
last token, since it hands on no token ids.
"""

from __future__ import annotations

import inspect
from typing import Any, Literal

import torch
from torch import Tensor, nn

from attacks.victims.embedding import called_embedding
from attacks.victims.transformer import evaluating
from harness.errors import HarnessError, reason_of

Method = Literal["prefix", "prompt"]
NAME = "virtual_tokens"
"""Of the child module that holds them."""


class VirtualTokens(nn.Module):
    """The vectors and the hooks that put them before a text.

    Args:
        weight: of "prompt" shape (tokens, width of the word embeddings); of "prefix" (tokens,
            layers * 2 * heads * width of a head): in every layer the keys, then the values.
        heads: that have keys of their own; of "prefix".
        layers: of "prefix".

    Attributes:
        last: whether the head reads the last token, as those of decoders do.
    """

    def __init__(self, method: Method, weight: Tensor, *, heads: int = 0, layers: int = 0) -> None:
        super().__init__()
        self.method, self.heads, self.layers = method, heads, layers
        self.last = False
        self.weight = nn.Parameter(weight.detach().clone())

    @property
    def tokens(self) -> int:
        """How many they are."""
        return len(self.weight)

    def keys_and_values(self, rows: int) -> Tensor:
        """Of a prefix, shape (layers, 2, rows, heads, tokens, width of a head)."""
        parts = self.weight.view(self.tokens, self.layers, 2, self.heads, -1)
        parts = parts.permute(1, 2, 3, 0, 4).unsqueeze(2)
        return parts.expand(-1, -1, rows, -1, -1, -1)

    def before(
        self, module: nn.Module, arguments: tuple[Any, ...], named: dict[str, Any]
    ) -> tuple[tuple[Any, ...], dict[str, Any]]:
        """Hook before a pass: what the module takes, with the virtual tokens in it."""
        names = inspect.signature(module.forward).parameters
        given = {**dict(zip(names, arguments, strict=False)), **named}
        ids = given.get("input_ids")
        if ids is None or given.get("inputs_embeds") is not None:
            raise ValueError("A model with virtual tokens takes input_ids, and no inputs_embeds.")
        if given.get("position_ids") is not None:
            raise ValueError("A model with virtual tokens numbers the positions itself.")
        mask = given.get("attention_mask")
        given["attention_mask"] = self._widened(torch.ones_like(ids) if mask is None else mask, 1)
        if self.last and "position_ids" in names:
            # Else padding before a text would part it from the virtual tokens.
            places = (given["attention_mask"].long().cumsum(1) - 1).clamp_min(0)
            given["position_ids"] = places[:, self.tokens :] if self.method == "prefix" else places
        if self.method == "prefix":
            given["past_key_values"] = self._cache(ids)
            return (), given
        vectors = called_embedding(module)(ids)
        mine = self.weight.to(vectors.dtype).expand(len(ids), -1, -1)
        given |= {"input_ids": None, "inputs_embeds": torch.cat([mine, vectors], dim=1)}
        if given.get("token_type_ids") is not None:
            given["token_type_ids"] = self._widened(given["token_type_ids"], 0)
        return (), given

    def behind(self, module: nn.Module, arguments: tuple[Any, ...], output: Any) -> Any:
        """Hook behind the whole model: hidden states are those of the text alone."""
        states = getattr(output, "hidden_states", None)
        if states is not None:
            output.hidden_states = tuple(state[:, self.tokens :] for state in states)
        return output

    def behind_body(self, module: nn.Module, arguments: tuple[Any, ...], output: Any) -> Any:
        """Hook behind the body, before a head that looks for the last token by the ids of the text."""
        output.last_hidden_state = output.last_hidden_state[:, self.tokens :]
        return self.behind(module, arguments, output)

    def _widened(self, given: Tensor, value: int) -> Tensor:
        return torch.cat([given.new_full((len(given), self.tokens), value), given], dim=1)

    def _cache(self, ids: Tensor) -> Any:
        from transformers import DynamicCache

        parts = self.keys_and_values(len(ids))
        kind = ids.device.type
        if torch.is_autocast_enabled(kind):  # as the layers' own keys and values are
            parts = parts.to(torch.get_autocast_dtype(kind))
        cache = DynamicCache()
        for number, (keys, values) in enumerate(parts):
            cache.update(keys, values, number)
        return cache


def attached(model: Any) -> VirtualTokens | None:
    """The virtual tokens of a model, where it has some."""
    found: VirtualTokens | None = getattr(model, NAME, None)
    return found


def attach(model: Any, made: VirtualTokens) -> None:
    """Put virtual tokens before all that a classifier is asked from now on, and prove that they count.

    Raises HarnessError as `prove`.
    """
    weight = next(model.parameters())
    model.add_module(NAME, made.to(weight.device, weight.dtype))
    body = model.base_model
    made.last = hasattr(model, "score")  # as heads of decoders are called
    if made.method == "prefix":
        body.register_forward_pre_hook(made.before, with_kwargs=True)
    elif made.last:
        # Such a head finds the last token by the ids of the text, among which there are no virtual ones.
        body.register_forward_pre_hook(made.before, with_kwargs=True)
        body.register_forward_hook(made.behind_body)
    else:
        model.register_forward_pre_hook(made.before, with_kwargs=True)
        model.register_forward_hook(made.behind)
    try:
        prove(model, made)
    except (TypeError, ValueError, RuntimeError, IndexError, AttributeError) as error:
        raise HarnessError(f"{_refused(model, made.method)}: {reason_of(error)}") from error


def drawn(model: Any, method: Method, tokens: int) -> VirtualTokens:
    """Virtual tokens that begin as random words of the vocabulary, by torch's generator.

    Of a prompt their embeddings (Lester et al., section 3.2), of a prefix their keys and values in every
    layer, which is far better than noise where data are few (Li and Liang, section 7.4).

    Raises HarnessError where the model keeps no keys and values.
    """
    if model.config.is_encoder_decoder:
        raise HarnessError(f"{_refused(model, method)}: it reads each text twice.")
    table: Any = called_embedding(model)
    words = torch.randint(int(table.num_embeddings), (1, tokens)).to(table.weight.device)
    with torch.no_grad():
        if method == "prompt":
            # forward, not a call: hooks on the module are for texts.
            return VirtualTokens(method, table.forward(words)[0])
        layers = _kept(model, words)
    if not layers or any(keys.shape != values.shape for keys, values in layers):
        raise HarnessError(f"{_refused(model, method)}: its layers keep no keys and values.")
    if len({keys.shape for keys, _ in layers}) > 1:
        raise HarnessError(f"{_refused(model, method)}: its layers' keys differ in shape.")
    heads = layers[0][0].shape[1]
    parts = torch.stack([torch.cat(pair) for pair in layers])  # (layers, 2, heads, tokens, width)
    weight = parts.permute(3, 0, 1, 2, 4).reshape(tokens, -1)
    return VirtualTokens(method, weight, heads=heads, layers=len(layers))


def prove(model: Any, made: VirtualTokens) -> None:
    """Raise HarnessError unless the logits depend on all of the virtual tokens, and on no padding.

    A cache is an argument that many models take and then leave aside: a training of it would change
    nothing but the head, and nobody would notice.
    """
    table, ids, mask = called_embedding(model), *sample(model)
    shapes: list[tuple[int, ...]] = []
    handle = table.register_forward_hook(lambda _, __, output: shapes.append(tuple(output.shape)))
    try:
        with evaluating(model, gradients=True):
            logits = model(input_ids=ids, attention_mask=mask).logits.float()
            looked_up = list(shapes)
            alone = model(input_ids=ids[:1, :3], attention_mask=mask[:1, :3]).logits.float()
            weights = torch.arange(1.0, logits.numel() + 1, device=ids.device).view_as(logits)
            (slope,) = torch.autograd.grad((logits * weights).sum(), made.weight, allow_unused=True)
    finally:
        handle.remove()
    if [shape[:2] for shape in looked_up] != [tuple(ids.shape)]:
        raise HarnessError(f"{_refused(model, made.method)}: it looks its words up in another way.")
    slopes = None if slope is None else slope.view(made.tokens, max(1, 2 * made.layers), -1)
    if slopes is None or not bool((slopes != 0).any(dim=-1).any(dim=0).all()):
        raise HarnessError(f"{_refused(model, made.method)}: its answers do not depend on them.")
    if not torch.allclose(logits[:1], alone, atol=1e-3, rtol=1e-3):
        raise HarnessError(
            f"{_refused(model, made.method)}: its answer to a text depends on the padding beside it."
        )


def sample(model: Any) -> tuple[Tensor, Tensor]:
    """Token ids of two texts, of three tokens and of six, padded, and their mask, shape (2, 6)."""
    table: Any = called_embedding(model)
    pad, end = model.config.pad_token_id or 0, getattr(model.config, "eos_token_id", None)
    marks = {pad, *(end if isinstance(end, list) else [end])}
    words = [number for number in range(int(table.num_embeddings)) if number not in marks][:13]
    ids = torch.tensor([words[n * 5 % len(words)] for n in range(12)]).view(2, 6)
    mask = torch.ones_like(ids)
    ids[0, 3:], mask[0, 3:] = pad, 0
    if model.config.is_encoder_decoder:  # whose heads look for the one mark of the end
        ids[0, 2] = ids[1, 5] = int(end or 0)
    return ids.to(table.weight.device), mask.to(table.weight.device)


def _kept(model: Any, words: Tensor) -> list[tuple[Tensor, Tensor]]:
    """Keys and values that each layer makes of words, shapes (1, heads, tokens, width of a head)."""
    from transformers import DynamicCache

    cache = DynamicCache()
    with evaluating(model):
        try:
            model.base_model(
                input_ids=words, attention_mask=torch.ones_like(words), past_key_values=cache
            )
        except (TypeError, ValueError, RuntimeError, AttributeError):
            return []
    layers = getattr(cache, "layers", ())
    return [(layer.keys, layer.values) for layer in layers if layer.keys is not None]


def _refused(model: Any, method: Method) -> str:
    return f"adapter.method '{method}' does not work with {type(model).__name__}"
