"""What the registry says of resources is what lies in the folder and what is read."""

from __future__ import annotations

import subprocess
import sys
from importlib.resources import files
from pathlib import Path

import pytest

from attacks.resources.pinned import inspect
from attacks.resources.registry import RESOURCES


@pytest.mark.parametrize("name", RESOURCES)
def test_the_built_in_resources_are_what_is_pinned(name: str) -> None:
    found = inspect(RESOURCES[name].pinned)
    assert (found.state, found.detail) == ("ok", "")


def test_every_file_of_the_folder_is_pinned() -> None:
    folder = Path(str(files("attacks.resources")))
    there = {path.name for path in folder.iterdir() if path.suffix in (".txt", ".gz", ".json")}
    ours = [r.pinned for r in RESOURCES.values() if r.pinned.distribution == "withstand"]
    assert there == {file for pinned in ours for file in pinned.files}


def test_what_is_said_to_make_a_resource_is_there() -> None:
    root = Path(__file__).parents[2]
    made = [resource.made_by for resource in RESOURCES.values() if resource.made_by]
    assert len(made) == 5
    assert all((root / script).is_file() for script in made)


# Run the proposals of a recipe in a process of its own and tell which tables were read.
READ = """
import sys, numpy as np
from attacks import recipes
from attacks.resources import registry
from attacks.protocols import proposals
from attacks.text import Text
original, seen = registry.read, set()
def noted(name, file=None):
    seen.add(name)
    return original(name, file)
registry.read = noted
for module in [m for n, m in sys.modules.items() if n.startswith("attacks.")]:
    if getattr(module, "read", None) is original:
        module.read = noted
recipe, rng = recipes.load(sys.argv[1]), np.random.default_rng(0)
text = Text.of("Anna isn't accelerating the very good films in 1999")
for index in range(len(text.words)):
    steps = proposals(recipe.transformation, text.candidate, index, rng)
    try:
        next(steps)
    except StopIteration as end:
        for proposal in end.value:
            candidate = proposal if not isinstance(proposal, str) else (
                text.candidate.replace(index, proposal))
            for part in recipe.constraints:
                if hasattr(part, "allows"):
                    part.allows(candidate, text.candidate)
for corruption in getattr(recipe.search, "corruptions", ()):
    corruption.corrupt(text, 5, rng)
print(*sorted(seen - set(recipe.resources)), "|", len(seen))
"""


@pytest.mark.parametrize(
    "recipe", ["textfooler", "iga", "pwws", "checklist", "natural-noise", "bad-characters"]
)
def test_a_recipe_reads_no_table_that_it_does_not_name(recipe: str) -> None:
    done = subprocess.run(
        [sys.executable, "-c", READ, recipe], capture_output=True, text=True, check=True
    )
    undeclared, _, count = done.stdout.partition("|")
    assert undeclared.strip() == ""
    assert int(count) >= 1
