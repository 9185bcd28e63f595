"""GBDA: a distribution over texts that follows gradients (Guo, Sablayrolles, Jégou and Kiela, 2021)."""

from __future__ import annotations

from attacks.goals import Untargeted
from attacks.protocols import RELAXED
from attacks.questions import Relaxation
from attacks.recipe import Recipe
from attacks.searches import RelaxedSamples
from attacks.transformations import AnyToken

DEVIATIONS = (
    "Without a causal language model that has the victim's tokens there is no fluency term, and "
    "`fluency` does nothing. From Python one is given to `victim.relaxed(language_model)`.",
    "The similarity, BERTScore's recall, compares the victim's own last hidden states; the paper's are "
    "those of the language model, which are used where one is given. Tokens weigh the same where no idf "
    "is given; the authors' code takes it from the training texts.",
    "Only tokens that can be written are drawn: no special ones, no parts of characters, none that are "
    "read otherwise when they are written. A token of the text that cannot be written stays.",
    "A drawn text keeps the original's characters where its tokens are the original's. The authors "
    "write out all tokens, in small letters for an uncased model.",
    "Texts are judged in the order in which they are drawn, and the first that succeeds is the result, "
    "as in the authors' code; equal ones are judged once.",
    "Each soft text is a query, with its gradient, and so is the text itself whose states are compared: "
    "1,001 before the first drawn text is judged. An example whose budget does not hold them ends out "
    "of budget after the query of the original.",
    "Where a victim's logits never lead by `margin`, as those of a briefly trained one may not, the "
    "margin loss never ends, and every token is changed in the end. A smaller `margin` keeps more.",
)


def build(
    iterations: int = 100,
    batch: int = 10,
    rate: float = 0.3,
    coefficient: float = 15.0,
    margin: float = 5.0,
    similarity: float = 1.0,
    fluency: float = 1.0,
    temperature: float = 1.0,
    samples: int = 100,
) -> Recipe:
    """The recipe, with the defaults of the authors' code (`whitebox_attack.py`).

    Args:
        iterations: steps of Adam.
        batch: soft texts a step.
        rate: Adam's learning rate.
        coefficient: what the text's own tokens begin with; all others begin with 0.
        margin: κ of the margin loss, in logits.
        similarity: weight of 1 - BERTScore's recall, λ_sim.
        fluency: weight of the negative log-likelihood under a language model, λ_perp.
        temperature: of the Gumbel softmax.
        samples: texts that are drawn in the end.
    """
    how = Relaxation(
        iterations=iterations,
        batch=batch,
        rate=rate,
        coefficient=coefficient,
        margin=margin,
        similarity=similarity,
        fluency=fluency,
        temperature=temperature,
        samples=samples,
    )
    return Recipe(
        name="gbda",
        family="token",
        source="Guo et al., Gradient-based Adversarial Attacks against Text Transformers, EMNLP 2021, "
        "arXiv:2104.13733",
        goal=Untargeted(),
        transformation=AnyToken(),
        search=RelaxedSamples(how),
        needs=(RELAXED,),
        deviations=DEVIATIONS,
    )
