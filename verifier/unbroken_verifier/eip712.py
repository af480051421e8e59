"""EIP-712 digests of the three things that are signed, packed by hand.

docs/spec/submission.md (Submission), docs/spec/entry.md (KeyClaim), docs/spec/log.md (Head).
"""

import sha3

from unbroken_verifier.errors import RefusedError

Z32 = bytes(32)


def keccak(data: bytes) -> bytes:
    """Keccak-256, 32 bytes."""
    digest: bytes = sha3.keccak_256(data).digest()
    return digest


def uint(value: int) -> bytes:
    """An unsigned integer as one 32-byte word."""
    return value.to_bytes(32, "big")


def address_word(address: bytes) -> bytes:
    """A 20-byte address as one 32-byte word.

    Raises:
        RefusedError: not 20 bytes.
    """
    if len(address) != 20:  # noqa: PLR2004
        raise RefusedError("an address has not 20 bytes")
    return address.rjust(32, b"\x00")


HEAD_TYPE = keccak(b"Head(bytes32 logId,uint64 size,bytes32 root,bytes32 mapRoot)")
SUBMISSION_TYPE = keccak(
    b"Submission(bytes32 logId,bytes32 entriesRoot,uint32 count,bytes32 docHash,uint64 issuedAt)"
)
KEY_CLAIM_TYPE = keccak(b"KeyClaim(bytes32 logId,bytes32 party,address key)")
# A head serves every chain, so its domain names none.
HEAD_DOMAIN = keccak(
    keccak(b"EIP712Domain(string name,string version)") + keccak(b"Unbroken Log") + keccak(b"1")
)


def submission_domain(chain_id: int, contract: bytes) -> bytes:
    """Domain separator of submissions and key claims: the home chain of the genesis entry."""
    return keccak(
        keccak(
            b"EIP712Domain(string name,string version,uint256 chainId,address verifyingContract)"
        )
        + keccak(b"Unbroken")
        + keccak(b"1")
        + uint(chain_id)
        + address_word(contract)
    )


def head_digest(log_id: bytes, size: int, root: bytes, map_root: bytes) -> bytes:
    """What the head signer signs."""
    return _digest(HEAD_DOMAIN, HEAD_TYPE + log_id + uint(size) + root + map_root)


def submission_digest(
    domain: bytes,
    log_id: bytes,
    *,
    entries_root: bytes,
    count: int,
    doc_hash: bytes,
    issued_at: int,
) -> bytes:
    """What a party, or the registrar, signs."""
    words = log_id + entries_root + uint(count) + doc_hash + uint(issued_at)
    return _digest(domain, SUBMISSION_TYPE + words)


def key_claim_digest(domain: bytes, log_id: bytes, party: bytes, address: bytes) -> bytes:
    """What a new key signs to show that it exists."""
    return _digest(domain, KEY_CLAIM_TYPE + log_id + party + address_word(address))


def _digest(domain: bytes, struct: bytes) -> bytes:
    return keccak(b"\x19\x01" + domain + keccak(struct))
