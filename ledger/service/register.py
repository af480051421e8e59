"""Register: facts of the log, signed by the registrar and put into the same queue as events."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol

from ledger.core.entries import Address, FactEntry, Z
from ledger.core.facts import LogIdentity, facts_digest, sign_facts
from ledger.core.signatures import address_of
from ledger.core.submission import SignedEvent, Submission, format_submission
from ledger.service.ports import AcceptedSubmission
from ledger.service.vault import Vault


class FactStore(Protocol):
    """Where accepted submissions go."""

    def add_submission(self, accepted: AcceptedSubmission) -> None:
        """Store a submission; a digest that is stored already changes nothing."""
        ...


@dataclass(slots=True)
class Registrar:
    """Signs facts with the registrar key, which is apart from the head key.

    It is the registrar as long as nobody rotates: the sequencer refuses what one who has handed
    over signs, and the caller starts again with the new one.
    """

    store: FactStore
    identity: LogIdentity
    registrar_key: bytes
    vault: Vault

    @property
    def address(self) -> Address:
        """Return the address that its facts name as signer."""
        return Address(address_of(self.registrar_key))

    def submit(self, facts: Sequence[FactEntry], *, at_ms: int) -> bytes:
        """Sign facts as one submission, queue them and return its digest."""
        entries = [fact.encode() for fact in facts]
        digest = facts_digest(self.identity, entries, at_ms)
        signature = sign_facts(self.registrar_key, self.identity, entries, at_ms)
        part = format_submission(
            Submission(
                events=[SignedEvent(entry=entry, event_secret=bytes(32)) for entry in entries],
                doc_salt=bytes(16),
                issued_at=at_ms,
                signature=signature,
            )
        )
        self.store.add_submission(
            AcceptedSubmission(
                digest=digest,
                party=Z,
                signer=self.address,
                signature=signature,
                issued_ms=at_ms,
                accepted_ms=at_ms,
                doc_hash=Z,
                sealed=self.vault.seal(part, digest),
                document=None,
                media_type=None,
            )
        )
        return digest
