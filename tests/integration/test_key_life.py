"""Whole lives of keys, parties and registrars on a real ledger, up to the edges of batches."""

import json
import secrets
import time
from collections.abc import Callable, Iterator, Sequence
from itertools import permutations
from typing import Any

import httpx
import pytest
from sqlalchemy import text
from typer.testing import CliRunner

from api.app import create_app
from ledger.bootstrap import Node, open_chain, own_devnet
from ledger.chain.anchor_contract import AnchorContract
from ledger.cli import opened
from ledger.cli.exit_codes import ExitCode, exit_code
from ledger.cli.keys import register_key
from ledger.cli.main import app
from ledger.cli.registering import log_facts
from ledger.client import LedgerClient
from ledger.clock import now_ms
from ledger.core.entries import Address, FactEntry, Z
from ledger.core.facts import (
    claim_key,
    key_added,
    key_revoked,
    party_added,
    party_turned,
    registrar_rotated,
)
from ledger.core.gs1_keys import check_digit
from ledger.core.identifiers import party_key
from ledger.core.signatures import address_of
from ledger.core.submission import Signer, build_submission, format_submission
from ledger.service.register import Registrar
from ledger.service.sequence import Sequencer
from ledger.worker import Worker
from tests.integration.conftest import opened_ledger, serving
from tests.integration.partners import Partner, commission, document, new_item, post, signed

Run = Callable[..., tuple[int, Any]]


@pytest.fixture(scope="module")
def node() -> Iterator[Node]:
    """A ledger of this module: its registrar changes."""
    with opened_ledger() as node:
        yield node


@pytest.fixture
def run(node: Node, monkeypatch: pytest.MonkeyPatch) -> Run:
    """Run an operator's command; returns exit code and what it printed, or its error."""
    monkeypatch.setattr(opened, "node", lambda: node)

    def call(*arguments: str) -> tuple[int, Any]:
        done = CliRunner().invoke(app, [*arguments, "--json"])
        error = done.exception
        if error is not None and not isinstance(error, SystemExit):
            return exit_code(error) or done.exit_code, str(error)  # type: ignore[arg-type]
        # What is wrong with the arguments is told on stderr; nothing is printed then.
        return done.exit_code, json.loads(done.stdout) if done.stdout else done.stderr

    return call


def new_gln() -> str:
    body = f"4{secrets.randbelow(10**11):011d}"
    return body + check_digit(body)


def register(node: Node, gln: str) -> Signer:
    """Queue a party with its key, signed by the registrar of this moment."""
    path, key, registrar, at = f"/417/{gln}", secrets.token_bytes(32), node.registrar(), now_ms()
    party, address = party_key(path), Address(address_of(key))
    proof = claim_key(key, node.identity, party, address)
    facts = [
        party_added(at, registrar.address, path, f"party {gln}"),
        key_added(at, registrar.address, party, address, proof),
    ]
    registrar.submit(facts, at_ms=at)
    return Signer(private_key=key, party=party, party_secret=secrets.token_bytes(32))


def name() -> str:
    return f"k{secrets.token_hex(4)}"


def queue(node: Node, signer: Signer) -> bytes:
    """Queue one event as the door does, whoever may sign now; returns the submission's digest."""
    raw = document(commission(new_item()))
    made = build_submission(raw, signer, node.identity.domain(), issued_at=now_ms())
    acceptor = node.acceptor()
    acceptor.directory.parties[signer.party] = True
    acceptor.directory.keys[address_of(signer.private_key)] = (signer.party, True)
    accepted = acceptor.accept(format_submission(made), raw, "application/json", at_ms=now_ms())
    node.log.add_submission(accepted)
    return accepted.digest


def verdict(node: Node, digest: bytes) -> tuple[str, str | None]:
    query = text(
        "SELECT verdict, code FROM capture_results r JOIN submissions s ON s.id = r.submission_id"
        " WHERE s.digest = :digest ORDER BY position DESC LIMIT 1"
    )
    with node.engine.connect() as connection:
        row = connection.execute(query, {"digest": digest}).one()
    return row.verdict, row.code


def failures(node: Node) -> list[Any]:
    return list(node.auditor().run()["failed"])


# What may happen to a party with one key: an event, revocation and return of the key, suspension
# and resumption of the party.
STEPS = {"event": "E", "revoke": "R", "add": "A", "suspend": "S", "resume": "M"}


