"""The check before sequencing: what it keeps of findings, and that it fails for one sender only."""

import json
from collections.abc import Callable
from typing import Any

import pytest

from ledger.core.eip712 import SigningDomain
from ledger.core.entries import Op, decode_event
from ledger.core.epcis.event_hash import event_hash
from ledger.core.epcis.finding import DocumentFinding, Severity
from ledger.core.errors import MalformedError
from ledger.core.identifiers import party_key
from ledger.core.submission import Signer, Submission, build_submission, format_submission
from ledger.service import check
from ledger.service.check import CheckedEvent, check_submission, event_name
from ledger.service.findings import MAX_FINDINGS, format_findings

CONTEXT = "https://ref.gs1.org/standards/epcis/2.0.0/epcis-context.jsonld"
DOMAIN = SigningDomain(log_id=bytes([1]) * 32, chain_id=31337, contract=bytes([2]) * 20)
SIGNER = Signer(
    private_key=bytes([7]) * 32, party=party_key("/417/4012345000009"), party_secret=bytes(32)
)
AT = 1_767_571_200_000  # 2026-01-05
GOOD = {
    "type": "ObjectEvent", "eventTime": "2026-01-01T10:00:00Z", "eventTimeZoneOffset": "+00:00",
    "action": "ADD", "bizStep": "commissioning", "disposition": "active",
    "epcList": ["https://id.gs1.org/01/04012345111118/21/1"],
}  # fmt: skip
NO_TIME = {**GOOD, "eventTime": "yesterday"}
Json = dict[str, Any]


def document(*events: Json, **members: object) -> bytes:
    return json.dumps(
        {
            "@context": [CONTEXT], "type": "EPCISDocument", "schemaVersion": "2.0",
            "creationDate": "2026-01-02T00:00:00Z", "epcisBody": {"eventList": events}, **members,
        }
    ).encode()  # fmt: skip


def built(raw: bytes) -> Submission:
    return build_submission(raw, SIGNER, DOMAIN, issued_at=AT, lenient=True)


def checked(raw: bytes, signed: bytes | None = None) -> list[CheckedEvent]:
    return check_submission(format_submission(built(signed or raw)), raw, AT)


def test_a_good_event_is_ready_to_be_logged() -> None:
    (one,) = checked(document(GOOD))
    assert (one.code, one.reason) == (None, None)
    assert json.loads(one.content) == {**GOOD, "@context": [CONTEXT]}
    assert one.event_id == event_hash(json.loads(one.content))
    assert one.event_hash.hex() in one.event_id
    assert (one.has_id, one.declares_error, one.pointer) == (
        False,
        False,
        "/epcisBody/eventList/0",
    )


def test_an_event_with_a_record_time_has_the_digest_of_one_without_it_too() -> None:
    plain, stamped = checked(document(GOOD, {**GOOD, "recordTime": "2026-01-03T10:00:00Z"}))
    assert len(plain.digests) == 1
    assert stamped.digests[1:] == plain.digests
    assert stamped.event_digest != plain.event_digest


def test_an_event_that_cannot_be_signed_is_refused_alone_and_by_its_finding() -> None:
    first, second, third = checked(document(GOOD, NO_TIME, {**GOOD, "epcList": ["urn:x:2"]}))
    assert first.code is third.code is None
    assert second.code == next(
        one.code for one in second.findings if one.severity is Severity.ERROR
    )
    assert second.reason is not None
    assert second.reason.startswith("/epcisBody/eventList/1/eventTime: ")
    assert all(one.event == 1 for one in second.findings)


def test_what_stands_for_an_event_that_cannot_be_signed_commits_to_nothing() -> None:
    entry = decode_event(built(document(NO_TIME)).events[0].entry)
    assert (entry.op, entry.time_ms, entry.item_count) == (Op.OTHER, 0, 0)
    with pytest.raises(MalformedError, match="eventTime"):
        build_submission(document(NO_TIME), SIGNER, DOMAIN, issued_at=AT)


def test_what_stands_for_such_an_event_is_refused_where_the_event_is_good() -> None:
    (one,) = checked(document(GOOD), signed=document(NO_TIME))
    assert one.code == "commitment_mismatch"


