"""Acts on findings: taken in at the door, and decided again at the index that they get.

An act is signed like a document and has none: docHash is Z. Who may sign for a registered party may
act, on any case: what limits an act is that everyone sees who did it.
"""

from collections.abc import Sequence
from typing import Final

from ledger.core.entries import FactEntry, Kind, Z, decode_fact
from ledger.core.errors import (
    LimitError,
    MalformedError,
    NotPermittedError,
    SignatureError,
)
from ledger.core.facts import facts_digest
from ledger.core.finding_acts import parse_finding_act
from ledger.core.signatures import recover
from ledger.core.submission import Submission, parse_submission
from ledger.service.accept import Acceptor
from ledger.service.ports import AcceptedSubmission, Directory

# One signature over a page of cases; each act is a leaf of the log for ever.
MAX_ACTS: Final = 500
# Clocks differ; a time far ahead would stretch a mute beyond its year.
MAX_AHEAD_MS: Final = 300_000


def accept_acts(acceptor: Acceptor, part: bytes, *, at_ms: int) -> AcceptedSubmission:
    """Check a submission of acts, all of one signer and party.

    Raises:
        MalformedError: An act or the submission has a wrong form.
        LimitError: There are more than MAX_ACTS.
        SignatureError: The signature is not the signer's that the acts name.
        NotPermittedError: The signer is not an active key of the party.
    """
    submission = parse_submission(part)
    if len(submission.events) > MAX_ACTS:
        rule = f"at most {MAX_ACTS} acts"
        raise LimitError("submission.events", rule, len(submission.events))
    _verify_no_secrets(submission)
    entries = [event.entry for event in submission.events]
    acts = [decode_fact(entry) for entry in entries]
    digest = facts_digest(acceptor.identity, entries, submission.issued_at)
    verify_actor(acts, digest, submission.signature)
    for act in acts:
        verify_act(act, acceptor.directory, at_ms)
    return AcceptedSubmission(
        digest=digest,
        party=acts[0].party,
        signer=acts[0].signer,
        signature=submission.signature,
        issued_ms=submission.issued_at,
        accepted_ms=at_ms,
        doc_hash=Z,
        sealed=acceptor.vault.seal(part, digest),
        document=None,
        media_type=None,
    )


def _verify_no_secrets(submission: Submission) -> None:
    secrets = [event for event in submission.events if any(event.event_secret) or event.spends]
    if any(submission.doc_salt) or secrets:
        raise MalformedError("submission", "of acts has a salt and secrets of zeros, and no tokens")


def is_act(entry: bytes) -> bool:
    """Tell whether an entry is a finding act."""
    return entry[4:5] == bytes([Kind.FINDING_ACT])


def verify_actor(acts: Sequence[FactEntry], digest: bytes, signature: bytes) -> None:
    """Check who signed acts.

    Raises:
        NotPermittedError: They name several signers or parties.
        SignatureError: Another key signed.
    """
    first = acts[0]
    if {(one.signer, one.party) for one in acts} != {(first.signer, first.party)}:
        raise NotPermittedError("acts of one submission have one signer and one party")
    if recover(digest, signature) != first.signer:
        raise SignatureError("the signature was not made by the signer that the acts name")


def verify_act(act: FactEntry, directory: Directory, clock_ms: int) -> None:
    """Check one act: its form, and that its signer may sign for its party as directory is.

    Raises:
        MalformedError: It is no finding act, or its time is ahead.
        NotPermittedError: The signer is not an active key of the party.
    """
    parse_finding_act(act)
    if act.time_ms > clock_ms + MAX_AHEAD_MS:
        rule = f"at most {MAX_AHEAD_MS // 1000} seconds ahead of the ledger"
        raise MalformedError("time", rule, act.time_ms)
    if not directory.may_sign(act.signer, act.party):
        raise NotPermittedError(f"0x{act.signer.hex()} is not an active key of an active party")
