"""The index and its fake obey the rules that subscriptions rely on."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass, field

import pytest
from sqlalchemy import Engine, text

from ledger.service.named_queries import StandingQueries
from ledger.service.subscription_ports import EventSource
from ledger.store.database import open_engine
from ledger.store.index_store import SqlIndexStore
from tests.contract_suites.event_source import RULES, Stand
from tests.fakes.memory_events import MemoryEvents
from tests.fault.conftest import CopyDatabase

_EVENT = text(
    "INSERT INTO epcis_events (log_index, record_ms, event_ms, party, event_id, biz_step, terms,"
    " rendered) VALUES (:n, 0, 0, '', :id, :step, '{}', :raw)"
)
_QUERY = text("INSERT INTO epcis_queries VALUES (:name, :definition, 0)")
_SEVENS = b'{"query":{"EQ_bizStep":["shipping"]},"prefixes":{}}'


def body(number: int, size: int) -> bytes:
    return b'{"n":%d,"pad":"%s"}' % (number, b"x" * size)


@dataclass(slots=True)
class MemoryStand:
    """The fake."""

    source: MemoryEvents = field(
        default_factory=lambda: MemoryEvents(
            {"all": lambda _: True, "sevens": lambda raw: b'7,"pad"' in raw}
        )
    )

    def add(self, count: int, size: int = 0) -> None:
        self.source.add(count, size)

    def skip(self) -> None:
        self.source.events.append(None)


@dataclass(slots=True)
class SqlStand:
    """The index in PostgreSQL."""

    engine: Engine
    source: EventSource
    count: int = 0

    def add(self, count: int, size: int = 0) -> None:
        with self.engine.begin() as connection:
            for number in range(self.count, self.count + count):
                step = "shipping" if number % 10 == 7 else "receiving"
                row = {"n": number, "id": f"e:{number}", "step": step, "raw": body(number, size)}
                connection.execute(_EVENT, row)
        self._grow(count)

    def skip(self) -> None:
        self._grow(1)

    def _grow(self, count: int) -> None:
        self.count += count
        with self.engine.begin() as connection:
            connection.execute(text("UPDATE epcis_index SET indexed = :n"), {"n": self.count})


@pytest.fixture
def index(copy_database: CopyDatabase) -> Iterator[SqlStand]:
    engine = open_engine(copy_database("empty"))
    with engine.begin() as connection:
        for name, definition in (("all", b'{"query":{},"prefixes":{}}'), ("sevens", _SEVENS)):
            connection.execute(_QUERY, {"name": name, "definition": definition})
    yield SqlStand(engine, StandingQueries(store=SqlIndexStore(engine)))
    engine.dispose()


@pytest.mark.parametrize("rule", RULES)
def test_events_in_memory(rule: Callable[[Stand], None]) -> None:
    rule(MemoryStand())


@pytest.mark.parametrize("rule", RULES)
def test_events_of_the_index(rule: Callable[[Stand], None], index: SqlStand) -> None:
    rule(index)
