"""The server of the dashboard: this machine alone, reading alone.

It listens on 127.0.0.1 and answers requests that name it so: a page elsewhere whose own name is made to
lead here (DNS rebinding) asks with another Host and gets nothing. A path is matched against the few that
there are and never turned into a file; runs are looked up in the index. Nothing is written.
"""

from __future__ import annotations

import os
import re
import sys
import threading
import traceback
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any
from urllib.parse import parse_qsl, urlsplit

from reports.dashboard import pages
from reports.dashboard.index import Index
from reports.errors import ReportError

ADDRESS = "127.0.0.1"
LONGEST_TARGET = 8_000
MOST_FIELDS = 20
_RUN = re.compile(r"/run/([0-9a-f]{16})")

HEADERS = {
    "Cache-Control": "no-store",
    "Cross-Origin-Opener-Policy": "same-origin",
    "Cross-Origin-Resource-Policy": "same-origin",
    "Permissions-Policy": "camera=(), geolocation=(), microphone=()",
    "Referrer-Policy": "no-referrer",
    "X-Content-Type-Options": "nosniff",
    "X-Frame-Options": "DENY",
}


class Dashboard(ThreadingHTTPServer):
    """A server over the runs below a folder; `address` is where it is."""

    daemon_threads = True
    # Elsewhere than on POSIX this would let another process take the port over.
    allow_reuse_address = os.name == "posix"

    def __init__(self, root: Path, port: int = 0) -> None:
        self.index = Index(root)
        try:
            super().__init__((ADDRESS, port), _Handler)
        except OSError as error:
            raise ReportError(
                f"The dashboard cannot listen on port {port}: {error.strerror}. Name another with "
                "--port, or leave it out: a free one is taken."
            ) from None
        # One page at a time: the settings of the drawing library are those of the whole process.
        self._drawing = threading.Lock()
        self.hosts = frozenset(f"{name}:{self.server_port}" for name in (ADDRESS, "localhost"))

    @property
    def address(self) -> str:
        """The address to open."""
        return f"http://{ADDRESS}:{self.server_port}/"

    def answer(self, target: str) -> pages.Page:
        """The page that a request target asks for."""
        with self._drawing:
            return self._answer(target)

    def _answer(self, target: str) -> pages.Page:
        parts = urlsplit(target)
        fields = parse_qsl(parts.query, max_num_fields=MOST_FIELDS, errors="replace")
        query = {name: value[:500] for name, value in fields}
        match parts.path:
            case "/":
                return pages.runs(self.index, query)
            case "/trend":
                return pages.trends(self.index, query)
            case "/pair":
                return pages.pair(self.index, query)
        found = _RUN.fullmatch(parts.path)
        if found and self.index.get(found[1]) is not None:
            return pages.run(self.index, found[1])
        return pages.problem(404, "Not found", "There is no such page.")

    def handle_error(self, request: Any, client_address: Any) -> None:
        """A browser that went away is no trouble; anything else is shown."""
        if not isinstance(sys.exception(), ConnectionError | TimeoutError):
            super().handle_error(request, client_address)


class _Handler(BaseHTTPRequestHandler):
    server: Dashboard
    timeout = 30
    server_version = "Withstand"
    sys_version = ""

    def do_GET(self) -> None:
        """A page."""
        self._send(self._page(), body=True)

    def do_HEAD(self) -> None:
        """Its headers."""
        self._send(self._page(), body=False)

    def _refuse(self) -> None:
        said = "The dashboard only shows: it answers GET and HEAD."
        self.close_connection = True
        self._send(pages.problem(405, "Not allowed", said), body=True, allow="GET, HEAD")

    def _page(self) -> pages.Page:
        hosts = self.headers.get_all("Host") or []
        if len(hosts) != 1 or hosts[0].strip().lower() not in self.server.hosts:
            said = f"This page is at {self.server.address} and answers to no other name."
            return pages.problem(421, "Another host", said)
        if len(self.path) > LONGEST_TARGET:
            return pages.problem(414, "Too long", "The address is too long.")
        try:
            return self.server.answer(self.path)
        except ReportError as error:
            return pages.problem(422, "This cannot be shown", str(error))
        except ValueError as error:  # an address that is none
            if isinstance(error, UnicodeError) or "fields" in str(error) or "URL" in str(error):
                return pages.problem(400, "Bad request", "The address is not one of this page.")
            return self._internal()
        except Exception:
            return self._internal()

    def _internal(self) -> pages.Page:
        traceback.print_exc()
        said = "This is a bug in Withstand. The terminal has the details; the other pages go on."
        return pages.problem(500, "Internal error", said)

    def _send(self, page: pages.Page, *, body: bool, allow: str = "") -> None:
        content = page.body.encode("utf-8")
        self.send_response(page.status)
        self.send_header("Content-Type", "text/html; charset=utf-8")
        self.send_header("Content-Length", str(len(content)))
        self.send_header("Content-Security-Policy", page.policy)
        for name, value in HEADERS.items():
            self.send_header(name, value)
        if allow:
            self.send_header("Allow", allow)
        self.end_headers()
        if body:
            self.wfile.write(content)

    def send_error(self, code: int, message: str | None = None, explain: str | None = None) -> None:
        """What the protocol itself refuses, without a word of the request in it."""
        self.close_connection = True
        self._send(pages.problem(code, "Bad request", "The request is not understood."), body=True)

    def log_message(self, format: str, *args: Any) -> None:  # noqa: A002 - the base class's name
        """Nothing: the terminal is for what the user has to know."""


for _method in ("POST", "PUT", "DELETE", "PATCH", "OPTIONS", "TRACE", "CONNECT"):
    setattr(_Handler, f"do_{_method}", _Handler._refuse)
