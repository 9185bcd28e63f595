"""Hypothesis strategies: texts that a reader would answer alike, and a check that asks in batches.

    @given(batches(typos("a good film", max_edits=2)))
    def test_typos(withstand_model, texts):
        keeps_label(withstand_model, texts, "positive")

They shrink to the fewest edits, then to the first words and the first rewrites; Hypothesis keeps what it
found, tries it first the next time, and prints it. A batch of texts is one example, so that the model is
asked once for all of them; of a batch that fails the one text that matters is left.
"""

from __future__ import annotations

import functools
import inspect
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from hypothesis.strategies import SearchStrategy

from attacks.constraints import Stopwords
from attacks.corruptions import CATALOGUE, chosen, corrupted
from attacks.corruptions.severity import SEVERITIES
from attacks.errors import AttackError
from attacks.models import Victim
from attacks.protocols import Transformation
from attacks.text import Text
from attacks.transformations import WordNetSynonyms
from attacks.transformations.characters import (
    DeleteLetter,
    InsertLetter,
    NeighbouringKey,
    SwapAdjacent,
)
from attacks.transformations.lookalikes import Homoglyph
from harness.prediction import rows_of

BATCH = 32
"""Most texts that are asked about at once."""

TYPOS: tuple[Transformation, ...] = (
    SwapAdjacent(every=True, keep_ends=True),
    DeleteLetter(every=True, keep_ends=True),
    NeighbouringKey(every=True, keep_ends=True),
    InsertLetter(letters="aeinrst", every=True, keep_ends=True),
)
"""The first and the last letter stay, by which people read on (Pruthi et al., ACL 2019)."""


class FooledError(AssertionError):
    """A text that should have kept its label has another one."""


def typos(text: str, max_edits: int = 2) -> SearchStrategy[str]:
    """The text with up to so many words mistyped: letters swapped, lost, put in, or a key missed."""
    return edited(text, TYPOS, max_edits)


def synonyms(text: str, max_edits: int = 2) -> SearchStrategy[str]:
    """The text with up to so many words exchanged for synonyms from WordNet, in their form."""
    return edited(text, (WordNetSynonyms(),), max_edits, spare_stop_words=True)


def homoglyphs(text: str, max_edits: int = 2) -> SearchStrategy[str]:
    """The text with a letter of up to so many words exchanged for one that looks like it (UTS 39)."""
    return edited(text, (Homoglyph(every=True),), max_edits)


def edited(
    text: str,
    transformations: Sequence[Transformation],
    max_edits: int = 2,
    *,
    spare_stop_words: bool = False,
) -> SearchStrategy[str]:
    """The text with up to `max_edits` words rewritten by any of the transformations.

    Raises AttackError for a number of edits below 0.
    """
    if max_edits < 0:
        raise AttackError(f"max_edits is {max_edits}; it must be 0 or more.")
    origin = Text.of(text)
    rewrites = _rewrites(origin, transformations, spare_stop_words)
    if not rewrites or not max_edits:
        return st.just(text)

    # The place beside its rewrite, so that the two are left out together.
    edit = st.sampled_from(sorted(rewrites)).flatmap(
        lambda place: st.tuples(st.just(place), st.sampled_from(rewrites[place]))
    )

    def made(edits: Sequence[tuple[int, str]]) -> str:
        candidate = origin.candidate
        for place, rewrite in edits:
            candidate = candidate.replace(place, rewrite)
        return candidate.strings[0]

    return st.lists(edit, unique_by=lambda drawn: drawn[0], max_size=max_edits).map(made)


def _rewrites(
    origin: Text, transformations: Sequence[Transformation], spare_stop_words: bool
) -> dict[int, list[str]]:
    """What may stand in the place of each word, by its index; words without a rewrite are left out."""
    spared, rng = Stopwords("nltk"), np.random.default_rng(0)
    found = {}
    for index in origin.editable:
        if spare_stop_words and not spared.allows(origin.candidate, index):
            continue
        proposed = [
            replacement
            for part in transformations
            for replacement in part.replacements(origin.candidate, index, rng)
        ]
        others = [word for word in dict.fromkeys(proposed) if word != origin.words[index].string]
        if others:
            found[index] = others
    return found


def corruptions(
    text: str, names: Sequence[str] = (), severities: Sequence[int] = SEVERITIES
) -> SearchStrategy[str]:
    """The text under natural noise: of any of the names, in any severity.

    Without names it is all that `docs/corruptions.md` lists.

    Raises AttackError for a corruption that does not exist.
    """
    known = [corruption.name for corruption in chosen(names)] or sorted(CATALOGUE)
    origin = Text.of(text)
    return st.builds(
        lambda name, severity, seed: corrupted(
            origin, name, severity, seed=seed, example_id=""
        ).strings[0],
        st.sampled_from(known),
        st.sampled_from(sorted(severities)),
        st.integers(0, 999),
    )


