"""Models made of an adapter's folder and its base: what they are, loaded and saved.

An adapter that can be merged is, and the model is an ordinary one in memory; the others stay in it
(`kept_adapters`) and are saved as `peft` does, with the base model in a sub-folder.
"""

from __future__ import annotations

import json
import warnings
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any

from harness import bottleneck, virtual_tokens
from harness.adapter_files import (
    BOTTLENECK,
    CONFIG,
    PROMPT,
    TASK,
    VIRTUAL,
    WEIGHTS,
    AdapterFiles,
    is_adapter,
    positive,
    read_adapter,
)
from harness.errors import HarnessError, in_words, reason_of
from harness.kept_adapters import adapter_state
from harness.loading import quiet
from harness.model_files import ModelFacts, check_model_folder, fetch, resolve

HEAD = "base_model."
"""How peft begins the names of the base model's weights that it saves with virtual tokens."""
_HEADS = ("classifier", "score")
"""What peft saves of a classifier beside virtual tokens, whatever it is told."""
_NO_LIST = "has to be a list of names of linear layers"


def adapter_facts(
    folder: Path, *, trust_remote_code: bool = False, weights: bool = True
) -> ModelFacts:
    """What a folder with an adapter says of the classifier that it makes of its base model.

    The base has the label names, where it is a classifier; an adapter that brings a head to an encoder
    says how many there are. Code of a base that is only named is not run, whatever is trusted.

    Raises HarnessError as `read_adapter`, and as `check_model_folder` for the base.
    """
    adapter = read_adapter(folder, weights=weights)
    try:
        place = _base_of(adapter, weights)
        if is_adapter(place):
            raise HarnessError(f"{place} is an adapter too; merge it first.")
        base = check_model_folder(
            place,
            trust_remote_code=trust_remote_code and adapter.own_base,
            weights=weights,
            tokenizer=not has_tokenizer(folder),
        )
    except (HarnessError, OSError) as error:  # a name may be too long to look for
        raise HarnessError(f"{folder} is an adapter, and its base model: {error}") from None
    classes = adapter.classes or base.classes
    longest = base.longest
    if longest is not None:
        longest -= adapter.tokens
        if longest < 1:
            raise HarnessError(
                f"{folder}: its {adapter.tokens:,} virtual tokens take all the positions of its base "
                f"model, which has {base.longest:,}."
            )
    return replace(
        base,
        folder=folder,
        base=base.folder,
        adapter=adapter,
        classifier=base.classifier or classes > 0,
        classes=classes,
        labels=base.labels if classes == base.classes else None,
        longest=longest,
    )


def put_on(model: Any, adapter: AdapterFiles) -> tuple[Any, set[str]]:
    """The model with the adapter merged into it or beside it, and the names of weights it brought.

    Raises HarnessError where the adapter's weights and the model do not fit.
    """
    with _explained(adapter):
        if adapter.merged:
            return _merged(model, adapter)
        if adapter.method == BOTTLENECK:
            return model, _bottlenecks(model, adapter)
        return model, _virtual_tokens(model, adapter)


def write_adapter(model: Any, folder: Path, base: str) -> None:
    """Save the adapter that stays in a model into `folder`.

    Args:
        base: how the configuration names the base model; peft looks there and knows no sub-folders.
    """
    from safetensors.torch import save_file

    made = virtual_tokens.attached(model)
    if made is None:
        found = bottleneck.bottlenecks(model)
        one = next(iter(found.values()))
        _write_settings(
            folder,
            {
                "base_model_name_or_path": base,
                "dropout": one.dropout.p,
                "peft_type": BOTTLENECK,
                "size": one.down.out_features,
                "target_modules": sorted(found),
                "task_type": TASK,
            },
        )
        state = adapter_state(model)
    else:
        _peft_config(made, base).save_pretrained(str(folder))
        state = {PROMPT: made.weight}
        for name, value in model.state_dict().items():
            if name.split(".")[0].endswith(_HEADS):  # DistilBERT's pre_classifier is one to peft
                state[HEAD + name] = value
    save_file(
        {name: value.detach().cpu().contiguous().clone() for name, value in state.items()},
        folder / WEIGHTS,
        metadata={"format": "pt"},
    )


def has_tokenizer(folder: Path) -> bool:
    """Whether a folder with an adapter has a tokenizer of its own."""
    return (folder / "tokenizer_config.json").is_file()


def _base_of(adapter: AdapterFiles, weights: bool) -> Path:
    if adapter.own_base:
        return Path(adapter.base)
    source = resolve(adapter.base)
    revision = adapter.settings.get("revision")
    if source.kind == "hub" and isinstance(revision, str) and source.revision is None:
        source = replace(source, revision=revision or None)
    return fetch(source, weights=weights)


def _merged(model: Any, adapter: AdapterFiles) -> tuple[Any, set[str]]:
    from peft import PeftModel, get_peft_model_state_dict

    state = _state(adapter)
    wrapped = PeftModel.from_pretrained(model, str(adapter.folder), is_trainable=False)
    known = set(get_peft_model_state_dict(wrapped))
    _require_all(adapter, known, set(state))
    merged = wrapped.merge_and_unload()
    if hasattr(merged, "peft_config"):
        del merged.peft_config
    own = {name for name, _ in merged.named_parameters()}
    return merged.requires_grad_(True), {
        name for name in own if f"base_model.model.{name}" in state
    }


