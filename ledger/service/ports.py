"""What the use cases need from the outside; store and chain satisfy it by shape."""

from collections.abc import Collection, Mapping, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass, field
from enum import StrEnum
from typing import NamedTuple, Protocol

from ledger.core.entries import Address
from ledger.core.facts import LogIdentity
from ledger.service.integration_ports import IntegrationTransaction, LogState


class ErrorBehaviour(StrEnum):
    """What a rejected event means for the others of its document (EPCIS 2.0 section 12.6)."""

    ROLLBACK = "rollback"
    PROCEED = "proceed"


@dataclass(frozen=True, slots=True, kw_only=True)
class AcceptedSubmission:
    """A submission whose signature is proven; `document` is None for the registrar's facts.

    The first of two submissions with one digest is stored, with its error behaviour.
    """

    digest: bytes
    party: bytes
    signer: bytes
    signature: bytes
    issued_ms: int
    accepted_ms: int
    doc_hash: bytes
    sealed: bytes
    document: bytes | None
    media_type: str | None
    error_behaviour: str = ErrorBehaviour.ROLLBACK.value


@dataclass(frozen=True, slots=True, kw_only=True)
class PendingSubmission:
    """An accepted submission that waits for its log indexes."""

    id: int
    digest: bytes
    signer: bytes
    signature: bytes
    issued_ms: int
    accepted_ms: int
    sealed: bytes
    document: bytes | None
    error_behaviour: str


@dataclass(slots=True)
class Directory:
    """Parties and keys as the facts up to some index leave them.

    `registrar` is None until the first one hands over: then it is the genesis entry's.
    """

    parties: dict[bytes, bool] = field(default_factory=dict)
    keys: dict[bytes, tuple[bytes, bool]] = field(default_factory=dict)
    registrar: Address | None = None

    def may_sign(self, address: bytes, party: bytes) -> bool:
        """Tell whether address is an active key of the active party."""
        return self.keys.get(address) == (party, True) and self.parties.get(party, False)


@dataclass(frozen=True, slots=True, kw_only=True)
class LogRow:
    """One sequenced entry with its signature's path; submission fields are None for a clock."""

    index: int
    kind: int
    entry: bytes
    leaf_hash: bytes
    submission_id: int | None = None
    position: int | None = None
    count: int | None = None
    path: bytes | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class EventRow:
    """Content and retained body of a sequenced event.

    `event_hash` is the CBV 2.0 hash, `event_id` the eventID or that hash as its URI.
    """

    index: int
    party: bytes
    event_digest: bytes
    event_id: str
    event_hash: bytes
    declares_error: bool
    content: bytes
    sealed_secret: bytes
    items_secret: bytes
    items: Sequence[tuple[bytes, int, str]]
    spends: Mapping[int, bytes]


@dataclass(frozen=True, slots=True, kw_only=True)
class ResultRow:
    """What became of one event of a submission; `findings` is a JSON list."""

    submission_id: int
    position: int
    verdict: str
    log_index: int | None = None
    code: str | None = None
    reason: str | None = None
    findings: str | None = None


class EventName(NamedTuple):
    """Who names which event how: what decides whether an eventID is used again."""

    event_id: str
    event_hash: bytes
    event_digest: bytes
    party: bytes


class Namesakes(NamedTuple):
    """What the log has under an eventID, error declarations left out.

    `other` has other content, `own` and `foreign` are alike in all but the error declaration, by
    the same party or by another.
    """

    other: bool
    own: bool
    foreign: bool


class Tombstone(NamedTuple):
    """An erased event, the tombstone that says so, and what a retry of the event is known by."""

    event_index: int
    log_index: int
    event_root: bytes


@dataclass(slots=True)
class Batch:
    """Everything that one sequencing transaction adds."""

    clock_ms: int
    log: list[LogRow] = field(default_factory=list)
    events: list[EventRow] = field(default_factory=list)
    results: list[ResultRow] = field(default_factory=list)
    parties: list[tuple[bytes, str, str, bool]] = field(default_factory=list)
    keys: list[tuple[bytes, bytes, bool]] = field(default_factory=list)
    registrars: list[tuple[int, bytes]] = field(default_factory=list)
    tombstones: list[Tombstone] = field(default_factory=list)
    submission_ids: list[int] = field(default_factory=list)


class Erasures(Protocol):
    """What is erased, and what could be."""

    def logged_entry(self, index: int) -> bytes | None:
        """Return the entry of a log index, None when the log has none there."""
        ...

    def tombstone_of(self, index: int) -> int | None:
        """Return the log index of the tombstone of an event, None when none names it."""
        ...

    def erased_events(self, event_roots: Collection[bytes]) -> dict[bytes, int]:
        """Return the index of each erased event, by event_root."""
        ...


