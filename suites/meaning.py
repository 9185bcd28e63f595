"""Successes that a list of words makes doubtful: an antonym exchanged, a negation more or fewer.

A pure function of the records, and a filter of words, not of meaning: it asks nobody what a text says.
"awful" for "not good" is doubtful here though its meaning stays, and a success that turns the meaning by
other words is not. `suites.sheet` has people read a sample instead.
"""

from __future__ import annotations

import re
import string
import unicodedata
from collections.abc import Sequence
from functools import cache
from typing import TypedDict, cast

from attacks.constraints.edit_distance import levenshtein
from attacks.resources import wordnet
from attacks.resources.antonyms import opposed
from attacks.resources.lookalikes import homoglyphs
from attacks.resources.stopwords import stopwords
from reports import statistics, summaries
from reports.measurements import DoubtfulInfo
from reports.records import OutcomeRecord
from suites.validity import judging
from suites.validity.check import Check, Counted

NEGATIONS = frozenset(
    {
        *("not", "no", "none", "nobody", "nothing", "nowhere", "never", "neither", "nor"),
        *("hardly", "scarcely", "barely", "rarely", "seldom"),
        *("cannot", "without", "nope", "ain't"),
        # As people write them without the apostrophe; those that are other words ("wont") left out.
        *("dont", "doesnt", "didnt", "isnt", "arent", "wasnt", "werent", "hasnt", "havent"),
        *("hadnt", "couldnt", "shouldnt", "wouldnt", "mustnt", "aint"),
    }
)
"""Words that negate, beside those that end in "n't".

The first two lines are the absolute and approximate negators of Huddleston and Pullum, *The Cambridge
Grammar of the English Language* (2002), chapter 9, less "few" and "little", which negate only without
"a"; the rest is from the list NEGATE of VADER (Hutto and Gilbert, ICWSM 2014).
"""

MEANING = Check(
    "meaning",
    "doubt",
    "Successes that exchange an antonym or change a negation",
    "what the attack counts as its successes may be texts that mean something else, so that robust "
    "accuracy is too low. Look at the success rate without them, or have people read a sample "
    "(withstand sheet)",
    "Morris et al., Reevaluating Adversarial Examples in Natural Language, Findings of EMNLP 2020 (an "
    "attack is to keep the meaning); the filter and a twentieth are ours, as for blind",
    at_most=0.05,
    about="successes",
)

_WORD = re.compile(r"\w+(?:'\w+)*")


class Doubts(TypedDict):
    """What speaks against one success."""

    antonym: bool
    negation: bool


def doubts(outcome: OutcomeRecord) -> Doubts:
    """Whether a success exchanges a word for one that excludes it, and whether it changes the negations.

    Words are compared in whatever form they stand, with look-alike letters read as the letters that they
    look like. A negation that was only misspelt ("nto", "n ot") counts as still there.
    """
    before, after = " ".join(outcome.original), " ".join(outcome.perturbed or ())
    misspelt = sum(_misspelt(was, now) for _, was, now in outcome.changes)
    return {
        "antonym": any(_exchanged(was, now) for _, was, now in outcome.changes),
        "negation": negations(before) != negations(after) + misspelt,
    }


def negations(text: str) -> int:
    """How many words of a text negate."""
    return sum(_negates(word) for word in _words(text))


def doubtful(outcomes: Sequence[OutcomeRecord]) -> DoubtfulInfo | None:
    """What the filter comes to over one attack's outcomes.

    None where there are no successes, or none that were to change a label: the model writes, or the
    attack keeps the label that the model gives (input reduction).
    """
    won = [o for o in outcomes if changes_label(o)]
    kept = any(o.status == "succeeded" and not changes_label(o) for o in outcomes)
    if not won or kept:
        return None
    found = {o.key: doubts(o) for o in won}
    flags = [any(found[o.key].values()) for o in won]
    attackable = [o for o in outcomes if o.status in summaries.ATTACKABLE]
    broken = [o.key in found and not any(found[o.key].values()) for o in attackable]
    corrected = statistics.rate_of(broken, summaries.families(attackable))
    return cast(
        "DoubtfulInfo",
        {
            "share": statistics.rate_of(flags, summaries.families(won)).to_dict(),
            "antonyms": sum(found[o.key]["antonym"] for o in won),
            "negations": sum(found[o.key]["negation"] for o in won),
            "corrected_success_rate": corrected.to_dict(),
        },
    )


def meaning_check(outcomes: Sequence[OutcomeRecord]) -> Counted:
    """How many of an attack's successes the filter finds doubtful."""
    won = [o for o in outcomes if o.status == "succeeded"]
    if not all(map(changes_label, won)):
        return Counted(0, 0, reason="its successes do not change a label")
    found = tuple(o.example_id for o in won if any(doubts(o).values()))
    return Counted(len(won), len(found), {}, found, "" if won else "it had no success")


def alarms(attack: str, outcomes: Sequence[OutcomeRecord]) -> tuple[str, ...]:
    """What the check says of an attack, where it raises an alarm."""
    entry = judging.entry(MEANING, attack, judging.seen(meaning_check(outcomes)))
    return (judging.sentence(entry),) if entry["alarm"] else ()


def changes_label(outcome: OutcomeRecord) -> bool:
    """Whether an outcome is a success by an answer other than the label."""
    return (
        outcome.status == "succeeded"
        and outcome.perturbed is not None
        and outcome.written_before is None
        and outcome.predicted_after != outcome.label
    )


def _exchanged(before: str, after: str) -> bool:
    """Whether a word that was taken out and one that was put in exclude each other."""
    was, now = _words(before), _words(after)
    return any(opposed(a, b) for a in was if a not in now for b in now if b not in was)


def _misspelt(before: str, after: str) -> bool:
    was, now = _words(before), _words(after)
    if len(was) != 1 or not _negates(was[0]) or any(map(_negates, now)) or not now:
        return False
    one, other = was[0].replace("'", ""), "".join(now).replace("'", "")
    if one == other:
        return True
    near = levenshtein(one, other) == 1 or sorted(one) == sorted(other)
    return near and not all(map(_known, now))


def _negates(word: str) -> bool:
    return word in NEGATIONS or word.endswith("n't")


def _known(word: str) -> bool:
    if word in stopwords("nltk") or word in stopwords("textfooler"):
        return True
    return any(wordnet.base_forms(word, pos) for pos in wordnet.PARTS_OF_SPEECH)


def _words(text: str) -> list[str]:
    """Words in small letters as a reader takes them: look-alikes read, what is not seen left out."""
    # The apostrophe goes first: normalized, a typewriter's and a printer's stay apart.
    text = text.replace("’", "'").translate(_alike())
    text = unicodedata.normalize("NFKD", text).casefold()
    return _WORD.findall("".join(c for c in text if unicodedata.category(c) not in ("Mn", "Cf")))


@cache
def _alike() -> dict[int, str]:
    letters = string.ascii_letters + string.digits
    return {
        ord(other): letter
        for letter in reversed(letters)
        for other in homoglyphs(letter)
        if not other.isascii()
    }
