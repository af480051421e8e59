"""Rows and item rows of an event: docs/spec/event.md, sections "Rows" and "Item rows"."""

import hashlib
import hmac
from collections.abc import Mapping

import pytest

from ledger.core.commitment import (
    Commitment,
    ItemName,
    Row,
    commit,
    derive_event_secret,
    derive_items_secret,
    event_digest,
    event_rows,
    item_names,
    item_rows,
    item_salt,
    row_data,
    row_salt,
)
from ledger.core.entries import Z
from ledger.core.errors import MalformedError
from ledger.core.events import Event
from ledger.core.identifiers import item_key
from ledger.core.jcs import canonical_json
from ledger.core.strict_json import JsonValue
from tests.verifier.maker import CASE, PACK_A, PACK_B, leaf_hash, root_of

SECRET = bytes([8]) * 32
LOT = ("urn:epc:class:lgtin:4012345.011111.A", "/01/04012345111118/10/A")
SPLIT = [
    "epcList", "childEPCs", "inputEPCList", "outputEPCList",
    "quantityList", "childQuantityList", "inputQuantityList", "outputQuantityList",
    "bizTransactionList", "sourceList", "destinationList",
]  # fmt: skip


def pointers(event: Event) -> list[str]:
    return [row.pointer for row in event_rows(event)]


def named(event: Event) -> set[tuple[int, str]]:
    return {(item.role, item.path) for item in item_names(event)}


@pytest.mark.parametrize("name", SPLIT)
def test_a_list_has_a_row_for_each_element(name: str) -> None:
    event: Event = {name: ["x", {"b": 1, "a": 2.0}]}
    assert event_rows(event) == [
        Row(f"/{name}/0", b'"x"'),
        Row(f"/{name}/1", b'{"a":2,"b":1}'),
    ]


@pytest.mark.parametrize("name", SPLIT)
@pytest.mark.parametrize("value", [[], {}, {"a": 1}, "x", None], ids=range(5))
def test_a_list_without_elements_is_one_row(name: str, value: JsonValue) -> None:
    assert event_rows({name: value}) == [Row(f"/{name}", canonical_json(value))]


def test_any_other_member_is_one_row_however_deep() -> None:
    event: Event = {"persistentDisposition": {"set": ["a"]}, "sensorElementList": [{}, {}]}
    assert pointers(event) == ["/persistentDisposition", "/sensorElementList"]


@pytest.mark.parametrize(
    ("ilmd", "expected"),
    [
        ({"lot": "A", "b": {"c": []}}, [Row("/ilmd/b", b'{"c":[]}'), Row("/ilmd/lot", b'"A"')]),
        ({}, [Row("/ilmd", b"{}")]),
        ([], [Row("/ilmd", b"[]")]),
        ([{"lot": "A"}], [Row("/ilmd", b'[{"lot":"A"}]')]),
        (None, [Row("/ilmd", b"null")]),
    ],
    ids=range(5),
)
def test_ilmd_has_a_row_for_each_member(ilmd: JsonValue, expected: list[Row]) -> None:
    assert event_rows({"ilmd": ilmd}) == expected


def test_rows_stand_in_the_order_of_their_pointers_bytes() -> None:
    event: Event = {"epcList": [str(n) for n in range(12)], "epcList2": 0, "epc": 0, "Z": 0, "é": 0}
    assert pointers(event) == [
        "/Z",
        "/epc",
        "/epcList/0",
        "/epcList/1",
        "/epcList/10",
        "/epcList/11",
        *(f"/epcList/{n}" for n in range(2, 10)),
        "/epcList2",
        "/é",
    ]


def test_pointers_beyond_the_basic_plane_are_ordered_by_utf_8_not_utf_16() -> None:
    assert pointers({"\U00010000": 0, "\uffff": 0}) == ["/\uffff", "/\U00010000"]


def test_names_are_escaped_as_rfc_6901_says() -> None:
    event: Event = {"a/b": 0, "a~b": 0, "~1": 0, "": 0, "ilmd": {"c/d~": 0, "": 0}}
    assert pointers(event) == ["/", "/a~0b", "/a~1b", "/ilmd/", "/ilmd/c~1d~0", "/~01"]


