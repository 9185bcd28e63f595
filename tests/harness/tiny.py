"""Models of a few thousand weights, and data on which they can learn something."""

from __future__ import annotations

import random
from collections.abc import Callable, Sequence
from functools import lru_cache
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import torch
import transformers

from attacks.outcomes import Example
from attacks.text import Text
from harness.training_plan import Train

GOOD, BAD = ["good", "fine", "great", "warm"], ["bad", "awful", "poor", "dull"]
PLAIN = ["film", "movie", "plot", "the", "a", "is", "was", "it"]
WORDS = [*GOOD, *BAD, *PLAIN]
LETTERS = "abcdefghijklmnopqrstuvwxyz"
VOCABULARY = [
    *("[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]"),
    *WORDS,
    *LETTERS,
    *(f"##{letter}" for letter in LETTERS),
]


@lru_cache
def tokenizer() -> Any:
    from transformers import BertTokenizerFast

    with TemporaryDirectory() as folder:
        path = Path(folder) / "vocab.txt"
        path.write_text("\n".join(VOCABULARY))
        return BertTokenizerFast(str(path))


def examples(count: int, seed: int = 0) -> list[Example]:
    """Texts of 3 to 14 words; the label says whether good words outnumber bad ones."""
    chooser = random.Random(seed)
    made = []
    for number in range(count):
        words = [chooser.choice(WORDS) for _ in range(chooser.randint(3, 14))]
        label = int(sum(w in GOOD for w in words) > sum(w in BAD for w in words))
        made.append(Example(f"s{seed}-{number}", Text.of(" ".join(words)), label))
    return made


SIZES = {
    "vocab_size": len(VOCABULARY),
    "hidden_size": 16,
    "num_hidden_layers": 2,
    "num_attention_heads": 2,
    "intermediate_size": 24,
    "max_position_embeddings": 64,
    "num_labels": 2,
    "pad_token_id": 0,
}


def _bert() -> Any:
    from transformers import BertConfig

    return BertConfig(**SIZES)


def _roberta() -> Any:
    from transformers import RobertaConfig

    return RobertaConfig(**SIZES, type_vocab_size=1)


def _distilbert() -> Any:
    from transformers import DistilBertConfig

    return DistilBertConfig(
        vocab_size=len(VOCABULARY), dim=16, n_layers=2, n_heads=2, hidden_dim=24, num_labels=2
    )


def _deberta() -> Any:
    from transformers import DebertaV2Config

    return DebertaV2Config(
        **SIZES, relative_attention=True, pos_att_type=["p2c", "c2p"], type_vocab_size=0
    )


def _modernbert() -> Any:
    from transformers import ModernBertConfig

    return ModernBertConfig(
        **SIZES, cls_token_id=2, sep_token_id=3, bos_token_id=2, eos_token_id=3, local_attention=8
    )


def _electra() -> Any:
    from transformers import ElectraConfig

    return ElectraConfig(**SIZES, embedding_size=8)


def _albert() -> Any:
    from transformers import AlbertConfig

    return AlbertConfig(**SIZES, embedding_size=8, num_hidden_groups=1)


def _llama() -> Any:
    from transformers import LlamaConfig

    return LlamaConfig(**SIZES, num_key_value_heads=2)


def _t5() -> Any:
    from transformers import T5Config

    return T5Config(
        vocab_size=len(VOCABULARY),
        d_model=16,
        d_kv=8,
        d_ff=24,
        num_layers=2,
        num_heads=2,
        num_labels=2,
        pad_token_id=0,
        eos_token_id=3,
        decoder_start_token_id=0,
    )


def _bart() -> Any:
    from transformers import BartConfig

    return BartConfig(
        vocab_size=len(VOCABULARY),
        d_model=16,
        encoder_layers=2,
        decoder_layers=2,
        encoder_attention_heads=2,
        decoder_attention_heads=2,
        encoder_ffn_dim=24,
        decoder_ffn_dim=24,
        max_position_embeddings=64,
        num_labels=2,
        pad_token_id=0,
        eos_token_id=3,
        bos_token_id=2,
        decoder_start_token_id=3,
        forced_eos_token_id=None,
    )


