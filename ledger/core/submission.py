"""Submissions: what a partner signs and sends, built and checked (docs/spec/submission.md).

One signature covers a document of any size. Building needs only what the partner keeps: the
document's bytes, a signing key and the party secret. Everything here is deterministic, so a retry
sends the same entries and can never look like a second handoff.
"""

import base64
import binascii
import hashlib
import hmac
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from itertools import chain
from typing import Any

import msgspec

from ledger.core import commitment
from ledger.core.committed_entries import committed_entry
from ledger.core.drafts import Draft, draft_events
from ledger.core.eip712 import SigningDomain, submission_digest
from ledger.core.entries import Address, EventEntry, Z, decode_event, entry_leaf_hash
from ledger.core.errors import LimitError, MalformedError, NotPermittedError, SignatureError
from ledger.core.events import Event
from ledger.core.merkle import leaf_hash, root_hash
from ledger.core.signatures import address_of, recover, sign
from ledger.core.strict_json import MAX_SAFE_INTEGER

DOC_SALT_LENGTH = 16
# One signature may cover this many events; a batch of the sequencer never holds more from one.
MAX_EVENTS = 20_000


@dataclass(frozen=True, slots=True, kw_only=True)
class SignedEvent:
    """One event of a submission: its entry and what the ledger needs to recompute it.

    `row_hashes`, leaf hashes of the event rows joined, is for a signer who is being developed: with
    it a mismatch names the row.
    """

    entry: bytes
    event_secret: bytes
    spends: Mapping[int, bytes] = field(default_factory=dict)
    row_hashes: bytes = b""


@dataclass(frozen=True, slots=True, kw_only=True)
class Submission:
    """A signed document without the document."""

    events: Sequence[SignedEvent]
    doc_salt: bytes
    issued_at: int
    signature: bytes


@dataclass(frozen=True, slots=True, kw_only=True)
class Signer:
    """What a partner keeps: a registered key, the party it speaks for, the party secret."""

    private_key: bytes
    party: bytes
    party_secret: bytes


def doc_hash(doc_salt: bytes, document: bytes) -> bytes:
    """Return the salted hash of the received bytes."""
    return hashlib.sha256(b"unbroken/doc/v1\0" + doc_salt + document).digest()


def build_submission(
    document: bytes,
    signer: Signer,
    domain: SigningDomain,
    *,
    issued_at: int,
    refers: Mapping[int, bytes] | None = None,
    spends: Mapping[int, Mapping[int, bytes]] | None = None,
    explain: bool = False,
    lenient: bool = False,
) -> Submission:
    """Sign every event of an EPCIS document of any format.

    Args:
        document: The bytes that will be sent.
        signer: The partner's keys.
        domain: Of the log that is written to.
        issued_at: ms since 1970; decides nothing.
        refers: By event position, the leaf_hash voided, received or declared wrong.
        spends: By event position, the tokens by item-row index.
        explain: Send the rows' leaf hashes too, so that a mismatch names the row.
        lenient: Sign an event that cannot be committed to with an entry that says so: the ledger
            refuses that event alone and tells why.

    Raises:
        MalformedError: The document cannot be read, or an event cannot be committed to.
    """
    refers, spends = refers or {}, spends or {}
    address = address_of(signer.private_key)
    drafts = draft_events(document, signer.party, signer.party_secret, lenient=lenient)
    events = []
    for i, draft in enumerate(drafts):
        entry = draft.entry(signer.party, address, refers.get(i, Z), spends.get(i, {}))
        events.append(sealed(draft, entry, spends.get(i, {}), explain=explain))
    return sign_events(document, events, signer, domain, issued_at=issued_at)


def sealed(
    draft: Draft, entry: EventEntry, spends: Mapping[int, bytes], *, explain: bool = False
) -> SignedEvent:
    """Return an event as it is sent with its entry."""
    hashes = b""
    if explain and draft.committed is not None:
        hashes = b"".join(_row_hashes(draft.committed, draft.secret))
    return SignedEvent(
        entry=entry.encode(), event_secret=draft.secret, spends=spends, row_hashes=hashes
    )


