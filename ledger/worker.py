"""The loop: sequence, integrate, publish, anchor, index; one process, safe to kill anywhere.

Each step is a transaction of its own or repeats the same bytes, so the loop has no state: after a
kill it starts again and finds in the database where it was. A chain that cannot be reached stops
anchoring, a database that cannot be reached stops all, until they are back; an InvariantError ends
the process, for an operator to look. Before anything is signed, log, last head and chain are
compared: a restored backup that went on would be a fork.
"""

import logging
import multiprocessing
import os
import signal
import sys
import threading
from concurrent.futures import Executor, ProcessPoolExecutor
from typing import Protocol

from psycopg import OperationalError as DriverError
from sqlalchemy.exc import OperationalError

from ledger.bootstrap import open_node
from ledger.check_pool import CheckPool
from ledger.clock import now_ms
from ledger.core.errors import InvariantError, LedgerError
from ledger.service.anchor import Anchorer
from ledger.service.index import Indexer
from ledger.service.integrate import Integrator
from ledger.service.publish import Publisher
from ledger.service.sequence import Sequencer
from ledger.settings import Settings, read_settings

logger = logging.getLogger("unbroken.worker")

# Not reached, restarting, a lock or a statement that waited too long: the next turn may do it.
STORE_AWAY = (OperationalError, DriverError)


class Services(Protocol):
    """What makes the services of one node."""

    def sequencer(self, pool: CheckPool | None = None) -> Sequencer:
        """Return the sequencer."""
        ...

    def integrator(self, hasher: Executor | None = None) -> Integrator:
        """Return the integrator."""
        ...

    def indexer(self) -> Indexer:
        """Return the indexer."""
        ...

    def publisher(self) -> Publisher:
        """Return the publisher."""
        ...

    def anchorer(self) -> Anchorer:
        """Return the anchor worker's service."""
        ...


class Worker:
    """Runs the services of one node in turn."""

    def __init__(
        self, node: Services, pool: CheckPool | None = None, hasher: Executor | None = None
    ) -> None:
        """Make the services; nothing runs yet. hasher is for large parts of the item map."""
        self._sequencer = node.sequencer(pool)
        self._integrator = node.integrator(hasher)
        self._indexer = node.indexer()
        self._publisher = node.publisher()
        self._anchorer = node.anchorer()
        self._said = ""

    def verify_not_behind(self) -> None:
        """Raise unless the log extends what was signed, and published what is on the chain.

        Raises:
            InvariantError: It does not: a restored backup, or a second copy of this log at work.
            LedgerError: The chain cannot be reached, so nobody knows.
        """
        self._publisher.verify_not_behind()
        self._anchorer.verify_not_behind()

    def turn(self) -> bool:
        """Run every step once; tell whether anything moved.

        A chain that cannot be reached stops anchoring only: events are still taken in, and the
        next turn tries again.
        """
        moved = bool(self._sequencer.run(at_ms=now_ms()))
        moved |= bool(self._integrator.run())
        moved |= self._publisher.run(at_ms=now_ms()) is not None
        try:
            moved |= self._anchorer.run(at_ms=now_ms())
        except LedgerError as error:
            self._warn(f"anchoring waits: {error}")
        # Last: what queries read is derived, and keeps neither heads nor anchors waiting.
        moved |= bool(self._indexer.run())
        return moved

    def run(self, settings: Settings, stop: threading.Event) -> None:
        """Run until stop is set.

        Raises:
            InvariantError: A state that cannot be.
        """
        pause_s = settings.interval_ms / 1000
        while not stop.is_set():
            try:
                self.verify_not_behind()
                break
            except (LedgerError, *STORE_AWAY) as error:
                self._warn(f"nothing is signed before log and chain were compared: {error}")
                stop.wait(pause_s)
        logger.info("working every %d ms", settings.interval_ms)
        while not stop.is_set():
            try:
                moved = self.turn()
            except STORE_AWAY as error:
                self._warn(f"the database is away: {error}")
                moved = False
            if not moved:
                stop.wait(pause_s)

    def _warn(self, text: str) -> None:
        # A chain may be away for days: a line a change, not a line a turn.
        if text != self._said:
            logger.warning("%s", text)
            self._said = text


def main() -> None:
    """Run until SIGTERM or SIGINT; what only an operator can mend is one line and exit code 1."""
    logging.basicConfig(level=logging.INFO, format="%(asctime)s %(name)s %(levelname)s %(message)s")
    stop = threading.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, lambda *_: stop.set())
    try:
        settings = read_settings()
        context = multiprocessing.get_context("forkserver")
        with (
            CheckPool(os.cpu_count() or 1) as pool,
            ProcessPoolExecutor(max_workers=1, mp_context=context) as hasher,
        ):
            Worker(open_node(settings), pool, hasher).run(settings, stop)
    except (InvariantError, LedgerError, *STORE_AWAY) as error:
        logger.critical("%s", error)
        sys.exit(1)


if __name__ == "__main__":
    main()
