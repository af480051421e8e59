"""Disclose: chosen rows of one event, as its signer signed them (docs/spec/disclosure.md)."""

import re
from collections.abc import Collection, Iterable, Sequence
from dataclasses import dataclass
from typing import Any

from ledger.core.commitment import Row
from ledger.core.entries import Kind, decode_event
from ledger.core.errors import MalformedError, NotAnchoredError, NotFoundError
from ledger.core.identifiers import item_key
from ledger.core.item_names import asked_path
from ledger.core.jcs import canonical_json
from ledger.core.tiles import TileReader
from ledger.service.map_ports import MapReader
from ledger.service.proof_parts import head_part, open_evidence
from ledger.service.proof_ports import EventBody, ProofRow, ProofStore
from ledger.service.prove_event import OpenedEvent, is_deciding, named_item, open_event
from ledger.service.vault import Vault

FORMAT = "unbroken/disclosure/v1"
MEDIA_TYPE = "application/vnd.unbroken.disclosure+json"
# The largest index of a PostgreSQL bigint, which the log's are.
_MAX_INDEX = 2**63 - 1
_KIND = 4
_INDEX = re.compile(r"[0-9]{1,19}", re.ASCII)
_LEAF = re.compile(r"0x[0-9a-fA-F]{64}", re.ASCII)
# What an error names; an event of 20,000 members is no help in one line.
_MAX_NAMED = 12


@dataclass(slots=True)
class Discloser:
    """Makes disclosures at the greatest finally anchored head."""

    store: ProofStore
    vault: Vault
    tiles: TileReader
    maps: MapReader

    def disclose(self, event: str, fields: Collection[str], items: Collection[str]) -> bytes:
        """Return the chosen rows of an event, with those that decide its operation.

        Args:
            event: Its log index, eventID, or leaf hash (0x…).
            fields: Names of members, or JSON pointers (RFC 6901) of rows.
            items: Items that the event names, in any spelling.

        Raises:
            MalformedError: The event has no such field or names no such item, or an eventID is
                that of several.
            NotFoundError: There is no such event, or its content was erased.
            NotAnchoredError: No final anchor covers it yet.
        """
        index = self._find(event)
        row, body = self._logged(index)
        evidence = open_evidence(self.store, self.maps, self.tiles)
        if index >= evidence.head.size:
            raise NotAnchoredError(f"no final anchor covers entry {index} yet")
        opened = open_event(index, body, self.vault)
        if opened.is_erased():
            raise NotFoundError(
                f"the content of entry {index} was erased: nothing of it can be shown"
            )
        wanted, named = _chosen(opened, fields, items)
        facts = evidence.take_signers([decode_event(row.entry)])
        disclosure: dict[str, Any] = {
            "format": FORMAT,
            "head": head_part(evidence.head),
            "chains": evidence.chains_part(),
            "facts": evidence.facts_part(facts),
            "events": [evidence.proved(row) | _shown(opened, wanted, named)],
        }
        return canonical_json(disclosure)

    def _logged(self, index: int) -> tuple[ProofRow, EventBody]:
        rows = self.store.proof_rows([index])
        if not rows or rows[0].entry[_KIND] != Kind.EVENT:
            raise NotFoundError(f"entry {index} is no event")
        return rows[0], self.store.event_bodies([index])[index]

    def _find(self, event: str) -> int:
        if _INDEX.fullmatch(event):
            return min(int(event), _MAX_INDEX)
        if _LEAF.fullmatch(event):
            index = self.store.event_of_leaf(bytes.fromhex(event[2:]))
            if index is None:
                raise NotFoundError(f"no entry has the leaf hash {event}")
            return index
        indexes = self.store.events_of_id(event)
        if not indexes:
            raise NotFoundError(f"no event has the eventID {event!r}")
        if len(indexes) > 1:
            told = _listed(str(index) for index in indexes)
            raise MalformedError("event", f"is one of the entries {told}, named by index", event)
        return indexes[0]


def _shown(
    event: OpenedEvent, wanted: Collection[str], named: dict[tuple[bytes, int], str]
) -> dict[str, Any]:
    paths = {key: path for (key, _), path in named.items()}
    return {
        "rows": event.row_part(lambda row: row.pointer in wanted),
        "items": event.item_part(lambda key, role: (key, role) in named, paths.__getitem__),
    }


def _chosen(
    event: OpenedEvent, fields: Collection[str], items: Collection[str]
) -> tuple[set[str], dict[tuple[bytes, int], str]]:
    """Return the pointers of the rows to show, and the items that they name."""
    names = {row.pointer: named for row in event.rows if (named := named_item(row)) is not None}
    wanted = {row.pointer for row in event.rows if is_deciding(row)}
    for one in fields:
        wanted |= _of_field(event.rows, one)
    known = {key for key, _, _ in names.values()}
    for one in items:
        key = item_key(asked_path(one))
        if key not in known:
            raise MalformedError("item", "is named by the event", one)
        wanted |= {pointer for pointer, named in names.items() if named[0] == key}
    # A row that names an item goes with the item's own row: the verifier compares them.
    shown = [named for pointer, named in names.items() if pointer in wanted]
    return wanted, {(key, role): path for key, role, path in shown}


def _of_field(rows: Sequence[Row], name: str) -> set[str]:
    pointer = name if name.startswith("/") else "/" + name.replace("~", "~0").replace("/", "~1")
    found = {
        row.pointer for row in rows
        if row.pointer == pointer or row.pointer.startswith(f"{pointer}/")
    }  # fmt: skip
    if found:
        return found
    outer = next((row.pointer for row in rows if pointer.startswith(f"{row.pointer}/")), None)
    if outer is not None:
        raise MalformedError("field", f"is a row or a member; {outer} is shown whole or not", name)
    members = _listed(sorted({row.pointer.split("/", 2)[1] for row in rows}))
    raise MalformedError("field", f"is a member of the event ({members})", name)


def _listed(names: Iterable[str]) -> str:
    listed = list(names)
    more = f" and {len(listed) - _MAX_NAMED} more" if len(listed) > _MAX_NAMED else ""
    return ", ".join(listed[:_MAX_NAMED]) + more
