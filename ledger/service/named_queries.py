"""Named queries: given a name by POST /queries, read again, followed, forgotten."""

from dataclasses import dataclass

import orjson

from ledger.core.epcis.compared import Prefixes
from ledger.core.epcis.query import Query, parse_query
from ledger.core.epcis.query_shapes import verify_shapes
from ledger.core.errors import MalformedError, NotFoundError
from ledger.core.strict_json import JsonValue, parse_json
from ledger.service.page_tokens import LIFETIME_MS, Place, format_token, parse_token
from ledger.service.query import MAX_PER_PAGE
from ledger.service.query_ports import Batch, Cursor, EventStore, NamedQuery, StandingStore

MAX_NAME_BYTES = 256
# Some 2,000 values of a hundred bytes each.
MAX_DEFINITION_BYTES = 512 * 1024
# No path of a URL ends in a dot segment (RFC 3986, 5.2.4); the others are the standard's own.
TAKEN_NAMES = frozenset([".", "..", "SimpleEventQuery", "SimpleMasterDataQuery"])
_BOUND = "names of queries"
_MEMBERS = frozenset(["name", "query", "@context"])


class QueryValidationError(MalformedError):
    """What was posted is no definition of a query."""


class NoSuchNameError(NotFoundError):
    """No query has that name."""


@dataclass(slots=True)
class NamedQueries:
    """The queries that have names, as the API serves them."""

    store: EventStore
    token_key: bytes

    async def get(self, name: str) -> NamedQuery:
        """Return a named query.

        Raises:
            NoSuchNameError: There is none of that name.
        """
        found = await self.store.query(name) if _is_name(name) else None
        if found is None:
            raise _no_such_name(name)
        return found

    async def add(self, raw: bytes, prefixes: Prefixes, *, at_ms: int) -> NamedQuery | None:
        """Give a query a name; None when another one has it.

        Raises:
            QueryValidationError: It is no object of a name and a query.
            QueryParameterError: The query has a parameter that does not exist, or a wrong value.
            QueryTooComplexError: It is beyond a limit.
        """
        named = NamedQuery(*_definition(raw, prefixes), at_ms)
        return named if await self.store.add_query(named) else None

    async def page(
        self, *, per_page: int, token: str | None, at_ms: int
    ) -> tuple[list[NamedQuery], str | None, int]:
        """Return a page of queries by name, the token of the next page, and when that ends.

        Raises:
            QueryParameterError: The token is altered or has ended.
        """
        after = ""
        if token is not None:
            after = str(parse_token(token, self.token_key, _BOUND, at_ms).cursor.key[0])
        wanted, expires_ms = min(per_page, MAX_PER_PAGE), at_ms + LIFETIME_MS
        found = await self.store.queries(after, wanted + 1)
        if len(found) <= wanted:
            return found, None, expires_ms
        behind = Place(Cursor((found[wanted - 1].name,), 0, 0), 0)
        return found[:wanted], format_token(behind, self.token_key, _BOUND, expires_ms), expires_ms

    async def delete(self, name: str) -> None:
        """Delete a named query.

        Raises:
            NoSuchNameError: There is none of that name.
        """
        if not (_is_name(name) and await self.store.delete_query(name)):
            raise _no_such_name(name)


@dataclass(slots=True)
class StandingQueries:
    """The events of the index as named queries see them, for those who follow the log."""

    store: StandingStore

    def verify_query(self, name: str) -> None:
        """Raise unless there is a query of that name.

        Raises:
            NoSuchNameError: There is none.
        """
        self._query(name)

    def indexed(self) -> int:
        """Return how many entries of the log the index covers."""
        return self.store.indexed()

    def matching(self, name: str, after: int, up_to: int, limit: int, most_bytes: int) -> Batch:
        """Return rendered events that match in (after, up_to], in log order, one at least.

        Order and limits of the query are of its answers to questions and count for nothing here.

        Raises:
            NoSuchNameError: There is no query of that name.
        """
        return self.store.matching(self._query(name), after, up_to, limit, most_bytes)

    def _query(self, name: str) -> Query:
        # A text with NUL, which PostgreSQL takes nowhere, names no query either.
        found = self.store.find_query(name) if _is_name(name) else None
        if found is None:
            raise _no_such_name(name)
        return defined_query(found)


def defined_query(named: NamedQuery) -> Query:
    """Return the query of a definition that is stored, and was parsed before it was."""
    definition = orjson.loads(named.definition)
    return parse_query(definition["query"], definition["prefixes"])


def shown_definition(named: NamedQuery) -> dict[str, object]:
    """Return a definition as it was posted."""
    return {"name": named.name, "query": orjson.loads(named.definition)["query"]}


def _definition(raw: bytes, prefixes: Prefixes) -> tuple[str, bytes]:
    if len(raw) > MAX_DEFINITION_BYTES:
        raise QueryValidationError("definition", f"has at most {MAX_DEFINITION_BYTES} bytes")
    try:
        definition: JsonValue = parse_json(raw)
    except MalformedError as error:
        raise QueryValidationError(error.field, error.rule, error.value) from None
    if not isinstance(definition, dict):
        raise QueryValidationError("definition", "is a JSON object")
    for other in sorted(definition.keys() - _MEMBERS):
        raise QueryValidationError(other, "is name, query or @context", other)
    name, query = _new_name(definition.get("name")), definition.get("query")
    if not isinstance(query, dict):
        raise QueryValidationError("query", "is an object of parameters", query)
    if "@context" in definition:
        query = {"@context": definition["@context"], **query}
    parse_query(query, prefixes)
    # Of what is new only: what was stored before this rule is still answered.
    verify_shapes(query)
    return name, orjson.dumps({"query": query, "prefixes": dict(prefixes)})


def _new_name(name: JsonValue) -> str:
    if not isinstance(name, str) or not _is_name(name):
        rule = f"is a text of 1 to {MAX_NAME_BYTES} bytes, printable and without a slash"
        raise QueryValidationError("name", rule, name)
    if name in TAKEN_NAMES:
        raise QueryValidationError("name", f"is none of {', '.join(sorted(TAKEN_NAMES))}", name)
    return name


def _is_name(text: str) -> bool:
    return 1 <= len(text.encode()) <= MAX_NAME_BYTES and text.isprintable() and "/" not in text


def _no_such_name(name: str) -> NoSuchNameError:
    return NoSuchNameError(f"no query has the name {name[:MAX_NAME_BYTES]!r}")
