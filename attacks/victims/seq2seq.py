"""Transformers models that write: an encoder reads a text, a decoder writes one."""

from __future__ import annotations

import copy
import hashlib
import json
import re
from collections.abc import Sequence
from functools import cached_property
from typing import Any

import torch

from attacks.errors import AttackError
from attacks.questions import Inputs, Phrasings, Rephrase, Written, check_prompt
from attacks.victims.transformer import Encoding, TransformersModel

NEW_TOKENS = 128
"""Tokens that are written at the most, where nothing else is said."""

CANDIDATES = 5
"""Texts that a model gives for another, where nothing else is said."""


class Seq2Seq(TransformersModel):
    """An encoder-decoder (T5, BART, Marian, ...) that writes what is most likely: nothing is drawn.

    What is written does not depend on the batch: inputs are padded to a length that depends on the text
    alone, and rows fill whole blocks (see `attacks.victims.transformer.ROWS`), so that on a CPU every
    step has the same bits in every batch. On a GPU the last bits may differ with the batch, and two
    tokens whose logits are that near may change places.

    Args:
        model: an `AutoModelForSeq2SeqLM`, loaded. Settings of its generation configuration that draw or
            rank beams are overridden; others (forced and suppressed tokens, least length) are kept.
        tokenizer: its tokenizer.
        fingerprint: SHA-256 of the weights; must change whenever they do.
        max_length: texts are cut to so many tokens.
        new_tokens: tokens that are written at the most.
        beams: width of the beam search, and texts in an answer; greedy at 1.
        prefix: goes before every text ("translate English to German: " for T5); attacks do not see it.

    Raises AttackError where nothing would be written.
    """

    def __init__(
        self,
        model: Any,
        tokenizer: Any,
        *,
        fingerprint: str,
        max_length: int = 128,
        new_tokens: int = NEW_TOKENS,
        beams: int = 1,
        prefix: str = "",
        device: str | torch.device | None = None,
    ) -> None:
        if min(new_tokens, beams) < 1:
            raise AttackError(
                f"A text has at least 1 token and 1 beam; {new_tokens} and {beams} were asked for."
            )
        super().__init__(
            model, tokenizer, fingerprint=fingerprint, max_length=max_length, device=device
        )
        self._settings = settings(model.generation_config, new_tokens, beams)
        self._beams = beams
        self._prefix = prefix

    @cached_property
    def fingerprint(self) -> str:
        """SHA-256 of the weights, the length at which texts are cut, and what decides the writing."""
        told = [plain(self._settings), plain(self._model.generation_config), self._prefix]
        digest = hashlib.sha256(json.dumps(told, sort_keys=True, default=str).encode())
        return f"{super().fingerprint}:{digest.hexdigest()}"

    def encode(self, inputs: Sequence[Inputs]) -> list[Encoding]:
        """Token ids of prefix and text, cut to the maximal length."""
        return [Encoding(item.ids, None) for item in super().encode(self._prefixed(inputs))]

    def reach(self, strings: Inputs) -> tuple[int, ...]:
        """See `attacks.models.Truncating`."""
        first, *others = super().reach(self._prefixed([strings])[0])
        return max(0, first - len(self._prefix)), *others

    def write(self, batch: Sequence[Encoding], *, ended: bool = False) -> list[tuple[str, ...]]:
        """For each encoding as many texts as there are beams, most likely first.

        With `ended` alone those that came to an end by themselves, before there were too many tokens.
        """
        with self.evaluating():
            ids = self._model.generate(**self.inputs(batch), generation_config=self._settings).cpu()
        texts = self._tokenizer.batch_decode(
            ids, skip_special_tokens=True, clean_up_tokenization_spaces=False
        )
        last = {self._settings.pad_token_id, *_as_list(self._settings.eos_token_id)}
        whole = [not ended or number in last for number in ids[:, -1].tolist()]
        return [
            tuple(texts[n].strip() for n in range(start, start + self._beams) if whole[n])
            for start in range(0, len(batch) * self._beams, self._beams)
        ]

    def _prefixed(self, inputs: Sequence[Inputs]) -> list[Inputs]:
        return [(self._prefix + first, *others) for first, *others in inputs]


class HuggingFaceWriter(Seq2Seq):
    """A victim that writes one text, greedily."""

    writes = "text"

    def run(self, batch: Sequence[Encoding]) -> list[Written]:
        """What it writes, in order."""
        return [Written(texts[0]) for texts in self.write(batch)]


class HuggingFaceRephraser(Seq2Seq):
    """Answers a `Rephrase` with up to `beams` texts.

    A text that is longer than the model reads is not rephrased, and what did not come to an end is left
    out: it would say less than the text.

    Args:
        prompt: what the model is shown; {text} stands for the text, {control} for how it is to be
            worded.

    Raises AttackError where the prompt has no place for the text.
    """

    def __init__(
        self,
        model: Any,
        tokenizer: Any,
        *,
        prompt: str = "{text}",
        beams: int = CANDIDATES,
        **rest: Any,
    ) -> None:
        super().__init__(model, tokenizer, beams=beams, **rest)
        check_prompt(prompt, worded=False)
        self._prompt = prompt

    @property
    def fingerprint(self) -> str:
        """As of `Seq2Seq`, with the prompt."""
        return f"{super().fingerprint}:{self._prompt}"

    def encode(self, inputs: Sequence[Rephrase]) -> list[Encoding]:  # type: ignore[override]
        """Token ids of the prompts.

        Raises AttackError where a wording is asked for and the prompt has no place for it.
        """
        check_prompt(self._prompt, worded=any(item.control for item in inputs))
        return super().encode([(self._filled(item),) for item in inputs])

    def run(self, batch: Sequence[Encoding]) -> list[Phrasings]:
        """The texts, in order, each once."""
        found = self.write(batch, ended=True)
        return [
            Phrasings(tuple(filter(None, dict.fromkeys(texts))))
            if len(item) < self._max_length
            else Phrasings(())
            for item, texts in zip(batch, found, strict=True)
        ]

    def _filled(self, item: Rephrase) -> str:
        # At once: a text may hold braces of its own.
        values = {"{text}": item.text, "{control}": item.control}
        return re.sub(r"\{(?:text|control)\}", lambda match: values[match[0]], self._prompt)


def settings(model_s: Any, new_tokens: int, beams: int) -> Any:
    """A model's generation configuration, less all that draws, with a beam search of this width."""
    made = copy.deepcopy(model_s)
    made.update(
        do_sample=False,
        temperature=None,
        top_k=None,
        top_p=None,
        typical_p=None,
        num_beams=beams,
        num_return_sequences=beams,
        early_stopping=False,
        length_penalty=1.0,
        max_length=None,
        max_new_tokens=new_tokens,
        use_cache=True,
        return_dict_in_generate=False,
        output_scores=False,
    )
    return made


def _as_list(value: Any) -> list[Any]:
    return list(value) if isinstance(value, list | tuple) else [value]


def plain(configuration: Any) -> dict[str, Any]:
    """A generation configuration as values, without the version of the library that wrote it."""
    values: dict[str, Any] = dict(configuration.to_diff_dict())
    values.pop("transformers_version", None)
    return values
