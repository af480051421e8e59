# ruff: noqa: S608 -- the attacker is the superuser, and the statements are our own
"""The audit holds on a real log, and names what one with the database's password changed."""

import secrets
from collections.abc import Iterator

import pytest
from sqlalchemy import Connection, text

from ledger.bootstrap import Node, own_devnet
from ledger.clock import now_ms
from ledger.core.facts import claim_key, key_added, key_revoked, party_added
from ledger.core.finding_acts import Act, FindingAct, submit_acts
from ledger.core.identifiers import party_key
from ledger.core.signatures import address_of
from ledger.core.submission import Signer, build_submission, format_submission
from ledger.core.tokens import hold_token
from ledger.service.acts import accept_acts
from ledger.worker import Worker
from tests.integration.conftest import opened_ledger
from tests.integration.partners import document

MAKER, BUYER = "4012345000009", "4012346000008"
PACKS = [f"urn:epc:id:sgtin:4012345.011111.A{i}" for i in range(300)]
CASE = "urn:epc:id:sscc:4012345.0000000011"
COPIED = (
    "log_entries", "events", "item_rows", "items", "submissions", "capture_results", "heads",
    "anchors", "tiles", "log_state", "parties", "party_keys", "item_states", "findings",
    "cases", "case_acts", "finding_changes", "key_equivocations",
)  # fmt: skip


def event(hour: int, kind: str, action: str, step: str, **members: object) -> dict[str, object]:
    return {
        "type": kind, "action": action, "bizStep": step, "eventTimeZoneOffset": "+00:00",
        "eventTime": f"2026-01-01T{hour:02}:00:00Z", **members,
    }  # fmt: skip


def shipped(hour: int, to: str) -> dict[str, object]:
    where = {"type": "owning_party", "destination": f"https://id.gs1.org/417/{to}"}
    return event(
        hour, "ObjectEvent", "OBSERVE", "shipping", epcList=[CASE], destinationList=[where]
    )


TOKEN = hold_token(b"the case", b"as its maker came by it")


def send(
    node: Node, signer: Signer, *events: dict[str, object], spent_by: int | None = None
) -> None:
    raw, domain = document(*events), node.identity.domain()
    spends = {} if spent_by is None else {spent_by: {0: TOKEN}}
    made = build_submission(raw, signer, domain, issued_at=now_ms(), spends=spends)
    accepted = node.acceptor().accept(
        format_submission(made), raw, "application/json", at_ms=now_ms()
    )
    node.log.add_submission(accepted)


def register(node: Node, gln: str) -> Signer:
    path, key, at = f"/417/{gln}", secrets.token_bytes(32), now_ms()
    party, address, registrar = party_key(path), address_of(key), node.identity.registrar
    proof = claim_key(key, node.identity, party, address)
    facts = [
        party_added(at, registrar, path, f"party {gln}"),
        key_added(at, registrar, party, address, proof),
    ]
    node.registrar().submit(facts, at_ms=at)
    return Signer(private_key=key, party=party, party_secret=secrets.token_bytes(32))


def acknowledge(node: Node, signer: Signer) -> None:
    """Act on the case of some finding."""
    with node.engine.connect() as connection:
        query = "SELECT path, code FROM findings JOIN items USING (item_key) LIMIT 1"
        path, code = connection.execute(text(query)).one()
    act, at = FindingAct(act=Act.ACKNOWLEDGE, item=path, code=code), now_ms()
    part = submit_acts(signer.private_key, signer.party, node.identity, [act], at)
    node.log.add_submission(accept_acts(node.acceptor(), part, at_ms=at))


def settle(node: Node, worker: Worker) -> None:
    while (sizes := node.reader().sizes()).final != sizes.sequenced or sizes.accepted:
        worker.turn()
        own_devnet(node.settings).mine(2)


