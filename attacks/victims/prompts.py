"""How a causal language model's prompts and targets become tokens, and tokens text again."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache
from typing import Any

from attacks.questions import Inputs
from attacks.victims.transformer import readable

JOINT = "\n"
"""What stands between the fields of a prompt."""

Ids = tuple[int, ...]

REMEMBERED = 2048
"""Token sequences whose text is remembered; a few hundred targets and stems are in flight at most."""


@dataclass(frozen=True, slots=True)
class Suffix:
    """The tokens of a prompt that may be swapped: those behind what it was made from.

    Attributes:
        field: number of the field that has the suffix.
        kept: the beginning of that field, up to the first of the tokens.
        before, ids, after: token ids of the whole prompt, in three parts.
    """

    field: int
    kept: str
    before: Ids
    ids: Ids
    after: Ids


class Prompts:
    """Prompts as a user sends them.

    The whole text is tokenized, so that tokens may merge where a suffix begins: what is scored is what
    the model reads when somebody types the text.

    Args:
        tokenizer: of a causal language model.
        chat: whether a prompt is a user's message in the tokenizer's chat template, and the answer the
            assistant's; else it is the beginning of a text.
    """

    def __init__(self, tokenizer: Any, chat: bool) -> None:
        self.tokenizer = tokenizer
        self._chat = chat
        self._special = frozenset(tokenizer.all_special_ids)
        self.one = lru_cache(maxsize=REMEMBERED)(lambda strings: self.ids([strings])[0])
        self.target = lru_cache(maxsize=REMEMBERED)(self._target)
        self.decoded = lru_cache(maxsize=REMEMBERED)(self._decoded)

    def ids(self, prompts: Sequence[Inputs]) -> list[Ids]:
        """Token ids of each prompt, with what the tokenizer or the template puts around it."""
        texts = [self._rendered(JOINT.join(map(readable, strings))) for strings in prompts]
        rows = self.tokenizer(texts, add_special_tokens=not self._chat)["input_ids"]
        return [tuple(row) for row in rows]

    def _rendered(self, text: str) -> str:
        if not self._chat:
            return text
        rendered: str = self.tokenizer.apply_chat_template(
            [{"role": "user", "content": text}], tokenize=False, add_generation_prompt=True
        )
        return rendered

    def _target(self, text: str) -> Ids:
        """Token ids of what is to be written.

        Raises ValueError where the tokenizer does not give the text back: nobody could tell whether the
        model had written it.
        """
        ids = tuple(self.tokenizer(readable(text), add_special_tokens=False)["input_ids"])
        if not ids or self.decoded(ids) != text:
            raise ValueError(
                f"The tokenizer makes {self.decoded(ids)!r} of the reference {text!r}, so the model "
                "cannot write it. Give a reference that the tokenizer leaves as it is."
            )
        return ids

    def _decoded(self, ids: Ids) -> str:
        """The text of tokens that stand by themselves."""
        text: str = self.tokenizer.decode(
            list(ids), skip_special_tokens=False, clean_up_tokenization_spaces=False
        )
        return text

    def behind(self, before: Ids, ids: Ids) -> str:
        """The text of tokens that stand behind others.

        Some decoders leave out the first space of all, so that a token's text depends on whether
        another stands before it.
        """
        if not before or before[-1] in self._special:
            return self._decoded(ids)
        return self._decoded((before[-1], *ids))[len(self.decoded(before[-1:])) :]

    def suffix(self, strings: Inputs, stem: Inputs) -> Suffix:
        """The tokens of `strings` that write nothing but what it has more than `stem`.

        A token that a border runs through belongs to the stem, or to the template behind the suffix.
        Raises ValueError where the strings are no stem with something behind it, or no token is left.
        """
        pairs = enumerate(zip(strings, stem, strict=True))
        field = next((number for number, (new, old) in pairs if new != old), 0)
        appended = strings[field][len(stem[field]) :]
        if not appended or (*stem[:field], stem[field] + appended, *stem[field + 1 :]) != strings:
            raise ValueError(
                "A suffix stands behind one field of a prompt that is otherwise the same."
            )
        whole, start = self.one(strings), self.one(stem)
        head = shared(whole, start)
        tail = min(shared(whole[::-1], start[::-1]), len(start) - head)
        end = len(whole) - tail
        # A token may stand for characters on both sides of the border, so it is not found by counting
        # the stem's: the first place is taken from which all is the suffix's own.
        for place in range(max(0, end - 4 * len(appended)), end):
            written = self.behind(whole[:place], whole[place:end])
            if written and appended.endswith(written):
                kept = strings[field][: len(strings[field]) - len(written)]
                return Suffix(field, kept, whole[:place], whole[place:end], whole[end:])
        raise ValueError(
            f"No token of the prompt stands for a part of its suffix {appended!r} alone. Begin with "
            "another suffix."
        )

    def spelt(self, strings: Inputs, suffix: Suffix, rows: Sequence[Ids]) -> list[Inputs | None]:
        """The prompts with other tokens in the place of their suffix; None where no text has them."""
        texts = [
            (
                *strings[: suffix.field],
                suffix.kept + self.behind(suffix.before, row),
                *strings[suffix.field + 1 :],
            )
            for row in rows
        ]
        found = self.ids(texts) if texts else []
        return [
            text if ids == (*suffix.before, *row, *suffix.after) else None
            for text, row, ids in zip(texts, rows, found, strict=True)
        ]


def shared(one: Ids, other: Ids) -> int:
    """How many tokens two sequences have in common at their beginnings."""
    pairs = zip(one, other, strict=False)
    return next((n for n, (a, b) in enumerate(pairs) if a != b), min(len(one), len(other)))
