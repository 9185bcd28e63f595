"""`withstand attack`: same outcomes however it is run, and only on the split that was asked for."""

from __future__ import annotations

import json
import re
from pathlib import Path

import pytest

from harness.models import load_classifier, save_classifier
from harness.splits import load_split
from reports.folder import RunFolder
from suites.attack import show
from suites.cli import invoke
from tests.suites import project
from tests.suites.killed import kill

DATA = "bundle:rotten-tomatoes:test"


@pytest.fixture(scope="module")
def model(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The bundle's encoder under a head that was never trained: the weights do not matter here."""
    path = tmp_path_factory.mktemp("models") / "untrained"
    save_classifier(load_classifier("bundle:minilm-l6", labels=("rotten", "fresh"), seed=0), path)
    return path


ATTACK = ("attack", "--no-checks", "--explain", "0")
"""The verb, without what would be asked beside the attack."""


def attack(
    model: Path, runs: Path, capsys: pytest.CaptureFixture[str], *extra: str
) -> tuple[dict[str, object], dict[str, object]]:
    arguments = [
        *ATTACK,
        str(model),
        "--data",
        DATA,
        "--recipe",
        "deepwordbug",
        "-n",
        "6",
    ]
    assert invoke([*arguments, "--json", "-q", "-o", str(runs), *extra]) == 0
    summary = json.loads(capsys.readouterr().out)
    run = RunFolder.open(Path(summary["run"]))
    return summary, {o.example_id: o for o in run.outcomes()}


def test_outcomes_are_the_same_twice_and_at_any_batch_size(
    model: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    summary, first = attack(model, tmp_path, capsys)
    assert summary["counts"]["total"] == 6  # type: ignore[index]
    for batch_size in ("64", "1", "256"):
        assert attack(model, tmp_path, capsys, "--batch-size", batch_size)[1] == first


def test_only_texts_of_the_named_split_are_attacked(
    model: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    test = {row.id for row in load_split(DATA, labels=("rotten", "fresh")).rows}
    train = {
        row.id
        for row in load_split("bundle:rotten-tomatoes:train", labels=("rotten", "fresh")).rows
    }
    _, outcomes = attack(model, tmp_path, capsys)
    assert outcomes.keys() <= test
    assert not outcomes.keys() & train


def test_a_label_that_the_model_lacks_is_refused_before_it_loads(
    model: Path,
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    def refuse(*_: object, **__: object) -> None:
        raise AssertionError("the weights were loaded")

    monkeypatch.setattr("harness.models.load_classifier", refuse)
    data = tmp_path / "d.csv"
    data.write_text("text,label\na fine film,fresh\na dull film,stale\n")
    arguments = [
        *ATTACK,
        str(model),
        "--data",
        str(data),
        "--recipe",
        "pwws",
    ]
    assert invoke([*arguments, "-o", str(tmp_path / "runs")]) == 2
    assert "stale" in capsys.readouterr().err


def test_odd_texts_are_attacked_and_all_accounted_for(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """Lone surrogates among them, which JSON allows and no tokenizer takes."""
    texts = ["good \ud800 film", "", "\x00", "good 🎬 film", "فيلم جيد", "good " * 20_000]
    data = tmp_path / "odd.jsonl"
    data.write_text("".join(json.dumps({"text": t, "label": "negative"}) + "\n" for t in texts))
    base = project.base(tmp_path)
    arguments = [
        *ATTACK,
        str(base),
        "--data",
        str(data),
        "--recipe",
        "deepwordbug",
        "--json",
    ]
    assert invoke([*arguments, "-q", "-o", str(tmp_path / "runs")]) == 0
    summary = json.loads(capsys.readouterr().out)
    assert summary["counts"]["total"] == len(texts)
    assert summary["counts"]["errored"] == summary["counts"]["skipped"] == 0


@pytest.mark.parametrize(("asked", "used"), [((), 64), (("--max-length", "16"), 16)])
def test_texts_are_cut_where_the_model_ends_or_where_it_is_told(
    asked: tuple[str, ...], used: int, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    data = project.write_rows(tmp_path / "long.csv", [("the plot was dull " * 30, "negative")])
    base, runs = project.base(tmp_path), tmp_path / "runs"
    arguments = [
        *ATTACK,
        str(base),
        "--data",
        str(data),
        "--recipe",
        "deepwordbug",
        "--json",
    ]
    assert invoke([*arguments, "-q", "-o", str(runs), *asked]) == 0
    summary = json.loads(capsys.readouterr().out)
    assert (summary["max_length"], summary["counts"]["errored"]) == (used, 0)
    assert invoke([*arguments, "-q", "-o", str(runs), "--max-length", "65"]) == 2
    assert "at most 64 tokens" in capsys.readouterr().err


def interrupt_after(monkeypatch: pytest.MonkeyPatch, outcomes: int) -> None:
    """Press Ctrl-C when so many outcomes are on disk."""
    append = RunFolder.append
    seen = 0

    def counting(self: RunFolder, event: str, **fields: object) -> None:
        nonlocal seen
        append(self, event, **fields)
        seen += event == "outcome"
        if seen == outcomes:
            raise KeyboardInterrupt

    monkeypatch.setattr(RunFolder, "append", counting)


@pytest.mark.slow
def test_an_interrupted_attack_goes_on_without_losing_or_repeating_an_example(
    model: Path,
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    _, whole = attack(model, tmp_path / "whole", capsys)
    arguments = [
        *ATTACK,
        str(model),
        "--data",
        DATA,
        "--recipe",
        "deepwordbug",
        "-n",
        "6",
        "-q",
    ]
    with monkeypatch.context() as patched:
        interrupt_after(patched, 3)
        assert invoke([*arguments, "-o", str(tmp_path / "cut")]) == 130
    capsys.readouterr()

    changed = [*arguments, "--seed", "1", "-o", str(tmp_path / "cut")]
    (run,) = (tmp_path / "cut").iterdir()
    assert invoke([*changed, "--resume", run.name]) == 2
    complaint = capsys.readouterr().err
    assert "seed" in complaint
    assert len(RunFolder.open(run).outcomes()) == 3

    summary, resumed = attack(model, tmp_path / "cut", capsys, "--resume", "last")
    assert summary["run"] == str(run)
    assert resumed == whole
    logged = [e["example_id"] for e in RunFolder.open(run).events() if e["event"] == "outcome"]
    assert len(logged) == len(set(logged)) == 6


def test_a_killed_attack_goes_on_and_its_costs_cover_its_outcomes(
    model: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    _, whole = attack(model, tmp_path / "whole", capsys)
    cut = tmp_path / "cut"
    arguments = [
        *ATTACK,
        str(model),
        "--data",
        DATA,
        "--recipe",
        "deepwordbug",
        "-n",
        "6",
        "-q",
    ]
    kill("outcome", 3, *arguments, "-o", str(cut))
    summary, resumed = attack(model, cut, capsys, "--resume", "last")
    assert resumed == whole
    queries = summary["queries"]
    assert queries["scored"] + queries["cached"] >= queries["raw"]  # type: ignore[index]


def test_a_model_that_answers_nan_is_refused(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    loaded = load_classifier("bundle:minilm-l6", labels=("rotten", "fresh"), seed=0)
    loaded.model.classifier.bias.data.fill_(float("nan"))
    save_classifier(loaded, tmp_path / "broken")
    arguments = [
        *ATTACK,
        str(tmp_path / "broken"),
        "--data",
        DATA,
        "--recipe",
        "deepwordbug",
    ]
    assert invoke([*arguments, "-n", "3", "-q", "-o", str(tmp_path / "runs")]) == 2
    assert "NaN" in capsys.readouterr().err


def test_parameters_of_the_recipe_are_set_and_kept_with_the_run(
    model: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    settings = ["--set", "max_edit_distance=0", "--set", "stop_words=textfooler"]
    summary, outcomes = attack(model, tmp_path, capsys, *settings)
    assert {o.status for o in outcomes.values()} <= {"failed", "skipped"}
    recipe = summary["recipe"]
    assert isinstance(recipe, dict)
    parameters = recipe["parameters"]
    constraints, protections = (parameters[k] for k in ("constraints", "protections"))
    assert constraints[0]["most"] == 0
    assert protections[1]["words"] == "textfooler"
    plan = (RunFolder.open(Path(summary["run"])).path / "plan.toml").read_text()
    assert "max_edit_distance = 0" in plan


@pytest.mark.parametrize(
    ("setting", "message"),
    [
        ("max_edit_distance", "is not PARAMETER=VALUE"),
        ("max_edits=3", "Did you mean 'max_edit_distance'"),
        ("max_edit_distance=many", "'many' but should be a valid integer"),
    ],
)
def test_parameters_that_cannot_be_set(
    model: Path, tmp_path: Path, setting: str, message: str, capsys: pytest.CaptureFixture[str]
) -> None:
    arguments = [
        *ATTACK,
        str(model),
        "--data",
        DATA,
        "--recipe",
        "deepwordbug",
        "-n",
        "6",
    ]
    assert invoke([*arguments, "-o", str(tmp_path), "--set", setting]) == 2
    assert message in " ".join(capsys.readouterr().err.replace("│", " ").split())
    assert not list(tmp_path.iterdir())


def test_a_cache_spares_the_model_a_second_time(
    model: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    where = ["--cache", str(tmp_path / "answers.sqlite")]
    first, outcomes = attack(model, tmp_path / "one", capsys, *where)
    again, same = attack(model, tmp_path / "two", capsys, *where)
    assert same == outcomes
    asked, spared = first["queries"], again["queries"]
    assert isinstance(asked, dict)
    assert isinstance(spared, dict)
    assert asked["scored"] > 0 == spared["scored"]
    assert spared["cached"] == asked["scored"] + asked["cached"] == spared["raw"]


def test_a_model_that_the_recipe_needs_is_checked_before_any_is_loaded(
    model: Path,
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr("harness.models.load_classifier", None)
    arguments = [
        *ATTACK,
        str(model),
        "--data",
        DATA,
        "--recipe",
        "bae",
        "-n",
        "2",
    ]
    runs = tmp_path / "runs"
    assert invoke([*arguments, "-o", str(runs), "--masked-lm", str(tmp_path / "nowhere")]) == 2
    assert "nowhere" in capsys.readouterr().err
    assert not list(runs.glob("*"))


def test_textattack_s_own_attacks_are_run_recorded_and_summed_up_like_others(
    model: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    extra = ("--recipe", "textattack:textfooler", "-n", "3", "--query-budget", "30")
    summary, first = attack(model, tmp_path, capsys, *extra)
    assert summary["counts"]["total"] == len(first) == 3  # type: ignore[index]
    assert summary["counts"]["errored"] == 0  # type: ignore[index]
    recipe = summary["recipe"]
    assert isinstance(recipe, dict)
    assert recipe["name"] == "textattack:textfooler"
    assert "WordSwapEmbedding" in recipe["parameters"]["search"]["description"]
    assert attack(model, tmp_path, capsys, *extra, "--batch-size", "1")[1] == first
    assert (
        invoke(
            [
                *ATTACK,
                str(model),
                "--data",
                DATA,
                "--recipe",
                "textattack:pws",
            ]
        )
        == 2
    )
    assert "'pwws'" in capsys.readouterr().err


def test_a_targeted_goal_is_kept_with_the_run_and_leaves_its_own_label_alone(
    model: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    summary, outcomes = attack(model, tmp_path, capsys, "--goal", "targeted:rotten")
    assert summary["goal"] == "targeted:rotten"
    assert summary["recipe"]["parameters"]["goal"] == {"kind": "Targeted", "target": 0}  # type: ignore[index]
    assert {o.status for o in outcomes.values() if o.label == 0} == {"skipped"}
    for outcome in outcomes.values():
        if outcome.status == "succeeded":
            assert (outcome.label, outcome.predicted_after) == (1, 0)
    right = sum(o.predicted_before == o.label for o in outcomes.values())
    broken = sum(o.status == "succeeded" for o in outcomes.values())
    assert summary["clean_accuracy"]["count"] == right  # type: ignore[index]
    assert summary["robust_accuracy"]["count"] == right - broken  # type: ignore[index]
    show(summary)
    assert "targeted:rotten; examples of that label are skipped" in capsys.readouterr().out


def test_an_attack_does_not_go_on_with_another_goal(
    model: Path,
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    arguments = [
        *ATTACK,
        str(model),
        "--data",
        DATA,
        "--recipe",
        "deepwordbug",
        "-n",
        "6",
        "-q",
    ]
    arguments += ["-o", str(tmp_path / "runs")]
    with monkeypatch.context() as patched:
        interrupt_after(patched, 3)
        assert invoke([*arguments, "--goal", "hard-label"]) == 130
    capsys.readouterr()
    (run,) = (tmp_path / "runs").iterdir()
    assert invoke([*arguments, "--goal", "untargeted", "--resume", run.name]) == 2
    assert 'goal = "hard-label"' in capsys.readouterr().err
    assert invoke([*arguments, "--goal", "hard-label", "--resume", "last"]) == 0


@pytest.mark.parametrize(
    ("recipe", "goal", "message"),
    [
        ("pwws", "targeted:stale", "targeted:LABEL with one of the labels rotten, fresh"),
        ("pwws", "sideways", "Allowed: untargeted, hard-label"),
        ("hotflip", "hard-label", "'hotflip' follows gradients"),
        ("textattack:pwws", "hard-label", "a goal of its own"),
    ],
)
def test_goals_that_cannot_be_had_are_refused_before_a_model_loads(
    model: Path,
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
    recipe: str,
    goal: str,
    message: str,
) -> None:
    monkeypatch.setattr("harness.models.load_classifier", None)
    arguments = [
        *ATTACK,
        str(model),
        "--data",
        DATA,
        "--recipe",
        recipe,
        "--goal",
        goal,
    ]
    assert invoke([*arguments, "-o", str(tmp_path / "runs")]) == 2
    assert message in capsys.readouterr().err
    assert not list((tmp_path / "runs").glob("*"))


@pytest.mark.parametrize(
    "draft",
    ["gradient", *(pytest.param(name, marks=pytest.mark.slow) for name in ("bfloat16", "MODEL"))],
)
def test_a_draft_asks_less_and_is_on_record(
    draft: str, model: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    spec = str(model) if draft == "MODEL" else draft
    plain, _ = attack(model, tmp_path, capsys)
    summary, outcomes = attack(model, tmp_path, capsys, "--draft", spec, "--draft-keep", "1")
    assert sum(o.unique_queries for o in outcomes.values()) < plain["queries"]["raw"]  # type: ignore[index]
    assert summary["draft"] == spec
    recorded = summary["recipe"]["parameters"]["draft"]  # type: ignore[index]
    assert recorded["keep"] == 1
    if draft == "MODEL":
        assert recorded["fingerprint"] == load_classifier(spec).fingerprint
    show(summary)
    assert f"draft                {spec}" in capsys.readouterr().out


def test_a_draft_with_other_labels_is_refused_before_it_loads(
    model: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    other = tmp_path / "other"
    save_classifier(load_classifier("bundle:minilm-l6", labels=("bad", "good"), seed=0), other)
    arguments = [
        *ATTACK,
        str(model),
        "--data",
        DATA,
        "--recipe",
        "pwws",
        "--draft",
        str(other),
    ]
    assert invoke([*arguments, "-o", str(tmp_path / "runs")]) == 2
    assert "has the labels bad, good" in capsys.readouterr().err


@pytest.mark.parametrize(("draft", "lacks"), [("gradient", "gradient"), ("bfloat16", "weights")])
def test_an_endpoint_has_nothing_of_its_own_to_draft_by(
    draft: str, lacks: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    arguments = ["attack", "http://127.0.0.1:9/", "--labels", "rotten,fresh", "--data", DATA]
    arguments += ["--recipe", "pwws", "--draft", draft, "-o", str(tmp_path / "runs")]
    assert invoke(arguments) == 2
    assert f"does not give its {lacks}" in capsys.readouterr().err


def test_excerpts_are_on_record_and_short_texts_are_asked_about_as_they_are(
    model: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    _, before = attack(model, tmp_path, capsys)
    summary, after = attack(model, tmp_path, capsys, "--draft", "excerpts")
    draft = summary["recipe"]["parameters"]["draft"]  # type: ignore[index]
    assert draft == {"kind": "ExcerptDraft", "keep": 1, "words": 32, "ranked": 16}
    assert {i: o.status for i, o in before.items()} == {i: o.status for i, o in after.items()}


def test_an_exact_draft_is_on_record_with_what_it_went_by(
    model: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    arguments = ("-n", "4", "--recipe", "textfooler", "--similarity", "bundle:tiny-mlm")
    _, before = attack(model, tmp_path, capsys, *arguments)
    summary, after = attack(model, tmp_path, capsys, *arguments, "--draft", "exact")
    draft = summary["recipe"]["parameters"]["draft"]  # type: ignore[index]
    cost = draft.pop("constraint_cost")
    assert draft == {"kind": "ExactDraft", "keep": 1}
    assert 0 < cost < 0.2  # two layers instead of six, and narrower ones
    assert {i: o.perturbed for i, o in before.items()} == {i: o.perturbed for i, o in after.items()}
    assert invoke(["replay", str(summary["run"]), max(after)]) == 0


def test_a_report_of_an_attack_calls_labels_by_their_names(
    model: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    summary, outcomes = attack(model, tmp_path, capsys)
    assert "succeeded" in {outcome.status for outcome in outcomes.values()}  # type: ignore[attr-defined]
    run = Path(str(summary["run"]))
    assert json.loads((run / "results.json").read_text())["model"]["labels"] == ["rotten", "fresh"]
    assert invoke(["report", str(run), "--format", "html"]) == 0
    page = (run / "report.html").read_text()
    assert re.search("was (rotten, became fresh|fresh, became rotten)", page)


@pytest.mark.parametrize(
    ("victim", "more", "says"),
    [
        ("http://127.0.0.1:9/", ("--labels", "rotten,fresh"), "would be asked more"),
        ("the model", ("--query-budget", "9"), "less would be tried under --query-budget 9"),
    ],
)
def test_an_exact_draft_is_refused_where_it_would_not_be_or_would_not_pay(
    victim: str,
    more: tuple[str, ...],
    says: str,
    model: Path,
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
) -> None:
    arguments = ["attack", victim if "//" in victim else str(model), "--data", DATA, *more]
    arguments += ["--recipe", "textfooler", "--draft", "exact", "-o", str(tmp_path / "runs")]
    assert invoke(arguments) == 2
    assert says in " ".join(capsys.readouterr().err.split())


@pytest.mark.slow
def test_a_draft_whose_weights_changed_stops_a_resumed_run(
    model: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    draft, runs = tmp_path / "draft", tmp_path / "runs"
    save_classifier(load_classifier("bundle:minilm-l6", labels=("rotten", "fresh"), seed=1), draft)
    arguments = [
        *ATTACK,
        str(model),
        "--data",
        DATA,
        "--recipe",
        "pwws",
        "-n",
        "40",
        "-q",
    ]
    arguments += ["--draft", str(draft), "-o", str(runs)]
    kill("outcome", 3, *arguments)
    save_classifier(load_classifier("bundle:minilm-l6", labels=("rotten", "fresh"), seed=2), draft)
    assert invoke([*arguments, "--resume", "last"]) == 2
    assert "is not the one that the run" in capsys.readouterr().err