@pytest.fixture(scope="module")
def ledger() -> Iterator[Node]:
    """A log with 300 events signed one by one, a pack hierarchy, a double sale, a revoked key."""
    with opened_ledger() as node:
        worker = Worker(node)
        maker, buyer = register(node, MAKER), register(node, BUYER)
        worker.turn()
        for pack in PACKS:
            send(node, maker, event(1, "ObjectEvent", "ADD", "commissioning", epcList=[pack]))
        settle(node, worker)
        packed = event(2, "AggregationEvent", "ADD", "packing", parentID=CASE, childEPCs=PACKS[:3])
        send(node, maker, packed, shipped(3, BUYER), spent_by=1)
        settle(node, worker)
        received = event(4, "ObjectEvent", "OBSERVE", "receiving", epcList=[CASE])
        send(node, buyer, received)
        send(node, maker, shipped(5, "4012347000007"), spent_by=0)
        address, at = address_of(buyer.private_key), now_ms()
        fact = key_revoked(at, node.identity.registrar, buyer.party, address, "ended")
        node.registrar().submit([fact], at_ms=at)
        settle(node, worker)
        acknowledge(node, maker)
        settle(node, worker)
        with node.engine.begin() as connection:
            for table in COPIED:
                connection.execute(text(f"CREATE TABLE good_{table} AS TABLE {table}"))
        yield node


@pytest.fixture
def attacker(ledger: Node) -> Iterator[Connection]:
    """The database's superuser with triggers switched off; afterwards all is as it was."""
    with ledger.engine.connect() as connection:
        connection.execute(text("SET session_replication_role = replica"))
        connection.commit()
        yield connection
        connection.rollback()
        for table in COPIED:
            connection.execute(text(f"DELETE FROM {table}"))
            connection.execute(text(f"INSERT INTO {table} SELECT * FROM good_{table}"))
        connection.execute(text("SET session_replication_role = DEFAULT"))
        connection.commit()


def failed_checks(ledger: Node) -> set[str]:
    return {one["check"] for one in ledger.auditor().run()["failed"]}


def test_an_untouched_log_audits_clean(ledger: Node) -> None:
    heard: list[str] = []
    report = ledger.auditor().run(progress=lambda stage, _done, _total: heard.append(stage))
    assert report["failed"] == []
    assert report["checked"]["events"] == len(PACKS) + 4
    assert report["checked"]["anchors"] >= 3
    assert report["checked"]["custody"] == len(PACKS) + 1
    assert set(heard) == {"anchors", "entries", "submissions", "custody", "map"}
    with ledger.engine.connect() as connection:
        findings = connection.execute(text("SELECT DISTINCT code FROM findings")).scalars().all()
    assert findings


def test_a_quick_audit_counts_only_what_it_checked(ledger: Node) -> None:
    report = ledger.auditor().run(quick=True)
    assert report["failed"] == []
    assert "items" not in report["checked"]


MIDDLE = "(SELECT log_index FROM events ORDER BY log_index OFFSET 40 LIMIT 1)"
PACKED = "(SELECT log_index FROM item_rows WHERE role = 1 LIMIT 1)"
SENT = f"(SELECT submission_id FROM log_entries WHERE log_index = {MIDDLE})"
LAST_HEAD = "(SELECT max(size) FROM heads)"
FLIP = "set_byte({0}, {1}, get_byte({0}, {1}) # 1)"


