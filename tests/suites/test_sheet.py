"""A blind sheet of a run's successes, and what the labels of people say."""

from __future__ import annotations

import csv
import json
import random
import re
import shlex
from collections import Counter
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from harness.errors import HarnessError
from reports import statistics
from reports.folder import RunFolder
from reports.records import OutcomeRecord
from suites import sheet_file, sheets
from suites.cli import invoke
from suites.labelled import judged
from suites.sheet import Item, Sheet, _quotas, draw, parameters
from tests.suites import project

LABELS = ("fresh", "rotten")


def outcome(attack: str, number: int, status: str = "succeeded", **more: Any) -> OutcomeRecord:
    """An outcome on text `number`, whose label is its parity; successes end in the attack's name."""
    label = number % 2
    values: dict[str, Any] = {
        "check": f"attack:{attack}@test",
        "attack": attack,
        "example_id": f"e{number}",
        "split": "test",
        "status": status,
        "label": label,
        "original": (f"film {number}",),
        "perturbed": (f"film {number} {attack}",) if status == "succeeded" else None,
        "predicted_before": label,
        "predicted_after": 1 - label if status == "succeeded" else label,
        "words": 2,
    }
    return OutcomeRecord(**{**values, **more})


def run_of(folder: Path, outcomes: list[OutcomeRecord]) -> RunFolder:
    """A run whose model has the labels "fresh" and "rotten"."""
    run = RunFolder.create(folder, "made-up", kind="audit")
    run.append("subject", model={"name": "gone", "trained": {"labels": list(LABELS)}}, data=None)
    for record in outcomes:
        run.record(record)
    run.close()
    return run


def usual() -> list[OutcomeRecord]:
    """Three attacks that break 60, 12 and 3 of 100 texts."""
    many = {"a": 60, "b": 12, "c": 3}
    return [
        outcome(attack, n, "succeeded" if n < broken else "failed")
        for attack, broken in many.items()
        for n in range(100)
    ]


def fill(path: Path, out: Path, say: Callable[[dict[str, str]], str], separator: str = ",") -> Path:
    """A sheet as an annotator leaves it, shuffled by a spreadsheet."""
    rows = list(csv.DictReader(path.read_text(encoding="utf-8-sig").splitlines()))
    random.Random(str(out)).shuffle(rows)
    head = list(rows[0])
    with out.open("w", encoding="utf-8", newline="") as file:
        writer = csv.writer(file, delimiter=separator)
        writer.writerow(head)
        writer.writerows([*[row[name] for name in head[:-1]], say(row)] for row in rows)
    return out


def by_number(row: dict[str, str]) -> str:
    """The label that the text truly has."""
    return LABELS[int(row["text"].split()[1]) % 2]


def test_attacks_have_as_even_a_share_as_they_can_fill(tmp_path: Path) -> None:
    sheet = draw(run_of(tmp_path, usual()), 40, 0)
    drawn = Counter(check for item in sheet.items for check in item.checks)
    assert sheet.controls == 10
    assert len(sheet.items) == 40
    assert drawn["attack:c@test"] <= 3
    assert abs(drawn["attack:a@test"] - drawn["attack:b@test"]) <= 12
    assert _quotas({"a": 60, "b": 12, "c": 3}, 30) == {"a": 15, "b": 12, "c": 3}


@given(st.dictionaries(st.text(max_size=2), st.integers(0, 20), max_size=5), st.integers(0, 60))
def test_quotas_fill_what_can_be_filled_evenly(sizes: dict[str, int], total: int) -> None:
    found = _quotas(sizes, total)
    assert sum(found.values()) == min(total, sum(sizes.values()))
    assert all(found[name] <= sizes[name] for name in sizes)
    open_ = [found[name] for name in sizes if found[name] < sizes[name]]
    assert not open_ or min(open_) >= max(found.values()) - 1


def test_the_draw_follows_from_run_number_and_seed(tmp_path: Path) -> None:
    run = run_of(tmp_path, usual())
    assert draw(run, 40, 0) == draw(run, 40, 0)
    assert draw(run, 40, 0).items != draw(run, 40, 1).items
    assert {parameters(item.id) for item in draw(run, 40, 7).items} == {(40, 7)}


def test_every_success_is_as_likely_to_be_drawn(tmp_path: Path) -> None:
    run = run_of(tmp_path, [outcome("a", n) for n in range(20)])
    counts = Counter(
        item.fields for seed in range(300) for item in draw(run, 8, seed).items if item.checks
    )
    # Six successes of twenty each time: 90 expected, with a standard deviation of 7.9.
    assert len(counts) == 20
    assert all(60 <= count <= 120 for count in counts.values())


