"""The Dask cluster: a client, work sent to it and answers taken in the order in which they were asked for."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, TypeVar

from assignment_engine.domain.errors import ClusterError, ConfigurationError

if TYPE_CHECKING:
    from distributed import Client, Future

Value = TypeVar("Value")
MISSING = 'Dask is not installed; it comes with the extra: pip install "assignment-engine[distributed]"'
AT_ONCE = 256


@dataclass(frozen=True)
class Cluster:
    """Where parts of a problem are worked on. `progress` shows a bar for what takes long."""

    client: Any
    progress: bool = False

    def held(self, value: object) -> Future[Any]:
        """`value` on the cluster. A worker that dies with it is no loss: the scheduler can make it again."""
        return self.submit(_same, value)

    def submit(self, function: Callable[..., object], *arguments: object) -> Future[Any]:
        """Ask for one call. Functions are pure: what a dead worker had is computed again, and is the same."""
        future: Future[Any] = self.client.submit(function, *arguments, pure=False)
        return future

    def answers(self, futures: Sequence[Any], what: str) -> Iterator[Any]:
        """The results in their order; each is forgotten on the cluster when it has arrived.

        Raises
        ------
        ClusterError
            If the cluster gave up: the same piece of work has ended several workers, or it was shut down.
        """
        from distributed import KilledWorker  # noqa: PLC0415  (an extra)

        pieces = [futures[first : first + AT_ONCE] for first in range(0, len(futures), AT_ONCE)]
        try:
            for piece in shown(pieces, what, progress=self.progress):
                yield from self.client.gather(list(piece))
                for future in piece:
                    future.release()
        except KilledWorker as exc:
            raise ClusterError(f"{what}: a piece of work has ended worker after worker: {exc}") from exc


@contextmanager
def connected(client: Client | str) -> Iterator[Client]:
    """The client given, or one to the scheduler at that address for as long as this lasts.

    Raises
    ------
    ConfigurationError
        If Dask is not installed.
    """
    try:
        import distributed  # noqa: PLC0415  (an extra)
    except ImportError as exc:
        raise ConfigurationError(MISSING) from exc
    if not isinstance(client, str):
        yield client
        return
    with distributed.Client(client, set_as_default=False) as own:  # type: ignore[no-untyped-call]
        yield own


def shown(pieces: Sequence[Value], what: str, *, progress: bool) -> Iterator[Value]:
    """`pieces`, with a progress bar where one is wanted and the wait is long enough to need it."""
    if not progress:
        yield from pieces
        return
    from tqdm import tqdm  # noqa: PLC0415  (only where a person watches)

    yield from tqdm(pieces, desc=what, delay=2.0, leave=False)


def _same(value: Value) -> Value:
    return value
