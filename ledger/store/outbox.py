"""The outbox of feeds: what is told is committed with the change that it tells of, or not at all.

Without a feed nothing is written. Ids are given under a lock that lasts until the commit, so that
whoever has read up to an id has missed none below it.
"""

from collections import Counter
from collections.abc import Sequence
from typing import Any

import orjson
from sqlalchemy import Connection, text

from ledger.core.times import format_time
from ledger.service.case_ports import News, case_news
from ledger.service.custody_ports import FindingChange

_HAS_FEEDS = text("SELECT EXISTS (SELECT 1 FROM subscriptions WHERE kind = 'feed')")
# Arbitrary; held from the first id of a transaction to its commit.
_LOCK = text("SELECT pg_advisory_xact_lock(7956010112)")
_ADD = text("INSERT INTO notifications (type, data) VALUES (:type, :data)")
_PATHS = text("SELECT item_key, path FROM items WHERE item_key = ANY(:keys)")
_MUTED = text("""
    SELECT item_key, code FROM cases WHERE item_key = ANY(:keys) AND muted_until > :at
""")
_ANCHOR = text("""
    SELECT size, chain_id, tx_hash, state, block_number, block_hash FROM anchors
    WHERE id = :id FOR UPDATE
""")
_IN_A_BLOCK = ("mined", "safe", "final")


def announce_findings(
    connection: Connection,
    changes: Sequence[FindingChange],
    number: Counter[tuple[str, str]],
    at_ms: int,
    cap: int,
) -> None:
    """Tell of findings that opened, changed or closed, at at_ms by the sequencer's clock.

    Of one change and code `cap` are told in a transaction, `number` having been met in it before;
    where there are more, a message tells how many.
    """
    # Nearly always nothing: an item that moves rightly has no findings before and after.
    if not changes or not _has_feeds(connection):
        return
    changes = _unmuted(connection, changes, at_ms)
    told: list[FindingChange] = []
    untold: Counter[tuple[str, str]] = Counter()
    for one in changes:
        kind = (one.change.value, one.finding.code)
        number[kind] += 1
        if number[kind] <= cap:
            told.append(one)
        else:
            untold[kind] += 1
    keys = list({one.finding.item for one in told})
    paths = {row.item_key: row.path for row in connection.execute(_PATHS, {"keys": keys})}
    messages = [
        _message(f"finding.{one.change}", at_ms, _told(one, paths[one.finding.item]))
        for one in told
    ]
    messages += [
        _message("finding.truncated", at_ms, {"code": code, "change": change, "untold": count})
        for (change, code), count in sorted(untold.items())
    ]
    _add(connection, messages)


def _unmuted(
    connection: Connection, changes: Sequence[FindingChange], at_ms: int
) -> list[FindingChange]:
    """Leave out what nobody wants to be told of, up to the end of its mute."""
    keys = list({one.finding.item for one in changes})
    rows = connection.execute(_MUTED, {"keys": keys, "at": at_ms})
    muted = {(row.item_key, row.code) for row in rows}
    return [one for one in changes if (one.finding.item, one.finding.code) not in muted]


def announce_cases(connection: Connection, news: Sequence[News]) -> None:
    """Tell of what became of cases, each with the entry that did it, if one did."""
    if not news or not _has_feeds(connection):
        return
    clock_ms = connection.execute(text("SELECT clock_ms FROM log_state")).scalar_one()
    keys = list({one.row.item_key for one in news})
    paths = {row.item_key: row.path for row in connection.execute(_PATHS, {"keys": keys})}
    _add(
        connection,
        [_message(one.kind, clock_ms, case_news(one, paths[one.row.item_key])) for one in news],
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


def _told(one: FindingChange, path: str) -> dict[str, Any]:
    finding = one.finding
    data: dict[str, Any] = {
        "item": path, "item_key": finding.item.hex(), "code": finding.code,
        "severity": finding.severity, "class": finding.finding_class,
        "evidence": list(finding.evidence), "detail": finding.detail,
    }  # fmt: skip
    if finding.backdated:
        data["backdated"] = True
    if one.reason:
        data["reason"] = one.reason
    return data
