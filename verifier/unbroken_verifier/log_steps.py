"""Steps about the log: whose it is, what its head holds, who signed, and by what right.

Each takes what earlier steps established, raises `RefusedError`, and returns one sentence on what
it checked.
"""

from unbroken_verifier.anchor import verify_anchor
from unbroken_verifier.case import Case, at, shown
from unbroken_verifier.eip712 import Z32, head_digest, submission_digest, submission_domain
from unbroken_verifier.entry import decode_event, decode_fact, decode_genesis, signer_of
from unbroken_verifier.errors import NotFinalError, RefusedError
from unbroken_verifier.facts import Registry
from unbroken_verifier.operation import Op
from unbroken_verifier.parts import Event
from unbroken_verifier.signature import verify_signer
from unbroken_verifier.tree import leaf_hash, root_from_path, verify_inclusion


def genesis(case: Case) -> str:
    """The first fact is the genesis entry; it is the pinned log's, if one is pinned."""
    first = case.proof.facts[0]
    with at("facts[0]"):
        if first.index:
            raise RefusedError(f"has index {first.index}, not 0")
        header, log = decode_genesis(first.entry)
        if header.signer != log.registrar:
            raise RefusedError("is not signed by the registrar that it names")
    pins: dict[str, tuple[bytes | int | None, bytes | int]] = {
        "log_id": (case.policy.log_id, log.log_id),
        "registrar": (case.policy.registrar, log.registrar),
        "chain_id": (case.policy.chain_id, log.chain_id),
        "contract": (case.policy.contract, log.contract),
    }
    for name, (pinned, actual) in pins.items():
        if pinned is not None and pinned != actual:
            raise RefusedError(f"{name} is {shown(actual)}, the policy pins {shown(pinned)}")
    case.genesis, case.domain = log, submission_domain(log.chain_id, log.contract)
    pinned_names = [name for name, (pinned, _) in pins.items() if pinned is not None]
    return (
        f"log {log.log_id.hex()}, origin {log.origin}, registrar 0x{log.registrar.hex()}, chain "
        f"{log.chain_id}, contract 0x{log.contract.hex()}; pinned by policy: "
        f"{', '.join(pinned_names) or 'nothing'}"
    )


def checkpoint(case: Case) -> str:
    """The head is signed by the log's head signer."""
    head, log = case.proof.head, case.genesis
    digest = head_digest(log.log_id, head.size, head.root, head.map_root)
    verify_signer(digest, head.signature, log.head_signer, "the head signer")
    return f"size {head.size}, root {head.root.hex()}, signed by 0x{log.head_signer.hex()}"


def inclusion(case: Case) -> str:
    """Every entry stands at its index in the head's tree, and at no other."""
    head, proof = case.proof.head, case.proof
    leaves = [leaf_hash(one.entry) for one in proof.outside]
    leaves += [one.leaf_hash for one in proof.blinded]
    for place, proved in case.proved:
        leaf = leaf_hash(proved.entry)
        with at(place):
            verify_inclusion(leaf, proved.index, head.size, proved.inclusion, head.root)
        leaves.append(leaf)
    if len(set(leaves)) != len(leaves):  # attack: the operator logs a signed entry a second time
        raise RefusedError("the same entry is in the log twice")
    return f"{len(case.proved)} entries at their indexes in the tree of {head.size}"


def signature(case: Case) -> str:
    """Every entry was submitted by its signer."""
    signers = set()
    for place, proved in case.proved:
        sent = proved.submission
        with at(place):
            if (sent.doc_hash != Z32) != isinstance(proved, Event):
                raise RefusedError("doc_hash belongs to events, and to every event")
            root = root_from_path(leaf_hash(proved.entry), sent.position, sent.count, sent.path)
            digest = submission_digest(
                case.domain,
                case.genesis.log_id,
                entries_root=root,
                count=sent.count,
                doc_hash=sent.doc_hash,
                issued_at=sent.issued_at,
            )
            signer = signer_of(proved.entry)
            verify_signer(digest, sent.signature, signer, "the entry's signer")
            signers.add(signer)
    return f"{len(case.proved)} entries signed, by {len(signers)} keys"


def facts(case: Case) -> str:
    """The registrar's facts about parties, keys, itself and erasures are sound and agree."""
    registry = Registry(case.genesis, case.domain, case.genesis.registrar)
    for place, proved in enumerate(case.proof.facts[1:], 1):
        with at(f"facts[{place}]"):
            header, fact = decode_fact(proved.entry)
            registry.add(proved.index, header, fact)
            case.facts.append((header, fact))
    case.registry = registry
    return (
        f"{len(registry.parties)} parties, {len(registry.keys)} keys, {len(registry.erased)} "
        f"erasures, by the registrar, now 0x{registry.registrar.hex()}"
    )


def entry(case: Case) -> str:
    """Every event entry is well-formed and its signer had the right to sign it."""
    for place, event in enumerate(case.proof.events):
        with at(f"events[{place}]"):
            decoded = decode_event(event.entry)
            case.registry.verify_signer_active(event.index, decoded.signer, decoded.party)
            case.entries.append(decoded)
    ops = ", ".join(Op(one.op).name for one in case.entries)
    return f"{ops}; each by an active key of an active party"


def anchor(case: Case) -> str:
    """Every chain asked recorded the head (only when an RPC is given)."""
    waiting: NotFinalError | None = None
    for rpc in case.rpcs:
        try:
            verify_anchor(rpc, case.genesis, case.proof.head, case.policy)
        except NotFinalError as error:
            waiting = waiting or error
    if waiting:
        raise waiting
    names = ", ".join(rpc.name for rpc in case.rpcs)
    return (
        f"recorded by contract 0x{case.genesis.contract.hex()} on chain {case.genesis.chain_id} "
        f"at block {case.policy.block}, says {names}"
    )
