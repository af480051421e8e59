"""Heads that contradict each other become a file that the verifier accepts; honest ones none."""

import re

import pytest
from unbroken_verifier.policy import Policy
from unbroken_verifier.report import Report
from unbroken_verifier.steps import verify_bundle

from ledger.core.eip712 import head_digest
from ledger.core.entries import Address, Z
from ledger.core.errors import MalformedError, ProofError
from ledger.core.evidence_files import (
    HeadConflict,
    SignedHead,
    head_conflict,
    parse_evidence,
    read_head,
    read_identity,
)
from ledger.core.facts import LogIdentity
from ledger.core.jcs import canonical_json
from ledger.core.merkle import Levels, ReadNode, leaf_hash
from ledger.core.signatures import address_of, sign
from tests.sold_twice import sold_twice

KEY = b"\x11" * 32
IDENTITY = LogIdentity(
    origin="test.example/log", head_signer=address_of(KEY), registrar=Address(bytes(20)),
    checkpoint_key=bytes(32), chain_id=31337, contract=b"\x44" * 20,
)  # fmt: skip
LOG_ID = IDENTITY.log_id()
MAX = 70


def tree(size: int, fork_at: int = MAX) -> Levels:
    levels = Levels()
    levels.extend([leaf_hash(bytes([i, i >= fork_at])) for i in range(size)])
    return levels


def head(size: int, fork_at: int = MAX, map_root: bytes = Z) -> SignedHead:
    root = tree(size, fork_at).root()
    signature = sign(KEY, head_digest(LOG_ID, size, root, map_root))
    return SignedHead(size=size, root=root, map_root=map_root, signature=signature)


def served(size: int) -> ReadNode:
    return tree(size).read


def verify(raw: bytes) -> None:
    verify_bundle(raw, policy=Policy(), report=Report())


@pytest.mark.parametrize(("older", "newer"), [(5, 6), (8, 64), (13, 69), (64, 65), (6, 7)])
def test_a_fork_is_shown_from_either_order(older: int, newer: int) -> None:
    forked = head(older, fork_at=3)
    for pair in ((forked, head(newer)), (head(newer), forked)):
        conflict = head_conflict(LOG_ID, *pair, served)
        verify(conflict.encode(IDENTITY))
        assert parse_evidence(conflict.encode(IDENTITY)) == conflict


def test_two_heads_of_one_size_are_shown_without_a_tree() -> None:
    for other in (head(9, fork_at=4), head(9, map_root=b"\x07" * 32)):
        conflict = head_conflict(LOG_ID, head(9), other, served)
        verify(conflict.encode(IDENTITY))
        assert parse_evidence(conflict.encode(IDENTITY)) == conflict


def test_an_honest_log_gives_no_evidence() -> None:
    for older in range(1, 20):
        for newer in range(older, 20):
            with pytest.raises(MalformedError):
                head_conflict(LOG_ID, head(older), head(newer), served)


def test_a_head_of_another_tree_is_not_shown_here() -> None:
    with pytest.raises(ProofError, match="size 12 is not of the tree"):
        head_conflict(LOG_ID, head(5), head(12, fork_at=3), served)


def test_a_head_is_read_from_a_bundle_or_beside_its_log() -> None:
    shown = head(9, map_root=b"\x07" * 32)
    alone = canonical_json({"log_id": LOG_ID.hex(), "head": shown.members()})
    assert read_head(alone) == (LOG_ID, shown)
    genesis = {"entry": IDENTITY.entry(1).encode().hex()}
    bundle = canonical_json({"head": shown.members(), "facts": [genesis]})
    assert read_head(bundle) == (LOG_ID, shown)
    assert (read_identity(bundle), read_identity(alone)) == (IDENTITY, None)
    for wrong in (b"[]", b"{}", canonical_json({"head": shown.members(), "facts": []})):
        with pytest.raises(MalformedError):
            read_head(wrong)


def test_evidence_of_a_double_sale_is_read_as_it_was_made() -> None:
    raw = sold_twice(IDENTITY)
    verify(raw)
    claim = parse_evidence(raw)
    assert not isinstance(claim, HeadConflict)
    assert (claim.chain_id, claim.contract) == (31337, IDENTITY.contract)
    assert [one.position for one in claim.handoffs] == [0, 2]


@pytest.mark.parametrize("raw", [b"[]", b"{}", b'{"format":"unbroken/evidence/v1"}'])
def test_what_is_no_evidence_is_refused(raw: bytes) -> None:
    with pytest.raises(MalformedError):
        parse_evidence(raw)


def test_numbers_that_no_signature_can_hold_are_refused() -> None:
    raw = sold_twice(IDENTITY)
    for name, value in (("count", b"4294967296"), ("role", b"3"), ("position", b"-1")):
        first = re.compile(rb'"%s":\d+' % name.encode())
        with pytest.raises(MalformedError):
            parse_evidence(first.sub(b'"%s":%s' % (name.encode(), value), raw))
