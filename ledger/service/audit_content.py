"""The dearer part of an audit: contents, item rows and documents against what was signed."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from hashlib import sha256

from ledger.core.audit_signatures import Failure
from ledger.core.commitment import ItemName, derive_items_secret, item_names, items_root
from ledger.core.committed_entries import event_entry
from ledger.core.eip712 import SigningDomain, submission_digest
from ledger.core.entries import Kind, Z, decode_event, entry_leaf_hash
from ledger.core.errors import InvariantError, LedgerError, MalformedError
from ledger.core.events import Event
from ledger.core.identifiers import item_key
from ledger.core.jcs import canonical_json
from ledger.core.merkle import root_hash
from ledger.core.strict_json import parse_json
from ledger.core.submission import doc_hash, parse_submission
from ledger.service.audit_ports import AuditBody, AuditStore, AuditSubmission
from ledger.service.vault import Vault


@dataclass(slots=True)
class ContentAudit:
    """Recomputes entries from stored contents and their secrets.

    `erased` has tombstones by the index of their event; those below `integrated` are done.
    """

    vault: Vault
    failures: list[Failure]
    erased: Mapping[int, int] = field(default_factory=dict)
    integrated: int = 0
    items: int = 0

    def run(self, bodies: Iterable[AuditBody]) -> None:
        """Check every entry's body."""
        for body in bodies:
            if body.kind != Kind.EVENT:
                if body.content is not None or body.items:
                    self._fail("content", body, "only an event has content and item rows")
            else:
                try:
                    self._body(body)
                except (LedgerError, InvariantError, ValueError) as error:
                    self._fail("content", body, str(error))

    def _body(self, body: AuditBody) -> None:
        tombstone = self.erased.get(body.log_index)
        if body.content is not None:
            if tombstone is not None and tombstone < self.integrated:
                self._fail("erased", body, f"not yet: tombstone {tombstone} names it")
            self._event(body, body.content)
        elif body.items_secret is None or tombstone is None:
            self._fail("content", body, "the event is not stored, and no tombstone names it")
        else:
            self._retained(body, body.items_secret)

    def _retained(self, body: AuditBody, items_secret: bytes) -> None:
        """Check what erasure leaves: the item rows, against what was signed."""
        signed = decode_event(body.entry)
        if body.sealed_secret is not None or body.event_digest is not None:
            self._fail("erased", body, "its secret or the hash of its content is still there")
        if signed.party != body.party:
            self._fail("content", body, "it is stored under another party")
        named = [ItemName(key, role, path or "") for _, key, role, _, path in body.items]
        self.items += len(named)
        spends = {i: token for i, _, _, token, _ in body.items if token is not None}
        made = (len(named), items_root(named, items_secret, spends))
        if made != (signed.item_count, signed.items_root):
            self._fail("items", body, "the item rows are not exactly those that were signed")
        if any(item_key(item.path) != item.item_key for item in named):
            self._fail("items", body, "a path is not that of its item")

    def _event(self, body: AuditBody, content: bytes) -> None:
        event = parse_json(content)
        if not isinstance(event, dict) or canonical_json(event) != content:
            raise MalformedError("content", "is the canonical JSON of an event")
        if sha256(content).digest() != body.event_digest:
            self._fail("content", body, "the stored digest is not that of the content")
        secret = self.vault.open(body.sealed_secret or b"", body.event_digest or b"")
        if derive_items_secret(secret) != body.items_secret:
            self._fail("items", body, "the items secret is not the event secret's")
        spends = self._items(body, event)
        signed = decode_event(body.entry)
        if signed.party != body.party:
            self._fail("content", body, "it is stored under another party")
        made = event_entry(event, secret, signed.party, signed.signer, signed.refers, spends)
        if made.encode() != body.entry:
            names = [
                name for name in made.__slots__ if getattr(made, name) != getattr(signed, name)
            ]
            self._fail("content", body, f"differs from what was signed in {', '.join(names)}")

    def _items(self, body: AuditBody, event: Event) -> dict[int, bytes]:
        """Check the retained item rows; return the tokens that they spend."""
        named = [
            (i, item.item_key, item.role, item.path) for i, item in enumerate(item_names(event))
        ]
        self.items += len(named)
        if [(i, key, role, path) for i, key, role, _, path in body.items] != named:
            self._fail("items", body, "the item rows are not exactly those of the event")
        spends = {i: token for i, _, _, token, _ in body.items if token is not None}
        if Z in spends.values():
            self._fail("items", body, "a token of zeros is stored as no token")
        return spends

    def _fail(self, check: str, body: AuditBody, detail: str) -> None:
        self.failures.append(Failure(check, body.log_index, detail))


@dataclass(slots=True)
class SubmissionAudit:
    """Checks stored submissions: received bytes and sealed part against the signed digest."""

    domain: SigningDomain
    failures: list[Failure]
    submissions: int = 0

    def run(self, vault: Vault, store: AuditStore, start: int, end: int) -> None:
        """Check submissions with ids [start, end)."""
        for row in store.submissions(start, end):
            self.submissions += 1
            try:
                self._check(vault, row)
            except (LedgerError, InvariantError, ValueError) as error:
                self._fail(row, str(error))

    def _check(self, vault: Vault, row: AuditSubmission) -> None:
        if row.sealed is None:
            # Its digest is checked where it counts: against the signed entries that lead to it.
            if not row.is_erased or row.document is not None:
                self._fail(row, "what was sent is not stored, and no tombstone says why")
            return
        part = parse_submission(vault.open(row.sealed, row.digest))
        if (part.issued_at, part.signature) != (row.issued_ms, row.signature):
            self._fail(row, "time or signature are not those that were sent")
        hashed = Z if row.document is None else doc_hash(part.doc_salt, row.document)
        if hashed != row.doc_hash:
            self._fail(row, "the received document is not the one that was signed")
        leaves = [entry_leaf_hash(event.entry) for event in part.events]
        digest = submission_digest(
            self.domain.separator(), self.domain.log_id, root_hash(leaves), len(leaves), hashed,
            row.issued_ms,
        )  # fmt: skip
        if digest != row.digest:
            self._fail(row, "the stored digest is not that of the submission")

    def _fail(self, row: AuditSubmission, detail: str) -> None:
        self.failures.append(Failure("submission", None, f"submission {row.id}: {detail}"))
