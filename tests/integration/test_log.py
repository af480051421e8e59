"""The log over HTTP: heads, tiles, people, health, and the document that describes all of it."""

import base64
import re
from collections.abc import Callable
from typing import Any

import httpx
import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey

from api.epcis_paths import METHODS
from ledger.bootstrap import Node
from ledger.core.eip712 import head_digest, keccak
from ledger.core.merkle import root_hash
from ledger.core.signatures import recover
from ledger.worker import Worker
from tests.integration.partners import Partner, commission, new_item, revoke

Make = Callable[..., Partner]
Captured = Callable[..., dict[str, Any]]


def test_the_log_says_what_its_first_entry_fixed_and_how_far_it_is(
    api: httpx.Client, node: Node, captured: Captured, partner: Make, settle: Callable[[], int]
) -> None:
    captured(partner("Sizes"), commission(new_item()))
    size = settle()
    log = api.get("/log").json()
    assert log["log_id"] == node.identity.log_id().hex()
    assert log["contract"] == f"0x{node.identity.contract.hex()}"
    assert log["chain_id"] == 31337
    assert log["sizes"] == {
        "accepted": 0,
        **dict.fromkeys(
            ["sequenced", "integrated", "mapped", "published", "anchored", "final"], size
        ),
    }
    head = log["head"]
    assert head["size"] == size
    digest = head_digest(
        node.identity.log_id(), size, bytes.fromhex(head["root"]), bytes.fromhex(head["map_root"])
    )
    assert recover(digest, bytes.fromhex(head["signature"])) == node.identity.head_signer
    assert bytes.fromhex(head["map_root"]) == node.log.state().map_root != bytes(32)
    record = node.auditor().records.record(size)
    assert record == keccak(bytes.fromhex(head["root"] + head["map_root"]))


def test_a_checkpoint_is_a_signed_note_over_the_tiles(
    api: httpx.Client, node: Node, settle: Callable[[], int]
) -> None:
    size = settle()
    answer = api.get("/checkpoint")
    assert answer.headers["content-type"] == "text/plain; charset=utf-8"
    assert api.get(f"/checkpoint/{size}").content == answer.content
    text, _, signature = answer.content.partition(b"\n\n")
    origin, stated, root = text.decode().split("\n")
    assert (origin, int(stated)) == (node.identity.origin, size)
    raw = base64.b64decode(signature.split(b" ")[2])
    key = Ed25519PublicKey.from_public_bytes(node.identity.checkpoint_key)
    key.verify(raw[4:], text + b"\n")
    leaves = b""
    for index in range(size // 256):
        leaves += api.get(f"/tile/0/{index:03d}").content
    if size % 256:
        leaves += api.get(f"/tile/0/{size // 256:03d}.p/{size % 256}").content
    hashes = [leaves[i : i + 32] for i in range(0, len(leaves), 32)]
    assert root_hash(hashes) == base64.b64decode(root)


def test_a_full_tile_may_be_kept_for_ever(
    api: httpx.Client, captured: Captured, partner: Make, settle: Callable[[], int]
) -> None:
    captured(partner("Filler"), *(commission(new_item()) for _ in range(257)))
    settle()
    full, part = api.get("/tile/0/000"), api.get("/tile/0/000.p/5")
    assert len(full.content) == 256 * 32
    assert "immutable" in full.headers["cache-control"]
    assert "immutable" not in part.headers["cache-control"]
    assert part.content == full.content[: 5 * 32]
    assert len(api.get("/tile/1/000.p/1").content) == 32


@pytest.mark.parametrize(
    "path", ["/tile/0/999", "/tile/0/x001/000", "/tile/9/000", "/checkpoint/987654321"]
)
def test_what_the_log_has_not_is_not_found(api: httpx.Client, path: str) -> None:
    assert api.get(path).status_code == 404


def test_keys_and_parties_say_who_may_sign(
    api: httpx.Client, node: Node, partner: Make, worker: Worker
) -> None:
    who = partner("Keeper")
    told = api.get(f"/keys/0x{who.address.hex()}").json()
    assert told == {
        "address": f"0x{who.address.hex()}",
        "party": who.signer.party.hex(),
        "path": who.path,
        "name": "Keeper",
        "active": True,
    }
    assert api.get(f"/keys/{who.address.hex()}").json() == told
    revoke(node, who)
    worker.turn()
    assert api.get(f"/keys/0x{who.address.hex()}").json()["active"] is False
    (listed,) = [one for one in api.get("/parties").json()["parties"] if one["path"] == who.path]
    assert listed["keys"] == [{"address": told["address"], "active": False}]
    assert api.get("/keys/0x" + "00" * 20).status_code == 404


def test_health_tells_what_waits(
    api: httpx.Client, node: Node, partner: Make, settle: Callable[[], int], worker: Worker
) -> None:
    settle()
    assert api.get("/health").json() == {
        "status": "ok",
        "database": True,
        "worker_lag_ms": 0,
        "oldest_unfinal_ms": 0,
    }
    revoke(node, partner("Waiter"))
    settle_later = api.get("/health").json()
    assert settle_later["worker_lag_ms"] > 0
    worker.turn()
    assert api.get("/health").json()["oldest_unfinal_ms"] > 0


def test_the_openapi_document_is_complete(api: httpx.Client) -> None:
    document = api.get("/openapi.json").json()
    assert set(document["paths"]) == {
        *(template.replace(":path}", "}") for template in METHODS),
        "/webhooks",
        "/webhooks/{id}",
        "/webhooks/{id}/deliveries",
        "/webhooks/{id}/replay",
        "/items/{item}",
        "/items/{item}/proof",
        "/items/{item}/evidence",
        "/handoffs/incoming",
        "/disclosures/{event}",
        "/findings",
        "/findings/stream",
        "/cases",
        "/cases/{id}",
        "/acts",
        "/acts/{id}",
        "/log",
        "/checkpoint",
        "/checkpoint/{size}",
        "/tile/{level}/{tile}",
        "/keys/{address}",
        "/parties",
        "/health",
    }
    references = set(re.findall(r'"#/components/schemas/([^"]+)"', api.get("/openapi.json").text))
    assert references <= document["components"]["schemas"].keys()
    assert "HTTPValidationError" not in references
    for path, methods in document["paths"].items():
        for operation in methods.values():
            assert operation["description"], path
            assert len(operation["responses"]) > 1, path
            for parameter in operation.get("parameters", []):
                described = {**parameter, **parameter["schema"]}
                assert {"examples", "description", "default"} & described.keys() or (
                    "minimum" in described
                ), (path, parameter["name"])


def test_the_page_asks_nobody_else(api: httpx.Client) -> None:
    policy = api.get("/docs").headers["content-security-policy"]
    assert "default-src 'none'" in policy
    assert "http" not in policy
    for path in ("/docs", "/docs/docs.css", "/docs/docs.js"):
        answer = api.get(path)
        assert answer.status_code == 200
        assert re.findall(r"(?:https?:)?//[a-z]", re.sub(r"(?m)^// .*$", "", answer.text)) == []
    for reference in re.findall(r'(?:src|href)="([^"#]+)"', api.get("/docs").text):
        assert api.get(reference).status_code == 200


def test_every_answer_is_fenced_in(api: httpx.Client) -> None:
    for path in ("/log", "/nothing", "/docs", "/items/01/1"):
        headers = api.get(path, headers={"origin": "http://evil.example"}).headers
        assert headers["x-content-type-options"] == "nosniff"
        assert "frame-ancestors 'none'" in headers["content-security-policy"]
        assert not [name for name in headers if name.startswith("access-control-")]