class SequencingTransaction(Erasures, Protocol):
    """One transaction that holds the sequencer's lock; all or nothing."""

    def state(self) -> LogState:
        """Return the log's state, locked."""
        ...

    def identity(self) -> LogIdentity:
        """Return what entry 0 fixed."""
        ...

    def still_pending(self, ids: Sequence[int]) -> set[int]:
        """Return those submissions that nobody has sequenced meanwhile."""
        ...

    def directory(self) -> Directory:
        """Return parties and keys at the sequenced size."""
        ...

    def known_leaves(self, leaf_hashes: Collection[bytes]) -> dict[bytes, int]:
        """Return the index of each leaf hash that is in the log."""
        ...

    def known_events(self, keys: Collection[tuple[bytes, bytes]]) -> dict[tuple[bytes, bytes], int]:
        """Return the index of each (party, event digest) that is in the log."""
        ...

    def namesakes(self, names: Collection[EventName]) -> dict[EventName, Namesakes]:
        """Return what the log has under the eventIDs of names; those it lacks are left out."""
        ...

    def write(self, batch: Batch, sequenced: int) -> None:
        """Write the batch and advance `sequenced` by compare-and-swap."""
        ...


@dataclass(frozen=True, slots=True, kw_only=True)
class Head:
    """A signed head; `note` is the C2SP checkpoint of the same size and root."""

    size: int
    root: bytes
    map_root: bytes
    signature: bytes
    note: bytes
    published_ms: int


@dataclass(frozen=True, slots=True, kw_only=True)
class AnchorRow:
    """One signed transaction of the anchor worker's state machine."""

    id: int
    chain_id: int
    wallet: bytes
    nonce: int
    size: int
    raw: bytes
    tx_hash: bytes
    state: str
    block_number: int | None
    block_hash: bytes | None
    created_ms: int
    updated_ms: int


class LogStore(Protocol):
    """The log's storage as the worker uses it."""

    def pending(self, limit: int) -> list[PendingSubmission]:
        """Return accepted submissions in order of acceptance."""
        ...

    def sequencing(self) -> AbstractContextManager[SequencingTransaction]:
        """Open a sequencing transaction; leaving it commits."""
        ...

    def integrating(self) -> AbstractContextManager[IntegrationTransaction]:
        """Open an integration transaction; leaving it commits."""
        ...

    def state(self) -> LogState:
        """Return the log's state."""
        ...

    def last_head(self) -> Head | None:
        """Return the published head of the greatest size."""
        ...

    def head(self, size: int) -> Head:
        """Return the published head of a size; raises NotFoundError."""
        ...

    def add_head(self, head: Head) -> bool:
        """Publish a head; the same one again changes nothing. Tell whether it is published.

        It is not when integration has left its size meanwhile.

        Raises:
            InvariantError: Its size is published with other roots.
        """
        ...

    def read_tile(self, level: int, index: int) -> bytes:
        """Return the stored hashes of a tile."""
        ...


class AnchorStore(Protocol):
    """The anchor worker's table."""

    def latest(self, chain_id: int) -> AnchorRow | None:
        """Return the newest anchor that is neither failed nor replaced."""
        ...

    def signed_from(self, chain_id: int, wallet: bytes, nonce: int) -> list[AnchorRow]:
        """Return everything ever signed for a wallet's nonces from nonce on, by nonce and age."""
        ...

    def prepare(self, row: AnchorRow, *, instead_of: int | None = None) -> AnchorRow | None:
        """Commit a signed transaction before it is broadcast; returns it with its id.

        The anchor `instead_of` becomes `replaced` in the same transaction. None, and no change,
        when another worker has one in flight or has moved that anchor.
        """
        ...

    def move(
        self,
        anchor_id: int,
        state: str,
        *,
        at_ms: int,
        block: tuple[int, bytes] | None = None,
        reason: str | None = None,
    ) -> None:
        """Change the state of an anchor."""
        ...  # fmt: skip

    def unsettled(self, chain_id: int) -> list[AnchorRow]:
        """Return anchors that are prepared, sent, mined or safe, by nonce."""
        ...


class AnchorChain(Protocol):
    """One chain's anchor contract, for one log, paid from one wallet."""

    @property
    def chain_id(self) -> int:
        """The chain's id."""
        ...

    @property
    def wallet(self) -> bytes:
        """The paying address, 20 bytes; it has no authority over the log."""
        ...

    def anchored_head(self) -> tuple[int, bytes] | None:
        """Return size and root of the last head there, None when the log is not open there."""
        ...

    def mined_nonce(self) -> int:
        """Return how many transactions of the wallet are mined."""
        ...

    def sign(
        self, head: Head, old_size: int, proof: Sequence[bytes], nonce: int
    ) -> tuple[bytes, bytes]:
        """Return raw bytes and hash of what anchors head (genesis at old_size 0)."""
        ...

    def replacement(self, raw: bytes) -> tuple[bytes, bytes] | None:
        """Return raw bytes and hash of the same call with the same nonce and higher fees.

        None when it offers the most that it may already.
        """
        ...

    def broadcast(self, raw: bytes) -> None:
        """Hand signed bytes to the node; repeating it is harmless."""
        ...

    def mined_in(self, tx_hash: bytes, size: int) -> tuple[int, bytes, bool] | None:
        """Return canonical number and hash of the block that a transaction was mined in.

        And whether the head of size was recorded there: by it, or before it by anybody else. Who
        copies an anchor out of the pool makes it revert, and has paid for it.
        """
        ...

    def settled_number(self, state: str) -> int:
        """Return the height up to which blocks are `safe` or `final`."""
        ...
