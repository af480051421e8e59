"""Whatever is bent in the map, its pages or a head's claim: a rebuilt one shows it."""

from contextlib import AbstractContextManager

import pytest
from sqlalchemy import text

from ledger.service.audit_map import audit_map_part, join_map_parts
from ledger.service.audit_ports import AuditStore
from ledger.store.audit_store import open_audit_store
from tests.fault.plant import Plant, Process
from tests.fault.test_item_map import round_of


def failures(plant: Plant) -> list[tuple[int | None, str]]:
    """(where, sentence) of what a rebuilt map and the stored one differ in."""

    def open_store(snapshot: str | None) -> AbstractContextManager[AuditStore]:
        return open_audit_store(plant.database_url, snapshot)

    with open_store(None) as store:
        snapshot = store.snapshot()
        parts = [audit_map_part(open_store, snapshot, slot) for slot in range(16)]
        found = join_map_parts(store.item_map(), parts)
    assert {one.check for one in found} <= {"map"}
    return [(one.at, one.detail) for one in found]


@pytest.fixture
def grown(plant: Plant) -> Plant:
    """A log with five heads, none of them anchored."""
    process = Process(plant)
    for at_ms in range(1, 6):
        round_of(process, plant, at_ms)
    process.end()
    return plant


def bend(plant: Plant, *statements: str) -> None:
    process = Process(plant)
    with process.engine.begin() as connection:
        connection.execute(text("SET LOCAL session_replication_role = replica"))
        for statement in statements:
            assert connection.execute(text(statement)).rowcount > 0
    process.end()


def test_a_sound_map_has_no_failures(grown: Plant) -> None:
    assert failures(grown) == []


_FLIP = "set_byte(page, octet_length(page) - 1, get_byte(page, octet_length(page) - 1) # 1)"
_OLDEST = "(SELECT min(size) FROM heads)"
BENT = {
    "a head with another map root": (
        "UPDATE heads SET map_root = sha256('x') WHERE size = OLDEST",
        "map root is not that",
    ),
    "a head that denies the map": (
        (
            "UPDATE heads SET map_root = decode(repeat('00', 32), 'hex')"
            " WHERE size = (SELECT max(size) FROM heads)"
        ),
        "map root is not that",
    ),
    "a bucket of today": (
        (
            "UPDATE map_pages SET page = FLIP WHERE prefix <> '' AND size ="
            " (SELECT max(size) FROM map_pages)"
        ),
        "is not that of the entries",
    ),
    "a bucket of an older head": (
        (
            "UPDATE map_pages SET page = FLIP WHERE prefix <> '' AND (prefix, size) IN"
            " (SELECT prefix, size FROM map_superseded WHERE size = OLDEST LIMIT 1)"
        ),
        "is not that of the entries",
    ),
    "the root page": (
        "UPDATE map_pages SET page = FLIP WHERE prefix = ''",
        "the root page is not",
    ),
    "a page that is lost": (
        "DELETE FROM map_pages WHERE prefix <> ''",
        "is not that of the entries",
    ),
    "a page of nothing": (
        "INSERT INTO map_pages SELECT '\\x0a0b0c', max(size), '\\x00' FROM map_pages",
        "is not that of the entries",
    ),
    "a step of a party that is lost": ("DELETE FROM map_steps", "by facts are not those"),
    "the number of keys": ("UPDATE map_state SET map_keys = map_keys + 1", "number of keys"),
    "an item row less": (
        "DELETE FROM item_rows WHERE log_index = (SELECT max(log_index) FROM item_rows)",
        "is not that of the entries",
    ),
    "an entry changed": (
        (
            "UPDATE log_entries SET entry = set_byte(entry, 20, get_byte(entry, 20) # 1)"
            " WHERE kind = 1"
        ),
        "map root is not that",
    ),
}


@pytest.mark.parametrize("name", BENT)
def test_what_is_bent_is_named(grown: Plant, name: str) -> None:
    statement, sentence = BENT[name]
    bend(grown, statement.replace("FLIP", _FLIP).replace("OLDEST", _OLDEST))
    assert any(sentence in detail for _, detail in failures(grown))