def test_no_two_members_share_a_pointer() -> None:
    event: Event = {"ilmd/a": 0, "ilmd": {"a": 0}, "epcList/0": 0, "epcList": ["x"]}
    assert len(set(pointers(event))) == 4


def test_a_name_too_long_for_its_length_field_is_refused() -> None:
    assert commit({"a" * 0xFFFE: 0}, SECRET)
    with pytest.raises(MalformedError, match="65535"):
        commit({"a" * 0xFFFF: 0}, SECRET)


def test_secrets_and_salts_are_those_of_the_page() -> None:
    digest = event_digest({"b": 1, "a": 1.0})
    assert digest == hashlib.sha256(b'{"a":1,"b":1}').digest()
    label = b"unbroken/event/v1\0"
    assert derive_event_secret(SECRET, digest) == hmac.digest(SECRET, label + digest, "sha256")
    items_secret = hashlib.sha256(SECRET + b"unbroken/items/v1\0").digest()
    assert derive_items_secret(SECRET) == items_secret
    for index in (0, 1, 255, 256, 1 << 31):
        place = index.to_bytes(4, "big")
        salt = hashlib.sha256(SECRET + b"unbroken/rows/v1\0" + place).digest()[:16]
        assert row_salt(SECRET, index) == salt
        assert item_salt(items_secret, index) == hashlib.sha256(items_secret + place).digest()[:16]


def test_row_data_has_the_bytes_of_the_page() -> None:
    rows = [Row("/é", b'"x"'), Row("/z", b"{}")]
    assert row_data(rows, SECRET) == [
        b"URW1" + row_salt(SECRET, 0) + b"\0\x03/\xc3\xa9" + b'"x"',
        b"URW1" + row_salt(SECRET, 1) + b"\0\x02/z{}",
    ]


def test_equal_rows_have_different_leaves() -> None:
    assert len(set(row_data([Row("/a", b"1")] * 5, SECRET))) == 5


ROLES: dict[str, tuple[Event, set[tuple[int, str]]]] = {
    "epcList": ({"epcList": [PACK_A[0], PACK_B[0]]}, {(0, PACK_A[1]), (0, PACK_B[1])}),
    "parent and children": (
        {"parentID": CASE[0], "childEPCs": [PACK_A[0]]}, {(1, CASE[1]), (2, PACK_A[1])},
    ),
    "inputs and outputs": (
        {"inputEPCList": [PACK_A[0]], "outputEPCList": [PACK_B[0]]},
        {(3, PACK_A[1]), (4, PACK_B[1])},
    ),
    "one item in two roles": (
        {"inputEPCList": [PACK_A[0]], "outputEPCList": [PACK_A[0]]},
        {(3, PACK_A[1]), (4, PACK_A[1])},
    ),
    "classes": (
        {
            "quantityList": [{"epcClass": LOT[0], "quantity": 5}],
            "childQuantityList": [{"epcClass": LOT[0]}],
            "inputQuantityList": [{"epcClass": "urn:epc:idpat:sgtin:4012345.011111.*"}],
            "outputQuantityList": [{"epcClass": "urn:x:class"}],
        },
        {(5, LOT[1]), (5, "/01/04012345111118"), (5, "uri:urn:x:class")},
    ),
    "one item in two spellings": (
        {"epcList": [PACK_A[0], f"https://example.com{PACK_A[1]}", f"https://id.gs1.org{PACK_A[1]}"]},
        {(0, PACK_A[1])},
    ),
    "a lot beside a serial": (
        {"epcList": ["https://id.gs1.org/01/04012345111118/10/L/21/1"]}, {(0, PACK_A[1])},
    ),
    "nothing": ({"type": "ObjectEvent", "epcList": [], "quantityList": []}, set()),
    "what only looks like an item": (
        {"readPoint": {"id": CASE[0]}, "ilmd": {"epcList": [CASE[0]]}, "x:epcList": [CASE[0]],
         "bizTransactionList": [{"bizTransaction": CASE[0]}], "transformationID": CASE[0]},
        set(),
    ),
}  # fmt: skip


