"""What an example has been charged for."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field

from attacks.questions import Question, passes


@dataclass
class Ledger:
    """Distinct questions and the inputs that they cost; recipes that run in turn share one.

    Attributes:
        spent: inputs, of all questions together.
    """

    spent: int = 0
    _charged: set[Question] = field(default_factory=set)

    def charge(self, question: Question, most: int | None) -> bool:
        """Charge a question unless it has been. False, and no charge, where that exceeds `most`."""
        if question in self._charged:
            return True
        cost = passes(question)
        if most is not None and self.spent + cost > most:
            return False
        self._charged.add(question)
        self.spent += cost
        return True

    def __contains__(self, question: Question) -> bool:
        return question in self._charged

    def refund(self, questions: Iterable[Question]) -> None:
        """Take charges back: the questions were never asked."""
        for question in questions:
            self._charged.remove(question)
            self.spent -= passes(question)
