"""Universal trigger: the same few words before every text (Wallace et al., 2019)."""

from __future__ import annotations

from attacks.goals import Untargeted
from attacks.protocols import TRIGGER
from attacks.recipe import Recipe
from attacks.searches import Once
from attacks.transformations import Prepended
from attacks.universal.file import TriggerFile
from attacks.universal.trigger import Trigger

DEVIATIONS = (
    "The trigger comes from a file that `withstand trigger` makes; without one nothing can run. It is "
    "found for one target, and here any wrong label counts: examples of the target's label are not "
    "skipped, and withstand as a rule. Give the goal targeted:LABEL to leave them out.",
    "Triggers are words of three letters or more that the victim knows as one token, tried as text. The "
    "paper's are tokens.",
    "The gradient is averaged over 32 examples a round, not 128; the best round on all examples is "
    "kept, not the last; and a search ends when three rounds have brought nothing.",
    "A trigger of words that mean a label changes what the text says. The search takes a list of words "
    "to leave alone (`withstand trigger --exclude`), and none is left alone by default.",
)


def build(file: str = "") -> Recipe:
    """The recipe, which asks one text beside the original; `universal-trigger:FILE` sets `file` as well.

    Args:
        file: what `withstand trigger` wrote. Its words are in the records. Where it was found on another
            victim that is said and recorded: the attack is a transfer.
    """
    found = TriggerFile.read(file) if file else None
    # Nothing is ever asked with this one: the recipe says what it needs.
    trigger = found.trigger if found else Trigger(("TRIGGER",))
    return Recipe(
        name="universal-trigger",
        family="sentence",
        source="Wallace et al., Universal Adversarial Triggers for Attacking and Analyzing NLP, EMNLP "
        "2019, arXiv:1908.07125",
        goal=Untargeted(),
        transformation=Prepended(trigger),
        search=Once(trigger),
        needs=() if found else (TRIGGER,),
        deviations=DEVIATIONS,
        made_for=found.victim if found else "",
    )
