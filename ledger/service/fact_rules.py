"""What facts may be logged: checked against the directory at the index that they would get."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from ledger.core.entries import Address, Kind, decode_fact
from ledger.core.errors import NotPermittedError, SignatureError
from ledger.core.facts import LogIdentity, fact_bytes, facts_digest, verify_fact
from ledger.core.signatures import recover
from ledger.service.ports import Batch, Directory, PendingSubmission


@dataclass(slots=True)
class FactRules:
    """Takes facts into directory and batch of one sequencing transaction."""

    identity: LogIdentity
    directory: Directory
    batch: Batch

    def verify_signer(self, facts: Sequence[bytes], pending: PendingSubmission) -> None:
        """Check who signed a submission of facts.

        Raises:
            SignatureError: Not the registrar.
        """
        digest = facts_digest(self.identity, facts, pending.issued_ms)
        if recover(digest, pending.signature) != self.identity.registrar:
            raise SignatureError("facts are signed by the registrar")

    def apply(self, raw: bytes, index: int) -> int:
        """Check one fact against the directory and apply it; return its kind.

        Raises:
            LedgerError: The fact is malformed, or may not be logged at index.
        """
        fact = decode_fact(raw)
        if fact.kind == Kind.GENESIS:
            if index:
                raise NotPermittedError("a log has one genesis, at index 0")
            return fact.kind
        verify_fact(fact, self.identity, self.identity.domain().separator())
        if fact.kind == Kind.PARTY:
            self._apply_party(fact.party, fact.payload["fact"], fact.payload)
        else:
            address = Address(fact_bytes(fact.payload, "address", 20))
            owner = self.directory.keys.get(address)
            if fact.party not in self.directory.parties:
                raise NotPermittedError("the party of a key is added first")
            if owner is None and fact.payload["fact"] != "add":
                raise NotPermittedError("a key is added before it is revoked")
            if owner is not None and owner[0] != fact.party:
                raise NotPermittedError("an address belongs to one party for ever")
            self.directory.keys[address] = (fact.party, fact.payload["fact"] == "add")
            self.batch.keys.append((address, *self.directory.keys[address]))
        return fact.kind

    def _apply_party(self, party: bytes, what: object, payload: Mapping[str, object]) -> None:
        known = party in self.directory.parties
        if known == (what == "add"):
            raise NotPermittedError("a party is added once, and before it is suspended")
        self.directory.parties[party] = what != "suspend"
        self.batch.parties.append(
            (party, str(payload.get("path", "")), str(payload.get("name", "")), what != "suspend")
        )
