"""secp256k1 signatures: one form, made the same way every time, refused in every other form."""

import hashlib
import json
from pathlib import Path
from typing import Any

import pytest
from coincurve import PublicKey
from coincurve.ecdsa import cdata_to_der, der_to_cdata, serialize_compact
from eth_account import Account
from hypothesis import given
from hypothesis import strategies as st

from ledger.core.errors import SignatureError
from ledger.core.signatures import address_of, check_form, recover, recover_key, sign
from tests.conftest import ConformanceTally

ORDER = 0xFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFEBAAEDCE6AF48A03BBFD25E8CD0364141
KEY = bytes([7]) * 32
DIGEST = hashlib.sha256(b"a digest").digest()
SIGNATURE = sign(KEY, DIGEST)
KEYS = st.integers(1, ORDER - 1).map(lambda number: number.to_bytes(32, "big"))
DIGESTS = st.binary(min_size=32, max_size=32)


def with_s(s: int, v: int) -> bytes:
    return SIGNATURE[:32] + s.to_bytes(32, "big") + bytes([v])


@given(KEYS, DIGESTS)
def test_a_signature_is_that_of_eth_account_every_time(key: bytes, digest: bytes) -> None:
    signature = sign(key, digest)
    assert signature == sign(key, digest)
    assert signature == bytes(Account.unsafe_sign_hash(digest, key).signature)
    check_form(signature)
    assert recover(digest, signature) == address_of(key)


@given(KEYS)
def test_an_address_is_that_of_eth_account(key: bytes) -> None:
    assert address_of(key).hex() == Account.from_key(key).address[2:].lower()


@given(DIGESTS)
def test_a_signature_of_another_digest_recovers_another_address(digest: bytes) -> None:
    assert (recover(digest, SIGNATURE) == address_of(KEY)) == (digest == DIGEST)


def test_the_malleable_twin_of_a_signature_is_refused() -> None:
    s, v = int.from_bytes(SIGNATURE[32:64]), SIGNATURE[64]
    twin = with_s(ORDER - s, 55 - v)
    assert PublicKey.from_signature_and_message(
        twin[:64] + bytes([twin[64] - 27]), DIGEST, hasher=None
    ) == recover_key(DIGEST, SIGNATURE)
    with pytest.raises(SignatureError, match="malleable"):
        recover(DIGEST, twin)


def test_the_greatest_low_s_has_the_form_and_the_next_has_not() -> None:
    check_form(with_s(ORDER // 2, 27))
    with pytest.raises(SignatureError, match="upper half"):
        check_form(with_s(ORDER // 2 + 1, 27))


@pytest.mark.parametrize("v", [0, 1, 2, 26, 29, 30, 37, 255])
def test_another_v_is_refused(v: int) -> None:
    with pytest.raises(SignatureError, match="v is 27 or 28"):
        recover(DIGEST, SIGNATURE[:64] + bytes([v]))


def test_the_other_v_names_another_key_or_none() -> None:
    other = SIGNATURE[:64] + bytes([55 - SIGNATURE[64]])
    assert recover(DIGEST, other) != address_of(KEY)


@pytest.mark.parametrize(
    "signature", [b"", SIGNATURE[:64], SIGNATURE + b"\0", bytes(64)], ids=range(4)
)
def test_another_length_is_refused(signature: bytes) -> None:
    with pytest.raises(SignatureError, match="65 bytes"):
        recover(DIGEST, signature)


@pytest.mark.parametrize(
    ("r", "s"),
    [
        (0, 0),
        (0, 1),
        (1, 0),
        (ORDER, 1),
        ((1 << 256) - 1, 1),
        (5, 1),  # no point of the curve has this x
    ],
    ids=range(6),
)
def test_numbers_that_no_key_can_have_made_are_refused(r: int, s: int) -> None:
    for v in (27, 28):
        with pytest.raises(SignatureError, match="no key"):
            recover(DIGEST, r.to_bytes(32, "big") + s.to_bytes(32, "big") + bytes([v]))


def test_published_vectors_are_accepted_or_refused_as_they_say(
    conformance_data: Path, conformance_tally: ConformanceTally
) -> None:
    """Recovering must name the vector's key for a valid (r, s), and never for an invalid one.

    But for one: an x beyond the order would need v 29, which Ethereum has not.
    """
    folder = conformance_data / "log" / "secp256k1"
    tried, wrong, accepted = 0, [], 0
    for file in sorted(folder.glob("*.json")):
        for group in json.loads(file.read_bytes())["testGroups"]:
            key = PublicKey(bytes.fromhex(group["publicKey"]["uncompressed"]))
            for case in group["tests"]:
                compact = canonical_der(bytes.fromhex(case["sig"]))
                named = compact is not None and names_key(key, case["msg"], compact)
                tried += 1
                accepted += named
                if named != (case["result"] == "valid"):
                    wrong.append(case["comment"])
    unexpected = [comment for comment in wrong if comment != "k*G has a large x-coordinate"]
    conformance_tally(tried, len(unexpected))
    assert tried > 400
    assert accepted > 100
    assert not unexpected
    assert len(wrong) <= 1


def names_key(key: PublicKey, message: str, compact: bytes) -> bool:
    digest = hashlib.sha256(bytes.fromhex(message)).digest()
    for v in (27, 28):
        try:
            if recover_key(digest, compact + bytes([v])) == key:
                return True
        except SignatureError:
            continue
    return False


def canonical_der(der: bytes) -> bytes | None:
    """r || s of a DER signature, None unless it is the one DER spelling of it."""
    try:
        parsed: Any = der_to_cdata(der)
        compact: bytes = serialize_compact(parsed)
    except ValueError:
        return None
    return compact if cdata_to_der(parsed) == der else None
