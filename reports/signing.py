"""Signatures of a run: a user's own key over SHA256SUMS, which in turn covers every record of the run.

The keys and the cryptography are those of two tools that people have: ssh-keygen (any SSH key, also an
agent's or one in hardware) and minisign. The tools ask for passphrases themselves. A signature says who
vouches for the sums; whether the files are those of the sums is for `RunFolder.verify_sums` to say.

A folder from a stranger is data: links are not followed, both tools are given copies of two small files
and no text from the folder as an argument, and no shell runs.
"""

from __future__ import annotations

import base64
import binascii
import contextlib
import os
import re
import shutil
import subprocess
import tempfile
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import IO, Literal

from reports.errors import ReportError
from reports.folder import SIGNATURES, SUMS, RunFolder
from reports.storage import write_atomic
from reports.view import Fact

NAMESPACE = "withstand"
"""What SSH signatures are made for: one made for git or mail does not pass for one of a run."""

Tool = Literal["ssh-keygen", "minisign"]
State = Literal["trusted", "unknown", "unlisted", "invalid", "unchecked"]

FILES: dict[Tool, str] = dict(zip(("ssh-keygen", "minisign"), SIGNATURES, strict=True))
PACKAGES: dict[Tool, str] = {"ssh-keygen": "openssh-client", "minisign": "minisign"}
SECONDS = 60
LARGEST = 64 * 1024
LARGEST_SUMS = 16 * 1024 * 1024

_SSH_PUBLIC = re.compile(r"(?:ssh|ecdsa|sk)-[\w@.-]+ [A-Za-z0-9+/=]+(?: .*)?", re.ASCII)
_FINGERPRINT = re.compile(r" with (\S+ key SHA256:[A-Za-z0-9+/=]+)$", re.MULTILINE)
_MINISIGN = "untrusted comment:"


class SigningError(ReportError):
    """A run cannot be signed, or its signature cannot be looked at. Exit code 2."""


@dataclass(frozen=True, slots=True)
class SignatureFound:
    """A signature in a run folder, and what it is worth.

    Attributes:
        state: "trusted" (of these sums, by a key that the caller named), "unknown" (of these sums; the
            caller named no key), "unlisted" (by none of the keys that were named; one of minisign that
            names another key is not looked at further), "invalid" (not of these sums, or no signature at
            all), "unchecked" (nobody could look).
        key: the fingerprint of an SSH key, the id of a minisign key; None where it cannot be told.
        signer: what the caller's file calls a trusted key.
        why: what is wrong where it is not trusted.
    """

    tool: Tool
    file: str
    state: State
    key: str | None = None
    signer: str | None = None
    why: str = ""

    @property
    def sentence(self) -> str:
        """What is to be said of it."""
        by = self.key or "a key that cannot be told"
        if self.tool == "minisign" and self.state != "trusted":
            by = f"what calls itself {by}"  # its id is not checked without the public key
        match self.state:
            case "trusted":
                return f"{SUMS} is signed by {self.signer} ({by})."
            case "unknown":
                return f"{SUMS} is signed by {by}, which you have not said that you trust."
            case "unlisted":
                return f"{SUMS} is signed by {by}, which is no key that you trust: {self.why}."
            case "invalid":
                return f"{self.file} is no valid signature of this {SUMS}: {self.why}."
            case "unchecked":
                return f"{SUMS} has a signature that was not checked ({by}): {self.why}."


def sign(run: RunFolder, key: Path, *, replace: bool = False) -> Path:
    """Sign the sums of a finished and intact run; returns the file of the signature.

    Args:
        key: a private SSH key, the public half of one that an agent holds, or a minisign secret key.
        replace: put it in the place of one that is there.

    Raises SigningError where the run is not sealed or was changed, is signed already, the key is none,
    or its tool is missing or refuses.
    """
    if not run.is_finished:
        raise SigningError(
            f"The run {run.id} is not finished, so there is nothing to sign. Go on with it by "
            f"--resume {run.path}."
        )
    problems = run.verify_sums()
    if problems:
        raise SigningError(
            f"The run {run.id} is not as it was sealed, and is not signed: {'; '.join(problems)}. "
            "Restore it from a copy, or run it again."
        )
    tool = _tool_of(key)
    path = run.path / FILES[tool]
    if path.is_symlink() or (path.exists() and not replace):
        raise SigningError(f"{path} is there already. To replace that signature: --force.")
    _require(tool)
    with _copies(run.path / SUMS, None) as (sums, _, folder):
        made = _ssh_signed(sums, key) if tool == "ssh-keygen" else _minisigned(sums, key, folder)
    write_atomic(path, made)
    return path


