"""Event queries as SQL over the index: every condition is one that an index answers.

Values are parameters; what stands in the text is chosen from tables of our own. A visibility filter
per party would be one more condition in `_Statement.where`, from which everything here is made.
"""

from collections.abc import Sequence
from dataclasses import dataclass, field
from functools import singledispatchmethod

from ledger.core.epcis.compared import kept
from ledger.core.epcis.conditions import (
    AtTime,
    Comparison,
    Condition,
    Field,
    HasAttribute,
    HasField,
    HasNumber,
    HasTerm,
    Moment,
    NamesClass,
    NamesItem,
    Within,
)
from ledger.core.epcis.patterns import PathPattern
from ledger.core.epcis.query import Query
from ledger.core.identifiers import item_key
from ledger.service.query_ports import Cursor

# Bytes of events in one answer; the page ends early, the next one goes on.
MAX_PAGE_BYTES = 16 * 1024 * 1024

# Of an extension: its least number or time, its first text; events that lack it come by themselves.
_NUMBER_KEY = (
    "coalesce((SELECT min(n.value) FROM epcis_numbers n WHERE n.log_index = e.log_index"
    " AND n.name = ANY(%s)), '-Infinity')"
)
_TEXT_KEY = (
    'coalesce((SELECT min(substr(t.term, %s) COLLATE "C") FROM unnest(e.terms) t (term)'
    " WHERE starts_with(t.term, %s)), '') COLLATE \"C\""
)
# What is asked of these is rare in the log, and what is not is read and sorted.
_SELECTIVE = (HasTerm, HasNumber, NamesItem, NamesClass, HasAttribute)
Statement = tuple[str, list[object]]


def find_events(query: Query, limit: int, cursor: Cursor | None) -> Statement:
    """Return the statement for a page: log_index, rendered, up_to, fetched, and k0, k1 of the key.

    Fewer rows than `fetched` say that MAX_PAGE_BYTES ended the page.

    Raises:
        ValueError: the cursor is of a query that orders otherwise.
    """
    made = _Statement.of(query)
    keys = _keys(query, made)
    conditions = list(made.where)
    if cursor is not None:
        if len(cursor.key) != len(keys):
            raise ValueError("the cursor is of another order")
        sign = "<" if query.descending else ">"
        behind = f"({', '.join([*keys, 'e.log_index'])}) {sign} ({_marks(len(keys) + 1)})"
        conditions += ["e.log_index < %s", behind]
        made.values += [cursor.up_to, *made.key_values, *cursor.key, cursor.log_index]
    names = [f"k{i}" for i in range(len(keys))]
    by_index = "e.log_index"
    if any(isinstance(condition, _SELECTIVE) for condition in query.conditions):
        by_index, keys = _computed(by_index), [_computed(key) for key in keys]
    direction = "DESC" if query.descending else "ASC"
    order = ", ".join(f"{name} {direction}" for name in [*names, "log_index"])
    selected = ", ".join(
        [f"{by_index} AS log_index", "e.rendered", *map(" AS ".join, zip(keys, names, strict=True))]
    )
    page = (
        f"SELECT {selected} FROM epcis_events e{_where(conditions)}"  # noqa: S608 -- see above
        f" ORDER BY {order} LIMIT %s"
    )
    text = (
        f"SELECT {', '.join(['log_index', 'rendered', *names])}, fetched,"  # noqa: S608 -- see above
        " (SELECT indexed FROM epcis_index) AS up_to"
        " FROM (SELECT *, count(*) OVER () AS fetched, sum(octet_length(rendered))"
        f" OVER (ORDER BY {order} ROWS UNBOUNDED PRECEDING) - octet_length(rendered) AS before"
        f" FROM ({page}) page) sized WHERE before < %s ORDER BY {order}"
    )
    return text, [*made.key_values, *made.values, limit, MAX_PAGE_BYTES]


def _computed(column: str) -> str:
    """Return a column as something that is in no index.

    The planner takes most conditions for less selective than they are. To walk the log backwards
    until enough events match would then read all of it for what is rare; so it is not offered.
    """
    return f"{column} + 0" if column in ("e.log_index", "e.event_ms") else column


def count_events(query: Query, most: int) -> Statement:
    """Return the statement that counts matching events, no further than `most`."""
    made = _Statement.of(query)
    text = (
        f"SELECT count(*) FROM (SELECT 1 FROM epcis_events e{_where(made.where)}"  # noqa: S608
        " LIMIT %s) found"
    )
    return text, [*made.values, most]


def in_log_order(query: Query, after: int, up_to: int, limit: int, most_bytes: int) -> Statement:
    """Return the statement for matches in (after, up_to]: log_index, rendered, fetched.

    The first one, and of the others as many as fit into most_bytes; fewer rows than `fetched` say
    that the bytes ended them.
    """
    made = _Statement.of(query)
    conditions = [*made.where, "e.log_index > %s", "e.log_index <= %s"]
    found = (
        "SELECT e.log_index, e.rendered FROM epcis_events e"  # noqa: S608 -- see above
        f"{_where(conditions)} ORDER BY e.log_index LIMIT %s"
    )
    text = (
        "SELECT log_index, rendered, fetched FROM (SELECT *, count(*) OVER () AS fetched,"  # noqa: S608
        f" sum(octet_length(rendered)) OVER (ORDER BY log_index) AS total FROM ({found}) found)"
        " sized WHERE total <= %s OR total = octet_length(rendered) ORDER BY log_index"
    )
    return text, [*made.values, after, up_to, limit, most_bytes]


def _where(conditions: Sequence[str]) -> str:
    return f" WHERE {' AND '.join(conditions)}" if conditions else ""


def _marks(count: int) -> str:
    return ", ".join(["%s"] * count)


