"""Publish: sign a head for the integrated log and its item map, after their commit, once per size.

A crash after signing and before storing loses a signature that nobody has seen; the next run signs
the same size and root again, which gives the same bytes. No head is signed that does not extend the
last one, whatever the tables say: a signature on a fork cannot be taken back.
"""

from dataclasses import dataclass
from typing import Protocol

from ledger.core.checkpoint import checkpoint_text, signed_note
from ledger.core.eip712 import head_digest
from ledger.core.errors import InvariantError, ProofError
from ledger.core.facts import LogIdentity
from ledger.core.merkle import consistency_proof, verify_consistency
from ledger.core.signatures import sign
from ledger.core.tiles import TileReader
from ledger.service.integration_ports import LogState
from ledger.service.ports import Head, LogStore


class NoteSigner(Protocol):
    """An Ed25519 key."""

    def sign(self, message: bytes, /) -> bytes:
        """Return the 64-byte signature of message."""
        ...


@dataclass(slots=True)
class Publisher:
    """Signs heads with the head key and checkpoints with the checkpoint key."""

    store: LogStore
    identity: LogIdentity
    head_key: bytes
    note_signer: NoteSigner

    def run(self, *, at_ms: int) -> Head | None:
        """Publish the integrated size unless it is; return the new head.

        While the item map is behind no head is signed, and none of a size that integration has
        left meanwhile: pages of the map are kept for published heads only.

        Raises:
            InvariantError: The log does not extend what was signed last (a restored backup).
        """
        # The head first: another worker may publish between the two reads, never the reverse.
        last = self.store.last_head()
        state = self.store.state()
        if last is not None:
            self._verify_extends(state, last)
        if state.integrated == 0 or (last is not None and last.size == state.integrated):
            return None
        if state.map_size != state.integrated:
            return None
        head = self._sign(state, at_ms)
        return head if self.store.add_head(head) else None

    def verify_not_behind(self) -> None:
        """Raise unless the log extends the head that was signed last.

        Raises:
            InvariantError: It does not: a restored backup, or damaged tiles.
        """
        last = self.store.last_head()
        state = self.store.state()
        if last is not None:
            self._verify_extends(state, last)

    def _verify_extends(self, state: LogState, last: Head) -> None:
        if last.size > state.integrated:
            raise InvariantError(
                f"size {last.size} was signed but the log has {state.integrated}: "
                "a restored backup? recover the missing entries from a mirror first"
            )
        try:
            proof: list[bytes] = []
            if last.size < state.integrated:
                read = TileReader(self.store.read_tile).at(state.integrated)
                proof = consistency_proof(last.size, state.integrated, read)
            verify_consistency(
                old=last.size,
                new=state.integrated,
                old_root=last.root,
                new_root=state.root,
                proof=proof,
            )
        except ProofError as error:
            raise InvariantError(
                f"the log of size {state.integrated} does not extend the head signed at size "
                f"{last.size}: {error}; compare the tables with a mirror"
            ) from error

    def _sign(self, state: LogState, at_ms: int) -> Head:
        size, root, identity = state.integrated, state.root, self.identity
        digest = head_digest(identity.log_id(), size, root, state.map_root)
        text = checkpoint_text(identity.origin, size, root)
        signature = self.note_signer.sign(text)
        note = signed_note(identity.origin, text, identity.checkpoint_key, signature)
        return Head(
            size=size,
            root=root,
            map_root=state.map_root,
            signature=sign(self.head_key, digest),
            note=note,
            published_ms=at_ms,
        )
