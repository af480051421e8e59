"""Custody steps from short stories and from scenario files: for tests only.

A story is one event a line, an hour apart: `[@HOUR] PARTY VERB ITEM… [> OWNER] [via POSSESSOR]
[in PARENT] [refers LINE]`. `declare LINE` repeats a line as an error declaration.
"""

import hashlib
import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import cast

from ledger.core import events
from ledger.core.commitment import event_digest, item_names
from ledger.core.custody.facts import EventFacts, event_facts
from ledger.core.custody.fold import Outcome, fold
from ledger.core.custody.ground import Ground, Place
from ledger.core.custody.packers import shipped_by_others
from ledger.core.custody.settings import parse_rule_settings
from ledger.core.custody.steps import Step
from ledger.core.entries import FLAG_ERROR_DECLARATION, FLAG_UNPACK_ALL, Op, Z
from ledger.core.identifiers import canonical_path, item_key, party_key, party_path
from ledger.core.strict_json import JsonValue

HOUR = 3_600_000
_LINE = re.compile(
    r"(?:@(?P<hour>\S+) )?(?P<party>\w+) (?P<verb>[\w-]+)(?P<items>(?: (?!via |in |refers )\w+)*)"
    r"(?: > (?P<owner>\w+))?(?: via (?P<possessor>\w+))?(?: in (?P<parent>\w+))?"
    r"(?: refers (?P<refers>\d+))?"
)
_VERBS = {
    "commission": (Op.COMMISSION, 0), "observe": (Op.OBSERVE, 0), "ship": (Op.HANDOFF, 0),
    "receive": (Op.RECEIVE, 0), "pack": (Op.PACK, 2), "unpack": (Op.UNPACK, 2),
    "unpack-all": (Op.UNPACK, 2), "consume": (Op.TRANSFORM, 3), "rework": (Op.TRANSFORM, 3),
    "produce": (Op.TRANSFORM, 4),
    "dispense": (Op.DISPENSE, 0), "destroy": (Op.DESTROY, 0), "void": (Op.VOID, 0),
    "decommission": (Op.DECOMMISSION, 0), "count": (Op.OBSERVE, 5), "ship-class": (Op.HANDOFF, 5),
    "ship-listed": (Op.HANDOFF, 2), "make": (Op.COMMISSION, 5), "use-class": (Op.DESTROY, 5),
    "void-class": (Op.VOID, 5),
}  # fmt: skip


def key(name: str) -> bytes:
    """Return 32 bytes that stand for an item or a party."""
    return hashlib.sha256(name.encode()).digest()


def story(*lines: str) -> list[list[Step]]:
    """Return the entries of a story, each as its steps; log index = line, from 0."""
    entries: list[list[Step]] = []
    for index, line in enumerate(lines):
        match = _LINE.fullmatch(line)
        assert match is not None, line
        part = match.groupdict()
        if part["verb"] == "declare":
            entries.append(_declaration(entries[int(part["items"])], index))
        else:
            entries.append(_entry(index, part, entries))
    return entries


def _entry(index: int, part: Mapping[str, str | None], entries: list[list[Step]]) -> list[Step]:
    verb = part["verb"] or ""
    op, role = _VERBS[verb]
    parents = (key(part["parent"]),) if part["parent"] else ()
    items = [(key(name), role) for name in (part["items"] or "").split()]
    if verb == "rework":
        items += [(item, 4) for item, _ in items]
    step = Step(
        log_index=index,
        leaf_hash=key(f"leaf {index}"),
        time_ms=round(float(part["hour"] or index) * HOUR),
        op=op,
        flags=FLAG_UNPACK_ALL if verb == "unpack-all" else 0,
        party=key(part["party"] or ""),
        to_owner=key(part["owner"]) if part["owner"] else Z,
        to_possessor=key(part["possessor"]) if part["possessor"] else Z,
        refers=entries[int(part["refers"])][0].leaf_hash if part["refers"] else Z,
        role=role,
        item=Z,
        parents=parents,
        lists_children=role == 2 and bool(items),
    )
    items += [(parent, 1) for parent in parents]
    return [replace(step, item=item, role=role) for item, role in items]


def _declaration(original: Sequence[Step], index: int) -> list[Step]:
    leaf = key(f"leaf {index}")
    return [
        replace(
            step, log_index=index, leaf_hash=leaf, op=Op.VOID, flags=FLAG_ERROR_DECLARATION,
            refers=Z,
        )
        for step in original
    ]  # fmt: skip


def histories(entries: Iterable[Sequence[Step]]) -> dict[bytes, list[Step]]:
    """Return the steps by item."""
    by_item: dict[bytes, list[Step]] = {}
    for entry in entries:
        for step in entry:
            by_item.setdefault(step.item, []).append(step)
    return by_item


def contents(steps: Mapping[bytes, Sequence[Step]]) -> dict[bytes, set[bytes]]:
    """Return whose goods are in the containers of which the fold must know it."""
    return {box: _parties(steps, box) for box in shipped_by_others(steps)}


def _parties(steps: Mapping[bytes, Sequence[Step]], box: bytes) -> set[bytes]:
    found: set[bytes] = set()
    waiting = [box]
    for parent in waiting:  # grows while it is read
        for child, history in steps.items():
            packed = any(one.op is Op.PACK and parent in one.parents for one in history)
            if packed and child not in waiting:
                waiting.append(child)
                for one in history:
                    if one.op in (Op.COMMISSION, Op.HANDOFF, Op.RECEIVE) or one.role == 4:
                        found |= {one.party, one.to_owner, one.to_possessor} - {Z}
    return found


