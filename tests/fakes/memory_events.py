"""Events of an index in memory, which named queries choose from."""

from collections.abc import Callable
from dataclasses import dataclass, field

from ledger.core.errors import NotFoundError
from ledger.service.query_ports import Batch


@dataclass(slots=True)
class MemoryEvents:
    """An `EventSource`: every entry of the log is an event until a test says otherwise."""

    queries: dict[str, Callable[[bytes], bool]] = field(default_factory=dict)
    events: list[bytes | None] = field(default_factory=list)
    asked: list[tuple[int, int]] = field(default_factory=list)

    def add(self, count: int = 1, size: int = 0) -> None:
        """Log events that tell their own index."""
        for _ in range(count):
            text = b'{"n":%d,"pad":"%s"}' % (len(self.events), b"x" * size)
            self.events.append(text)

    def verify_query(self, name: str) -> None:
        if name not in self.queries:
            raise NotFoundError(f"no query has the name {name!r}")

    def indexed(self) -> int:
        return len(self.events)

    def matching(self, name: str, after: int, up_to: int, limit: int, most_bytes: int) -> Batch:
        self.verify_query(name)
        self.asked.append((after, up_to))
        chosen, found, size = self.queries[name], [], 0
        for i in range(after + 1, min(up_to + 1, len(self.events))):
            raw = self.events[i]
            if raw is None or not chosen(raw):
                continue
            size += len(raw)
            if found and (size > most_bytes or len(found) == limit):
                return Batch(found, found[-1][0])
            found.append((i, raw))
        return Batch(found, found[-1][0] if len(found) == limit else up_to)
