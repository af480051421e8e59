"""The operator is the attacker: what he tries, and the check that catches him, by name.

He holds the head key, the registrar's key, the storage key, the database as superuser and the
wallet; he lacks the keys of partners and what was given out before. Each attack is in its strongest
form: whatever he can derive or sign anew he does. Each test also says what does not catch him, as
docs/attacks.md does, where this table is with the tests' names.

| he | and is caught by |
|---|---|
| edits an entry | verifier `signature`; audit `signature` |
| edits one under his own key | verifier `anchor`; contract `InconsistentHead`; audit `anchor` |
| omits an entry of a history | verifier `map` |
| omits one of the log | verifier `anchor`; contract `InconsistentHead`; evidence `fork` |
| reorders a history | verifier `inclusion` |
| reorders the log | verifier `anchor`; contract `InconsistentHead`; evidence `fork` |
| forks from an anchored size | contract `StaleOldSize`, `InconsistentHead`; evidence `fork` |
| back-dates an event | finding `DOUBLE_SHIP`, marked as `backdated` |
| back-dates the log | audit `clock`; or made again: verifier `anchor`; evidence `fork` |
| leaves an entry out of the map | audit `map`; fsck `map`; evidence `omission` |
| restores a backup and goes on | worker `restored backup`; audit `anchor`; evidence `fork` |
| serves two heads | evidence `two_heads`; verifier `anchor`; contract `NotGrowing` |
| logs a sale twice | audit `results`; verifier `inclusion` |
"""

import secrets
from collections.abc import Callable
from dataclasses import replace

import pytest
from sqlalchemy import text

from ledger.bootstrap import Node, own_devnet
from ledger.clock import now_ms
from ledger.core.entries import Op, decode_event, decode_fact
from ledger.core.errors import InvariantError
from ledger.core.facts import claim_key, key_added, key_revoked
from ledger.core.identifiers import item_key
from ledger.core.jcs import canonical_json
from ledger.core.omission_files import omission
from ledger.core.signatures import address_of
from ledger.core.submission import Signer
from ledger.service.ports import AcceptedSubmission
from tests.attacks.stage import CASE, PACKS, Json, Stage, as_signed, read, superuser, tree_of
from tests.integration.partners import commission
from tests.integration.test_audit import register, send, settle

OTHER_BUYER = "4012347000007"
# Places in Stage.submissions(): genesis and two parties come before.
MADE, PACKED, SOLD, RECEIVED = range(3, 7)
PACK = PACKS[0].removeprefix("https://id.gs1.org")


def test_before_the_attacks_all_of_it_holds(stage: Stage) -> None:
    """What is asserted below is not the ledger's everyday state."""
    assert [stage.verdict(file) for file in (*stage.held, stage.node.prover().prove(PACK))] == [
        None, None, None,
    ]  # fmt: skip
    assert stage.audit() == stage.fsck() == set()
    stage.worker().verify_not_behind()
    assert len(stage.submissions()) == RECEIVED + 1


# -- edits ---------------------------------------------------------------------------------------


def test_an_edited_entry_has_no_signature(stage: Stage) -> None:
    """The sale goes to somebody else; entries, tiles, roots, map and head are made again."""
    sent = stage.submissions()
    rogue = Signer(
        private_key=secrets.token_bytes(32), party=stage.maker.party, party_secret=bytes(32)
    )
    name = address_of(stage.maker.private_key)
    sent[SOLD] = stage.forged(rogue, stage.sale(OTHER_BUYER), name=name)
    log = stage.rebuilt(sent)
    stage.pass_off_as_final(log, stage.signed(log))
    assert stage.verdict(log.prover().prove(PACK), with_chain=False) == "signature"
    assert "signature" in stage.audit(log)
    # Fsck compares tables with entries, and judges none.
    assert stage.fsck(log) == set()


def rogue_sale(stage: Stage) -> list[Json]:
    """The registrar gives the maker a key that the maker does not know, and it signs the sale."""
    key, at = secrets.token_bytes(32), now_ms()
    identity, party = stage.node.identity, stage.maker.party
    proof = claim_key(key, identity, party, address_of(key))
    fact = key_added(at, identity.registrar, party, address_of(key), proof)
    known = len(stage.submissions())
    stage.node.registrar().submit([fact], at_ms=at)
    sent = stage.submissions()
    registered = sent[known:]
    rogue = Signer(private_key=key, party=party, party_secret=bytes(32))
    forged = stage.forged(rogue, stage.sale(OTHER_BUYER))
    return [*sent[:SOLD], *registered, forged, sent[RECEIVED]]