def _keys(query: Query, made: "_Statement") -> list[str]:
    """Return what a query is ordered by, before the log index; record times rise with that."""
    if query.order_by in (None, Moment.RECORD_TIME):
        return []
    if query.order_by is Moment.EVENT_TIME:
        return ["e.event_ms"]
    name = str(query.order_by)
    start = kept(f"{name}=")
    made.key_values = [[kept(name), kept(f"{name}@")], len(start) + 1, start]
    return [_NUMBER_KEY, _TEXT_KEY]


@dataclass(slots=True)
class _Statement:
    """Conditions of a query as SQL, with their values in order."""

    where: list[str] = field(default_factory=list)
    values: list[object] = field(default_factory=list)
    key_values: list[object] = field(default_factory=list)

    @classmethod
    def of(cls, query: Query) -> "_Statement":
        made = cls()
        for condition in query.conditions:
            made.where.append(made.compile(condition))
        return made

    def compile(self, condition: Condition) -> str:
        return self._compile(condition)

    @singledispatchmethod
    def _compile(self, condition: Condition) -> str:
        raise TypeError(f"no SQL for {condition!r}")

    @_compile.register
    def _(self, condition: HasField) -> str:
        return f"e.{condition.field.value}{self._any(condition.values)}"

    @_compile.register
    def _(self, condition: HasTerm) -> str:
        self.values.append(list(condition.terms))
        return f"e.terms {'@>' if len(condition.terms) == 1 else '&&'} %s::text[]"

    @_compile.register
    def _(self, condition: AtTime) -> str:
        self.values.append(condition.time_ms)
        return f"e.{condition.moment.value} {condition.comparison.value} %s"

    @_compile.register
    def _(self, condition: HasNumber) -> str:
        self.values.append(condition.name)
        compared = (
            self._any(condition.values)
            if condition.comparison is Comparison.EQ
            else f" {condition.comparison.value} %s"
        )
        if condition.comparison is not Comparison.EQ:
            self.values.append(condition.values[0])
        return (
            "e.log_index IN (SELECT n.log_index FROM epcis_numbers n"  # noqa: S608 -- see above
            f" WHERE n.name = %s AND n.value{compared})"
        )

    @_compile.register
    def _(self, condition: NamesItem) -> str:
        named = []
        if condition.paths:
            keys = [item_key(path) for path in condition.paths]
            named.append(f"r.item_key{self._any(keys)}")
        if condition.patterns:
            named.append(f"r.item_key IN (SELECT i.item_key{self._items(condition.patterns)})")
        self.values.append(list(condition.roles))
        return (
            f"e.log_index IN (SELECT r.log_index FROM item_rows r WHERE ({' OR '.join(named)})"  # noqa: S608
            " AND r.role = ANY(%s::int2[]))"
        )

    @_compile.register
    def _(self, condition: NamesClass) -> str:
        found = []
        if condition.paths:
            terms = [
                kept(f"{name}={path}") for name in condition.members for path in condition.paths
            ]
            found.append("e.terms && %s::text[]")
            self.values.append(terms)
        if condition.patterns:
            self.values.append(list(condition.members))
            items = self._items(condition.patterns, ", unnest(%s::text[]) m (name)")
            found.append(f"e.terms && (SELECT array_agg(m.name || '=' || i.path){items})")
        return f"({' OR '.join(found)})"

    @_compile.register
    def _(self, condition: Within) -> str:
        self.values.append(list(condition.paths))
        return (
            f"e.{condition.field.value} IN (WITH RECURSIVE below (path) AS ("  # noqa: S608 -- see above
            "SELECT unnest(%s::text[]) UNION SELECT c.child FROM epcis_children c"
            " JOIN below b ON c.parent = b.path) SELECT path FROM below)"
        )

    @_compile.register
    def _(self, condition: HasAttribute) -> str:
        if isinstance(condition.field, Field):
            self.values.append(list(condition.terms))
            # Places are kept as paths, words as they are written.
            is_place = condition.field in (Field.READ_POINT, Field.BIZ_LOCATION)
            element = (
                f"e.{condition.field.value}" if is_place else f"'uri:' || e.{condition.field.value}"
            )
            return (
                f"{element} IN (SELECT a.element FROM epcis_attributes a"  # noqa: S608 -- see above
                " WHERE a.term = ANY(%s::text[]))"
            )
        start = kept(f"{condition.field}=")
        self.values += [kept(condition.field), len(start) + 1, start, list(condition.terms)]
        return (
            "e.terms @> ARRAY[%s::text] AND EXISTS (SELECT 1 FROM unnest(e.terms) t (term)"
            " JOIN epcis_attributes a ON a.element = 'uri:' || substr(t.term, %s)"
            " WHERE starts_with(t.term, %s) AND a.term = ANY(%s::text[]))"
        )

    def _any(self, values: Sequence[object]) -> str:
        """Return the comparison with one of the values; with a single one the order of an index."""
        if len(values) == 1:
            self.values.append(values[0])
            return " = %s"
        self.values.append(list(values))
        return " = ANY(%s)"

    def _items(self, patterns: Sequence[PathPattern], more: str = "") -> str:
        """Return FROM and WHERE for items by ranges of their paths, byte by byte."""
        matched = []
        for pattern in patterns:
            ranges = " OR ".join(["i.path ~>=~ %s AND i.path ~<~ %s"] * len(pattern.ranges))
            self.values += [bound for span in pattern.ranges for bound in span]
            if pattern.expression:
                self.values.append(pattern.expression)
                matched.append(f"(({ranges}) AND i.path ~ %s)")
            else:
                matched.append(f"({ranges})")
        return f" FROM items i{more} WHERE {' OR '.join(matched)}"