def _virtual_tokens(model: Any, adapter: AdapterFiles) -> set[str]:
    state = _state(adapter)
    weight = state.pop(PROMPT)
    method = VIRTUAL[adapter.method]
    if adapter.settings.get("num_transformer_submodules") not in (None, 1):
        raise HarnessError("it is for an encoder-decoder.")
    if method == "prefix":
        layers, heads = positive(adapter, "num_layers"), positive(adapter, "num_attention_heads")
        if weight.dim() != 2 or weight.shape[1] % (2 * layers * heads):
            raise HarnessError(
                f"'{PROMPT}' has shape {tuple(weight.shape)}, which is not what {layers} layers of "
                f"{heads} heads take."
            )
        made = virtual_tokens.VirtualTokens("prefix", weight.float(), heads=heads, layers=layers)
    else:
        made = virtual_tokens.VirtualTokens("prompt", weight.float())
    names = {name.removeprefix(HEAD): value for name, value in state.items()}
    own = dict(model.named_parameters())
    _require_all(adapter, set(own), set(names), all_of_it=False)
    for name, value in names.items():
        own[name].data.copy_(_fitting(name, value, own[name].shape))
    virtual_tokens.attach(model, made)
    return set(names)


def _bottlenecks(model: Any, adapter: AdapterFiles) -> set[str]:
    targets, dropout = adapter.settings.get("target_modules"), adapter.settings.get("dropout", 0.0)
    known = {name for name, _ in bottleneck.linear_layers(model)}
    if not isinstance(targets, list) or not targets or not known.issuperset(map(str, targets)):
        raise HarnessError(f"target_modules is {targets!r:.60}, and {_NO_LIST} of the model.")
    if type(dropout) not in (int, float) or not 0 <= dropout < 1:
        raise HarnessError(f"dropout is {dropout!r:.60}, and has to be from 0 to less than 1.")
    state = _state(adapter)
    size = positive(adapter, "size")
    first = state.get(f"{targets[0]}.{bottleneck.NAME}.down.weight")
    if first is None or len(first) != size:
        raise HarnessError(f"size is {size:,}, and the weights are of another.")
    bottleneck.attach(model, size, float(dropout), [str(name) for name in targets])
    own = adapter_state(model)
    _require_all(adapter, set(own), set(state))
    model.load_state_dict(state, strict=False)
    bottleneck.prove(model)
    return set()


def _require_all(
    adapter: AdapterFiles, known: set[str], given: set[str], *, all_of_it: bool = True
) -> None:
    """Raise HarnessError where weights are there that the model has no place for, or some are not."""
    if more := sorted(given - known):
        raise HarnessError(
            f"the model has no place for {len(more):,} of its weights ({in_words(more, 3)}). Its base "
            "is another one."
        )
    if all_of_it and (less := sorted(known - given)):
        raise HarnessError(f"{len(less):,} of its weights are not there ({in_words(less, 3)}).")


def _fitting(name: str, value: Any, shape: Any) -> Any:
    if value.shape != shape:
        raise HarnessError(
            f"'{name}' has shape {tuple(value.shape)}, and in the model {tuple(shape)}."
        )
    return value


def _state(adapter: AdapterFiles) -> dict[str, Any]:
    from safetensors.torch import load_file

    found: dict[str, Any] = load_file(adapter.folder / WEIGHTS)
    return found


def _peft_config(made: virtual_tokens.VirtualTokens, base: str) -> Any:
    from peft import PrefixTuningConfig, PromptTuningConfig

    options: dict[str, Any] = {
        "task_type": TASK,
        "base_model_name_or_path": base,
        "inference_mode": True,
        "num_virtual_tokens": made.tokens,
        "num_transformer_submodules": 1,
        "modules_to_save": list(_HEADS),
    }
    if made.method == "prompt":
        # peft wants numbers of layers and heads of every prompt, and does nothing with them.
        width = made.weight.shape[1]
        return PromptTuningConfig(**options, token_dim=width, num_layers=1, num_attention_heads=1)
    width = made.weight.shape[1] // (2 * made.layers)
    return PrefixTuningConfig(
        **options,
        token_dim=width,
        encoder_hidden_size=width,
        num_layers=made.layers,
        num_attention_heads=made.heads,
    )


def _write_settings(folder: Path, settings: Mapping[str, Any]) -> None:
    (folder / CONFIG).write_text(json.dumps(settings, indent=2) + "\n", encoding="utf-8")


@contextmanager
def _explained(adapter: AdapterFiles) -> Iterator[None]:
    try:
        with quiet(), warnings.catch_warnings():
            warnings.simplefilter("ignore")
            yield
    # Its configuration may hold anything, and peft takes it as it is.
    except Exception as error:
        raise HarnessError(
            f"The adapter in {adapter.folder} cannot be loaded: {reason_of(error)}."
        ) from error
