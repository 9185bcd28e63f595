"""BAE: words from a masked language model (Garg and Ramakrishnan, 2020)."""

from __future__ import annotations

from typing import Literal

from attacks.constraints import NoRepeat, SamePartOfSpeech, SentenceSimilarity, Stopwords
from attacks.goals import Untargeted
from attacks.protocols import MASKED_LM, SIMILARITY
from attacks.recipe import Recipe
from attacks.recipes.textfooler import TAGGER
from attacks.searches import WordImportance
from attacks.transformations import Composite, MaskedWords

Mode = Literal["R", "I", "R/I", "R+I"]

MODEL = (
    "Without `--masked-lm` words come from `bundle:tiny-mlm`, a BERT of two layers: of held-out words "
    "it has 14% in first place and 43% among its first ten. The published attacks have BERT-base or a "
    "distilled RoBERTa: give one for figures to be compared with theirs. Words are whole ones of two "
    "letters and more, and so many of those are tried; TextAttack has letters and pieces among them."
)
"""What all recipes with a masked language model have to say."""

DEVIATIONS = (
    MODEL,
    "MiniLM takes the place of the Universal Sentence Encoder, at the same cosine.",
    "Whole words are told by the tokenizer's marks and have at least two letters; the authors look them "
    "up in GloVe's vocabulary.",
    "Of several successes at one position the most damaging is taken, as in TextAttack; the paper takes "
    "the one most like the text.",
    TAGGER + " Insertions are not compared by part of speech, as in the paper.",
)


def build(
    mode: Mode = "R",
    candidates: int = 50,
    min_similarity: float = 0.936338023,
    window: int = 15,
    stop_words: str = "nltk",
) -> Recipe:
    """The recipe, after TextAttack 0.3.11 (`BAEGarg2019`), which has mode R alone.

    Args:
        mode: "BAE-R: Replace token t", "BAE-I: Insert a token to the left or right of t", "BAE-R/I:
            Either replace token t or insert a token to the left or right of t", "BAE-R+I: First replace
            token t, then insert a token to the left or right of t" (the paper).
        candidates: "We only consider the top K=50 synonyms from the MLM predictions." (TextAttack's
            recipe)
        min_similarity: cosine, against the original. "[We] set a threshold of 0.8 for the cosine
            similarity between USE-based embeddings"; "the final threshold is 1 - (1 - 0.8) / pi =
            1 - (0.2 / pi) = 0.936338023", for the division by pi that TextFooler's code lacks (the
            same).
        window: words around the edit that are compared; shorter texts are not.
        stop_words: list of words that are left alone.
    """
    replace = MaskedWords("replace", candidates)
    insert = (MaskedWords("left", candidates), MaskedWords("right", candidates))
    parts = {"R": (replace,), "I": insert, "R/I": (replace, *insert), "R+I": (replace,)}[mode]
    return Recipe(
        name="bae",
        family="word",
        source="Garg and Ramakrishnan, BAE: BERT-based Adversarial Examples for Text Classification, "
        "EMNLP 2020, arXiv:2004.01970",
        goal=Untargeted(),
        transformation=Composite(parts),
        # "We estimate the token importance Ii of each token t_i by deleting ti from S".
        search=WordImportance("delete", Composite(insert) if mode == "R+I" else None),
        protections=(NoRepeat(), Stopwords(stop_words)),
        constraints=(
            SamePartOfSpeech(nouns_for_verbs=True),
            SentenceSimilarity(
                min_similarity,
                metric="cosine",
                reference="original",
                window=window,
                skip_short=True,
            ),
        ),
        needs=(MASKED_LM, SIMILARITY),
        deviations=DEVIATIONS,
    )
