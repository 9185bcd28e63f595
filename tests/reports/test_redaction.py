"""Secrets stay out of what a run keeps, and what is none stays in."""

from __future__ import annotations

import json
import sys
from pathlib import Path

import pytest
from hypothesis import given as drawn
from hypothesis import strategies as st

from reports import redaction
from reports.folder import RunFolder
from suites.cli import invoke
from tests.suites import project

SECRET = "s3cr3tValue9"


@pytest.mark.parametrize(
    ("given", "kept"),
    [
        ("https://me:pw@git.example/a/b.git?token=1", "https://git.example/a/b.git"),
        ("https://git.example/a/b.git", "https://git.example/a/b.git"),
        ("git@git.example:a/b.git", "git.example:a/b.git"),
        ("ssh://git:pw@git.example:22/a", "ssh://git.example:22/a"),
        ("/srv/someone/repository.git", "repository.git"),
        ("file:///srv/someone/repository.git", "repository.git"),
    ],
)
def test_credentials_and_paths_are_cut_out_of_addresses(given: str, kept: str) -> None:
    assert redaction.clean_address(given) == kept


@pytest.mark.parametrize(
    ("given", "kept"),
    [
        (["x", "--api-key=abc"], ["x", "--api-key=[redacted]"]),
        (["x", "--password", "a", "b"], ["x", "--password", "[redacted]", "b"]),
        (["x", "--data", "https://u:p@h/d"], ["x", "--data", "https://h/d"]),
        (["x", "--set", "token=a1"], ["x", "--set", "token=[redacted]"]),
        (["x", "--new-tokens", "128"], ["x", "--new-tokens", "128"]),
        (["x", "--data", "https://h/d?sig=abc"], ["x", "--data", "https://h/d?[redacted]"]),
        (["x", "hf_" + "a1B2c3" * 6], ["x", "[redacted]"]),
        (["x", "--seed", "1"], ["x", "--seed", "1"]),
    ],
)
def test_secrets_are_cut_out_of_commands(given: list[str], kept: list[str]) -> None:
    assert redaction.clean_command(given) == kept


@pytest.mark.parametrize(
    "message",
    [
        "GET https://me:{}@host.example/v1?x=1 failed",
        "GET https://host.example/v1?api_key={}&x=1 failed",
        "GET https://host.example/blob?sv=1&sig={} failed",
        "{{'Authorization': 'Bearer {}'}}",
        "Authorization: Basic {}",
        "password={}",
        'API_KEY = "{}"',
        "client_secret: '{}'",
        '{{"access_token": "{}"}}',
        "--hub-token={}",
    ],
)
def test_secrets_are_cut_out_of_messages(message: str) -> None:
    said = redaction.redacted(f"before {message.format(SECRET)} after")
    assert SECRET not in said
    assert said.startswith("before ")
    assert said.endswith(" after")
    assert redaction.REDACTED in said or "@" in message


@pytest.mark.parametrize(
    "message",
    [
        "ValueError: 128 new_tokens were asked for, and pad_token_id=0",
        "    token = tokenizer(text)",
        "the password of the film is never told",
        "https://host.example/v1?page=2",
        'File "/srv/model.py", line 3, in run',
        "KeyError: 'signature'",
    ],
)
def test_what_is_no_secret_stays(message: str) -> None:
    assert redaction.redacted(message) == message


@drawn(st.text())
def test_any_text_can_be_looked_at(message: str) -> None:
    redaction.redacted(message)
    redaction.without_credentials(message)


def test_planted_secrets_are_nowhere_in_a_run(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """In the environment, on the command line and in what an example's error says."""
    monkeypatch.chdir(tmp_path)
    plan = project.release(tmp_path)
    for name in ("HF_TOKEN", "WITHSTAND_AUTHORIZATION", "AWS_SECRET_ACCESS_KEY", "MY_PASSWORD"):
        monkeypatch.setenv(name, SECRET)
    command = ["withstand", "audit", str(plan), "--hub-token", SECRET, f"https://u:{SECRET}@h/x"]
    monkeypatch.setattr(sys, "argv", command)

    from attacks.victims.huggingface import HuggingFaceVictim

    real = HuggingFaceVictim.run

    def fails(self: HuggingFaceVictim, batch: object) -> object:
        if any(sum(item.ids) % 3 == 0 for item in batch):  # type: ignore[attr-defined]
            raise RuntimeError(f"POST https://u:{SECRET}@h/v1?token={SECRET} api_key='{SECRET}'")
        return real(self, batch)  # type: ignore[arg-type]

    monkeypatch.setattr("attacks.victims.huggingface.HuggingFaceVictim.run", fails)
    assert invoke(
        ["attack", "base", "--data", "data.csv", "--recipe", "deepwordbug", "-n", "8", "-q"]
    ) in (2, 3)
    run = RunFolder.open(project.newest(Path("runs")))
    told = [event.get("error") or "" for event in run.events()]
    assert any("POST https://h/v1" in error for error in told)
    for path in run.path.rglob("*"):
        assert SECRET.encode() not in path.read_bytes(), path.name
    assert json.loads(json.dumps(run.started()["command"]))[3:] == [
        "--hub-token",
        "[redacted]",
        "https://h/x",
    ]
