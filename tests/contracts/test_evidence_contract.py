"""What the ledger makes of a double sale and of forked heads convicts on chain as in the verifier.

And whatever one of the two refuses, the other refuses too.
"""

import json
from collections.abc import Callable, Iterator
from typing import Any

import pytest
from unbroken_verifier.errors import StepError
from unbroken_verifier.policy import Policy
from unbroken_verifier.report import Report
from unbroken_verifier.steps import verify_bundle

from ledger.chain.anchor_contract import OnChainHead
from ledger.chain.client import ChainClient
from ledger.chain.devnet import dev_accounts
from ledger.chain.errors import ContractRejectedError, NoContractError
from ledger.chain.evidence_contract import EvidenceContract, deploy, deployed_code
from ledger.core.eip712 import submission_digest
from ledger.core.entries import entry_leaf_hash
from ledger.core.errors import LedgerError
from ledger.core.evidence_files import HeadConflict, SignedHead, parse_evidence
from ledger.core.facts import LogIdentity
from ledger.core.jcs import canonical_json
from ledger.core.signatures import address_of, sign
from tests.contracts import reference_tree
from tests.contracts.anchored_log import MINED_WITHIN_S, NO_MAP, AnchoredLog
from tests.sold_twice import SELLER, sold_twice

pytestmark = pytest.mark.chain
Json = dict[str, Any]
PAYER = dev_accounts()[0].private_key


@pytest.fixture(scope="module")
def evidence(client: ChainClient) -> EvidenceContract:
    return EvidenceContract(client, deploy(client, PAYER))


def verified(raw: bytes) -> bool:
    try:
        verify_bundle(raw, policy=Policy(), report=Report())
    except StepError:
        return False
    return True


def accepted(contract: EvidenceContract, raw: bytes, anchor: bytes = b"") -> bool:
    try:
        contract.sign_proof(PAYER, parse_evidence(raw), anchor)
    except LedgerError:
        return False
    return True


def prove(contract: EvidenceContract, raw: bytes, anchor: bytes = b"") -> int:
    signed = contract.sign_proof(PAYER, parse_evidence(raw), anchor)
    receipt = contract.client.await_receipt(contract.client.broadcast(signed.raw), MINED_WITHIN_S)
    assert receipt is not None
    assert receipt.succeeded
    return receipt.block_number


def test_the_code_is_the_artefact(evidence: EvidenceContract, client: ChainClient) -> None:
    evidence.verify_code()
    assert client.code(evidence.address) == deployed_code()
    with pytest.raises(NoContractError):
        EvidenceContract(client, "0x" + "11" * 20).verify_code()
    with pytest.raises(NoContractError):
        EvidenceContract(client, "0x" + "11" * 20).log_equivocated_at(bytes(20), bytes(32))


def test_a_double_sale_convicts_its_key_once(evidence: EvidenceContract, log: AnchoredLog) -> None:
    raw, home = sold_twice(log.identity), log.identity.contract
    signer = address_of(SELLER.private_key)
    assert verified(raw)
    assert evidence.key_equivocated_at(signer, log.chain_id, home) is None
    block = prove(evidence, raw)
    assert evidence.key_equivocated_at(signer, log.chain_id, home) == block
    assert evidence.key_equivocated_at(signer, log.chain_id + 1, home) is None
    assert prove(evidence, raw) > block
    assert evidence.key_equivocated_at(signer, log.chain_id, home) == block


def _places(value: Any, here: tuple[Any, ...] = ()) -> Iterator[tuple[Any, ...]]:  # noqa: ANN401
    if isinstance(value, dict | list):
        steps = value.items() if isinstance(value, dict) else enumerate(value)
        for step, one in steps:
            yield from _places(one, (*here, step))
    else:
        yield here


