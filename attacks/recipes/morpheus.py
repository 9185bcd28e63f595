"""Morpheus: other forms of the words, until the translation is lost (Tan et al., 2020)."""

from __future__ import annotations

from attacks.constraints import NoRepeat, Stopwords
from attacks.goals_written import MinimumBleu
from attacks.recipe import Recipe
from attacks.searches import Beam, Passes
from attacks.transformations import Inflections

DEVIATIONS = (
    "It is for models that write, as in TextAttack; against a classifier run it with `--goal "
    "untargeted`. The paper attacks models of question answering and translation.",
    "By default it looks, as TextAttack's recipe does, for a text whose translation has no four words "
    "in a row in common with the reference (BLEU without smoothing is 0 then). The authors' code "
    "minimises sacreBLEU's smoothed score, which is 0 only without one common word: `smoothed`.",
    "TextAttack takes what was written for the reference and the reference for what was written, so "
    "that it punishes translations that are longer, not those that are shorter. Here it is as in BLEU's "
    "paper. Of references of fewer than four words it counts n-grams up to their length, where "
    "TextAttack finds a BLEU of 0 and nothing to attack.",
    "By default every round tries all words and keeps the best change, as in TextAttack; the paper "
    "(Algorithm 1) goes through the words in order, the authors' code once in either direction: "
    "`passes`.",
    "Forms come from rules and our table, made of LemmInflect's look-up file, and base forms from "
    "WordNet, where TextAttack asks LemmInflect. Of the nouns, verbs and adjectives of film reviews for "
    "which LemmInflect has other forms, 93% have some here; of all its forms 96% are among ours.",
    "Names are left alone, and so are words without a base form of the part of speech that they have "
    "in the text; for those TextAttack takes a lemma of another part of speech at random.",
    "Stop words are left alone, as in TextAttack; in the paper they are not.",
)


def build(
    target: float = 0.0, smoothed: bool = False, passes: bool = False, stop_words: str = "nltk"
) -> Recipe:
    """The recipe, after TextAttack 0.3.11 (`MorpheusTan2020`), or after the authors' code.

    "Greedily swap words (see pseudocode, Algorithm 1 of the paper)"; "Don't modify the same word twice
    or stopwords" (TextAttack's recipe)

    Args:
        target: BLEU (0 to 1) at or below which it has succeeded; `target_bleu=0.0` (TextAttack).
        smoothed: whether BLEU is smoothed as in sacreBLEU, which the authors use.
        passes: whether words are gone through in order, once each way, instead of by the best of all.
        stop_words: list of words that are left alone.
    """
    return Recipe(
        name="morpheus",
        family="word",
        source="Tan et al., It's Morphin' Time! Combating Linguistic Discrimination with Inflectional "
        "Perturbations, ACL 2020, arXiv:2005.04364",
        goal=MinimumBleu(target, smoothed),
        transformation=Inflections(),
        search=Passes() if passes else Beam(width=1),
        protections=(NoRepeat(), Stopwords(stop_words)),
        deviations=DEVIATIONS,
    )
