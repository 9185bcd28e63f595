"""A world of three words, small enough to know every text of it."""

from __future__ import annotations

import itertools
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from hypothesis import strategies as st

from attacks.constraints import NoRepeat
from attacks.engine.scheduler import EngineConfig, Job, run
from attacks.goals import Untargeted
from attacks.outcomes import Example, Finished, Outcome
from attacks.protocols import Constraint, Search
from attacks.questions import Floats, Inputs
from attacks.recipe import Recipe
from attacks.text import Candidate, Text

WORDS = ("a", "b", "c")


@dataclass(frozen=True)
class Others:
    """Every other word of a vocabulary."""

    words: Sequence[str] = WORDS

    def replacements(
        self, current: Candidate, index: int, rng: np.random.Generator
    ) -> Sequence[str]:
        """See `attacks.protocols.Transformation`."""
        return [word for word in self.words if word != current.word(index)]


class Table:
    """A logit for every text of three words."""

    labels = ("no", "yes")
    fingerprint = "table"

    def __init__(self, logits: Sequence[float]) -> None:
        texts = (" ".join(words) for words in itertools.product(WORDS, repeat=3))
        self.logits = dict(zip(texts, logits, strict=True))
        self.asked: list[str] = []

    def encode(self, inputs: Sequence[Inputs]) -> list[Inputs]:
        return list(inputs)

    def run(self, batch: Sequence[Inputs]) -> Floats:
        self.asked += [text for (text,) in batch]
        return np.array([[0.0, self.logits[text]] for (text,) in batch], dtype=np.float32)


def attack(
    victim: Table, search: Search, constraints: tuple[Constraint, ...] = (), **job: int
) -> Outcome:
    """The outcome of a search that starts at "a a a", a text of class 1."""
    (outcome,) = attack_all(victim, search, 1, constraints=constraints, **job)
    return outcome


def attack_all(
    victim: Table,
    search: Search,
    examples: int,
    config: EngineConfig = EngineConfig(),
    constraints: tuple[Constraint, ...] = (),
    **job: int,
) -> list[Outcome]:
    """The same for several examples that differ in their ids, in the order of those."""
    recipe = Recipe(
        "small", "word", "a test", Untargeted(), Others(), search, (NoRepeat(),), constraints
    )
    jobs = [Job(Example(str(n), Text.of("a a a"), 1), recipe, **job) for n in range(examples)]
    events = run(jobs, {"victim": victim}, config)
    found = [e.outcome for e in events if isinstance(e, Finished)]
    return sorted(found, key=lambda outcome: int(outcome.example_id))


# Distinct logits; the original's is positive, so that it is right.
tables = st.permutations([n - 13.5 for n in range(27)]).filter(lambda logits: logits[0] > 0)


def reworded(asked: Sequence[tuple[str, str]]) -> list[list[str]]:
    """Other wordings: words swapped for others of like meaning, and a capital at the beginning."""
    swaps = {"wonderful": "splendid", "charming": "lovely", "gripping": "tense", "film": "movie"}
    found = []
    for text, _ in asked:
        new = text
        for word, other in swaps.items():
            new = new.replace(word, other)
        found.append([new, text[:1].upper() + text[1:]])
    return found
