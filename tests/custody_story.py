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
from ledger.core.custody.fold import Outcome, fold
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
    "unpack-all": (Op.UNPACK, 2), "consume": (Op.TRANSFORM, 3), "produce": (Op.TRANSFORM, 4),
    "dispense": (Op.DISPENSE, 0), "destroy": (Op.DESTROY, 0), "void": (Op.VOID, 0),
    "decommission": (Op.DECOMMISSION, 0), "count": (Op.OBSERVE, 5), "ship-class": (Op.HANDOFF, 5),
    "ship-listed": (Op.HANDOFF, 2),
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


def told(*lines: str) -> Outcome:
    """Fold a story and answer for everything in it."""
    steps = histories(story(*lines))
    return fold(steps, steps.keys())


def raised(outcome: Outcome) -> dict[tuple[bytes, str], tuple[int, ...]]:
    """Return the evidence by (item, rule)."""
    return {(finding.item, finding.code.value): finding.evidence for finding in outcome.findings}


@dataclass(frozen=True, slots=True, kw_only=True)
class Scenario:
    """A scenario file as steps; `index_of` = log index by submission, replays share one."""

    steps: dict[bytes, list[Step]]
    index_of: list[int]


def scenario_steps(scenario: Mapping[str, JsonValue]) -> Scenario:
    """Sequence the submissions of a scenario file, each (party, event) once."""
    seen: dict[tuple[bytes, bytes], int] = {}
    entries: list[list[Step]] = []
    index_of = []
    for submission in cast("list[dict[str, JsonValue]]", scenario["submissions"]):
        gln = cast("str", submission["submitter"])
        party = party_key(party_path(f"https://id.gs1.org/417/{gln}"))
        event = cast("events.Event", submission["event"])
        known = (party, event_digest(event))
        if known not in seen:
            seen[known] = len(entries)
            entries.append(_event_steps(event, party, len(entries)))
        index_of.append(seen[known])
    return Scenario(steps=histories(entries), index_of=index_of)


def _event_steps(event: events.Event, party: bytes, index: int) -> list[Step]:
    meaning = events.operation(event, party)
    names = item_names(event)
    return [
        Step(
            log_index=index,
            leaf_hash=key(f"leaf {index}"),
            time_ms=meaning.time_ms,
            op=meaning.op,
            flags=meaning.flags,
            party=party,
            to_owner=meaning.to_owner,
            to_possessor=meaning.to_possessor,
            refers=Z,
            role=name.role,
            item=name.item_key,
            parents=tuple(other.item_key for other in names if other.role == 1),
            lists_children=any(other.role == 2 for other in names),
        )
        for name in names
    ]


def item_of(identifier: str) -> bytes:
    """Return the key of an identifier in any spelling."""
    return item_key(canonical_path(identifier))