def paraphrase_templates(templates: Sequence[str], **slots: Sequence[str]) -> SearchStrategy[str]:
    """One of several ways to say the same, its slots filled: "The {thing} was {good}".

    Raises AttackError for a slot that a template has and that is not given, or has no fillings.
    """
    for template in templates:
        try:
            template.format(**{name: fillings[0] for name, fillings in slots.items()})
        except (KeyError, IndexError) as error:
            raise AttackError(
                f"{template!r}: the slot {error} has nothing to be filled with."
            ) from None
    filled = st.fixed_dictionaries({name: st.sampled_from(list(f)) for name, f in slots.items()})
    return st.builds(
        lambda template, words: template.format(**words), st.sampled_from(list(templates)), filled
    )


def composed(text: str, *makers: Callable[[str], SearchStrategy[str]]) -> SearchStrategy[str]:
    """One after the other: `composed(text, synonyms, typos)` mistypes what synonyms left."""
    # What they load is loaded now: in the middle of a draw Hypothesis counts its time, and takes a
    # library that draws a number at its import for a strategy that cannot be repeated.
    for maker in makers:
        maker(text)
    found = st.just(text)
    for maker in makers:
        found = found.flatmap(maker)
    return found


def batches(texts: SearchStrategy[str], size: int = BATCH) -> SearchStrategy[list[str]]:
    """Lists of different texts, up to so many, that a model is asked about at once."""
    # As many as are drawn first: lists that end by chance are short, and batches would be.
    numbers = st.integers(1, size)
    lists = numbers.flatmap(lambda count: st.lists(texts, min_size=count, max_size=count))
    return lists.map(lambda found: list(dict.fromkeys(found)))


def keeps_label(victim: Victim, texts: Sequence[str], label: str) -> None:
    """Ask a model about all texts at once. Raises FooledError where one has another label."""
    __tracebackhide__ = True
    if label not in victim.labels:
        raise AttackError(
            f"The model has no label {label!r}; its labels are {', '.join(victim.labels)}."
        )
    wanted = list(victim.labels).index(label)
    rows = np.stack(rows_of(victim, [(text,) for text in texts]))
    for text, row in zip(texts, rows, strict=True):
        if not np.isfinite(row).all():
            raise FooledError(f"The model has no finite answer to {text!r}.")
        if int(row.argmax()) != wanted:
            chances = np.exp(row - row.max())
            chance = float(chances.max() / chances.sum())
            raise FooledError(
                f"{text!r} is {victim.labels[int(row.argmax())]!r} ({chance:.0%}), not {label!r}.\n"
                f"To try it always: @example(texts=[{text!r}])"
            )


def robust(
    model: Victim | str,
    texts: SearchStrategy[str],
    label: str,
    *,
    max_examples: int = 20,
    batch: int = BATCH,
    **options: Any,
) -> Callable[[Callable[..., None]], Callable[..., None]]:
    """Make a test of a function: all texts of a strategy have the label; then it is called for the rest.

        @robust("withstand_model", typos("a good film"), "positive")
        def test_typos(): ...

    Args:
        model: a victim, or the name of the fixture that gives one.
        max_examples: batches that are drawn.
        options: further settings of Hypothesis.

    The function may take `texts` (a batch) and fixtures.
    """

    def decorate(function: Callable[..., None]) -> Callable[..., None]:
        takes = list(inspect.signature(function).parameters)
        fixtures = [name for name in takes if name != "texts"]
        if isinstance(model, str) and model not in fixtures:
            fixtures.append(model)

        @functools.wraps(function)
        def holds(**given_: Any) -> None:
            __tracebackhide__ = True
            victim = given_[model] if isinstance(model, str) else model
            keeps_label(victim, given_["texts"], label)
            function(**{name: given_[name] for name in takes})

        kind = inspect.Parameter.KEYWORD_ONLY
        names = [*fixtures, "texts"]
        # What pytest gives is read from here, and so is what Hypothesis does.
        holds.__signature__ = inspect.Signature(  # type: ignore[attr-defined]
            [inspect.Parameter(name, kind) for name in names]
        )
        drawn = given(texts=batches(texts, batch))(holds)
        return settings(max_examples=max_examples, deadline=None, **options)(drawn)

    return decorate


def check(
    victim: Victim,
    label: str,
    texts: SearchStrategy[str],
    *,
    max_examples: int = 20,
    batch: int = BATCH,
    **options: Any,
) -> None:
    """Whether all texts of a strategy have the label; the smallest that has not is the error's.

    Args:
        max_examples: batches that are drawn.
        options: further settings of Hypothesis (`derandomize`, `database`, ...).

    Raises FooledError.
    """

    @settings(
        max_examples=max_examples,
        deadline=None,
        suppress_health_check=[HealthCheck.too_slow],
        **options,
    )
    @given(batches(texts, batch))
    def holds(found: list[str]) -> None:
        keeps_label(victim, found, label)

    holds()


__all__ = [
    "FooledError",
    "batches",
    "check",
    "composed",
    "corruptions",
    "edited",
    "homoglyphs",
    "keeps_label",
    "paraphrase_templates",
    "robust",
    "synonyms",
    "typos",
]
