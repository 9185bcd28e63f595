"""Secrets cut out of what a run keeps: commands, addresses, and the messages of errors.

The texts of examples are evidence and stay as they are. What is recorded of the environment is an
allow-list (`reports.manifest.ENVIRONMENT`), so nothing of it has to be cut out.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from pathlib import Path
from urllib.parse import urlsplit, urlunsplit

REDACTED = "[redacted]"
_NAMES = (
    r"(?:(?<![a-z])token|secret|passw(?:or)?d|passphrase|api[-_]?key|access[-_]?key|credentials?"
    r"|signature)"
)
_NAME = re.compile(rf"{_NAMES}\Z", re.IGNORECASE)
_ADDRESS = re.compile(r"[a-zA-Z][a-zA-Z+.-]*://[^\s'\"<>\\^`{|}]+")
_TOKENS = re.compile(
    r"""\b(?:
        hf_[A-Za-z0-9]{20,}                                # Hugging Face
      | gh[opsur]_[A-Za-z0-9]{30,} | github_pat_\w{30,}    # GitHub
      | sk-[A-Za-z0-9_-]{20,}                              # OpenAI, Anthropic
      | (?:AKIA|ASIA)[A-Z0-9]{16}                          # AWS
      | xox[abprs]-[A-Za-z0-9-]{10,}                       # Slack
      | eyJ[A-Za-z0-9_-]{10,}\.[A-Za-z0-9_-]{10,}\.[A-Za-z0-9_-]{5,}  # a JSON web token
    )""",
    re.VERBOSE,
)
"""Tokens that are known by their shape, as their issuers publish it for secret scanners."""
_VALUES = re.compile(
    rf"""(?P<kept>\b[\w-]*{_NAMES}['"]?\s*[=:]\s*)
        (?P<value>'[^'\n]+' | "[^"\n]+" | (?=[\w.~+/-]*\d)[\w.~+/=-]{{6,}})""",
    re.IGNORECASE | re.VERBOSE,
)
"""A value in quotes, or with a digit: a traceback also holds lines like `token = tokenizer(text)`."""
_HEADERS = re.compile(r"(?P<kept>\b(?:bearer|basic)\s+)[\w.~+/=-]{8,}", re.IGNORECASE)


def redacted(text: str) -> str:
    """A message without credentials in addresses, known tokens, and values of what is named a secret."""
    text = _ADDRESS.sub(lambda found: without_credentials(found[0]), text)
    text = _TOKENS.sub(REDACTED, text)
    text = _HEADERS.sub(rf"\g<kept>{REDACTED}", text)
    return _VALUES.sub(rf"\g<kept>{REDACTED}", text)


def without_credentials(address: str) -> str:
    """An address without user and password; its query goes where it names a secret."""
    try:
        parts = urlsplit(address)
    except ValueError:
        return REDACTED
    signed = _SIGNED.search(parts.query)
    if not signed and "@" not in parts.netloc:
        return address
    query = REDACTED if signed else parts.query
    return urlunsplit(
        (parts.scheme, parts.netloc.rpartition("@")[2], parts.path, query, parts.fragment)
    )


_SIGNED = re.compile(
    rf"(?:^|&)(?:sig|sign|key|auth|code|X-Amz-[\w-]+|X-Goog-[\w-]+|[\w-]*{_NAMES})=", re.IGNORECASE
)


def clean_address(address: str) -> str:
    """An address without user, password and query; a local path is reduced to its last name."""
    if "://" not in address:
        remote = re.fullmatch(r"(?:[^@/\s]+@)?([^:/\s]+:.+)", address)
        return remote.group(1) if remote else Path(address).name
    parts = urlsplit(address)
    if parts.scheme == "file":
        return Path(parts.path).name
    return urlunsplit((parts.scheme, parts.netloc.rpartition("@")[2], parts.path, "", ""))


def clean_command(command: Sequence[str]) -> list[str]:
    """A command line with the program's name alone and whatever is secret in it cut out."""
    cleaned: list[str] = []
    hide = False
    for position, word in enumerate(command):
        flag, equals, _ = word.partition("=")
        is_secret = bool(_NAME.search(flag)) and "://" not in flag
        if position == 0:
            cleaned.append(Path(word).name)
        elif hide:
            cleaned.append(REDACTED)
        elif is_secret and equals:
            cleaned.append(f"{flag}={REDACTED}")
        else:
            cleaned.append(redacted(word))
        hide = not hide and is_secret and not equals and flag.startswith("-")
    return cleaned
