"""The contract suite of the AnchorChain port, on the fake and on the real adapter over Anvil."""

from collections.abc import Callable

import pytest

from ledger.service.ports import Head
from tests.contract_suites.anchor_chain import RULES, Stand
from tests.contracts import reference_tree
from tests.fakes.chain import FakeChain
from tests.fault.anvil import Anvil, AnvilStand

Rule = Callable[[Stand], None]
rules = pytest.mark.parametrize("rule", RULES, ids=lambda rule: rule.__name__)


class FakeStand:
    """A log on the fake chain."""

    def __init__(self) -> None:
        self.chain = FakeChain()
        self.mine, self.reorg, self.drop = self.chain.mine, self.chain.reorg, self.chain.drop

    def head(self, size: int) -> Head:
        root = reference_tree.root(reference_tree.leaves(size))
        return Head(
            size=size, root=root, map_root=bytes(32), signature=b"", note=b"", published_ms=0
        )

    def proof(self, old: int, new: int) -> list[bytes]:
        return reference_tree.consistency_proof(old, reference_tree.leaves(new))

    def outbid(self) -> None:
        self.chain.base_fee *= 100


@rules
def test_the_fake_chain_keeps_the_rules(rule: Rule) -> None:
    rule(FakeStand())


@pytest.mark.chain
@rules
def test_anvil_keeps_the_rules(rule: Rule, anvil: Anvil) -> None:
    rule(AnvilStand(anvil))
