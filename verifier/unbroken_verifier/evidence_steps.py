"""Steps of docs/spec/evidence.md. Nothing of a ledger or a chain is needed to run them."""

from unbroken_verifier.case import Case, at, shown
from unbroken_verifier.eip712 import Z32, head_digest, submission_digest, submission_domain
from unbroken_verifier.entry import decode_event
from unbroken_verifier.errors import RefusedError
from unbroken_verifier.event import item_row_bytes
from unbroken_verifier.evidence import Handoff
from unbroken_verifier.identifiers import item_key, verify_item_path
from unbroken_verifier.operation import Op
from unbroken_verifier.signature import recover, verify_signer
from unbroken_verifier.tree import leaf_hash, root_from_path, verify_consistency, verify_inclusion


def domain(case: Case) -> str:
    """What the signatures are made for is what the policy pins, where it pins it."""
    evidence, policy = case.evidence, case.policy
    pins: dict[str, tuple[bytes | int | None, bytes | int]] = {}
    if evidence.handoffs:
        case.domain = submission_domain(evidence.chain_id, evidence.contract)
        pins["chain_id"] = (policy.chain_id, evidence.chain_id)
        pins["contract"] = (policy.contract, evidence.contract)
    elif evidence.log:
        if evidence.log.log_id != evidence.log_id:
            raise RefusedError("identity is not what log_id is made of")
        pins["log_id"] = (policy.log_id, evidence.log_id)
        pins["registrar"] = (policy.registrar, evidence.log.registrar)
    for name, (pinned, actual) in pins.items():
        if pinned is not None and pinned != actual:
            raise RefusedError(f"{name} is {shown(actual)}, the policy pins {shown(pinned)}")
    return ", ".join(f"{name} {shown(actual)}" for name, (_, actual) in pins.items())


def handoff_signatures(case: Case) -> str:
    """Both entries are event entries, each submitted by its signer, and the signer is one key."""
    signers = []
    for place, handoff in enumerate(case.evidence.handoffs):
        with at(f"handoffs[{place}]"):
            decoded = decode_event(handoff.entry)
            signer = _signer(case, handoff)
            if signer != decoded.signer:
                raise RefusedError(f"signed by 0x{signer.hex()}, not by the entry's signer")
        case.entries.append(decoded)
        signers.append(signer)
    if signers[0] != signers[1]:
        raise RefusedError("two keys signed the two handoffs")
    return f"both submitted by key 0x{signers[0].hex()}"


def items(case: Case) -> str:
    """Both entries name the item, with the token, in a row of their own."""
    evidence = case.evidence
    verify_item_path(evidence.item)
    key = item_key(evidence.item)
    for place, (handoff, decoded) in enumerate(zip(evidence.handoffs, case.entries, strict=True)):
        with at(f"handoffs[{place}]"):
            row = item_row_bytes(handoff.salt, handoff.role, key, evidence.spends)
            verify_inclusion(
                leaf_hash(row),
                handoff.row_index,
                decoded.item_count,
                handoff.row_path,
                decoded.items_root,
            )
    return f"both name {evidence.item} and spend {evidence.spends.hex()}"


def double_spend(case: Case) -> str:
    """Both are handoffs of ownership, to different owners."""
    one, two = case.entries
    if case.evidence.handoffs[0].entry == case.evidence.handoffs[1].entry:
        raise RefusedError("both handoffs are the same entry: it was logged or sent twice")
    for place, decoded in enumerate(case.entries):
        if decoded.op != Op.HANDOFF or decoded.to_owner == Z32:
            raise RefusedError(f"handoffs[{place}] is no handoff to an owner")
    if one.to_owner == two.to_owner:
        raise RefusedError("both handoffs are to the same owner: signed anew, sold once")
    return (
        f"key 0x{one.signer.hex()} signed two handoffs of item {case.evidence.item} to owners "
        f"{one.to_owner.hex()} and {two.to_owner.hex()}, spending one token twice"
    )


def head_signatures(case: Case) -> str:
    """Both heads are signed by the log's head signer.

    Attack: a stranger signs two heads of somebody's log with a key of his own.
    """
    evidence, signer = case.evidence, _head_signer(case)
    for place, head in enumerate(evidence.heads):
        with at(f"heads[{place}]"):
            digest = head_digest(evidence.log_id, head.size, head.root, head.map_root)
            verify_signer(digest, head.signature, signer, "the head signer")
    origin = evidence.log.origin if evidence.log else ""
    return (
        f"both heads of log {evidence.log_id.hex()}, origin {origin}, signed by its head signer "
        f"0x{signer.hex()}"
    )


def two_heads(case: Case) -> str:
    """The heads have one size and different roots."""
    one, two = case.evidence.heads
    if one.size != two.size:
        raise RefusedError(f"the heads have sizes {one.size} and {two.size}")
    if (one.root, one.map_root) == (two.root, two.map_root):
        raise RefusedError("the heads have the same roots")
    what = "roots" if one.root != two.root else "map roots"
    signer = _head_signer(case).hex()
    return f"key 0x{signer} signed two heads of size {one.size} with different {what}"


def fork(case: Case) -> str:
    """The newer head does not contain what the older one says of its size."""
    evidence = case.evidence
    older, newer = evidence.heads
    if not 0 < older.size < newer.size:
        raise RefusedError(f"the heads have sizes {older.size} and {newer.size}")
    if evidence.root == older.root:
        raise RefusedError("the newer tree has the older head's root at its size")
    verify_consistency(older.size, newer.size, evidence.proof, evidence.root, newer.root)
    signer = _head_signer(case).hex()
    return (
        f"key 0x{signer} signed a head of size {newer.size} whose first {older.size} "
        f"entries are not those of its head of size {older.size}"
    )


def _head_signer(case: Case) -> bytes:
    if case.evidence.log is None:
        raise RefusedError("names no log")
    return case.evidence.log.head_signer


def _signer(case: Case, handoff: Handoff) -> bytes:
    sent = handoff.submission
    root = root_from_path(leaf_hash(handoff.entry), sent.position, sent.count, sent.path)
    digest = submission_digest(
        case.domain,
        handoff.log_id,
        entries_root=root,
        count=sent.count,
        doc_hash=sent.doc_hash,
        issued_at=sent.issued_at,
    )
    return recover(digest, sent.signature)