def without_the_receipt(stage: Stage) -> list[Json]:
    return stage.submissions()[:RECEIVED]


def packed_before_made(stage: Stage) -> list[Json]:
    sent = stage.submissions()
    return [*sent[:MADE], sent[PACKED], sent[MADE], *sent[SOLD:]]


def all_a_year_ago(stage: Stage) -> list[Json]:
    year = 365 * 86_400_000
    return [row | {"accepted_ms": row["accepted_ms"] - year} for row in stage.submissions()]


REBUILT: dict[str, Callable[[Stage], list[Json]]] = {
    "edits": rogue_sale,
    "omits": without_the_receipt,
    "reorders": packed_before_made,
    "back-dates": all_a_year_ago,
}


@pytest.mark.parametrize("attack", REBUILT)
def test_a_log_made_again_is_not_the_anchored_one(stage: Stage, attack: str) -> None:
    """Everything in it is signed and consistent; only that there was another one convicts."""
    log = stage.rebuilt(REBUILT[attack](stage))
    head = stage.signed(log)
    while head.size <= stage.on_chain().size:  # longer than the anchored one, to be anchored
        register(log, f"4{secrets.randbelow(10**11):011d}0"[:13])
        log.sequencer().run(at_ms=now_ms())
        head = stage.signed(log)
    stage.pass_off_as_final(log, head)
    bundle = log.prover().prove(PACK)
    # Not caught by a verifier without a chain, nor by fsck.
    assert stage.verdict(bundle, with_chain=False) is None
    assert stage.fsck(log) == set()
    assert stage.verdict(bundle) == "anchor"
    assert stage.contract_error(log, head) == "InconsistentHead"
    assert stage.audit(log) == {"anchor"}
    with pytest.raises(InvariantError, match="restored backup"):
        stage.worker(log).verify_not_behind()
    # Whoever was given a bundle before has the head that this log contradicts.
    evidence = stage.conflict(stage.held[-1], bundle, served=log)
    assert read(evidence)["kind"] == "fork"
    assert stage.verdict(evidence) is None


def test_a_partner_finds_the_key_that_it_never_asked_for(stage: Stage) -> None:
    """The registrar can name a key the partner's, in a log that nobody has seen before.

    Nothing contradicts it. But no bundle can leave it out: all facts of a party are in its chain.
    """
    log = stage.rebuilt(rogue_sale(stage))
    stage.pass_off_as_final(log, stage.signed(log))
    bundle = read(log.prover().prove(PACK))
    facts = [decode_fact(bytes.fromhex(one["entry"])) for one in bundle["facts"]]
    added = {fact.payload.get("address") for fact in facts if fact.party == stage.maker.party}
    assert len(added - {None, address_of(stage.maker.private_key).hex()}) == 1


# -- omits and reorders in what he serves --------------------------------------------------------


def test_a_history_without_an_entry_does_not_replay(stage: Stage) -> None:
    """The receipt is left out, with its facts and chains, and counted nowhere."""
    bundle = read(stage.held[-1])
    gone = bundle["events"].pop()["index"]
    for chain in bundle["chains"]:
        chain["indexes"] = [one for one in chain["indexes"] if one != gone]
    party = stage.buyer.party.hex()
    facts = {one["index"] for one in bundle["facts"] if one["entry"][72:136] == party}
    bundle["facts"] = [one for one in bundle["facts"] if one["index"] not in facts]
    bundle["chains"] = [one for one in bundle["chains"] if not facts & {*one["indexes"]}]
    assert stage.verdict(canonical_json(bundle), with_chain=False) == "map"


def test_an_older_history_verifies_and_says_how_old(stage: Stage) -> None:
    """Not caught: the bundle of when the pack was sold holds for ever, up to its head's size.

    Who asks for the newest one compares its size with the head on chain.
    """
    older = read(stage.held[0])
    assert stage.verdict(stage.held[0]) is None
    assert older["head"]["size"] < stage.on_chain().size