def test_a_fault_of_the_document_refuses_every_event() -> None:
    raw = document(GOOD, {**GOOD, "epcList": ["urn:x:2"]}, creationDate="never")
    codes = {one.code for one in checked(raw)}
    assert len(codes) == 1
    assert codes != {None}


@pytest.mark.parametrize(
    "raw",
    [b"", b"{", b"[]", b"<a>", b"\xff", b'{"type":"ObjectEvent"}', document()],
    ids=repr,
)
def test_a_document_that_cannot_be_checked_is_its_own_rejection(raw: bytes) -> None:
    part = format_submission(built(document(GOOD)))
    (one,) = check_submission(part, raw, AT)
    assert one.code is not None
    assert one.reason


@pytest.mark.parametrize("error", [RecursionError("deep"), ValueError("odd"), MemoryError()])
def test_a_check_that_fails_is_a_rejection_too(
    monkeypatch: pytest.MonkeyPatch, error: Exception
) -> None:
    def fail(*_: object, **__: object) -> None:
        raise error

    monkeypatch.setattr(check, "check_events", fail)
    (one,) = checked(document(GOOD))
    assert one.code == "malformed"


def test_an_error_declaration_has_the_name_of_its_original() -> None:
    declared = {**GOOD, "errorDeclaration": {"declarationTime": "2026-01-04T10:00:00Z"}}
    first, second = checked(document(GOOD, declared))
    assert (first.event_id, first.event_hash) == (second.event_id, second.event_hash)
    assert first.event_digest != second.event_digest
    assert (first.declares_error, second.declares_error) == (False, True)


@pytest.mark.parametrize("event_id", ["", "a\0b", "x" * 1025, "é" * 513, 7, None, ["x"]], ids=repr)
def test_an_event_id_that_an_index_cannot_hold_is_refused(event_id: object) -> None:
    with pytest.raises(MalformedError, match="eventID"):
        event_name({**GOOD, "eventID": event_id})


@pytest.mark.parametrize("event_id", ["urn:uuid:1", "x" * 1024, "é" * 512])
def test_another_event_id_is_kept_as_it_is(event_id: str) -> None:
    assert event_name({**GOOD, "eventID": event_id})[0] == event_id


def finding(**changes: Any) -> DocumentFinding:  # noqa: ANN401
    members: Json = {
        "code": "CODE", "severity": Severity.LOW, "pointer": "/x", "value": None, "message": "So.",
        "event": 0,
    }  # fmt: skip
    return DocumentFinding(**{**members, **changes})


def test_findings_are_kept_with_their_members() -> None:
    kept = format_findings([finding(value="7", rule="EPCIS 1"), finding(event=None)])
    assert json.loads(kept or "") == [
        {
            "code": "CODE", "severity": "low", "pointer": "/x", "message": "So.", "value": "7",
            "rule": "EPCIS 1", "event": 0,
        },
        {"code": "CODE", "severity": "low", "pointer": "/x", "message": "So."},
    ]  # fmt: skip
    assert format_findings([]) is None


def test_findings_are_bounded_in_number_and_length() -> None:
    kept = json.loads(format_findings([finding(message="x" * 9999)] * (MAX_FINDINGS + 3)) or "")
    assert len(kept) == MAX_FINDINGS + 1
    assert kept[-1]["code"] == "FINDINGS_TRUNCATED"
    assert "3 more" in kept[-1]["message"]
    assert all(len(one["message"]) <= 500 for one in kept)


HOSTILE: dict[str, Callable[[str], DocumentFinding]] = {
    "value": lambda text: finding(value=text),
    "pointer": lambda text: finding(pointer=text),
    "message": lambda text: finding(message=text),
}


@pytest.mark.parametrize("member", HOSTILE)
@pytest.mark.parametrize("text", ["\0", "\x1b[2J", "\ud800", "\u202e"], ids=ascii)
def test_findings_quote_nothing_that_commands_a_terminal_or_a_database(
    member: str, text: str
) -> None:
    kept = format_findings([HOSTILE[member](f"a{text}b")]) or ""
    assert kept.isprintable()
    assert json.loads(kept)[0][member].isprintable()
