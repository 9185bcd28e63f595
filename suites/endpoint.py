"""A model behind a URL as the subject of an attack."""

from __future__ import annotations

import os
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from harness.plan import PlanError

if TYPE_CHECKING:
    from attacks.victims.http import HttpVictim

AUTHORIZATION = "WITHSTAND_AUTHORIZATION"
"""Environment variable whose value is sent as the Authorization header; it is recorded nowhere."""


@dataclass(frozen=True)
class Limits:
    """What an endpoint may be burdened with; none of it changes an outcome.

    Attributes:
        per_second: most requests a second (None: as fast as they are answered).
        requests: most requests in all (None: any number).
    """

    per_second: float | None = None
    requests: int | None = None


def is_endpoint(spec: str) -> bool:
    """Whether a model is named by a URL."""
    return spec.startswith(("http://", "https://"))


def open_endpoint(url: str, labels: Sequence[str], limits: Limits) -> HttpVictim:
    """The victim behind a URL; nothing is sent yet.

    Raises PlanError where the labels are not named, or the URL holds what must not be recorded.
    """
    import httpx

    from attacks.victims.http import HttpVictim

    if len(labels) < 2:
        raise PlanError(
            f"An endpoint does not say what its labels are: name them in the order of its "
            f"probabilities, as in --labels negative,positive ({len(labels)} given)."
        )
    parsed = httpx.URL(url)
    if parsed.userinfo or parsed.query:
        raise PlanError(
            "The URL of an endpoint is recorded with the run, so it may hold neither a password nor a "
            f"query. What authorizes you goes into the environment variable {AUTHORIZATION}."
        )
    secret = os.environ.get(AUTHORIZATION)
    return HttpVictim(
        url,
        labels,
        headers={"Authorization": secret} if secret else None,
        per_second=limits.per_second,
        budget=limits.requests,
    )
