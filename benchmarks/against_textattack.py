"""Campaigns beside TextAttack's own loop, on the same model, examples, lexicons and parameters:

    python benchmarks/against_textattack.py MODEL [--data SOURCE] [-n EXAMPLES] [--installed EXAMPLES]
        [--join SNIPPETS] [--pairs P] [--recipes NAME,NAME] [--draft gradient|bfloat16|excerpts|exact]
        [--device cuda] [--batch-size ROWS] [--window SEARCHES]

Three ways to run an attack are timed in turn over P pairs, each against ours (`withstand`):
- `installed`: TextAttack with its `HuggingFaceModelWrapper`, which pads every text to the tokenizer's
  longest. It is slow, so that it runs on the first few examples alone.
- `repaired`: the same with a wrapper that sorts by length and pads no further than it must.
- `bridged`: the same attack on our scheduler (`textattack:NAME`).

Printed are their seconds / ours (mean, smallest, largest), and of each the successes and the distinct
texts that it asked about, an example. Texts of several snippets (`--join`) stand for long ones. Leave
the machine alone meanwhile.
"""

from __future__ import annotations

import argparse
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from time import perf_counter
from typing import Any

import numpy as np

from attacks import recipes
from attacks.bridge import VictimWrapper, recipe, stand_ins
from attacks.bridge.importing import quiet, textattack
from attacks.drafts import ExactDraft, GradientDraft, RoundedDraft
from attacks.engine.cache import Cache
from attacks.engine.scheduler import EngineConfig, Job, run
from attacks.excerpts import ExcerptDraft
from attacks.models import Model
from attacks.outcomes import Example, Finished, Status
from attacks.protocols import Draft
from attacks.recipe import Recipe
from attacks.text import Text
from attacks.victims import equipped
from attacks.victims.huggingface import HuggingFaceVictim
from harness.auxiliaries import Auxiliaries
from harness.models import load_classifier
from harness.splits import load_split

RECIPES = "deepwordbug,pwws,textfooler,bae"
OURS: dict[str, dict[str, Any]] = {
    "iga": {"min_cosine": 0.75},
    "pwws": {"same_part_of_speech": False, "inflect": False},
    "textfooler": {"min_cosine": 0.5},
}
"""Parameters that make a recipe of ours TextAttack's (see tests/attacks/test_fidelity.py)."""

DRAFTS: dict[str, Draft] = {
    "gradient": GradientDraft(),
    "bfloat16": RoundedDraft(),
    "excerpts": ExcerptDraft(),
    "exact": ExactDraft(),
}


@dataclass(frozen=True)
class Took:
    seconds: float
    broken: int
    asked: int


class Counting:
    """A `ModelWrapper` that remembers what it was asked since the last example."""

    def __init__(self, wrapper: Any) -> None:
        self.wrapper, self.model = wrapper, wrapper.model
        self.asked: set[Any] = set()

    def __call__(self, texts: Sequence[Any], **kwargs: Any) -> Any:
        self.asked |= set(texts)
        return self.wrapper(texts, **kwargs)


def by_textattack(attack: Any, wrapper: Any, examples: Sequence[Example], encoder: Any) -> Took:
    """Its own loop, one example after the other."""

    def encode(sentences: list[str]) -> Any:
        return np.asarray(encoder.run(encoder.encode([(sentence,) for sentence in sentences])))

    counting = Counting(wrapper)
    attack.goal_function.model = counting
    attack.constraints, _ = stand_ins.replaced(attack, encode)
    broken = asked = 0
    started = perf_counter()
    for example in examples:
        result = attack.attack(example.text.strings[0], example.label)
        broken += type(result).__name__ == "SuccessfulAttackResult"
        asked += len(counting.asked)
        counting.asked = set()
    return Took(perf_counter() - started, broken, asked)


def by_us(
    made: Recipe, examples: Sequence[Example], models: dict[str, Model], config: EngineConfig
) -> Took:
    started = perf_counter()
    jobs = (Job(example, made) for example in examples)
    ends = [e.outcome for e in run(jobs, models, config, Cache()) if isinstance(e, Finished)]
    assert not [o.error for o in ends if o.error]
    seconds = perf_counter() - started
    broken = sum(o.status is Status.SUCCEEDED for o in ends)
    return Took(seconds, broken, sum(o.unique_queries for o in ends))


def bae(language_model: Any) -> Callable[[Any], Any]:
    """TextAttack's BAE around a masked language model that is at hand."""
    package = textattack()
    before, swaps = package.constraints.pre_transformation, package.transformations

    def build(wrapper: Any) -> Any:
        return package.Attack(
            package.goal_functions.UntargetedClassification(wrapper),
            [
                before.RepeatModification(),
                before.StopwordModification(),
                package.constraints.grammaticality.PartOfSpeech(allow_verb_noun_swap=True),
                package.constraints.semantics.sentence_encoders.UniversalSentenceEncoder(
                    threshold=0.936338023,
                    metric="cosine",
                    compare_against_original=True,
                    window_size=15,
                    skip_text_shorter_than_window=True,
                ),
            ],
            swaps.WordSwapMaskedLM(
                method="bae",
                masked_language_model=language_model._model,
                tokenizer=language_model._tokenizer,
                max_length=128,
                max_candidates=50,
                min_confidence=0.0,
            ),
            package.search_methods.GreedyWordSwapWIR(wir_method="delete"),
        )

    return build


