"""The outbox of feeds: what is told is committed with the change that it tells of, or not at all.

Without a feed nothing is written. Ids are given under a lock that lasts until the commit, so that
whoever has read up to an id has missed none below it.
"""

from collections.abc import Sequence
from typing import Any

import orjson
from sqlalchemy import Connection, text

from ledger.core.custody.findings import Finding
from ledger.core.times import format_time

_HAS_FEEDS = text("SELECT EXISTS (SELECT 1 FROM subscriptions WHERE kind = 'feed')")
# Arbitrary; held from the first id of a transaction to its commit.
_LOCK = text("SELECT pg_advisory_xact_lock(7956010112)")
_ADD = text("INSERT INTO notifications (type, data) VALUES (:type, :data)")
_PATHS = text("SELECT item_key, path FROM items WHERE item_key = ANY(:keys)")
_ANCHOR = text("""
    SELECT size, chain_id, tx_hash, state, block_number, block_hash FROM anchors
    WHERE id = :id FOR UPDATE
""")
_IN_A_BLOCK = ("mined", "safe", "final")


def announce_findings(
    connection: Connection, before: Sequence[Any], found: Sequence[Finding]
) -> None:
    """Tell of findings that opened, changed or closed; `before` are the rows that were replaced."""
    old = {(row.item_key, row.code): _of_row(row) for row in before}
    new = {(one.item, one.code.value): _of_finding(one) for one in found}
    # Nearly always nothing: an item that moves rightly has no findings before and after.
    changed = [key for key in sorted({*old, *new}) if old.get(key) != new.get(key)]
    if not changed or not _has_feeds(connection):
        return
    keys = list({item for item, _ in changed})
    paths = {row.item_key: row.path for row in connection.execute(_PATHS, {"keys": keys})}
    clock_ms = connection.execute(text("SELECT clock_ms FROM log_state")).scalar_one()
    _add(
        connection,
        [
            _message(
                "finding."
                + ("opened" if key not in old else "changed" if key in new else "closed"),
                clock_ms,
                {"item": paths[key[0]], "item_key": key[0].hex(), **(new.get(key) or old[key])},
            )
            for key in changed
        ],
    )


def announce_anchor(
    connection: Connection, anchor_id: int, state: str, block: tuple[int, bytes] | None, at_ms: int
) -> None:
    """Tell of an anchor that is about to be mined, in another block than before, or final.

    The worker may see a block for the first time when it is final: that it was mined is told too.
    """
    if state not in _IN_A_BLOCK or block is None or not _has_feeds(connection):
        return
    row = connection.execute(_ANCHOR, {"id": anchor_id}).one_or_none()
    if row is None:
        return
    is_same_block = (row.block_number, row.block_hash) == block
    kinds = [] if is_same_block else ["mined"]
    if state == "final" and not (is_same_block and row.state == "final"):
        kinds.append("final")
    data = {
        "size": row.size, "chain_id": row.chain_id, "tx_hash": f"0x{row.tx_hash.hex()}",
        "block_number": block[0], "block_hash": f"0x{block[1].hex()}",
    }  # fmt: skip
    if kinds:
        _add(connection, [_message(f"anchor.{kind}", at_ms, data) for kind in kinds])


def _has_feeds(connection: Connection) -> bool:
    return bool(connection.execute(_HAS_FEEDS).scalar_one())


def _add(connection: Connection, messages: list[dict[str, Any]]) -> None:
    connection.execute(_LOCK)
    connection.execute(_ADD, messages)


def _message(kind: str, time_ms: int, data: dict[str, Any]) -> dict[str, Any]:
    """Return a row: the body that Standard Webhooks asks for, made once."""
    body = {"type": kind, "timestamp": format_time(time_ms), "data": data}
    return {"type": kind, "data": orjson.dumps(body)}


def _of_row(row: Any) -> dict[str, Any]:  # noqa: ANN401 -- a row of findings
    return {
        "code": row.code, "severity": row.severity, "class": row.finding_class,
        "evidence": list(row.evidence), "detail": row.detail,
    }  # fmt: skip


def _of_finding(finding: Finding) -> dict[str, Any]:
    return {
        "code": finding.code.value, "severity": finding.severity.value,
        "class": finding.finding_class.value, "evidence": list(finding.evidence),
        "detail": finding.detail,
    }  # fmt: skip