def test_the_file_is_blind(tmp_path: Path) -> None:
    run = run_of(tmp_path, [outcome(a, n) for a in ("first", "second") for n in range(80)])
    sheet = draw(run, 60, 0)
    text = sheet_file.written(sheet, LABELS, ["text"]).decode("utf-8-sig")
    rows = list(csv.reader(text.splitlines()))
    assert rows[0] == ["id", "text", "label (fresh, rotten, or ? if you cannot tell)"]
    assert all(row[2] == "" for row in rows[1:])
    altered = {item.fields[0].rsplit(" ", 1)[0] for item in sheet.items if item.checks}
    unaltered = {item.fields[0] for item in sheet.items if not item.checks}
    assert len(unaltered) == 15
    assert not altered & unaltered  # nobody sees a text beside what became of it
    # Neither the order nor the ids tell the kinds apart.
    kinds = [bool(item.checks) for item in sheet.items]
    places = [n for n, kind in enumerate(kinds) if not kind]
    assert abs(np.mean(places) - 30) < 15
    assert len({len(item.id) for item in sheet.items}) == 1


def test_calibrated_and_training_texts_are_left_to_the_others(tmp_path: Path) -> None:
    others = [
        outcome("a", n, check="attack:a@test/calibrated", calibrated=True) for n in range(9)
    ] + [outcome("a", n, check="attack:a@train", split="train") for n in range(100, 109)]
    found = draw(run_of(tmp_path, [*usual(), *others]), 100, 0)
    assert set(found.outcomes) == {f"attack:{name}@test" for name in "abc"}
    alone = draw(run_of(tmp_path / "alone", others[:9]), 100, 0)
    assert set(alone.outcomes) == {"attack:a@test/calibrated"}


def test_one_success_is_drawn_though_its_text_would_be_a_control(tmp_path: Path) -> None:
    for seed in range(8):
        records = [outcome("a", n, "succeeded" if n == 3 else "failed") for n in range(4)]
        sheet = draw(run_of(tmp_path / str(seed), records), 4, seed)
        assert sum(bool(item.checks) for item in sheet.items) == 1


def test_people_are_read_and_the_rates_follow(tmp_path: Path) -> None:
    run = run_of(tmp_path, usual())
    drawn = sheets.new_sheet(run, 80, 3)
    path = tmp_path / "sheet.csv"
    path.write_bytes(drawn.content)

    def careful(row: dict[str, str]) -> str:
        """Attack a loses every third label; one text cannot be told."""
        words = row["text"].split()
        number = int(words[1])
        if words[-1] == "a" and number % 3 == 0:
            return LABELS[1 - number % 2]
        return "?" if words[-1] == "b" and number == 4 else by_number(row)

    first = fill(path, tmp_path / "one.csv", careful)
    second = fill(path, tmp_path / "two.csv", lambda row: careful(row).upper(), ";")
    found = sheets.read_sheets(run, [first, second])
    items = [item for item in drawn.sheet.items if "attack:a@test" in item.checks]
    lost = sum(int(item.fields[0].split()[1]) % 3 == 0 for item in items)
    a, b, c = found["attacks"]
    assert (a["kept"]["count"], a["kept"]["n"]) == (len(items) - lost, len(items))
    assert a["attack_success_rate"]["value"] == 0.6
    assert a["corrected_success_rate"]["value"] == pytest.approx(0.6 * (1 - lost / len(items)))
    assert c["kept"]["value"] == 1.0
    assert found["controls"]["value"] == 1.0
    assert found["other_label"] == lost
    assert found["agreement"]["kappa"]["value"] == pytest.approx(1.0)
    assert b["successes"] == 12
    said = "\n".join(sheets.lines(found))
    assert "corrected success rate" in said
    assert "kappa" in said


def item(name: str, label: int, *checks: str) -> Item:
    return Item(name, (name,), label, name, checks)


