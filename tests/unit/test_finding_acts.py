"""Acts on findings: strict payloads, and who may sign them at which index."""

import secrets
from typing import Any

import pytest

from ledger.core.audit_signatures import SignatureAudit, SignedEntry
from ledger.core.entries import Address, FactEntry, Kind, Z, decode_fact, entry_leaf_hash
from ledger.core.errors import LedgerError, MalformedError
from ledger.core.facts import LogIdentity, facts_digest
from ledger.core.finding_acts import MAX_MUTE_MS, Act, Cause, FindingAct, parse_finding_act
from ledger.core.signatures import address_of, sign
from ledger.core.strict_json import JsonValue
from ledger.core.submission import SignedEvent, Submission, format_submission
from ledger.service.accept import Acceptor
from ledger.service.acts import MAX_ACTS, MAX_AHEAD_MS, accept_acts
from ledger.service.ports import Directory
from ledger.service.vault import Vault

KEY, PARTY = bytes([3]) * 32, bytes([9]) * 32
SIGNER = address_of(KEY)
NOW = 1_767_225_600_000
ITEM, CODE = "/01/04012345111118/21/987", "DOUBLE_SHIP"
LOG = LogIdentity(
    origin="unbroken.example/log", head_signer=Address(bytes(20)), registrar=Address(b"\1" * 20),
    checkpoint_key=bytes(32), chain_id=31337, contract=bytes(20),
)  # fmt: skip
ACTS = [
    FindingAct(act=Act.ACKNOWLEDGE, item=ITEM, code=CODE),
    FindingAct(act=Act.ASSIGN, item="/00/340123450000000017", code=CODE, assignee="Jo, Quality"),
    FindingAct(act=Act.RESOLVE, item=ITEM, code=CODE, cause=Cause.LATE_DATA, note="Sent twice: ü"),
    FindingAct(act=Act.MUTE, item="uri:urn:x:1", code=CODE, until=NOW + MAX_MUTE_MS),
    FindingAct(act=Act.UNMUTE, item=ITEM, code=CODE),
    FindingAct(act=Act.REOPEN, item=ITEM, code=CODE, note="x" * 200),
]


def entry(payload: dict[str, JsonValue], kind: Kind = Kind.FINDING_ACT) -> FactEntry:
    return FactEntry(kind=kind, time_ms=NOW, signer=SIGNER, party=PARTY, payload=payload)


@pytest.mark.parametrize("act", ACTS, ids=lambda act: act.act.value)
def test_an_act_is_read_as_it_was_written(act: FindingAct) -> None:
    raw = act.entry(NOW, SIGNER, PARTY).encode()
    assert raw[4] == 7
    assert parse_finding_act(decode_fact(raw)) == act


ASSIGN: dict[str, JsonValue] = {"act": "assign", "item": ITEM, "code": CODE, "assignee": "Jo"}
MUTE: dict[str, JsonValue] = {"act": "mute", "item": ITEM, "code": CODE, "until": NOW + 1}
WRONG: dict[str, dict[str, JsonValue]] = {
    "no act": {"item": ITEM, "code": CODE},
    "an unknown act": {**ASSIGN, "act": "delete"},
    "an act in capitals": {**ASSIGN, "act": "Assign"},
    "an act that is no text": {**ASSIGN, "act": 1},
    "an unknown code": {**ASSIGN, "code": "DOUBLE_TROUBLE"},
    "no code": {name: value for name, value in ASSIGN.items() if name != "code"},
    "an item as its link": {**ASSIGN, "item": f"https://id.gs1.org{ITEM}"},
    "an item with a wrong check digit": {**ASSIGN, "item": "/01/04012345111119/21/987"},
    "an item with a lot beside its serial": {**ASSIGN, "item": f"{ITEM}/10/A"},
    "no item": {**ASSIGN, "item": ""},
    "an item as URN": {**ASSIGN, "item": "uri:urn:epc:id:sgtin:4012345.011111.987"},
    "another member": {**ASSIGN, "cause": "theft"},
    "an unknown member": {**ASSIGN, "x": 1},
    "no assignee": {"act": "assign", "item": ITEM, "code": CODE},
    "an empty assignee": {**ASSIGN, "assignee": ""},
    "a long assignee": {**ASSIGN, "assignee": "x" * 201},
    "a note with a line feed": {**ASSIGN, "note": "a\nb"},
    "a note that turns the line": {**ASSIGN, "note": "a\u202eb"},
    "a note that is no text": {**ASSIGN, "note": 5},
    "a cause of one's own": {"act": "resolve", "item": ITEM, "code": CODE, "cause": "bad luck"},
    "a mute for ever": {**MUTE, "until": NOW + MAX_MUTE_MS + 1},
    "a mute that is over": {**MUTE, "until": NOW},
    "a mute until a flag": {**MUTE, "until": True},
    "a mute until a text": {**MUTE, "until": "tomorrow"},
    "a resolution with an end": {"act": "resolve", "item": ITEM, "code": CODE, "cause": "other",
                                 "until": NOW + 1},
}  # fmt: skip


