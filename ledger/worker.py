"""The loop: sequence -> integrate -> publish -> anchor, one process, safe to kill anywhere.

Each step is a transaction of its own or repeats the same bytes, so the loop has no state: after a
kill it starts again and finds in the database where it was.
"""

import logging
import multiprocessing
import os
import signal
import threading
from concurrent.futures import ProcessPoolExecutor

from ledger.bootstrap import Node, open_node
from ledger.clock import now_ms
from ledger.core.errors import LedgerError
from ledger.settings import read_settings

logger = logging.getLogger("unbroken.worker")


class Worker:
    """Runs the services of one node in turn."""

    def __init__(self, node: Node, pool: ProcessPoolExecutor | None = None) -> None:
        """Make the services; nothing runs yet."""
        self._sequencer = node.sequencer(pool)
        self._integrator = node.integrator()
        self._publisher = node.publisher()
        self._anchorer = node.anchorer()

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
            logger.warning("anchoring waits: %s", error)
        return moved


def main() -> None:
    """Run until SIGTERM or SIGINT; an InvariantError ends the process with its message."""
    logging.basicConfig(level=logging.INFO, format="%(asctime)s %(name)s %(levelname)s %(message)s")
    settings = read_settings()
    stop = threading.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, lambda *_: stop.set())
    context = multiprocessing.get_context("forkserver")
    with ProcessPoolExecutor(max_workers=os.cpu_count() or 1, mp_context=context) as pool:
        worker = Worker(open_node(settings), pool)
        logger.info("working every %d ms", settings.interval_ms)
        while not stop.is_set():
            if not worker.turn():
                stop.wait(settings.interval_ms / 1000)


if __name__ == "__main__":
    main()