def sign_events(
    document: bytes,
    events: Sequence[SignedEvent],
    signer: Signer,
    domain: SigningDomain,
    *,
    issued_at: int,
) -> Submission:
    """Sign the entries of a document, one for each of its events, in order."""
    salt = _derive_doc_salt(signer.party_secret, document)
    digest = submission_digest(
        domain.separator(),
        domain.log_id,
        root_hash([entry_leaf_hash(event.entry) for event in events]),
        len(events),
        doc_hash(salt, document),
        issued_at,
    )
    signature = sign(signer.private_key, digest)
    return Submission(events=events, doc_salt=salt, issued_at=issued_at, signature=signature)


def _derive_doc_salt(party_secret: bytes, document: bytes) -> bytes:
    label = b"unbroken/doc-salt/v1\0"
    key = hmac.digest(party_secret, label + hashlib.sha256(document).digest(), "sha256")
    return key[:DOC_SALT_LENGTH]


def _row_hashes(committed: commitment.Commitment, event_secret: bytes) -> list[bytes]:
    return [leaf_hash(data) for data in commitment.row_data(committed.rows, event_secret)]


class _WireEvent(msgspec.Struct, forbid_unknown_fields=True):
    entry: str
    event_secret: str
    refers: str = ""
    rows: str = ""
    spends: list[tuple[int, str]] = []


class _Wire(msgspec.Struct, forbid_unknown_fields=True):
    doc_salt: str
    events: list[_WireEvent]
    issuedAt: int  # noqa: N815 -- the wire's name
    signature: str


_decoder = msgspec.json.Decoder(_Wire)


def format_submission(submission: Submission) -> bytes:
    """Return the `submission` part as JSON."""
    return msgspec.json.encode(
        {
            "doc_salt": submission.doc_salt.hex(),
            "events": [_format_event(event) for event in submission.events],
            "issuedAt": submission.issued_at,
            "signature": submission.signature.hex(),
        }
    )


def _format_event(event: SignedEvent) -> dict[str, Any]:
    formatted: dict[str, Any] = {
        "entry": base64.b64encode(event.entry).decode(),
        "event_secret": event.event_secret.hex(),
    }
    if event.spends:
        formatted["spends"] = [[i, token.hex()] for i, token in sorted(event.spends.items())]
    if event.row_hashes:
        formatted["rows"] = event.row_hashes.hex()
    return formatted


def parse_submission(raw: bytes) -> Submission:
    """Parse the `submission` part.

    Raises:
        MalformedError: Another shape, an unknown member, or a value of a wrong length.
        LimitError: More than MAX_EVENTS events.
    """
    try:
        wire = _decoder.decode(raw)
    except (msgspec.DecodeError, UnicodeDecodeError) as error:
        raise MalformedError("submission", str(error)) from error
    if not 0 <= wire.issuedAt <= MAX_SAFE_INTEGER:
        raise MalformedError("submission.issuedAt", "is ms since 1970", wire.issuedAt)
    if not wire.events:
        rule = "at least 1 event: master data travels in a document with at least one"
        raise MalformedError("submission.events", rule, 0)
    if len(wire.events) > MAX_EVENTS:
        raise LimitError("submission.events", f"at most {MAX_EVENTS} events", len(wire.events))
    return Submission(
        events=[_parse_event(event, i) for i, event in enumerate(wire.events)],
        doc_salt=_hex("submission", "doc_salt", wire.doc_salt, DOC_SALT_LENGTH),
        issued_at=wire.issuedAt,
        signature=_hex("submission", "signature", wire.signature, 65),
    )


def _parse_event(wire: _WireEvent, position: int) -> SignedEvent:
    name = f"submission.events[{position}]"
    try:
        entry = base64.b64decode(wire.entry, validate=True)
    except (binascii.Error, ValueError) as error:
        raise MalformedError(f"{name}.entry", "is base64", wire.entry) from error
    if wire.refers and _hex(name, "refers", wire.refers, 32) != decode_event(entry).refers:
        raise MalformedError(f"{name}.refers", "repeats the entry's field", wire.refers)
    secret = _hex(name, "event_secret", wire.event_secret, commitment.SECRET_LENGTH)
    spends = _parse_spends(name, wire.spends) if wire.spends else {}
    rows = _hex(name, "rows", wire.rows, 32 * decode_event(entry).row_count) if wire.rows else b""
    return SignedEvent(entry=entry, event_secret=secret, spends=spends, row_hashes=rows)