def test_more_than_half_decide_and_a_tie_keeps_nothing() -> None:
    sheet = Sheet("r", 4, 0, tuple(item(n, 1, "k") for n in "abcd"), {"k": (outcome("a", 1),)})
    answers = [
        {"a": 1, "b": 1, "c": 0, "d": None},
        {"a": 1, "b": 0, "c": 0, "d": None},
    ]
    two = judged(sheet, LABELS, {"1": answers[0], "2": answers[1]})
    assert (two["kept"]["count"], two["other_label"]) == (1, 1)
    third = {"a": 0, "b": 1, "c": 1, "d": 1}
    three = judged(sheet, LABELS, {"1": answers[0], "2": answers[1], "3": third})
    assert (three["kept"]["count"], three["other_label"]) == (2, 1)
    assert "Fleiss" in three["agreement"]["kappa"]["method"]
    assert judged(sheet, LABELS, {"1": third})["agreement"]["kappa"]["value"] is None


def test_the_corrected_rate_covers_the_truth() -> None:
    """Simulated campaigns: successes are drawn, some of them labelled, by true shares that are known."""
    chance = np.random.default_rng(0)
    for rate, share, examples, read in (
        (0.3, 0.6, 200, 25),
        (0.9, 0.9, 100, 30),
        (0.6, 0.97, 500, 60),
        (0.9, 0.5, 60, 60),
    ):
        covered = tried = 0
        for _ in range(400):
            broken = int(chance.binomial(examples, rate))
            kept = int(chance.binomial(min(read, broken), share))
            found = statistics.product(
                statistics.rate(broken, examples), statistics.rate(kept, min(read, broken))
            )
            assert found.low is not None
            assert found.high is not None
            covered += found.low <= rate * share <= found.high
            tried += 1
        # 95% of 400 are 380, with a standard deviation of 4.4.
        assert covered >= 365, (rate, share, covered)
        assert covered < tried


def test_a_product_without_a_factor_is_none_and_one_of_certain_rates_is_not_certain() -> None:
    nothing = statistics.product(statistics.rate(3, 9), statistics.rate(0, 0))
    assert nothing.value is None
    assert nothing.reason
    sure = statistics.product(statistics.rate(9, 9), statistics.rate(9, 9))
    assert sure.value == 1.0
    assert sure.low is not None
    assert sure.low < statistics.rate(9, 9).low  # type: ignore[operator]


@pytest.mark.parametrize(
    ("mistake", "said"),
    [
        (
            lambda rows: [*rows[:2], [*rows[2][:2], "green"], *rows[3:]],
            "row 2: 'green' is not a label",
        ),
        (lambda rows: rows[:-1], "lacks 1 of the"),
        (lambda rows: [*rows, rows[1]], "has the id"),
        (lambda rows: [*rows, ["0123456789-20-0", "x", "fresh"]], "not of this run's sheet"),
        (lambda rows: [["name", *rows[0][1:]], *rows[1:]], "is no sheet"),
        (lambda rows: [rows[0], *([*row[:2], ""] for row in rows[1:])], "has no label yet"),
        (lambda rows: [rows[0]], "have no ids of a sheet"),
    ],
)
def test_a_mistake_in_a_sheet_is_named(
    tmp_path: Path, mistake: Callable[[list[list[str]]], list[list[str]]], said: str
) -> None:
    run = run_of(tmp_path, usual())
    path = tmp_path / "sheet.csv"
    path.write_bytes(sheets.new_sheet(run, 20, 0).content)
    filled = fill(path, tmp_path / "filled.csv", by_number)
    rows = list(csv.reader(filled.read_text(encoding="utf-8").splitlines()))
    with filled.open("w", encoding="utf-8", newline="") as file:
        csv.writer(file).writerows(mistake(rows))
    with pytest.raises(HarnessError, match=said) as error:
        sheets.read_sheets(run, [filled])
    assert "filled.csv" in str(error.value)


def test_sheets_of_two_draws_and_one_named_twice_are_refused(tmp_path: Path) -> None:
    run = run_of(tmp_path, usual())
    paths = []
    for seed in (0, 1):
        path = tmp_path / f"{seed}.csv"
        path.write_bytes(sheets.new_sheet(run, 20, seed).content)
        paths.append(fill(path, tmp_path / f"filled-{seed}.csv", by_number))
    with pytest.raises(HarnessError, match="not drawn by one"):
        sheets.read_sheets(run, paths)
    with pytest.raises(HarnessError, match="named twice"):
        sheets.read_sheets(run, [paths[0], paths[0]])
    with pytest.raises(HarnessError, match="There is no sheet"):
        sheets.read_sheets(run, [tmp_path / "nowhere.csv"])