def facts_of(node: Node, signer: Signer) -> dict[str, Callable[[int], FactEntry]]:
    registrar, party = node.registrar().address, signer.party
    address = Address(address_of(signer.private_key))
    proof = claim_key(signer.private_key, node.identity, party, address)
    return {
        "R": lambda at: key_revoked(at, registrar, party, address, "test"),
        "A": lambda at: key_added(at, registrar, party, address, proof),
        "S": lambda at: party_turned(at, registrar, party, active=False),
        "M": lambda at: party_turned(at, registrar, party, active=True),
    }


def expected(order: Sequence[str]) -> list[bool]:
    """Whether each event of an order may be logged: the last fact about key and party decides."""
    key = party = True
    verdicts = []
    for step in order:
        key = {"R": False, "A": True}.get(step, key)
        party = {"S": False, "M": True}.get(step, party)
        if step == "E":
            verdicts.append(key and party)
    return verdicts


@pytest.mark.parametrize("batch_size", [1, 2, 3, 100])
def test_rights_are_decided_at_the_index_in_every_order_and_batch(
    node: Node, batch_size: int
) -> None:
    orders = sorted({*permutations("EERA"), *permutations("EESM"), *permutations("ERSM")})
    sent: list[tuple[bool, bytes]] = []
    signers = [register(node, new_gln()) for _ in orders]
    while node.sequencer().run(at_ms=now_ms()):
        pass
    registrar = node.registrar()
    for order, signer in zip(orders, signers, strict=True):
        facts, may = facts_of(node, signer), iter(expected(order))
        for step in order:
            if step == "E":
                sent.append((next(may), queue(node, signer)))
            else:
                at = now_ms()
                registrar.submit([facts[step](at)], at_ms=at)
    sequencer = Sequencer(store=node.log, vault=node.vault, batch_size=batch_size)
    while sequencer.run(at_ms=now_ms()):
        pass
    told = [verdict(node, digest) for _, digest in sent]
    assert told == [("accepted", None) if may else ("rejected", "not_permitted") for may, _ in sent]
    while node.integrator().run():
        pass
    assert failures(node) == []


def test_a_document_signed_by_a_key_revoked_earlier_in_its_batch_is_refused(node: Node) -> None:
    signer = register(node, new_gln())
    node.sequencer().run(at_ms=now_ms())
    before, at = queue(node, signer), now_ms()
    node.registrar().submit([facts_of(node, signer)["R"](at)], at_ms=at)
    after = queue(node, signer)
    assert node.sequencer().run(at_ms=now_ms()) == 3
    assert verdict(node, before) == ("accepted", None)
    assert verdict(node, after) == ("rejected", "not_permitted")


def test_an_address_belongs_to_one_party_for_ever(node: Node) -> None:
    signer, other = register(node, new_gln()), register(node, new_gln())
    node.sequencer().run(at_ms=now_ms())
    address, registrar, at = address_of(signer.private_key), node.registrar(), now_ms()
    proof = claim_key(signer.private_key, node.identity, other.party, Address(address))
    registrar.submit([facts_of(node, signer)["R"](at)], at_ms=at)
    taken = registrar.submit(
        [key_added(at, registrar.address, other.party, Address(address), proof)], at_ms=at
    )
    node.sequencer().run(at_ms=now_ms())
    assert verdict(node, taken)[0] == "rejected"
    assert node.log.directory().keys[address] == (signer.party, False)


def test_a_revoked_key_is_refused_at_the_door_of_a_running_api(node: Node) -> None:
    signer = register(node, new_gln())
    node.sequencer().run(at_ms=now_ms())
    partner = Partner(signer=signer, path="", name="")
    with serving(create_app(node)) as api:

        def status() -> int:
            raw = document(commission(new_item()))
            return post(api, signed(node, raw, partner), raw).status_code

        before, at = status(), now_ms()
        node.registrar().submit([facts_of(node, signer)["R"](at)], at_ms=at)
        node.sequencer().run(at_ms=now_ms())
        deadline = time.monotonic() + 10
        while (found := status()) == before and time.monotonic() < deadline:
            time.sleep(0.1)
    assert (before, found) == (httpx.codes.ACCEPTED, httpx.codes.FORBIDDEN)
    while node.sequencer().run(at_ms=now_ms()):
        pass


def made_party(run: Run, gln: str) -> str:
    key = name()
    assert run("key", "new", key)[0] == 0
    code, printed = run("party", "add", "--name", "P", "--gln", gln, "--key", key)
    assert code == 0, printed
    return key


