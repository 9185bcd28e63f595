"""PWWS: probability-weighted word saliency over WordNet synonyms (Ren, Deng, He and Che, 2019)."""

from __future__ import annotations

from attacks.constraints import NoRepeat, Stopwords
from attacks.goals import Untargeted
from attacks.recipe import Recipe
from attacks.searches import WeightedSaliency
from attacks.transformations import WordNetSynonyms

ANTONYMS = (
    "A synonym by one meaning that is an antonym by another (force for pull) is left out: one in 680 of "
    "the words that WordNet has for words with an antonym."
)
"""What all recipes with WordNet's synonyms have to say."""

DEVIATIONS = (
    "Named entities are not swapped: the paper's lists of entities are taken from the whole data set "
    "with its gold labels, which an attack on one example does not have (TextAttack leaves them out "
    "as well).",
    "Parts of speech come from a lexicon tagger instead of spaCy's model, and synonyms are inflected "
    "to the form of the word that they replace; the authors' code drops those whose tag differs.",
    "Phrases and synonyms of one or two letters are left out.",
    ANTONYMS,
    "Stop words are left alone, as in TextAttack; the authors' code edits every word of a supported "
    "part of speech but 'be'.",
)


def build(
    same_part_of_speech: bool = True, inflect: bool = True, stop_words: str = "nltk"
) -> Recipe:
    """The recipe. `same_part_of_speech=False, inflect=False` is TextAttack's reading of it.

    The paper sets no threshold: nothing but WordNet keeps the meaning.

    Args:
        same_part_of_speech: only WordNet senses of the word's part of speech, as in the authors' code:
            `synsets = wn.synsets(token.text, pos=wordnet_pos)` (paraphrase.py).
        inflect: give a synonym the form of the word that it replaces.
        stop_words: list of words that are left alone.
    """
    return Recipe(
        name="pwws",
        family="word",
        source="Ren et al., Generating Natural Language Adversarial Examples through Probability "
        "Weighted Word Saliency, ACL 2019",
        goal=Untargeted(),
        transformation=WordNetSynonyms(same_part_of_speech, inflect),
        search=WeightedSaliency(),
        protections=(NoRepeat(), Stopwords(stop_words)),
        deviations=DEVIATIONS,
    )