def told(*lines: str, ground: Ground | None = None) -> Outcome:
    """Fold a story and answer for everything in it."""
    steps = histories(story(*lines))
    ground = replace(ground or Ground(), contents=contents(steps))
    return fold(steps, steps.keys(), ground=ground)


def raised(outcome: Outcome) -> dict[tuple[bytes, str], tuple[int, ...]]:
    """Return the evidence by (item, rule)."""
    return {(finding.item, finding.code.value): finding.evidence for finding in outcome.findings}


@dataclass(frozen=True, slots=True, kw_only=True)
class Scenario:
    """A scenario file, sequenced; `index_of` = log index by submission, replays share one."""

    entries: list[list[Step]]
    index_of: list[int]
    ground: Ground

    def fold(self) -> Outcome:
        """Fold everything and answer for everything."""
        steps = histories(self.entries)
        return fold(steps, steps.keys(), ground=replace(self.ground, contents=contents(steps)))

    def arriving(self, order: Iterable[int]) -> "Scenario":
        """Return the same submissions, sequenced in another order of arrival."""
        given = {old: new for new, old in enumerate(dict.fromkeys(self.index_of[i] for i in order))}
        entries = [
            [replace(step, log_index=given[old], facts=_renamed(step.facts, given)) for step in one]
            for old, one in enumerate(self.entries)
        ]
        index_of = [given[old] for old in self.index_of]
        return Scenario(entries=entries, index_of=index_of, ground=self.ground)


@dataclass(frozen=True, slots=True, kw_only=True)
class _Logged:
    party: bytes
    event: events.Event
    digest: bytes
    time_ms: int


def _renamed(facts: EventFacts | None, given: Mapping[int, int]) -> EventFacts | None:
    if facts is None or facts.original is None:
        return facts
    return replace(facts, original=given[facts.original])


def scenario_steps(scenario: Mapping[str, JsonValue]) -> Scenario:
    """Sequence the submissions of a scenario file in its order, each (party, event) once."""
    submissions = cast("list[dict[str, JsonValue]]", scenario["submissions"])
    seen: dict[tuple[bytes, bytes], int] = {}
    logged: list[_Logged] = []
    index_of = [0] * len(submissions)
    for position, submission in enumerate(submissions):
        gln = cast("str", submission["submitter"])
        party = party_key(party_path(f"https://id.gs1.org/417/{gln}"))
        event = cast("events.Event", submission["event"])
        digest = event_digest(event)
        if (party, digest) not in seen:
            seen[party, digest] = len(logged)
            time_ms = events.operation(event, party).time_ms
            logged.append(_Logged(party=party, event=event, digest=digest, time_ms=time_ms))
        index_of[position] = seen[party, digest]
    entries = [_event_steps(one, index, logged) for index, one in enumerate(logged)]
    last = max(one.time_ms for one in logged)
    return Scenario(entries=entries, index_of=index_of, ground=_ground(scenario, last))


def _ground(scenario: Mapping[str, JsonValue], last_ms: int) -> Ground:
    """Return what a file says beside its events: as_of a week later, where its sites are."""
    sites = cast("dict[str, dict[str, object]]", scenario["sites"])
    places = {
        canonical_path(cast("str", site["sgln"])): Place(
            cast("float", site["lat"]), cast("float", site["lon"])
        )
        for site in sites.values()
    }
    rules = cast("str", scenario.get("rules", ""))
    gtins = cast("dict[str, str]", scenario.get("products", {}))
    return Ground(
        as_of_ms=last_ms + round(cast("float", scenario.get("days_later", 7)) * 24 * HOUR),
        settings=parse_rule_settings(rules.encode()),
        places=places,
        products={item_of(epc): gtin for epc, gtin in gtins.items()},
    )


def _original(one: _Logged, logged: Sequence[_Logged]) -> int | None:
    """Return the index of the first event of one's eventID, if that has other content."""
    name = one.event.get("eventID")
    if name is None or "errorDeclaration" in one.event:
        return None
    named = [
        (other.time_ms, other.digest, index)
        for index, other in enumerate(logged)
        if other.event.get("eventID") == name and "errorDeclaration" not in other.event
    ]
    _, digest, index = min(named)
    return None if digest == one.digest else index


def _event_steps(logged: _Logged, index: int, everything: Sequence[_Logged]) -> list[Step]:
    meaning = events.operation(logged.event, logged.party)
    names = item_names(logged.event)
    facts = replace(event_facts(logged.event), original=_original(logged, everything))
    return [
        Step(
            log_index=index,
            leaf_hash=hashlib.sha256(logged.party + logged.digest).digest(),
            time_ms=meaning.time_ms,
            op=meaning.op,
            flags=meaning.flags,
            party=logged.party,
            to_owner=meaning.to_owner,
            to_possessor=meaning.to_possessor,
            refers=Z,
            role=name.role,
            item=name.item_key,
            parents=tuple(other.item_key for other in names if other.role == 1 and name.role != 1),
            lists_children=any(other.role == 2 for other in names),
            facts=facts,
        )
        for name in names
    ]


def item_of(identifier: str) -> bytes:
    """Return the key of an identifier in any spelling."""
    return item_key(canonical_path(identifier))
