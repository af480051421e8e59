"""Query: what the API answers about events, from the derived index.

Reads only, but for the names that queries are given. What is integrated and not indexed yet is not
seen; nothing here is evidence, which bundles are.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Final, NamedTuple

from ledger.core.epcis.conditions import Condition, Field, HasField, Moment, NamesItem
from ledger.core.epcis.given import QueryParameterError
from ledger.core.epcis.query import Query
from ledger.core.errors import LedgerError, NotFoundError
from ledger.core.identifiers import item_key
from ledger.service.page_tokens import LIFETIME_MS, Place, format_token, parse_token
from ledger.service.query_ports import (
    Cursor,
    EventStore,
    FoundEvent,
    FoundEvents,
    Resource,
    SentEvent,
)

DEFAULT_PER_PAGE = 30
# What a client cannot exceed (EPCIS 2.0, perPage); a page also ends at its number of bytes.
MAX_PER_PAGE = 1_000
# The errors of one original, with its declarations: more are somebody's loop.
MAX_SAME_ID = 1_000
_ANY_EPC = (0, 1, 2, 3, 4)
IDENTIFIERS: Final[Mapping[Resource, Callable[[tuple[str, ...]], Condition]]] = {
    Resource.EPCS: lambda values: NamesItem(_ANY_EPC, values),
    Resource.READ_POINTS: lambda values: HasField(Field.READ_POINT, values),
    Resource.BIZ_LOCATIONS: lambda values: HasField(Field.BIZ_LOCATION, values),
}
"""Resources whose values are identifiers, each with what an event of some values fulfils."""


class QueryTooLargeError(LedgerError):
    """More events match than the query takes."""


class Page(NamedTuple):
    """Events of a page, and the token of the next one with its end, None on the last page."""

    events: Sequence[FoundEvent]
    token: str | None
    expires_ms: int


class Values(NamedTuple):
    """Values of a page, and the token of the next one with its end, None on the last page."""

    values: Sequence[str]
    token: str | None
    expires_ms: int


@dataclass(slots=True)
class EventQueries:
    """Answers queries about events."""

    store: EventStore
    token_key: bytes

    async def page(self, query: Query, *, per_page: int, token: str | None, at_ms: int) -> Page:
        """Return a page of the events that match.

        Raises:
            QueryParameterError: The token is not of this query, or has ended.
            QueryTooLargeError: More events match than maxEventCount.
            QueryTooComplexError: It takes longer than a query may.
        """
        place = None if token is None else self._place(query, token, at_ms)
        served = place.served if place else 0
        wanted = min(per_page, MAX_PER_PAGE)
        if query.event_count_limit is not None:
            wanted = min(wanted, query.event_count_limit - served)
        if place is None and query.max_event_count is not None:
            await self._verify_count(query, query.max_event_count)
        cursor = place.cursor if place else None
        found = await self._found(query, wanted + 1, cursor)
        events = found.events[:wanted]
        is_last = len(found.events) <= wanted and not found.cut
        if query.event_count_limit is not None:
            is_last |= served + len(events) >= query.event_count_limit
        expires_ms = at_ms + LIFETIME_MS
        if is_last or not events:
            return Page(events, None, expires_ms)
        last, up_to = events[-1], cursor.up_to if cursor else found.up_to
        behind = Place(Cursor(last.key, last.log_index, up_to), served + len(events))
        next_token = format_token(behind, self.token_key, repr(query), expires_ms)
        return Page(events, next_token, expires_ms)

    async def item(self, path: str, per_page: int, at_ms: int) -> Page:
        """Return the first page of an item's events, newest first: the hottest of questions."""
        found = await self.store.item_events(item_key(path), per_page + 1)
        if len(found.events) > per_page:
            query = Query(conditions=(NamesItem(_ANY_EPC, (path,)),))
            return await self.page(query, per_page=per_page, token=None, at_ms=at_ms)
        return Page(found.events, None, at_ms)

    async def by_id(self, event_id: str) -> list[FoundEvent]:
        """Return the event of an eventID with the declarations that it is wrong, oldest first.

        Raises:
            NotFoundError: There is none.
        """
        if "\0" in event_id:
            # PostgreSQL takes none in a text, so no event has one in its eventID.
            raise NotFoundError(f"no event has the eventID {event_id[:120]!r}")
        query = Query(conditions=(HasField(Field.EVENT_ID, (event_id,)),), descending=False)
        found = (await self.store.find(query, MAX_SAME_ID, None)).events
        if not found:
            raise NotFoundError(f"no event has the eventID {event_id[:120]!r}")
        return found

    async def contents(self, events: Sequence[FoundEvent]) -> list[SentEvent]:
        """Return events as they were sent, in the order given."""
        sent = await self.store.contents([event.log_index for event in events])
        return [sent[event.log_index] for event in events]

    async def sent_with(self, resource: Resource, values: Sequence[str]) -> list[SentEvent]:
        """Return the newest events that have one of the values of IDENTIFIERS, as they were sent.

        At most MAX_PER_PAGE, and a page of bytes: a value that is busy may hide the others.
        """
        if not values:
            return []
        query = Query(conditions=(IDENTIFIERS[resource](tuple(values)),))
        return await self.contents((await self._found(query, MAX_PER_PAGE, None)).events)

    async def values(
        self, resource: Resource, known: frozenset[str], *, per_page: int, token: str | None,
        at_ms: int,
    ) -> Values:  # fmt: skip
        """Return a page of the values that events have, and of those known without any event."""
        bound = f"values of {resource.value}"
        after = "" if token is None else self._after(token, bound, at_ms)
        wanted = min(per_page, MAX_PER_PAGE)
        # PostgreSQL and Python order texts differently: what is known anyway comes first.
        listed = [value for value in sorted(known) if after < f"0{value}"]
        found = [f"0{value}" for value in listed[: wanted + 1]]
        if len(found) <= wanted:
            start = after[1:] if after.startswith("1") else ""
            stored = await self._unknown(resource, known, start, wanted + 1 - len(found))
            found += [f"1{value}" for value in stored]
        expires_ms = at_ms + LIFETIME_MS
        shown = [value[1:] for value in found[:wanted]]
        if len(found) <= wanted:
            return Values(shown, None, expires_ms)
        behind = Place(Cursor((found[wanted - 1],), 0, 0), 0)
        return Values(shown, format_token(behind, self.token_key, bound, expires_ms), expires_ms)

    async def _unknown(
        self, resource: Resource, known: frozenset[str], after: str, limit: int
    ) -> list[str]:
        found: list[str] = []
        while len(found) < limit:
            more = await self.store.values(resource, after, limit)
            found += [value for value in more if value not in known]
            if len(more) < limit:
                break
            after = more[-1]
        return found[:limit]

    async def _found(self, query: Query, limit: int, cursor: Cursor | None) -> FoundEvents:
        try:
            return await self.store.find(query, limit, cursor)
        except ValueError as error:
            raise QueryParameterError("nextPageToken", str(error)) from None

    async def _verify_count(self, query: Query, most: int) -> None:
        if await self.store.count(query, most + 1) > most:
            raise QueryTooLargeError(f"more than maxEventCount = {most} events match")

    def _place(self, query: Query, token: str, at_ms: int) -> Place:
        place = parse_token(token, self.token_key, repr(query), at_ms)
        if not isinstance(query.order_by, str) or isinstance(query.order_by, Moment):
            return place
        number, text = place.cursor.key
        key = (float.fromhex(str(number)), text)
        return Place(place.cursor._replace(key=key), place.served)

    def _after(self, token: str, bound: str, at_ms: int) -> str:
        return str(parse_token(token, self.token_key, bound, at_ms).cursor.key[0])