def _marian() -> Any:
    from transformers import MarianConfig

    return MarianConfig(**_bart().to_diff_dict() | {"model_type": "marian"})


HEADS: dict[str, Callable[[], Any]] = {
    "bert": _bert,
    "roberta": _roberta,
    "distilbert": _distilbert,
    "deberta-v2": _deberta,
    "modernbert": _modernbert,
    "electra": _electra,
    "albert": _albert,
    "llama": _llama,
}
ENCODER_DECODERS: dict[str, Callable[[], Any]] = {"t5": _t5, "bart": _bart}
WRITERS: dict[str, Callable[[], Any]] = {**ENCODER_DECODERS, "marian": _marian}


def embeds_twice(kind: str) -> bool:
    """transformers 4 runs one embedding module of T5 in the encoder and in the decoder."""
    return kind == "t5" and int(transformers.__version__.split(".")[0]) < 5


DROPOUTS = (
    "hidden_dropout_prob",
    "attention_probs_dropout_prob",
    "attention_dropout",
    "dropout",
    "seq_classif_dropout",
    "classifier_dropout",
    "classifier_dropout_prob",
    "embedding_dropout",
    "mlp_dropout",
    "dropout_rate",
    "summary_last_dropout",
)


def classifier(kind: str = "bert", *, dropout: float | None = None, seed: int = 0) -> Any:
    """A randomly initialised classifier; `dropout` sets every dropout of its configuration."""
    from transformers import AutoModelForSequenceClassification

    config = {**HEADS, **ENCODER_DECODERS}[kind]()
    if dropout is not None:
        for name in DROPOUTS:
            if hasattr(config, name):
                setattr(config, name, dropout)
    # The usual 0.02 leaves gradients of models this small too near to nothing to compare.
    config.initializer_range = config.init_std = 0.3
    torch.manual_seed(seed)
    return AutoModelForSequenceClassification.from_config(config, attn_implementation="eager")


def teacher() -> Any:
    """Another BERT, of five layers, frozen."""
    from transformers import BertConfig, BertForSequenceClassification

    config = BertConfig(**{**SIZES, "num_hidden_layers": 5, "initializer_range": 0.3})
    with torch.random.fork_rng():
        torch.manual_seed(9)
        return BertForSequenceClassification(config).eval().requires_grad_(False)


def writer(kind: str = "t5", seed: int = 2) -> Any:
    """A randomly initialised encoder-decoder, whose weights are large enough to mind what it reads."""
    from transformers import AutoModelForSeq2SeqLM

    model = AutoModelForSeq2SeqLM.from_config(WRITERS[kind]()).eval()
    torch.manual_seed(seed)
    with torch.no_grad():
        for weights in model.parameters():
            if weights.dim() > 1 and weights.requires_grad:  # Marian's positions are fixed
                weights.normal_(std=0.5)
    return model


def inputs(texts: Sequence[str], kind: str = "bert") -> dict[str, torch.Tensor]:
    """A padded batch as the model of that kind takes it."""
    batch = dict(tokenizer()(list(texts), padding=True, return_tensors="pt"))
    if kind not in ("bert", "electra", "albert"):
        batch.pop("token_type_ids")
    return batch


def loaded(model: Any | None = None) -> Any:
    """A tiny model as `harness.models` hands it out."""
    from harness.model_files import ModelSource
    from harness.models import LoadedModel

    return LoadedModel(
        source=ModelSource("tiny", "folder", "tiny"),
        model=classifier() if model is None else model,
        tokenizer=tokenizer(),
        labels=("negative", "positive"),
        fingerprint="tiny",
        files={},
        new_head=True,
    )


def settings(output: Path, **changes: Any) -> Train:
    """A section `[train]` for a tiny model."""
    import json

    defaults = {"output": str(output), "epochs": 2, "batch_size": 8, "learning_rate": 5e-3}
    return Train.model_validate_json(json.dumps({**defaults, **changes}))
