"""The sections of a plan that a fine-tuning reads: `[train]` and `[harden]`."""

from __future__ import annotations

from typing import Any, Literal, Self

from pydantic import (
    BaseModel,
    ConfigDict,
    Field,
    SerializerFunctionWrapHandler,
    field_validator,
    model_serializer,
    model_validator,
)


class Section(BaseModel):
    """A table of a plan file: every key is known, every value of its type."""

    model_config = ConfigDict(extra="forbid", frozen=True, strict=True, allow_inf_nan=False)


class Objective(Section):
    """A training loss by name, with its parameters (see `withstand ls objectives`).

    Attributes:
        weight: what its loss counts beside those of the others, where there are several.
    """

    name: str = "plain"
    parameters: dict[str, float | int | bool | str] = Field(default_factory=dict)
    weight: float = Field(default=1.0, gt=0.0)


class Augment(Section):
    """Attack-generated training examples, made anew each epoch against the current weights.

    Attributes:
        attacks: recipes that take turns over the attacked examples.
        share: part of the training set that is attacked each epoch.
        query_budget: distinct queries an attacked example may cost (None: the recipe's own end).
        keep_clean: train on the original beside its adversarial version.
        start_epoch: first epoch (counted from 0) whose data is attacked.
        keep_failures: train on the hardest candidate too where no attack succeeded.
        refresh: times an epoch at which its share is attacked: the rows of each part of the epoch
            against the weights of the moment at which the part begins.
        static: attack in `start_epoch` alone, and train on what was found then in every epoch after it.
        order: "turns", or "curriculum": the recipes are written from weak to strong, and the epochs go
            from one to the next, as many with each.
    """

    attacks: tuple[str, ...] = Field(min_length=1)
    share: float = Field(default=0.25, gt=0.0, le=1.0)
    query_budget: int | None = Field(default=None, ge=1)
    keep_clean: bool = True
    start_epoch: int = Field(default=0, ge=0)
    keep_failures: bool = True
    refresh: int = Field(default=1, ge=1)
    static: bool = False
    order: Literal["turns", "curriculum"] = "turns"

    @model_validator(mode="after")
    def _static_is_once(self) -> Self:
        if self.static and self.refresh > 1:
            raise ValueError("static attacks once, and refresh asks for several times an epoch")
        if self.static and self.order == "curriculum":
            raise ValueError("static attacks once, and a curriculum goes on from epoch to epoch")
        return self


class Selection(Section):
    """How the checkpoint is chosen: always on validation data.

    Attributes:
        metric: "accuracy", "loss" or "robust_accuracy" (the worst case over `attacks`).
        attacks: recipes run on `examples` validation texts after each epoch for robust accuracy.
        patience: epochs without improvement before training stops early (0: never).
        max_clean_drop: a checkpoint whose validation accuracy is more than this below the best
            validation accuracy of the run is not chosen for its robust accuracy.
        blend: shares of the trained weights in mixtures with those that training started from. Then
            epochs compete by `metric` without regard to clean accuracy. Of the mixtures, the trained
            weights alone among them, robust accuracy takes the largest share whose validation accuracy
            is at most `max_clean_drop` below that of the model that training started from (the most
            accurate where there is none); other metrics measure and compare them all. (WiSE-FT:
            Wortsman et al., CVPR 2022.)
    """

    metric: Literal["accuracy", "loss", "robust_accuracy"] = "accuracy"
    attacks: tuple[str, ...] = ()
    examples: int = Field(default=100, ge=1)
    query_budget: int | None = Field(default=None, ge=1)
    patience: int = Field(default=0, ge=0)
    max_clean_drop: float = Field(default=0.02, ge=0.0, le=1.0)
    blend: tuple[float, ...] = ()

    @model_validator(mode="after")
    def _shares_lie_between(self) -> Self:
        if any(not 0 < share < 1 for share in self.blend):
            raise ValueError("shares in blend lie between 0 and 1, both excluded")
        return self

    @model_validator(mode="after")
    def _robust_needs_attacks(self) -> Self:
        if self.metric == "robust_accuracy" and not self.attacks:
            raise ValueError('metric "robust_accuracy" needs at least one name in attacks')
        return self


class Monitor(Section):
    """What is measured after each epoch beside the numbers that the checkpoint is chosen by.

    Attributes:
        train_examples: training texts, drawn once, whose loss and accuracy are set beside validation's.
        attacked: of these, so many are attacked by `selection.attacks`, for the robust gap (0: none).
        tensorboard: write TensorBoard's event files into the run folder (needs the package tensorboard).
    """

    train_examples: int = Field(default=500, ge=0)
    attacked: int = Field(default=0, ge=0)
    tensorboard: bool = False


