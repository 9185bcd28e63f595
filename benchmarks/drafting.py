"""What a draft saves, and what it costs in success:

    python benchmarks/drafting.py MODEL [--data SOURCE] [-n EXAMPLES] [--join SNIPPETS] [--pairs P]
        [--recipes NAME,NAME] [--keep K,K] [--draft gradient|bfloat16|excerpts|exact]

Each recipe is run undrafted and drafted (by the victim's gradient where no other draft is named), in
turn, over P pairs. Printed are the seconds of the first / those of the second (mean, smallest,
largest), the successes of both, the examples that only one of them broke, and the distinct texts asked,
an example. Leave the machine alone meanwhile.
"""

from __future__ import annotations

import argparse
from collections.abc import Sequence
from dataclasses import replace
from time import perf_counter

from against_textattack import DRAFTS, joined

from attacks import recipes
from attacks.drafts import KEEP
from attacks.engine.cache import Cache
from attacks.engine.scheduler import Job, run
from attacks.models import Model
from attacks.outcomes import Finished, Outcome, Status
from attacks.recipe import Recipe
from attacks.victims import equipped
from attacks.victims.huggingface import HuggingFaceVictim
from harness.auxiliaries import Auxiliaries
from harness.models import load_classifier
from harness.splits import load_split

RECIPES = "deepwordbug,pwws,textfooler,bae"

Took = tuple[float, dict[str, Outcome]]
"""Seconds, and the outcomes by example id."""


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("model")
    parser.add_argument("--data", default="bundle:rotten-tomatoes:test")
    parser.add_argument("-n", type=int, default=50)
    parser.add_argument("--join", type=int, default=1)
    parser.add_argument("--pairs", type=int, default=2)
    parser.add_argument("--recipes", default=RECIPES)
    parser.add_argument("--keep", default=str(KEEP))
    parser.add_argument("--draft", choices=DRAFTS, default="gradient")
    options = parser.parse_args()
    loaded = load_classifier(options.model)
    rows = list(load_split(options.data, labels=loaded.labels).rows)
    if options.join > 1:
        rows = joined(rows, options.join)
    rows = rows[: options.n]
    victim = HuggingFaceVictim(
        loaded.model,
        loaded.tokenizer,
        loaded.labels,
        fingerprint=loaded.fingerprint,
        max_length=512 if options.join > 1 else 128,
    )

    def attack(made: Recipe, models: dict[str, Model]) -> Took:
        started = perf_counter()
        jobs = [Job(example, made) for example in rows]
        ends = [e.outcome for e in run(jobs, models, cache=Cache()) if isinstance(e, Finished)]
        assert not [o.error for o in ends if o.error]
        return perf_counter() - started, {o.example_id: o for o in ends}

    words = sum(len(row.text.words) for row in rows) / len(rows)
    print(f"{options.model}: {len(rows)} texts of {words:.0f} words, {options.pairs} pairs")
    print(f"{'recipe':12} keep  ratio least  most  broken   only one   asked a text")
    for name in options.recipes.split(","):
        plain = recipes.load(name)
        for keep in map(int, options.keep.split(",")):
            drafted = plain.drafted(replace(DRAFTS[options.draft], keep=keep))
            models = Auxiliaries().load(set(plain.needs))
            mine = equipped(victim, models, [plain, drafted])
            attack(drafted, mine)  # warms up
            pairs = [(attack(plain, mine), attack(drafted, mine)) for _ in range(options.pairs)]
            show(name, keep, pairs)


def show(name: str, keep: int, pairs: Sequence[tuple[Took, Took]]) -> None:
    """One line of the table."""
    ratios = [plain[0] / drafted[0] for plain, drafted in pairs]
    both = [outcomes for _, outcomes in pairs[0]]
    won, other = (
        {i for i, o in outcomes.items() if o.status is Status.SUCCEEDED} for outcomes in both
    )
    asked = [sum(o.unique_queries for o in outcomes.values()) / len(outcomes) for outcomes in both]
    print(
        f"{name:12} {keep:4} {sum(ratios) / len(ratios):6.2f} {min(ratios):5.2f} {max(ratios):5.2f}  "
        f"{len(won):3} / {len(other):<3} {len(won - other):3} / {len(other - won):<3} "
        f"{asked[0]:6.1f} / {asked[1]:.1f}   ({pairs[0][1][0]:.1f} s drafted)",
        flush=True,
    )


if __name__ == "__main__":
    main()
