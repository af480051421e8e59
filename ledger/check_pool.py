"""Processes that check submissions, and outlive a check that kills one of them.

Attack: a document on which a library crashes, loops or takes all memory. It kills its process and
with it the batch; the batch is then checked one by one, and what kills a process by itself is
answered as such, so that the same submission cannot stop the log for all.
"""

import logging
import multiprocessing
import resource
import signal
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ProcessPoolExecutor
from concurrent.futures.process import BrokenProcessPool
from functools import partial
from types import TracebackType
from typing import Self, TypeVar

T = TypeVar("T")
logger = logging.getLogger("unbroken.check")

# The largest document that is taken needs about 1.5 GiB to be read and checked.
MAX_MEMORY_BYTES = 4 * 1024**3
# Twenty times the slowest document of the limits on a slow machine; then it loops.
MAX_SECONDS = 300.0


class CheckPool:
    """Runs one function over many arguments in processes with limits."""

    def __init__(
        self, workers: int, *, memory_bytes: int = MAX_MEMORY_BYTES, seconds: float = MAX_SECONDS
    ) -> None:
        """Take the number of processes; they start with the first work."""
        self._workers, self._memory, self._seconds = workers, memory_bytes, seconds
        self._pool = self._open()

    def __enter__(self) -> Self:
        """Return itself."""
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:  # fmt: skip
        """End the processes."""
        self._pool.shutdown(cancel_futures=True)

    def _open(self) -> ProcessPoolExecutor:
        return ProcessPoolExecutor(
            max_workers=self._workers,
            mp_context=multiprocessing.get_context("forkserver"),
            initializer=_limit_memory,
            initargs=(self._memory,),
        )

    def run(
        self,
        function: Callable[..., T],
        jobs: Sequence[tuple[object, ...]],
        *,
        chunksize: int,
        instead: Callable[..., T],
    ) -> Iterator[T]:
        """Yield function's results in order; `instead` answers here for a job that kills."""
        timed = [(function, self._seconds, *job) for job in jobs]
        try:
            # All of them before the first is yielded: a batch is whole, or done again.
            yield from list(self._pool.map(_timed, *zip(*timed, strict=True), chunksize=chunksize))
        except BrokenProcessPool:
            logger.warning("a check killed its process; %d are done again one by one", len(jobs))
            self._pool = self._open()
            for job, arguments in zip(jobs, timed, strict=True):
                yield self._alone(arguments, partial(instead, *job))

    def _alone(self, arguments: tuple[object, ...], instead: Callable[[], T]) -> T:
        try:
            result: T = self._pool.submit(_timed, *arguments).result()  # type: ignore[arg-type]
        except BrokenProcessPool:
            self._pool = self._open()
            return instead()
        return result


def _limit_memory(size: int) -> None:
    resource.setrlimit(resource.RLIMIT_AS, (size, size))


def _timed(function: Callable[..., T], seconds: float, *arguments: object) -> T:
    # The default action ends the process, also in the middle of a library that never returns.
    signal.signal(signal.SIGALRM, signal.SIG_DFL)
    signal.setitimer(signal.ITIMER_REAL, seconds)
    try:
        return function(*arguments)
    finally:
        signal.setitimer(signal.ITIMER_REAL, 0)