def joined(rows: Sequence[Example], snippets: int) -> list[Example]:
    """Texts of so many snippets of one label."""
    found = []
    for label in sorted({row.label for row in rows}):
        same = [row for row in rows if row.label == label]
        for n in range(0, len(same) - snippets + 1, snippets):
            text = " ".join(row.text.strings[0] for row in same[n : n + snippets])
            found.append(Example(f"{label}-{n}", Text.of(text), label))
    return sorted(found, key=lambda example: example.id.rpartition("-")[2])


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("model")
    parser.add_argument("--data", default="bundle:rotten-tomatoes:test")
    parser.add_argument("-n", type=int, default=50)
    parser.add_argument("--installed", type=int, default=4)
    parser.add_argument("--join", type=int, default=1)
    parser.add_argument("--pairs", type=int, default=2)
    parser.add_argument("--recipes", default=RECIPES)
    parser.add_argument("--draft", choices=DRAFTS, help="what ours is drafted by")
    parser.add_argument("--device", default="cpu")
    parser.add_argument("--batch-size", type=int, default=64, help="ours, of 64 tokens")
    parser.add_argument("--window", type=int, default=64)
    options = parser.parse_args()
    config = EngineConfig(options.window, options.batch_size, 64 * options.batch_size)
    loaded = load_classifier(options.model)
    rows = list(load_split(options.data, labels=loaded.labels).rows)
    if options.join > 1:
        rows = joined(rows, options.join)
    rows = rows[: options.n]
    words = sum(len(row.text.words) for row in rows) / len(rows)
    victim = HuggingFaceVictim(
        loaded.model,
        loaded.tokenizer,
        loaded.labels,
        fingerprint=loaded.fingerprint,
        max_length=512 if options.join > 1 else 128,
        device=options.device,
    )
    installed = textattack().models.wrappers.HuggingFaceModelWrapper(loaded.model, loaded.tokenizer)
    print(
        f"{options.model} on {options.device}: {len(rows)} texts of {words:.0f} words, "
        f"{options.pairs} pairs, up to {config.batch_size} rows a batch"
    )
    print(
        f"{'recipe':12} {'against':10} {'texts':>5} {'ratio':>6} least  most  broken   asked a text"
    )
    for name in options.recipes.split(","):
        ours = recipes.load(name, **OURS.get(name, {}))
        if options.draft:
            ours = ours.drafted(DRAFTS[options.draft])
        models = Auxiliaries().load({*ours.needs, "similarity"}, options.device)
        mine = equipped(victim, models, [ours])
        by_us(ours, rows[:2], mine, config)  # warms up
        for way, runs in ways(name, victim, installed, models, config).items():
            part = rows[: options.installed if way == "installed" else len(rows)]
            pairs = [(runs(part), by_us(ours, part, mine, config)) for _ in range(options.pairs)]
            show(name, way, len(part), pairs)


def ways(
    name: str,
    victim: HuggingFaceVictim,
    installed: Any,
    models: dict[str, Model],
    config: EngineConfig,
) -> dict[str, Callable[[Sequence[Example]], Took]]:
    """How an attack of TextAttack's is run, by name."""
    with quiet():
        theirs = (
            recipe(bae(models["masked_lm"]), "bae")
            if name == "bae"
            else recipes.load(f"textattack:{name}")
        )
    search: Any = theirs.search
    encoder, repaired = models["similarity"], VictimWrapper(victim)
    asking = equipped(victim, models, [theirs])
    return {
        "repaired": lambda part: by_textattack(search.attack, repaired, part, encoder),
        "bridged": lambda part: by_us(theirs, part, asking, config),
        "installed": lambda part: by_textattack(search.attack, installed, part, encoder),
    }


def show(name: str, way: str, texts: int, pairs: Sequence[tuple[Took, Took]]) -> None:
    """One line of the table; nothing where there were no texts."""
    if not texts:
        return
    ratios = [a.seconds / b.seconds for a, b in pairs]
    a, b = pairs[0]
    print(
        f"{name:12} {way:10} {texts:5} {sum(ratios) / len(ratios):6.2f} {min(ratios):5.2f} "
        f"{max(ratios):5.2f}  {a.broken:3} / {b.broken:<3} {a.asked / texts:6.1f} / "
        f"{b.asked / texts:.1f}   ({b.seconds:.1f} s ours)",
        flush=True,
    )


if __name__ == "__main__":
    main()
