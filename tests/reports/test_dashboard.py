from __future__ import annotations

import http.client
import json
import re
import shutil
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from html.parser import HTMLParser
from pathlib import Path
from typing import Any
from urllib.parse import quote

import pytest

from reports.compare import compare_runs
from reports.dashboard import pairs, trend
from reports.dashboard.index import Index
from reports.dashboard.server import Dashboard
from reports.errors import ReportError
from reports.folder import RunFolder
from tests.reports import browser, scenario

HOSTILE = '<script>alert(1)</script>"><img src=x onerror=alert(1)>\u202e\x1b[31m'


@pytest.fixture(scope="module")
def root(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Two audits, their hardening, an attack, an unfinished run, and what is no run."""
    folder = tmp_path_factory.mktemp("many") / "runs"
    scenario.harden(folder, count=60)
    scenario.attack(folder / "older", count=12)
    RunFolder.create(folder, "half", kind="audit").close()
    (folder / f"x{HOSTILE.replace('/', '')}").mkdir()
    (folder / f"x{HOSTILE.replace('/', '')}" / "results.json").write_text("{")
    (folder / "notes").mkdir()
    (folder / "notes" / "todo.txt").write_text("a secret")
    poisoned = scenario.attack(folder, count=8)
    path = poisoned.path / "results.json"
    results = json.loads(path.read_text())
    results["run"]["name"] = results["attacks"][0]["name"] = HOSTILE
    path.write_text(json.dumps(results))
    return folder


@pytest.fixture(scope="module")
def served(root: Path) -> Iterator[Dashboard]:
    with Dashboard(root) as server:
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02})
        thread.start()
        yield server
        server.shutdown()
        thread.join()


class _Page(HTMLParser):
    """What a browser would make of a page: its tags, and their attributes."""

    def __init__(self) -> None:
        super().__init__()
        self.tags: set[str] = set()
        self.attributes: list[tuple[str, str]] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.add(tag)
        self.attributes += [(name, value or "") for name, value in attrs]


def _ask(
    server: Dashboard, path: str, method: str = "GET", host: str | None = None
) -> tuple[int, str, dict[str, str]]:
    connection = http.client.HTTPConnection("127.0.0.1", server.server_port, timeout=20)
    connection.putrequest(method, path, skip_host=True)
    for value in [f"127.0.0.1:{server.server_port}"] if host is None else host.split(" and "):
        if value:
            connection.putheader("Host", value)
    connection.endheaders()
    answer = connection.getresponse()
    body = answer.read().decode("utf-8")
    connection.close()
    return answer.status, body, dict(answer.getheaders())


def _id(server: Dashboard, word: str) -> str:
    return next(entry.id for entry in server.index.entries() if word in entry.name)


def test_the_list_has_every_run_and_what_is_wrong_with_others(served: Dashboard) -> None:
    status, body, _ = _ask(served, "/")
    assert status == 200
    assert "7 of 7 runs, 1 of all unreadable" in body
    for expected in ("rt-plain", "rt-hardened", "rt-harden", "attack-pwws", "not finished"):
        assert expected in body
    assert "has no events.jsonl" in body
    assert "a secret" not in body
    assert "todo" not in body


def test_it_listens_to_this_machine_alone(served: Dashboard) -> None:
    assert served.server_address[0] == "127.0.0.1"
    assert served.address == f"http://127.0.0.1:{served.server_port}/"


@pytest.mark.parametrize(
    "host",
    [
        "evil.example",
        "evil.example:{port}",
        "127.0.0.1",
        "127.0.0.1:1",
        "127.0.0.1.evil.example:{port}",
        "127.0.0.1:{port}@evil.example",
        "127.0.0.1:{port} and evil.example",
        "",
    ],
)
def test_another_host_gets_nothing(host: str, served: Dashboard) -> None:
    status, body, _ = _ask(served, "/", host=host.format(port=served.server_port))
    assert status == 421
    assert "rt-plain" not in body
    assert "evil" not in body


def test_localhost_is_this_host(served: Dashboard) -> None:
    assert _ask(served, "/", host=f"LOCALHOST:{served.server_port}")[0] == 200


@pytest.mark.parametrize(
    "method", ["POST", "PUT", "DELETE", "PATCH", "OPTIONS", "TRACE", "CONNECT"]
)
def test_nothing_but_reading_is_answered(method: str, served: Dashboard) -> None:
    status, _, headers = _ask(served, "/", method=method)
    assert status == 405
    assert headers["Allow"] == "GET, HEAD"


def test_a_verb_that_nobody_knows_is_refused(served: Dashboard) -> None:
    assert _ask(served, "/", method="BREW")[0] == 501


def test_head_has_the_headers_alone(served: Dashboard) -> None:
    status, body, headers = _ask(served, "/", method="HEAD")
    assert (status, body) == (200, "")
    assert int(headers["Content-Length"]) > 1000


@pytest.mark.parametrize(
    "path",
    [
        "/run/../../etc/passwd",
        "/run/..%2f..%2f..%2fetc%2fpasswd",
        "/run/%2e%2e/%2e%2e/etc/passwd",
        "/../../../../etc/passwd",
        "//etc/passwd",
        "/run//etc/passwd",
        "/run/0000000000000000",
        "/run/" + "a" * 15,
        "/run/%00",
        "/notes/todo.txt",
        "/results.json",
        "/style.css",
        "/run/0000000000000000/results.json",
        "file:///etc/passwd",
    ],
)
def test_a_path_never_reaches_the_file_system(path: str, served: Dashboard) -> None:
    status, body, _ = _ask(served, path)
    assert status == 404
    assert "root:" not in body
    assert "a secret" not in body


@pytest.mark.parametrize(
    ("path", "status"),
    [
        ("/?" + "a=1&" * 100, 400),
        ("/?q=" + "a" * 20_000, 414),
        ("/?page=" + "9" * 5000, 200),
        ("/?page=%FF&sort=%00&q=%ED%A0%80", 200),
        ("/?page=-1&sort=--time", 200),
        ("/pair?a=x&b=y&page=x", 200),
        ("/trend?plan=none", 200),
        ("http://[", 400),
    ],
)
def test_an_odd_request_is_answered(path: str, status: int, served: Dashboard) -> None:
    assert _ask(served, path)[0] == status


def test_every_page_has_a_policy_that_allows_no_script(served: Dashboard) -> None:
    for path in ("/", "/trend", "/pair", "/none", f"/run/{_id(served, 'rt-plain')}"):
        _, body, headers = _ask(served, path)
        policy = headers["Content-Security-Policy"]
        assert policy.startswith("default-src 'none'; style-src 'sha256-")
        assert "script" not in policy
        assert "unsafe" not in policy
        assert "frame-ancestors 'none'" in policy
        assert headers["X-Content-Type-Options"] == "nosniff"
        assert headers["Cache-Control"] == "no-store"
        page = _Page()
        page.feed(body)
        assert not page.tags & {"script", "iframe", "object", "embed", "img", "base"}
        for name, value in page.attributes:
            assert not name.startswith("on")
            assert name not in ("style", "src", "srcset", "formaction")
            if name in ("href", "action"):
                assert re.match(r"/(?!/)|\?|#|data:,$", value), value


def test_hostile_names_are_text(served: Dashboard) -> None:
    for path in ("/", "/trend?plan=" + quote(HOSTILE), "/pair", f"/?q={quote(HOSTILE)}"):
        _, body, _ = _ask(served, path)
        assert "<script>" not in body
        assert "<img" not in body
        assert not re.search(r"[\u202e\x1b]", body)
        assert "&lt;script&gt;alert(1)&lt;/script&gt;" in body
    _, report, _ = _ask(served, f"/run/{_id(served, 'script')}")
    assert "<script>" not in report


@pytest.mark.parametrize(
    ("query", "names"),
    [
        ("kind=harden", {"rt-harden"}),
        ("plan=rt-plain", {"rt-plain"}),
        ("model=models%2Frt-hardened", {"rt-hardened", "rt-harden"}),
        ("attack=textfooler", {"rt-plain", "rt-hardened", "rt-harden"}),
        ("verdict=inconclusive", {"rt-harden"}),
        ("verdict=unfinished", {"half"}),
        ("q=RT+hardened", {"rt-hardened", "rt-harden"}),
        ("q=nothing-of-the-kind", set()),
        ("kind=audit&verdict=pass", set()),
    ],
)
def test_filters_choose(query: str, names: set[str], served: Dashboard) -> None:
    _, body, _ = _ask(served, f"/?{query}")
    assert set(re.findall(r'<a href="/run/\w+"><bdi>([^<]*)</bdi>', body)) == names


def test_the_list_is_sorted_by_what_is_asked_for(served: Dashboard) -> None:
    def column(sort: str) -> list[str]:
        _, body, _ = _ask(served, f"/?sort={sort}&model=")
        cells = re.findall(r'data-label="Robust" class="num"><div><span class="main">([^<]*)', body)
        return [cell for cell in cells if cell != "—"]

    rising, falling = column("robust"), column("-robust")
    assert len(rising) == 5
    assert rising == sorted(rising, key=lambda cell: float(cell.rstrip("%")))
    assert falling == rising[::-1] != rising


def test_a_run_shows_its_report(served: Dashboard) -> None:
    _, body, _ = _ask(served, f"/run/{_id(served, 'rt-plain')}")
    assert "Overfitting" in body
    assert "<h1>" in body
    assert "not finished" in _ask(served, f"/run/{_id(served, 'half')}")[1]


def test_examples_side_by_side_are_counted_as_a_comparison_counts(
    served: Dashboard, root: Path
) -> None:
    entries = {entry.name: entry for entry in Index(root).entries()}
    a, b = entries["rt-plain"], entries["rt-hardened"]
    compared = compare_runs(RunFolder.open(a.path), RunFolder.open(b.path))
    row = next(r for r in compared["differences"] if r["metric"] == "robust_accuracy.pwws")
    found = pairs.page(a, b, "attack:pwws@test", "fixed", 1)
    assert found.counts["fixed"] == row["newly_fixed"] > 0
    assert found.counts["broken"] == row["newly_broken"]
    assert {pair.example for pair in found.pairs} == set(row["newly_fixed_ids"])
    _, body, _ = _ask(served, f"/pair?a={a.id}&b={b.id}&check=attack:pwws%40test&show=fixed")
    assert body.count('<div class="sides">') == len(found.pairs)
    assert "<ins>" in body
    assert "what differs is" not in body


def test_fifty_examples_make_a_page(root: Path) -> None:
    entries = {entry.name: entry for entry in Index(root).entries()}
    a = entries["rt-plain"]
    both = pairs.page(a, a, "attack:pwws@test", "both", 1)
    assert len(both.pairs) == pairs.PAGE
    last = pairs.page(a, a, "attack:pwws@test", "both", 10**6)
    assert last.number == last.pages == 2
    assert len(both.pairs) + len(last.pairs) == both.counts["both"]
    assert not {p.example for p in both.pairs} & {p.example for p in last.pairs}


def test_runs_that_cannot_be_laid_side_by_side_say_why(served: Dashboard) -> None:
    plain = _id(served, "rt-plain")
    entries = {entry.name: entry.id for entry in served.index.entries()}
    _, body, _ = _ask(served, f"/pair?a={plain}&b={entries['rt-harden']}")
    assert "holds no examples" in body
    _, body, _ = _ask(served, f"/pair?a={plain}&b={entries['attack-pwws']}")
    assert "The records do not say whether the two attacked the same texts" in body


def _release(root: Path, made: RunFolder, day: int, examples: int = 40, budget: int = 0) -> None:
    """A copy of an audit as if it had been made on another day, on so many examples."""
    path = Path(shutil.copytree(made.path, root / f"run-{day}")) / "results.json"
    results: dict[str, Any] = json.loads(path.read_text())
    results["run"]["created"] = f"2026-03-{day:02d}T09:00:00.000+00:00"
    for attack in results["attacks"]:
        attack["counts"]["total"] = examples
        attack["query_budget"] = budget or None
    path.write_text(json.dumps(results))


def test_a_trend_joins_what_is_alike_and_nothing_else(served: Dashboard, tmp_path: Path) -> None:
    made = next(RunFolder.open(e.path) for e in served.index.entries() if e.name == "rt-plain")
    for day in (1, 3, 2):
        _release(tmp_path, made, day)
    _release(tmp_path, made, 4, examples=30)
    _release(tmp_path, made, 5, examples=30, budget=9)
    _release(tmp_path, made, 6, examples=30, budget=9)
    lines = trend.lines(Index(tmp_path).entries())
    assert len(lines) == 6
    for line in lines:
        assert [point.run.created[8:10] for point in line.points] == [
            "01",
            "02",
            "03",
            "04",
            "05",
            "06",
        ]
        assert [point.joined for point in line.points] == [False, True, True, False, False, True]
    said = trend.breaks(lines)
    assert [sentence[:19] for sentence in said] == ["At 2026-03-04 09:00", "At 2026-03-05 09:00"]
    assert all("other parameters" in sentence for sentence in said)
    assert len(trend.table(lines).rows) == 36
    svg = trend.draw(lines[:1])
    assert "style=" not in svg
    assert "#0102" not in svg
    assert svg.count("robust accuracy") >= 6
    with Dashboard(tmp_path) as server:
        page = server.answer("/trend?plan=rt-plain")
    assert page.status == 200
    ids = re.findall(r'\bid="([^"]+)"', page.body)
    assert len(ids) == len(set(ids))
    assert page.body.count("<svg") >= 2
    assert "The numbers behind it" in page.body


def test_runs_without_texts_on_record_are_never_joined(tmp_path: Path) -> None:
    scenario.attack(tmp_path, count=8)
    scenario.attack(tmp_path, count=8)
    (line,) = trend.lines(Index(tmp_path).entries())
    assert [point.joined for point in line.points] == [False, False]
    assert "the records do not say" in trend.breaks([line])[0]


def test_the_index_reads_again_what_changed_and_nothing_else(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    run = scenario.attack(tmp_path, count=8)
    for number in range(199):
        shutil.copytree(run.path, tmp_path / f"run-{number}")
    index = Index(tmp_path)
    first = index.entries()
    assert len(first) == 200
    assert len({entry.id for entry in first}) == 200
    opened: list[Path] = []
    original = RunFolder.open.__func__  # type: ignore[attr-defined]
    monkeypatch.setattr(
        RunFolder, "open", classmethod(lambda c, p: opened.append(p) or original(c, p))
    )
    began = time.perf_counter()
    assert index.entries() == first
    assert time.perf_counter() - began < 0.5
    assert opened == []
    (tmp_path / "run-7" / "results.json").write_text("{")
    changed = {entry.folder: entry.problem for entry in index.entries()}
    assert opened == [tmp_path / "run-7"]
    assert "not valid JSON" in changed["run-7"]


def test_links_out_of_the_folder_are_listed_and_not_followed(tmp_path: Path) -> None:
    outside = scenario.attack(tmp_path / "outside", count=8)
    root = tmp_path / "runs"
    root.mkdir()
    (root / "link").symlink_to(outside.path)
    (root / "parent").symlink_to(tmp_path / "outside")
    inside = scenario.attack(root, count=8)
    (inside.path / "plan.toml").unlink(missing_ok=True)
    (inside.path / "plan.toml").symlink_to(tmp_path / "outside" / "plan.toml")
    problems = {entry.folder: entry.problem for entry in Index(root).entries()}
    assert problems.keys() == {"link", inside.id}
    assert "links are not followed" in problems["link"]
    assert "leaves the run folder" in problems[inside.id]


def test_a_folder_that_is_not_there_is_named(tmp_path: Path) -> None:
    with pytest.raises(ReportError, match="There is no folder"):
        Dashboard(tmp_path / "absent")


def test_a_port_that_is_taken_is_named(served: Dashboard, root: Path) -> None:
    with pytest.raises(ReportError, match=f"port {served.server_port}"):
        Dashboard(root, served.server_port)


@pytest.mark.skipif(sys.platform == "win32", reason="signals")
def test_an_interruption_ends_the_verb_with_code_0(root: Path) -> None:
    code = "import sys; from suites.cli import invoke; sys.exit(invoke(sys.argv[1:]))"
    command = [sys.executable, "-u", "-c", code, "dashboard", str(root)]

    def interruptible() -> None:
        # Tests that a shell runs in the background are deaf to it, and so is what they start.
        signal.signal(signal.SIGINT, signal.default_int_handler)

    with subprocess.Popen(
        command,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        preexec_fn=interruptible,
    ) as process:
        assert process.stdout is not None
        try:
            said = process.stdout.readline()
            assert re.search(r"are at http://127\.0\.0\.1:\d+/ \(Ctrl-C ends it\)", said)
            process.send_signal(signal.SIGINT)
            _, errors = process.communicate(timeout=20)
        finally:
            process.kill()
    assert process.returncode == 0
    assert errors == "Ended.\n"


@pytest.fixture(scope="module")
def pipe(tmp_path_factory: pytest.TempPathFactory) -> Iterator[browser.Pipe]:
    here = "--host-resolver-rules=MAP * ~NOTFOUND, EXCLUDE 127.0.0.1"
    with browser.chromium(tmp_path_factory.mktemp("profile"), here) as found:
        yield found


@pytest.fixture
def page(pipe: browser.Pipe) -> Iterator[browser.Page]:
    found = browser.Page(pipe)
    yield found
    found.close()


@pytest.fixture
def places(served: Dashboard) -> tuple[str, ...]:
    """The path of a page of each kind."""
    entries = {entry.name: entry.id for entry in served.index.entries()}
    a, b = entries["rt-plain"], entries["rt-hardened"]
    return ("/", "/trend?plan=rt-plain", f"/pair?a={a}&b={b}", f"/run/{a}", "/none")


def test_in_a_browser_every_page_renders_and_the_console_is_silent(
    served: Dashboard, page: browser.Page, places: tuple[str, ...]
) -> None:
    for path in places:
        address = served.address.rstrip("/") + path
        page.events.clear()
        page.open(address)
        assert page.value("document.querySelectorAll('h1').length") == 1
        assert "Withstand" in page.value("document.body.innerText"), (
            "the browser's own page of errors"
        )
        asked = [event["request"]["url"] for event in page.named("Network.requestWillBeSent")]
        assert asked == [address]
        loud = ("Runtime.consoleAPICalled", "Runtime.exceptionThrown")
        assert page.named(*loud) == []
        # Chromium itself notes an answer of 404.
        noted = [event["entry"]["text"] for event in page.named("Log.entryAdded")]
        assert all("404" in text and path == "/none" for text in noted)
        assert len(page.picture()) > 5_000


def test_in_a_browser_no_page_is_wider_than_the_screen(
    served: Dashboard, page: browser.Page, places: tuple[str, ...]
) -> None:
    for path in places:
        page.events.clear()
        page.open(served.address.rstrip("/") + path)
        assert "Withstand" in page.value("document.body.innerText")
        for width in (400, 1280):
            page.show(width)
            assert page.value("document.documentElement.scrollWidth") <= width, path
