"""Turns of the dispatcher: whoever waited longest is next, and who fails pauses."""

import threading
import time
from dataclasses import dataclass, field

from ledger.dispatcher import SENDERS, Dispatcher

SLOW = [f"slow{i}" for i in range(SENDERS)]
QUICK = "quick"


@dataclass(slots=True)
class Crowd:
    """Subscriptions that are due always, those named first in front."""

    names: list[str]
    failing: frozenset[str] = frozenset()
    ran: list[str] = field(default_factory=list)
    _lock: threading.Lock = field(default_factory=threading.Lock)

    def due(self, limit: int) -> list[str]:
        return self.names[:limit]

    def run(self, subscription_id: str) -> bool:
        time.sleep(0.02)
        with self._lock:
            self.ran.append(subscription_id)
        if subscription_id in self.failing:
            raise RuntimeError("a query takes too long")
        return True

    def prune(self) -> int:
        return 0

    def stop(self) -> None:
        pass


def run_for(crowd: Crowd, seconds: float) -> None:
    stop = threading.Event()
    thread = threading.Thread(target=Dispatcher(crowd, 0.005).run, args=(stop,))
    thread.start()
    time.sleep(seconds)
    stop.set()
    thread.join()


def test_as_many_slow_ones_as_there_are_senders_hold_up_nobody() -> None:
    crowd = Crowd([*SLOW, QUICK])
    run_for(crowd, 0.6)
    counts = [crowd.ran.count(name) for name in crowd.names]
    assert crowd.ran.count(QUICK) > 1
    assert max(counts) <= 2 * min(counts) + 2


def test_one_that_fails_is_not_asked_again_at_once() -> None:
    crowd = Crowd([*SLOW, QUICK], failing=frozenset(SLOW))
    run_for(crowd, 0.6)
    assert {crowd.ran.count(name) for name in SLOW} == {1}
    assert crowd.ran.count(QUICK) > 5
