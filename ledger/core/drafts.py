"""Drafts: what a signer makes of the events of a document before tokens are known.

Rows are hashed once, here; a token changes the item rows alone.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

from ledger.core import commitment
from ledger.core.committed_entries import committed_entry
from ledger.core.entries import Address, EventEntry, Op, Z
from ledger.core.epcis.document import Document
from ledger.core.epcis.finding import Severity
from ledger.core.epcis.read import read_document
from ledger.core.errors import MalformedError
from ledger.core.events import Event, Operation, operation
from ledger.core.identifiers import party_key, party_path


@dataclass(frozen=True, slots=True, kw_only=True)
class Draft:
    """One event, committed to without tokens; `committed` and `meaning` are None together.

    Then no entry can say the event, and its fault is the ledger's to tell.
    """

    event: Event
    digest: bytes
    secret: bytes
    committed: commitment.Commitment | None = None
    meaning: Operation | None = None

    @property
    def spends(self) -> bool:
        """Tell whether it may spend tokens: a handoff to an owner."""
        meaning = self.meaning
        return meaning is not None and meaning.op is Op.HANDOFF and meaning.to_owner != Z

    def entry(
        self, party: bytes, address: Address, refers: bytes, spends: Mapping[int, bytes]
    ) -> EventEntry:
        """Return the event's entry.

        Raises:
            MalformedError: A token stands where none may, or refers where nothing may.
        """
        if self.committed is None:
            return refused_entry(party, address)
        committed = with_tokens(self.committed, self.secret, spends)
        return committed_entry(committed, self.event, party, address, refers, spends)

    def owner_path(self) -> str:
        """Return the path of the party that becomes the owner, "" when there is none."""
        meaning = self.meaning
        destinations = self.event.get("destinationList")
        if meaning is None or meaning.to_owner == Z or not isinstance(destinations, list):
            return ""
        named = (one.get("destination") for one in destinations if isinstance(one, dict))
        paths = (party_path(one) for one in named if isinstance(one, str))
        return next((path for path in paths if party_key(path) == meaning.to_owner), "")


def with_tokens(
    committed: commitment.Commitment, event_secret: bytes, spends: Mapping[int, bytes]
) -> commitment.Commitment:
    """Return a commitment that was made without tokens, with them."""
    if not spends:
        return committed
    secret = commitment.derive_items_secret(event_secret)
    root = commitment.items_root(committed.items, secret, spends)
    return replace(committed, items_root=root)


def refused_entry(party: bytes, address: Address) -> EventEntry:
    """Return an entry that commits to nothing, so that the ledger refuses its event alone."""
    return EventEntry(
        op=Op.OTHER, flags=0, time_ms=0, signer=address, party=party, on_behalf_of=party,
        to_owner=Z, to_possessor=Z, refers=Z, row_count=1, event_root=Z, item_count=0,
        items_root=Z,
    )  # fmt: skip


def draft_events(
    document: bytes, party: bytes, party_secret: bytes, *, lenient: bool = False
) -> list[Draft]:
    """Commit to every event of an EPCIS document of any format.

    Args:
        document: The bytes that will be sent.
        party: Who will sign.
        party_secret: Of the party; event secrets come from it.
        lenient: Take an event that cannot be committed to as a draft that says so.

    Raises:
        MalformedError: The document cannot be read, or an event cannot be committed to.
    """
    events = _readable_events(read_document(document), lenient=lenient)
    return [_draft(event, party, party_secret, lenient=lenient) for event in events]


def _readable_events(document: Document, *, lenient: bool) -> Sequence[Event]:
    """Return a document's events.

    Raises:
        MalformedError: Reading found an error; with lenient, one that refuses every event.
    """
    for finding in document.findings:
        if finding.severity is Severity.ERROR and not (lenient and finding.event is not None):
            raise MalformedError(finding.pointer or "document", finding.message, finding.value)
    return document.events


def _draft(event: Event, party: bytes, party_secret: bytes, *, lenient: bool) -> Draft:
    digest = commitment.event_digest(event)
    secret = commitment.derive_event_secret(party_secret, digest)
    try:
        return Draft(
            event=event, digest=digest, secret=secret,
            committed=commitment.commit(event, secret), meaning=operation(event, party),
        )  # fmt: skip
    except MalformedError:
        if not lenient:
            raise
        return Draft(event=event, digest=digest, secret=secret)
