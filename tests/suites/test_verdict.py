"""The verdict: decided on evidence only, and errors never help."""

from __future__ import annotations

import pytest
from hypothesis import assume, given
from hypothesis import strategies as st
from scipy import stats

from harness.plan import Gate
from reports.records import OutcomeRecord
from reports.statistics import Estimate, mean, rate
from reports.summaries import summarize_attack
from suites.verdict import decide

FLOOR = Gate(metric="robust_accuracy.pwws", at_least=0.5, why="a test")


def test_a_value_far_above_its_bound_passes() -> None:
    verdict = decide([FLOOR], {FLOOR.metric: rate(80, 100)})
    assert (verdict.value, verdict.exit_code) == ("pass", 0)


def test_a_value_far_below_its_bound_fails_and_says_which() -> None:
    verdict = decide([FLOOR], {FLOOR.metric: rate(10, 100)})
    assert (verdict.value, verdict.exit_code) == ("fail", 1)
    assert (
        "robust_accuracy.pwws = 0.100 [0.055, 0.174], n = 100 (bound: at least 0.5)"
        in verdict.reasons[0]
    )


def test_a_small_sample_is_inconclusive_with_the_examples_that_would_decide() -> None:
    verdict = decide([FLOOR], {FLOOR.metric: rate(11, 20)})
    assert (verdict.value, verdict.exit_code) == ("inconclusive", 3)
    needed = verdict.gates[0].examples_needed
    assert needed is not None
    assert (
        decide([FLOOR], {FLOOR.metric: rate(round(0.55 * needed * 1.3), round(needed * 1.3))}).value
        == "pass"
    )


def test_point_evidence_takes_the_value_as_it_is() -> None:
    gate = FLOOR.model_copy(update={"evidence": "point"})
    assert decide([gate], {gate.metric: rate(11, 20)}).value == "pass"
    assert decide([gate], {gate.metric: rate(9, 20)}).value == "fail"


def test_an_upper_bound_is_read_the_other_way_round() -> None:
    ceiling = Gate(
        metric="robust_accuracy.pwws", at_most=0.3, why="the undefended model must break"
    )
    assert decide([ceiling], {ceiling.metric: rate(5, 100)}).value == "pass"
    assert decide([ceiling], {ceiling.metric: rate(80, 100)}).value == "fail"


def test_a_missing_value_is_inconclusive_unless_the_plan_says_fail() -> None:
    assert decide([FLOOR], {}).value == "inconclusive"
    strict = FLOOR.model_copy(update={"on_missing": "fail"})
    assert decide([strict], {strict.metric: Estimate.missing("nothing attackable")}).value == "fail"


def test_a_problem_turns_a_pass_into_inconclusive_and_leaves_a_failure() -> None:
    problem = ["3 examples errored"]
    assert decide([FLOOR], {FLOOR.metric: rate(80, 100)}, problem).value == "inconclusive"
    assert decide([FLOOR], {FLOOR.metric: rate(10, 100)}, problem).value == "fail"


def test_a_plan_without_gates_is_never_a_pass() -> None:
    assert decide([], {}).value == "inconclusive"


def test_several_gates_share_one_error_budget() -> None:
    estimate = rate(61, 100)  # its 95% interval just leaves 0.5 out
    assert decide([FLOOR], {FLOOR.metric: estimate}).value == "pass"
    gates = [FLOOR.model_copy(update={"metric": f"m{n}"}) for n in range(10)]
    assert decide(gates, {gate.metric: estimate for gate in gates}).value == "inconclusive"


@given(count=st.integers(0, 200), n=st.integers(1, 200), bound=st.floats(0.05, 0.95))
def test_one_gate_agrees_with_its_interval_and_the_exact_one(
    count: int, n: int, bound: float
) -> None:
    assume(count <= n)
    estimate = rate(count, n)
    gate = FLOOR.model_copy(update={"at_least": bound})
    verdict = decide([gate], {gate.metric: estimate}).value
    exact = stats.binomtest(count, n).proportion_ci(0.95, method="exact")
    assert estimate.low is not None
    assert estimate.high is not None
    low, high = min(estimate.low, exact.low), max(estimate.high, exact.high)
    assume(min(abs(low - bound), abs(high - bound)) > 1e-9)
    assert verdict == ("pass" if low > bound else "fail" if high < bound else "inconclusive")


