"""Signatures of runs, with real keys of ssh-keygen and minisign."""

from __future__ import annotations

import os
import shutil
import subprocess
from collections.abc import Callable
from pathlib import Path

import pytest
import scenario
import typer
from typer.testing import CliRunner

from reports import commands, signing
from reports.folder import RunFolder
from reports.render import render
from reports.signing import SigningError, check, sign

needs_ssh = pytest.mark.skipif(
    shutil.which("ssh-keygen") is None, reason="ssh-keygen is not installed (openssh-client)"
)
needs_minisign = pytest.mark.skipif(
    shutil.which("minisign") is None, reason="minisign is not installed"
)


@pytest.fixture(scope="module")
def keys(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Keys of two people, each with its .pub: ssh-a, ssh-b, mini-a, mini-b, as there are tools."""
    folder = tmp_path_factory.mktemp("keys")
    for name in "ab":
        if shutil.which("ssh-keygen"):
            path, whom = str(folder / f"ssh-{name}"), f"{name}@example.org"
            made = ["ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-C", whom, "-f", path]
            subprocess.run(made, check=True, stdin=subprocess.DEVNULL)
        if shutil.which("minisign"):
            secret, public = str(folder / f"mini-{name}"), str(folder / f"mini-{name}.pub")
            made = ["minisign", "-G", "-W", "-p", public, "-s", secret]
            subprocess.run(made, check=True, stdin=subprocess.DEVNULL, capture_output=True)
    return folder


@pytest.fixture(scope="module")
def template(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return scenario.audit(tmp_path_factory.mktemp("runs"), "plain", count=4).path


@pytest.fixture
def run(template: Path, tmp_path: Path) -> RunFolder:
    """A finished run of its own for each test."""
    shutil.copytree(template, tmp_path / "run")
    return RunFolder.open(tmp_path / "run")


def allowed(folder: Path, *lines: str) -> Path:
    path = folder / "allowed_signers"
    path.write_text("".join(f"{line}\n" for line in lines))
    return path


def public(keys: Path, name: str) -> str:
    return (keys / f"{name}.pub").read_text().strip()


def test_a_run_that_nobody_signed_has_no_signature(run: RunFolder) -> None:
    assert check(run) is None
    assert signing.facts(run) == ()


@needs_ssh
def test_a_signature_leaves_the_run_as_it_was_sealed(run: RunFolder, keys: Path) -> None:
    assert sign(run, keys / "ssh-a").name == "SHA256SUMS.sig"
    assert run.verify_sums() == []
    found = check(run)
    assert found is not None
    assert (found.state, found.tool) == ("unknown", "ssh-keygen")
    assert "ED25519 key SHA256:" in found.sentence
    assert "which you have not said that you trust" in found.sentence


@needs_ssh
@pytest.mark.parametrize(
    ("signers", "identity", "state", "signer"),
    [
        (["a@example.org {a}"], None, "trusted", "a@example.org"),
        (
            ["# ours", "", "b@example.org {b}", "*@example.org {a}"],
            None,
            "trusted",
            "*@example.org",
        ),
        (['a@example.org namespaces="withstand,git" {a}'], None, "trusted", "a@example.org"),
        (['a@example.org namespaces="git" {a}'], None, "unlisted", None),
        (['a@example.org valid-before="20200101" {a}'], None, "unlisted", None),
        (["b@example.org {b}"], None, "unlisted", None),
        ([""], None, "unlisted", None),
        (["a@example.org {a}", "b@example.org {b}"], "a@example.org", "trusted", "a@example.org"),
        (["a@example.org {a}", "b@example.org {b}"], "b@example.org", "unlisted", None),
        (["-a {a}"], None, "trusted", "-a"),
        (["-q {b}"], "-q", "unlisted", None),
    ],
)
def test_a_key_is_trusted_if_the_allowed_signers_say_so(
    run: RunFolder,
    keys: Path,
    tmp_path: Path,
    signers: list[str],
    identity: str | None,
    state: str,
    signer: str | None,
) -> None:
    sign(run, keys / "ssh-a")
    known = {name: public(keys, f"ssh-{name}") for name in "ab"}
    file = allowed(tmp_path, *(line.format(**known) for line in signers))
    found = check(run, file, identity)
    assert found is not None
    assert (found.state, found.signer) == (state, signer)


@needs_ssh
def test_a_public_key_is_enough_to_say_whom_to_trust(run: RunFolder, keys: Path) -> None:
    sign(run, keys / "ssh-a")
    ours, theirs = check(run, keys / "ssh-a.pub"), check(run, keys / "ssh-b.pub")
    assert ours is not None
    assert (ours.state, ours.signer) == ("trusted", "a@example.org")
    assert theirs is not None
    assert theirs.state == "unlisted"
    assert "is no key that you trust" in theirs.sentence


Tamper = Callable[[Path, Path], object]


def _other_run(run: Path, other: Path) -> None:
    for name in ("SHA256SUMS.sig", "SHA256SUMS.minisig"):
        if (other / name).exists():
            shutil.copy(other / name, run / name)


def _sums(run: Path, _: Path) -> None:
    text = (run / "SHA256SUMS").read_text()
    (run / "SHA256SUMS").write_text(text.replace(text[0], "f" if text[0] != "f" else "e", 1))


def _garbage(run: Path, _: Path) -> None:
    for name in ("SHA256SUMS.sig", "SHA256SUMS.minisig"):
        if (run / name).exists():
            (run / name).write_bytes(b"untrusted comment: \xff\nAAAA\n\x00")


def _huge(run: Path, _: Path) -> None:
    for name in ("SHA256SUMS.sig", "SHA256SUMS.minisig"):
        if (run / name).exists():
            (run / name).write_bytes(b"x" * 100_000)


def _link(run: Path, other: Path) -> None:
    for name in ("SHA256SUMS.sig", "SHA256SUMS.minisig"):
        if (run / name).exists():
            (run / name).rename(other / f"{name}.moved")
            (run / name).symlink_to(other / f"{name}.moved")


@pytest.mark.parametrize("tamper", [_other_run, _sums, _garbage, _huge, _link])
@pytest.mark.parametrize(
    "kind", [pytest.param("ssh", marks=needs_ssh), pytest.param("mini", marks=needs_minisign)]
)
def test_a_signature_of_anything_else_is_found_out(
    run: RunFolder, keys: Path, tmp_path: Path, kind: str, tamper: Tamper
) -> None:
    other = scenario.audit(tmp_path / "others", "hardened", count=3)
    for one in (run, other):
        sign(one, keys / f"{kind}-a")
    tamper(run.path, other.path)
    for trusted in (keys / f"{kind}-a.pub", None):
        found = check(run, trusted)
        assert found is not None
        # Without its key nobody can look at a signature of minisign, but at what it is.
        unseen = kind == "mini" and trusted is None and tamper in (_other_run, _sums)
        assert found.state == ("unchecked" if unseen else "invalid")


@needs_ssh
def test_a_signature_for_something_else_than_a_run_does_not_pass(
    run: RunFolder, keys: Path
) -> None:
    sums = run.path / "SHA256SUMS"
    made = ["ssh-keygen", "-Y", "sign", "-n", "git", "-f", str(keys / "ssh-a"), str(sums)]
    subprocess.run(made, check=True, capture_output=True)
    found = check(run, keys / "ssh-a.pub")
    assert found is not None
    assert found.state == "invalid"


@needs_minisign
def test_minisign_signs_and_its_public_key_says_whom_to_trust(run: RunFolder, keys: Path) -> None:
    assert sign(run, keys / "mini-a").name == "SHA256SUMS.minisig"
    assert run.verify_sums() == []
    ours, theirs, nobody = (check(run, t) for t in (keys / "mini-a.pub", keys / "mini-b.pub", None))
    assert ours is not None
    assert ours.state == "trusted"
    assert ours.key in public(keys, "mini-a").replace("public key", "key")
    assert theirs is not None
    assert theirs.state == "unlisted"
    assert "calls itself minisign key" in theirs.sentence
    assert nobody is not None
    assert (nobody.state, nobody.key) == ("unchecked", ours.key)


@needs_ssh
@needs_minisign
def test_of_two_signatures_the_one_of_the_named_key_counts(run: RunFolder, keys: Path) -> None:
    sign(run, keys / "ssh-a")
    sign(run, keys / "mini-a")
    states = {}
    for name in ("ssh-a", "mini-a", "mini-b"):
        found = check(run, keys / f"{name}.pub")
        assert found is not None
        states[name] = (found.tool, found.state)
    assert states == {
        "ssh-a": ("ssh-keygen", "trusted"),
        "mini-a": ("minisign", "trusted"),
        "mini-b": ("minisign", "unlisted"),
    }
    (run.path / "SHA256SUMS.minisig").unlink()
    other = check(run, keys / "mini-a.pub")
    assert other is not None
    assert (other.tool, other.state) == ("ssh-keygen", "unlisted")


@needs_ssh
def test_a_run_that_is_open_or_changed_or_signed_is_not_signed(
    run: RunFolder, keys: Path, tmp_path: Path
) -> None:
    with pytest.raises(SigningError, match="is not finished"):
        sign(RunFolder.create(tmp_path / "open", "x", kind="audit"), keys / "ssh-a")
    sign(run, keys / "ssh-a")
    before = (run.path / "SHA256SUMS.sig").read_bytes()
    with pytest.raises(SigningError, match="is there already"):
        sign(run, keys / "ssh-b")
    assert (run.path / "SHA256SUMS.sig").read_bytes() == before
    sign(run, keys / "ssh-b", replace=True)
    assert (run.path / "SHA256SUMS.sig").read_bytes() != before
    (run.path / "manifest.json").write_text("{}")
    with pytest.raises(SigningError, match=r"manifest\.json: changed since"):
        sign(run, keys / "ssh-a", replace=True)


@needs_ssh
def test_a_link_in_the_place_of_the_signature_is_not_written_through(
    run: RunFolder, keys: Path, tmp_path: Path
) -> None:
    outside = tmp_path / "outside"
    outside.write_text("kept")
    (run.path / "SHA256SUMS.sig").symlink_to(outside)
    with pytest.raises(SigningError):
        sign(run, keys / "ssh-a", replace=True)
    assert outside.read_text() == "kept"


@pytest.mark.parametrize(
    ("content", "words"),
    [(None, "cannot be read"), (b"hello", "is no key that can sign"), (b"\xff" * 99, "is no key")],
)
def test_what_is_no_key_is_refused(
    run: RunFolder, tmp_path: Path, content: bytes | None, words: str
) -> None:
    key = tmp_path / "key"
    if content is not None:
        key.write_bytes(content)
    with pytest.raises(SigningError, match=words):
        sign(run, key)
    assert check(run) is None


@needs_ssh
def test_a_key_that_the_tool_refuses_signs_nothing(run: RunFolder, tmp_path: Path) -> None:
    key = tmp_path / "key"
    key.write_text(
        "-----BEGIN OPENSSH PRIVATE KEY-----\nbm90IGEga2V5\n-----END OPENSSH PRIVATE KEY-----\n"
    )
    key.chmod(0o600)
    with pytest.raises(SigningError, match="ssh-keygen did not sign"):
        sign(run, key)
    assert check(run) is None


@needs_ssh
def test_a_key_whose_name_begins_like_an_option_is_a_key(
    run: RunFolder, keys: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    shutil.copy(keys / "ssh-a", "-h")
    Path("-h").chmod(0o600)
    sign(run, Path("-h"))
    found = check(run, keys / "ssh-a.pub")
    assert found is not None
    assert found.state == "trusted"


@needs_ssh
def test_a_tool_that_is_missing_is_named_with_its_package(
    run: RunFolder, keys: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    sign(run, keys / "ssh-a")
    monkeypatch.setenv("PATH", os.devnull)
    with pytest.raises(SigningError, match="apt install openssh-client"):
        sign(run, keys / "ssh-a", replace=True)
    with pytest.raises(SigningError, match="openssh-client"):
        check(run, keys / "ssh-a.pub")
    found = check(run)
    assert found is not None
    assert found.state == "unchecked"


@needs_ssh
def test_the_verb_signs_and_a_report_drawn_again_says_so(
    run: RunFolder, keys: Path, tmp_path: Path
) -> None:
    app = typer.Typer()
    commands.register(app)
    done = CliRunner().invoke(app, ["sign", str(run.path), "--key", str(keys / "ssh-a")])
    assert done.exit_code == 0
    assert done.stdout.strip() == str(run.path / "SHA256SUMS.sig")
    assert "Signed with ED25519 key SHA256:" in done.stderr
    render(run.path)
    drawn = (run.path / "report.html").read_text()
    assert "which you have not said that you trust" in drawn
    assert run.verify_sums() == []