def _parse_spends(name: str, wire: Sequence[tuple[int, str]]) -> dict[int, bytes]:
    spends = {i: _hex(name, "spends", token, 32) for i, token in wire}
    if list(spends) != sorted(spends) or len(spends) != len(wire):
        raise MalformedError(f"{name}.spends", "is increasing by item row")
    return spends


def _hex(owner: str, name: str, text: str, length: int) -> bytes:
    try:
        value = bytes.fromhex(text)
    except ValueError:
        value = b""
    # Back again: fromhex also takes capitals and spaces.
    if len(value) != length or value.hex() != text:
        rule = f"is {length} bytes in lower-case hexadecimal"
        raise MalformedError(f"{owner}.{name}", rule, text)
    return value


@dataclass(frozen=True, slots=True, kw_only=True)
class CheckedSubmission:
    """A submission whose signature is proven; commitments are not recomputed yet."""

    digest: bytes
    doc_hash: bytes
    leaf_hashes: Sequence[bytes]
    signer: Address
    party: bytes


def verify_submission(
    submission: Submission, document: bytes, log_id: bytes, separator: bytes
) -> CheckedSubmission:
    """Check entries and signature; cost: one recovery, three Keccak, a hash per event and KB.

    Raises:
        MalformedError: An entry is malformed.
        NotPermittedError: Entries of several signers or parties, or on behalf of another.
        SignatureError: The signature is not the entries' signer's.
    """
    decoded = (decode_event(event.entry) for event in submission.events)
    first = next(decoded)
    for entry in chain([first], decoded):
        if (entry.signer, entry.party) != (first.signer, first.party):
            raise NotPermittedError("entries of one submission have one signer and one party")
        if entry.on_behalf_of != entry.party:
            raise NotPermittedError("acting on behalf of another party needs a grant")
    leaf_hashes = [entry_leaf_hash(event.entry) for event in submission.events]
    hashed = doc_hash(submission.doc_salt, document)
    digest = submission_digest(
        separator, log_id, root_hash(leaf_hashes), len(leaf_hashes), hashed, submission.issued_at
    )
    if recover(digest, submission.signature) != first.signer:
        raise SignatureError("the signature was not made by the signer that the entries name")
    return CheckedSubmission(
        digest=digest,
        doc_hash=hashed,
        leaf_hashes=leaf_hashes,
        signer=first.signer,
        party=first.party,
    )


def first_difference(
    event: Event, signed: SignedEvent, committed: commitment.Commitment
) -> str | None:
    """Compare an entry with what its event commits to; return the first row or field that differs.

    Args:
        event: E of docs/spec/event.md.
        signed: What was sent for it.
        committed: What `commit` makes of the event with the secret and the tokens that were sent.

    Raises:
        MalformedError: The event means nothing that an entry can say.
    """
    sent = decode_event(signed.entry)
    made = committed_entry(committed, event, sent.party, sent.signer, sent.refers, signed.spends)
    if made.encode() == signed.entry:
        return None
    if signed.row_hashes and (row := _first_row(committed, signed)) is not None:
        pointer, value = committed.rows[row]
        return f"row {row}: computed {pointer} {value.decode()}, the signer hashed something else"
    for name in EventEntry.__slots__:
        expected, actual = getattr(made, name), getattr(sent, name)
        if expected != actual:
            return f"{name}: computed {_shown(expected)}, the entry says {_shown(actual)}"
    return None


def _first_row(committed: commitment.Commitment, signed: SignedEvent) -> int | None:
    """Return the first row whose leaf hash is not the one that the signer sent."""
    sent = (signed.row_hashes[i : i + 32] for i in range(0, len(signed.row_hashes), 32))
    rows = zip(_row_hashes(committed, signed.event_secret), sent, strict=False)
    return next((i for i, (ours, theirs) in enumerate(rows) if ours != theirs), None)


def _shown(value: object) -> str:
    return value.hex() if isinstance(value, bytes) else str(value)