def test_entries_that_change_places_are_not_where_they_say(stage: Stage) -> None:
    bundle = read(stage.held[-1])
    one, two = bundle["events"][-2:]
    one["index"], two["index"] = two["index"], one["index"]
    bundle["events"][-2:] = [two, one]
    assert stage.verdict(canonical_json(bundle), with_chain=False) == "inclusion"


# -- forks ---------------------------------------------------------------------------------------


def forked(stage: Stage, *more: Json) -> Node:
    """The log as it was before the sale, going on with another sale."""
    log = stage.earlier()
    for one in (stage.sale(OTHER_BUYER), *more):
        send(log, stage.maker, one)
        log.sequencer().run(at_ms=now_ms())
    return log


NEW = [f"https://id.gs1.org/01/04012345111118/21/N{n}" for n in range(3)]


def test_a_fork_of_an_anchored_size_is_refused_and_convicts_the_log(stage: Stage) -> None:
    """A partner who signs both sales is his accomplice; every entry is truly signed."""
    anchored = stage.node.log.last_head()
    before = stage.earlier().log.last_head()
    log = forked(stage, *map(commission, NEW))
    head = stage.signed(log)
    assert anchored is not None
    assert before is not None
    assert head.size > anchored.size
    assert stage.contract_error(log, head, old_size=before.size) == "StaleOldSize"
    assert stage.contract_error(log, head) == "InconsistentHead"
    with pytest.raises(InvariantError, match="restored backup"):
        log.anchorer().run(at_ms=now_ms())
    stage.pass_off_as_final(log, head)
    bundle = log.prover().prove(PACK)
    assert stage.verdict(bundle, with_chain=False) is None
    assert stage.verdict(bundle) == "anchor"
    evidence = stage.conflict(stage.held[-1], bundle, served=log)
    assert read(evidence)["kind"] == "fork"
    assert stage.verdict(evidence) is None
    assert stage.convicted_on_chain(evidence)


def test_two_heads_of_one_size_convict_the_log(stage: Stage) -> None:
    """One is anchored, the other is served to somebody who does not ask the chain."""
    anchored = stage.node.log.last_head()
    log = forked(stage, commission(NEW[0]))
    served = stage.signed(log)
    assert anchored is not None
    assert served.size == anchored.size
    stage.pass_off_as_final(log, served)
    bundle = log.prover().prove(PACK)
    assert stage.verdict(bundle, with_chain=False) is None
    assert stage.verdict(bundle) == "anchor"
    assert stage.contract_error(log, served) == "NotGrowing"
    evidence = stage.conflict(stage.held[-1], bundle, served=log)
    assert read(evidence)["kind"] == "two_heads"
    assert stage.verdict(evidence) is None
    assert stage.convicted_on_chain(evidence)


def test_two_heads_that_differ_in_the_map_alone_convict_the_log(stage: Stage) -> None:
    """The database holds one head of a size; he signs the other beside it."""
    anchored = stage.node.log.last_head()
    assert anchored is not None
    other = stage.second_signature(anchored, map_root=secrets.token_bytes(32))
    with pytest.raises(InvariantError, match="two roots"):
        stage.node.log.add_head(
            replace(anchored, map_root=other.map_root, signature=other.signature)
        )
    evidence = stage.conflict(as_signed(anchored), other, served=stage.node)
    assert read(evidence)["kind"] == "two_heads"
    assert stage.verdict(evidence) is None
    assert stage.convicted_on_chain(evidence)


# -- back-dates ----------------------------------------------------------------------------------


def test_a_backdated_sale_is_told_and_moves_nobody(stage: Stage) -> None:
    """With the maker as accomplice: an older sale to somebody else is sent when all is over."""
    send(stage.node, stage.maker, stage.sale(OTHER_BUYER, at="2026-01-01T18:00:00Z"))
    settle(stage.node, stage.worker())
    with stage.node.engine.connect() as connection:
        query = "SELECT holder FROM item_states WHERE item_key = :key"
        holder = connection.execute(text(query), {"key": item_key(CASE[18:])}).scalar_one()
        query = "SELECT code FROM findings WHERE item_key = :key AND backdated"
        backdated = connection.execute(text(query), {"key": item_key(CASE[18:])}).scalars().all()
    assert holder == stage.buyer.party
    assert "DOUBLE_SHIP" in backdated
    # As a signed entry it is sound: verifier and audit judge no dates that partners sign.
    assert stage.verdict(stage.node.prover().prove(PACK)) is None
    assert stage.audit() == set()


