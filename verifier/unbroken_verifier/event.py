"""docs/spec/event.md: rows and item rows, and what the disclosed ones may say.

A bundle withholds rows. What stands where is still visible: pointers increase with the index, so
a gap between two disclosed rows can hide only pointers that sort between them.
"""

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from unbroken_verifier.canonical import JsonValue
from unbroken_verifier.errors import RefusedError
from unbroken_verifier.identifiers import canonical_path

PARENT, CHILD, QUANTITY_CLASS = 1, 2, 5
LAST_SPENDING_ROLE = CHILD  # docs/spec/event.md: tokens stand in roles 0 to 2
ROLES = {"epcList": 0, "childEPCs": CHILD, "inputEPCList": 3, "outputEPCList": 4}
QUANTITIES = {
    "quantityList",
    "childQuantityList",
    "inputQuantityList",
    "outputQuantityList",
}
NAMING_LISTS = ROLES.keys() | QUANTITIES
SPLIT_LISTS = NAMING_LISTS | {"bizTransactionList", "sourceList", "destinationList"}
DECIDING = ("/type", "/action", "/bizStep", "/errorDeclaration", "/eventTime")
DECIDING_LISTS = ("sourceList", "destinationList")
ARRAYS = NAMING_LISTS | {"destinationList"}  # what the op and the item rows are made from
CHILD_LISTS = ("childEPCs", "childQuantityList")
POINTER = re.compile(r"/(?P<name>(?:[^/~]|~[01])*)(?:/(?P<part>(?:[^/~]|~[01])*))?", re.DOTALL)
PLACE = re.compile(r"0|[1-9][0-9]*")
END = b"\xff"  # sorts behind every UTF-8 text


@dataclass(frozen=True, slots=True, kw_only=True)
class Gap:
    """Withheld rows, and the pointers (UTF-8) between which they must sort."""

    after: bytes
    before: bytes

    def may_hold(self, pointer: str) -> bool:
        """The very pointer fits."""
        return self.after < pointer.encode() < self.before

    def may_hold_element(self, name: str) -> bool:
        """Some pointer /name/0, /name/1, … fits (a little generous between two of them)."""
        return self.after < f"/{name}/:".encode() and f"/{name}/0".encode() < self.before


def row_bytes(salt: bytes, pointer: str, value: str) -> bytes:
    """Leaf data of a row."""
    name = pointer.encode()
    return b"URW1" + salt + len(name).to_bytes(2, "big") + name + value.encode()


def item_row_bytes(salt: bytes, role: int, item_key: bytes, spends: bytes) -> bytes:
    """Leaf data of an item row, 85 bytes."""
    return b"UIR1" + salt + bytes([role]) + item_key + spends


def gaps(placed: Iterable[tuple[int, str]], count: int) -> list[Gap]:
    """Where rows are withheld, from the (index, pointer) of the disclosed ones, in order."""
    found = []
    expected, after = 0, b""
    for index, pointer in [*placed, (count, None)]:
        before = END if pointer is None else pointer.encode()
        if index > expected:
            found.append(Gap(after=after, before=before))
        expected, after = index + 1, before
    return found


def verify_pointer(pointer: str, value: JsonValue) -> None:
    """The pointer is one that "Rows" of the page makes, and its value was not to be split.

    Attack: a whole `epcList` in one row would name items that no item row carries.

    Raises:
        RefusedError: it is not.
    """
    match = POINTER.fullmatch(pointer)
    if match is None:
        raise RefusedError(f"pointer {pointer[:80]!r} is no RFC 6901 pointer of a row")
    name, part = match["name"], match["part"]
    if part is None:
        if (name in SPLIT_LISTS and isinstance(value, list) and value) or (
            name == "ilmd" and isinstance(value, dict) and value
        ):
            raise RefusedError(f"row {pointer} holds what must be several rows")
        if name in ARRAYS and not isinstance(value, list):
            raise RefusedError(f"row {pointer} is no array")
    elif not (name == "ilmd" or (name in SPLIT_LISTS and PLACE.fullmatch(part))):
        raise RefusedError(f"pointer {pointer[:80]!r} is deeper than a row's")


def may_withhold_decisive(rows: Iterable[str], withheld: Iterable[Gap]) -> bool:
    """Whether a gap can hide a row that decides the operation.

    Only an audit of all rows can find one; the signer signed the operation all the same.

    Args:
        rows: pointers of the disclosed rows.
        withheld: where others are.
    """
    missing = [pointer for pointer in DECIDING if pointer not in rows]
    return any(
        any(map(gap.may_hold, missing)) or any(map(gap.may_hold_element, DECIDING_LISTS))
        for gap in withheld
    )


def lists_children(rows: Iterable[str], withheld: Iterable[Gap]) -> bool | None:
    """Whether an aggregation lists children; None when withheld rows may or may not be some."""
    starts = tuple(f"/{name}/" for name in CHILD_LISTS)
    if any(pointer.startswith(starts) for pointer in rows):
        return True
    if any(gap.may_hold_element(name) for gap in withheld for name in CHILD_LISTS):
        return None
    return False


def named_items(rows: Mapping[str, JsonValue]) -> set[tuple[int, str]]:
    """(role, canonical path) of every item that disclosed rows name.

    Raises:
        RefusedError: an identifier is malformed or no text.
    """
    named = set()
    for pointer, value in rows.items():
        name, _, part = pointer[1:].partition("/")
        if pointer == "/parentID":
            named.add((PARENT, _path(pointer, value)))
        elif part and name in ROLES:
            named.add((ROLES[name], _path(pointer, value)))
        elif part and name in QUANTITIES:
            if not isinstance(value, dict) or "epcClass" not in value:
                raise RefusedError(f"{pointer} names no class")
            named.add((QUANTITY_CLASS, _path(pointer, value["epcClass"])))
    return named


def _path(pointer: str, value: JsonValue) -> str:
    if not isinstance(value, str):
        raise RefusedError(f"{pointer} is no identifier")
    return canonical_path(value)
