"""A JSON Schema of plans, made of the models in `harness.plan`, so that editors can check and complete.

What each key means is read from the "Attributes:" of its section, so that it is written in one place.
`schema/plan-v1.json` is a copy of it for tools that do not run Withstand.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from pydantic import BaseModel

from harness.plan import Plan
from harness.plan_messages import head, meanings
from harness.training_plan import Section

DIALECT = "https://json-schema.org/draft/2020-12/schema"
ID = "urn:withstand:plan:1"


def plan_schema() -> dict[str, Any]:
    """The schema of a plan file (and of `[tool.withstand]`): JSON Schema, draft 2020-12.

    It holds types, ranges and names of keys. What takes more than one key to see (an attack that no
    attack of that name is, shares that do not add up) is found by `withstand plan check` alone.
    """
    found = Plan.model_json_schema()
    parts = found["$defs"]
    for model in _sections(Section):
        part = found if model is Plan else parts.get(model.__name__)
        if part is None:
            continue
        known = dict(meanings(model))
        part["description"] = head(model)
        for key, told in part["properties"].items():
            told.pop("title", None)
            if key in known:
                told["description"] = known[key]
    del found["title"]
    return {"$schema": DIALECT, "$id": ID, "title": "Withstand plan, version 1", **found}


def _sections(model: type[BaseModel]) -> Iterator[type[BaseModel]]:
    for each in model.__subclasses__():
        yield each
        yield from _sections(each)
