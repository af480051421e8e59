"""What the anchor worker relies on, whatever chain is behind the port: one rule a function."""

from collections.abc import Callable
from typing import Protocol

import pytest

from ledger.core.errors import LedgerError
from ledger.service.ports import AnchorChain, Head


class Stand(Protocol):
    """A chain that mines when told, and a log with heads for it."""

    @property
    def chain(self) -> AnchorChain: ...
    def head(self, size: int) -> Head: ...
    def proof(self, old: int, new: int) -> list[bytes]: ...
    def mine(self, blocks: int = 1) -> None: ...
    def reorg(self, depth: int) -> None: ...
    def drop(self) -> None: ...
    def outbid(self) -> None:
        """Raise the price of a block above what was offered so far."""


def _sent(stand: Stand, old: int, new: int, nonce: int) -> tuple[bytes, bytes]:
    proof = stand.proof(old, new) if old else []
    raw, tx_hash = stand.chain.sign(stand.head(new), old, proof, nonce)
    stand.chain.broadcast(raw)
    return raw, tx_hash


def nothing_is_anchored_at_first(stand: Stand) -> None:
    assert stand.chain.anchored_head() is None
    assert stand.chain.mined_nonce() == 0
    assert len(stand.chain.wallet) == 20
    assert stand.chain.mined_in(bytes(32), 3) is None


def genesis_then_anchor_move_head_and_nonce(stand: Stand) -> None:
    _sent(stand, 0, 3, 0)
    stand.mine()
    _sent(stand, 3, 8, 1)
    stand.mine()
    assert stand.chain.anchored_head() == (8, stand.head(8).root)
    assert stand.chain.mined_nonce() == 2


def what_waits_is_not_mined(stand: Stand) -> None:
    _, tx_hash = _sent(stand, 0, 3, 0)
    assert stand.chain.mined_in(tx_hash, 3) is None
    assert stand.chain.mined_nonce() == 0


def repeating_a_broadcast_is_harmless(stand: Stand) -> None:
    raw, tx_hash = _sent(stand, 0, 3, 0)
    stand.chain.broadcast(raw)
    stand.mine()
    stand.chain.broadcast(raw)
    stand.mine()
    mined = stand.chain.mined_in(tx_hash, 3)
    assert mined is not None
    assert mined[2]
    assert stand.chain.mined_nonce() == 1


def signing_the_same_gives_the_same_bytes(stand: Stand) -> None:
    first = stand.chain.sign(stand.head(3), 0, [], 0)
    assert stand.chain.sign(stand.head(3), 0, [], 0) == first


def a_stale_size_is_refused_before_it_costs(stand: Stand) -> None:
    _sent(stand, 0, 3, 0)
    stand.mine()
    with pytest.raises(LedgerError):
        stand.chain.sign(stand.head(8), 2, stand.proof(2, 8), 1)


def a_head_that_does_not_extend_is_refused(stand: Stand) -> None:
    _sent(stand, 0, 3, 0)
    stand.mine()
    with pytest.raises(LedgerError):
        stand.chain.sign(stand.head(8), 3, [bytes(32)], 1)


def the_loser_of_a_race_is_mined_and_fails(stand: Stand) -> None:
    _sent(stand, 0, 3, 0)
    stand.mine()
    _, winner = _sent(stand, 3, 8, 1)
    _, loser = _sent(stand, 3, 9, 2)
    stand.mine()
    outcomes = [stand.chain.mined_in(*one) for one in ((winner, 8), (loser, 9))]
    assert [one is not None and one[2] for one in outcomes] == [True, False]
    assert stand.chain.anchored_head() == (8, stand.head(8).root)


def who_reverts_because_the_head_is_there_counts_as_mined(stand: Stand) -> None:
    _sent(stand, 0, 3, 0)
    stand.mine()
    _sent(stand, 3, 8, 1)
    _, second = _sent(stand, 3, 8, 2)
    stand.mine()
    mined = stand.chain.mined_in(second, 8)
    assert mined is not None
    assert mined[2]


def a_block_is_safe_then_final(stand: Stand) -> None:
    _, tx_hash = _sent(stand, 0, 3, 0)
    stand.mine()
    mined = stand.chain.mined_in(tx_hash, 3)
    assert mined is not None
    assert stand.chain.settled_number("final") < mined[0]
    stand.mine(3)
    assert stand.chain.settled_number("safe") >= stand.chain.settled_number("final") >= mined[0]


def a_reorganisation_undoes_and_the_same_bytes_are_good_again(stand: Stand) -> None:
    raw, tx_hash = _sent(stand, 0, 3, 0)
    stand.mine()
    before = stand.chain.mined_in(tx_hash, 3)
    stand.reorg(1)
    assert stand.chain.mined_in(tx_hash, 3) is None
    assert stand.chain.anchored_head() is None
    assert stand.chain.mined_nonce() == 0
    stand.chain.broadcast(raw)
    stand.mine()
    after = stand.chain.mined_in(tx_hash, 3)
    assert after is not None
    assert before is not None
    assert after[1] != before[1]


def a_dropped_transaction_may_be_sent_again(stand: Stand) -> None:
    raw, tx_hash = _sent(stand, 0, 3, 0)
    stand.drop()
    stand.mine()
    assert stand.chain.mined_in(tx_hash, 3) is None
    stand.chain.broadcast(raw)
    stand.mine()
    assert stand.chain.mined_in(tx_hash, 3) is not None


def a_replacement_takes_the_nonce(stand: Stand) -> None:
    raw, tx_hash = _sent(stand, 0, 3, 0)
    replacement = stand.chain.replacement(raw)
    assert replacement is not None
    stand.chain.broadcast(replacement[0])
    stand.mine()
    assert stand.chain.mined_in(tx_hash, 3) is None
    assert stand.chain.mined_in(replacement[1], 3) is not None
    assert stand.chain.anchored_head() == (3, stand.head(3).root)


def a_replacement_pays_what_blocks_cost_now(stand: Stand) -> None:
    raw, tx_hash = _sent(stand, 0, 3, 0)
    stand.outbid()
    stand.mine()
    assert stand.chain.mined_in(tx_hash, 3) is None
    replacement = stand.chain.replacement(raw)
    assert replacement is not None
    stand.chain.broadcast(replacement[0])
    stand.mine()
    assert stand.chain.mined_in(replacement[1], 3) is not None


RULES: list[Callable[[Stand], None]] = [
    nothing_is_anchored_at_first,
    genesis_then_anchor_move_head_and_nonce,
    what_waits_is_not_mined,
    repeating_a_broadcast_is_harmless,
    signing_the_same_gives_the_same_bytes,
    a_stale_size_is_refused_before_it_costs,
    a_head_that_does_not_extend_is_refused,
    the_loser_of_a_race_is_mined_and_fails,
    who_reverts_because_the_head_is_there_counts_as_mined,
    a_block_is_safe_then_final,
    a_reorganisation_undoes_and_the_same_bytes_are_good_again,
    a_dropped_transaction_may_be_sent_again,
    a_replacement_takes_the_nonce,
    a_replacement_pays_what_blocks_cost_now,
]
