"""Who may sign, and what was erased: facts folded in log order (docs/spec/entry.md)."""

from bisect import bisect_left
from collections.abc import Sequence
from dataclasses import dataclass, field

from unbroken_verifier.eip712 import Z32, key_claim_digest
from unbroken_verifier.entry import Fact, Genesis, Header, KeyFact, PartyFact, RegistrarFact
from unbroken_verifier.errors import RefusedError
from unbroken_verifier.identifiers import party_key, verify_party_path
from unbroken_verifier.signature import verify_signer


@dataclass(slots=True)
class Registry:
    """What the facts of a file say, each as (log index, active from there on).

    Attributes:
        registrar: who signs the next fact.
        erased: log index of an erased event to the legal basis.
    """

    log: Genesis
    domain: bytes
    registrar: bytes
    erased: dict[int, str] = field(default_factory=dict)
    parties: dict[bytes, list[tuple[int, bool]]] = field(default_factory=dict)
    keys: dict[bytes, list[tuple[int, bool]]] = field(default_factory=dict)
    owners: dict[bytes, bytes] = field(default_factory=dict)

    def add(self, index: int, header: Header, fact: Fact) -> None:
        """Takes the next fact.

        Raises:
            RefusedError: it is not signed by the registrar, or contradicts the facts before it.
        """
        if header.signer != self.registrar:
            raise RefusedError("is not signed by the registrar")
        if isinstance(fact, PartyFact):
            self._add_party_fact(index, header, fact)
        elif isinstance(fact, KeyFact):
            self._add_key_fact(index, header, fact)
        elif isinstance(fact, RegistrarFact):
            self._rotate(fact)
        elif fact.index >= index or fact.index in self.erased:
            raise RefusedError(f"a tombstone names {fact.index}: later, or erased already")
        else:
            self.erased[fact.index] = fact.legal_basis

    def _rotate(self, fact: RegistrarFact) -> None:
        if fact.registrar in {self.registrar, self.log.head_signer}:
            raise RefusedError("the incoming registrar is the outgoing one, or the head signer")
        digest = key_claim_digest(self.domain, self.log.log_id, Z32, fact.registrar)
        verify_signer(digest, fact.proof, fact.registrar, "the incoming registrar")
        self.registrar = fact.registrar

    def _add_party_fact(self, index: int, header: Header, fact: PartyFact) -> None:
        if fact.path is not None:
            verify_party_path(fact.path)
            if party_key(fact.path) != header.party:
                raise RefusedError("the party is not the one of its path")
        elif header.party not in self.parties:
            raise RefusedError(f"the party is to {fact.fact} before it was added")
        self.parties.setdefault(header.party, []).append((index, fact.fact != "suspend"))

    def _add_key_fact(self, index: int, header: Header, fact: KeyFact) -> None:
        if fact.proof is not None:
            digest = key_claim_digest(self.domain, self.log.log_id, header.party, fact.address)
            verify_signer(digest, fact.proof, fact.address, "the added key")
            self.owners.setdefault(fact.address, header.party)
        if self.owners.get(fact.address) != header.party:
            raise RefusedError(f"key 0x{fact.address.hex()} is not one of this party")
        self.keys.setdefault(fact.address, []).append((index, fact.proof is not None))

    def verify_signer_active(self, index: int, signer: bytes, party: bytes) -> None:
        """At `index` the signer is an active key of the party, and the party is active.

        A fact acts on entries with a larger index; the last one decides.

        Raises:
            RefusedError: one of these does not hold by the facts of this bundle.
        """
        if self.owners.get(signer) != party:
            raise RefusedError(f"signer 0x{signer.hex()} is not a known key of the party")
        if not _active(self.keys[signer], index):
            raise RefusedError(f"key 0x{signer.hex()} is not active at index {index}")
        if not _active(self.parties.get(party, ()), index):
            raise RefusedError(f"the party is not active at index {index}")


def _active(history: Sequence[tuple[int, bool]], index: int) -> bool:
    """What the last fact before `index` says; a search, since both lists may be long."""
    place = bisect_left(history, (index, False))
    return place > 0 and history[place - 1][1]
