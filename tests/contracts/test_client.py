"""What the client believes of a node: nothing that it can check."""

import json
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, HTTPServer

import pytest
from eth_account import Account

from ledger.chain.anchor_contract import sign_deployment
from ledger.chain.client import FULL_TRANSACTIONS, ChainClient, Fees, FinalityPolicy
from ledger.chain.devnet import Devnet, dev_accounts
from ledger.chain.errors import (
    ChainUnreachableError,
    RpcError,
    TransactionRefusedError,
    WrongChainError,
)

pytestmark = pytest.mark.chain

KEY = dev_accounts()[5].private_key
MINED_WITHIN_S = 10.0


@contextmanager
def _node(body: bytes) -> Iterator[str]:
    """A node that gives the same answer to everything."""

    class Answer(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            self.rfile.read(int(self.headers["Content-Length"]))
            self.send_response(200)
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, *_arguments: object) -> None:
            return

    with HTTPServer(("127.0.0.1", 0), Answer) as server:
        thread = threading.Thread(target=server.serve_forever, daemon=True)
        thread.start()
        yield f"http://127.0.0.1:{server.server_port}"
        server.shutdown()
        thread.join()


def test_another_chain_is_refused_before_anything_is_read(devnet: Devnet) -> None:
    client = ChainClient(devnet.rpc_url, chain_id=1)
    with pytest.raises(WrongChainError) as caught:
        client.broadcast(b"\x02")
    assert (caught.value.expected, caught.value.actual) == (1, 31337)


def test_silent_node_is_unreachable() -> None:
    with pytest.raises(ChainUnreachableError):
        ChainClient("http://127.0.0.1:9", timeout_s=1).latest_number()


@pytest.mark.parametrize(
    "body",
    [
        pytest.param(b"<html>", id="page"),
        pytest.param(b"[]", id="list"),
        pytest.param(b"{}", id="empty"),
        pytest.param(b'{"jsonrpc":"2.0","id":0,"result":null}', id="null"),
        pytest.param(b'{"jsonrpc":"2.0","id":0,"result":"0x"}', id="no-digits"),
        pytest.param(b'{"jsonrpc":"2.0","id":0,"result":7}', id="number"),
    ],
)
def test_answer_that_is_none_counts_as_unreachable(body: bytes) -> None:
    with _node(body) as url, pytest.raises(ChainUnreachableError):
        _ = ChainClient(url, timeout_s=2).chain_id


def test_node_error_keeps_code_text_and_revert_bytes() -> None:
    error = {"code": 3, "message": "execution reverted", "data": {"data": "0x0102"}}
    body = json.dumps({"jsonrpc": "2.0", "id": 0, "error": error}).encode()
    with _node(body) as url, pytest.raises(RpcError) as caught:
        _ = ChainClient(url).chain_id
    assert (caught.value.code, caught.value.data) == (3, b"\x01\x02")


def test_broadcast_is_harmless_when_repeated(client: ChainClient) -> None:
    signed = sign_deployment(client, KEY)
    assert client.find_receipt(signed.tx_hash) is None
    assert client.broadcast(signed.raw) == signed.tx_hash
    client.broadcast(signed.raw)
    receipt = client.await_receipt(signed.tx_hash, MINED_WITHIN_S)
    assert client.broadcast(signed.raw) == signed.tx_hash
    assert receipt is not None
    assert receipt.succeeded
    assert receipt.gas_used <= signed.gas
    assert client.find_receipt(signed.tx_hash) == receipt


def test_transaction_nobody_pays_for_is_refused(client: ChainClient) -> None:
    poor = b"\x77" * 32
    raw = Account.from_key(poor).sign_transaction(
        {
            "type": 2,
            "chainId": client.chain_id,
            "nonce": 0,
            "gas": 21000,
            "maxFeePerGas": 10**10,
            "maxPriorityFeePerGas": 1,
            "value": 0,
            "to": "0x" + "11" * 20,
        }
    )
    with pytest.raises(TransactionRefusedError):
        client.broadcast(bytes(raw.raw_transaction))


def test_finality_follows_the_tag_or_the_confirmations(devnet: Devnet) -> None:
    devnet.mine(20)
    tag, counted = devnet.client(), ChainClient(
        devnet.rpc_url, finality=FinalityPolicy(confirmations=12)
    )  # fmt: skip
    latest = tag.latest_number()
    assert tag.finalized_number() == latest - 2
    assert counted.finalized_number() == latest - 12
    far = ChainClient(devnet.rpc_url, finality=FinalityPolicy(confirmations=10**9))
    assert far.finalized_number() == 0


def test_fees_are_twice_the_base_fee_and_capped(client: ChainClient, devnet: Devnet) -> None:
    base = int(client.rpc("eth_getBlockByNumber", "latest", FULL_TRANSACTIONS)["baseFeePerGas"], 16)
    assert client.fees() == Fees(max_fee=2 * base + 10**9, tip=10**9)
    assert ChainClient(devnet.rpc_url, max_fee_wei=5).fees() == Fees(max_fee=5, tip=5)


def test_bumped_fees_replace_on_every_node() -> None:
    fees = Fees(max_fee=7, tip=1)
    bumped = fees.bumped()
    assert bumped.max_fee * 10 >= fees.max_fee * 11
    assert bumped.tip * 10 >= fees.tip * 11


def test_receipt_of_a_reorganised_block_is_gone_and_the_same_bytes_are_valid_again(
    tmp_path_factory: pytest.TempPathFactory,
) -> None:
    network = Devnet(tmp_path_factory.mktemp("reorg"), port=0)
    network.start()
    try:
        client = network.client()
        signed = sign_deployment(client, KEY)
        client.broadcast(signed.raw)
        assert client.await_receipt(signed.tx_hash, MINED_WITHIN_S) is not None
        client.rpc("anvil_reorg", 1, [])
        assert client.find_receipt(signed.tx_hash) is None
        assert client.nonce(Account.from_key(KEY).address) == signed.nonce
        client.broadcast(signed.raw)
        assert client.await_receipt(signed.tx_hash, MINED_WITHIN_S) is not None
    finally:
        network.stop()
