from __future__ import annotations

import json
import subprocess
from pathlib import Path

import pytest

from reports import manifest
from reports.hashing import sha256_file, sha256_files, sha256_texts, sha256_tree


def test_a_manifest_is_json_and_names_no_machine(monkeypatch: pytest.MonkeyPatch) -> None:
    import getpass
    import platform

    monkeypatch.setenv("HF_TOKEN", "hf_secret")
    monkeypatch.setenv("OMP_NUM_THREADS", "1")
    found = manifest.collect(
        seeds={"run": 1}, command=["/opt/x/withstand", "audit", "--hub-token", "s3"]
    )
    text = json.dumps(found)
    assert "hf_secret" not in text
    assert "s3" not in found["command"]
    assert found["command"] == ["withstand", "audit", "--hub-token", "[redacted]"]
    assert found["environment"]["OMP_NUM_THREADS"] == "1"
    assert platform.node() not in text
    assert f"/home/{getpass.getuser()}" not in text
    assert found["versions"]["scipy"]
    assert len(found["packages_sha256"]) == 64


def test_the_state_of_the_code_is_recorded(tmp_path: Path) -> None:
    assert manifest.git_state(tmp_path) is None

    def git(*arguments: str) -> None:
        identity = ["-c", "user.name=t", "-c", "user.email=t@example.org"]
        subprocess.run(["git", "-C", str(tmp_path), *identity, *arguments], check=True)

    git("init", "--quiet")
    (tmp_path / "a").write_text("1")
    git("add", "a")
    git("commit", "--quiet", "-m", "a")
    git("remote", "add", "origin", "https://me:pw@git.example/a.git")
    state = manifest.git_state(tmp_path)
    assert state is not None
    assert (state["dirty"], state["origin"]) == (False, "https://git.example/a.git")
    (tmp_path / "a").write_text("2")
    state = manifest.git_state(tmp_path)
    assert state is not None
    assert state["dirty"] is True


def test_digests_know_names_order_and_bounds(tmp_path: Path) -> None:
    (tmp_path / "a").mkdir()
    (tmp_path / "a" / "x").write_text("1")
    (tmp_path / ".hidden").write_text("1")
    files = sha256_files(tmp_path)
    assert files == {"a/x": sha256_file(tmp_path / "a" / "x")}
    before = sha256_tree(tmp_path)
    (tmp_path / "a" / "x").rename(tmp_path / "a" / "y")
    assert sha256_tree(tmp_path) != before
    assert sha256_tree(tmp_path / "a" / "y") == files["a/x"]
    assert sha256_texts(["ab", "c"]) != sha256_texts(["a", "bc"])
    assert len(sha256_texts(["\ud83d"])) == 64