@pytest.fixture(autouse=True)
def keys_of(node: Node, monkeypatch: pytest.MonkeyPatch) -> None:
    """Commands that need no ledger use its keys all the same."""
    monkeypatch.setattr(opened, "keystore", lambda: node.keystore)


def test_the_life_of_a_partners_keys_by_commands(node: Node, run: Run) -> None:
    gln = new_gln()
    party = party_key(f"/417/{gln}")
    first, second, third = made_party(run, gln), name(), name()
    directory = node.log.directory

    def may_sign(key: str) -> bool:
        return directory().may_sign(node.keystore.address_of(key), party)

    assert run("key", "rotate", first, "--to", second)[0] == 0
    assert (may_sign(first), may_sign(second)) == (True, True)
    assert node.keystore.secret(first) == node.keystore.secret(second)
    assert run("key", "rotate", first, "--to", second)[0] == 0  # repeated, it changes nothing
    since = ("--compromised-since", "2026-01-02T03:04:05Z")
    assert run("key", "revoke", first, "--reason", "stolen", *since)[0] == 0
    assert (may_sign(first), may_sign(second)) == (False, True)
    code, words = run("party", "add", "--name", "P", "--gln", gln, "--key", first)
    assert (code, "was revoked" in words) == (ExitCode.NOT_PERMITTED, True)
    assert not may_sign(first)
    assert run("key", "new", third)[0] == 0
    assert run("key", "add", third, "--party", gln)[0] == 0
    assert run("party", "suspend", gln)[0] == 0
    assert not any(map(may_sign, (first, second, third)))
    assert run("party", "resume", f"/417/{gln}")[0] == 0
    assert [may_sign(one) for one in (first, second, third)] == [False, True, True]
    assert run("key", "add", first, "--party", party.hex())[0] == 0
    assert may_sign(first)


def test_commands_say_what_is_wrong(run: Run) -> None:
    gln = new_gln()
    key = made_party(run, gln)
    assert run("party", "suspend", new_gln())[0] == ExitCode.FAILED
    code, words = run("key", "revoke", key, "--reason", "x", "--compromised-since", "yesterday")
    assert (code, "compromised-since" in words) == (ExitCode.USAGE, True)
    code, words = run("key", "revoke", key, "--reason", "x" * 201)
    assert (code, "reason" in words) == (ExitCode.FAILED, True)
    other = new_gln()
    made_party(run, other)
    code, words = run("key", "add", key, "--party", other)
    assert (code, words) == (
        ExitCode.NOT_PERMITTED, "an address belongs to one party for ever",
    )  # fmt: skip


def handed_over(node: Node, key: str) -> Callable[[Address, int], list[FactEntry]]:
    """Return what makes the fact that hands the office to a key of the keystore."""
    incoming = Address(node.keystore.address_of(key))
    proof = claim_key(node.keystore.private_key(key), node.identity, Z, incoming)
    return lambda outgoing, at: [registrar_rotated(at, outgoing, incoming, proof)]


def test_the_incoming_registrar_signs_and_the_outgoing_one_does_not(node: Node, run: Run) -> None:
    old, log_id = node.registrar(), node.identity.log_id()
    key, gln = name(), new_gln()
    made_party(run, gln)
    run("registrar", "rotate", "--to", key)
    new = node.registrar()
    assert new.address == node.keystore.address_of(key) != old.address
    at, party = now_ms(), party_key(f"/417/{gln}")
    late = old.submit([party_turned(at, old.address, party, active=False)], at_ms=at)
    forged = old.submit([party_turned(at + 1, new.address, party, active=False)], at_ms=at)
    node.sequencer().run(at_ms=now_ms())
    assert [verdict(node, one) for one in (late, forged)] == [("rejected", "not_permitted")] * 2
    assert node.log.directory().parties[party]
    assert run("party", "suspend", gln)[0] == 0
    assert not node.log.directory().parties[party]
    made_party(run, new_gln())
    assert node.log.identity().log_id() == log_id
    while node.integrator().run():
        pass
    assert failures(node) == []
    with serving(create_app(node)) as api:
        log = api.get("/log").json()
        # The log's identity commits to the first one: clients derive from it what they sign.
        with LedgerClient(str(api.base_url)) as client:
            assert client.identity() == node.identity
    assert log["registrar"] == f"0x{node.identity.registrar.hex()}"
    assert log["acting_registrar"] == f"0x{new.address.hex()}"


