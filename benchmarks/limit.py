"""How near a campaign comes to the models' own time: `make bench-attacks`, or

    python benchmarks/limit.py MODEL [--data SOURCE] [-n EXAMPLES] [--pairs P] [--recipes NAME,NAME]
        [--device cuda] [--batch-size ROWS] [--window SEARCHES]

A is a campaign. B is every model that took part, on the distinct inputs that it was asked, tokenized and
sorted by length, in full batches of the engine's own size: what nobody can do without. Printed is A / B
over P pairs, run A B A B: mean, smallest and largest. Leave the machine alone meanwhile.
"""

from __future__ import annotations

import argparse
from collections.abc import Mapping, Sequence
from time import perf_counter
from typing import Any

from attacks import recipes
from attacks.engine.cache import Cache
from attacks.engine.queue import padded_length
from attacks.engine.scheduler import EngineConfig, Job, run
from attacks.models import Model
from attacks.outcomes import Example, Finished
from attacks.recipe import Recipe
from attacks.victims import equipped
from attacks.victims.huggingface import HuggingFaceVictim
from harness.auxiliaries import Auxiliaries
from harness.models import load_classifier
from harness.splits import load_split

RECIPES = "deepwordbug,pwws,textfooler,bae"


class Noting:
    """A model that remembers what it was asked."""

    def __init__(self, model: Model) -> None:
        self.model = model
        self.fingerprint = model.fingerprint
        self.asked: dict[Any, None] = {}

    def encode(self, inputs: Sequence[Any]) -> Sequence[Any]:
        self.asked |= dict.fromkeys(inputs)
        return self.model.encode(inputs)

    def run(self, batch: Sequence[Any]) -> Any:
        return self.model.run(batch)


def campaign(
    recipe: Recipe, examples: Sequence[Example], models: Mapping[str, Model], config: EngineConfig
) -> float:
    """Seconds of a campaign with an empty cache."""
    started = perf_counter()
    jobs = (Job(example, recipe) for example in examples)
    outcomes = [e for e in run(jobs, models, config, Cache()) if isinstance(e, Finished)]
    assert len(outcomes) == len(examples)
    return perf_counter() - started


def packed(
    asked: Mapping[str, Sequence[Any]], models: Mapping[str, Model], config: EngineConfig
) -> float:
    """Seconds of the models alone, on all of it at once."""
    started = perf_counter()
    for name, inputs in asked.items():
        encoded = sorted(models[name].encode(inputs), key=len)
        while encoded:
            length = padded_length(len(encoded[-1]))
            size = max(1, min(config.batch_size, config.batch_tokens // length))
            models[name].run(encoded[-size:])
            del encoded[-size:]
    return perf_counter() - started


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("model")
    parser.add_argument("--data", default="bundle:rotten-tomatoes:test")
    parser.add_argument("-n", type=int, default=100)
    parser.add_argument("--pairs", type=int, default=3)
    parser.add_argument("--recipes", default=RECIPES)
    parser.add_argument("--device", default="cpu")
    parser.add_argument("--batch-size", type=int, default=64, help="of 64 tokens")
    parser.add_argument("--window", type=int, default=64)
    options = parser.parse_args()
    config = EngineConfig(options.window, options.batch_size, 64 * options.batch_size)
    loaded = load_classifier(options.model)
    rows = load_split(options.data, labels=loaded.labels).rows[: options.n]
    victim = HuggingFaceVictim(
        loaded.model,
        loaded.tokenizer,
        loaded.labels,
        fingerprint=loaded.fingerprint,
        device=options.device,
    )
    print(
        f"{options.model} on {options.device}, {len(rows)} examples of {options.data}, "
        f"{options.pairs} pairs, up to {config.batch_size} rows a batch"
    )
    print(
        f"{'recipe':12} {'inputs':>7} {'campaign s':>11} {'models s':>9} {'ratio':>6}  least  most"
    )
    for name in options.recipes.split(","):
        recipe = recipes.load(name)
        models = equipped(victim, Auxiliaries().load(recipe.needs, options.device), [recipe])
        noting = {key: Noting(model) for key, model in models.items()}
        campaign(recipe, rows, noting, config)  # notes what is asked, and warms up
        asked = {key: list(model.asked) for key, model in noting.items() if model.asked}
        pairs = [
            (campaign(recipe, rows, models, config), packed(asked, models, config))
            for _ in range(options.pairs)
        ]
        ratios = [a / b for a, b in pairs]
        whole, alone = (sum(column) / len(pairs) for column in zip(*pairs, strict=True))
        print(
            f"{name:12} {sum(map(len, asked.values())):7} {whole:11.1f} {alone:9.1f} "
            f"{sum(ratios) / len(ratios):6.2f} {min(ratios):6.2f} {max(ratios):5.2f}",
            flush=True,
        )


if __name__ == "__main__":
    main()
