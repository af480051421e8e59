import pytest

from ledger.core.commitment import commit
from ledger.core.eip712 import SigningDomain
from ledger.core.errors import MalformedError
from ledger.core.events import Event
from ledger.core.submission import (
    Signer,
    build_submission,
    first_difference,
    format_submission,
    parse_submission,
)

DOCUMENT = (
    b'{"type":"ObjectEvent","action":"ADD","eventTime":"2026-01-02T03:04:05Z",'
    b'"eventTimeZoneOffset":"+00:00","bizStep":"commissioning",'
    b'"epcList":["urn:epc:id:sgtin:9521234.010001.1"],"ilmd":{"ex:lot":"A1"}}'
)
EVENT: Event = {
    "type": "ObjectEvent", "action": "ADD", "eventTime": "2026-01-02T03:04:05Z",
    "eventTimeZoneOffset": "+00:00", "bizStep": "commissioning",
    "epcList": ["urn:epc:id:sgtin:9521234.010001.1"], "ilmd": {"ex:lot": "A1"},
}  # fmt: skip
SIGNER = Signer(private_key=b"\1" * 32, party=b"\2" * 32, party_secret=b"\3" * 32)
DOMAIN = SigningDomain(log_id=b"\4" * 32, chain_id=31337, contract=b"\5" * 20)


@pytest.mark.parametrize(
    ("changed", "named"),
    [
        ({}, None),
        ({"ilmd": {"ex:lot": "A2"}}, '/ilmd/ex:lot "A2"'),
        ({"epcList": ["urn:epc:id:sgtin:9521234.010001.2"]}, "/epcList/0"),
        ({"bizStep": "shipping"}, '/bizStep "shipping"'),
    ],
)
def test_a_mismatch_names_the_row_when_row_hashes_were_sent(
    changed: Event, named: str | None
) -> None:
    built = build_submission(DOCUMENT, SIGNER, DOMAIN, issued_at=1, explain=True)
    (signed,) = parse_submission(format_submission(built)).events
    event = EVENT | changed
    difference = first_difference(event, signed, commit(event, signed.event_secret))
    assert (difference is None) if named is None else named in (difference or "")


def test_without_row_hashes_a_mismatch_names_the_field() -> None:
    (signed,) = build_submission(DOCUMENT, SIGNER, DOMAIN, issued_at=1).events
    event = EVENT | {"ilmd": {"ex:lot": "A2"}}
    difference = first_difference(event, signed, commit(event, signed.event_secret))
    assert (difference or "").startswith("event_root: computed ")


def test_row_hashes_have_one_hash_for_each_row() -> None:
    built = build_submission(DOCUMENT, SIGNER, DOMAIN, issued_at=1, explain=True)
    part = format_submission(built).replace(b'"rows":"', b'"rows":"' + b"00" * 32)
    with pytest.raises(MalformedError, match="rows"):
        parse_submission(part)


def test_issued_at_is_a_number_that_evidence_can_carry() -> None:
    built = build_submission(DOCUMENT, SIGNER, DOMAIN, issued_at=1)
    part = format_submission(built).replace(b'"issuedAt":1', b'"issuedAt":%d' % 2**53)
    with pytest.raises(MalformedError, match="issuedAt"):
        parse_submission(part)
