"""What evidence shows of one event: rows, item rows and their paths (docs/spec/event.md)."""

import re
from collections.abc import Callable, Collection, Iterable, Sequence
from dataclasses import dataclass
from typing import Any

from ledger.core.commitment import (
    ItemName,
    Row,
    event_rows,
    item_rows,
    item_salt,
    row_data,
    row_salt,
)
from ledger.core.entries import EventEntry, Z
from ledger.core.errors import InvariantError, MalformedError
from ledger.core.identifiers import canonical_path, item_key, party_key, party_path
from ledger.core.merkle import Levels, leaf_hash
from ledger.core.strict_json import parse_json
from ledger.service.proof_ports import EventBody
from ledger.service.vault import Vault

# docs/spec/event.md: the rows that decide op, flags, time and recipients go along with any other.
DECIDING = frozenset(
    ["type", "action", "bizStep", "errorDeclaration", "eventTime", "sourceList", "destinationList"]
)
_ROLES = {"epcList": 0, "childEPCs": 2, "inputEPCList": 3, "outputEPCList": 4}
_QUANTITIES = frozenset(
    ["quantityList", "childQuantityList", "inputQuantityList", "outputQuantityList"]
)
_PARENT, _CLASS = 1, 5
_GS1 = "https://id.gs1.org"
_GLN = re.compile(r"[0-9]{13}", re.ASCII)
_PARTY = re.compile(r"[0-9a-f]{64}", re.ASCII)


@dataclass(frozen=True, slots=True)
class Viewer:
    """A party, who may see an entry that it submitted, that is its own, or that names it."""

    party: bytes

    def sees(self, entry: EventEntry) -> bool:
        """Tell whether the whole entry may be shown."""
        named = (entry.party, entry.on_behalf_of, entry.to_owner, entry.to_possessor)
        # Attack: zero stands for nobody in an entry, and is no party's eyes.
        return self.party != Z and self.party in named


def viewer_of(text: str) -> bytes:
    """Return the party that a viewer is: a GLN, its path, another identifier, or the key in hex.

    Raises:
        MalformedError: It claims one of these forms and breaks it.
    """
    if _PARTY.fullmatch(text):
        return bytes.fromhex(text)
    if _GLN.fullmatch(text):
        text = f"/417/{text}"
    try:
        path = party_path(f"{_GS1}{text}" if text[:1] == "/" else text.removeprefix("uri:"))
    except MalformedError as error:
        raise MalformedError("viewer", error.rule, text) from error
    return party_key(path)


@dataclass(frozen=True, slots=True)
class OpenedEvent:
    """One logged event, as far as it is kept, with the trees over its rows and items."""

    rows: Sequence[Row]
    items: Sequence[tuple[bytes, int]]
    _secret: bytes
    _body: EventBody

    def is_erased(self) -> bool:
        """Tell whether the content is gone."""
        return self._body.content is None

    def row_part(self, wanted: Callable[[Row], bool]) -> list[dict[str, Any]]:
        """Return the disclosure of the rows that are wanted."""
        if not self.rows:
            return []
        tree = _tree(row_data(self.rows, self._secret))
        return [
            {
                "index": i,
                "salt": row_salt(self._secret, i).hex(),
                "pointer": row.pointer,
                "value": row.value.decode(),
                "path": [node.hex() for node in tree.inclusion_proof(i)],
            }
            for i, row in enumerate(self.rows)
            if wanted(row)
        ]

    def item_part(
        self, wanted: Callable[[bytes, int], bool], path_of: Callable[[bytes], str]
    ) -> list[dict[str, Any]]:
        """Return the disclosure of the item rows that are wanted, by (item_key, role)."""
        secret, spends = self._body.items_secret, self._body.spends
        names = [ItemName(key, role, "") for key, role in self.items]
        tree = _tree(item_rows(names, secret, spends))
        part = []
        for i, (key, role) in enumerate(self.items):
            if not wanted(key, role):
                continue
            shown: dict[str, Any] = {
                "index": i,
                "salt": item_salt(secret, i).hex(),
                "role": role,
                "item": path_of(key),
                "path": [node.hex() for node in tree.inclusion_proof(i)],
            }
            if i in spends:
                shown["spends"] = spends[i].hex()
            part.append(shown)
        return part


def open_event(index: int, body: EventBody, vault: Vault) -> OpenedEvent:
    """Open what is stored of a logged event.

    Raises:
        InvariantError: Something else is stored, or it does not open.
    """
    if body.content is None or body.sealed_secret is None:
        return OpenedEvent((), body.items, b"", body)
    event = parse_json(body.content)
    if not isinstance(event, dict):
        raise InvariantError(f"event {index} is stored as something else")
    secret = vault.open(body.sealed_secret, body.event_digest)
    return OpenedEvent(event_rows(event), body.items, secret, body)


def is_deciding(row: Row) -> bool:
    """Tell whether a row decides what the entry says."""
    return _member(row) in DECIDING


def named_item(row: Row) -> tuple[bytes, int, str] | None:
    """Return item_key, role and path of the item that a row names, None when it names none."""
    member = _member(row)
    if row.pointer == "/parentID":
        role = _PARENT
    elif row.pointer.count("/") == 1:
        return None
    elif member in _QUANTITIES:
        role = _CLASS
    elif member in _ROLES:
        role = _ROLES[member]
    else:
        return None
    value = parse_json(row.value)
    path = canonical_path(str(value.get("epcClass") if isinstance(value, dict) else value))
    return item_key(path), role, path


def of_items(keys: Collection[bytes], *, whole: bool) -> Callable[[Row], bool]:
    """Return which rows show an event of a history.

    Args:
        keys: The item and its containers: other items are nobody's business.
        whole: Every row that names no item too; else those that decide the operation alone.
    """

    def wanted(row: Row) -> bool:
        named = named_item(row)
        if named is None:
            return whole or is_deciding(row)
        return named[0] in keys

    return wanted


def _member(row: Row) -> str:
    return row.pointer.split("/", 2)[1]


def _tree(data: Iterable[bytes]) -> Levels:
    tree = Levels()
    tree.extend([leaf_hash(one) for one in data])
    return tree
