"""The audit's inner loop agrees with the strict functions and names what fails."""

import secrets

import pytest

from ledger.core.audit_signatures import SignatureAudit, SignedEntry
from ledger.core.eip712 import submission_digest
from ledger.core.entries import Address, EventEntry, Op, Z, decode_event, entry_leaf_hash
from ledger.core.errors import MalformedError
from ledger.core.facts import LogIdentity
from ledger.core.merkle import Levels
from ledger.core.signatures import address_of, sign
from ledger.service.audit import tasks
from ledger.service.audit_range import _is_sound

KEY = secrets.token_bytes(32)
PARTY = secrets.token_bytes(32)
IDENTITY = LogIdentity(
    origin="example.org/log", head_signer=Address(bytes(20)), registrar=Address(b"\1" * 20),
    checkpoint_key=bytes(32), chain_id=31337, contract=bytes(20),
)  # fmt: skip
SPANS = {address_of(KEY) + PARTY: ((5, 100),)}
DOC = secrets.token_bytes(32)


def entry(time_ms: int) -> bytes:
    return EventEntry(
        op=Op.OBSERVE, flags=0, time_ms=time_ms, signer=address_of(KEY), party=PARTY,
        on_behalf_of=PARTY, to_owner=Z, to_possessor=Z, refers=Z, row_count=1,
        event_root=secrets.token_bytes(32), item_count=0, items_root=Z,
    ).encode()  # fmt: skip


def submission(count: int, first: int = 6) -> list[SignedEntry]:
    """The rows of one submission of count events, logged from index first on."""
    entries = [entry(i) for i in range(count)]
    tree = Levels()
    tree.extend([entry_leaf_hash(one) for one in entries])
    domain = IDENTITY.domain()
    digest = submission_digest(domain.separator(), domain.log_id, tree.root(), count, DOC, 7)
    signature = sign(KEY, digest)
    return [
        SignedEntry(
            log_index=first + i, kind=1, entry=one, leaf_hash=entry_leaf_hash(one),
            submission_id=first, position=i, total=count, path=b"".join(tree.inclusion_proof(i)),
            issued_ms=7, doc_hash=DOC, signature=signature, digest=digest,
        )
        for i, one in enumerate(entries)
    ]  # fmt: skip


def failed(rows: list[SignedEntry], *, recovery_ids: bool = True) -> list[tuple[str, int | None]]:
    audit = SignatureAudit(IDENTITY, SPANS, recovery_ids=recovery_ids)
    leaves = audit.run(rows)
    assert leaves == [entry_leaf_hash(row.entry) for row in rows]
    return [(one.check, one.at) for one in audit.failures]


@pytest.mark.parametrize("recovery_ids", [True, False])
@pytest.mark.parametrize("count", [1, 2, 7])
def test_what_was_signed_holds(count: int, recovery_ids: bool) -> None:
    rows = submission(count) + submission(count, 50)
    assert failed(rows, recovery_ids=recovery_ids) == []


def test_one_signature_is_checked_once_for_all_events_under_it() -> None:
    audit = SignatureAudit(IDENTITY, SPANS)
    audit.run(submission(7))
    assert audit.signatures == 1


@pytest.mark.parametrize("recovery_ids", [True, False])
def test_a_changed_signature_fails_with_a_known_key_too(recovery_ids: bool) -> None:
    (good,), (bad,) = submission(1), submission(1, 50)
    altered = bytes([bad.signature[0] ^ 1]) + bad.signature[1:]
    rows = [good, bad._replace(signature=altered)]
    assert failed(rows, recovery_ids=recovery_ids) == [("signature", 50)]


def test_the_recovery_id_is_proven_only_when_asked() -> None:
    (good,), (bad,) = submission(1), submission(1, 50)
    altered = bad.signature[:64] + bytes([55 - bad.signature[64]])
    rows = [good, bad._replace(signature=altered)]
    assert failed(rows) == [("signature", 50)]
    assert failed(rows, recovery_ids=False) == []


@pytest.mark.parametrize(
    ("changes", "check"),
    [
        ({"leaf_hash": Z}, "leaf"),
        ({"position": 1}, "signature"),
        ({"total": 4}, "signature"),
        ({"total": -1}, "signature"),
        ({"path": bytes(64)}, "signature"),
        ({"path": bytes(63)}, "signature"),
        ({"issued_ms": 8}, "signature"),
        ({"issued_ms": -1}, "signature"),
        ({"doc_hash": Z}, "signature"),
        ({"digest": Z}, "signature"),
        ({"signature": b""}, "signature"),
        ({"submission_id": None}, "signature"),
        ({"log_index": 5}, "rights"),
        ({"log_index": 100}, "rights"),
        ({"kind": 3}, "rights"),
    ],
    ids=str,
)
def test_every_changed_column_fails(changes: dict[str, object], check: str) -> None:
    row = submission(3)[0]._replace(**changes)  # type: ignore[arg-type]
    assert check in {name for name, _ in failed([row])}


def test_the_quick_look_at_an_entry_agrees_with_the_strict_decoder() -> None:
    good = entry(1)
    assert _is_sound(good)
    assert not _is_sound(good + b"\0")
    for at in (*range(8), *range(36, 100), *range(196, 200), *range(232, 268)):
        for value in (0, 1, 4, 12, 255):
            altered = good[:at] + bytes([value]) + good[at + 1 :]
            try:
                event = decode_event(altered)
                strict = event.party == event.on_behalf_of
            except MalformedError:
                strict = False
            assert _is_sound(altered) == strict, (at, value)


@pytest.mark.parametrize("workers", [1, 2])
def test_tasks_give_their_results_in_order_wherever_they_run(workers: int) -> None:
    with tasks(workers) as run:
        assert list(run(divmod, [(i, 3) for i in range(20)])) == [divmod(i, 3) for i in range(20)]
