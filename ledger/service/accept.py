"""Accept: a partner's document with its submission becomes a stored, acknowledged row.

Checked here: strict JSON, one signer and party, rights, entriesRoot and signature. Commitments are
recomputed before sequencing (`ledger.service.check`), off this path.
"""

from dataclasses import dataclass

from ledger.core.errors import MalformedError, NotPermittedError
from ledger.core.events import document_events
from ledger.core.facts import LogIdentity
from ledger.core.strict_json import parse_json
from ledger.core.submission import parse_submission, verify_submission
from ledger.service.ports import AcceptedSubmission, Directory
from ledger.service.vault import Vault

JSON_TYPES = frozenset(["application/json", "application/ld+json"])


@dataclass(slots=True)
class Acceptor:
    """Accepts submissions for one log; `directory` is refreshed by its owner.

    The directory is a courtesy to the sender: the sequencer checks rights again at the index.
    """

    identity: LogIdentity
    directory: Directory
    vault: Vault
    log_id: bytes
    separator: bytes

    def accept(
        self, part: bytes, document: bytes, media_type: str, *, at_ms: int
    ) -> AcceptedSubmission:
        """Check a submission and its document; cost about 60 us of CPU for one event.

        Raises:
            MalformedError: Document, submission or an entry has a wrong form.
            SignatureError: The signature is not the entries' signer's.
            NotPermittedError: The signer is not an active key of the party.
        """
        if media_type.partition(";")[0].strip().lower() not in JSON_TYPES:
            raise MalformedError(
                "document", "is application/json or application/ld+json", media_type
            )
        submission = parse_submission(part)
        checked = verify_submission(submission, document, self.log_id, self.separator)
        if not self.directory.may_sign(checked.signer, checked.party):
            raise NotPermittedError(
                f"0x{checked.signer.hex()} is not an active key of an active party"
            )
        # After the signature: only who may sign can make us read a large document.
        events = document_events(parse_json(document))
        if len(events) != len(submission.events):
            raise MalformedError(
                "submission.events", f"one for each of the document's {len(events)} events",
                len(submission.events),
            )  # fmt: skip
        return AcceptedSubmission(
            digest=checked.digest,
            party=checked.party,
            signer=checked.signer,
            signature=submission.signature,
            issued_ms=submission.issued_at,
            accepted_ms=at_ms,
            doc_hash=checked.doc_hash,
            sealed=self.vault.seal(part, checked.digest),
            document=document,
            media_type=media_type,
        )


def capture_id(digest: bytes) -> str:
    """Return the public name of a capture job; the same submission has the same job."""
    return digest[:16].hex()