def test_a_clock_that_is_turned_back_is_named(stage: Stage) -> None:
    """The sequencer never does it; the superuser makes it."""
    state = stage.node.log.state()
    send(stage.node, stage.maker, commission(NEW[0]))
    stage.node.sequencer().run(at_ms=state.clock_ms - 86_400_000)
    assert stage.node.log.state().clock_ms >= state.clock_ms
    with superuser(stage.node) as connection:
        connection.execute(text("UPDATE log_state SET clock_ms = clock_ms - 86400000"))
    send(stage.node, stage.maker, commission(NEW[1]))
    stage.node.sequencer().run(at_ms=state.clock_ms - 86_400_000)
    settle(stage.node, stage.worker())
    assert stage.audit() == {"clock"}


def test_a_clock_that_stands_still_is_refuted_by_the_blocks_before(stage: Stage) -> None:
    """Not caught by audit or verifier: an independent reader of the chain sees it.

    An entry at an index from an anchored size on was logged after the block of that anchor.
    """
    send(stage.node, stage.maker, commission(NEW[0]))
    stage.node.sequencer().run(at_ms=now_ms())
    own_devnet(stage.node.settings).client().rpc("evm_increaseTime", hex(86_400))
    settle(stage.node, stage.worker())  # anchored a day later
    before = stage.node.log.state()
    send(stage.node, stage.maker, commission(NEW[1]))
    stage.node.sequencer().run(at_ms=before.clock_ms)  # and the clock says that no day went by
    settle(stage.node, stage.worker())
    with stage.node.engine.connect() as connection:
        query = text("SELECT entry FROM log_entries WHERE kind = 10 AND log_index >= :size")
        clock = decode_fact(connection.execute(query, {"size": before.integrated}).scalar_one())
    assert stage.audit() == set()
    assert clock.time_ms < stage.block_time_ms(before.integrated) - 3_600_000


# -- leaves out of the map -----------------------------------------------------------------------


def test_an_entry_left_out_of_the_map_is_evidence_of_an_omission(stage: Stage) -> None:
    """He hides the item row while the map is made and while bundles are made, and anchors it."""
    send(stage.node, stage.maker, stage.sale(OTHER_BUYER, at="2026-01-05T10:00:00Z"))
    stage.node.sequencer().run(at_ms=now_ms())
    sale = stage.node.log.state().sequenced - 1
    hide = "CREATE TABLE hidden AS SELECT * FROM item_rows WHERE log_index = :sale"
    with superuser(stage.node) as connection:
        connection.execute(text(hide), {"sale": sale})
        connection.execute(text("DELETE FROM item_rows WHERE log_index = :sale"), {"sale": sale})
    stage.node.integrator().run()
    settle(stage.node, stage.worker())
    short = stage.node.prover().prove(CASE)
    with superuser(stage.node) as connection:
        connection.execute(text("INSERT INTO item_rows SELECT * FROM hidden"))
    # Not caught by the verifier, even with the chain: the head is his, and it is the anchored one.
    assert stage.verdict(short) is None
    shown = {one["index"] for one in read(short)["events"]}
    assert sale not in shown
    # Custody is of before, too: it was made while the row was hidden.
    assert "map" in stage.audit()
    assert "map" in stage.fsck()
    # The buyer to whom the pack was sold has a disclosure of its sale.
    disclosure = stage.node.discloser().disclose(str(sale), [], [CASE])
    evidence = omission(disclosure, short, tree_of(stage.node))
    assert read(evidence)["kind"] == "omission"
    assert stage.verdict(evidence) is None
    assert read(evidence)["omitted"]["index"] == sale