@pytest.mark.parametrize(
    ("change", "check"),
    [
        (
            (f"UPDATE events SET content = replace(convert_from(content, 'UTF8'), 'commissioning',"
            f" 'packing')::bytea WHERE log_index = {MIDDLE}"),
            "content",
        ),
        (
            (f"UPDATE events SET event_digest = {FLIP.format('event_digest', 3)}"
            f" WHERE log_index = {MIDDLE}"),
            "content",
        ),
        (
            (f"UPDATE events SET sealed_secret = {FLIP.format('sealed_secret', 20)}"
            f" WHERE log_index = {MIDDLE}"),
            "content",
        ),
        (f"UPDATE events SET party = sha256('x') WHERE log_index = {MIDDLE}", "content"),
        (f"DELETE FROM events WHERE log_index = {MIDDLE}", "content"),
        (
            (f"UPDATE events SET items_secret = {FLIP.format('items_secret', 3)}"
            f" WHERE log_index = {MIDDLE}"),
            "items",
        ),
        (f"DELETE FROM item_rows WHERE log_index = {PACKED} AND row_index = 1", "items"),
        (f"UPDATE item_rows SET item_key = sha256('x') WHERE log_index = {MIDDLE}", "items"),
        (f"UPDATE item_rows SET spends = sha256('x') WHERE log_index = {MIDDLE}", "content"),
        (f"INSERT INTO item_rows VALUES ({MIDDLE}, 1, sha256('x'), 0, NULL)", "items"),
        ("INSERT INTO item_rows VALUES (1, 0, sha256('x'), 0, NULL)", "content"),
        ("INSERT INTO item_rows VALUES (99999, 0, sha256('x'), 0, NULL)", "items"),
        ("UPDATE items SET path = path || '0' WHERE path LIKE '%/21/A7'", "items"),
        (
            (f"UPDATE log_entries SET entry = {FLIP.format('entry', 210)}"
            f" WHERE log_index = {MIDDLE}"),
            "leaf",
        ),
        (f"UPDATE log_entries SET kind = 4 WHERE log_index = {MIDDLE}", "entry"),
        (f"UPDATE log_entries SET count = 2 WHERE log_index = {MIDDLE}", "signature"),
        (f"UPDATE log_entries SET submission_path = sha256('x') WHERE log_index = {PACKED}",
         "signature"),
        (f"DELETE FROM log_entries WHERE log_index = {MIDDLE}", "index"),
        (
            ("UPDATE log_entries SET log_index = 100000 - log_index WHERE log_index IN (20, 21);"
            "UPDATE log_entries SET log_index = CASE log_index WHEN 99980 THEN 21 ELSE 20 END"
            " WHERE log_index > 99000"),
            "tiles",
        ),
        (f"UPDATE submissions SET signature = {FLIP.format('signature', 5)} WHERE id = {SENT}",
         "signature"),
        (
            ("UPDATE submissions SET signature = set_byte(signature, 64, 55 -"
            f" get_byte(signature, 64)) WHERE id = {SENT}"),
            "signature",
        ),
        (f"UPDATE submissions SET issued_ms = issued_ms + 1 WHERE id = {SENT}", "signature"),
        (f"UPDATE submissions SET digest = sha256('x') WHERE id = {SENT}", "signature"),
        (f"UPDATE submissions SET document = document || ' '::bytea WHERE id = {SENT}",
         "submission"),
        (f"UPDATE submissions SET sealed = {FLIP.format('sealed', 30)} WHERE id = {SENT}",
         "submission"),
        ((f"UPDATE tiles SET hashes = {FLIP.format('hashes', 50)} WHERE level = 0 AND"
         " tile_index = 0"), "tiles"),
        (f"UPDATE tiles SET hashes = {FLIP.format('hashes', 5)} WHERE level = 1", "tiles"),
        ("INSERT INTO tiles VALUES (2, 0, sha256('x'))", "tiles"),
        (f"UPDATE log_state SET root = {FLIP.format('root', 5)}", "root"),
        (f"UPDATE log_state SET peaks = {FLIP.format('peaks', 5)}", "root"),
        ("UPDATE log_state SET clock_ms = clock_ms - 1", "clock"),
        (f"UPDATE heads SET root = sha256('x') WHERE size = {LAST_HEAD}", "head"),
        (f"UPDATE heads SET signature = {FLIP.format('signature', 5)} WHERE size = {LAST_HEAD}",
         "head"),
        (f"UPDATE heads SET note = {FLIP.format('note', 90)} WHERE size = {LAST_HEAD}", "head"),
        (f"UPDATE heads SET map_root = sha256('x') WHERE size = {LAST_HEAD}", "anchor"),
        (
            ("INSERT INTO heads SELECT size - 1, root, map_root, signature, note, published_ms"
            f" FROM heads WHERE size = {LAST_HEAD};"
            f" UPDATE anchors SET size = size - 1 WHERE size = {LAST_HEAD}"),
            "anchor",
        ),
        ("UPDATE item_states SET holder = sha256('x') WHERE status = 'commissioned'",
         "custody"),
        ("DELETE FROM item_states WHERE status = 'commissioned'", "custody"),
        (("UPDATE item_states SET item_key = sha256('x') WHERE container IS NULL AND item_key ="
         " (SELECT min(item_key) FROM item_states)"), "custody"),
        ("DELETE FROM findings", "findings"),
        ("DELETE FROM key_equivocations", "equivocations"),
        ("UPDATE key_equivocations SET log_index = log_index + 1", "equivocations"),
        ((f"INSERT INTO key_equivocations SELECT substring(sha256('x') FOR 20), {MIDDLE},"
         " item_key FROM key_equivocations"), "equivocations"),
        ("UPDATE party_keys SET active = true", "directory"),
        ("UPDATE parties SET name = 'Somebody Else'", "directory"),
        (f"UPDATE capture_results SET log_index = 3 WHERE log_index = {MIDDLE}", "results"),
    ],
    ids=lambda value: value[:70] if isinstance(value, str) else None,
)  # fmt: skip
def test_what_was_changed_is_named(
    ledger: Node, attacker: Connection, change: str, check: str
) -> None:
    for statement in change.split(";"):
        assert attacker.execute(text(statement)).rowcount > 0
    attacker.commit()
    assert check in failed_checks(ledger)


