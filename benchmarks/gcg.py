"""What a kept prefix saves when the suffixes of one prompt are scored:

    python benchmarks/gcg.py [--tokens 20,200] [--rounds 4] [--width 512]

The victim is a GPT-2 of six layers, 384 wide, with a vocabulary of 8,192. Its weights are random: they
decide what is written and not how long it takes. A round scores the suffixes of one step of GCG (twenty
tokens, a target of eight) behind a prompt of so many tokens, with and without the keys and values of the
prompt, in turns A B A B. Printed are candidates a second of each, and their ratio over the rounds.
"""

from __future__ import annotations

import argparse
import statistics
from time import perf_counter
from typing import Any

import numpy as np
import torch
from tokenizers import Tokenizer, models, pre_tokenizers
from transformers import GPT2Config, GPT2LMHeadModel, PreTrainedTokenizerFast

from attacks.engine.scheduler import EngineConfig
from attacks.questions import Continuation
from attacks.victims.causal import HuggingFaceCausal

VOCABULARY, SUFFIX, TARGET = 8192, 20, 8


def tokenizer() -> Any:
    """One token a word: w0, w1, ..."""
    names = ["<s>", "</s>", "<unk>", *(f"w{n}" for n in range(VOCABULARY - 3))]
    made = Tokenizer(models.WordLevel({name: n for n, name in enumerate(names)}, "<unk>"))
    made.pre_tokenizer = pre_tokenizers.WhitespaceSplit()
    return PreTrainedTokenizerFast(
        tokenizer_object=made, bos_token="<s>", eos_token="</s>", unk_token="<unk>"
    )


def model() -> Any:
    torch.manual_seed(0)
    config = GPT2Config(
        vocab_size=VOCABULARY,
        n_positions=512,
        n_embd=384,
        n_layer=6,
        n_head=6,
        n_inner=1536,
        bos_token_id=0,
        eos_token_id=1,
    )
    return GPT2LMHeadModel(config).eval()


def questions(tokens: int, width: int, seed: int) -> list[Continuation]:
    """One step: suffixes that differ from each other in a token."""
    draw = np.random.default_rng(seed)

    def words(count: int) -> list[str]:
        return [f"w{n}" for n in draw.integers(VOCABULARY - 3, size=count)]

    stem, suffix, target = " ".join(words(tokens)), words(SUFFIX), " ".join(words(TARGET))
    found = []
    for word in words(width):
        changed = [*suffix]
        changed[int(draw.integers(SUFFIX))] = word
        found.append(Continuation((f"{stem} {' '.join(changed)}",), target, (stem,)))
    return found


def timed(victim: HuggingFaceCausal, asked: list[Continuation]) -> float:
    """Candidates a second, in the batches that the scheduler would make of them; with tokenizing."""
    started = perf_counter()
    encodings = victim.encode(asked)
    limits = EngineConfig()
    rows = max(1, min(limits.batch_size, limits.batch_tokens // len(encodings[0])))
    for start in range(0, len(encodings), rows):
        victim.run(encodings[start : start + rows])
    return len(asked) / (perf_counter() - started)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--tokens", default="20,200")
    parser.add_argument("--rounds", type=int, default=4)
    parser.add_argument("--width", type=int, default=512)
    chosen = parser.parse_args()
    network, words = model(), tokenizer()
    print(f"GPT-2, 6 layers, 384 wide, random weights; torch threads: {torch.get_num_threads()}")
    print("| prompt | kept prefix | whole text | ratio, median (least to most) |")
    print("|---|---|---|---|")
    for tokens in map(int, chosen.tokens.split(",")):
        kept, whole = (
            HuggingFaceCausal(network, words, fingerprint="b", reuse=reuse)
            for reuse in (True, False)
        )
        for victim in (kept, whole):
            timed(victim, questions(tokens, 32, 99))
        pairs = []
        for seed in range(chosen.rounds):
            asked = questions(
                tokens, chosen.width, seed
            )  # another prompt a round: its prefix is new
            pairs.append((timed(kept, asked), timed(whole, asked)))
        ratios = [a / b for a, b in pairs]
        middle = [statistics.median(side) for side in zip(*pairs, strict=True)]
        print(
            f"| {tokens} tokens | {middle[0]:.0f}/s | {middle[1]:.0f}/s | "
            f"{statistics.median(ratios):.2f} ({min(ratios):.2f} to {max(ratios):.2f}) |"
        )


if __name__ == "__main__":
    main()
