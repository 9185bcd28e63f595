"""Make docs/attacks.md from the recipes (a test compares the two): python scripts/make_attack_docs.py"""

from __future__ import annotations

import inspect
import re
from collections.abc import Iterator
from pathlib import Path

from attacks import recipes
from attacks.protocols import (
    BACK_TRANSLATOR,
    FIRST_ORDER,
    FLUENCY,
    MASKED_LM,
    NEAREST_WORDS,
    PARAPHRASER,
    RELAXED,
    SIMILARITY,
    SPELLING,
    TOKEN_GRADIENTS,
    TRANSLATOR,
    TRIGGER,
)

TARGET = Path(__file__).parents[1] / "docs" / "attacks.md"
HEAD = """# Attacks

Made by `scripts/make_attack_docs.py` from the recipes. `withstand ls attacks -v` lists parameters and
deviations too, with those of attacks that other packages add.

```
withstand attack MODEL --data DATA --recipe NAME --set PARAMETER=VALUE --goal GOAL
```

Without `--goal` an attack has the goal that it was published with, any wrong label for most.
`untargeted` is that; `targeted:LABEL` wants this label, and skips examples that have it; `hard-label`
wants any wrong label and sees predicted labels alone, so that searches which keep only what helps try
single words. Attacks that need gradients follow them to a target, and refuse `hard-label`.

Causal language models (GPT-2, Llama, ...) are attacked by `gcg`. A row of the data has a prompt,
which goes into the tokenizer's chat template where it has one, and what the model is to begin its
answer with:

```
withstand attack MODEL --data PROMPTS.jsonl --recipe gcg --text prompt --reference target
```

What an attack needs beside the victim's answers: *gradient* and *its words* are had of a transformers
model, *token gradient* and *its tokenizer* of a causal language model; *encoder* is `--similarity`,
*masked LM* and *LM* are `--masked-lm`; small ones install with Withstand. `--resource vectors=FILE`
puts word vectors of your own in the place of the table of neighbours, and `--resource tagger=MODEL` a
spaCy model in that of the tagger, wherever an attack reads them. Thresholds stay: with the published
counter-fitted vectors TextFooler's is `--set min_cosine=0.5` in its code, and 0.7 in the paper.
`withstand ls resources -v` says what is built in.

*Trigger* is a file that `withstand trigger` finds on a transformers model; it is named behind the attack
(`universal-trigger:FILE`) and works on victims of all kinds. *Paraphraser*, *translator* and
*back-translator* are encoder-decoders of yours, named by the options of those names.

Models that write (T5, BART, Marian, ...) are attacked by `morpheus` and `seq2sick`, and by any other
attack that only asks, with `--goal minimize-bleu[:BLEU]` or `--goal non-overlapping`. What should have
been written is in the column `--reference`; without one, what counts is how far the text goes from that
of the untouched input.
"""
NEEDS = {
    FIRST_ORDER: "gradient",
    NEAREST_WORDS: "its words",
    SIMILARITY: "encoder",
    MASKED_LM: "masked LM",
    FLUENCY: "LM",
    RELAXED: "gradient",
    TRIGGER: "trigger",
    PARAPHRASER: "paraphraser",
    TRANSLATOR: "translator",
    BACK_TRANSLATOR: "back-translator",
    TOKEN_GRADIENTS: "token gradient",
    SPELLING: "its tokenizer",
}


def document() -> str:
    """The page."""
    return "\n".join([HEAD, *table(), "", *(line for name in NAMES for line in section(name))])


def table() -> Iterator[str]:
    yield "| attack | edits | needs | source |"
    yield "|---|---|---|---|"
    for name in NAMES:
        recipe = recipes.load(name)
        needs = ", ".join(NEEDS[need] for need in recipe.needs)
        yield f"| [{name}](#{name}) | {recipe.family} | {needs} | {recipe.source} |"


def section(name: str) -> Iterator[str]:
    builder = recipes.BUILTIN[name]
    module = inspect.getmodule(builder)
    title = (inspect.getdoc(module) or "").splitlines()[0]
    yield f"## {name}"
    yield ""
    yield title
    yield ""
    told = dict(arguments(inspect.getdoc(builder) or ""))
    yield "| parameter | default | |"
    yield "|---|---|---|"
    for key, default in recipes.settings(name).items():
        yield f"| `{key}` | `{default!r}` | {told.get(key, '')} |"
    yield ""
    yield "Deviations:"
    yield ""
    for deviation in recipes.load(name).deviations:
        yield f"- {deviation}"
    yield ""


def arguments(docstring: str) -> Iterator[tuple[str, str]]:
    """What a docstring says of each argument, on one line."""
    _, _, told = docstring.partition("Args:\n")
    for entry in re.split(r"\n(?=    \w)", told.rstrip()):
        key, colon, text = entry.strip().partition(": ")
        for name in key.split(", ") if colon else ():
            yield name, " ".join(text.split()).replace("|", "\\|")


NAMES = sorted(recipes.BUILTIN)

if __name__ == "__main__":
    TARGET.parent.mkdir(exist_ok=True)
    TARGET.write_text(document(), encoding="utf-8")
