"""The custody part of an audit: everything derived is what log and rules give.

States, stays and findings are made again from steps and facts, facts from contents, coordinates
from documents. What is erased is gone from both sides.
"""

from collections.abc import Callable, Iterator
from dataclasses import dataclass, field, replace

import orjson

from ledger.core.audit_signatures import Failure
from ledger.core.custody.facts import EventFacts, event_facts
from ledger.core.custody.findings import Rule
from ledger.core.custody.settings import RuleSettings
from ledger.core.epcis.compared import field as kept_field
from ledger.service.audit_ports import AuditStore, OpenStore, Row
from ledger.service.custody_evaluation import Evaluated, evaluate, evaluate_class
from ledger.service.custody_ports import CustodyAuditStore
from ledger.service.finding_changes import as_stored
from ledger.service.integrate_custody import CONTENTS, read_coordinates

# Items folded at once: bounds memory; containers of a chunk are read once for all its items.
ITEMS = 1_000
# Items are shared out among processes by the first byte of their keys.
FIRST_BYTES = 256
_OF_CLASSES = Rule.OVER_SHIPMENT.value


@dataclass(slots=True)
class CustodyReport:
    """What one slice of the items gave."""

    items: int = 0
    failures: list[Failure] = field(default_factory=list)


def audit_custody(
    open_store: OpenStore, snapshot: str, size: int, first: int, end: int, rules: RuleSettings
) -> CustodyReport:
    """Fold every item whose key begins with a byte from first to before end, and compare."""
    report = CustodyReport()
    after, below = bytes([first]), bytes([end]) if end < FIRST_BYTES else None
    with open_store(snapshot) as store:
        custody = store.custody_audit()
        as_of_ms = custody.clock_before(size)
        while keys := store.item_keys(after, below, size, ITEMS):
            report.items += len(keys)
            _compare(custody, keys, evaluate(custody, keys, size, as_of_ms, rules), report)
            after = keys[-1]
    return report


def _compare(
    custody: CustodyAuditStore, keys: list[bytes], made: Evaluated, report: CustodyReport
) -> None:
    stored = custody.stored(keys)
    found = {one for one in stored.findings if one.code != _OF_CLASSES}
    for check, left, right in (
        ("custody", _states(made), stored.states),
        ("custody", set(made.stays), stored.stays),
        ("findings", set(map(as_stored, made.findings)), found),
    ):
        report.failures += [
            Failure(check, None, f"the replay of item {item.hex()} gives something else")
            for item in sorted({row[0] for row in left ^ right})
        ]


def _states(made: Evaluated) -> set[Row]:
    return {
        (
            key, s.status.value, s.holder, s.shipped_to, s.container, s.last_index, s.last_time,
            s.condition or None, made.due.get(key),
        )
        for key, s in made.states.items()
    }  # fmt: skip


def audit_facts(open_store: OpenStore, snapshot: str, start: int, end: int) -> list[Failure]:
    """Read the contents of events [start, end) again, and compare what they say."""
    with open_store(snapshot) as store:
        custody = store.custody_audit()
        return [
            Failure("custody", index, "its content says something else than is kept of it")
            for begin in range(start, end, CONTENTS)
            for index in _wrong_facts(custody, begin, min(begin + CONTENTS, end))
        ]


def _wrong_facts(custody: CustodyAuditStore, start: int, end: int) -> Iterator[int]:
    stored = custody.stored_facts(start, end)
    made = {
        index: event_facts(orjson.loads(content)) for index, content in custody.contents(start, end)
    }
    for index in sorted({*made, *stored.facts, *stored.quantities}):
        facts = made.get(index)
        said = None if facts is None else _kept(facts)
        quantities = {} if facts is None else dict(facts.quantities)
        if said != stored.facts.get(index) or quantities != stored.quantities.get(index, {}):
            yield index


def _kept(facts: EventFacts) -> EventFacts:
    return replace(
        facts,
        step=kept_field(facts.step),
        disposition=kept_field(facts.disposition),
        place=kept_field(facts.place),
        lot=kept_field(facts.lot),
        quantities={},
    )


def audit_custody_whole(
    store: AuditStore, size: int, rules: RuleSettings, fail: Callable[[str, int | None, str], None]
) -> None:
    """Check what no slice of the items shows: classes, coordinates, strays, and what lags."""
    custody = store.custody_audit()
    as_of_ms = custody.clock_before(size)
    progress = custody.custody_progress()
    if progress.rules_digest != rules.digest():
        fail("findings", None, "made by other rules than those of the audit (UNBROKEN_RULES)")
    waiting = custody.lagging(as_of_ms)
    if waiting or progress.revised_to is not None or progress.facts_to != size:
        fail("findings", size, f"are not made to the end: {waiting} items wait, audit again later")
    for what in custody.strays():
        fail("custody", None, f"a {what}, which no entry names")
    for index in custody.wrong_originals():
        fail("custody", index, "the event that had its eventID first is another")
    for item in custody.wrong_episodes():
        fail("findings", None, f"what is open of item {item} has another history")
    if _places(custody, size) != custody.stored_places():
        fail("custody", None, "coordinates are not those that documents told first")
    _classes(custody, size, as_of_ms, rules, fail)


def _places(custody: CustodyAuditStore, size: int) -> dict[str, tuple[float, float]]:
    found: dict[str, tuple[int, tuple[float, float]]] = {}
    for start in range(0, size, CONTENTS):
        for submission, raw in custody.documents(start, min(start + CONTENTS, size)):
            for path, at in read_coordinates(raw).items():
                found[path] = min(found.get(path, (submission, at)), (submission, at))
    return {path: at for path, (_, at) in found.items()}


def _classes(
    custody: CustodyAuditStore, size: int, as_of_ms: int, rules: RuleSettings,
    fail: Callable[[str, int | None, str], None],
) -> None:  # fmt: skip
    after = b""
    while keys := custody.class_keys(after, size, ITEMS):
        stored = custody.stored(keys).findings
        found = {one for one in stored if one.code == _OF_CLASSES}
        made = {
            as_stored(one)
            for key in keys
            for one in evaluate_class(custody, key, size, as_of_ms, rules)[1]
        }
        for key in sorted({one.item for one in made ^ found}):
            fail("findings", None, f"the replay of class {key.hex()} gives something else")
        after = keys[-1]
