"""`withstand attack` against a model behind a URL."""

from __future__ import annotations

import json
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path
from typing import Any

import pytest

from suites.cli import invoke
from suites.endpoint import AUTHORIZATION
from tests.suites import project

SECRET = "Bearer s3cr3t-t0ken"


class Server(HTTPServer):
    """Positive is what holds the word "good"; `sure` is how sure it is of it."""

    sure = 0.9

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), Handler)
        self.bodies: list[Any] = []
        self.secrets: set[str | None] = set()

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.server_port}/predict"


class Handler(BaseHTTPRequestHandler):
    server: Server

    def do_POST(self) -> None:
        body = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
        self.server.bodies.append(body["inputs"])
        self.server.secrets.add(self.headers["Authorization"])
        p = [self.server.sure if "good" in text else 0.2 for text in body["inputs"]]
        answer = json.dumps([[1 - x, x] for x in p]).encode()
        self.send_response(200)
        self.send_header("Content-Length", str(len(answer)))
        self.end_headers()
        self.wfile.write(answer)

    def log_message(self, *arguments: object) -> None:
        pass


@pytest.fixture
def server() -> Iterator[Server]:
    found = Server()
    thread = threading.Thread(target=found.serve_forever, daemon=True)
    thread.start()
    yield found
    found.shutdown()
    found.server_close()


@pytest.fixture
def reviews(tmp_path: Path) -> Path:
    path = tmp_path / "reviews.csv"
    texts = ["a good film", "such a good plot", "a dull film", "nothing but noise"]
    project.write_rows(path, [(t, "positive" if "good" in t else "negative") for t in texts])
    return path


def attack(url: str, data: Path, *extra: str) -> int:
    arguments = ["attack", url, "--data", str(data), "--recipe", "deepwordbug", "-q", "--json"]
    return invoke([*arguments, "-o", str(data.parent / "runs"), *extra])


def test_an_endpoint_is_attacked_and_its_secret_kept(
    server: Server,
    reviews: Path,
    capsys: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv(AUTHORIZATION, SECRET)
    assert attack(server.url, reviews, "--labels", "negative,positive") == 0
    summary = json.loads(capsys.readouterr().out)
    assert summary["counts"]["succeeded"] == 2
    assert summary["counts"]["failed"] == 2
    assert server.secrets == {SECRET}
    assert summary["queries"]["scored"] == sum(map(len, server.bodies))
    results = json.loads((Path(summary["run"]) / "results.json").read_text())
    assert results["model"]["labels"] == ["negative", "positive"]
    for path in Path(summary["run"]).iterdir():
        assert SECRET.encode() not in path.read_bytes()


def test_answers_of_another_model_behind_the_url_are_not_taken_from_the_cache(
    server: Server, reviews: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    options = ["--labels", "negative,positive", "--cache", str(reviews.parent / "answers")]
    scored = []
    for sure in (0.9, 0.9, 0.8):
        server.sure = sure
        assert attack(server.url, reviews, *options) == 0
        scored.append(json.loads(capsys.readouterr().out)["queries"]["scored"])
    assert scored[1] == 0 < scored[0] == scored[2]


@pytest.mark.parametrize(
    ("url", "extra", "message"),
    [
        ("", ["--labels", "positive"], "does not say what its labels are"),
        ("", ["--labels", "negative,positive", "--recipe", "hotflip"], "can only be asked"),
        ("", ["--labels", "bad,fine", "--cache", "answers"], "positive"),
        ("", ["--labels", "bad,fine"], "positive"),
        ("", ["--labels", "negative,positive", "--max-length", "64"], "cuts texts by itself"),
        ("http://me:pw@x.example/", ["--labels", "negative,positive"], AUTHORIZATION),
        ("https://x.example/?key=1", ["--labels", "negative,positive"], AUTHORIZATION),
    ],
)
def test_what_is_refused_before_anything_is_sent(
    server: Server,
    reviews: Path,
    capsys: pytest.CaptureFixture[str],
    url: str,
    extra: list[str],
    message: str,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.chdir(reviews.parent)
    assert attack(url or server.url, reviews, *extra) == 2
    assert message in capsys.readouterr().err
    assert server.bodies == []
    assert not list((reviews.parent / "runs").glob("*attack*"))


def test_a_spent_budget_of_requests_keeps_what_was_done(
    server: Server, reviews: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    options = ["--labels", "negative,positive"]
    assert attack(server.url, reviews, *options, "--request-budget", "2") == 2
    assert "budget of 2 requests" in capsys.readouterr().err
    assert len(server.bodies) == 2
    assert attack(server.url, reviews, *options, "--resume", "last") == 0
    assert json.loads(capsys.readouterr().out)["counts"]["total"] == 4
