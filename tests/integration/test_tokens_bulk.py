"""A shipment of thousands claims a token for each pack, and is still one quick submission."""

import time
from collections.abc import Callable
from pathlib import Path

import httpx

from ledger.bootstrap import Node
from ledger.core.identifiers import item_key
from ledger.store.token_store import SqlTokenStore
from ledger.worker import Worker
from tests.integration.partners import Partner, commission, new_item, path_of, ship
from tests.integration.test_tokens import Trade, logged

PACKS = 5_000
# Client and worker take below 2 s here: what is square in the packs takes minutes.
CPU_LIMIT_S = 10.0


def test_five_thousand_packs_in_one_event(
    api: httpx.Client, node: Node, worker: Worker, partner: Callable[..., Partner], tmp_path: Path
) -> None:
    trade = Trade(api, node, worker, tmp_path)
    maker, buyer = partner("Maker"), partner("Buyer")
    items = [new_item() for _ in range(PACKS)]
    logged(trade.send(maker, commission(*items)))
    known = node.incoming()
    before = time.thread_time()
    index = logged(trade.send(maker, ship(*items, to=buyer)))
    assert time.thread_time() - before < CPU_LIMIT_S
    tokens = trade.tokens(index)
    assert len(set(tokens)) == PACKS
    assert None not in tokens
    before = time.thread_time()
    told = known.known(buyer.signer.party, [item_key(path_of(one)) for one in items])
    assert time.thread_time() - before < CPU_LIMIT_S
    assert all(one.received is not None and one.received.index == index for one in told)
    store = SqlTokenStore(node.engine)
    keys = [item_key(path_of(one)) for one in items]
    rows = 2 * PACKS  # each was made and sold
    assert {len(one) for one in store.item_entries(keys, 2, rows).values()} == {2}
    assert len(store.item_entries(keys, 2, rows)) == PACKS
    # Of what is too much there is nothing, and no part of it.
    assert store.item_entries(keys, 1, rows) == {}
    assert list(store.item_entries(keys, 2, 5)) == keys[:2]
    assert store.item_entries([bytes(32)], 0, 0) == {bytes(32): []}