def test_in_one_submission_nobody_signs_for_the_incoming_registrar(node: Node) -> None:
    old, key = node.registrar(), name()
    incoming = Address(node.keystore.create_evm(key))
    at, path = now_ms(), f"/417/{new_gln()}"
    facts = [*handed_over(node, key)(old.address, at), party_added(at, incoming, path, "forged")]
    digest = old.submit(facts, at_ms=at)
    node.sequencer().run(at_ms=now_ms())
    assert verdict(node, digest) == ("rejected", "not_permitted")
    assert node.registrar().address == incoming
    assert party_key(path) not in node.log.directory().parties


def test_facts_that_are_made_while_another_rotates_are_made_again(node: Node) -> None:
    key, path, asked = name(), f"/417/{new_gln()}", list[Address]()
    node.keystore.create_evm(key)

    def make(registrar: Address, at: int) -> list[FactEntry]:
        asked.append(registrar)
        if len(asked) == 1:
            log_facts(node, handed_over(node, key))
        return [party_added(at, registrar, path, "made twice")]

    log_facts(node, make)
    assert len(asked) == 2
    assert asked[1] == node.keystore.address_of(key)
    assert party_key(path) in node.log.directory().parties
    register_key(node, party_key(path), key)  # a registrar may hold a key; it is only an address


def test_a_registrar_whose_key_is_elsewhere_cannot_be_played(node: Node) -> None:
    elsewhere, current = secrets.token_bytes(32), node.registrar()
    incoming = Address(address_of(elsewhere))
    proof = claim_key(elsewhere, node.identity, Z, incoming)
    log_facts(node, lambda out, at: [registrar_rotated(at, out, incoming, proof)])
    with pytest.raises(Exception, match="no key of this installation has the address"):
        node.registrar()
    back = Registrar(
        store=node.log, identity=node.identity, registrar_key=elsewhere, vault=node.vault
    )
    at = now_ms()
    claim = claim_key(current.registrar_key, node.identity, Z, current.address)
    back.submit([registrar_rotated(at, incoming, current.address, claim)], at_ms=at)
    node.sequencer().run(at_ms=now_ms())
    assert node.registrar().address == current.address


def test_chain_and_log_agree_on_the_registrar_and_a_crash_between_is_repeated(
    node: Node, run: Run
) -> None:
    contract = AnchorContract(open_chain(node.settings), "0x" + node.identity.contract.hex())
    log_id, first, second = node.identity.log_id(), name(), name()
    if contract.registrar(log_id) is None:
        code, words = run("registrar", "rotate", "--to", first)
        assert (code, "not open on its chain yet" in words) == (ExitCode.NOT_ANCHORED, True)
    worker = Worker(node)
    while contract.registrar(log_id) is None:
        worker.turn()
        own_devnet(node.settings).mine(2)
    assert run("registrar", "rotate", "--to", first)[0] == 0
    assert contract.registrar(log_id) == node.keystore.address_of(first)
    # Killed behind the log's entry: the chain has the outgoing one until the command is repeated.
    node.keystore.create_evm(second)
    log_facts(node, handed_over(node, second))
    assert contract.registrar(log_id) == node.keystore.address_of(first)
    for _ in range(2):
        code, printed = run("registrar", "rotate", "--to", second)
        assert (code, printed["chain"]) == (0, "rotated")
        assert contract.registrar(log_id) == node.keystore.address_of(second)
    assert contract.nonce(log_id) == 2
    size = node.log.state().sequenced
    while (sizes := node.reader().sizes()).final < size:
        assert sizes.sequenced >= size
        worker.turn()
        own_devnet(node.settings).mine(2)
    assert failures(node) == []


@pytest.mark.parametrize(
    ("change", "told"),
    [
        ("DELETE FROM registrars", "directory"),
        ("UPDATE registrars SET address = substring(sha256('x') FROM 1 FOR 20)", "directory"),
    ],
)
def test_the_audit_tells_whose_table_of_registrars_was_changed(
    node: Node, run: Run, change: str, told: str
) -> None:
    run("registrar", "rotate", "--to", name())
    while node.integrator().run():
        pass
    with node.engine.connect() as connection:
        connection.execute(text("CREATE TEMP TABLE good_registrars AS TABLE registrars"))
        connection.execute(text(change))
        connection.commit()
        found = {one["check"] for one in failures(node)}
        connection.execute(text("DELETE FROM registrars"))
        connection.execute(text("INSERT INTO registrars SELECT * FROM good_registrars"))
        connection.execute(text("DROP TABLE good_registrars"))
        connection.commit()
    assert found == {told}
    assert failures(node) == []