def test_a_quick_audit_finds_a_signature_of_another(ledger: Node, attacker: Connection) -> None:
    attacker.execute(
        text(f"UPDATE submissions SET signature = {FLIP.format('signature', 5)} WHERE id = {SENT}")
    )
    attacker.commit()
    failed = ledger.auditor().run(quick=True)["failed"]
    assert {one["check"] for one in failed} == {"signature"}


def test_the_rewritten_past_of_one_who_knows_all_keys_is_not_on_chain(
    ledger: Node, attacker: Connection
) -> None:
    """An event is exchanged with its leaf hash: whatever else is rebuilt, its signature is not."""
    attacker.execute(
        text(
            f"UPDATE log_entries SET entry = {FLIP.format('entry', 210)} WHERE log_index = {MIDDLE}"
        )
    )
    attacker.execute(
        text(
            r"UPDATE log_entries SET leaf_hash = sha256('\x00'::bytea || entry)"
            f" WHERE log_index = {MIDDLE}"
        )
    )
    attacker.commit()
    checks = failed_checks(ledger)
    assert {"signature", "tiles", "head", "root", "content"} <= checks
    assert "leaf" not in checks


ACTED = "(SELECT case_id FROM case_acts)"


@pytest.mark.parametrize(
    "change",
    [
        f"UPDATE cases SET state = 'closed', reason = 'gone' WHERE id = {ACTED}",
        f"UPDATE cases SET state = 'resolved', cause = 'other' WHERE id = {ACTED}",
        "UPDATE cases SET muted_until = 9000000000000",
        "UPDATE cases SET assignee = 'nobody'",
        "UPDATE case_acts SET effective = false",
        f"UPDATE case_acts SET case_id = (SELECT id FROM cases WHERE id <> {ACTED} LIMIT 1)",
        "DELETE FROM case_acts",
        "DELETE FROM cases",
        f"DELETE FROM cases WHERE id = {ACTED}",
        # A forged change closes the case too: the finding is open all the same.
        f"""
        WITH forged AS (INSERT INTO finding_changes (log_index, kind, late, item_key, code,
                severity, finding_class, detail, evidence, backdated, reason)
            SELECT changed_index, 'closed', false, item_key, code, 'high', 'suspicious', '',
                '{{}}', false, 'gone' FROM cases WHERE id = {ACTED} RETURNING seq)
        UPDATE cases SET state = 'closed', reason = 'gone' WHERE id = {ACTED}
        """,
    ],
)  # fmt: skip
def test_a_case_that_was_closed_or_changed_quietly_is_named(
    ledger: Node, attacker: Connection, change: str
) -> None:
    attacker.execute(text(change))
    attacker.execute(
        text("UPDATE case_progress SET changes_to = (SELECT max(seq) FROM finding_changes)")
    )
    attacker.commit()
    assert failed_checks(ledger) == {"cases"}


def test_an_act_that_was_changed_is_named_as_any_entry_is(
    ledger: Node, attacker: Connection
) -> None:
    # In the word behind the head, the length and {"act":".
    attacker.execute(text("UPDATE log_entries SET entry = set_byte(entry, 80, 120) WHERE kind = 7"))
    attacker.commit()
    assert failed_checks(ledger) >= {"leaf", "entry", "cases"}
