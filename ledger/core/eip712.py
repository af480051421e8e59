"""EIP-712 digests by hand-written bytes (docs/spec/submission.md, log.md, entry.md).

eth-account is the oracle in the tests; here a digest is two or three Keccak calls.
"""

from dataclasses import dataclass

from sha3 import keccak_256

WORD = 32


def keccak(data: bytes) -> bytes:
    """Return Keccak-256 of data."""
    digest: bytes = keccak_256(data).digest()
    return digest


def _word(number: int) -> bytes:
    return number.to_bytes(WORD, "big")


SUBMISSION_TYPE = keccak(
    b"Submission(bytes32 logId,bytes32 entriesRoot,uint32 count,bytes32 docHash,uint64 issuedAt)"
)
KEY_CLAIM_TYPE = keccak(b"KeyClaim(bytes32 logId,bytes32 party,address key)")
HEAD_TYPE = keccak(b"Head(bytes32 logId,uint64 size,bytes32 root,bytes32 mapRoot)")
_HOME_DOMAIN_TYPE = keccak(
    b"EIP712Domain(string name,string version,uint256 chainId,address verifyingContract)"
)
LOG_DOMAIN = keccak(
    keccak(b"EIP712Domain(string name,string version)") + keccak(b"Unbroken Log") + keccak(b"1")
)


@dataclass(frozen=True, slots=True, kw_only=True)
class SigningDomain:
    """What a partner's signature is bound to: one log and its home contract."""

    log_id: bytes
    chain_id: int
    contract: bytes

    def separator(self) -> bytes:
        """Return the domain separator of Submission and KeyClaim."""
        return keccak(
            _HOME_DOMAIN_TYPE + keccak(b"Unbroken") + keccak(b"1")
            + _word(self.chain_id) + bytes(12) + self.contract
        )  # fmt: skip


def typed_digest(separator: bytes, struct_hash: bytes) -> bytes:
    """Return the 32 bytes that are signed."""
    return keccak(b"\x19\x01" + separator + struct_hash)


def submission_digest(
    separator: bytes,
    log_id: bytes,
    entries_root: bytes,
    count: int,
    doc_hash: bytes,
    issued_at: int,
) -> bytes:
    """Return the digest of a Submission; separator is that of `SigningDomain`."""
    return typed_digest(
        separator,
        keccak(
            SUBMISSION_TYPE + log_id + entries_root + _word(count) + doc_hash + _word(issued_at)
        ),
    )


def key_claim_digest(separator: bytes, log_id: bytes, party: bytes, address: bytes) -> bytes:
    """Return the digest that a key signs to show its possession."""
    return typed_digest(separator, keccak(KEY_CLAIM_TYPE + log_id + party + bytes(12) + address))


def head_digest(log_id: bytes, size: int, root: bytes, map_root: bytes) -> bytes:
    """Return the digest of a Head; it is the same for every chain."""
    return typed_digest(LOG_DOMAIN, keccak(HEAD_TYPE + log_id + _word(size) + root + map_root))