def _changed(value: Any) -> Iterator[Any]:  # noqa: ANN401
    """Values that differ from a leaf of the file and have its form."""
    if isinstance(value, int):
        yield value + 1
        yield value + 2
        if value:
            yield value - 1
        return
    try:
        raw = bytes.fromhex(value)
    except ValueError:
        yield value + "0"
        return
    for place in {0, len(raw) // 2, len(raw) - 1}:
        yield (raw[:place] + bytes([raw[place] ^ 1]) + raw[place + 1 :]).hex()


def _at(value: Any, place: tuple[Any, ...]) -> Any:  # noqa: ANN401
    for step in place:
        value = value[step]
    return value


def mutations(raw: bytes) -> Iterator[tuple[str, bytes]]:
    """Every member of a file, changed; every list, shortened and lengthened."""
    original: Json = json.loads(raw)
    for place in _places(original):
        if place in {("format",), ("kind",)}:
            continue
        for value in _changed(_at(original, place)):
            changed = json.loads(raw)
            _at(changed, place[:-1])[place[-1]] = value
            yield f"{place} = {value}", canonical_json(changed)
    for place in {one[:-1] for one in _places(original) if isinstance(one[-1], int)}:
        if place in {("heads",), ("handoffs",)}:
            continue
        for change in (lambda path: path[:-1], lambda path: [*path, "00" * 32]):
            changed = json.loads(raw)
            _at(changed, place[:-1])[place[-1]] = change(_at(changed, place))
            yield f"{place} resized", canonical_json(changed)


def test_every_changed_member_of_a_double_sale_is_refused_by_both(
    evidence: EvidenceContract, log: AnchoredLog
) -> None:
    raw, seen = sold_twice(log.identity), 0
    for what, changed in mutations(raw):
        assert (verified(changed), accepted(evidence, changed)) == (False, False), what
        seen += 1
    assert seen > 90


def test_one_handoff_twice_is_refused_by_both(evidence: EvidenceContract, log: AnchoredLog) -> None:
    original: Json = json.loads(sold_twice(log.identity))
    for one in original["handoffs"]:
        raw = canonical_json({**original, "handoffs": [one, one]})
        assert (verified(raw), accepted(evidence, raw)) == (False, False)


def signed_anew(raw: bytes, identity: LogIdentity, change: Callable[[bytes], bytes]) -> bytes:
    """The same evidence with the entry of the first sale changed, and validly signed."""
    evidence: Json = json.loads(raw)
    one = evidence["handoffs"][0]
    entry, sent = change(bytes.fromhex(one["entry"])), one["submission"]
    assert (sent["count"], sent["path"]) == (1, [])
    digest = submission_digest(
        identity.domain().separator(), identity.log_id(), entries_root=entry_leaf_hash(entry),
        count=1, doc_hash=bytes.fromhex(sent["doc_hash"]), issued_at=sent["issued_at"],
    )  # fmt: skip
    one["entry"], sent["signature"] = entry.hex(), sign(SELLER.private_key, digest).hex()
    return canonical_json(evidence)


def test_what_no_log_takes_convicts_nobody(evidence: EvidenceContract, log: AnchoredLog) -> None:
    """Signed by the key as it stands, and refused by both: each rule of an event entry."""
    raw, other = sold_twice(log.identity), b"\x09" * 32
    assert verified(signed_anew(raw, log.identity, lambda entry: entry))
    assert accepted(evidence, signed_anew(raw, log.identity, lambda entry: entry))
    changes = {
        "flags": (6, b"\x04"), "reserved": (7, b"\x01"), "no party": (36, bytes(64)),
        "party": (36, other), "on behalf": (68, other), "no one's": (68, bytes(32)),
        "refers": (164, other), "no rows": (196, bytes(4)), "no items": (232, bytes(4)),
    }  # fmt: skip
    for what, (at, new) in changes.items():
        changed = signed_anew(
            raw,
            log.identity,
            lambda entry: entry[:at] + new + entry[at + len(new) :],  # noqa: B023
        )
        assert (verified(changed), accepted(evidence, changed)) == (False, False), what


def head_of(log: AnchoredLog, leaves: list[bytes], key: bytes | None = None) -> SignedHead:
    head = OnChainHead(size=len(leaves), root=reference_tree.root(leaves), map_root=NO_MAP)
    signature = log.signature(head, key)
    return SignedHead(size=head.size, root=head.root, map_root=NO_MAP, signature=signature)


def forked(size: int) -> list[bytes]:
    """Leaves of a history that parts from the log's at its fourth entry."""
    leaves = reference_tree.leaves(size)
    return [*leaves[:3], *(bytes(reversed(leaf)) for leaf in leaves[3:])]


def two_heads(log: AnchoredLog) -> bytes:
    heads = (head_of(log, reference_tree.leaves(9)), head_of(log, forked(9)))
    return HeadConflict(log_id=log.log_id, heads=heads).encode(log.identity)


def fork(log: AnchoredLog) -> bytes:
    newer = forked(11)
    return HeadConflict(
        log_id=log.log_id,
        heads=(head_of(log, reference_tree.leaves(6)), head_of(log, newer)),
        root=reference_tree.root(newer[:6]),
        proof=reference_tree.consistency_proof(6, newer),
    ).encode(log.identity)


@pytest.mark.parametrize("make", [two_heads, fork])
def test_contradicting_heads_convict_their_log(
    evidence: EvidenceContract, log: AnchoredLog, make: Callable[[AnchoredLog], bytes]
) -> None:
    log.open(6)
    raw, anchor = make(log), log.identity.contract
    assert verified(raw)
    assert evidence.log_equivocated_at(anchor, log.log_id) is None
    block = prove(evidence, raw, anchor)
    assert evidence.log_equivocated_at(anchor, log.log_id) == block
    for what, changed in mutations(raw):
        assert (verified(changed), accepted(evidence, changed, anchor)) == (False, False), what


def test_an_anchored_head_needs_no_signature_on_chain(
    evidence: EvidenceContract, log: AnchoredLog
) -> None:
    log.open(6)
    anchored = SignedHead(size=6, root=log.head(6).root, map_root=NO_MAP, signature=b"")
    newer = forked(11)
    claim = HeadConflict(
        log_id=log.log_id, heads=(anchored, head_of(log, newer)),
        root=reference_tree.root(newer[:6]), proof=reference_tree.consistency_proof(6, newer),
    )  # fmt: skip
    evidence.sign_proof(PAYER, claim, log.identity.contract)


def test_heads_that_somebody_else_signed_convict_nobody(
    evidence: EvidenceContract, log: AnchoredLog
) -> None:
    log.open(6)
    heads = tuple(
        head_of(log, leaves, log.registrar) for leaves in (reference_tree.leaves(9), forked(9))
    )
    claim = HeadConflict(log_id=log.log_id, heads=(heads[0], heads[1]))
    with pytest.raises(ContractRejectedError, match="NotAHead"):
        evidence.sign_proof(PAYER, claim, log.identity.contract)