def check(
    run: RunFolder | Path, trusted: Path | None = None, identity: str | None = None
) -> SignatureFound | None:
    """What the signature of a run is worth; None where it has none.

    Args:
        trusted: whom to trust: an allowed-signers file of ssh-keygen, an SSH public key, or a minisign
            public key. Without one an SSH signature is checked and its key named; a minisign signature
            does not hold its key, and cannot be checked.
        identity: the one of the allowed signers that is to have signed; None: whichever it was.

    Raises SigningError where `trusted` cannot be read, or its tool is missing.
    """
    folder = run if isinstance(run, Path) else run.path
    wanted = None if trusted is None else _trusted_tool(trusted)
    present = [tool for tool in FILES if (folder / FILES[tool]).is_file() or _is_link(folder, tool)]
    if not present:
        return None
    tool = wanted if wanted in present else present[0]
    if trusted is not None:
        _require(tool)
    try:
        with _copies(folder / SUMS, folder / FILES[tool]) as (sums, signature, place):
            if tool == "ssh-keygen":
                known = trusted if wanted == tool else None
                found = _check_ssh(sums, signature, place, known, identity)
            else:
                found = _check_minisign(sums, signature, trusted if wanted == tool else None)
    except _OddFileError as error:
        return SignatureFound(tool, FILES[tool], "invalid", why=str(error))
    except SigningError as error:
        if trusted is not None:
            raise
        return SignatureFound(tool, FILES[tool], "unchecked", why=str(error).rstrip("."))
    if wanted is not None and wanted != tool and found.state != "invalid":
        why = f"{trusted} holds a key of {wanted}, and this is a signature of {tool}"
        return SignatureFound(tool, FILES[tool], "unlisted", found.key, why=why)
    return found


def facts(run: RunFolder) -> tuple[Fact, ...]:
    """The line of a report about the signature, as it was when the report was drawn."""
    found = check(run)
    return () if found is None else (Fact("Signature", (found.sentence,)),)


class _OddFileError(SigningError):
    """A file of the folder is no plain small file."""


def _is_link(folder: Path, tool: Tool) -> bool:
    return (folder / FILES[tool]).is_symlink()


@contextlib.contextmanager
def _copies(sums: Path, signature: Path | None) -> Iterator[tuple[Path, Path, Path]]:
    """Copies of the sums and the signature in a folder of ours, which the tools read instead."""
    contents = {SUMS: _bytes(sums, LARGEST_SUMS)}
    if signature is not None:
        contents["signature"] = _bytes(signature, LARGEST)
    with tempfile.TemporaryDirectory(prefix="withstand-") as name:
        folder = Path(name)
        for file, content in contents.items():
            (folder / file).write_bytes(content)
        yield folder / SUMS, folder / "signature", folder


def _bytes(path: Path, largest: int) -> bytes:
    if path.is_symlink() or not path.is_file():
        raise _OddFileError(f"{path.name} is no plain file of the folder")
    with path.open("rb") as file:
        content = file.read(largest + 1)
    if len(content) > largest:
        raise _OddFileError(f"{path.name} is larger than any is")
    return content


def _ssh_signed(sums: Path, key: Path) -> bytes:
    with sums.open("rb") as file:
        # Its words and its prompt are for the user: stderr and the terminal are left to it.
        done = _run("ssh-keygen", "-Y", "sign", "-n", NAMESPACE, "-f", _path(key), stdin=file)
    if done.returncode or not done.stdout.startswith(b"-----BEGIN SSH SIGNATURE-----"):
        raise SigningError(f"ssh-keygen did not sign with {key}; what it said stands above.")
    return done.stdout


def _minisigned(sums: Path, key: Path, folder: Path) -> bytes:
    made = folder / "made"
    done = _run("minisign", "-S", "-s", _path(key), "-m", str(sums), "-x", str(made), stdin=None)
    if done.returncode or not made.is_file():
        raise SigningError(f"minisign did not sign with {key}; what it said stands above.")
    return made.read_bytes()


def _check_ssh(
    sums: Path, signature: Path, folder: Path, trusted: Path | None, identity: str | None
) -> SignatureFound:
    file = FILES["ssh-keygen"]
    of = ("-n", NAMESPACE, "-s", str(signature))
    plain = _quiet("ssh-keygen", "-Y", "check-novalidate", *of, about=sums)
    key = _FINGERPRINT.search(plain.stdout.decode("utf-8", "replace"))
    if plain.returncode or key is None:
        said = "another key, other sums or a damaged file"
        return SignatureFound("ssh-keygen", file, "invalid", why=said)
    if trusted is None:
        return SignatureFound("ssh-keygen", file, "unknown", key[1])
    allowed, called = _allowed_signers(trusted, folder)
    names = [identity] if identity is not None and called is None else []
    if not names:
        listed = ("-Y", "find-principals", "-s", str(signature), "-f", str(allowed))
        names = _quiet("ssh-keygen", *listed).stdout.decode("utf-8", "replace").splitlines()
    for name in names:
        signer = ("-Y", "verify", "-f", str(allowed), "-I", name)
        if not _quiet("ssh-keygen", *signer, *of, about=sums).returncode:
            return SignatureFound("ssh-keygen", file, "trusted", key[1], called or name)
    whom = f"as {identity} " if identity is not None else ""
    why = f"{trusted} does not have it {whom}for {NAMESPACE}, today"
    return SignatureFound("ssh-keygen", file, "unlisted", key[1], why=why)