@pytest.mark.parametrize(("event", "expected"), ROLES.values(), ids=ROLES)
def test_these_members_name_items_and_no_others(
    event: Event, expected: set[tuple[int, str]]
) -> None:
    items = item_names(event)
    assert named(event) == expected
    assert len(items) == len(expected)
    assert all(item.item_key == item_key(item.path) for item in items)
    order = [(item.item_key, item.role) for item in items]
    assert order == sorted(order)


MISSHAPEN: dict[str, tuple[Event, str]] = {
    "a list that is none": ({"epcList": PACK_A[0]}, "epcList"),
    "a null list": ({"childEPCs": None}, "childEPCs"),
    "a number as item": ({"epcList": [PACK_A[0], 1]}, r"epcList\[1\]"),
    "a wrong check digit": (
        {"outputEPCList": ["https://id.gs1.org/01/04012345111119/21/1"]}, r"outputEPCList\[0\]",
    ),
    "a parent that is none": ({"parentID": None}, "parentID"),
    "a quantity that is no object": ({"quantityList": [LOT[0]]}, r"quantityList\[0\]"),
    "a quantity without a class": ({"quantityList": [{}]}, r"quantityList\[0\]\.epcClass"),
    "a class that is no text": (
        {"childQuantityList": [{"epcClass": 1}]}, r"childQuantityList\[0\]\.epcClass",
    ),
}  # fmt: skip


@pytest.mark.parametrize(("event", "field"), MISSHAPEN.values(), ids=MISSHAPEN)
def test_a_member_that_names_items_in_another_shape_is_refused(event: Event, field: str) -> None:
    with pytest.raises(MalformedError) as refused:
        item_names(event)
    assert str(refused.value).startswith(field.replace("\\", ""))


def expected_roots(made: Commitment, spends: Mapping[int, bytes]) -> tuple[bytes, bytes]:
    rows = [
        b"URW1" + row_salt(SECRET, i) + len(p.encode()).to_bytes(2, "big") + p.encode() + value
        for i, (p, value) in enumerate(made.rows)
    ]
    salts = derive_items_secret(SECRET)
    items = [
        b"UIR1" + item_salt(salts, i) + bytes([item.role]) + item.item_key + spends.get(i, Z)
        for i, item in enumerate(made.items)
    ]
    assert {len(row) for row in items} <= {85}
    assert items == item_rows(made.items, salts, spends)
    return root_of([leaf_hash(row) for row in rows]), root_of([leaf_hash(row) for row in items])


@pytest.mark.parametrize("spends", [{}, {1: bytes([5]) * 32}], ids=["none", "one"])
def test_both_roots_are_those_of_the_rows(spends: dict[int, bytes]) -> None:
    event: Event = {"type": "ObjectEvent", "epcList": [PACK_A[0], PACK_B[0], CASE[0]], "a": {}}
    made = commit(event, SECRET, spends)
    assert (made.event_root, made.items_root) == expected_roots(made, spends)


def test_an_event_without_items_has_the_zero_root() -> None:
    made = commit({"type": "ObjectEvent"}, SECRET)
    assert made.items == []
    assert made.items_root == Z


def test_a_commitment_hides_under_its_secret_and_binds_every_member() -> None:
    event: Event = {"type": "ObjectEvent", "epcList": [PACK_A[0]], "ilmd": {"lot": "A"}}
    roots = {commit(event, SECRET).event_root, commit(event, bytes(32)).event_root}
    for change in ({"ilmd": {"lot": "B"}}, {"ilmd": {"Lot": "A"}}, {"x": None}, {"ilmd": {}}):
        roots.add(commit({**event, **change}, SECRET).event_root)  # type: ignore[dict-item]
    assert len(roots) == 6


def test_item_names_sort_by_key_then_role() -> None:
    one, two = ItemName(b"a", 5, "/z"), ItemName(b"b", 0, "/a")
    assert sorted([two, one, ItemName(b"a", 1, "/z")]) == [ItemName(b"a", 1, "/z"), one, two]
