"""What `standard` breaks and at what price, beside the union of TextFooler, PWWS and DeepWordBug:

    python benchmarks/ensemble.py MODEL [--data SOURCE] [-n EXAMPLES]

Queries are distinct inputs an example; the union pays for each of its three attacks on every example.
"""

from __future__ import annotations

import argparse
from collections.abc import Sequence
from typing import Any

from attacks import recipes
from attacks.engine.scheduler import Job, run
from attacks.outcomes import Example, Finished, Status
from attacks.victims import equipped
from attacks.victims.huggingface import HuggingFaceVictim
from harness.auxiliaries import Auxiliaries
from harness.models import load_classifier
from harness.splits import load_split

UNION = ("textfooler", "pwws", "deepwordbug")


def attack(
    victim: HuggingFaceVictim, examples: Sequence[Example], name: str, **settings: Any
) -> tuple[set[str], float]:
    """The ids of the examples that it breaks, and its queries an example; printed as well."""
    recipe = recipes.load(name, **settings)
    models = equipped(victim, Auxiliaries().load(recipe.needs), [recipe])
    events = run((Job(example, recipe) for example in examples), models)
    outcomes = [event.outcome for event in events if isinstance(event, Finished)]
    broken = {o.example_id for o in outcomes if o.status is Status.SUCCEEDED}
    right = sum(o.status is not Status.SKIPPED for o in outcomes)
    queries = sum(o.unique_queries for o in outcomes) / len(outcomes)
    shown = name + ("" if not settings else f" {settings}")
    print(f"{shown:32} {len(broken):4} of {right} broken, {queries:6.1f} queries", flush=True)
    return broken, queries


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("model")
    parser.add_argument("--data", default="bundle:rotten-tomatoes:test")
    parser.add_argument("-n", type=int, default=200)
    options = parser.parse_args()
    loaded = load_classifier(options.model)
    rows = load_split(options.data, labels=loaded.labels).rows[: options.n]
    victim = HuggingFaceVictim(
        loaded.model, loaded.tokenizer, loaded.labels, fingerprint=loaded.fingerprint
    )
    print(f"{options.model}, {len(rows)} examples of {options.data}")
    found = [attack(victim, rows, name) for name in UNION]
    union = set().union(*(broken for broken, _ in found))
    print(f"{'their union':32} {len(union):4} broken, {sum(q for _, q in found):6.1f} queries")
    for settings in ({}, {"gradients": False}):
        broken, _ = attack(victim, rows, "standard", **settings)
        print(f"{'':32} {len(union - broken):4} of the union are not among them")


if __name__ == "__main__":
    main()