def _check_minisign(sums: Path, signature: Path, trusted: Path | None) -> SignatureFound:
    file = FILES["minisign"]
    key = _minisign_key(signature.read_bytes())
    if key is None:
        return SignatureFound("minisign", file, "invalid", why="it is no signature of minisign")
    if trusted is None:
        why = "a minisign signature does not hold its key, and you have named none"
        return SignatureFound("minisign", file, "unchecked", key, why=why)
    public = trusted.read_bytes()
    named = _minisign_key(public)
    if named != key:
        why = f"{trusted} is {named or 'no public key'}"
        return SignatureFound("minisign", file, "unlisted", key, why=why)
    asked = ("-V", "-q", "-m", str(sums), "-x", str(signature), "-p", _path(trusted))
    if _quiet("minisign", *asked).returncode:
        return SignatureFound("minisign", file, "invalid", key, why="other sums or a damaged file")
    return SignatureFound("minisign", file, "trusted", key, str(trusted))


def _minisign_key(content: bytes) -> str | None:
    """The id of the key in the second line of a signature or a public key; None where there is none."""
    lines = content.split(b"\n")
    if len(lines) < 2 or not lines[0].startswith(_MINISIGN.encode()):
        return None
    try:
        decoded = base64.b64decode(lines[1].strip(), validate=True)
    except (binascii.Error, ValueError):
        return None
    if decoded[:2] not in (b"Ed", b"ED") or len(decoded) not in (42, 74):
        return None
    return f"minisign key {int.from_bytes(decoded[2:10], 'little'):016X}"


def _allowed_signers(trusted: Path, folder: Path) -> tuple[Path, str | None]:
    """A copy of an allowed-signers file; of a public key, one that allows it, and what it is called."""
    lines = [
        line
        for line in trusted.read_text(encoding="utf-8", errors="replace").splitlines()
        if line.strip() and not line.startswith("#")
    ]
    path, called = folder / "allowed", None
    if lines and all(_SSH_PUBLIC.fullmatch(line) for line in lines):
        called = lines[0].split(" ", 2)[2].strip() if lines[0].count(" ") > 1 else ""
        called = called or trusted.name
        lines = [f'signer namespaces="{NAMESPACE}" {line}' for line in lines]
    path.write_text("\n".join(lines) + "\n", encoding="utf-8")
    return path, called


def _tool_of(key: Path) -> Tool:
    start = _start(key)
    if start.startswith(_MINISIGN):
        return "minisign"
    if start.startswith("-----BEGIN ") or _SSH_PUBLIC.fullmatch(start.split("\n", 1)[0].strip()):
        return "ssh-keygen"
    raise SigningError(
        f"{key} is no key that can sign a run. Allowed: a private SSH key (ssh-keygen -t ed25519), the "
        "public half of one that your agent holds, or a secret key of minisign (minisign -G)."
    )


def _trusted_tool(trusted: Path) -> Tool:
    return "minisign" if _start(trusted).startswith(_MINISIGN) else "ssh-keygen"


def _start(path: Path) -> str:
    try:
        with path.open("rb") as file:
            return file.read(4096).decode("utf-8", "replace")
    except OSError as error:
        raise SigningError(f"{path} cannot be read: {error.strerror}.") from None


def _path(path: Path) -> str:
    """A path that is no option, whatever its name begins with."""
    return str(path.absolute())


def _require(tool: Tool) -> str:
    found = shutil.which(tool)
    if found is None:
        raise SigningError(
            f"{tool} is not installed: the package {PACKAGES[tool]} has it (apt install "
            f"{PACKAGES[tool]})."
        )
    return found


def _quiet(
    tool: Tool, *arguments: str, about: Path | None = None
) -> subprocess.CompletedProcess[bytes]:
    """Ask a tool that talks to no user; `about` is what it reads."""
    if about is None:
        return _run(tool, *arguments, stdin=subprocess.DEVNULL, heard=True)
    with about.open("rb") as file:
        return _run(tool, *arguments, stdin=file, heard=True)


def _run(
    tool: Tool, *arguments: str, stdin: IO[bytes] | int | None, heard: bool = False
) -> subprocess.CompletedProcess[bytes]:
    """Run a tool without a shell; what it says on stderr is kept where `heard`, and shown else."""
    path = _require(tool)
    try:
        return subprocess.run(  # noqa: S603 - no shell; every argument is ours or a user's own
            [path, *arguments],
            stdin=stdin,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE if heard else None,
            env={**os.environ, "LC_ALL": "C"},
            timeout=SECONDS if heard else None,
            check=False,
        )
    except (OSError, ValueError, subprocess.TimeoutExpired) as error:
        raise SigningError(f"{tool} could not be run: {error}.") from None
