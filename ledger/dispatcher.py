"""The loop that pushes: standing queries and feeds to their receivers; safe to kill anywhere.

All state is in the database (`ledger.service.deliver`), so any number of dispatchers may run: a
subscription is held by one of them at a time. A receiver that is slow takes one sender, not the
loop.
"""

import logging
import random
import signal
import sys
import threading
import time
from concurrent.futures import Future, ThreadPoolExecutor
from typing import Final, Protocol

from ledger.bootstrap import STORE_ERRORS, open_node
from ledger.core.errors import LedgerError
from ledger.settings import read_settings

# Receivers that are waited for at once; each takes a thread and a connection of the database.
SENDERS: Final = 8
# Subscriptions asked for in one turn; more than ever wait, and bounded.
MAX_DUE: Final = 200
PRUNE_EVERY_S: Final = 600.0
# A subscription that failed for another reason than its receiver's answer, a query that takes
# longer than it may, say: asked again at once it would take a sender from the others for ever.
FAILED_PAUSE_S: Final = 30.0

# What another turn may do: the database or the chain is away.
AWAY: tuple[type[Exception], ...] = (LedgerError, *STORE_ERRORS)

logger = logging.getLogger("unbroken.dispatcher")


class Pushes(Protocol):
    """What moves subscriptions on."""

    def due(self, limit: int) -> list[str]:
        """Return subscriptions with something to do."""
        ...

    def run(self, subscription_id: str) -> bool:
        """Move one subscription on; tell whether it moved."""
        ...

    def prune(self) -> int:
        """Forget what has arrived long ago."""
        ...

    def stop(self) -> None:
        """Let every run end behind the delivery that is on its way."""
        ...


class Dispatcher:
    """Hands subscriptions that are due to its senders."""

    def __init__(self, deliverer: Pushes, interval_s: float) -> None:
        """Take the service; nothing runs yet."""
        self._deliverer, self._interval_s = deliverer, interval_s
        self._busy: dict[str, Future[bool]] = {}
        # When each last had its turn, and when one that failed may have the next.
        self._turns: dict[str, float] = {}
        self._not_before: dict[str, float] = {}
        self._said = ""

    def run(self, stop: threading.Event) -> None:
        """Run until stop is set; then wait for what is being sent."""
        logger.info("working every %d ms", self._interval_s * 1000)
        pruned = time.monotonic() - PRUNE_EVERY_S
        with ThreadPoolExecutor(SENDERS, thread_name_prefix="sender") as pool:
            while not stop.is_set():
                try:
                    moved = self._turn(pool)
                    if time.monotonic() - pruned >= PRUNE_EVERY_S:
                        pruned = time.monotonic()
                        self._deliverer.prune()
                except AWAY as error:
                    self._warn(f"nothing is pushed: {error}")
                    moved = False
                if not moved:
                    stop.wait(self._interval_s)
            self._deliverer.stop()

    def _turn(self, pool: ThreadPoolExecutor) -> bool:
        """Start what is due and not being sent, collect what ended; tell whether any moved."""
        moved = False
        for name, future in list(self._busy.items()):
            if future.done():
                del self._busy[name]
                moved |= self._outcome(name, future)
        free = SENDERS - len(self._busy)
        if free > 0:
            for name in self._next(free):
                self._turns[name] = time.monotonic()
                self._busy[name] = pool.submit(self._deliverer.run, name)
        return moved

    def _next(self, free: int) -> list[str]:
        """Return who is due, whoever waited longest first."""
        now, due = time.monotonic(), self._deliverer.due(MAX_DUE)
        known = {*due, *self._busy}
        self._turns = {name: at for name, at in self._turns.items() if name in known}
        self._not_before = {name: at for name, at in self._not_before.items() if at > now}
        waiting = [one for one in due if one not in self._busy and one not in self._not_before]
        return sorted(waiting, key=lambda name: self._turns.get(name, 0.0))[:free]

    def _outcome(self, name: str, future: "Future[bool]") -> bool:
        try:
            return future.result()
        except Exception as error:  # noqa: BLE001 -- one subscription's fault stops no other
            self._warn(f"subscription {name} waits: {type(error).__name__}: {error}")
            self._not_before[name] = time.monotonic() + FAILED_PAUSE_S
            return False

    def _warn(self, text: str) -> None:
        # A database may be away for hours: a line a change, not a line a turn.
        if text != self._said:
            logger.warning("%s", text)
            self._said = text


def main() -> None:
    """Run until SIGTERM or SIGINT; what only an operator can mend is one line and exit code 1."""
    logging.basicConfig(level=logging.INFO, format="%(asctime)s %(name)s %(levelname)s %(message)s")
    # httpx tells every request, and a destination may hold a secret in its path.
    logging.getLogger("httpx").setLevel(logging.WARNING)
    stop = threading.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, lambda *_: stop.set())
    try:
        settings = read_settings()
        deliverer = open_node(settings).deliverer(random.SystemRandom().random)
        Dispatcher(deliverer, settings.interval_ms / 1000).run(stop)
    except AWAY as error:
        logger.critical("%s", error)
        sys.exit(1)


if __name__ == "__main__":
    main()
