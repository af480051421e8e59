"""Recovery takes exactly one spelling of a signature."""

import json
from hashlib import sha256
from pathlib import Path

import pytest
from coincurve import PrivateKey
from unbroken_verifier.eip712 import keccak
from unbroken_verifier.errors import RefusedError
from unbroken_verifier.signature import HALF_ORDER, ORDER, recover, verify_signer

from tests.conftest import ConformanceTally

KEY = PrivateKey(bytes([7]) * 32)
ADDRESS = keccak(KEY.public_key.format(compressed=False)[1:])[12:]
DIGEST = sha256(b"digest").digest()
RAW = KEY.sign_recoverable(DIGEST, hasher=None)
R, S, V = int.from_bytes(RAW[:32], "big"), int.from_bytes(RAW[32:64], "big"), RAW[64] + 27


def spelt(r: int, s: int, v: int) -> bytes:
    return r.to_bytes(32, "big") + s.to_bytes(32, "big") + bytes([v])


def test_a_signature_recovers_to_its_signer() -> None:
    assert recover(DIGEST, spelt(R, S, V)) == ADDRESS
    verify_signer(DIGEST, spelt(R, S, V), ADDRESS, "the key")
    with pytest.raises(RefusedError):
        verify_signer(DIGEST, spelt(R, S, V), bytes(20), "nobody")


BAD = {
    "high s": spelt(R, ORDER - S, 55 - V),
    "s just above half": spelt(R, HALF_ORDER + 1, V),
    "v 0": spelt(R, S, V - 27),
    "v 29": spelt(R, S, 29),
    "v of EIP-155": spelt(R, S, V + 10),
    "r zero": spelt(0, S, V),
    "s zero": spelt(R, 0, V),
    "r at the order": spelt(ORDER, S, V),
    "r above the field": spelt(2**256 - 1, S, V),
    "64 bytes": spelt(R, S, V)[:64],
    "66 bytes": spelt(R, S, V) + b"\x00",
    "empty": b"",
    "r on no point": spelt(5, S, V),
}


@pytest.mark.parametrize("name", BAD)
def test_another_spelling_is_refused(name: str) -> None:
    with pytest.raises(RefusedError):
        recover(DIGEST, BAD[name])


def der_integers(raw: bytes) -> tuple[int, int] | None:
    """r and s of a strict DER signature that fit 32 bytes."""
    numbers = []
    if raw[:1] != b"\x30" or len(raw) < 2 or raw[1] != len(raw) - 2:
        return None
    rest = raw[2:]
    while rest:
        if len(rest) < 3 or rest[0] != 2 or not 0 < rest[1] <= len(rest) - 2:
            return None
        body, rest = rest[2 : 2 + rest[1]], rest[2 + rest[1] :]
        if body[0] & 0x80 or (len(body) > 1 and body[0] == 0 and not body[1] & 0x80):
            return None
        numbers.append(int.from_bytes(body, "big"))
    if len(numbers) != 2 or max(numbers) >= 2**256:
        return None
    return numbers[0], numbers[1]


def recovers(digest: bytes, pair: tuple[int, int], address: bytes) -> bool:
    for v in (27, 28):
        try:
            if recover(digest, spelt(*pair, v)) == address:
                return True
        except RefusedError:
            continue
    return False


def test_wycheproof_signatures_are_judged_as_bitcoin_does(
    conformance_data: Path, conformance_tally: ConformanceTally
) -> None:
    file = conformance_data / "log" / "secp256k1" / "ecdsa_secp256k1_sha256_bitcoin_test.json"
    judged = wrong = 0
    for group in json.loads(file.read_bytes())["testGroups"]:
        point = bytes.fromhex(group["publicKey"]["uncompressed"])
        address = keccak(point[1:])[12:]
        for case in group["tests"]:
            pair = der_integers(bytes.fromhex(case["sig"]))
            if pair is None:
                continue
            judged += 1
            digest = sha256(bytes.fromhex(case["msg"])).digest()
            # Its r wrapped at the order: only v 29 or 30, which the format forbids, recovers it.
            valid = case["result"] == "valid" and case["comment"] != "k*G has a large x-coordinate"
            wrong += recovers(digest, pair, address) != valid
    conformance_tally(judged, wrong)
    assert judged > 100
    assert not wrong
