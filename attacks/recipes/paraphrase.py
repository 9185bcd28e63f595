"""Paraphrase: whole sentences in another syntax, by a model of one's own (Iyyer et al., 2018)."""

from __future__ import annotations

from attacks.constraints import SentenceSimilarity
from attacks.goals import Untargeted
from attacks.protocols import PARAPHRASER, SIMILARITY
from attacks.recipe import Recipe
from attacks.searches import Beam
from attacks.transformations import Paraphrases

TEMPLATES = (
    "( ROOT ( S ( NP ) ( VP ) ( . ) ) ) EOP",
    "( ROOT ( S ( VP ) ( . ) ) ) EOP",
    "( ROOT ( NP ( NP ) ( . ) ) ) EOP",
    "( ROOT ( FRAG ( SBAR ) ( . ) ) ) EOP",
    "( ROOT ( S ( S ) ( , ) ( CC ) ( S ) ( . ) ) ) EOP",
    "( ROOT ( S ( LST ) ( VP ) ( . ) ) ) EOP",
    "( ROOT ( SBARQ ( WHADVP ) ( SQ ) ( . ) ) ) EOP",
    "( ROOT ( S ( PP ) ( , ) ( NP ) ( VP ) ( . ) ) ) EOP",
    "( ROOT ( S ( ADVP ) ( NP ) ( VP ) ( . ) ) ) EOP",
    "( ROOT ( S ( SBAR ) ( , ) ( NP ) ( VP ) ( . ) ) ) EOP",
)
"""The ten of the authors' `generate_paraphrases.py`, which OpenAttack's SCPN has too."""

REPHRASED = (
    "A text is rephrased sentence by sentence, those first whose new wording helps most, each once. "
    "Texts that a model did not end by itself, and sentences longer than it reads, are left out.",
    "MiniLM's cosine with the whole original has to be at least 0.8. The number is ours and was not "
    "compared with people's judgement; a sentence can turn its meaning round above it.",
)
"""What both recipes that rephrase have to say."""

DEVIATIONS = (
    "The paraphraser is the user's, with a prompt of the user's. The paper trains one of its own, which "
    "expands the template to a full parse first; its weights are in a format that runs code.",
    "The paper tries ten templates and counts an example as broken where any paraphrase is; so does "
    "this, but it goes on to other sentences.",
    *REPHRASED,
)


def build(
    templates: tuple[str, ...] = TEMPLATES,
    candidates: int = 5,
    sentences: int = 3,
    min_similarity: float = 0.8,
) -> Recipe:
    """The recipe, after the paper's section 5; the paraphraser is `--paraphraser`.

    Args:
        templates: how a sentence is to be worded: what stands for {control} in the prompt, one question
            each. `[""]` is for models that take none.
        candidates: texts that are tried of each answer, most likely first.
        sentences: as many of a text are rephrased at the most; those of the paper have one.
        min_similarity: cosine of sentence vectors, against the original; ours.
    """
    return Recipe(
        name="paraphrase",
        family="sentence",
        source="Iyyer et al., Adversarial Example Generation with Syntactically Controlled Paraphrase "
        "Networks, NAACL 2018, arXiv:1804.06059",
        goal=Untargeted(),
        transformation=Paraphrases(templates, candidates),
        search=Beam(width=1, rounds=sentences),
        constraints=(
            SentenceSimilarity(
                min_similarity,
                metric="cosine",
                reference="original",
                window=None,
                skip_short=False,
            ),
        ),
        needs=(PARAPHRASER, SIMILARITY),
        deviations=DEVIATIONS,
    )
