"""What splicing spares of the tokenizing: `python benchmarks/tokenizing.py [MODEL] [-n CANDIDATES]`.

A tokenizes an original and its candidates whole, B splices them, from an empty memory. A candidate has
one word that its original has not. Unrelated texts are what splicing is not made for. Texts are snippets
of reviews, put together. Printed are microseconds a text and A / B over P pairs, run A B A B: mean,
smallest and largest. Leave the machine alone meanwhile.
"""

from __future__ import annotations

import argparse
import os
import random
from collections.abc import Sequence
from time import perf_counter

from transformers import AutoTokenizer

from attacks.questions import Inputs
from attacks.victims.splicing import splicer
from attacks.victims.transformer import TransformersModel
from harness.bundles import locate
from harness.splits import load_split

LENGTHS = (10, 20, 50, 100, 300, 600, 1200)
"""Words."""


def candidates(count: int, words: int, pool: Sequence[str], chooser: random.Random) -> list[Inputs]:
    """A text out of the pool, and texts that have one word changed."""
    original = text(words, pool, chooser)
    made = [original]
    for _ in range(count):
        changed = list(original)
        changed[chooser.randrange(words)] = chooser.choice(chooser.choice(pool).split())
        made.append(changed)
    return [(" ".join(item),) for item in made]


def unrelated(count: int, words: int, pool: Sequence[str], chooser: random.Random) -> list[Inputs]:
    """Texts that have nothing to do with each other."""
    return [(" ".join(text(words, pool, chooser)),) for _ in range(count)]


def text(words: int, pool: Sequence[str], chooser: random.Random) -> list[str]:
    made: list[str] = []
    while len(made) < words:
        made += chooser.choice(pool).split()
    return made[:words]


def whole(model: TransformersModel, inputs: Sequence[Inputs]) -> float:
    """Seconds for tokenizing all of it."""
    started = perf_counter()
    for batch in (inputs[:1], inputs[1:]):
        model.encodings(model.tokenize(batch))
    return perf_counter() - started


def spliced(model: TransformersModel, inputs: Sequence[Inputs]) -> float:
    """Seconds for splicing; the first text comes alone, as an original does."""
    started = perf_counter()
    for batch in (inputs[:1], inputs[1:]):
        model.encode(batch)
    return perf_counter() - started


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("model", nargs="?", default="bundle:minilm-l6", help="a folder or a bundle")
    parser.add_argument("-n", type=int, default=64, help="candidates of an original")
    parser.add_argument("--pairs", type=int, default=10)
    parser.add_argument("--max-length", type=int, default=128)
    options = parser.parse_args()
    os.environ.setdefault("TOKENIZERS_PARALLELISM", "false")  # as the command line has it
    bundled = options.model.startswith("bundle:")
    tokenizer = AutoTokenizer.from_pretrained(
        locate(options.model, "model") if bundled else options.model
    )
    found = splicer(tokenizer, options.max_length)
    if found is None:
        parser.exit(1, f"The tokenizer of {options.model} is not spliced.\n")
    model = TransformersModel(None, tokenizer, fingerprint="", max_length=options.max_length)
    pool = [row.text.strings[0] for row in load_split("bundle:rotten-tomatoes:test").rows]
    chooser = random.Random(0)
    print(f"{options.model}, {options.n} candidates, {options.pairs} pairs")
    print(f"{'texts':10} {'words':>6} {'whole us':>9} {'spliced us':>11} {'ratio':>6}  least  most")
    for kind in (candidates, unrelated):
        for words in LENGTHS:
            pairs = []
            for _ in range(options.pairs + 1):  # the first warms up
                inputs = kind(options.n, words, pool, chooser)
                found.forget()
                pairs.append((whole(model, inputs), spliced(model, inputs)))
            ratios = [a / b for a, b in pairs[1:]]
            a, b = (sum(column) / options.pairs for column in zip(*pairs[1:], strict=True))
            print(
                f"{kind.__name__:10} {words:6} {a / len(inputs) * 1e6:9.1f} "
                f"{b / len(inputs) * 1e6:11.1f} {sum(ratios) / len(ratios):6.1f} "
                f"{min(ratios):6.1f} {max(ratios):5.1f}",
                flush=True,
            )


if __name__ == "__main__":
    main()
