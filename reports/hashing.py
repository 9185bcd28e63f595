"""SHA-256 of files, folders and ordered texts."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable
from pathlib import Path


def sha256_file(path: Path) -> str:
    """The digest of a file's content, in hex."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def sha256_files(folder: Path) -> dict[str, str]:
    """The digest of every file under a folder by relative path, hidden ones left out, sorted."""
    return {
        path.relative_to(folder).as_posix(): sha256_file(path)
        for path in sorted(folder.rglob("*"))
        if path.is_file() and not any(p.startswith(".") for p in path.relative_to(folder).parts)
    }


def sha256_tree(path: Path) -> str:
    """One digest for a file or a folder: of its content, or of its files' names and contents."""
    if path.is_file():
        return sha256_file(path)
    return sha256_texts(f"{name}\0{digest}" for name, digest in sha256_files(path).items())


def sha256_texts(texts: Iterable[str]) -> str:
    """One digest for texts in their order; each is length-prefixed, so that no two lists collide."""
    digest = hashlib.sha256()
    for text in texts:
        data = text.encode("utf-8", "surrogatepass")
        digest.update(len(data).to_bytes(8, "big"))
        digest.update(data)
    return digest.hexdigest()
