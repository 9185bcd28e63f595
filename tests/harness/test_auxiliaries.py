"""The models that recipes need beside the victim."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from attacks import recipes
from attacks.errors import AttackError
from attacks.protocols import ABILITIES, FIRST_ORDER, FLUENCY, MASKED_LM, SIMILARITY, TRIGGER
from attacks.resources import registry
from harness.auxiliaries import WRITERS, Auxiliaries, resources
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
    served = {*ABILITIES, TRIGGER, SIMILARITY, MASKED_LM, FLUENCY, *WRITERS}
    for name in recipes.BUILTIN:
        assert set(recipes.load(name).needs) <= served


def test_only_what_is_needed_is_checked(tmp_path: Path) -> None:
    lost = Auxiliaries(masked_lm=str(tmp_path / "nowhere"))
    lost.check([recipes.load("textfooler"), recipes.load("pwws")])
    with pytest.raises(HarnessError) as caught:
        lost.check([recipes.load("textfooler"), recipes.load("alzantot")])
    told = str(caught.value)
    assert told.startswith("The attack 'alzantot' needs the resource 'fluency'")
    assert "nowhere" in told
    assert told.endswith("Or name your own: --masked-lm, in plans audit.masked_lm.")


def test_a_table_that_is_not_what_is_pinned_is_found_before_anything_loads(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    lexicon = registry.RESOURCES[registry.LEXICON]
    other = replace(lexicon.pinned, files={"wordnet.txt.gz": "0" * 64})
    damaged = {**registry.RESOURCES, registry.LEXICON: replace(lexicon, pinned=other)}
    monkeypatch.setattr(registry, "RESOURCES", damaged)
    Auxiliaries().check([recipes.load("deepwordbug")])
    with pytest.raises(AttackError) as caught:
        Auxiliaries().check([recipes.load("pwws")])
    told = str(caught.value)
    assert told.startswith("The attack 'pwws' needs the resource 'lexicon' (synonyms")
    assert "wordnet.txt.gz has SHA-256 d679bb795a40926" in told
    assert "Install it again with: pip install --no-deps withstand --force-reinstall" in told
    with pytest.raises(AttackError, match="is damaged or of another version"):
        registry.read(registry.LEXICON)


def test_what_a_recipe_reads_is_in_the_registry() -> None:
    known = {*registry.RESOURCES, *resources(), *WRITERS}
    for name in recipes.BUILTIN:
        assert set(recipes.load(name).resources) <= known
    assert recipes.load("charmer").resources == ()
    assert set(recipes.load("pwws").resources) == {
        "lexicon",
        "inflections",
        "tagger",
        "stop-words",
    }
    # Those of an ensemble are those of its members.
    assert {"similarity", "vectors", "lexicon"} <= set(recipes.load("standard").resources)


def test_an_attack_without_its_trigger_is_refused() -> None:
    with pytest.raises(AttackError, match="withstand trigger MODEL"):
        Auxiliaries().check([recipes.load("universal-trigger")])


def test_the_models_of_this_package_are_where_it_is_installed() -> None:
    state = inspect(bundle_named("tiny-mlm"))
    assert (state.state, state.detail) == ("ok", "")
    assert locate("tiny-mlm", "model") == state.path
