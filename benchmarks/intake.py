"""G2, G3: one signed event over HTTP, beside what FastAPI itself costs and beside the textbook."""

from collections.abc import Iterator, Sequence

import orjson
from eth_account import Account
from eth_account.signers.local import LocalAccount

from benchmarks.ground import document
from benchmarks.load import request
from benchmarks.measure import PAIRS, Result, spread
from benchmarks.served import TEXTBOOK, TRIVIAL, signable
from benchmarks.server import MULTIPART, Server, alternate, server
from ledger.client import multipart

ISSUED_AT = 1


def _captures(our: Server, count: int, path: str) -> list[bytes]:
    return [
        request("POST", path, our.port, multipart(part, body), MULTIPART)
        for part, body in our.ground.signed(count)
    ]


def _textbook(our: Server, count: int) -> list[bytes]:
    account: LocalAccount = Account.create()
    our.slice([request("PUT", f"{TEXTBOOK}/{account.address}", our.port)], 200, connections=1)
    return [
        request("POST", TEXTBOOK, our.port, _textbook_body(document([serial]), account),
                "application/json")
        for serial in our.ground.serials(count)
    ]  # fmt: skip


def _textbook_body(raw: bytes, account: LocalAccount) -> bytes:
    sent = orjson.loads(raw)
    _, message = signable(sent, ISSUED_AT, account.address)
    signature = account.sign_message(message).signature.hex()
    return orjson.dumps(
        {
            "document": sent,
            "issued_at": ISSUED_AT,
            "signer": account.address,
            "signature": signature,
        }
    )


def _microseconds(rounds: Sequence[Sequence[tuple[float, float]]], at: int, count: int) -> float:
    return spread([one[at][0] for one in rounds])[0] / count * 1e6


def intake(requests: int = 6_000, pairs: int = PAIRS) -> Iterator[Result]:
    """G2 and G3 in one run: ours, trivial, textbook, ours, trivial, textbook, ..."""
    our = server()
    fewer = max(requests // 10, 1)
    trivial = _captures(our, requests, TRIVIAL)
    rounds = alternate(
        [
            lambda: our.slice(_captures(our, requests, "/epcis/capture"), 202),
            lambda: our.slice(trivial, 200),
            lambda: our.slice(_textbook(our, fewer), 200),
        ],
        pairs,
    )
    walls = [max(one[at][1] for one in rounds) for at in range(3)]
    costs = [_microseconds(rounds, at, n) for at, n in enumerate((requests, requests, fewer))]
    median, low, high = spread([ours[0] / peer[0] for ours, peer, _ in rounds])
    yield Result(
        goal="G2", what="CPU of a signed event's intake / trivial FastAPI POST of the same app",
        ratio=median, low=low, high=high, threshold=1.8, better="lower",
        wall=f"{walls[0]:,.0f}/s, {walls[1]:,.0f}/s",
        note=f"{costs[0]:.0f} and {costs[1]:.0f} us a request, PostgreSQL included",
    )  # fmt: skip
    scale = requests / fewer
    median, low, high = spread([peer[0] * scale / ours[0] for ours, _, peer in rounds])
    yield Result(
        goal="G3", what="a signed event's intake / textbook stack", ratio=median, low=low,
        high=high, threshold=20.0, wall=f"{walls[0]:,.0f}/s, {walls[2]:,.0f}/s",
        note=f"{costs[2]:.0f} us a request there",
    )  # fmt: skip
