"""What facts may be logged: checked against the directory at the index that they would get."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from ledger.core.entries import Address, FactEntry, Kind, decode_event, decode_fact
from ledger.core.errors import NotPermittedError, SignatureError
from ledger.core.facts import (
    LogIdentity,
    erased_index,
    fact_bytes,
    facts_digest,
    verify_fact,
)
from ledger.core.signatures import recover
from ledger.service.acts import is_act, verify_act, verify_actor
from ledger.service.ports import Batch, Directory, Erasures, PendingSubmission, Tombstone


@dataclass(slots=True)
class FactRules:
    """Takes facts into directory and batch of one sequencing transaction."""

    identity: LogIdentity
    directory: Directory
    batch: Batch
    erasures: Erasures
    _signer: bytes = b""

    def verify_signer(self, facts: Sequence[bytes], pending: PendingSubmission) -> None:
        """Check who signed a submission of facts.

        Raises:
            SignatureError: Not the registrar; of acts, not who they name.
        """
        digest = facts_digest(self.identity, facts, pending.issued_ms)
        if any(is_act(raw) for raw in facts):
            verify_actor([decode_fact(raw) for raw in facts], digest, pending.signature)
            return
        self._signer = recover(digest, pending.signature)
        if self._signer != self._registrar():
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
        if fact.kind == Kind.FINDING_ACT:
            verify_act(fact, self.directory, self.batch.clock_ms)
            return fact.kind
        separator = self.identity.domain().separator()
        verify_fact(fact, self.identity, separator, self._registrar())
        if fact.signer != self._signer:
            # Attack: behind a rotation in one submission, the outgoing one signs as the incoming.
            raise NotPermittedError("a fact is signed by the registrar that it names")
        self._apply(fact, index)
        return fact.kind

    def _apply(self, fact: FactEntry, index: int) -> None:
        if fact.kind == Kind.PARTY:
            self._apply_party(fact.party, fact.payload["fact"], fact.payload)
        elif fact.kind == Kind.REGISTRAR:
            incoming = Address(fact_bytes(fact.payload, "registrar", 20))
            self.directory.registrar = incoming
            self.batch.registrars.append((index, incoming))
        elif fact.kind == Kind.TOMBSTONE:
            self._apply_tombstone(fact, index)
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

    def _registrar(self) -> Address:
        return self.directory.registrar or self.identity.registrar

    def _apply_tombstone(self, fact: FactEntry, index: int) -> None:
        erased = erased_index(fact)
        entry = self._entry(erased) if erased < index else None
        if entry is None or entry[4] != Kind.EVENT:
            raise NotPermittedError(f"no event has the log index {erased}")
        known = next((one for one in self.batch.tombstones if one.event_index == erased), None)
        named = known.log_index if known else self.erasures.tombstone_of(erased)
        if named is not None:
            raise NotPermittedError(f"event {erased} is erased: tombstone {named}")
        self.batch.tombstones.append(Tombstone(erased, index, decode_event(entry).event_root))

    def _entry(self, index: int) -> bytes | None:
        log = self.batch.log
        if log and index >= log[0].index:
            return log[index - log[0].index].entry
        return self.erasures.logged_entry(index)

    def _apply_party(self, party: bytes, what: object, payload: Mapping[str, object]) -> None:
        known = party in self.directory.parties
        if known == (what == "add"):
            raise NotPermittedError("a party is added once, and before it is suspended")
        self.directory.parties[party] = what != "suspend"
        self.batch.parties.append(
            (party, str(payload.get("path", "")), str(payload.get("name", "")), what != "suspend")
        )
