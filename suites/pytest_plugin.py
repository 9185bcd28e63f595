"""The pytest plugin: fixtures that attack a model, and plans whose gates are tests.

    def test_it_withstands_typos(robustness):
        assert robustness.attack("deepwordbug", n=200).robust_accuracy >= 0.4

    pytest --withstand-model models/hardened --withstand-data reviews.csv
    pytest release.toml

pytest imports this module in every session, so it imports nothing of ours, and no torch, until a test
asks for it. A comparison that the sample is too small to decide ends a test as `inconclusive`, which is
no failure unless `--withstand-strict` is given.
"""

from __future__ import annotations

from collections.abc import Callable, Generator, Iterable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from suites.pytest_settings import MARK, OPTIONS, PROPERTY, SWITCHES, setting, switched

if TYPE_CHECKING:
    from attacks.models import Victim
    from attacks.outcomes import Example
    from suites.robustness import Robustness


def pytest_addoption(parser: pytest.Parser) -> None:
    """Options, each also an ini key."""
    group = parser.getgroup("withstand", "robustness (withstand)")
    for name, text in OPTIONS:
        group.addoption(f"--withstand-{name}", metavar=name.upper(), help=text)
        parser.addini(f"withstand_{name.replace('-', '_')}", text)
    for name, text in SWITCHES:
        group.addoption(f"--withstand-{name}", action="store_true", help=text)
        parser.addini(f"withstand_{name}", text, type="bool", default=False)


def pytest_configure(config: pytest.Config) -> None:
    """The one marker."""
    config.addinivalue_line(
        "markers",
        f"{MARK}: asks a model; set by itself on tests that use the fixture `robustness` or "
        "`withstand_answer`, and on the gates of plans",
    )


@pytest.hookimpl(tryfirst=True)
def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Mark what attacks a model, and keep it in one worker under `--dist loadgroup`."""
    for item in items:
        if {"robustness", "withstand_answer"} & {*getattr(item, "fixturenames", ())}:
            item.add_marker(MARK)
            item.add_marker(pytest.mark.xdist_group(MARK))


def pytest_collect_file(file_path: Path, parent: pytest.Collector) -> pytest.Collector | None:
    """A plan that is named on the command line; a pyproject.toml where it has one."""
    if file_path.suffix == ".toml" and parent.session.isinitpath(file_path):
        from harness.plan import holds_plan
        from suites.pytest_plans import PlanFile

        if not holds_plan(file_path):
            return None
        found: pytest.Collector = PlanFile.from_parent(parent, path=file_path)
        return found
    return None


@pytest.fixture(scope="session")
def withstand_model(pytestconfig: pytest.Config) -> Victim:
    """The model under attack: that of --withstand-model.

    Override it in a conftest.py to attack anything else: return a folder, a Hugging Face id, or a victim
    (`attacks.victims.function.FunctionVictim` wraps any function).
    """
    from suites.pytest_fixtures import load_model

    return load_model(pytestconfig, setting(pytestconfig, "model"))


@pytest.fixture(scope="session")
def withstand_data(pytestconfig: pytest.Config, withstand_model: Victim | str) -> Sequence[Example]:
    """The examples: those of --withstand-data.

    Override it in a conftest.py: return a file, a source, examples, or (text, label name) pairs.
    """
    from suites.pytest_fixtures import load_examples, load_model

    victim = load_model(pytestconfig, withstand_model)
    return load_examples(pytestconfig, victim, setting(pytestconfig, "data"))


@pytest.fixture(scope="session")
def robustness(
    pytestconfig: pytest.Config, withstand_model: Any, withstand_data: Any
) -> Generator[Robustness, None, None]:
    """Attacks `withstand_model` on `withstand_data`: see `suites.robustness.Robustness`."""
    from suites.pytest_fixtures import opened

    with opened(pytestconfig, withstand_model, withstand_data) as found:
        yield found


@pytest.fixture(scope="session")
def withstand_answer(pytestconfig: pytest.Config, withstand_model: Any) -> Callable[..., str]:
    """A function from a text, its fields one by one, to the label that `withstand_model` gives it."""
    from suites.pytest_fixtures import load_model
    from suites.regressions import answer

    victim = load_model(pytestconfig, withstand_model)
    return lambda *strings: answer(victim, strings)


@pytest.hookimpl(wrapper=True)
def pytest_runtest_call(item: pytest.Item) -> Generator[None, Any, Any]:
    """Note what the test's comparisons came to, for its properties."""
    if item.get_closest_marker(MARK) is None:
        return (yield)
    from suites.measured import listening

    with listening() as judged:
        try:
            return (yield)
        finally:
            for one in judged:
                item.user_properties.append((f"{PROPERTY}.{one.verdict}", "; ".join(one.reasons)))


def pytest_assertrepr_compare(op: str, left: object, right: object) -> list[str] | None:
    """The interval, the bound and the worst examples in the place of two reprs."""
    if type(left).__module__ != "suites.measured":
        return None
    from suites.measured import Measured

    if not isinstance(left, Measured) or not isinstance(right, int | float):
        return None
    found = left >= right if op in (">=", ">") else left <= right
    return [f"{left.metric} {op} {right}", *found.lines()]


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport(
    item: pytest.Item, call: pytest.CallInfo[Any]
) -> Generator[None, pytest.TestReport, pytest.TestReport]:
    """Turn an inconclusive comparison into an outcome of its own."""
    report = yield
    error = call.excinfo.value if call.excinfo is not None else None
    if type(error).__name__ == "InconclusiveError" and not switched(item.config, "strict"):
        path, line, _ = item.location
        report.outcome = "skipped"
        report.longrepr = (path, (line or 0) + 1, f"inconclusive: {error}")
        report.withstand_inconclusive = True  # type: ignore[attr-defined]  # reports carry extras
    return report


@pytest.hookimpl(tryfirst=True)
def pytest_report_teststatus(report: pytest.TestReport) -> Any:
    """`?` and a category of its own for what is inconclusive."""
    if getattr(report, "withstand_inconclusive", False):
        return "inconclusive", "?", ("INCONCLUSIVE", {"yellow": True})
    return None


def pytest_terminal_summary(terminalreporter: Any) -> None:
    """What was measured, a line a comparison; on xdist's controller that of all workers."""
    lines = [
        (verdict.removeprefix(f"{PROPERTY}."), report.nodeid, reason)
        for report in _reports(terminalreporter.stats)
        for verdict, reason in report.user_properties
        if str(verdict).startswith(f"{PROPERTY}.")
    ]
    if not lines:
        return
    terminalreporter.section("robustness (withstand)")
    for verdict, node, reason in lines:
        terminalreporter.line(f"{verdict.upper():12} {node}: {reason}")
    if any(verdict == "inconclusive" for verdict, _, _ in lines):
        terminalreporter.line(
            "Inconclusive: the evidence is neither for nor against. --withstand-strict counts that as a "
            "failure."
        )


def _reports(stats: dict[str, list[Any]]) -> Iterable[Any]:
    for category in ("passed", "failed", "inconclusive", "skipped", "xfailed", "xpassed"):
        for report in stats.get(category, ()):
            if getattr(report, "when", None) == "call":
                yield report
