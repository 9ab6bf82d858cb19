"""The served program under input that no client of good will sends: it answers, leads nowhere, and goes on."""

from __future__ import annotations

import http.client
import json
import re
import socket
import time
from collections.abc import Iterator
from contextlib import ExitStack, closing
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from tests.databases import Servers
from tests.e2e.test_events_served import PATIENCE_SECONDS, SECRET, program, wait_until
from tests.redis_server import free_port
from webapp.auth import make_token
from webapp.bodies import MAX_JSON_BYTES, MAX_OPEN_BYTES, MAX_UPLOAD_BYTES

PROBLEM = "application/problem+json"
PUBLIC = "https://work.example.org"
STARTING_SECONDS = 150.0
SLOW = 40  # more than the server has threads


@dataclass(frozen=True)
class Answer:
    """An answer as it came."""

    status: int
    head: bytes
    body: bytes

    @property
    def json(self) -> Any:
        return json.loads(self.body)

    def header(self, name: str) -> str:
        found = re.search(rf"^{name}: (.*?)\r$".encode(), self.head, re.IGNORECASE | re.MULTILINE)
        return found[1].decode("latin-1") if found else ""


@dataclass(frozen=True)
class Target:
    """A served program, and bytes for it."""

    port: int
    log: Path

    @property
    def bearer(self) -> str:
        return f"Authorization: Bearer {make_token(SECRET, 'admin', 'tester', 1.0)}\r\n"

    def connect(self) -> socket.socket:
        return socket.create_connection(("127.0.0.1", self.port), timeout=PATIENCE_SECONDS)

    def send(self, *parts: bytes) -> Answer:
        """These bytes, whatever they are, and the first answer to them."""
        with closing(self.connect()) as sock:
            for part in parts:
                sock.sendall(part)
            answer = http.client.HTTPResponse(sock)
            answer.begin()
            body = answer.read()
            return Answer(answer.status, str(answer.headers).replace("\n", "\r\n").encode("latin-1", "replace"), body)

    def ask(self, line: str, *headers: str, body: bytes = b"", host: str = "127.0.0.1") -> Answer:
        length = f"Content-Length: {len(body)}\r\n" if body else ""
        told = "".join(f"{header}\r\n" for header in headers)
        head = f"{line} HTTP/1.1\r\nHost: {host}\r\nConnection: close\r\n{self.bearer}{length}{told}\r\n"
        return self.send(head.encode("latin-1"), body)

    def post(self, path: str, body: bytes | object, kind: str = "application/json") -> Answer:
        content = body if isinstance(body, bytes) else json.dumps(body).encode()
        return self.ask(f"POST {path}", f"Content-Type: {kind}", body=content)

    def wait(self) -> None:
        """Until it has started, which takes long where the machine is busy."""
        until = time.monotonic() + STARTING_SECONDS
        while not self.is_well():
            assert time.monotonic() < until, self.log.read_text()
            time.sleep(0.1)

    def is_well(self) -> bool:
        try:
            return self.ask("GET /health").status == 200
        except ConnectionError:
            return False


@pytest.fixture(scope="module")
def target(servers: Servers, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Target]:
    directory, port = tmp_path_factory.mktemp("hostile"), free_port()
    settings = {"DATABASE_URL": f"sqlite:///{directory}/work.db", "PUBLIC_URL": PUBLIC, "RATE_LIMIT": "off"}
    with program(directory, "serve", "--port", str(port), **settings):
        target = Target(port, directory / "program.log")
        target.wait()
        yield target
        lines = target.log.read_text()
    assert [word for word in ('"level": "error"', "Traceback", "eyJ") if word in lines] == []


@pytest.fixture(autouse=True)
def it_goes_on(target: Target) -> Iterator[None]:
    yield
    assert target.is_well()


def chunked(size: int) -> bytes:
    return f"{size:x}\r\n".encode() + b" " * size + b"\r\n"


