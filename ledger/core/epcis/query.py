"""EPCIS event queries: parameters of SimpleEventQuery in, one `Query` out (EPCIS 2.0, 8.2.7.1).

Two ways to write them down: a JSON object (`POST /queries`) and the query part of a URL. What is
not in the tables of `query_parameters` is refused, never ignored.
"""

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Final
from urllib.parse import unquote_to_bytes

from ledger.core.epcis.compared import STANDARD_PREFIXES, Prefixes
from ledger.core.epcis.conditions import Condition, Moment
from ledger.core.epcis.given import Given, QueryParameterError
from ledger.core.epcis.namespaces import namespaces_of
from ledger.core.epcis.query_parameters import condition, order
from ledger.core.errors import LedgerError
from ledger.core.strict_json import JsonValue

# A day's receipts of a warehouse can be asked for in one query; a list of every pack cannot.
MAX_VALUES: Final = 2_000
# Each is a condition of one SQL statement; the standard has some hundred names in all.
MAX_PARAMETERS: Final = 64
# More than any store of events holds.
_MAX_COUNT: Final = 2**53 - 1
CONTROLS: Final = ("orderBy", "orderDirection", "eventCountLimit", "maxEventCount")
# Free text may hold a comma; URIs and words are taken apart at one, as many clients write lists.
_FREE_TEXT = re.compile(r"EQ_(stringValue$|.*[:#])", re.ASCII)
_BAR = re.compile(r"\||%7[Cc]")
_PREFIX = re.compile(r"[A-Za-z_][\w.\-]*", re.ASCII)


class QueryTooComplexError(LedgerError):
    """A query is beyond a limit of this server."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Query:
    """One event query.

    Attributes:
        conditions: all of them hold.
        order_by: a time, or the name of an extension; None leaves the order to the ledger.
        descending: the direction of `order_by`.
        event_count_limit: only so many events, the first by `order_by`.
        max_event_count: more events than this are an error instead of an answer.
    """

    conditions: tuple[Condition, ...] = ()
    order_by: Moment | str | None = None
    descending: bool = True
    event_count_limit: int | None = None
    max_event_count: int | None = None

    def narrowed(self, *more: Condition) -> "Query":
        """Return the query with further conditions."""
        return replace(self, conditions=(*self.conditions, *more))


def parse_query(members: Mapping[str, JsonValue], prefixes: Prefixes = STANDARD_PREFIXES) -> Query:
    """Return the query that a JSON object spells (query-schema 2.0.0).

    Args:
        members: the object; its `@context` may bind prefixes.
        prefixes: of extensions, see parse_extensions.

    Raises:
        QueryParameterError: a parameter does not exist, or does not take its value.
        QueryTooComplexError: it is beyond MAX_PARAMETERS or MAX_VALUES.
    """
    context = members.get("@context")
    bound = prefixes if context is None else {**prefixes, **namespaces_of(context).meanings}
    given = {
        name: value if isinstance(value, list) else [value]
        for name, value in members.items()
        if name != "@context"
    }
    return _query(given, bound)


def parse_query_string(
    pairs: Mapping[str, Sequence[str]], prefixes: Prefixes = STANDARD_PREFIXES
) -> Query:
    """Return the query that the parameters of a URL spell, see split_query_string.

    Raises:
        QueryParameterError: a parameter does not exist, or does not take its value.
        QueryTooComplexError: it is beyond MAX_PARAMETERS or MAX_VALUES.
    """
    return _query(pairs, prefixes)


def split_query_string(raw: str) -> dict[str, list[str]]:
    """Return the parameters of a URL, decoded once; lists are repeated, or `a|b`, or `a,b`.

    A bar divides however it is written, since clients encode it; a comma that is percent-encoded
    belongs to its value, and so do all commas of free text.

    Raises:
        QueryParameterError: it is no UTF-8.
    """
    given: dict[str, list[str]] = {}
    for pair in raw.split("&"):
        if not pair:
            continue
        encoded_name, _, encoded = pair.partition("=")
        name = _decoded(encoded_name, "parameter")
        listed = _BAR.split(encoded)
        if "," in encoded and not _FREE_TEXT.match(name):
            listed = [part for one in listed for part in one.split(",")]
        given.setdefault(name, []).extend(_decoded(part, name) for part in listed)
    return given


def parse_extensions(header: str, known: Prefixes = STANDARD_PREFIXES) -> Prefixes:
    """Return the known prefixes with those of a GS1-Extensions header: `ex=http://example.com/,…`.

    Raises:
        QueryParameterError: it has another form.
    """
    bound = dict(known)
    for part in filter(None, map(str.strip, header.split(","))):
        prefix, _, namespace = part.partition("=")
        if not _PREFIX.fullmatch(prefix.strip()) or ":" not in namespace:
            raise QueryParameterError("GS1-Extensions", "is prefix=namespace, …", part)
        bound[prefix.strip()] = namespace.strip()
    return bound


def _decoded(text: str, name: str) -> str:
    if "%" not in text and "+" not in text:
        return text
    try:
        return unquote_to_bytes(text.replace("+", " ")).decode()
    except UnicodeDecodeError:
        raise QueryParameterError(name, "is UTF-8", text) from None


def _query(given: Mapping[str, Sequence[JsonValue]], prefixes: Prefixes) -> Query:
    _verify_size(given)
    parameters = [Given(name, values, prefixes) for name, values in given.items()]
    conditions = [condition(one) for one in parameters if one.name not in CONTROLS]
    controls = {one.name: one for one in parameters if one.name in CONTROLS}
    limit = _count(controls.get("eventCountLimit"))
    most = _count(controls.get("maxEventCount"))
    if limit is not None and most is not None:
        raise QueryParameterError("eventCountLimit", "excludes maxEventCount", limit)
    if limit is not None and "orderBy" not in controls:
        raise QueryParameterError("eventCountLimit", "needs orderBy", limit)
    return Query(
        conditions=tuple(one for one in conditions if one is not None),
        order_by=order(controls["orderBy"]) if "orderBy" in controls else None,
        descending=_is_descending(controls.get("orderDirection")),
        event_count_limit=limit,
        max_event_count=most,
    )


def _verify_size(given: Mapping[str, Sequence[object]]) -> None:
    if len(given) > MAX_PARAMETERS:
        raise QueryTooComplexError(
            f"a query has at most {MAX_PARAMETERS} parameters, this one has {len(given)}"
        )
    values = sum(map(len, given.values()))
    if values > MAX_VALUES:
        raise QueryTooComplexError(f"a query has at most {MAX_VALUES} values, this has {values}")


def _count(given: Given | None) -> int | None:
    if given is None:
        return None
    number = given.numbers()[0]
    if len(given.values) != 1 or number != int(number) or not 1 <= number <= _MAX_COUNT:
        raise given.refused("is one whole number from 1 on", given.values[0])
    return int(number)


def _is_descending(given: Given | None) -> bool:
    if given is None:
        return True
    value = given.single()
    if value not in ("ASC", "DESC"):
        raise given.refused("is ASC or DESC", value)
    return value == "DESC"
