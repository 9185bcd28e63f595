"""The section of a plan that a search for settings reads: `[tune]`."""

from __future__ import annotations

from typing import Literal, Self

from pydantic import Field, model_validator

from harness.training_plan import Section

Value = int | float | str | bool

HIGHER = ("accuracy", "robust_accuracy")
"""Metrics of which more is better; of the others less is."""


class Dimension(Section):
    """What a setting may be: a range, or one of several values.

    Attributes:
        low, high: ends of a range, both included; whole numbers where both are.
        log: draw orders of magnitude alike.
        choices: the values themselves.
    """

    low: int | float | None = None
    high: int | float | None = None
    log: bool = False
    choices: tuple[Value, ...] = ()

    @model_validator(mode="after")
    def _one_kind(self) -> Self:
        ranged = self.low is not None and self.high is not None
        if ranged == bool(self.choices) or (self.low is None) != (self.high is None):
            raise ValueError("give low and high, or choices")
        if self.low is not None and self.high is not None:
            if not self.low < self.high:
                raise ValueError("low is below high")
            if self.log and self.low <= 0:
                raise ValueError("a range on a log scale begins above 0")
        elif self.log:
            raise ValueError("log is for a range")
        return self

    @property
    def ends(self) -> tuple[Value, ...]:
        """Values that must all be allowed for every value to be."""
        if self.low is not None and self.high is not None:
            return (self.low, self.high)
        return self.choices


class Tune(Section):
    """A search for the settings of a training, on validation texts.

    Attributes:
        stage: which section is searched.
        trials: trainings, those that are stopped early among them.
        metric: of the epoch that `selection` chooses: "accuracy", "robust_accuracy" (needs
            `selection.attacks`), "loss" or "calibration_error", all on validation texts.
        startup: trials that are drawn at random before the search follows what it has seen.
        prune: stop a training that is worse after an epoch than the median of the earlier ones was.
        space: settings by their keys in the section ("learning_rate", "objective.parameters.epsilon").
    """

    stage: Literal["train", "harden"] = "train"
    trials: int = Field(default=20, ge=1)
    metric: Literal["accuracy", "robust_accuracy", "loss", "calibration_error"] = "accuracy"
    startup: int = Field(default=5, ge=1)
    prune: bool = True
    space: dict[str, Dimension] = Field(min_length=1)

    @property
    def direction(self) -> Literal["maximize", "minimize"]:
        """Which way is better."""
        return "maximize" if self.metric in HIGHER else "minimize"
