"""Custody after any interleaving and batching of captures is the log's, read from its beginning."""

import random
from collections.abc import Iterator
from contextlib import contextmanager

import pytest
from sqlalchemy import Connection, text

from ledger.bootstrap import Node
from ledger.clock import now_ms
from ledger.core.custody.settings import parse_rule_settings
from ledger.core.facts import claim_key, key_added, party_added, tombstone
from ledger.core.identifiers import canonical_path, item_key, party_key
from ledger.core.signatures import address_of
from ledger.core.submission import Signer, build_submission, format_submission
from ledger.service import integrate as integration
from ledger.service import integrate_custody
from ledger.service.integrate import Integrator
from tests.custody_replay import derived, replayed
from tests.integration.partners import document

DAY = 86_400_000
START = 1_767_225_600_000
SEEDS = range(1, 4)
EVENTS = 80
GLNS = ("4012345000009", "4012346000008", "4012347000007")
PLACES = ("urn:epc:id:sgln:4012345.00001.0", "urn:epc:id:sgln:4012346.00001.0")
# A dock of each, of which no coordinates are told but its site's.
DOCKS = tuple(place.removesuffix("0") + "101" for place in PLACES)
DISPOSITIONS = ("stolen", "recalled", "active", "returned", "expired")
Event = dict[str, object]


def signer(node: Node, number: int) -> Signer:
    """Register a party by its GLN, once."""
    path, key = f"/417/{GLNS[number]}", bytes([number + 40]) * 32
    party, at, registrar = party_key(path), now_ms(), node.identity.registrar
    if party not in node.log.directory().parties:
        proof = claim_key(key, node.identity, party, address_of(key))
        facts = [
            party_added(at, registrar, path, path),
            key_added(at, registrar, party, address_of(key), proof),
        ]
        node.registrar().submit(facts, at_ms=at)
        node.sequencer().run(at_ms=at)
    return Signer(private_key=key, party=party, party_secret=key)


def send(node: Node, sender: Signer, raw: bytes) -> None:
    made = build_submission(raw, sender, node.identity.domain(), issued_at=now_ms())
    accepted = node.acceptor().accept(
        format_submission(made), raw, "application/json", at_ms=now_ms()
    )
    node.log.add_submission(accepted)


def integrate(node: Node, at_ms: int) -> None:
    while node.sequencer().run(at_ms=at_ms):
        pass
    while node.integrator().run():
        pass


def drawn(chance: random.Random, seed: int) -> Event:
    """Draw an event about a few packs, cases and a pallet, contradictions included."""
    packs = [f"urn:epc:id:sgtin:4012345.011111.{seed}S{n}" for n in range(4)]
    cases = [f"urn:epc:id:sscc:4012345.{n:02d}{seed:08d}" for n in range(3)]
    hour = chance.randrange(24 * 20)
    event: Event = {
        "eventTime": f"2026-01-{1 + hour // 24:02}T{hour % 24:02}:00:00Z",
        "eventTimeZoneOffset": "+00:00", "type": "ObjectEvent", "action": "OBSERVE",
        "readPoint": {"id": chance.choice(PLACES + DOCKS)},
    }  # fmt: skip
    if chance.random() < 0.2:
        event["disposition"] = chance.choice(DISPOSITIONS)
    kind = chance.randrange(9)
    if kind in (0, 1):
        event |= {
            "type": "AggregationEvent", "bizStep": "packing" if kind == 0 else "unpacking",
            "action": "ADD" if kind == 0 else "DELETE", "parentID": chance.choice(cases),
        }  # fmt: skip
        if kind == 0 or chance.random() < 0.5:
            event["childEPCs"] = chance.sample(packs + cases, chance.randrange(1, 4))
    elif kind == 2:
        event |= {
            "action": "ADD", "bizStep": "commissioning", "epcList": chance.sample(packs, 2),
            "ilmd": {"cbvmda:lotNumber": chance.choice("AB")},
        }  # fmt: skip
    elif kind == 3:
        event |= {
            "bizStep": chance.choice(["shipping", "receiving"]),
            "quantityList": [
                {"epcClass": f"urn:epc:class:lgtin:4012345.022222.{seed}", "quantity": 5}
            ],
        }
    else:
        step = chance.choice(["shipping", "shipping", "receiving", "dispensing", "void_shipping"])
        event |= {"bizStep": step, "epcList": [chance.choice(packs + cases)]}
        if step == "shipping":
            to = f"https://id.gs1.org/417/{chance.choice(GLNS)}"
            event["destinationList"] = [{"type": "owning_party", "destination": to}]
    if chance.random() < 0.2:
        event["eventID"] = f"urn:uuid:00000000-0000-4000-8000-{seed:09d}{chance.randrange(3):03d}"
    return event


def with_places(raw: bytes) -> bytes:
    """Add master data that tells where the places are."""
    elements = ",".join(
        f'{{"id":"{place}","attributes":[{{"id":"cbvmda:latitude","attribute":"{40 + n}.5"}},'
        f'{{"id":"cbvmda:longitude","attribute":"{-70 + 60 * n}.25"}}]}}'
        for n, place in enumerate(PLACES)
    )
    header = (
        '"epcisHeader":{"epcisMasterData":{"vocabularyList":[{"type":'
        f'"urn:epcglobal:epcis:vtype:ReadPoint","vocabularyElementList":[{elements}]}}]}}}},'
    )
    return raw.replace(b'"epcisBody"', header.encode() + b'"epcisBody"', 1)


@contextmanager
def looking(node: Node) -> Iterator[Connection]:
    with node.engine.connect() as connection:
        yield connection
        connection.rollback()