@pytest.mark.parametrize("payload", WRONG.values(), ids=WRONG)
def test_what_is_no_act_is_refused(payload: dict[str, JsonValue]) -> None:
    with pytest.raises(MalformedError):
        parse_finding_act(entry(payload))


def test_another_kind_is_no_act() -> None:
    with pytest.raises(MalformedError, match="finding act"):
        parse_finding_act(entry(ACTS[0].payload(), Kind.PARTY))


def directory(*, active: bool = True, registered: bool = True) -> Directory:
    keys = {bytes(SIGNER): (PARTY, active)} if registered else {}
    return Directory(parties={PARTY: True}, keys=keys)


def acceptor(known: Directory) -> Acceptor:
    domain = LOG.domain()
    return Acceptor(
        identity=LOG, directory=known, vault=Vault(bytes(32)), log_id=domain.log_id,
        separator=domain.separator(),
    )  # fmt: skip


def part(entries: list[bytes], *, key: bytes = KEY, salt: bytes = bytes(16)) -> bytes:
    signature = sign(key, facts_digest(LOG, entries, NOW))
    events = [SignedEvent(entry=one, event_secret=bytes(32)) for one in entries]
    return format_submission(
        Submission(events=events, doc_salt=salt, issued_at=NOW, signature=signature)
    )


GOOD = [act.entry(NOW, SIGNER, PARTY).encode() for act in ACTS]


def test_acts_are_taken_from_an_active_key() -> None:
    accepted = accept_acts(acceptor(directory()), part(GOOD), at_ms=NOW)
    assert (accepted.signer, accepted.party, accepted.doc_hash) == (SIGNER, PARTY, Z)
    assert accepted.document is None
    assert accepted.digest == facts_digest(LOG, GOOD, NOW)


OTHER = ACTS[0].entry(NOW, SIGNER, bytes([8]) * 32).encode()
AHEAD = ACTS[0].entry(NOW + MAX_AHEAD_MS + 1, SIGNER, PARTY).encode()
KEY_FACT = entry({"fact": "suspend"}, Kind.PARTY).encode()
REFUSED: dict[str, tuple[Any, Any]] = {
    "an unknown key": (directory(registered=False), part(GOOD)),
    "a revoked key": (directory(active=False), part(GOOD)),
    "another's signature": (directory(), part(GOOD, key=bytes([4]) * 32)),
    "two parties": (directory(), part([*GOOD, OTHER])),
    "a party fact": (directory(), part([KEY_FACT])),
    "a party fact among acts": (directory(), part([*GOOD, KEY_FACT])),
    "a time ahead": (directory(), part([AHEAD])),
    "a salt": (directory(), part(GOOD, salt=b"\1" * 16)),
    "too many": (directory(), part(GOOD[:1] * (MAX_ACTS + 1))),
    "an event": (directory(), part([b"UBE1\1" + bytes(263)])),
}


@pytest.mark.parametrize(("known", "sent"), REFUSED.values(), ids=REFUSED)
def test_others_are_refused_at_the_door(known: Directory, sent: bytes) -> None:
    with pytest.raises(LedgerError):
        accept_acts(acceptor(known), sent, at_ms=NOW)


@pytest.mark.parametrize(
    ("index", "failed"), [(6, []), (5, ["rights"]), (9, ["rights"])], ids=["between", "add", "end"]
)
def test_an_audit_asks_who_could_sign_at_that_index(index: int, failed: list[str]) -> None:
    raw = GOOD[0]
    digest = facts_digest(LOG, [raw], NOW)
    row = SignedEntry(
        log_index=index, kind=7, entry=raw, leaf_hash=entry_leaf_hash(raw), submission_id=1,
        position=0, total=1, path=b"", issued_ms=NOW, doc_hash=Z, signature=sign(KEY, digest),
        digest=digest,
    )  # fmt: skip
    audit = SignatureAudit(LOG, {bytes(SIGNER) + PARTY: ((5, 9),)})
    audit.run([row])
    assert [one.check for one in audit.failures] == failed
    stranger = SignatureAudit(LOG, {secrets.token_bytes(52): ((5, 9),)})
    stranger.run([row])
    assert [one.check for one in stranger.failures] == ["rights"]
