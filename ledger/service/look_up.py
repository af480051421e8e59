"""Look up: what the ledger answers about jobs, items, findings, parties and itself.

Reads only. Rows are read before the sizes of the log: whatever was read has at least the state
that is told of it, and an entry is never reported behind itself.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from ledger.core.custody.findings import Finding
from ledger.core.custody.state import ItemState, Status
from ledger.core.errors import MalformedError, NotFoundError
from ledger.core.identifiers import item_key
from ledger.service.ports import Head
from ledger.service.read_ports import (
    Backlog,
    FoundFinding,
    Item,
    ItemEvent,
    Job,
    Key,
    Party,
    ReadStore,
    Sizes,
)

# One page of a list; a client asks for the next with `after`.
MAX_PAGE = 500
# Each with its errors.
MAX_JOBS = 100
CAPTURE_ID_BYTES = 16
_ENDED = frozenset([Status.DISPENSED, Status.DESTROYED, Status.DECOMMISSIONED, Status.CONSUMED])


@dataclass(slots=True)
class LookUp:
    """Answers questions about the ledger."""

    store: ReadStore

    def job(self, capture_id: str) -> tuple[Job, Sizes]:
        """Return a capture job and the sizes its states follow from.

        Raises:
            NotFoundError: No submission has that id.
        """
        job = self.find_job(capture_id)
        if job is None:
            raise NotFoundError(f"no capture job has the id {capture_id[:64]!r}")
        return job, self.store.sizes()

    def find_job(self, capture_id: str) -> Job | None:
        """Return a capture job, None when no submission has that id."""
        raw = _capture_id(capture_id)
        return self.store.job(raw) if raw else None

    def jobs(self, before: str | None, limit: int) -> list[Job]:
        """Return at most limit and MAX_JOBS capture jobs, newest first, behind the job `before`.

        Raises:
            MalformedError: No job has the id `before`.
        """
        raw = None if before is None else _capture_id(before)
        found = None if raw == b"" else self.store.jobs(raw, min(limit, MAX_JOBS))
        if found is None:
            raise MalformedError("nextPageToken", "is that of the page before", before)
        return found

    def item(self, path: str, after: int = -1) -> tuple[Item, Sizes]:
        """Return an item by canonical path, with one page of its events from behind `after`.

        Raises:
            NotFoundError: No entry of the log names it.
        """
        key = item_key(path)
        known = self.store.item_paths([key])
        if not known:
            raise NotFoundError(f"no entry of the log names {path}")
        events = self.store.item_events(key, after, MAX_PAGE)
        upwards = self.store.custody_upwards(key)
        found = self.store.findings(code=None, item=key, after=(b"", ""), limit=MAX_PAGE)
        item = self._placed(path, key, upwards, [one.finding for one in found], events)
        return item, self.store.sizes()

    def _placed(
        self, path: str, key: bytes, upwards: Sequence[ItemState], found: Sequence[Finding],
        events: Sequence[ItemEvent],
    ) -> Item:  # fmt: skip
        own = upwards[0] if upwards else None
        # What an item came to by itself stays true whatever its box does.
        seen = own if own is None or own.status in _ENDED else upwards[-1]
        holder, shipped_to = (seen.holder, seen.shipped_to) if seen else (None, None)
        wanted = [party for party in (holder, shipped_to) if party]
        named = {one.party: one for one in self.store.parties(wanted)} if wanted else {}
        container = own.container if own else None
        return Item(
            path=path,
            key=key,
            status=seen.status if seen else Status.UNKNOWN,
            holder=_named(named, holder),
            shipped_to=_named(named, shipped_to),
            container=self.store.item_paths([container]).get(container) if container else None,
            condition=_condition(upwards),
            findings=found,
            events=events,
            equivocated=self.store.equivocations({one.signer for one in events}) if events else {},
        )

    def key(self, address: bytes) -> Key:
        """Return a signing key with its party.

        Raises:
            NotFoundError: The address was never registered.
        """
        known = self.store.key_party(address)
        if known is None:
            raise NotFoundError(f"0x{address.hex()} is no registered key")
        party, active = known
        (found,) = self.store.parties([party])
        at = found.equivocated.get(address)
        return Key(address=address, active=active, party=found, equivocated_at=at)

    def sizes(self) -> Sizes:
        """Return how far the log is."""
        return self.store.sizes()

    def registrar(self) -> bytes | None:
        """Return the address of the registrar, None while it is the genesis entry's."""
        return self.store.registrar()

    def parties(self) -> list[Party]:
        """Return every registered party, by path."""
        return self.store.parties()

    def findings(
        self, *, code: str | None, item: bytes | None, after: tuple[bytes, str], limit: int
    ) -> list[FoundFinding]:
        """Return a page of open findings by (item key, code), from behind `after`."""
        return self.store.findings(code=code, item=item, after=after, limit=min(limit, MAX_PAGE))

    def last_head(self) -> Head | None:
        """Return the published head of the greatest size, if any."""
        return self.store.head(None)

    def head(self, size: int | None = None) -> Head:
        """Return the published head of a size, or the greatest.

        Raises:
            NotFoundError: There is none.
        """
        head = self.store.head(size)
        if head is None:
            what = "no head was published yet" if size is None else f"no head has the size {size}"
            raise NotFoundError(what)
        return head

    def tile(self, level: int, index: int, width: int) -> bytes:
        """Return the first `width` hashes of a tile.

        Raises:
            NotFoundError: The log has not that many nodes there.
        """
        hashes = self.store.tile(level, index)[: width * 32]
        if len(hashes) != width * 32:
            raise NotFoundError(f"the log has no {width} hashes in tile {level}/{index}")
        return hashes

    def backlog(self) -> Backlog:
        """Return what waits longest."""
        return self.store.backlog(self.store.sizes().final)


def _capture_id(text: str) -> bytes:
    """Return the bytes of a capture id, b"" of a text that is none."""
    try:
        raw = bytes.fromhex(text)
    except ValueError:
        return b""
    return raw if raw.hex() == text and len(raw) == CAPTURE_ID_BYTES else b""


def _condition(upwards: Sequence[ItemState]) -> str | None:
    """Return what was said of an item, or of the nearest container of which something was said."""
    own = upwards[:1] if upwards and upwards[0].status in _ENDED else upwards
    return next((one.condition for one in own if one.condition is not None), None)


def _named(parties: Mapping[bytes, Party], key: bytes | None) -> Party | None:
    if key is None:
        return None
    return parties.get(key) or Party(party=key, path="", name="", active=False)
