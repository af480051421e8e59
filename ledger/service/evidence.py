"""Evidence of a double spend: two signed handoffs, and nothing that needs a log (evidence.md)."""

from dataclasses import dataclass
from typing import Any

from ledger.core.commitment import item_salt
from ledger.core.errors import InvariantError, NotFoundError
from ledger.core.facts import LogIdentity
from ledger.core.identifiers import item_key
from ledger.core.jcs import canonical_json
from ledger.core.merkle import Levels, leaf_hash
from ledger.core.strict_json import JsonValue
from ledger.service.proof_ports import ProofRow
from ledger.service.token_ports import EvidenceStore, RetainedBody

FORMAT = "unbroken/evidence/v1"
MEDIA_TYPE = "application/vnd.unbroken.evidence+json"


@dataclass(slots=True)
class EvidenceMaker:
    """Makes evidence files of what the log holds."""

    store: EvidenceStore
    identity: LogIdentity

    def double_spend(self, path: str) -> bytes:
        """Return the evidence that an item, by canonical path, was handed to two owners.

        From entries, item rows and signatures alone: it outlives the erasure of both events.

        Raises:
            NotFoundError: No key signed two owners for one token of the item.
        """
        key = item_key(path)
        found = self.store.double_spend(key)
        if found is None:
            raise NotFoundError(f"no key signed two owners for one token of {path}")
        first, second, token = found
        rows = self.store.proof_rows([first, second])
        evidence: dict[str, JsonValue] = {
            "format": FORMAT,
            "kind": "double_spend",
            "chain_id": self.identity.chain_id,
            "contract": self.identity.contract.hex(),
            "item": path,
            "spends": token.hex(),
            "handoffs": [self._handoff(row, key, token) for row in rows],
        }
        return canonical_json(evidence)

    def _handoff(self, row: ProofRow, key: bytes, token: bytes) -> dict[str, Any]:
        return {
            "log_id": self.identity.log_id().hex(),
            "entry": row.entry.hex(),
            "submission": _submission(row),
            "row": _item_row(self.store.retained(row.index), key, token),
        }


def _submission(row: ProofRow) -> dict[str, Any]:
    return {
        "count": row.count,
        "position": row.position,
        "path": [row.path[i : i + 32].hex() for i in range(0, len(row.path), 32)],
        "issued_at": row.issued_ms,
        "doc_hash": row.doc_hash.hex(),
        "signature": row.signature.hex(),
    }


def _item_row(body: RetainedBody, key: bytes, token: bytes) -> dict[str, Any]:
    tree = Levels()
    salts = [item_salt(body.items_secret, i) for i in range(len(body.rows))]
    tree.extend(
        [
            leaf_hash(b"UIR1" + salt + bytes((role,)) + name + spends)
            for salt, (name, role, spends) in zip(salts, body.rows, strict=True)
        ]
    )
    for i, one in enumerate(body.rows):
        if (one.item_key, one.spends) == (key, token):
            path = [node.hex() for node in tree.inclusion_proof(i)]
            return {"index": i, "salt": salts[i].hex(), "role": one.role, "path": path}
    raise InvariantError("an entry spends a token that none of its item rows has")