def test_a_revocation_left_out_of_the_map_is_named_by_a_replay(stage: Stage) -> None:
    """A stolen key would look alive for ever. No evidence file shows it, a replay does."""
    address, at = address_of(stage.maker.private_key), now_ms()
    registrar, party = stage.node.identity.registrar, stage.maker.party
    fact = key_revoked(at, registrar, party, address, "stolen")
    stage.node.registrar().submit([fact], at_ms=at)
    stage.node.sequencer().run(at_ms=at)
    revoked = stage.node.log.state().sequenced - 1
    query = text("UPDATE log_entries SET kind = :kind WHERE log_index = :index")
    with superuser(stage.node) as connection:
        connection.execute(query, {"kind": 5, "index": revoked})  # no kind that is in the map
    stage.node.integrator().run()
    with superuser(stage.node) as connection:
        connection.execute(query, {"kind": 4, "index": revoked})
    settle(stage.node, stage.worker())
    assert stage.verdict(stage.node.prover().prove(PACK)) is None
    assert stage.audit() == stage.fsck() == {"map"}


# -- restores a backup ---------------------------------------------------------------------------


def test_a_restored_backup_that_goes_on_is_refused_and_convicts(stage: Stage) -> None:
    """By mistake the worker stops him; on purpose he signs without it, and is a forker."""
    log = stage.earlier()
    with pytest.raises(InvariantError, match="newer backup or a mirror"):
        stage.worker(log).verify_not_behind()
    for item in NEW:
        send(log, stage.maker, commission(item))
        log.sequencer().run(at_ms=now_ms())
    head = stage.signed(log)
    with pytest.raises(InvariantError, match="restored backup"):
        stage.worker(log).verify_not_behind()
    with pytest.raises(InvariantError, match="restored backup"):
        log.anchorer().run(at_ms=now_ms())
    assert stage.contract_error(log, head) == "InconsistentHead"
    assert stage.audit(log) == {"anchor"}
    # Not caught by fsck: the restored tables fit each other.
    assert stage.fsck(log) == set()
    evidence = stage.conflict(stage.held[-1], as_signed(head), served=log)
    assert read(evidence)["kind"] == "fork"
    assert stage.verdict(evidence) is None


# -- logs twice ----------------------------------------------------------------------------------


def test_a_sale_that_is_logged_twice_is_one_sale(stage: Stage) -> None:
    """He would make a partner sell twice: sent again under another name, or past the constraint."""
    sent = stage.submissions()[SOLD]
    again = secrets.token_bytes(32)
    part = stage.node.vault.open(sent["sealed"], sent["digest"])
    stage.node.log.add_submission(
        AcceptedSubmission(
            **(sent | {"digest": again, "sealed": stage.node.vault.seal(part, again)})
        )
    )
    before = stage.node.log.state().sequenced
    stage.node.sequencer().run(at_ms=now_ms())
    assert stage.node.log.state().sequenced == before + 1  # a clock entry, and no second sale
    sale = sold_at(stage)
    with superuser(stage.node) as connection:
        for statement in LOGGED_AGAIN:
            connection.execute(text(statement), {"sale": sale, "index": before + 1})
    settle(stage.node, stage.worker())
    # What was sent again under another name has not the digest that was signed.
    assert stage.audit() == {"results", "submission"}
    assert stage.verdict(stage.node.prover().prove(PACK)) == "inclusion"


LOGGED_AGAIN = (
    "ALTER TABLE log_entries DROP CONSTRAINT uq_log_entries_leaf_hash",
    "ALTER TABLE events DROP CONSTRAINT uq_events_party_digest",
    """
    INSERT INTO log_entries SELECT :index, kind, entry, leaf_hash, submission_id, position, count,
        submission_path FROM log_entries WHERE log_index = :sale
    """,
    """
    INSERT INTO events SELECT :index, party, event_digest, content, sealed_secret, items_secret,
        event_id, event_hash, declares_error FROM events WHERE log_index = :sale
    """,
    """
    INSERT INTO item_rows SELECT :index, row_index, item_key, role, spends FROM item_rows
        WHERE log_index = :sale
    """,
    "UPDATE log_state SET sequenced = sequenced + 1",
)


def sold_at(stage: Stage) -> int:
    entries = {one["index"]: bytes.fromhex(one["entry"]) for one in read(stage.held[0])["events"]}
    (sale,) = (index for index, one in entries.items() if decode_event(one).op == Op.HANDOFF)
    return int(sale)
