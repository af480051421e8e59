"""A whole log in memory: takes submissions as the services do.

It answers as a `ProofStore`, and as the `MapReader` of any head that it published.
"""

from collections.abc import Collection, Mapping
from dataclasses import dataclass, field, replace

from ledger.core.checkpoint import checkpoint_text
from ledger.core.eip712 import head_digest
from ledger.core.entries import (
    Address,
    FactEntry,
    Kind,
    Z,
    decode_event,
    decode_fact,
    entry_leaf_hash,
)
from ledger.core.epcis.read import read_document
from ledger.core.errors import MalformedError
from ledger.core.facts import (
    LogIdentity,
    claim_key,
    clock,
    key_added,
    key_revoked,
    party_added,
    sign_facts,
)
from ledger.core.identifiers import party_key
from ledger.core.item_map import fact_keys, map_proof, map_root, value_of
from ledger.core.merkle import Levels
from ledger.core.signatures import address_of, sign
from ledger.core.strict_json import JsonValue
from ledger.core.submission import (
    Signer,
    build_submission,
    format_submission,
    parse_submission,
    verify_submission,
)
from ledger.core.tiles import TileReader, completed_tiles
from ledger.service.check import CheckedEvent, recomputed
from ledger.service.disclose import Discloser
from ledger.service.map_ports import MapPath
from ledger.service.ports import Head
from ledger.service.proof_ports import ChainLink, EventBody, ProofRow
from ledger.service.prove import Prover
from ledger.service.vault import Vault

