"""The section of a plan that an audit reads: `[audit]`, with its slices and further texts."""

from __future__ import annotations

import re
from typing import Annotated, Any, Literal, Self

from pydantic import Field, model_validator

from harness.auxiliaries import ENCODER, LANGUAGE_MODEL, Auxiliaries
from harness.training_plan import Section

CHECKS = (
    *("repeatable", "signal", "reach", "twin", "blind", "gradient"),
    *("trigger", "recased", "leak", "budget"),
)
"""The checks that an audit makes where its plan names none: those of `suites.validity`."""


class Behaviour(Section):
    """Behavioural tests (CheckList, Ribeiro et al. 2020), which bring their own texts.

    Attributes:
        suite: "sentiment", for models that tell praise from blame in English, or one that an installed
            package adds (`docs/behaviour.md`).
        positive, negative: the labels of the data that say so; for "sentiment".
        fillers: texts of each template.
    """

    suite: str = "sentiment"
    positive: str | None = None
    negative: str | None = None
    fillers: int = Field(default=20, ge=2, le=1000)

    @model_validator(mode="after")
    def _sentiment_has_labels(self) -> Self:
        if self.suite == "sentiment" and (self.positive is None or self.negative is None):
            raise ValueError("the suite sentiment needs positive and negative: labels of the data")
        return self


class Slice(Section):
    """Test texts that are counted by themselves too: those that all of its keys hold for.

    Attributes:
        name: what gates and reports call it.
        labels: texts with one of these labels.
        min_words, max_words: texts of so many words, by white space, over all fields.
        matches: texts in which a regular expression of Python's is found, whatever the case.
        column, values: texts whose column of the data holds one of the values.
    """

    name: str = Field(pattern=r"^[A-Za-z0-9][A-Za-z0-9_-]*$")
    labels: tuple[str, ...] = ()
    min_words: int | None = Field(default=None, ge=0)
    max_words: int | None = Field(default=None, ge=0)
    matches: str | None = None
    column: str | None = None
    values: tuple[str, ...] = ()

    @model_validator(mode="after")
    def _says_which(self) -> Self:
        if (self.column is None) != (not self.values):
            raise ValueError("column and values go together: give both, or neither")
        if self.model_dump(exclude={"name"}, exclude_defaults=True) == {}:
            raise ValueError(
                "a slice needs one of labels, min_words, max_words, matches, or column with values"
            )
        if self.max_words is not None and (self.min_words or 0) > self.max_words:
            raise ValueError(
                f"min_words is {self.min_words} and max_words {self.max_words}: no text has so many"
            )
        if self.matches is not None:
            try:
                re.compile(self.matches)
            except re.error as error:
                raise ValueError(f"matches is no regular expression: {error}") from None
        return self

    @property
    def says(self) -> str:
        """Which texts it holds, in words."""
        parts = []
        if self.labels:
            parts.append(f"label {' or '.join(self.labels)}")
        if self.column is not None:
            parts.append(f"{self.column} {' or '.join(self.values)}")
        if self.min_words is not None:
            parts.append(f"at least {self.min_words} words")
        if self.max_words is not None:
            parts.append(f"at most {self.max_words} words")
        if self.matches is not None:
            parts.append(f"matches {self.matches}")
        return ", ".join(parts)


class LabelledSet(Section):
    """Further labelled texts that the model is asked about. No training reads them; one that stands in
    the training texts as well makes a pass inconclusive.

    Attributes:
        name: what gates and reports call it.
        source: where the texts come from, as data.source.
        kind: "shifted" for texts of another domain or time; "contrast" for small edits of texts that
            change what is right, in sets that count as right only as a whole (Gardner et al. 2020).
        text, label: its columns; those of the data where left out.
        group: column whose values name families of texts; of a contrast set, the texts of one set.
        limit: at most so many rows, drawn by seed; of a contrast set, so many groups.
    """

    name: str = Field(pattern=r"^[A-Za-z0-9][A-Za-z0-9_-]*$")
    source: str
    kind: Literal["shifted", "contrast"] = "shifted"
    text: tuple[str, ...] = ()
    label: str | None = None
    group: str | None = None
    limit: int | None = Field(default=None, ge=1)

    @model_validator(mode="after")
    def _can_be_named(self) -> Self:
        if self.name in ("train", "validation", "test", "calibrated"):
            raise ValueError(f"'{self.name}' is a name of the data's own; choose another")
        if self.kind == "contrast" and self.group is None:
            raise ValueError(
                "a contrast set needs group: the column that tells which texts belong together"
            )
        return self


class Audit(Section):
    """What the model must withstand, and on how many examples it is asked.

    Attributes:
        attacks: recipes, each run on the same `examples` rows of the test split.
        train_examples: rows of the training split attacked for the robust train/test gap (0: none).
        train_attacks: the recipes run on those; all of `attacks` where empty.
        calibrated: attack the temperature-calibrated victim as well.
        settings: parameters of attacks where they are not the defaults, by attack; for the audit alone.
        similarity, masked_lm: sentence encoder and masked language model, for recipes that need one.
        paraphraser, translator, back_translator: encoder-decoders, for recipes that need one; none
            comes with Withstand.
        paraphrase_prompt: what the paraphraser is shown; {text} and {control} are put in.
        corruptions: natural noise (`docs/corruptions.md`) under which the attacked examples are asked
            about again, in each of the `severities`.
        behaviour: behavioural tests.
        repeats: answers to each text whose mean probabilities count, for a model that answers by chance.
        shadows: models that are trained anew on random halves of the texts, as the audited one was, for
            membership inference by likelihood ratios (0: none; each costs a training).
        looks: times at which the gates on attacks are judged while they run, in equal parts: they end
            where all are met or one is missed. Several looks share what a gate may err.
        surrogates: other models with the same labels: what breaks one of them is shown to this one.
        slices: test texts that are counted by themselves too.
        sets: further labelled texts: of another domain, or contrast sets.
        checks: checks of the evidence itself (`docs/checks.md`); all that come with Withstand.
    """

    attacks: tuple[str, ...] = ("deepwordbug", "pwws", "textfooler")
    settings: dict[str, dict[str, Any]] = Field(default_factory=dict)
    examples: int = Field(default=200, ge=1)
    train_examples: int = Field(default=0, ge=0)
    train_attacks: tuple[str, ...] = ()
    calibrated: bool = True
    query_budget: int | None = Field(default=None, ge=1)
    similarity: str = ENCODER
    masked_lm: str = LANGUAGE_MODEL
    paraphraser: str | None = None
    paraphrase_prompt: str = "{text}"
    translator: str | None = None
    back_translator: str | None = None
    corruptions: tuple[str, ...] = ()
    severities: tuple[Annotated[int, Field(ge=1, le=5)], ...] = (1, 3, 5)
    behaviour: Behaviour | None = None
    repeats: int = Field(default=1, ge=1, le=1000)
    shadows: int = Field(default=0, ge=0, le=256)
    looks: int = Field(default=1, ge=1, le=20)
    surrogates: tuple[str, ...] = ()
    slices: tuple[Slice, ...] = ()
    sets: tuple[LabelledSet, ...] = ()
    checks: tuple[str, ...] = CHECKS

    @property
    def auxiliaries(self) -> Auxiliaries:
        """The models that recipes need beside the victim, in training as in the audit."""
        return Auxiliaries(
            self.similarity,
            self.masked_lm,
            self.paraphraser,
            self.paraphrase_prompt,
            self.translator,
            self.back_translator,
        )
