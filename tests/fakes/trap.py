"""A trap on the way of a worker, and a PostgreSQL connection that runs into it.

The points are every SQL statement, COPY and commit, every call of a chain and every signature, in
the order in which a worker passes them; each has a label that says what it does.
"""

import re
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any, Literal, TypeVar

import psycopg
from sqlalchemy import Engine, event

from ledger.store.database import open_engine

T = TypeVar("T")
When = Literal["before", "after"]
_WRITE = re.compile(r"\s*(?:INSERT INTO|UPDATE|DELETE FROM|COPY)\s+(\w+)")


class Killed(BaseException):
    """The process ends here. No `except Exception` may see it."""


@dataclass(slots=True)
class Trap:
    """Raises at the nth point whose label matches, before it is done or after; once.

    With `instead` it lets somebody else do something there, and goes on.
    """

    label: str = ""
    nth: int = 0
    when: When = "before"
    error: BaseException = field(default_factory=Killed)
    instead: Callable[[], None] | None = None
    passed: list[str] = field(default_factory=list)
    sprung: str | None = None

    def arm(self, label: str, nth: int, when: When, error: BaseException | None = None) -> None:
        """Set it; label is a regular expression."""
        self.label, self.nth, self.when, self.error = label, nth, when, error or Killed()
        self.passed, self.sprung = [], None

    def around(self, label: str, act: Callable[[], T]) -> T:
        """Pass a point."""
        with self.point(label):
            return act()

    @contextmanager
    def point(self, label: str) -> Iterator[None]:
        """Pass a point that is a context."""
        hit = self._hit(label)
        if hit and self.when == "before":
            self._spring(label)
        yield
        if hit and self.when == "after":
            self._spring(label)

    @contextmanager
    def away(self) -> Iterator[None]:
        """While the test itself looks, nothing counts."""
        nth, self.nth = self.nth, 0
        try:
            yield
        finally:
            self.nth = nth

    def _hit(self, label: str) -> bool:
        if self.sprung is not None or not self.nth or not re.search(self.label, label):
            return False
        self.passed.append(label)
        return len(self.passed) == self.nth

    def _spring(self, label: str) -> None:
        self.sprung = label
        if self.instead is None:
            raise self.error
        self.instead()


def trapped_engine(url: str, trap: Trap) -> Engine:
    """Return an engine whose every statement and commit passes the trap."""

    class TrappedCursor(psycopg.Cursor[Any]):
        def execute(self, query: Any, params: Any = None, **options: Any) -> Any:  # noqa: ANN401
            _note(self.connection, str(query), params)
            label = f"sql {' '.join(str(query).split())}"
            return trap.around(
                label, lambda: super(TrappedCursor, self).execute(query, params, **options)
            )

        @contextmanager
        def copy(self, statement: Any, *arguments: Any, **options: Any) -> Iterator[Any]:  # noqa: ANN401
            _note(self.connection, str(statement), None)
            with (
                trap.point(f"sql {statement}"),
                super().copy(statement, *arguments, **options) as it,
            ):
                yield it

    class TrappedConnection(psycopg.Connection[Any]):
        wrote = "nothing"

        def commit(self) -> None:
            wrote, self.wrote = self.wrote, "nothing"
            trap.around(f"commit {wrote}", super().commit)

    engine = open_engine(url)

    @event.listens_for(engine, "do_connect")
    def _connect(_dialect: Any, _record: Any, arguments: Any, options: Any) -> Any:  # noqa: ANN401
        return TrappedConnection.connect(*arguments, **options, cursor_factory=TrappedCursor)

    return engine


def _note(connection: Any, query: str, params: Any) -> None:  # noqa: ANN401
    """Remember what a transaction wrote last: its table, and the state or column that changed."""
    found = _WRITE.match(query)
    if found is None:
        return
    table = found[1]
    if table == "anchors":
        table += f" {dict(params).get('state')}"
    if table == "log_state":
        table += " sequenced" if "sequenced=" in query else " integrated"
    connection.wrote = table
