"""Parts that every kind of evidence is made of: head, entries with their inclusion, chains."""

from collections.abc import Collection, Iterable
from dataclasses import dataclass, field
from typing import Any

from ledger.core.entries import EventEntry, Z
from ledger.core.errors import NotAnchoredError, NotFoundError
from ledger.core.identifiers import key_key
from ledger.core.merkle import ReadNode, inclusion_proof
from ledger.core.tiles import TileReader
from ledger.service.map_ports import MapPath, MapReader
from ledger.service.ports import Head
from ledger.service.proof_ports import ProofRow, ProofStore

_GS1 = "https://id.gs1.org"


@dataclass(slots=True)
class Evidence:
    """What is read for one piece of evidence, all of it at one head.

    Attributes:
        chains: (log index, leaf hash) of every step, by map key.
    """

    store: ProofStore
    maps: MapReader
    head: Head
    read: ReadNode
    chains: dict[bytes, list[tuple[int, bytes]]] = field(default_factory=dict)

    def chain(self, key: bytes) -> list[tuple[int, bytes]]:
        """Return the chain of a key, which from now on is part of the evidence."""
        if key not in self.chains:
            self.chains[key] = self.maps.chain(key, self.head.size)
        return self.chains[key]

    def take_signers(self, entries: Iterable[EventEntry]) -> set[int]:
        """Take up the chains of parties and keys that sign; return the indexes of their facts."""
        keys = {key for one in entries for key in (one.party, key_key(one.signer))}
        return {index for key in keys for index, _ in self.chain(key)}

    def facts_part(self, indexes: Collection[int]) -> list[dict[str, Any]]:
        """Return facts by index, with genesis and every registrar."""
        wanted = {*indexes, *self.store.registrar_indexes(self.head.size)}
        return [self.proved(row) for row in self.store.proof_rows(wanted)]

    def chains_part(self) -> list[dict[str, Any]]:
        """Return every chain taken up, each with its path in the map."""
        paths = self.paths(self.chains.keys())
        return [
            {
                "key": key.hex(),
                "indexes": [index for index, _ in steps],
                "siblings": [one.hex() for one in paths[key].siblings],
            }
            for key, steps in sorted(self.chains.items())
        ]

    def paths(self, keys: Collection[bytes]) -> dict[bytes, MapPath]:
        """Return the paths of keys in the head's map.

        Raises:
            NotAnchoredError: Two later heads became final meanwhile.
        """
        try:
            return self.maps.paths(keys, self.head.size)
        except NotFoundError as error:
            raise NotAnchoredError("later anchors became final meanwhile; ask again") from error

    def proved(self, row: ProofRow) -> dict[str, Any]:
        """Return an entry with its inclusion and the submission that signed it."""
        submission: dict[str, Any] = {
            "count": row.count,
            "position": row.position,
            "path": [row.path[i : i + 32].hex() for i in range(0, len(row.path), 32)],
            "issued_at": row.issued_ms,
            "signature": row.signature.hex(),
        }
        if row.doc_hash != Z:
            submission["doc_hash"] = row.doc_hash.hex()
        inclusion = inclusion_proof(row.index, self.head.size, self.read)
        return {
            "index": row.index,
            "entry": row.entry.hex(),
            "inclusion": [node.hex() for node in inclusion],
            "submission": submission,
        }


def open_evidence(store: ProofStore, maps: MapReader, tiles: TileReader) -> Evidence:
    """Begin evidence at the greatest finally anchored head.

    Raises:
        NotAnchoredError: There is none yet, or it is from before the item map.
    """
    head = store.final_head()
    if head is None:
        raise NotAnchoredError("no anchor is final yet, so nothing can be proved")
    if head.map_root == Z:
        raise NotAnchoredError("the last final anchor is from before the item map; wait for one")
    return Evidence(store=store, maps=maps, head=head, read=tiles.at(head.size))


def head_part(head: Head) -> dict[str, Any]:
    """Return a head as evidence shows it."""
    return {
        "size": head.size,
        "root": head.root.hex(),
        "map_root": head.map_root.hex(),
        "signature": head.signature.hex(),
    }