def test_hostile_texts_come_through_a_file_whole(tmp_path: Path) -> None:
    texts = [
        "=HYPERLINK(1)",
        "a\n=1+1",
        "x;@y",
        "tab\there",
        "no\u202ewon",
        '"quoted", twice',
        "'q",
    ]
    records = [
        outcome("a", n, original=(f"film {n}",), perturbed=(text,)) for n, text in enumerate(texts)
    ]
    run = run_of(tmp_path, records)
    drawn = sheets.new_sheet(run, 20, 0)
    path = tmp_path / "sheet.csv"
    path.write_bytes(drawn.content)
    for separator in ",;\t":
        for cells in csv.reader(
            path.read_text(encoding="utf-8-sig").splitlines(), delimiter=separator
        ):
            assert all(cell.lstrip()[:1] not in ("=", "+", "-", "@") for cell in cells)
    assert len(sheet_file.read(path).rows) == len(drawn.sheet.items)


def test_the_command_draws_and_reads(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    base, data = project.base(tmp_path), project.write_rows(tmp_path / "d.csv", project.rows(60))
    attack = [
        "attack",
        "--no-checks",
        str(base),
        "--data",
        str(data),
        "--recipe",
        "deepwordbug",
        "-q",
    ]
    assert invoke([*attack, "--set", "max_edit_distance=60"]) == 0
    (folder,) = (tmp_path / "runs").iterdir()
    before = sorted(path.name for path in folder.iterdir())
    capsys.readouterr()
    assert invoke(["sheet", str(folder), "--n", "12"]) == 0
    assert "negative, positive, or ?" in capsys.readouterr().out
    assert invoke(["sheet", str(folder)]) == 2
    assert "is there already" in capsys.readouterr().err
    truth = {item.id: item.label for item in draw(RunFolder.open(folder), 12, 0).items}
    names = ("negative", "positive")
    for name in ("first.csv", "second.csv"):
        fill(Path("sheet.csv"), Path(name), lambda row: names[truth[row["id"]]])
    read = ["sheet", str(folder), "--read", "first.csv", "--read", "second.csv"]
    assert invoke([*read, "--json", "--out", "sheet.json"]) == 0
    found = json.loads(capsys.readouterr().out)
    assert found == json.loads(Path("sheet.json").read_text(encoding="utf-8"))
    assert found["kept"]["value"] == 1.0
    (attack_found,) = found["attacks"]
    assert attack_found["corrected_success_rate"]["value"] == pytest.approx(
        attack_found["attack_success_rate"]["value"]
    )
    assert invoke(read) == 0
    assert sorted(path.name for path in folder.iterdir()) == before  # a sealed run stays as it is


def test_the_commands_of_the_page_work_as_they_are_shown(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    page = (Path(__file__).parents[2] / "docs" / "label-preservation.md").read_text("utf-8")
    blocks = re.findall(r"```sh\n(.*?)```", page, re.DOTALL)
    (shown, read) = [shlex.split(line)[1:] for block in blocks for line in block.splitlines()]
    run = run_of(tmp_path, usual())
    monkeypatch.chdir(tmp_path)
    assert invoke([str(run.path) if word == "runs/RUN" else word for word in shown]) == 0
    for name in ("first.csv", "second.csv"):
        fill(Path("sheet.csv"), Path(name), by_number)
    assert invoke([str(run.path) if word == "runs/RUN" else word for word in read]) == 0
    assert json.loads(Path("labels.json").read_text("utf-8"))["kept"]["value"] == 1.0


def test_a_run_without_successes_is_an_error(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    run = run_of(tmp_path, [outcome("a", n, "failed") for n in range(5)])
    assert invoke(["sheet", str(run.path), "--out", str(tmp_path / "s.csv")]) == 2
    assert "None of the 5 attacks" in capsys.readouterr().err
    assert not (tmp_path / "s.csv").exists()
    empty = RunFolder.create(tmp_path, "t", kind="train")
    empty.close()
    assert invoke(["sheet", str(empty.path), "--out", str(tmp_path / "s.csv")]) == 2
    assert "holds no outcomes" in capsys.readouterr().err


def test_label_names_can_be_given_where_the_run_has_none(tmp_path: Path) -> None:
    run = RunFolder.create(tmp_path, "nameless", kind="audit")
    run.append("subject", model={"name": str(tmp_path / "gone"), "trained": {}}, data=None)
    for record in usual():
        run.record(record)
    run.close()
    with pytest.raises(HarnessError, match="--labels"):
        sheets.new_sheet(run, 20, 0)
    assert sheets.new_sheet(run, 20, 0, "no, yes").labels == ("no", "yes")
    with pytest.raises(HarnessError, match="names for 1 of them"):
        sheets.new_sheet(run, 20, 0, "no")
