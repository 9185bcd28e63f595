"""The models that recipes need beside the victim."""

from __future__ import annotations

from pathlib import Path

import pytest

from attacks import recipes
from attacks.protocols import FIRST_ORDER, FLUENCY, MASKED_LM, SIMILARITY
from attacks.victims import ABILITIES
from harness.auxiliaries import Auxiliaries
from harness.bundles import bundle as bundle_named
from harness.bundles import inspect, locate
from harness.errors import HarnessError


@pytest.mark.smoke
def test_what_is_needed_is_loaded_and_nothing_else() -> None:
    assert Auxiliaries().load([FIRST_ORDER]) == {}
    found = Auxiliaries().load([FLUENCY, MASKED_LM, SIMILARITY])
    assert set(found) == {FLUENCY, MASKED_LM, SIMILARITY}
    assert len({model.fingerprint for model in found.values()}) == 3
    assert set(Auxiliaries().load([FLUENCY])) == {FLUENCY}


def test_every_need_of_every_recipe_is_known() -> None:
    served = {*ABILITIES, SIMILARITY, MASKED_LM, FLUENCY}
    for name in recipes.BUILTIN:
        assert set(recipes.load(name).needs) <= served


def test_only_what_is_needed_is_checked(tmp_path: Path) -> None:
    lost = Auxiliaries(masked_lm=str(tmp_path / "nowhere"))
    lost.check([SIMILARITY])
    with pytest.raises(HarnessError, match="nowhere"):
        lost.check([SIMILARITY, FLUENCY])


def test_the_models_of_this_package_are_where_it_is_installed() -> None:
    state = inspect(bundle_named("tiny-mlm"))
    assert (state.state, state.detail) == ("ok", "")
    assert locate("tiny-mlm", "model") == state.path
