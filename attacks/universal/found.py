"""What a search for a trigger is told, and what it finds."""

from __future__ import annotations

from dataclasses import dataclass, field

from attacks.errors import AttackError
from attacks.universal.trigger import Field, Trigger


@dataclass(frozen=True)
class Settings:
    """Parameters of the search, all of which decide its result.

    The source is Wallace et al., Universal Adversarial Triggers for Attacking and Analyzing NLP, EMNLP
    2019, arXiv:1908.07125, and the authors' code for SST; where they differ that is said.

    Attributes:
        length: words of the trigger; 3 in the paper's triggers for sentiment.
        field: where it is put.
        candidates: words that are tried in each place a round; 40 in the code.
        beam: triggers that are kept from one place to the next; 1 in the code.
        step: examples whose gradient is averaged, and on which candidates are tried, in a round; 128 in
            the code. Their number times `length` times `candidates` is what a round costs.
        rounds: most rounds of one start.
        patience: rounds without a better trigger that end a start. The code goes through its data five
            times.
        starts: the first begins with `first` in every place ("the" in the paper), the others with drawn
            words. The paper has one.
        exclude: words that may not be used, in whatever capitals. The code for SST excludes none.
    """

    length: int = 3
    field: Field = "last"
    candidates: int = 40
    beam: int = 1
    step: int = 32
    rounds: int = 20
    patience: int = 3
    starts: int = 1
    first: str = "the"
    exclude: frozenset[str] = frozenset()

    def __post_init__(self) -> None:
        for name in ("length", "candidates", "beam", "step", "rounds", "patience", "starts"):
            if getattr(self, name) < 1:
                raise AttackError(f"{name} is at least 1, and {getattr(self, name)} was given.")


@dataclass(frozen=True, slots=True)
class Round:
    """Where one round ended, measured on all examples.

    Attributes:
        reached: share of the examples that are answered with the target.
        loss: mean of -log p(target).
    """

    start: int
    trigger: Trigger
    reached: float
    loss: float

    @property
    def rank(self) -> tuple[float, float]:
        """The best round sorts last; in a `max` the earliest among equals wins."""
        return self.reached, -self.loss


@dataclass
class Found:
    """The best trigger of the search, and what led to it.

    Attributes:
        rounds: all of them, the starts among them; the first of the best is `best`.
        errors: by example id what went wrong; such an example is left out from then on.
        scored, cached: inputs that the victim ran, with their gradients or without, and inputs that were
            answered without it.
    """

    rounds: list[Round] = field(default_factory=list)
    errors: dict[str, str] = field(default_factory=dict)
    scored: int = 0
    cached: int = 0

    @property
    def best(self) -> Round:
        """The round that reached most; the lowest loss among those, then the earliest."""
        return max(self.rounds, key=lambda done: done.rank)

    @property
    def queries(self) -> int:
        """Inputs that the search asked to have scored, repeats included."""
        return self.scored + self.cached