def test_a_body_that_is_too_large(target: Target) -> None:
    """By its length, without one, and by a length that is refused before anything of the body has come."""
    plain = target.post("/tasks", b" " * (MAX_JSON_BYTES + 1))
    head = f"POST /tasks HTTP/1.1\r\nHost: x\r\n{target.bearer}Content-Type: application/json\r\n"
    parts = [chunked(2**20)] * (MAX_JSON_BYTES // 2**20 + 1)
    unknown = target.send(f"{head}Transfer-Encoding: chunked\r\n\r\n".encode(), *parts, b"0\r\n\r\n")
    huge = target.send(f"{head}Content-Length: {MAX_UPLOAD_BYTES + 1}\r\n\r\n".encode())
    assert [answer.status for answer in (plain, unknown, huge)] == [413, 413, 413]
    assert [answer.header("Content-Type") for answer in (plain, unknown)] == [PROBLEM, PROBLEM]


@pytest.mark.parametrize(
    "framing",
    [
        "Content-Length: 5\r\nContent-Length: 6\r\n",
        "Content-Length: -1\r\n",
        "Content-Length: 0x5\r\n",
        "Transfer-Encoding: chunked\r\nTransfer-Encoding: identity\r\n",
        "Transfer-Encoding: xchunked\r\n",
        "Content Length: 5\r\n",
    ],
)
def test_a_request_that_two_servers_could_read_differently_is_refused(target: Target, framing: str) -> None:
    head = f"POST /tasks HTTP/1.1\r\nHost: x\r\n{target.bearer}Content-Type: application/json\r\n{framing}\r\n"
    assert target.send(head.encode(), b'{"a"}').status in (400, 501)


def test_of_a_stranger_little_is_read_and_nothing_understood(target: Target) -> None:
    """Without a token a body is not even looked at, and the one call that reads one reads little."""
    head = "POST {} HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\nContent-Length: {}\r\n\r\n"
    large = b'{"token": "' + b"x" * MAX_OPEN_BYTES + b'"}'
    signing_in = target.send(head.format("/api/session", len(large)).encode(), large)
    adding = target.send(head.format("/tasks", 100_000).encode(), b"[" * 100_000)
    assert (signing_in.status, signing_in.header("Content-Type")) == (413, PROBLEM)
    assert (adding.status, adding.header("Content-Type")) == (401, PROBLEM)


def test_slow_clients_do_not_hold_the_others_up(target: Target) -> None:
    """Half of them never finish their headers, the others their bodies; the threads are for whole requests."""
    head = f"POST /tasks HTTP/1.1\r\nHost: x\r\n{target.bearer}Content-Type: application/json\r\n"
    with ExitStack() as waiting:
        for number in range(SLOW):
            slow = waiting.enter_context(closing(target.connect()))
            slow.sendall(head.encode() if number % 2 else f"{head}Content-Length: 100\r\n\r\n{{".encode())
        for _ in range(5):
            assert target.ask("GET /tasks").status == 200


@pytest.mark.parametrize("given", ["a b", "a;b=c", "x" * 65, "%0d%0aevil: 1", "a\tb", "\xe9"])
def test_an_id_that_a_log_or_a_header_could_not_hold_is_replaced(target: Target, given: str) -> None:
    answer = target.ask("GET /health", f"X-Request-Id: {given}")
    assert answer.status in (200, 400)
    assert re.fullmatch(r"[A-Za-z0-9._:-]{0,64}", answer.header("X-Request-Id"))


@pytest.mark.parametrize(
    "path",
    [
        "/tasks/%0d%0aEvil:%201",
        "/tasks/?sort=%0d%0aEvil:%201",
        "/board/sign-in?code=%0d%0aEvil:%201",
        "/board/static/%0d%0aEvil:%201/board.css",
        "/board/static/x/%0d%0aEvil:%201",
        "/batch/jobs/x/files/%0d%0aEvil:%201.csv",
        "/docs/%0d%0aEvil:%201",
        "/%0d%0aEvil:%201",
        "//evil.example/%2e%2e",
        "/board//evil.example",
    ],
)
def test_no_address_becomes_a_header_or_leads_to_another_host(target: Target, path: str) -> None:
    answer = target.ask(f"GET {path}")
    assert answer.status in (200, 303, 400, 404, 422)
    assert b"evil" not in answer.head.lower()
    assert answer.header("Location") in ("", "/board#/sign-in/expired")


@pytest.mark.parametrize(
    "path",
    [
        "/board/static/x/../../../../../etc/passwd",
        "/board/static/x/%2e%2e/%2e%2e/app.py",
        "/board/static/x/..%2f..%2fapp.py",
        "/board/static/x/..%5c..%5capp.py",
        "/board/static/x//etc/passwd",
        "/board/static/x/%2fetc%2fpasswd",
        "/board/static/x/a%00b",
        "/docs/../app.py",
        "/docs/..%2f..%2f..%2fsystem.py",
        "/docs//etc/passwd",
        "/batch/jobs/../../etc/files/passwd",
        "/batch/jobs/x/files/..%2f..%2fpasswd",
        "http://evil.example/etc/passwd",
        "/\\..\\..\\etc\\passwd",
    ],
)
def test_no_path_leads_out_of_its_directory(target: Target, path: str) -> None:
    answer = target.ask(f"GET {path}")
    assert answer.status in (400, 404)
    assert b"root:" not in answer.body
    assert b"create_app" not in answer.body


@pytest.mark.parametrize(
    "body",
    [
        b"[" * 100_000,
        b'{"title":' * 100_000,
        b'{"title": "x", "estimated_hours": NaN}',
        b'{"title": "x", "estimated_hours": -Infinity}',
        b'{"units": ' + b"9" * 100_000 + b"}",
        b'{"title": "\xff\xfe"}',
        b"\x00" * 1000,
    ],
    ids=range(7),
)
def test_json_that_is_none(target: Target, body: bytes) -> None:
    answer = target.post("/tasks", body)
    assert (answer.status, answer.header("Content-Type")) == (400, PROBLEM)
    assert len(answer.body) < 1000


def test_many_parameters_headers_and_parts(target: Target) -> None:
    assert target.ask("GET /tasks?" + "&".join(f"a{n}={n}" for n in range(10_000))).status == 422
    assert target.ask("GET /tasks", *(f"X-{n}: {'x' * 100}" for n in range(5000))).status in (400, 431)
    assert target.ask("GET /tasks?" + "x" * 300_000).status in (400, 414, 431)
    part = b'--b\r\nContent-Disposition: form-data; name="a%d"\r\n\r\nx\r\n'
    form = b"".join(part % number for number in range(5000)) + b"--b--\r\n"
    assert target.post("/upload", form, "multipart/form-data; boundary=b").status == 413


@pytest.mark.parametrize("path", ["/", "/board", "/docs", "/openapi.json", "/health", "/board/sign-in?code=x"])
@pytest.mark.parametrize("host", ["evil.example", "evil.example:80", "a@evil.example", "evil.example/x?"])
def test_no_answer_repeats_the_host(target: Target, path: str, host: str) -> None:
    answer = target.ask(f"GET {path}", "X-Forwarded-Host: evil.example", "Forwarded: host=evil.example", host=host)
    assert b"evil" not in answer.head + answer.body


def code_of(target: Target) -> str:
    found = re.search(r"(\S+)/board/sign-in\?code=(\S+)", target.log.read_text())
    assert found is not None
    assert found[1] == PUBLIC
    return found[2]


def test_the_link_begins_with_the_address_that_was_set_and_its_cookie_is_no_use_to_other_pages(target: Target) -> None:
    token = code_of(target)
    answer = target.ask(f"GET /board/sign-in?code={token}", host="evil.example; Domain=evil.example")
    if answer.status == 400:  # a host that is none
        answer = target.ask(f"GET /board/sign-in?code={token}")
    cookie = answer.header("Set-Cookie")
    assert (answer.status, answer.header("Location")) == (303, "/board")
    assert {"Secure", "HttpOnly", "SameSite=Strict", "Path=/"} <= set(cookie.split("; "))
    assert "Domain" not in cookie
    held, body = f"Cookie: {cookie.partition(';')[0]}", b'{"title": "x"}'
    for proof in ("", "X-CSRF-Token: x", "Sec-Fetch-Site: cross-site", "Origin: https://evil.example"):
        head = f"POST /tasks HTTP/1.1\r\nHost: x\r\nConnection: close\r\n{held}\r\n{proof}{proof and chr(13) + chr(10)}"
        length = f"Content-Type: application/json\r\nContent-Length: {len(body)}\r\n\r\n"
        assert target.send((head + length).encode(), body).status == 403


@pytest.mark.parametrize(
    "line", ["GET /board", "GET /docs", "GET /tasks", "GET /nothing", "POST /tasks", "PATCH /tasks"]
)
def test_every_answer_says_what_a_browser_may_do_with_it(target: Target, line: str) -> None:
    answer = target.ask(line)
    assert "default-src" in answer.header("Content-Security-Policy")
    assert "unsafe-eval" not in answer.header("Content-Security-Policy")
    assert answer.header("X-Content-Type-Options") == "nosniff"
    assert answer.header("Server") == ""


def test_no_address_in_a_request_is_called(target: Target) -> None:
    """A worker of the same process reads the ticket, too."""
    with closing(socket.create_server(("127.0.0.1", 0))) as listener:
        listener.setblocking(False)
        send_address(target, f"http://127.0.0.1:{listener.getsockname()[1]}/fetched")
        with pytest.raises(BlockingIOError):  # nobody has come
            listener.accept()


def send_address(target: Target, url: str) -> None:
    task = {"task_id": "ssrf", "title": url, "description": f"see {url} <img src={url}>", "category": url}
    assert target.post("/tasks", {**task, "conversations": [{"content": url}]}).status == 201
    event = {"event_id": "e", "type": "ticket.created", "data": {"ticket_id": "b", "title": url, "url": url}}
    answers = [
        target.post("/api/employees", {"employee_id": "eve", "name": url, "department": url}),
        target.post("/api/v1/events", {**event, "source": url, "dataschema": url}),
        target.post("/batch/process-directory", {"directory": url, "selected_ucs": "UC1"}),
        target.post("/api/import/tasks", f"task_id,title\nc,{url}\n".encode(), "text/csv"),
        target.post(f"/api/models/{url}/promote", {}),
        target.ask("GET /tasks", f"Referer: {url}", f"Origin: {url}", host=url.removeprefix("http://")),
        target.ask(f"GET {url}"),
    ]
    assert [answer.status for answer in answers][:4] == [201, 422, 422, 200]
    wait_until(lambda: target.ask("GET /tasks/ssrf/triage").json["runs"])
