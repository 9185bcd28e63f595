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
from typing import TYPE_CHECKING, Any, Self

from pydantic import (
    BaseModel,
    Field,
    SerializerFunctionWrapHandler,
    ValidationError,
    model_serializer,
    model_validator,
)

from harness.audit_plan import CHECKS as CHECKS
from harness.audit_plan import Audit as Audit
from harness.audit_plan import Behaviour as Behaviour
from harness.audit_plan import LabelledSet as LabelledSet
from harness.audit_plan import Slice as Slice
from harness.gates import Gate as Gate
from harness.gates import Waiver as Waiver
from harness.plan_messages import line_of, meanings, told
from harness.report_plan import Report as Report
from harness.training_plan import Section, Train
from harness.tuning_plan import Tune
from reports.errors import ReportError

if TYPE_CHECKING:
    from attacks.resources.own import Own


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
            raise ValueError(
                f"shares must be three numbers from 0 that add up to 1, and not {list(self.shares)}"
            )
        return self


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


class Plan(Section):
    """A whole plan file.

    Attributes:
        name: letters, digits, dots, hyphens and underscores; run folders are called after it.
        seed: every random choice derives from it.
        model: the model that is trained or audited.
        data: where the texts come from.
        train, harden: a plain training, and one that attacks; a plan without both audits `model.base`.
        tune: a search for the settings of a training.
        audit: what is measured.
        resources: resources of one's own in the place of those built in.
        gates: what must hold.
        waivers: gates that may be missed for a while.
        report: what the report says beside what was measured.
    """

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
    waivers: tuple[Waiver, ...] = ()
    report: Report | None = None

    @model_serializer(mode="wrap")
    def _without_an_empty_report(self, dump: SerializerFunctionWrapHandler) -> dict[str, Any]:
        # A plan that says nothing there keeps the digest that it was frozen with before there was one.
        found: dict[str, Any] = dump(self)
        if found.get("report") is None:
            found.pop("report", None)
        return found

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


PYPROJECT = "pyproject.toml"
"""A project's own file: of it the table below is the plan, and the rest is not looked at."""
TABLE = ("tool", "withstand")


def read_plan(path: Path) -> Plan:
    """Read and check a plan file, or the table `[tool.withstand]` of a pyproject.toml.

    Raises PlanError with the key, what is allowed and the nearest valid name.
    """
    raw = _read_toml(path)
    if path.name != PYPROJECT:
        return parse_plan(raw, str(path))
    found = _table(raw)
    if found is None:
        raise PlanError(
            f"{path} has no table [{'.'.join(TABLE)}], so it holds no plan. Write one there (name; "
            "[tool.withstand.model] with base; [tool.withstand.data] with source; "
            "[tool.withstand.audit]; [[tool.withstand.gates]]), or name another plan file."
        )
    return parse_plan(found, str(path), prefix=".".join(TABLE) + ".")


def holds_plan(path: Path) -> bool:
    """Whether a TOML file is meant as a plan: a pyproject.toml only where it has the plan's table."""
    if path.name != PYPROJECT:
        return True
    try:
        return _table(_read_toml(path)) is not None
    except PlanError:
        return False


def _table(raw: dict[str, Any]) -> Any:
    found: Any = raw
    for key in TABLE:
        found = found.get(key) if isinstance(found, dict) else None
    return found


def _read_toml(path: Path) -> dict[str, Any]:
    try:
        return tomllib.loads(path.read_text(encoding="utf-8"))
    except FileNotFoundError:
        raise PlanError(
            f"There is no plan file at {path}. Name another, or write a first one: withstand init."
        ) from None
    except IsADirectoryError:
        raise PlanError(
            f"{path} is a folder; a plan is a TOML file. Name the file in it."
        ) from None
    except UnicodeDecodeError as error:
        line = error.object[: error.start].count(b"\n") + 1
        raise PlanError(
            f"{path} is not UTF-8 text (line {line}); a plan is a TOML file. Save it as UTF-8."
        ) from None
    except tomllib.TOMLDecodeError as error:
        raise PlanError(f"{path} is not valid TOML: {error}.{line_of(path, error)}") from None


def parse_plan(raw: Any, where: str, prefix: str = "") -> Plan:
    """Check an already parsed plan; `where` names it in messages, `prefix` stands before its keys."""
    try:
        # TOML has arrays, the plan has tuples: JSON mode takes the one for the other, still strictly.
        return Plan.model_validate_json(json.dumps(raw, default=str))
    except ValidationError as error:
        lines = [_explain(raw, dict(problem), prefix) for problem in error.errors()]
        raise PlanError(f"{where} is not a valid plan:\n  " + "\n  ".join(lines)) from None


def _explain(raw: Any, problem: dict[str, Any], prefix: str) -> str:
    location = _written(raw, problem["loc"])
    key = prefix + ".".join(location) if location else "the plan"
    if problem["type"] == "extra_forbidden":
        known = _known_keys(location[:-1])
        near = difflib.get_close_matches(location[-1], known, n=1)
        hint = f" Did you mean '{near[0]}'?" if near else _elsewhere(location[-1])
        return f"{key}: there is no such key.{hint} Known here: {', '.join(known)}."
    meant = _meaning(location)
    if problem["type"] == "missing" and isinstance(problem["loc"][-1], int):
        return f"{key.rpartition('.')[0]}: a value is missing (given: {problem['input']!r}).{meant}"
    if problem["type"] == "missing":
        return f"{key}: this key is required and missing.{meant}"
    given = "" if isinstance(problem["input"], dict | list) else f" (given: {problem['input']!r})"
    # A section's own complaint says all; what the section is would only be beside the point.
    return f"{key}: {told(problem)}{given}.{'' if problem['type'] == 'value_error' else meant}"


def _meaning(location: list[str]) -> str:
    """What the key is, as its section says it, as a sentence behind a message."""
    names = [part for part in location if not part.isdigit()]
    section = _section(names[:-1])
    said = dict(meanings(section)).get(names[-1]) if section and names else None
    return f" What it is: {said.rstrip('.')}." if said else ""


def _elsewhere(key: str) -> str:
    """Which section has a key that stands where it is not known."""
    found = [name for name in Plan.model_fields if key in _known_keys([name])]
    return f" '{key}' is a key of [{found[0]}]." if found else ""


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
    section = _section(location)
    return sorted(section.model_fields) if section else []


def _section(location: Iterable[str]) -> type[BaseModel] | None:
    """The model of the section at `location`; None where that is no section."""
    section: type[BaseModel] = Plan
    for part in location:
        # A number is a place in a list, and a name that is no key one of a user's own (tune.space).
        if part.isdigit() or part not in section.model_fields:
            continue
        annotation = section.model_fields[part].annotation
        options = [annotation, *getattr(annotation, "__args__", ())]
        models = [o for o in options if isinstance(o, type) and issubclass(o, BaseModel)]
        if not models:
            return None
        section = models[0]
    return section