class Adaptation(Section):
    """What of the model is kept, begun anew, held still, and taught at which rate.

    Attributes:
        keep_layers: layers that are kept, spread evenly with the last among them (of an
            encoder-decoder: of its encoder); 0: all.
        reinitialize: topmost layers whose weights are drawn anew, the pooler's with them.
        freeze: lowest layers that are held still, the embeddings with them.
        layer_decay: each layer's learning rate relative to the one above it.
    """

    keep_layers: int = Field(default=0, ge=0)
    reinitialize: int = Field(default=0, ge=0)
    freeze: int = Field(default=0, ge=0)
    layer_decay: float = Field(default=1.0, gt=0.0, le=1.0)


AdapterMethod = Literal["lora", "dora", "ia3", "prefix", "prompt", "bottleneck"]
ADAPTER_SETTINGS: dict[AdapterMethod, tuple[str, ...]] = {
    "lora": ("rank", "alpha", "dropout", "targets"),
    "dora": ("rank", "alpha", "dropout", "targets"),
    "ia3": ("targets",),
    "prefix": ("tokens",),
    "prompt": ("tokens",),
    "bottleneck": ("size", "dropout", "targets"),
}
"""What can be said of each method."""
KEPT: tuple[AdapterMethod, ...] = ("prefix", "prompt", "bottleneck")
"""Methods whose outcome cannot be added to the weights: it stays beside them in the model."""


class Adapter(Section):
    """Few weights that are trained in the place of the model's own.

    Those of LoRA, DoRA and IA3 are merged into the model's at the end. Those of the others stay beside
    them, and the model is saved as a folder with both.

    Attributes:
        method: "lora", "dora", "ia3", "prefix", "prompt" or "bottleneck".
        rank, alpha, dropout: of LoRA and DoRA; what is added is scaled by alpha / rank.
        targets: ends of the names of linear layers that are adapted ("query", "attention.self.value");
            by default all of them, for IA3 those of its paper where the architecture is known, for
            "bottleneck" those that end a layer's attention and its feed-forward network.
        tokens: virtual tokens of "prefix" and "prompt"; they take positions away from the text. More
            than 20 gain little (Lester et al., EMNLP 2021, section 3.2).
        size: width of "bottleneck"; 64 served all tasks of its paper (Houlsby et al., ICML 2019,
            section 3.2). `dropout` is of what goes into it.
    """

    method: AdapterMethod = "lora"
    rank: int = Field(default=8, ge=1)
    alpha: float = Field(default=16.0, gt=0.0)
    dropout: float = Field(default=0.0, ge=0.0, lt=1.0)
    targets: tuple[str, ...] = ()
    tokens: int = Field(default=20, ge=1)
    size: int = Field(default=64, ge=1)

    @model_validator(mode="after")
    def _settings_are_of_the_method(self) -> Self:
        known = ADAPTER_SETTINGS[self.method]
        for name in sorted(self.model_fields_set - {"method", *known}):
            raise ValueError(
                f"adapter.{name} says nothing to the method '{self.method}', which knows "
                f"{', '.join(known)}; leave it out"
            )
        return self

    @model_serializer(mode="wrap")
    def _without_what_says_nothing(self, write: SerializerFunctionWrapHandler) -> dict[str, Any]:
        # A plan is written out with its defaults, and has to be read again.
        known = ("method", *ADAPTER_SETTINGS[self.method])
        return {name: value for name, value in write(self).items() if name in known}

    @property
    def positions(self) -> int:
        """Positions that it takes away from the text."""
        return self.tokens if self.method in ("prefix", "prompt") else 0


class Averaging(Section):
    """An average of the weights that is evaluated, chosen and saved in their place.

    Attributes:
        method: "ema" (a moving average over steps) or "swa" (the mean over the ends of epochs).
        decay: of "ema".
        start_epoch: first epoch (counted from 0) of "swa".
    """

    method: Literal["ema", "swa"]
    decay: float = Field(default=0.999, gt=0.0, lt=1.0)
    start_epoch: int = Field(default=0, ge=0)


def _one_or_several_in_schema(found: dict[str, Any]) -> None:
    """A table, or a list of tables: what `Train` takes for its objective."""
    array = {key: found.pop(key) for key in ("type", "items", "minItems") if key in found}
    found["anyOf"] = [array["items"], array]


