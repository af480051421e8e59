"""What is packed into what, over all events of a document in the order of time: rings and depth."""

from collections.abc import Iterator, Sequence
from typing import Final

from ledger.core.epcis.codes import finding
from ledger.core.epcis.compared import find_time_ms
from ledger.core.epcis.document import Event
from ledger.core.epcis.finding import DocumentFinding
from ledger.core.epcis.rules import texts
from ledger.core.epcis.rules_identifiers import find_path
from ledger.core.events import MAX_NESTING

# Attack: a chain of thousands, walked at each link. A ring costs about its length; a document that
# comes to this many steps above the sixteenth level is flagged for its depth.
MAX_STEPS: Final = 2_000_000

_AGGREGATES: Final = ("AggregationEvent", "AssociationEvent")
# Stands for all children that are nobody's parent.
_CONTENTS: Final = ""
_MESSAGES: Final = {
    "HIERARCHY_CYCLE": "The parent is inside of this child already: a cycle.",
    "HIERARCHY_DEPTH_EXCEEDED": f"With this an item lies in more than {MAX_NESTING} containers;"
    " custody follows no deeper.",
}


def misnested(events: Sequence[Event], pointers: Sequence[str]) -> Iterator[DocumentFinding]:
    """Yield parents put into what they hold, and packings that nest too deep."""
    links = [
        i
        for i, event in enumerate(events)
        if event.get("type") in _AGGREGATES and isinstance(event.get("parentID"), str)
    ]
    parents = {str(events[i]["parentID"]) for i in links}
    if len(parents) < 2:  # noqa: PLR2004 -- a parent among its own children is the event's own fault
        return
    wanted = {find_path(parent) for parent in parents} - {None}
    tails = {_tail(parent) for parent in parents}
    packed = _Packed()
    for i in sorted(links, key=lambda i: (find_time_ms(events[i].get("eventTime")) or 0, i)):
        parent = find_path(str(events[i]["parentID"]))
        if parent is None:
            continue
        children = _children_of(events[i], tails, wanted)
        for code, path, value in packed.follow(events[i], parent, children):
            yield finding(code, pointers[i] + path, value, _MESSAGES[code], i)


class _Packed:
    """Who is in whom, among items that are parents somewhere; never a ring."""

    def __init__(self) -> None:
        self._holder: dict[str, str] = {}
        self._inside: dict[str, set[str]] = {}
        self._steps_up = self._steps_down = MAX_STEPS

    def follow(
        self, event: Event, parent: str, children: Iterator[tuple[str, str]]
    ) -> Iterator[tuple[str, str, str]]:
        """Keep up with an event; yield code, path and value of what is wrong with it."""
        if event.get("action") == "DELETE":
            self._unpack(event, parent, children)
            return
        above: set[str] | None = None
        deepest = refused = 0
        for path, child in children:
            item = find_path(child) or ""
            if self._inside.get(item):
                above = self._above(parent) if above is None else above
                if item in above:
                    refused += 1
                    yield "HIERARCHY_CYCLE", path, child
                    continue
            if event.get("action") == "ADD" and item != parent:
                deepest = max(deepest, self._height(item))
                self._put(item, parent)
        listed = event.get("childEPCs")
        if event.get("action") == "ADD" and isinstance(listed, list) and len(listed) > refused:
            self._inside.setdefault(parent, set()).add(_CONTENTS)
            depth = self._depth(parent)
            # Told where both halves were right: once, not at every level above and below.
            if max(depth, deepest) <= MAX_NESTING < depth + 1 + deepest:
                yield "HIERARCHY_DEPTH_EXCEEDED", "/parentID", str(event["parentID"])

    def _unpack(self, event: Event, parent: str, children: Iterator[tuple[str, str]]) -> None:
        for _, child in children:
            self._take_out(find_path(child) or "")
        if not event.get("childEPCs"):
            for item in self._inside.pop(parent, ()):
                self._holder.pop(item, None)

    def _put(self, item: str, parent: str) -> None:
        self._take_out(item)
        self._holder[item] = parent
        self._inside.setdefault(parent, set()).add(item)

    def _take_out(self, item: str) -> None:
        holder = self._holder.pop(item, None)
        if holder is not None:
            self._inside[holder].discard(item)

    def _depth(self, item: str) -> int:
        """Return how many containers an item is in, at most one more than custody follows."""
        depth, above = 0, self._holder.get(item)
        while above is not None and depth <= MAX_NESTING:
            depth, above = depth + 1, self._holder.get(above)
        return depth

    def _above(self, item: str) -> set[str]:
        found: set[str] = set()
        above = self._holder.get(item)
        while above is not None and (len(found) <= MAX_NESTING or self._steps_up > 0):
            self._steps_up -= len(found) > MAX_NESTING
            found.add(above)
            above = self._holder.get(above)
        return found

    def _height(self, item: str) -> int:
        """Return how many levels are in an item, at most one more than custody follows."""
        height, level = 0, self._inside.get(item, set())
        while level and height <= MAX_NESTING and self._steps_down > 0:
            self._steps_down -= len(level)
            height += 1
            level = {one for holder in level for one in self._inside.get(holder, ())}
        return height


def _children_of(
    event: Event, tails: set[str], wanted: set[str | None]
) -> Iterator[tuple[str, str]]:
    """Yield the children that are parents elsewhere: no other can be part of a cycle."""
    for path, child in texts(event, "childEPCs"):
        may_be = _tail(child) in tails or "%" in child or "sscc:" in child or "/00/" in child
        if may_be and find_path(child) in wanted:
            yield path, child


def _tail(identifier: str) -> str:
    """Return the last part, which URN and link of one serial share; an SSCC's do not."""
    return identifier[max(identifier.rfind("."), identifier.rfind("/")) + 1 :]
