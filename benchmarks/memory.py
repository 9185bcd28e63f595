"""Whether a campaign's memory grows with its examples:

    python benchmarks/memory.py [--examples 200,20000] [--recipe NAME]

Each number of examples runs in a process of its own against a victim of no size, so that what is
printed, the largest resident set less that after the imports, is the engine's: searches in flight, queue
and cache. Outcomes are counted and dropped, as a recorder does that writes them to a file.
"""

from __future__ import annotations

import argparse
import multiprocessing
import resource
import sys
from collections.abc import Iterator
from multiprocessing.connection import Connection

from attacks import recipes
from attacks.engine.scheduler import Job, run
from attacks.outcomes import Example, Finished
from attacks.questions import Inputs
from attacks.text import Text
from attacks.victims.function import FunctionVictim
from harness.splits import load_split

UNIT = 1024 if sys.platform != "darwin" else 1
"""Bytes in a unit of `ru_maxrss`."""


def length(texts: list[str] | list[Inputs]) -> list[list[float]]:
    """Probabilities by the number of characters: every word weighs something."""
    shares = [0.5 + 0.4 / (1 + len(text) % 97) for text in texts]
    return [[1 - share, share] for share in shares]


def jobs(examples: int, name: str) -> Iterator[Job]:
    """Snippets over and over, each with a number of its own, so that no two are the same."""
    recipe = recipes.load(name)
    rows = load_split("bundle:rotten-tomatoes:train").rows
    for n in range(examples):
        text = Text.of(f"{rows[n % len(rows)].text.strings[0]} {n}")
        yield Job(Example(str(n), text, 1), recipe)


def measured(examples: int, name: str, answer: Connection) -> None:
    list(run(jobs(5, name), {"victim": FunctionVictim(length, ("a", "b"), "v")}))
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    asked = 0
    for event in run(jobs(examples, name), {"victim": FunctionVictim(length, ("a", "b"), "v")}):
        if isinstance(event, Finished):
            asked += event.outcome.unique_queries
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    answer.send((asked, (peak - before) * UNIT, before * UNIT))


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--examples", default="200,2000,20000")
    parser.add_argument("--recipe", default="deepwordbug")
    options = parser.parse_args()
    print(f"{'examples':>8} {'texts asked':>12} {'growth MB':>10} {'imports MB':>11}")
    for count in map(int, options.examples.split(",")):
        context = multiprocessing.get_context("spawn")
        here, there = context.Pipe()
        process = context.Process(target=measured, args=(count, options.recipe, there))
        process.start()
        asked, growth, imports = here.recv()
        process.join()
        print(f"{count:8} {asked:12} {growth / 1e6:10.1f} {imports / 1e6:11.1f}", flush=True)


if __name__ == "__main__":
    main()
