"""secp256k1 recovery, as strict as docs/spec/submission.md: 65 bytes, v 27 or 28, low s."""

from functools import lru_cache

from coincurve import PublicKey

from unbroken_verifier.eip712 import keccak
from unbroken_verifier.errors import RefusedError

ORDER = 0xFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFEBAAEDCE6AF48A03BBFD25E8CD0364141
HALF_ORDER = ORDER // 2
SIGNATURE_BYTES = 65
REMEMBERED = 4096  # entries of one submission share a signature; 4,096 results are under 1 MB


@lru_cache(maxsize=REMEMBERED)
def recover(digest: bytes, signature: bytes) -> bytes:
    """Address (20 bytes) whose key signed the digest.

    Attack: a high s, an s or r out of range or another v would give one signature two spellings.

    Raises:
        RefusedError: the signature has another form, or no key could have made it.
    """
    if len(signature) != SIGNATURE_BYTES:
        raise RefusedError(f"a signature has {len(signature)} bytes, not 65")
    r, s, v = int.from_bytes(signature[:32]), int.from_bytes(signature[32:64]), signature[64]
    if not 0 < r < ORDER or not 0 < s <= HALF_ORDER or v not in {27, 28}:
        raise RefusedError("a signature is out of range (v 27 or 28, low s)")
    try:
        key = PublicKey.from_signature_and_message(
            signature[:64] + bytes([v - 27]), digest, hasher=None
        )
    except Exception as error:  # coincurve raises bare Exception
        raise RefusedError("a signature recovers to no key") from error
    return keccak(key.format(compressed=False)[1:])[12:]


def verify_signer(digest: bytes, signature: bytes, address: bytes, name: str) -> None:
    """The signature is by the key of `address`; `name` says whose it should be.

    Raises:
        RefusedError: it is not.
    """
    if (actual := recover(digest, signature)) != address:
        raise RefusedError(f"signed by 0x{actual.hex()}, not by {name} 0x{address.hex()}")
