"""One range of an audit: entries, signatures, tiles, heads, contents; runs in any process.

Ranges begin at a multiple of a tile, so that each can rebuild its tiles alone: it hands up one
hash per 256 leaves and, for every head inside it, the subtrees of the last tile, to be joined.
"""

import base64
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import NamedTuple

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey

from ledger.core.audit_signatures import Failure, SignatureAudit, SignedEntry
from ledger.core.checkpoint import checkpoint_text, signed_note
from ledger.core.eip712 import head_digest
from ledger.core.entries import (
    EVENT_LENGTH,
    FLAG_ERROR_DECLARATION,
    FLAG_UNPACK_ALL,
    TAG,
    FactEntry,
    Kind,
    Op,
    Z,
    decode_event,
    decode_fact,
)
from ledger.core.errors import LedgerError, SignatureError
from ledger.core.facts import LogIdentity
from ledger.core.finding_acts import parse_finding_act
from ledger.core.merkle import HASH_SIZE, range_nodes
from ledger.core.rights import Registrars, Spans
from ledger.core.signatures import recover
from ledger.core.tiles import TILE_HEIGHT, TILE_WIDTH, expand
from ledger.service.audit_content import ContentAudit
from ledger.service.audit_ports import AuditStore, Extent, OpenStore
from ledger.service.ports import Head
from ledger.service.vault import Vault

