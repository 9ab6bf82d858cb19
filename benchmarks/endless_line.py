"""A line without an end: what reading it costs, in every way in which a file can come.

    python -m benchmarks.endless_line [--bytes 2000000000] [--json]

The file has a header, two rows and one line of so many bytes of text. `check` and the library read it from disk; then a
served app (its own worker, SQLite, all in a temporary directory) gets it as an upload, as an upload that is packed by
gzip, and in a directory that it is told to process. Peaks are those of the process that reads (VmHWM); `grown by` is
what it needed beyond what it had before.
"""

from __future__ import annotations

import gzip
import http.client
import json
import os
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager
from pathlib import Path
from typing import Any

import click
from tqdm import tqdm

from benchmarks.timing import Row, show

SECRET = "a secret of this benchmark, 32 bytes or more"
PROGRAM = str(Path(sys.executable).with_name("assignment-engine"))
BLOCK = b"x" * (1 << 20)
BOUNDARY = "endless"
BEGUN = b"task_id,title\nt1,Look after the door\n"
ENDED = b"\nt2,Paint the door\n"


def pieces(size: int) -> Iterator[bytes]:
    """A table of two rows with one line of `size` bytes between them."""
    yield BEGUN
    for _ in tqdm(range(size // len(BLOCK)), unit="MiB", leave=False, disable=None):
        yield BLOCK
    yield BLOCK[: size % len(BLOCK)]
    yield ENDED


def peak(pid: int | str) -> float:
    """The most memory that a process has had so far, in MiB."""
    return _status(pid, "VmHWM")


def _status(pid: int | str, name: str) -> float:
    lines = Path(f"/proc/{pid}/status").read_text().splitlines()
    return next(int(line.split()[1]) / 1024 for line in lines if line.startswith(name))


def read_by(program: list[str]) -> tuple[str, float]:
    """The last thing that a program says, and its peak."""
    with subprocess.Popen(program, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True) as process:
        said = (process.stdout.read() if process.stdout else "").strip().splitlines()
        _, _, used = os.wait4(process.pid, 0)
    return said[-1] if said else "", used.ru_maxrss / 1024


def library(path: str) -> None:
    """Run in a process of its own: read with a limit that lets the file through."""
    from assignment_engine.quality import QualityOptions, ReadLimits, check_file  # noqa: PLC0415

    options = QualityOptions(limits=ReadLimits(file_bytes=1_000_000_000_000))
    report = check_file(Path(path), None, options).report
    (issue,) = (issue for issue in report.issues if issue.code == "line_too_long")
    print(f"{report.rows} rows are read, line {issue.lines[0]} is left out: {issue.code}")


class Server:
    """A served app of its own, and its admin."""

    def __init__(self, directory: Path, port: int, pid: int) -> None:
        from webapp.auth import make_token  # noqa: PLC0415

        self.directory, self.pid, self._port = directory, pid, port
        self._headers = {"Authorization": f"Bearer {make_token(SECRET, 'admin', 'bench', 5.0)}"}

    def call(self, method: str, path: str, body: Any = None, **headers: str) -> tuple[int, Any]:
        with closing(http.client.HTTPConnection("127.0.0.1", self._port, timeout=600)) as connection:
            connection.putrequest(method, path)
            for name, value in {**self._headers, **headers}.items():
                connection.putheader(name.replace("_", "-"), value)
            connection.endheaders()
            try:
                for piece in body or ():
                    connection.send(piece)
            except (BrokenPipeError, ConnectionResetError):
                pass  # it has heard enough
            with connection.getresponse() as answer:
                is_json = "json" in answer.headers.get("Content-Type", "")
                content = answer.read()
                return answer.status, json.loads(content) if is_json else {"title": content.decode().splitlines()[0]}

    def upload(self, size: int, name: str, content: Callable[[], Iterator[bytes]]) -> tuple[int, Any]:
        head = (
            f'--{BOUNDARY}\r\nContent-Disposition: form-data; name="selected_ucs"\r\n\r\nUC1,UC4\r\n--{BOUNDARY}\r\n'
            f'Content-Disposition: form-data; name="file"; filename="{name}"\r\n\r\n'
        ).encode()
        tail = f"\r\n--{BOUNDARY}--\r\n".encode()

        def body() -> Iterator[bytes]:
            yield head
            yield from content()
            yield tail

        kind = f"multipart/form-data; boundary={BOUNDARY}"
        return self.call("POST", "/upload", body(), Content_Type=kind, Content_Length=str(len(head) + size + len(tail)))

    def ended(self, job_id: str) -> str:
        while True:
            (job,) = self.call("GET", f"/batch/status/{job_id}")[1]["items"]
            if job["status"] in ("completed", "failed"):
                told = job["error"]["detail"] if job["error"] else f"{job['metrics']['rows']} rows"
                return f"{job['status']}: {told}"
            time.sleep(0.2)


@contextmanager
def served(directory: Path) -> Iterator[Server]:
    with closing(socket.socket()) as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    settings = {"DATABASE_URL": f"sqlite:///{directory / 'work.db'}", "DATA_ROOT": str(directory / "data")}
    environment = {**os.environ, **settings, "JWT_SECRET": SECRET}
    with (directory / "log").open("w") as log:
        program = [PROGRAM, "serve", "--port", str(port)]
        with subprocess.Popen(program, env=environment, cwd=directory, stdout=log, stderr=log) as process:
            server = Server(directory, port, process.pid)
            try:
                _until_up(server)
                yield server
            finally:
                process.terminate()


def _until_up(server: Server) -> None:
    for _ in range(600):
        try:
            if server.call("GET", "/health/ready")[0] == 200:
                return
        except ConnectionError:
            pass
        time.sleep(0.1)
    raise TimeoutError("the app does not come up")


def sent(server: Server, size: int, packed: Path) -> Iterator[tuple[str, Callable[[], str]]]:
    """The ways in which a served app can get the file, and what it answers."""

    def plain() -> str:
        status, answer = server.upload(len(BEGUN) + size + len(ENDED), "line.csv", lambda: pieces(size))
        return f"{status} {answer.get('title', '')}" if status != 202 else server.ended(answer["id"])

    def gzipped() -> str:
        status, answer = server.upload(packed.stat().st_size, "line.csv.gz", lambda: iter([packed.read_bytes()]))
        return str(status) if status != 202 else server.ended(answer["id"])

    def directory() -> str:
        body = json.dumps({"directory": "in", "selected_ucs": "UC1,UC4"}).encode()
        headers = {"Content_Type": "application/json", "Content_Length": str(len(body))}
        status, answer = server.call("POST", "/batch/process-directory", [body], **headers)
        return str(status) if status != 202 else server.ended(answer["job_ids"][0])

    yield "POST /upload", plain
    yield "POST /upload, gzip", gzipped
    yield "POST /batch/process-directory", directory


def measured(size: int, directory: Path) -> Iterator[Row]:
    path, packed = directory / "data" / "in" / "line.csv", directory / "line.csv.gz"
    path.parent.mkdir(parents=True)
    with path.open("wb") as plain, gzip.open(packed, "wb", compresslevel=1) as gzipped:
        for piece in pieces(size):
            plain.write(piece)
            gzipped.write(piece)
    own = [sys.executable, "-m", "benchmarks.endless_line", "--library", str(path)]
    for name, program in (("check_file, no limit", own), ("assignment-engine check", [PROGRAM, "check", str(path)])):
        started = time.perf_counter()
        said, most = read_by(program)
        yield row(name, size, said.removeprefix(f"Error: {path}: "), time.perf_counter() - started, most, None)
    with served(directory) as server:
        first = server.upload(len(BEGUN), "small.csv", lambda: iter([BEGUN]))[1]
        server.ended(first["id"])  # what is loaded once is loaded now
        for name, send in sent(server, size, packed):
            before, started = peak(server.pid), time.perf_counter()
            said = send()
            after = peak(server.pid)
            yield row(name, size, said, time.perf_counter() - started, after, after - before)
        left = sum(file.stat().st_size for file in (directory / "data" / "uploads").rglob("*") if file.is_file())
        yield row("left in uploads", size, f"{left:,} bytes", 0.0, _status(server.pid, "VmRSS"), None)


def row(way: str, size: int, answer: str, seconds: float, most: float, grown: float | None) -> Row:
    return {"way": way, "bytes": size, "answer": answer, "seconds": seconds, "peak MiB": most, "grown by": grown}


@click.command(help=__doc__)
@click.option("--bytes", "size", default=2_000_000_000, show_default=True)
@click.option("--library", "path", hidden=True)
@click.option("--json", "as_json", is_flag=True)
def main(size: int, path: str | None, *, as_json: bool) -> None:
    """All ways in one table."""
    if path:
        library(path)
        return
    with tempfile.TemporaryDirectory(prefix="endless-") as directory:
        show(list(measured(size, Path(directory))), as_json=as_json)


if __name__ == "__main__":
    main()
