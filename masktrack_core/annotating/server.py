"""The page's server: on loopback alone, behind a token in the address."""

import errno
import hmac
import json
import logging
import socket
from http import HTTPStatus
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from importlib import resources
from typing import Any
from urllib.parse import parse_qs, urlsplit

import cv2
import numpy as np

from masktrack_core.annotating.studio import Studio
from masktrack_core.arrays import Box, Mask, Size
from masktrack_core.errors import InputError, describe

log = logging.getLogger(__name__)

HOST = "127.0.0.1"
#: Bytes of a request: the run lengths of a mask are far below.
_LARGEST = 32 << 20
_PAGE = {"/": ("index.html", "text/html"), "/page.js": ("page.js", "text/javascript")}
_FOREVER = "private, max-age=31536000, immutable"
_JPEG_QUALITY = 90


class PageServer(ThreadingHTTPServer):
    """Serves one studio until it is told to end."""

    daemon_threads = True
    allow_reuse_address = True

    def __init__(self, studio: Studio, token: str, port: int = 0) -> None:
        """Listen on a port of loopback, 0 for any; raise `InputError` where it is taken."""
        self.studio, self.token = studio, token
        try:
            super().__init__((HOST, port), _Handler)
        except OSError as error:
            raise InputError(
                f"--port {port}: expected a free port of {HOST}, got {describe(error)}; give "
                "another, or none for any"
            ) from error

    @property
    def address(self) -> str:
        """Return the address of the page, with the token."""
        return f"http://{HOST}:{self.server_address[1]}/?token={self.token}"


class _Handler(BaseHTTPRequestHandler):
    """One request. Errors are JSON with a sentence; nothing that was drawn is lost by them."""

    server: PageServer
    protocol_version = "HTTP/1.1"

    def setup(self) -> None:
        super().setup()
        self.connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)

    def do_GET(self) -> None:
        self._answer(self._got)

    def do_POST(self) -> None:
        self._answer(self._posted)

    def _answer(self, work: Any) -> None:
        parts = urlsplit(self.path)
        query = {key: values[0] for key, values in parse_qs(parts.query).items()}
        # Read also where it is refused: the connection stays open.
        length = int(self.headers.get("Content-Length") or 0)
        if length > _LARGEST:
            self.close_connection = True
            self._error(HTTPStatus.REQUEST_ENTITY_TOO_LARGE, "request: too large")
            return
        body = self.rfile.read(length)
        given = query.get("token", "").encode()
        if parts.path != "/page.js" and not hmac.compare_digest(given, self.server.token.encode()):
            self._error(HTTPStatus.FORBIDDEN, "token: open the address that the command printed")
            return
        try:
            work(parts.path, query, body)
        except InputError as error:
            self._error(HTTPStatus.UNPROCESSABLE_ENTITY, str(error))
        except (KeyError, ValueError) as error:
            self._error(HTTPStatus.BAD_REQUEST, f"request: {describe(error)}")
        except OSError as error:
            full = error.errno in (errno.ENOSPC, errno.EDQUOT)
            words = f"{error.filename or 'disk'}: {error.strerror or error}"
            status = HTTPStatus.INSUFFICIENT_STORAGE if full else HTTPStatus.INTERNAL_SERVER_ERROR
            self._error(status, words)

    def _got(self, path: str, query: dict[str, str], body: bytes) -> None:
        studio = self.server.studio
        if path in _PAGE:
            name, kind = _PAGE[path]
            text = (resources.files("masktrack_core.annotating") / "page" / name).read_bytes()
            self._send(text, f"{kind}; charset=utf-8")
        elif path == "/state":
            self._json(studio.state(query["tab"]))
        elif path == "/frame":
            frame = studio.clip[self._time(query)]
            bgr, quality = frame[..., ::-1], [cv2.IMWRITE_JPEG_QUALITY, _JPEG_QUALITY]
            self._send(cv2.imencode(".jpg", bgr, quality)[1].tobytes(), "image/jpeg", _FOREVER)
        elif path == "/labels":
            labels = studio.labels(self._time(query))
            png = cv2.imencode(".png", labels, [cv2.IMWRITE_PNG_COMPRESSION, 1])[1]
            self._send(png.tobytes(), "image/png", _FOREVER)  # its address has the frame's stamp
        else:
            self._error(HTTPStatus.NOT_FOUND, f"{path}: no such page")

    def _posted(self, path: str, query: dict[str, str], body: bytes) -> None:
        studio, tab = self.server.studio, query["tab"]
        if not studio.holds_pen(tab, take=path == "/take"):
            self._error(
                HTTPStatus.CONFLICT, "another tab draws on this clip; press T to draw here instead"
            )
            return
        answer: Any = None
        if path == "/draw":
            mask = mask_of_runs(body.decode("ascii"), studio.clip.size)
            studio.draw(self._time(query), int(query["object"]), mask)
        elif path == "/box":
            box = Box(*(int(query[key]) for key in ("x", "y", "width", "height")))
            studio.draw_box(self._time(query), int(query["object"]), box)
        elif path == "/clear":
            studio.clear(self._time(query), int(query["object"]))
        elif path == "/undo":
            answer = studio.undo()
        elif path == "/object":
            studio.project.name_object(
                int(query["object"]), query.get("name", ""), query.get("colour")
            )
        elif path == "/export":
            answer = str(studio.export(query["kind"]))
        elif path in ("/follow", "/learn"):
            getattr(studio, path[1:])()
        elif path == "/stop":
            studio.jobs.stop()
        elif path == "/end":
            studio.ended.set()
        elif path != "/take":
            self._error(HTTPStatus.NOT_FOUND, f"{path}: no such page")
            return
        self._json({"answer": answer, "state": studio.state(tab)})

    def _time(self, query: dict[str, str]) -> int:
        t, length = int(query["t"]), len(self.server.studio.clip)
        if not 0 <= t < length:
            raise InputError(f"frame: expected 0 to {length - 1}, got {t}")
        return t

    def _json(self, value: Any, status: HTTPStatus = HTTPStatus.OK) -> None:
        self._send(json.dumps(value).encode(), "application/json", status=status)

    def _error(self, status: HTTPStatus, words: str) -> None:
        self._json({"error": words}, status)

    def _send(
        self,
        content: bytes,
        kind: str,
        cache: str = "no-store",
        *,
        status: HTTPStatus = HTTPStatus.OK,
    ) -> None:
        try:
            self.send_response(status)
            self.send_header("Content-Type", kind)
            self.send_header("Content-Length", str(len(content)))
            self.send_header("Cache-Control", cache)
            self.send_header("X-Content-Type-Options", "nosniff")
            self.send_header("Referrer-Policy", "no-referrer")
            self.end_headers()
            self.wfile.write(content)
        except ConnectionError:
            self.close_connection = True  # the browser has gone; what was asked is done

    def log_message(self, format: str, *args: Any) -> None:
        """Keep the token out of the terminal."""


def mask_of_runs(text: str, size: Size) -> Mask:
    """Return the mask of run lengths row by row, background first: ``3,2,…``.

    Raises `InputError` where they are not those of a mask of this size.
    """
    try:
        runs = np.array([int(part) for part in text.split(",")] if text else [], np.int64)
    except ValueError as error:
        raise InputError(f"mask: expected run lengths, got {text[:20]!r}") from error
    if (runs < 0).any() or int(runs.sum()) != size.height * size.width:
        raise InputError(
            f"mask: expected runs over {size.width} x {size.height} pixels, got {int(runs.sum())}"
        )
    values = np.arange(len(runs)) % 2 == 1
    return np.repeat(values, runs).reshape(tuple(size))
