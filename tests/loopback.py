"""The one server of the tests: offers a folder of files on this machine, well or with a fault."""

import re
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path


class Handler(BaseHTTPRequestHandler):
    """Answers /<how>/<file>; ``how`` names the method below, which is the fault."""

    def log_message(self, *_):
        pass

    def do_GET(self):
        _, how, name = self.path.split("/")
        self.earlier = sum(asked[:2] == (how, name) for asked in self.server.asked)
        self.server.asked.append((how, name, self.headers.get("Range")))
        getattr(self, how)(name, (self.server.folder / name).read_bytes())

    def send(self, body, *, status=200, length=None, **headers):
        """Answer; ``length`` is what is promised, 0 for no promise."""
        self.send_response(status)
        for name, value in headers.items():
            self.send_header(name.replace("_", "-"), value)
        if length != 0:
            self.send_header("Content-Length", str(length or len(body)))
        self.end_headers()
        self.wfile.write(body)

    def good(self, name, body, *, cut=None):
        """Answer well, ranges too; with ``cut`` break off after so many bytes."""
        tag, wanted = f'"{name}"', re.match(r"bytes=(\d+)-", self.headers.get("Range") or "")
        if not (wanted and self.headers.get("If-Range") == tag):
            self.send(body[:cut], length=len(body), ETag=tag)
            return
        start = int(wanted[1])
        if start >= len(body):
            self.send(b"-", status=416)
            return
        span = f"bytes {start}-{len(body) - 1}/{len(body)}"
        part = body[start : cut and start + cut]
        self.send(part, status=206, length=len(body) - start, ETag=tag, Content_Range=span)

    def breaks(self, name, body):
        """Break off every time."""
        self.good(name, body, cut=len(body) // 3 + 1)

    def breaks_once(self, name, body):
        """Break off the first time, behind at least one chunk where the file is as long."""
        self.good(name, body, cut=None if self.earlier else max(len(body) // 2, 65536 + 1))

    def breaks_without_tag(self, name, body):
        self.send(body[:1000], length=len(body))

    def absent(self, name, body):
        self.send(b"no", status=404)

    def busy(self, name, body):
        """Ask to wait twice."""
        if self.earlier < 2:
            self.send(b"wait", status=503)
        else:
            self.good(name, body)

    def moved(self, name, body):
        self.send(b"-", status=302, Location=f"/good/{name}")

    def round(self, name, body):
        self.send(b"-", status=302, Location=self.path)

    def page(self, name, body):
        self.send(b"<html>please register</html>", Content_Type="text/html")

    def garbage(self, name, body):
        self.send(bytes(len(body)))

    def lies(self, name, body):
        """Promise more than comes."""
        self.send(body, length=len(body) + 1000)

    def too_short_length(self, name, body):
        self.send(body, length=len(body) - 100)

    def unknown_length(self, name, body):
        self.send(body, length=0)

    def wrong_range(self, name, body):
        """Break off once; then answer a range with the whole file."""
        if self.headers.get("Range"):
            span = f"bytes 0-{len(body) - 1}/{len(body)}"
            self.send(body, status=206, Content_Range=span)
        else:
            self.good(name, body, cut=None if self.earlier else 65536 + 1)


@contextmanager
def serving(folder: Path) -> Iterator[ThreadingHTTPServer]:
    """Give a server of the files in ``folder``; what was asked for stands in ``asked``."""
    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    server.daemon_threads, server.folder, server.asked = True, Path(folder), []
    server.base = f"http://127.0.0.1:{server.server_port}"
    thread = threading.Thread(target=server.serve_forever, args=(0.01,))
    thread.start()
    try:
        yield server
    finally:
        server.shutdown()
        thread.join()
        server.server_close()