@pytest.mark.parametrize("n", [20, 50, 200])
@pytest.mark.parametrize("bound", [0.02, 0.1, 0.5, 0.9, 0.98])
@pytest.mark.parametrize("side", ["at_least", "at_most"])
def test_a_gate_passes_and_fails_by_mistake_in_one_sample_of_forty_at_most(
    n: int, bound: float, side: str
) -> None:
    """Summed over every sample there is, of a model that is just at the bound."""
    gate = Gate(metric=FLOOR.metric, why="-", **{side: bound})
    wrong = {"pass": 0.0, "fail": 0.0, "inconclusive": 0.0}
    for count in range(n + 1):
        word = decide([gate], {gate.metric: rate(count, n)}).value
        wrong[word] += float(stats.binom.pmf(count, n, bound))
    assert max(wrong["pass"], wrong["fail"]) <= 0.025 + 1e-12


def test_an_interval_without_width_decides_nothing() -> None:
    sure = Estimate(1.0, 1.0, 1.0, 3)
    assert decide([FLOOR], {FLOOR.metric: sure}).value == "inconclusive"
    alike = mean([1.0, 1.0, 1.0])
    assert alike.reason is not None
    assert decide([FLOOR], {FLOOR.metric: alike}).value == "inconclusive"


def test_a_gate_without_a_value_counts_among_those_that_share_the_budget() -> None:
    """It may still come out anyhow, so that what is decided now is not decided otherwise then."""
    estimate = rate(61, 100)
    late = [FLOOR.model_copy(update={"metric": f"m{n}"}) for n in range(9)]
    verdict = decide([FLOOR, *late], {FLOOR.metric: estimate})
    assert verdict.gates[0].verdict == "inconclusive"


@given(n=st.integers(10, 400), count=st.integers(0, 400), more=st.integers(1, 200))
def test_further_successes_never_turn_a_pass_into_a_failure(n: int, count: int, more: int) -> None:
    assume(count <= n)
    before = decide([FLOOR], {FLOOR.metric: rate(count, n)}).value
    after = decide([FLOOR], {FLOOR.metric: rate(count + more, n + more)}).value
    order = {"fail": 0, "inconclusive": 1, "pass": 2}
    assert order[after] >= order[before]


@given(st.floats(-0.1, 0.1), st.floats(0.001, 0.1))
def test_a_gate_on_either_side_is_a_test_for_equivalence(value: float, half: float) -> None:
    """It passes where the whole interval lies between the bounds, and, for Holm, a little more does."""
    metric = "gain.clean_accuracy"
    gates = [
        Gate(metric=metric, at_least=-0.05, why="not worse"),
        Gate(metric=metric, at_most=0.05, why="not better"),
    ]
    found = decide(gates, {metric: Estimate(value, value - half, value + half, 400)}).value
    inside = value - half > -0.05 and value + half < 0.05
    if found == "pass":
        assert inside
    if found == "fail":
        assert value + half < -0.05 or value - half > 0.05
    if value - 1.25 * half > -0.05 and value + 1.25 * half < 0.05:
        assert found == "pass"


@given(
    n=st.integers(1, 300),
    count=st.integers(0, 300),
    bound=st.floats(0.02, 0.98),
    right=st.booleans(),
)
def test_one_more_example_never_turns_a_decided_gate_into_its_opposite(
    n: int, count: int, bound: float, right: bool
) -> None:
    assume(count <= n)
    gate = FLOOR.model_copy(update={"at_least": bound})
    before = decide([gate], {gate.metric: rate(count, n)}).value
    after = decide([gate], {gate.metric: rate(count + right, n + 1)}).value
    assert {before, after} != {"pass", "fail"}


@given(
    statuses=st.lists(st.sampled_from(["succeeded", "failed", "skipped"]), min_size=1, max_size=60),
    place=st.integers(0, 59),
    bound=st.floats(0.05, 0.95),
)
def test_an_example_that_errors_never_helps(statuses: list[str], place: int, bound: float) -> None:
    def judged(found: list[str]) -> int:
        records = [
            OutcomeRecord(
                check="a",
                attack="pwws",
                example_id=str(number),
                split="test",
                status=status,  # type: ignore[arg-type]  # drawn from the names
                label=0,
                predicted_before=int(status == "skipped"),
            )
            for number, status in enumerate(found)
        ]
        summary = summarize_attack(records)
        errored = summary.counts["errored"]
        problems = [f"{errored} examples errored"] if errored else []
        gate = FLOOR.model_copy(update={"at_least": bound})
        verdict = decide([gate], {gate.metric: summary.robust_accuracy}, problems)
        return ["fail", "inconclusive", "pass"].index(verdict.value)

    broken = list(statuses)
    broken[place % len(broken)] = "errored"
    assert judged(broken) <= judged(statuses)
    assert judged(broken) < 2