# Entries held at once, in whole tiles: some 4 MB.
CHUNK = 16 * TILE_WIDTH
_KEY_ID_LENGTH = 4
_EVENT_HEAD = TAG + bytes([Kind.EVENT])
_OPS = frozenset(int(op) for op in Op)
_ALL_FLAGS = FLAG_ERROR_DECLARATION | FLAG_UNPACK_ALL
_NONE = bytes(4)
_KIND_AT = 4
_SIGNED_FACTS = frozenset(
    [Kind.GENESIS, Kind.PARTY, Kind.KEY, Kind.REGISTRAR, Kind.TOMBSTONE, Kind.FINDING_ACT]
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Ground:
    """What every range needs and may be sent to another process.

    `registrars` and `erased` are those of `Rights`.
    """

    open_store: OpenStore
    snapshot: str
    identity: LogIdentity
    spans: Spans
    registrars: Registrars
    erased: Mapping[int, int]
    storage_key: bytes
    extent: Extent
    quick: bool


class HeadPart(NamedTuple):
    """A head, whole tiles below it, and the subtrees that it has in the tile after them."""

    size: int
    root: bytes
    tiles: int
    peaks: list[bytes]


@dataclass(slots=True)
class RangeReport:
    """What one range found; tile_roots are those of its full tiles, in order."""

    end: int
    events: int = 0
    signatures: int = 0
    items: int = 0
    tile_roots: list[bytes] = field(default_factory=list)
    heads: list[HeadPart] = field(default_factory=list)
    last_peaks: list[bytes] = field(default_factory=list)
    first_clock: int | None = None
    last_clock: int | None = None
    failures: list[Failure] = field(default_factory=list)


def audit_range(ground: Ground, start: int, end: int) -> RangeReport:
    """Replay entries [start, end) of the snapshot; start is a multiple of CHUNK."""
    with ground.open_store(ground.snapshot) as store:
        report = RangeReport(end)
        replay = _Replay(ground, store, report)
        for first in range(start, end, CHUNK):
            replay.chunk(first, min(first + CHUNK, end))
        return report


@dataclass(slots=True)
class _Replay:
    ground: Ground
    store: AuditStore
    report: RangeReport
    signatures: SignatureAudit = field(init=False)

    def __post_init__(self) -> None:
        self.signatures = SignatureAudit(
            self.ground.identity, self.ground.spans, recovery_ids=not self.ground.quick,
            registrars=self.ground.registrars,
        )  # fmt: skip

    def chunk(self, start: int, end: int) -> None:
        rows = self.store.signed(start, end)
        found = [row.log_index for row in rows]
        if found != list(range(start, end)):
            missing = next(iter(set(range(start, end)) - set(found)), start)
            self._fail("index", missing, "the log has a hole")
        leaves = self._leaves(rows)
        if not self.ground.quick:
            ground = self.ground
            content = ContentAudit(
                Vault(ground.storage_key), self.report.failures, ground.erased,
                ground.extent.integrated,
            )  # fmt: skip
            content.run(self.store.bodies(start, end))
            self.report.items += content.items
        if len(leaves) == end - start:
            self._tiles(start, leaves[: max(0, self.ground.extent.integrated - start)])

    def _leaves(self, rows: list[SignedEntry]) -> list[bytes]:
        erased = self.ground.erased
        for row in rows:
            self._entry(row)
            if row.kind != Kind.EVENT and row.log_index in erased:
                self._fail("fact", erased[row.log_index], "a tombstone names what is no event")
        signed = self.signatures
        leaves = signed.run(rows)
        self.report.signatures = signed.signatures
        self.report.failures += signed.failures
        signed.failures = []
        return leaves

    def _entry(self, row: SignedEntry) -> None:
        """Check the form of one entry, and the order of clocks."""
        at, kind = row.log_index, row.kind
        try:
            if kind != row.entry[_KIND_AT]:
                self._fail("entry", at, "the kind column is not the entry's kind")
            if kind == Kind.EVENT:
                self.report.events += 1
                if not _is_sound(row.entry):
                    decode_event(row.entry)
                    self._fail("rights", at, "on behalf of another party without a grant")
                return
            fact = _fact(row.entry)
        except (LedgerError, IndexError) as error:
            self._fail("entry", at, str(error))
            return
        if kind == Kind.CLOCK:
            self._clock(at, fact)
        elif kind not in _SIGNED_FACTS or (kind == Kind.GENESIS) != (at == 0):
            self._fail("entry", at, f"kind {kind} does not belong here")
        if at == 1 and kind != Kind.CLOCK:
            self._fail("clock", at, "a clock entry begins every batch")

    def _clock(self, at: int, fact: FactEntry) -> None:
        report, identity = self.report, self.ground.identity
        if (fact.signer, fact.party, fact.payload) != (identity.head_signer, Z, {}):
            self._fail("clock", at, "a clock entry names the head signer and no more")
        if report.last_clock is not None and fact.time_ms < report.last_clock:
            self._fail("clock", at, "the sequencer's clock went back")
        report.last_clock = fact.time_ms
        if report.first_clock is None:
            report.first_clock = fact.time_ms

    def _tiles(self, start: int, leaves: list[bytes]) -> None:
        """Rebuild tiles of level 0, and take from them what heads need."""
        first = start >> TILE_HEIGHT
        stored = self.store.tiles(0, first, first + CHUNK // TILE_WIDTH)
        heads = self.store.heads(start + 1, start + len(leaves) + 1)
        for number, at in enumerate(range(0, len(leaves), TILE_WIDTH), first):
            hashes = b"".join(leaves[at : at + TILE_WIDTH])
            if stored.get(number) != hashes:
                self._fail("tiles", number << TILE_HEIGHT, f"tile 0/{number} is not the entries'")
            nodes = expand(hashes)
            width = len(hashes) // HASH_SIZE
            if width == TILE_WIDTH:
                self.report.tile_roots.append(nodes[-1][0])
            self.report.last_peaks = [] if width == TILE_WIDTH else _peaks(nodes, width)
            base = number << TILE_HEIGHT
            for head in _sized(heads, base + 1, base + width):
                within = head.size - base
                whole = within == TILE_WIDTH
                peaks = [] if whole else _peaks(nodes, within)
                self.report.heads.append(HeadPart(head.size, head.root, number + whole, peaks))
        for head in heads:
            self._head(head)

    def _head(self, head: Head) -> None:
        identity = self.ground.identity
        digest = head_digest(identity.log_id(), head.size, head.root, head.map_root)
        self.report.signatures += 1
        try:
            if recover(digest, head.signature) != identity.head_signer:
                self._fail("head", head.size, "not signed by the log's head signer")
            if not self.ground.quick:
                _verify_note(identity, head)
        except SignatureError as error:
            self._fail("head", head.size, str(error))
        except InvalidSignature:
            self._fail("head", head.size, "the checkpoint is not signed by the log")

    def _fail(self, check: str, index: int, detail: str) -> None:
        self.report.failures.append(Failure(check, index, detail))


def _is_sound(entry: bytes) -> bool:
    """Tell whether `decode_event` takes an entry and its party acts for itself, without objects."""
    return (
        len(entry) == EVENT_LENGTH
        and entry[:5] == _EVENT_HEAD
        and entry[5] in _OPS
        and entry[6] <= _ALL_FLAGS
        and not entry[7]
        and entry[36:68] == entry[68:100]
        and entry[196:200] != _NONE
        and (entry[232:236] == _NONE) == (entry[236:] == Z)
    )


def _fact(entry: bytes) -> FactEntry:
    """Return an entry of any kind but event; of an act the payload is checked too."""
    fact = decode_fact(entry)
    if fact.kind == Kind.FINDING_ACT:
        parse_finding_act(fact)
    return fact


def _note_signature(note: bytes) -> bytes:
    encoded = note.removesuffix(b"\n").rpartition(b" ")[2]
    try:
        return base64.b64decode(encoded, validate=True)[_KEY_ID_LENGTH:]
    except ValueError as error:
        raise SignatureError("the checkpoint has no signature line") from error


def _peaks(nodes: list[list[bytes]], width: int) -> list[bytes]:
    return [nodes[level][index] for level, index in range_nodes(0, width)]


def _sized(heads: Iterable[Head], least: int, most: int) -> list[Head]:
    return [head for head in heads if least <= head.size <= most]


def _verify_note(identity: LogIdentity, head: Head) -> None:
    """Check the C2SP checkpoint beside a head.

    Raises:
        SignatureError: It states something else.
        InvalidSignature: Its signature is not the checkpoint key's.
    """
    text = checkpoint_text(identity.origin, head.size, head.root)
    signature = _note_signature(head.note)
    if head.note != signed_note(identity.origin, text, identity.checkpoint_key, signature):
        raise SignatureError("the checkpoint is not of this head")
    Ed25519PublicKey.from_public_bytes(identity.checkpoint_key).verify(signature, text)
