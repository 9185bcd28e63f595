"""TextFooler: near words by counter-fitted vectors, kept like in meaning (Jin et al., 2020)."""

from __future__ import annotations

from attacks.constraints import (
    EmbeddingCosine,
    NoRepeat,
    SamePartOfSpeech,
    SentenceSimilarity,
    Stopwords,
)
from attacks.goals import Untargeted
from attacks.protocols import SIMILARITY
from attacks.recipe import Recipe
from attacks.searches import WordImportance
from attacks.transformations import EmbeddingNeighbours

VECTORS = (
    "Neighbours come from the table of TextFooler's deviations, not from the published counter-fitted "
    "vectors, and a cosine of one vector space says little in another."
)
"""What all recipes that use the same table have to say."""

TAGGER = (
    "The tagger is a lexicon tagger instead of NLTK's or spaCy's. It reads both words in the text as it "
    "stands; TextAttack reads them in the original."
)
"""What all recipes that compare parts of speech have to say."""

DEVIATIONS = (
    "The counter-fitted Paragram vectors are in no package registry. Neighbours come from a table of "
    "30,000 words made from MiniLM's vectors of single words, counter-fitted with WordNet alone: "
    "SimLex-999 rho .63 (published: .74). Of the published neighbours (Jia et al. 2019, eight a word at "
    "the most) 33% are among the first eight of ours at the least cosine of this recipe, and 21% of "
    "ours are published ones; many of the others are forms of the same word or of a related one. What "
    "WordNet opposes is no neighbour: 432 of 222,331 at that cosine, none of them published.",
    "The least cosine is 0.6 where the paper has 0.7 and its code 0.5: a cosine of one vector space "
    "says nothing in another. As many neighbours as in the published sets (3.6 a word) remain at 0.68, "
    "but those sets are cut at a squared distance of 0.5, which is a cosine of 0.75 of unit vectors. "
    "Below 0.6 hardly any further published neighbour comes in (36% in all), above it they are lost "
    "fast (25% at 0.7).",
    "MiniLM takes the place of the Universal Sentence Encoder, at the same angular threshold. There it "
    "passes 90% of single swaps by published neighbours in 15-word windows of film reviews, 62% of "
    "swaps by a random word of the same part of speech, and 92% of swaps by an antonym: it is no guard "
    "against reversed meaning.",
    TAGGER,
    "Words are ranked with the word left out, as in the paper and TextAttack, without the paper's bonus "
    "for words whose absence changes the label; the authors' code puts '<oov>' in its place.",
    "Of several successes at one position the most damaging is taken, as in TextAttack; the paper takes "
    "the one most like the text. Candidates that break a constraint are never queried; the authors' "
    "code queries all.",
    "Windows and the rule for short texts go by the field that is edited.",
)


def build(
    neighbours: int = 50,
    min_cosine: float = 0.6,
    min_similarity: float = 0.840845057,
    window: int = 15,
    stop_words: str = "textfooler",
) -> Recipe:
    """The recipe, after TextAttack 0.3.11 (`TextFoolerJin2019`) and the authors' code.

    In pairs of texts the field that must not change (an NLI premise) is frozen in the `Text`.

    Args:
        neighbours: how many near words are tried; `synonym_num=50` in attack_classification.py.
        min_cosine: of the word vectors. "The paper claims 0.7, but analysis of the released code and
            some empirical results show that it's 0.5." (TextAttack's recipe); here see `deviations`.
        min_similarity: of sentence vectors, angular, against the text before the edit. "In the
            TextFooler code, they forget to divide the angle between the two embeddings by pi. So if the
            original threshold was that 1 - sim >= 0.5, the new threshold is 1 - (0.5) / pi =
            0.840845057" (TextAttack's recipe).
        window: words around the edit that are compared; `sim_score_window=15` in the authors' code,
            which sets the threshold to 0.1 ("shut down the similarity thresholding function") in
            shorter texts.
        stop_words: list of words that are left alone; the authors' by default.
    """
    return Recipe(
        name="textfooler",
        family="word",
        source="Jin et al., Is BERT Really Robust? A Strong Baseline for Natural Language Attack on "
        "Text Classification and Entailment, AAAI 2020, arXiv:1907.11932",
        goal=Untargeted(),
        transformation=EmbeddingNeighbours(neighbours),
        search=WordImportance(ranking="delete"),
        protections=(NoRepeat(), Stopwords(stop_words)),
        constraints=(
            EmbeddingCosine(min_cosine),
            SamePartOfSpeech(nouns_for_verbs=True),
            SentenceSimilarity(
                min_similarity,
                metric="angular",
                reference="previous",
                window=window,
                skip_short=True,
            ),
        ),
        needs=(SIMILARITY,),
        deviations=DEVIATIONS,
    )
