"""A model of BERT-base's size to measure with, where no download gives one: `make bench-cuda`, or

    python benchmarks/bert_base.py FOLDER

writes twelve layers of random weights (109 million) with the vocabulary of the built-in MiniLM;
`withstand train benchmarks/bert-base.toml` then teaches it film reviews. It reads them worse than BERT
does, and takes as long over them, which is what is measured.
"""

from __future__ import annotations

import sys
from pathlib import Path

import torch
from transformers import AutoTokenizer, BertConfig, BertModel

from harness.bundles import locate


def main(folder: Path) -> None:
    tokenizer = AutoTokenizer.from_pretrained(locate("minilm-l6", "model"))
    torch.manual_seed(0)
    BertModel(BertConfig(vocab_size=len(tokenizer))).save_pretrained(folder)
    tokenizer.save_pretrained(folder)


if __name__ == "__main__":
    main(Path(sys.argv[1]))
