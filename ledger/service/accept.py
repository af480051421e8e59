"""Accept: a partner's document with its submission becomes a stored, acknowledged row.

Checked here: strict JSON, one signer and party, rights, entriesRoot and signature. Commitments are
recomputed before sequencing (`ledger.service.check`), off this path.
"""

from dataclasses import dataclass

from ledger.core.epcis.finding import DocumentFinding, Severity
from ledger.core.epcis.read import read_document
from ledger.core.errors import MalformedError, NotPermittedError
from ledger.core.facts import LogIdentity
from ledger.core.submission import parse_submission, verify_submission
from ledger.service.findings import RefusedError
from ledger.service.ports import AcceptedSubmission, Directory, ErrorBehaviour
from ledger.service.vault import Vault

JSON_TYPES = frozenset(["application/json", "application/ld+json"])
XML_TYPES = frozenset(["application/xml", "text/xml"])
MEDIA_TYPES = JSON_TYPES | XML_TYPES


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
        self,
        part: bytes,
        document: bytes,
        media_type: str,
        *,
        at_ms: int,
        error_behaviour: ErrorBehaviour = ErrorBehaviour.ROLLBACK,
    ) -> AcceptedSubmission:
        """Check a submission and its document; cost about 60 us of CPU for one event in JSON.

        Faults of single events are the job's to tell, so that the others may proceed.

        Raises:
            MalformedError: Document, submission or an entry has a wrong form.
            RefusedError: The document was read, and can hold no event that is taken.
            LimitError: There are more events than one submission may have.
            SignatureError: The signature is not the entries' signer's.
            NotPermittedError: The signer is not an active key of the party.
        """
        if kind_of(media_type) not in MEDIA_TYPES:
            raise MalformedError("document", "is EPCIS in JSON or XML", media_type)
        submission = parse_submission(part)
        checked = verify_submission(submission, document, self.log_id, self.separator)
        if not self.directory.may_sign(checked.signer, checked.party):
            raise NotPermittedError(
                f"0x{checked.signer.hex()} is not an active key of an active party"
            )
        # After the signature: only who may sign can make us read a large document.
        _verify_readable(document, len(submission.events))
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
            error_behaviour=error_behaviour.value,
        )


def kind_of(media_type: str) -> str:
    """Return a media type without its parameters."""
    return media_type.partition(";")[0].strip().lower()


def _verify_readable(document: bytes, signed: int) -> None:
    read = read_document(document)
    faults = [one for one in read.findings if _refuses_all(one)]
    if faults:
        raise RefusedError(faults)
    if len(read.events) != signed:
        raise MalformedError(
            "submission.events", f"one for each of the document's {len(read.events)} events", signed
        )


def _refuses_all(finding: DocumentFinding) -> bool:
    return finding.event is None and finding.severity is Severity.ERROR


def capture_id(digest: bytes) -> str:
    """Return the public name of a capture job; the same submission has the same job."""
    return digest[:16].hex()