class Train(Section):
    """One fine-tuning.

    Attributes:
        output: folder that the model is saved to.
        objective: the training loss, `[train.objective]`, or several, `[[train.objective]]`, that are
            added; `awp` goes around the others.
        plain_warmup: share of all steps, at the start, that train plainly; then the objective begins.
            Where the head is new, a strong adversary leaves nothing to learn from.
        balance: for classes of unequal size: "oversample" repeats rows of rarer classes until each has
            as many as the commonest; "weights" weighs the loss of a row by rows / (classes * rows of its
            class) (King and Zeng, Political Analysis 2001).
        start: "base" (the pretrained weights) or "plain" (what `[train]` left; `[harden]` only).
        learning_rate: AdamW's; by default by the model's size and what is trained (`learning_rates`).
        weight_decay: AdamW's.
        warmup: share of all steps over which the rate rises; then it falls along `schedule`.
        clip: gradient norm at which gradients are clipped.
        precision: of activations; weights stay in float32. "float16" needs a CUDA device.
        gradient_checkpointing: keep no activations inside layers and compute them again: less memory, a
            third more time.
        label_smoothing: share of each training target that is spread over all classes.
        adaptation: layers kept, begun anew, held still.
        adapter: where given, it is trained, with the head, in the place of all weights (`Adapter`).
        average: where given, an average of the weights takes their place.
        teacher: a fine-tuned classifier that `soft_labels` and the objective `distillation` ask; "plain"
            is what `[train]` left. By default the starting model, as it was.
        soft_labels: share of each training target that is the teacher's answer to the unaltered text,
            the rest being the label; attacked rows have it too (robust distillation: Goldblum et al.,
            AAAI 2020). The teacher is asked once, in its own tokens, so that it may be of another kind.
    """

    output: str
    start: Literal["base", "plain"] = "base"
    objective: tuple[Objective, ...] = Field(
        default=(Objective(),), min_length=1, json_schema_extra=_one_or_several_in_schema
    )
    plain_warmup: float = Field(default=0.0, ge=0.0, lt=1.0)
    adaptation: Adaptation = Adaptation()
    adapter: Adapter | None = None
    average: Averaging | None = None
    augment: Augment | None = None
    selection: Selection = Selection()
    monitor: Monitor = Monitor()
    balance: Literal["none", "oversample", "weights"] = "none"
    epochs: int = Field(default=3, ge=1)
    batch_size: int = Field(default=16, ge=1)
    accumulate: int = Field(default=1, ge=1)
    learning_rate: float | None = Field(default=None, gt=0.0)
    weight_decay: float = Field(default=0.01, ge=0.0)
    warmup: float = Field(default=0.06, ge=0.0, lt=1.0)
    schedule: Literal["linear", "cosine", "constant"] = "linear"
    clip: float = Field(default=1.0, gt=0.0)
    precision: Literal["float32", "bfloat16", "float16"] = "float32"
    gradient_checkpointing: bool = False
    label_smoothing: float = Field(default=0.0, ge=0.0, lt=1.0)
    teacher: str | None = None
    soft_labels: float = Field(default=0.0, ge=0.0, le=1.0)

    @field_validator("objective", mode="before")
    @classmethod
    def _one_or_several(cls, value: Any) -> Any:
        if isinstance(value, dict | Objective):
            return (value,)
        return tuple(value) if isinstance(value, list) else value

    @model_validator(mode="after")
    def _gap_needs_attacks(self) -> Self:
        if self.monitor.attacked and not self.selection.attacks:
            raise ValueError("monitor.attacked needs at least one name in selection.attacks")
        if self.monitor.attacked > self.monitor.train_examples:
            raise ValueError("monitor.attacked is a part of monitor.train_examples")
        return self

    @model_validator(mode="after")
    def _adapter_stands_on_its_own(self) -> Self:
        settings = self.adaptation
        if self.adapter and (settings.freeze or settings.reinitialize):
            raise ValueError(
                "an adapter holds all layers still: adaptation.freeze adds nothing to it, and what "
                "adaptation.reinitialize draws anew would never be learnt"
            )
        return self

    @model_validator(mode="after")
    def _a_kept_adapter_stands_beside(self) -> Self:
        method = self.adapter.method if self.adapter else None
        if method in KEPT and self.selection.blend:
            raise ValueError(
                f"selection.blend mixes weights with those that training started from, which had no "
                f"{method} beside them; choose lora, dora or ia3, or leave blend out"
            )
        if method == "prefix" and self.gradient_checkpointing:
            raise ValueError(
                "gradient_checkpointing leaves out the keys and values that a prefix consists of, so "
                'that nothing of it would be trained; leave one out, or choose "prompt"'
            )
        return self

    @property
    def needs_trained_start(self) -> str | None:
        """The key that makes no sense where training starts from a head that was never trained."""
        if self.soft_labels and not self.teacher:
            return "soft_labels"
        return "selection.blend" if self.selection.blend else None