def erase_any(node: Node, chance: random.Random) -> None:
    """Erase one event, of those that are not yet."""
    with looking(node) as connection:
        left = connection.scalars(
            text("SELECT log_index FROM events WHERE content IS NOT NULL ORDER BY log_index")
        ).all()
    if left:
        at, registrar = now_ms(), node.registrar()
        fact = tombstone(at, registrar.address, chance.choice(left), "GDPR 17")
        registrar.submit([fact], at_ms=at)


def play(node: Node, seed: int, count: int, at_ms: int) -> int:
    """Send drawn events in batches, erase some of them meanwhile; return the time reached."""
    chance = random.Random(seed)
    senders = [signer(node, number) for number in range(len(GLNS))]
    events = [drawn(chance, seed) for _ in range(count)]
    while events:
        for _ in range(min(chance.randrange(1, 6), len(events))):
            raw = document(events.pop())
            if chance.random() < 0.05:
                raw = with_places(raw)
            send(node, chance.choice(senders), raw)
        if chance.random() < 0.15:
            erase_any(node, chance)
        at_ms += chance.randrange(20 * DAY)
        integrate(node, at_ms)
    return at_ms


@pytest.mark.timeout(600)
def test_any_interleaving_gives_what_the_log_gives_when_it_is_replayed(fresh_node: Node) -> None:
    node = fresh_node
    at_ms = max(now_ms(), START)
    for seed in SEEDS:
        at_ms = play(node, seed, EVENTS, at_ms)
        with looking(node) as connection:
            assert derived(connection) == replayed(connection)
            closed = "SELECT count(*) FROM finding_history WHERE closed_reason IS NOT NULL"
            assert connection.execute(text(closed)).scalar_one() > 0
            assert connection.execute(text("SELECT count(*) FROM stays")).scalar_one() > 0
    send(node, signer(node, 0), with_places(document(drawn(random.Random(9), 9))))
    integrate(node, at_ms + DAY)
    with looking(node) as connection:
        told = "SELECT count(DISTINCT path) FROM places"
        assert connection.execute(text(told)).scalar_one() == len(PLACES)
        assert connection.execute(text("SELECT count(*) FROM tombstones")).scalar_one() > 0
        assert derived(connection) == replayed(connection)
    verify_settings_reach_all_items(node)


@pytest.mark.timeout(600)
@pytest.mark.parametrize("limit", [1, 3])
def test_no_limit_of_a_step_changes_what_is_found(
    fresh_node: Node, monkeypatch: pytest.MonkeyPatch, limit: int
) -> None:
    """Batches are cut where nobody would cut them; what is sequenced behind is not yet there."""
    for module, name in (
        (integrate_custody, "ITEMS"), (integrate_custody, "REVISITED"),
        (integrate_custody, "CONTENTS"), (integration, "MAX_LEAVES"),
    ):  # fmt: skip
        monkeypatch.setattr(module, name, limit)
    play(fresh_node, 10 + limit, EVENTS // 2, max(now_ms(), START))
    monkeypatch.undo()
    with looking(fresh_node) as connection:
        assert derived(connection) == replayed(connection)


def verify_settings_reach_all_items(node: Node) -> None:
    """Other rules make all findings anew, though nothing is submitted."""
    rules = parse_rule_settings(b"[rules.DOUBLE_SHIP]\nenabled = false\n")
    with looking(node) as connection:
        count = text("SELECT count(*) FROM findings WHERE code = 'DOUBLE_SHIP'")
        assert connection.execute(count).scalar_one() > 0
    while Integrator(store=node.log, rules=rules).run():
        pass
    with looking(node) as connection:
        assert connection.execute(count).scalar_one() == 0
        reason = text(
            "SELECT DISTINCT closed_reason FROM finding_history WHERE code = 'DOUBLE_SHIP'"
            " AND closed_index = (SELECT integrated - 1 FROM log_state)"
        )
        assert "The settings of the rules have changed." in connection.scalars(reason).all()
        assert derived(connection) == replayed(connection, rules)


def test_a_pallet_of_thousands_moves_in_one_row(fresh_node: Node) -> None:
    node = fresh_node
    maker = signer(node, 0)
    packs = [f"urn:epc:id:sgtin:4012345.011111.P{n}" for n in range(5_000)]
    pallet = "urn:epc:id:sscc:4012345.0000000099"
    when: Event = {"eventTimeZoneOffset": "+00:00", "eventTime": "2026-01-01T00:00:00Z"}
    packed: Event = {
        **when, "type": "AggregationEvent", "action": "ADD", "bizStep": "packing",
        "parentID": pallet, "childEPCs": packs,
    }  # fmt: skip
    shipped: Event = {
        **when, "eventTime": "2026-01-02T00:00:00Z", "type": "ObjectEvent", "action": "OBSERVE",
        "bizStep": "shipping", "epcList": [pallet],
    }  # fmt: skip
    send(node, maker, document(packed))
    integrate(node, START + 2 * DAY)
    written = text("SELECT item_key, xmin::text FROM item_states")
    stays = text("SELECT child, xmin::text FROM stays")
    with looking(node) as connection:
        states = {tuple(row) for row in connection.execute(written)}
        inside = {tuple(row) for row in connection.execute(stays)}
    assert (len(states), len(inside)) == (5_001, 5_000)
    send(node, maker, document(shipped))
    integrate(node, START + 3 * DAY)
    with looking(node) as connection:
        changed = {tuple(row) for row in connection.execute(written)} - states
        assert [key for key, _ in changed] == [item_key(canonical_path(pallet))]
        assert {tuple(row) for row in connection.execute(stays)} == inside
