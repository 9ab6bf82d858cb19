"""A server on the loopback interface that answers as Gemini does, for the real clients."""

from __future__ import annotations

import json
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

VECTORS = {"plumbing": [1.0, 0.0, 0.0], "pipe fitting": [0.9, 0.435, 0.0], "python": [0.0, 0.0, 1.0]}


@dataclass
class Fake:
    """What was asked, and what comes next: statuses of failures, then answers."""

    url: str = ""
    failures: list[int] = field(default_factory=list)
    delay_seconds: float = 0.0
    answer: Any = field(default_factory=list)
    asked: list[tuple[str, Any]] = field(default_factory=list)
    keys: list[str | None] = field(default_factory=list)

    def respond(self, path: str, body: Any, key: str | None) -> tuple[int, Any]:
        self.asked.append((path, body))
        self.keys.append(key)
        time.sleep(self.delay_seconds)
        if self.failures:
            status = self.failures.pop(0)
            return status, {"error": {"code": status, "message": "no", "status": "UNAVAILABLE"}}
        if path.endswith(":batchEmbedContents"):
            return 200, {"embeddings": [{"values": _vector(request)} for request in body["requests"]]}
        if path.endswith(":embedContent"):
            return 200, {"embedding": {"values": _vector(body)}}
        part = {"text": self.answer if isinstance(self.answer, str) else json.dumps(self.answer)}
        return 200, {"candidates": [{"content": {"role": "model", "parts": [part]}, "finishReason": "STOP"}]}


def _vector(request: Any) -> list[float]:
    return VECTORS[request["content"]["parts"][0]["text"]]


@contextmanager
def gemini_server() -> Iterator[Fake]:
    fake = Fake()

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            body = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
            path = self.path.split("?")[0]
            status, answer = fake.respond(path, body, self.headers.get("x-goog-api-key"))
            data = json.dumps(answer).encode()
            try:
                self.send_response(status)
                self.send_header("Content-Type", "application/json")
                self.send_header("Content-Length", str(len(data)))
                self.end_headers()
                self.wfile.write(data)
            except OSError:
                pass  # the client did not wait

        def log_message(self, *_: object) -> None:
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    fake.url = f"http://127.0.0.1:{server.server_port}"
    thread = threading.Thread(target=server.serve_forever, daemon=True)
    thread.start()
    try:
        yield fake
    finally:
        server.shutdown()
        server.server_close()
        thread.join()
