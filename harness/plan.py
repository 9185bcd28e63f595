"""The plan: what a user writes down, checked before anything is loaded.

A plan is TOML. Every section is one frozen model below; an unknown key, a wrong type or a value out of
range is a `PlanError` that names the key, what is allowed and the nearest valid name.
"""

from __future__ import annotations

import difflib
import hashlib
import json
import tomllib
from collections.abc import Iterable
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Literal, Self

from pydantic import (
    BaseModel,
    Field,
    ValidationError,
    model_validator,
)

from harness.auxiliaries import ENCODER, LANGUAGE_MODEL, Auxiliaries
from harness.training_plan import Section, Train
from harness.tuning_plan import Tune
from reports.errors import ReportError

if TYPE_CHECKING:
    from attacks.resources.own import Own


CHECKS = ("repeatable", "signal", "reach", "twin", "blind", "trigger", "recased", "leak")
"""The checks that an audit makes where its plan names none: those of `suites.validity`."""


class PlanError(ReportError):
    """The plan is not valid. Exit code 2."""


class Model(Section):
    """The model that is fine-tuned or, in a plan that trains none, audited.

    Attributes:
        base: a bundle (`bundle:minilm-l6`), a local folder or a Hugging Face id.
        labels: label names in the order of their numbers; taken from the data where empty.
        max_length: longest input in tokens; longer texts are cut, and counted.
    """

    base: str
    labels: tuple[str, ...] = ()
    max_length: int = Field(default=128, ge=8, le=8192)
    trust_remote_code: bool = False


class Data(Section):
    """Where the texts come from and how they are split.

    Attributes:
        source: a bundle, a file (CSV, JSONL, Parquet), a folder or a Hugging Face id.
        validation, test: files or `source:split` names of splits that exist already. One that is not
            given is made of `source`, by `group` (or at random without one) and balanced by label.
        text: columns shown to the model, in order.
        label: column with the label; `group`: column whose values never stand in two splits.
        shares: train, validation and test shares of a split made here.
        train_limit, validation_limit, test_limit: at most so many rows, drawn by seed.
        near_duplicate: Jaccard similarity of word 3-shingles from which two texts of different splits
            count as near duplicates (Lee et al. 2022 use 0.8); the training one is removed. Texts of
            under 30 words are compared by 2-shingles.
    """

    source: str
    validation: str | None = None
    test: str | None = None
    text: tuple[str, ...] = ("text",)
    label: str = "label"
    group: str | None = None
    shares: tuple[float, float, float] = (0.8, 0.1, 0.1)
    train_limit: int | None = Field(default=None, ge=1)
    validation_limit: int | None = Field(default=None, ge=1)
    test_limit: int | None = Field(default=None, ge=1)
    near_duplicate: float = Field(default=0.8, gt=0.0, le=1.0)

    @model_validator(mode="after")
    def _shares_are_shares(self) -> Self:
        if min(self.shares) < 0 or abs(sum(self.shares) - 1) > 1e-6:
            raise ValueError("shares must be three numbers from 0 that add up to 1")
        return self


class Behaviour(Section):
    """Behavioural tests (CheckList, Ribeiro et al. 2020), which bring their own texts.

    Attributes:
        suite: "sentiment", for models that tell praise from blame in English.
        positive, negative: the labels of the data that say so.
        fillers: texts of each template.
    """

    suite: Literal["sentiment"] = "sentiment"
    positive: str
    negative: str
    fillers: int = Field(default=20, ge=2, le=1000)


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


class Resources(Section):
    """Resources of one's own in the place of those that are built in, for all attacks of the plan.

    Attributes:
        vectors: a file of word vectors (see `attacks.resources.vectors`).
        tagger: a spaCy model for parts of speech, installed or a folder.
    """

    vectors: str | None = None
    tagger: str | None = None

    def resolve(self) -> Own:
        """Read them. Raises PlanError for one that cannot be used."""
        from attacks.errors import AttackError
        from attacks.resources.own import resolved

        try:
            return resolved(self.model_dump(exclude_none=True))
        except AttackError as error:
            raise PlanError(f"resources: {error}") from None