REGISTRAR_KEY, HEAD_KEY, NEXT_REGISTRAR_KEY = (bytes([n]) * 32 for n in (1, 2, 250))
Chains = dict[bytes, list[tuple[int, bytes]]]
T0 = 1_767_225_600_000  # 2026-01-01T00:00:00Z
PARENT = 1
IDENTITY = LogIdentity(
    origin="memory.example/log",
    head_signer=address_of(HEAD_KEY),
    registrar=address_of(REGISTRAR_KEY),
    checkpoint_key=bytes(range(32)),
    chain_id=31337,
    contract=bytes([5]) * 20,
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Logged:
    """One entry; a clock has no submission, a fact no body. `paths`: of items, by key."""

    entry: bytes
    proof: ProofRow | None = None
    body: EventBody | None = None
    items: tuple[tuple[bytes, int], ...] = ()
    paths: Mapping[bytes, str] = field(default_factory=dict)
    event_id: str | None = None


def partner(number: int, gln: str) -> Signer:
    """Keys of a partner; `number` from 3 to 255, since the log's own keys come before."""
    return Signer(
        private_key=bytes([number]) * 32,
        party=party_key(f"/417/{gln}"),
        party_secret=bytes([number, 7]) * 16,
    )


@dataclass(slots=True)
class MemoryLog:
    """Genesis and a clock, then what it is given; every head counts as final."""

    identity: LogIdentity = IDENTITY
    vault: Vault = field(default_factory=lambda: Vault(bytes(32)))
    logged: list[Logged] = field(default_factory=list)
    tiles: dict[tuple[int, int], bytes] = field(default_factory=dict)
    tree: Levels = field(default_factory=Levels)
    head: Head | None = None
    registrar_key: bytes = REGISTRAR_KEY
    kept_chains: dict[int, Chains] = field(default_factory=dict)

    def __post_init__(self) -> None:
        self._log_facts([self.identity.entry(T0)])
        self._append([Logged(entry=clock(T0, self.identity.head_signer).encode())])

    def register(self, signer: Signer, gln: str) -> None:
        """Add a party and its key."""
        registrar, address = address_of(self.registrar_key), address_of(signer.private_key)
        proof = claim_key(signer.private_key, self.identity, signer.party, address)
        self._log_facts(
            [
                party_added(T0, registrar, f"/417/{gln}", "A party"),
                key_added(T0, registrar, signer.party, Address(address), proof),
            ]
        )

    def revoke(self, signer: Signer) -> None:
        """Revoke a party's key."""
        registrar, address = address_of(self.registrar_key), address_of(signer.private_key)
        self._log_facts([key_revoked(T0, registrar, signer.party, Address(address), "lost")])

    def rotate_registrar(self) -> None:
        """Make another key the registrar's."""
        address = address_of(NEXT_REGISTRAR_KEY)
        proof = claim_key(NEXT_REGISTRAR_KEY, self.identity, Z, Address(address))
        self._log_facts(
            [self._fact(Kind.REGISTRAR, {"proof": proof.hex(), "registrar": address.hex()})]
        )
        self.registrar_key = NEXT_REGISTRAR_KEY

    def erase(self, index: int) -> None:
        """Destroy content and secret of an event, and log the tombstone that says so."""
        payload: dict[str, JsonValue] = {"index": index, "legal_basis": "GDPR 17(1)(d)"}
        self._log_facts([self._fact(Kind.TOMBSTONE, payload)])
        one = self.logged[index]
        assert one.body is not None
        body = replace(one.body, content=None, event_digest=b"", sealed_secret=None)
        self.logged[index] = replace(one, body=body, event_id=None)

    def submit(
        self,
        document: bytes,
        signer: Signer,
        *,
        refers: Mapping[int, bytes] | None = None,
        spends: Mapping[int, Mapping[int, bytes]] | None = None,
    ) -> list[int]:
        """Sign, send, check and log every event of a document, once; return the new indexes.

        Raises:
            MalformedError: The document cannot be read, or an event not be committed to.
        """
        domain = self.identity.domain()
        built = build_submission(
            document, signer, domain, issued_at=T0, refers=refers, spends=spends
        )
        part = format_submission(built)
        submission = parse_submission(part)
        proven = verify_submission(submission, document, domain.log_id, domain.separator())
        # Whatever a log holds can be proved, also what another release would refuse.
        events = read_document(document).events
        checked = [recomputed(*pair) for pair in zip(events, submission.events, strict=True)]
        for one in checked:
            if one.code is not None:
                raise MalformedError(one.code, one.reason or "")
        rows = self._proof_rows(
            [one.entry for one in checked], submission.signature, proven.doc_hash
        )
        known = {one.entry for one in self.logged}
        new: dict[bytes, Logged] = {}
        for one, row in zip(checked, rows, strict=True):
            if one.entry not in known and one.entry not in new:
                new[one.entry] = Logged(
                    entry=one.entry,
                    proof=replace(row, index=len(self.logged) + len(new)),
                    body=self._body(one),
                    items=tuple((key, role) for key, role, _ in one.items),
                    paths={key: path for key, _, path in one.items},
                    event_id=one.event_id,
                )
        return self._append(list(new.values()))

    def publish(self) -> Head:
        """Sign a head over everything."""
        size, root = self.tree.size, self.tree.root()
        committed = map_root(self._values(size))
        signature = sign(HEAD_KEY, head_digest(self.identity.log_id(), size, root, committed))
        note = checkpoint_text(self.identity.origin, size, root)
        self.head = Head(
            size=size, root=root, map_root=committed, signature=signature, note=note,
            published_ms=T0,
        )  # fmt: skip
        return self.head

    def prover(self) -> Prover:
        """Return the service that makes bundles of this log."""
        return Prover(self, self.vault, TileReader(self.read_tile), self)

    def prove(self, identifier: str, viewer: bytes | None = None) -> bytes:
        """Return the bundle of an item at the last head."""
        return self.prover().prove(identifier, viewer)

    def disclose(self, event: str, *, fields: Collection[str], items: Collection[str]) -> bytes:
        """Return the disclosure of rows of an event at the last head."""
        discloser = Discloser(self, self.vault, TileReader(self.read_tile), self)
        return discloser.disclose(event, fields, items)

    def _fact(self, kind: Kind, payload: dict[str, JsonValue]) -> FactEntry:
        signer = Address(address_of(self.registrar_key))
        return FactEntry(kind=kind, time_ms=T0, signer=signer, party=Z, payload=payload)

    def _log_facts(self, facts: list[FactEntry]) -> None:
        entries = [fact.encode() for fact in facts]
        signature = sign_facts(self.registrar_key, self.identity, entries, T0)
        rows = self._proof_rows(entries, signature, Z)
        self._append(
            [Logged(entry=entry, proof=row) for entry, row in zip(entries, rows, strict=True)]
        )

    def _proof_rows(
        self, entries: list[bytes], signature: bytes, doc_hash: bytes
    ) -> list[ProofRow]:
        tree = Levels()
        tree.extend([entry_leaf_hash(entry) for entry in entries])
        return [
            ProofRow(
                index=len(self.logged) + position,
                entry=entry,
                issued_ms=T0,
                doc_hash=doc_hash,
                signature=signature,
                count=len(entries),
                position=position,
                path=b"".join(tree.inclusion_proof(position)),
            )
            for position, entry in enumerate(entries)
        ]

    def _body(self, one: CheckedEvent) -> EventBody:
        return EventBody(
            content=one.content,
            event_digest=one.event_digest,
            sealed_secret=self.vault.seal(one.event_secret, one.event_digest),
            items_secret=one.items_secret,
            items=tuple((key, role) for key, role, _ in one.items),
            spends=dict(one.spends),
        )

    def _append(self, logged: list[Logged]) -> list[int]:
        start = len(self.logged)
        leaves = [bytes(entry_leaf_hash(one.entry)) for one in logged]
        for level, index, hashes in completed_tiles(start, leaves, self._edge):
            self.tiles[level, index] = hashes
        self.tree.extend(leaves)
        self.logged += logged
        return list(range(start, len(self.logged)))

    def _edge(self, level: int) -> bytes:
        return self.read_tile(level, (len(self.logged) >> 8 * level) // 256)

    def final_head(self) -> Head | None:
        return self.head

    def chain_links(self, item_key: bytes, size: int) -> list[ChainLink]:
        links = []
        for index, one in enumerate(self.logged[:size]):
            if any(key == item_key for key, _ in one.items):
                entry = decode_event(one.entry)
                links.append(
                    ChainLink(
                        index=index,
                        entry=one.entry,
                        time_ms=entry.time_ms,
                        op=entry.op,
                        flags=entry.flags,
                        items=tuple(i for i in one.items if i[0] == item_key or i[1] == PARENT),
                    )
                )
        return links

    def proof_rows(self, indexes: Collection[int]) -> list[ProofRow]:
        rows = [self.logged[index].proof for index in sorted(indexes)]
        return [row for row in rows if row is not None]

    def registrar_indexes(self, size: int) -> list[int]:
        facts = (Kind.GENESIS, Kind.REGISTRAR)
        return [i for i, one in enumerate(self.logged[:size]) if one.entry[4] in facts]

    def event_bodies(self, indexes: Collection[int]) -> dict[int, EventBody]:
        bodies = {index: self.logged[index].body for index in indexes}
        return {index: body for index, body in bodies.items() if body is not None}

    def item_known(self, item_key: bytes) -> bool:
        return any(key == item_key for one in self.logged for key, _ in one.items)

    def item_paths(self, keys: Collection[bytes]) -> dict[bytes, str]:
        paths: dict[bytes, str] = {}
        for one in self.logged:
            paths |= one.paths
        return {key: paths[key] for key in keys if key in paths}

    def events_of_id(self, event_id: str) -> list[int]:
        return [i for i, one in enumerate(self.logged) if one.event_id == event_id]

    def event_of_leaf(self, leaf_hash: bytes) -> int | None:
        for index, one in enumerate(self.logged):
            if one.body is not None and entry_leaf_hash(one.entry) == leaf_hash:
                return index
        return None

    def chain(self, key: bytes, size: int) -> list[tuple[int, bytes]]:
        return self._chains(size).get(key, [])

    def paths(self, keys: Collection[bytes], size: int) -> dict[bytes, MapPath]:
        values = self._values(size)
        proofs = {key: map_proof(values, key) for key in keys}
        return {
            key: MapPath(siblings=proof.siblings, terminal=proof.terminal)
            for key, proof in proofs.items()
        }

    def _values(self, size: int) -> dict[bytes, bytes]:
        return {key: value_of(key, steps) for key, steps in self._chains(size).items()}

    def _chains(self, size: int) -> Chains:
        """Apply the map function of docs/spec/item-map.md to every entry below size."""
        if size not in self.kept_chains:
            chains = self.kept_chains[size] = {}
            for index, one in enumerate(self.logged[:size]):
                for key in sorted(self._map_keys(one)):
                    chains.setdefault(key, []).append((index, bytes(entry_leaf_hash(one.entry))))
        return self.kept_chains[size]

    def _map_keys(self, one: Logged) -> set[bytes]:
        if one.body is not None:
            return {key for key, _ in one.items}
        fact = decode_fact(one.entry)
        if fact.kind == Kind.TOMBSTONE:
            index = fact.payload["index"]
            assert isinstance(index, int)
            return {key for key, _ in self.logged[index].items}
        return set(fact_keys(fact))

    def read_tile(self, level: int, index: int) -> bytes:
        return self.tiles.get((level, index), b"")
