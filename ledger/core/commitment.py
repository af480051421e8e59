"""Event commitment and item rows: what an entry's two roots stand for (docs/spec/event.md)."""

import hashlib
import hmac
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import NamedTuple

from ledger.core.entries import Z
from ledger.core.errors import MalformedError
from ledger.core.events import NAMING_MEMBERS, Event
from ledger.core.identifiers import canonical_path, item_key
from ledger.core.jcs import canonical_json
from ledger.core.merkle import leaf_hash, root_hash
from ledger.core.strict_json import JsonValue

SECRET_LENGTH = 32
SALT_LENGTH = 16
# The pointer length is a u16; a document of ours never comes near it.
MAX_POINTER = 0xFFFF
# Attack: these rows go into the evidence of every item that the event names, anybody's too.
MAX_OTHER_BYTES = 256 * 1024
_PER_ELEMENT = (
    "epcList", "childEPCs", "inputEPCList", "outputEPCList", "quantityList", "childQuantityList",
    "inputQuantityList", "outputQuantityList", "bizTransactionList", "sourceList",
    "destinationList",
)  # fmt: skip
_EPC_LISTS = (("epcList", 0), ("childEPCs", 2), ("inputEPCList", 3), ("outputEPCList", 4))
_QUANTITY_LISTS = ("quantityList", "childQuantityList", "inputQuantityList", "outputQuantityList")
ROLE_OBJECT, ROLE_PARENT, ROLE_CHILD, ROLE_OUTPUT, ROLE_CLASS = 0, 1, 2, 4, 5
_ROWS_LABEL = b"unbroken/rows/v1\0"
_sha256 = hashlib.sha256


class Row(NamedTuple):
    """One disclosed or committed row of an event: an RFC 6901 pointer and its JCS value."""

    pointer: str
    value: bytes


class ItemName(NamedTuple):
    """An item as an event names it; ordered by (item_key, role)."""

    item_key: bytes
    role: int
    path: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Commitment:
    """Rows and items of one event with the roots over them."""

    rows: list[Row]
    event_root: bytes
    items: list[ItemName]
    items_root: bytes


def event_digest(event: Event) -> bytes:
    """Return H(JCS(E)): with the party, the idempotency key of an event."""
    return content_digest(canonical_json(event))


def content_digest(content: bytes) -> bytes:
    """Return the event digest of JCS(E)."""
    return _sha256(content).digest()


def derive_event_secret(party_secret: bytes, digest: bytes) -> bytes:
    """Return the event secret; deterministic, so that a retry has the same bytes."""
    return hmac.digest(party_secret, b"unbroken/event/v1\0" + digest, "sha256")


def derive_items_secret(event_secret: bytes) -> bytes:
    """Return the secret from which the salts of item rows come."""
    return _sha256(event_secret + b"unbroken/items/v1\0").digest()


def commit(
    event: Event, event_secret: bytes, spends: Mapping[int, bytes] | None = None
) -> Commitment:
    """Return rows, items and both roots of an event.

    Args:
        event: E of docs/spec/event.md.
        event_secret: 32 bytes.
        spends: Token by item-row index; none where absent.

    Raises:
        MalformedError: An identifier or a list has a wrong shape.
    """
    rows, items = event_rows(event), item_names(event)
    return Commitment(
        rows=rows,
        event_root=root_hash([leaf_hash(data) for data in row_data(rows, event_secret)]),
        items=items,
        items_root=items_root(items, derive_items_secret(event_secret), spends or {}),
    )


