"""Prove: the evidence of one item, its history or that it has none (docs/spec/bundle.md).

Who may see what is decided in front of it: a viewer narrows a bundle, it authorizes nobody.
"""

from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass
from typing import Any, NamedTuple

from ledger.core.entries import EventEntry, decode_event, decode_fact
from ledger.core.errors import (
    NotAnchoredError,
    NotFoundError,
    NotPermittedError,
)
from ledger.core.identifiers import item_key
from ledger.core.item_names import LITERAL, asked_item, asked_path
from ledger.core.jcs import canonical_json
from ledger.core.tiles import TileReader
from ledger.service.map_ports import MapReader
from ledger.service.proof_parts import (
    Evidence,
    head_part,
    open_evidence,
)
from ledger.service.proof_ports import EventBody, ProofRow, ProofStore
from ledger.service.prove_chains import AGGREGATION, Scope, collect
from ledger.service.prove_event import Viewer, of_items, open_event
from ledger.service.vault import Vault

FORMAT = "unbroken/bundle/v2"
MEDIA_TYPE = "application/vnd.unbroken.bundle+json"
ABSENCE_FORMAT = "unbroken/absence/v1"
ABSENCE_MEDIA_TYPE = "application/vnd.unbroken.absence+json"


class Proof(NamedTuple):
    """Evidence as it is sent; `media_type` tells a history from the proof that there is none."""

    content: bytes
    media_type: str


@dataclass(slots=True)
class Prover:
    """Makes evidence at the greatest finally anchored head."""

    store: ProofStore
    vault: Vault
    tiles: TileReader
    maps: MapReader

    def evidence(self, identifier: str, viewer: bytes | None = None) -> Proof:
        """Return the bundle of an item in any spelling; of one that no entry names, its absence.

        Args:
            identifier: The item.
            viewer: Party whose eyes it is for, None for everything.

        Raises:
            MalformedError: The identifier names no item.
            NotAnchoredError: Entries name it, but no final anchor covers one; or none is final.
            NotFoundError: No entry names it, and it is no GS1 key and no `uri:…`: as likely as that
                it was never logged is that it was not meant. Or the viewer is no party.
            NotPermittedError: The viewer may see no entry of the history.
        """
        path, is_sure = asked_item(identifier)
        key = item_key(path)
        evidence = open_evidence(self.store, self.maps, self.tiles)
        if evidence.chain(key):
            only = None if viewer is None else Viewer(viewer)
            try:
                bundle = self._bundle(evidence, path, only)
            except NotPermittedError:
                if viewer is not None and not evidence.chain(viewer):
                    raise NotFoundError("there is no such party as the viewer in the log") from None
                raise
            return Proof(canonical_json(bundle), MEDIA_TYPE)
        if self.store.item_known(key):
            raise NotAnchoredError(f"{path} is in the log, but no final anchor covers it yet")
        if not is_sure:
            raise NotFoundError(
                f"no entry of the log names {path}; that is proved of a GS1 key, or of a name with"
                f" {LITERAL} before it"
            )
        return Proof(canonical_json(_absence(evidence, path, key)), ABSENCE_MEDIA_TYPE)

    def prove(self, identifier: str, viewer: bytes | None = None) -> bytes:
        """Return the bundle of an item, as `evidence` does.

        Raises:
            NotFoundError: No entry names the item.
        """
        proof = self.evidence(identifier, viewer)
        if proof.media_type != MEDIA_TYPE:
            raise NotFoundError(f"no entry of the log names {asked_path(identifier)}")
        return proof.content

    def _bundle(self, evidence: Evidence, path: str, viewer: Viewer | None) -> dict[str, Any]:
        size = evidence.head.size
        scope = collect(path, lambda key: self.store.chain_links(key, size))
        rows = {row.index: row for row in self.store.proof_rows(scope.shown)}
        entries = {index: decode_event(row.entry) for index, row in rows.items()}
        seen = _seen(entries, viewer)
        leaves = {i: leaf for key in scope.windows for i, leaf in evidence.chain(key)}
        facts = evidence.take_signers(entries[index] for index in seen)
        # What is no event in the chain of an item is a tombstone of one.
        tombstones = leaves.keys() - scope.shown - scope.outside.keys()
        bodies = self.store.event_bodies(seen)
        _verify_erased(bodies, self.store.proof_rows(tombstones))
        names = self.store.item_paths(scope.windows)
        bundle: dict[str, Any] = {
            "format": FORMAT,
            "item": path,
            "head": head_part(evidence.head),
            "chains": evidence.chains_part(),
            "facts": evidence.facts_part(facts | tombstones),
            "events": [
                evidence.proved(rows[index]) | self._shown(index, bodies[index], names, whole=whole)
                for index, whole in seen.items()
            ],
        }
        outside = _outside(scope, viewer)
        hidden = sorted((scope.shown - seen.keys()) | (scope.outside.keys() - outside.keys()))
        return bundle | _present(
            containers=sorted(set(names.values()) - {path}),
            outside=[{"index": i, "entry": entry.hex()} for i, entry in outside.items()],
            blinded=[{"index": i, "leaf_hash": leaves[i].hex()} for i in hidden],
        )

    def _shown(
        self, index: int, body: EventBody, names: Mapping[bytes, str], *, whole: bool
    ) -> dict[str, Any]:
        event = open_event(index, body, self.vault)
        return {
            "rows": event.row_part(of_items(names.keys(), whole=whole)),
            "items": event.item_part(lambda key, _: key in names, names.__getitem__),
        }


def _seen(entries: Mapping[int, EventEntry], viewer: Viewer | None) -> dict[int, bool]:
    """Return which entries are shown, in order: whole, or of an aggregation what decides it.

    Raises:
        NotPermittedError: The viewer has no part in any.
    """
    whole = {i: viewer is None or viewer.sees(entry) for i, entry in sorted(entries.items())}
    if not any(whole.values()):
        raise NotPermittedError("the viewer may see no entry of this item's history")
    return {i: sees for i, sees in whole.items() if sees or entries[i].op in AGGREGATION}


def _verify_erased(bodies: Mapping[int, EventBody], tombstones: Iterable[ProofRow]) -> None:
    """Check that what is erased is said to be so within the head.

    Raises:
        NotAnchoredError: It is not yet: a verifier would take the rows for withheld.
    """
    named = {decode_fact(row.entry).payload["index"] for row in tombstones}
    for index, body in bodies.items():
        if body.content is None and index not in named:
            raise NotAnchoredError(f"entry {index} was erased, and no final anchor says so yet")


def _outside(scope: Scope, viewer: Viewer | None) -> dict[int, bytes]:
    """Return entries outside the item's stays: what a container did elsewhere is not for all."""
    return {
        index: link.entry
        for index, link in sorted(scope.outside.items())
        if viewer is None or viewer.sees(decode_event(link.entry))
    }


def _present(**members: Collection[Any]) -> dict[str, Any]:
    return {name: value for name, value in members.items() if value}


def _absence(evidence: Evidence, path: str, key: bytes) -> dict[str, Any]:
    found = evidence.paths([key])[key]
    absence: dict[str, Any] = {
        "format": ABSENCE_FORMAT,
        "item": path,
        "head": head_part(evidence.head),
        "facts": [evidence.proved(row) for row in evidence.store.proof_rows([0])],
        "siblings": [one.hex() for one in found.siblings],
    }
    if found.terminal is not None:
        other, value = found.terminal
        absence["terminal"] = {"key": other.hex(), "value": value.hex()}
    return absence
