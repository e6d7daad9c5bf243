"""A server on this machine that offers a folder of files, well or with one fault a file."""

import re
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path


class Handler(BaseHTTPRequestHandler):
    """Answers /<how>/<file>; ``how`` names the fault."""

    def log_message(self, *_):
        pass

    def do_GET(self):
        _, how, name = self.path.split("/")
        self.server.asked.append((how, name, self.headers.get("Range")))
        body = (self.server.folder / name).read_bytes()
        getattr(self, how)(name, body)

    def good(self, name, body, *, cut=None):
        wanted = re.match(r"bytes=(\d+)-", self.headers.get("Range") or "")
        start = int(wanted[1]) if wanted and self.headers.get("If-Range") == f'"{name}"' else 0
        self.send_response(206 if start else 200)
        if start:
            self.send_header("Content-Range", f"bytes {start}-{len(body) - 1}/{len(body)}")
        self.send_header("ETag", f'"{name}"')
        self.send_header("Content-Length", str(len(body) - start))
        self.end_headers()
        self.wfile.write(body[start:cut])

    def breaks(self, name, body):
        """Break off once, in the middle."""
        first = not self.headers.get("Range")
        self.good(name, body, cut=max(len(body) // 2, 65536 + 1) if first else None)

    def absent(self, name, body):
        self.send_error(404)

    def moved(self, name, body):
        self.send_response(302)
        self.send_header("Location", f"/good/{name}")
        self.send_header("Content-Length", "0")
        self.end_headers()

    def page(self, name, body):
        self.answer(b"<html>please register</html>")

    def garbage(self, name, body):
        self.answer(bytes(len(body)))

    def lies(self, name, body):
        """Promise more than comes."""
        self.answer(body, length=len(body) + 1000)

    def answer(self, body, *, length=None):
        self.send_response(200)
        self.send_header("Content-Length", str(length or len(body)))
        self.end_headers()
        self.wfile.write(body)


@contextmanager
def serving(folder: Path) -> Iterator[ThreadingHTTPServer]:
    """Give a server of the files in ``folder``; what was asked for stands in ``asked``."""
    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    server.daemon_threads, server.folder, server.asked = True, folder, []
    server.base = f"http://127.0.0.1:{server.server_port}"
    thread = threading.Thread(target=server.serve_forever, args=(0.01,))
    thread.start()
    try:
        yield server
    finally:
        server.shutdown()
        thread.join()
        server.server_close()
