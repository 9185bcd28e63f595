"""A user's own word vectors, on the command line and in a plan: read first, recorded, never mixed."""

from __future__ import annotations

import hashlib
import json
from pathlib import Path

import pytest
import torch
from transformers import BertConfig, BertModel

from harness.plan import PlanError, read_plan
from harness.preflight import own_resources
from reports.folder import RunFolder
from suites.cli import invoke
from tests.harness import tiny
from tests.suites import project
from tests.suites.killed import kill


def vectors(path: Path, near: dict[str, str]) -> Path:
    """Vectors by which each word is near the one that it is given, and far from all others."""
    size = len(near)
    lines = []
    for number, (word, other) in enumerate(near.items()):
        row = ["0.0"] * (2 * size)
        row[number] = "1.0"
        lines.append(f"{word} {' '.join(row)}")
        row[size + number] = "0.2"
        lines.append(f"{other} {' '.join(row)}")
    path.write_text("\n".join(lines) + "\n", encoding="utf-8")
    return path


@pytest.fixture(scope="module")
def model(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return project.base(tmp_path_factory.mktemp("models"))


def attack(model: Path, folder: Path, recipe: str, *extra: str) -> list[str]:
    data = project.write_rows(folder / "data.csv", project.rows(12))
    runs = str(folder / "runs")
    given = [
        "attack",
        "--no-checks",
        str(model),
        "--data",
        str(data),
        "--recipe",
        recipe,
        "-q",
        "-o",
        runs,
    ]
    return [*given, *extra]


def command(model: Path, folder: Path, *extra: str) -> list[str]:
    small = ["--set", "population=4", "--set", "generations=2"]
    return attack(model, folder, "iga", *small, *extra)


def test_an_attack_takes_words_from_the_vectors_and_says_so(
    model: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    path = vectors(tmp_path / "v.txt", {word: f"near{word}" for word in tiny.GOOD + tiny.BAD})
    assert invoke(command(model, tmp_path, "--json", "--resource", f"vectors={path}")) == 0
    summary = json.loads(capsys.readouterr().out)
    digest = hashlib.sha256(path.read_bytes()).hexdigest()
    parameters = summary["recipe"]["parameters"]
    assert parameters["transformation"]["vectors"] == f"v.txt, sha256:{digest}"
    run = RunFolder.open(Path(summary["run"]))
    manifest = json.loads((run.path / "manifest.json").read_text())
    assert manifest["files"] == {"resource vectors": digest}
    assert f'vectors = "{path}"' in (run.path / "plan.toml").read_text()
    put_in = {after for o in run.outcomes() for _, _, after in o.changes}
    assert put_in
    assert all(word.lower().startswith("near") for word in put_in)


def test_a_run_is_not_gone_on_with_when_the_file_has_changed(
    model: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    path = vectors(tmp_path / "v.txt", {word: f"near{word}" for word in tiny.GOOD})
    arguments = command(model, tmp_path, "--resource", f"vectors={path}")
    kill("outcome", 3, *arguments)
    vectors(path, {word: f"other{word}" for word in tiny.GOOD})
    assert invoke([*arguments, "--resume", "last"]) == 2
    assert "or a file or a model that they name, have changed" in capsys.readouterr().err
    vectors(path, {word: f"near{word}" for word in tiny.GOOD})
    assert invoke([*arguments, "--resume", "last"]) == 0


def encoder(path: Path, seed: int) -> Path:
    """A sentence encoder of random weights at `path`."""
    torch.manual_seed(seed)
    BertModel(BertConfig(**tiny.SIZES)).save_pretrained(path)
    tiny.tokenizer().save_pretrained(path)
    return path


def test_a_run_is_not_gone_on_with_when_a_model_beside_the_victim_has_changed(
    model: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    path = encoder(tmp_path / "encoder", seed=0)
    limits = ["--similarity", str(path), "--query-budget", "8"]
    arguments = attack(model, tmp_path, "textfooler", *limits)
    kill("outcome", 3, *arguments)
    encoder(path, seed=1)
    assert invoke([*arguments, "--resume", "last"]) == 2
    assert "or a file or a model that they name, have changed" in capsys.readouterr().err
    encoder(path, seed=0)
    assert invoke([*arguments, "--resume", "last"]) == 0


@pytest.mark.parametrize(
    ("recipe", "resource", "problem"),
    [
        ("iga", "vectors=/no/such/file", "cannot be read"),
        ("iga", "wectors=v.txt", "Did you mean 'vectors'?"),
        ("iga", "vectors", "is not NAME=VALUE"),
        ("pwws", "vectors=v.txt", "The attack 'pwws' has no use for 'vectors'"),
    ],
)
def test_what_cannot_be_used_is_refused_before_the_model_loads(
    recipe: str,
    resource: str,
    problem: str,
    model: Path,
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    def refuse(*_: object, **__: object) -> None:
        raise AssertionError("the weights were loaded")

    monkeypatch.setattr("harness.models.load_classifier", refuse)
    data = project.write_rows(tmp_path / "data.csv", project.rows(12))
    arguments = ["attack", "--no-checks", str(model), "--data", str(data), "--recipe", recipe]
    assert invoke([*arguments, "-o", str(tmp_path / "runs"), "--resource", resource]) == 2
    assert problem in " ".join(capsys.readouterr().err.split())


def planned(folder: Path, attacks: str, resources: str) -> Path:
    plan = project.project(folder)
    text = plan.read_text().replace('[audit]\nattacks = ["deepwordbug"]', f"[audit]\n{attacks}")
    plan.write_text(f"{text}\n[resources]\n{resources}\n")
    return plan


def test_a_plan_names_them_for_all_its_attacks(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    path = vectors(tmp_path / "v.txt", {word: f"near{word}" for word in tiny.GOOD + tiny.BAD})
    plan = planned(
        tmp_path,
        'attacks = ["iga", "deepwordbug"]\n'
        "settings = {iga = {population = 4, generations = 2}}\ncalibrated = false",
        f'vectors = "{path}"',
    )
    own = own_resources(read_plan(plan))
    audited = str(tmp_path / "base")
    arguments = ["audit", str(plan), "--model", audited, "-q", "-o", str(tmp_path / "runs")]
    assert invoke([*arguments, "--json"]) in (0, 1, 3)
    results = json.loads(capsys.readouterr().out)
    (iga,) = [a for a in results["attacks"] if a["name"] == "iga" and a["split"] == "test"]
    used = iga["recipe"]["parameters"]["transformation"]["vectors"]
    assert used == own["vectors"].identity
    (folder,) = (tmp_path / "runs").glob("*audit*")
    manifest = json.loads((folder / "manifest.json").read_text())
    assert manifest["files"] == {"resource vectors": own["vectors"].sha256}


@pytest.mark.parametrize(
    ("attacks", "resources", "problem"),
    [
        (
            'attacks = ["iga"]',
            'vectors = "/no/such"',
            "resources: The word vectors /no/such cannot",
        ),
        (
            'attacks = ["pwws"]',
            'vectors = "v"',
            "resources.vectors: no attack of the plan has a use",
        ),
    ],
)
def test_a_plan_with_resources_that_cannot_be_used_is_refused(
    attacks: str, resources: str, problem: str, tmp_path: Path
) -> None:
    plan = read_plan(planned(tmp_path, attacks, resources))
    with pytest.raises(PlanError) as caught:
        own_resources(plan)
    assert problem in str(caught.value)


def test_an_unknown_resource_is_a_mistake_in_the_plan(tmp_path: Path) -> None:
    with pytest.raises(PlanError, match="Did you mean 'vectors'"):
        read_plan(planned(tmp_path, 'attacks = ["iga"]', 'vector = "v"'))
