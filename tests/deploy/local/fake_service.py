"""A process that behaves as a service does towards the launcher: ready on its private port, gone at SIGTERM.

FAKE_FAILS names a service that ends while it starts; FAKE_STUBBORN one that does not listen to SIGTERM.
"""

import json
import os
import signal
import sys
from http.server import BaseHTTPRequestHandler, HTTPServer
from types import FrameType


class Ready(BaseHTTPRequestHandler):
    """Answers everything with what the process was told."""

    def do_GET(self) -> None:
        """200, and the addresses it was told."""
        told = {key: value for key, value in os.environ.items() if key.endswith(("_GRPC", "_HTTP", "_BASE_URL"))}
        body = json.dumps(told).encode()
        self.send_response(200)
        self.send_header("content-length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *_: object) -> None:
        """Say nothing."""


def end(_number: int, _frame: FrameType | None) -> None:
    """End at once."""
    sys.exit(0)


if __name__ == "__main__":
    if os.environ.get("FAKE_FAILS") == os.environ["REPLICA"]:
        sys.exit("CALLER_KEY is not set (nor is CALLER_KEY_FILE)")
    stubborn = os.environ.get("FAKE_STUBBORN") == os.environ["REPLICA"]
    signal.signal(signal.SIGTERM, signal.SIG_IGN if stubborn else end)
    HTTPServer(("127.0.0.1", int(os.environ["PRIVATE_PORT"])), Ready).serve_forever()
