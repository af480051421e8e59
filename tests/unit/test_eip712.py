"""EIP-712 digests against eth-account, which builds them from the type's text."""

from typing import Any

from eth_account.messages import _hash_eip191_message, encode_typed_data
from hypothesis import given
from hypothesis import strategies as st
from unbroken_verifier import eip712 as verifier

from ledger.core.eip712 import (
    SigningDomain,
    head_digest,
    keccak,
    key_claim_digest,
    submission_digest,
)
from tests.verifier.maker import HEAD, KEY_CLAIM, SUBMISSION

HASHES = st.binary(min_size=32, max_size=32)
ADDRESSES = st.binary(min_size=20, max_size=20)
U32, U64 = st.integers(0, (1 << 32) - 1), st.integers(0, (1 << 64) - 1)
CHAINS = st.integers(0, (1 << 256) - 1)
Json = dict[str, Any]


def expected(domain: Json, types: Json, message: Json) -> bytes:
    return bytes(_hash_eip191_message(encode_typed_data(domain, types, message)))


def home(chain_id: int, contract: bytes) -> Json:
    return {
        "name": "Unbroken",
        "version": "1",
        "chainId": chain_id,
        "verifyingContract": "0x" + contract.hex(),
    }


def test_keccak_is_not_sha3() -> None:
    assert keccak(b"").hex() == "c5d2460186f7233c927e7db2dcc703c0e500b653ca82273b7bfad8045d85a470"


@given(CHAINS, ADDRESSES, HASHES, HASHES, U32, HASHES, U64)
def test_a_submission_has_the_digest_of_its_typed_data(
    chain_id: int,
    contract: bytes,
    log_id: bytes,
    root: bytes,
    count: int,
    doc_hash: bytes,
    issued_at: int,
) -> None:
    separator = SigningDomain(log_id=log_id, chain_id=chain_id, contract=contract).separator()
    digest = submission_digest(separator, log_id, root, count, doc_hash, issued_at)
    message = {
        "logId": log_id,
        "entriesRoot": root,
        "count": count,
        "docHash": doc_hash,
        "issuedAt": issued_at,
    }
    assert digest == expected(home(chain_id, contract), SUBMISSION, message)
    assert digest == verifier.submission_digest(
        verifier.submission_domain(chain_id, contract),
        log_id,
        entries_root=root,
        count=count,
        doc_hash=doc_hash,
        issued_at=issued_at,
    )


@given(CHAINS, ADDRESSES, HASHES, HASHES, ADDRESSES)
def test_a_key_claim_has_the_digest_of_its_typed_data(
    chain_id: int, contract: bytes, log_id: bytes, party: bytes, key: bytes
) -> None:
    separator = SigningDomain(log_id=log_id, chain_id=chain_id, contract=contract).separator()
    digest = key_claim_digest(separator, log_id, party, key)
    message = {"logId": log_id, "party": party, "key": "0x" + key.hex()}
    assert digest == expected(home(chain_id, contract), KEY_CLAIM, message)
    assert digest == verifier.key_claim_digest(separator, log_id, party, key)


@given(HASHES, U64, HASHES, HASHES)
def test_a_head_has_the_digest_of_its_typed_data(
    log_id: bytes, size: int, root: bytes, map_root: bytes
) -> None:
    digest = head_digest(log_id, size, root, map_root)
    message = {"logId": log_id, "size": size, "root": root, "mapRoot": map_root}
    assert digest == expected({"name": "Unbroken Log", "version": "1"}, HEAD, message)
    assert digest == verifier.head_digest(log_id, size, root, map_root)