def event_rows(event: Event) -> list[Row]:
    """Return the rows of an event in order of their pointers' bytes.

    Raises:
        MalformedError: The rows that name no item are longer than evidence may carry.
    """
    rows: list[Row] = []
    for name, value in event.items():
        if name in _PER_ELEMENT and isinstance(value, list) and value:
            rows += [Row(f"/{name}/{i}", canonical_json(v)) for i, v in enumerate(value)]
        elif name == "ilmd" and isinstance(value, dict) and value:
            rows += [Row(f"/ilmd/{_escape(k)}", canonical_json(v)) for k, v in value.items()]
        else:
            rows.append(Row(f"/{_escape(name)}", canonical_json(value)))
    other = sum(len(r.value) for r in rows if r.pointer.split("/", 2)[1] not in NAMING_MEMBERS)
    if other > MAX_OTHER_BYTES:
        raise MalformedError("event", f"at most {MAX_OTHER_BYTES} bytes that name no item", other)
    rows.sort()  # by code points, which sort as their UTF-8 bytes do
    return rows


def _escape(name: str) -> str:
    return name.replace("~", "~0").replace("/", "~1")


def row_data(rows: Sequence[Row], event_secret: bytes) -> list[bytes]:
    """Return the leaf data of the event tree.

    Raises:
        MalformedError: A pointer is longer than its length field can say.
    """
    seed = event_secret + _ROWS_LABEL
    data = []
    for index, (pointer, value) in enumerate(rows):
        name = pointer.encode()
        if len(name) > MAX_POINTER:
            raise MalformedError("event", f"member names have at most {MAX_POINTER} bytes")
        data.append(b"URW1" + _salt(seed, index) + len(name).to_bytes(2, "big") + name + value)
    return data


def row_salt(event_secret: bytes, index: int) -> bytes:
    """Return the 16-byte salt of event row index."""
    return _salt(event_secret + _ROWS_LABEL, index)


def _salt(seed: bytes, index: int) -> bytes:
    return _sha256(seed + index.to_bytes(4, "big")).digest()[:SALT_LENGTH]


def item_names(event: Event) -> list[ItemName]:
    """Return the items that an event names, ordered, duplicates collapsed.

    Raises:
        MalformedError: A list, a quantity element or an identifier has a wrong shape.
    """
    named: set[ItemName] = set()
    for member, role in _EPC_LISTS:
        for i, identifier in enumerate(_list(event, member)):
            named.add(_name(f"{member}[{i}]", identifier, role))
    if "parentID" in event:
        named.add(_name("parentID", event["parentID"], ROLE_PARENT))
    for member in _QUANTITY_LISTS:
        for i, element in enumerate(_list(event, member)):
            if not isinstance(element, dict):
                raise MalformedError(f"{member}[{i}]", "is an object with epcClass")
            named.add(_name(f"{member}[{i}].epcClass", element.get("epcClass"), ROLE_CLASS))
    return sorted(named)


def _list(event: Event, member: str) -> list[JsonValue]:
    if member not in event:
        return []
    value = event[member]
    if not isinstance(value, list):
        raise MalformedError(member, "is a list", value)
    return value


def _name(field: str, identifier: JsonValue, role: int) -> ItemName:
    if not isinstance(identifier, str):
        raise MalformedError(field, "is an identifier", identifier)
    try:
        path = canonical_path(identifier)
    except MalformedError as error:
        raise MalformedError(field, error.rule, identifier) from error
    return ItemName(item_key(path), role, path)


def item_rows(
    items: Sequence[ItemName], items_secret: bytes, spends: Mapping[int, bytes]
) -> list[bytes]:
    """Return the 85-byte leaf data of the item tree."""
    return [
        b"UIR1" + _salt(items_secret, i) + bytes((item.role,)) + item.item_key + spends.get(i, Z)
        for i, item in enumerate(items)
    ]


def items_root(
    items: Sequence[ItemName], items_secret: bytes, spends: Mapping[int, bytes]
) -> bytes:
    """Return the root over the item rows; Z when there are none."""
    if not items:
        return Z
    return root_hash([leaf_hash(row) for row in item_rows(items, items_secret, spends)])


def item_salt(items_secret: bytes, index: int) -> bytes:
    """Return the 16-byte salt of item row index."""
    return _salt(items_secret, index)