class Gate(Section):
    """A bound that the audit must meet.

    Attributes:
        metric: dotted name of an estimate, e.g. `clean_accuracy`, `robust_accuracy.pwws`,
            `gain.textfooler.calibrated`; `withstand ls checks` lists them.
        at_least, at_most: exactly one of the two.
        evidence: "interval" (the nearer end of the 95% interval must meet the bound; where it does not
            but the farther end does, the gate is inconclusive) or "point".
        on_missing: what a missing value means.
        why: the reason for the bound; shown in the report.
    """

    metric: str
    at_least: float | None = None
    at_most: float | None = None
    evidence: Literal["interval", "point"] = "interval"
    on_missing: Literal["inconclusive", "fail"] = "inconclusive"
    why: str

    @model_validator(mode="after")
    def _one_bound(self) -> Self:
        if (self.at_least is None) == (self.at_most is None):
            raise ValueError("give exactly one of at_least and at_most")
        return self


class Plan(Section):
    """A whole plan file."""

    name: str = Field(pattern=r"^[A-Za-z0-9][A-Za-z0-9._-]*$")
    seed: int = Field(default=0, ge=0, lt=2**32)
    model: Model
    data: Data
    train: Train | None = None
    harden: Train | None = None
    tune: Tune | None = None
    audit: Audit = Audit()
    resources: Resources = Resources()
    gates: tuple[Gate, ...] = ()

    @property
    def digest(self) -> str:
        """SHA-256 of the resolved plan: every default written out, keys sorted."""
        return hashlib.sha256(self.canonical().encode()).hexdigest()

    def to_toml(self) -> str:
        """The resolved plan as TOML, every default written out (keys without a value are left out)."""
        import tomli_w

        return tomli_w.dumps(self.model_dump(mode="json", exclude_none=True))

    def canonical(self) -> str:
        """The resolved plan as JSON with sorted keys."""
        return json.dumps(self.model_dump(mode="json"), sort_keys=True, indent=1)


def read_plan(path: Path) -> Plan:
    """Read and check a plan file.

    Raises PlanError with the key, what is allowed and the nearest valid name.
    """
    try:
        raw = tomllib.loads(path.read_text(encoding="utf-8"))
    except FileNotFoundError:
        raise PlanError(f"There is no plan file at {path}.") from None
    except IsADirectoryError:
        raise PlanError(f"{path} is a folder; a plan is a TOML file.") from None
    except UnicodeDecodeError:
        raise PlanError(f"{path} is not UTF-8 text; a plan is a TOML file.") from None
    except tomllib.TOMLDecodeError as error:
        raise PlanError(f"{path} is not valid TOML: {error}.") from None
    return parse_plan(raw, str(path))


def parse_plan(raw: dict[str, Any], where: str) -> Plan:
    """Check an already parsed plan; `where` names it in messages."""
    try:
        # TOML has arrays, the plan has tuples: JSON mode takes the one for the other, still strictly.
        return Plan.model_validate_json(json.dumps(raw, default=str))
    except ValidationError as error:
        lines = [_explain(raw, dict(problem)) for problem in error.errors()]
        raise PlanError(f"{where} is not a valid plan:\n  " + "\n  ".join(lines)) from None


def _explain(raw: dict[str, Any], problem: dict[str, Any]) -> str:
    location = _written(raw, problem["loc"])
    key = ".".join(location) or "the plan"
    if problem["type"] == "extra_forbidden":
        known = _known_keys(location[:-1])
        near = difflib.get_close_matches(location[-1], known, n=1)
        hint = f" Did you mean '{near[0]}'?" if near else ""
        return f"{key}: there is no such key.{hint} Known here: {', '.join(known)}."
    if problem["type"] == "missing":
        return f"{key}: this key is required and missing."
    given = "" if isinstance(problem["input"], dict | list) else f" (given: {problem['input']!r})"
    return f"{key}: {problem['msg'].removeprefix('Value error, ')}{given}."


def _written(raw: Any, location: Iterable[str | int]) -> list[str]:
    """The keys as the plan has them: without the number of a table that stands for a list of one."""
    parts = []
    for part in location:
        if isinstance(part, int) and not isinstance(raw, list):
            continue
        parts.append(str(part))
        known = isinstance(raw, dict) or (isinstance(raw, list) and isinstance(part, int))
        try:
            raw = raw[part] if known else None
        except (KeyError, IndexError):
            raw = None
    return parts


def _known_keys(location: list[str]) -> list[str]:
    """The keys that the section at `location` has."""
    section: Any = Plan
    for part in location:
        if part.isdigit():
            continue
        annotation = section.model_fields[part].annotation
        options = [annotation, *getattr(annotation, "__args__", ())]
        models = [o for o in options if isinstance(o, type) and issubclass(o, BaseModel)]
        if not models:
            return []
        section = models[0]
    return sorted(section.model_fields)
