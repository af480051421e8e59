"""secp256k1 signatures, 65 bytes r || s || v (docs/spec/submission.md).

v is 27 or 28 and s is low, so one message and key have one signature; RFC 6979 makes a retry the
same bytes. coincurve releases the GIL in each call.
"""

from coincurve import PrivateKey, PublicKey

from ledger.core.eip712 import keccak
from ledger.core.entries import Address
from ledger.core.errors import SignatureError

SIGNATURE_LENGTH = 65
_HALF_ORDER = 0x7FFFFFFFFFFFFFFFFFFFFFFFFFFFFFFF5D576E7357A4501DDFE92F46681B20A0


def sign(private_key: bytes, digest: bytes) -> bytes:
    """Sign a 32-byte digest (RFC 6979, low s)."""
    signature = PrivateKey(private_key).sign_recoverable(digest, hasher=None)
    return signature[:64] + bytes([27 + signature[64]])


def address_of(private_key: bytes) -> Address:
    """Return the 20-byte address of a private key."""
    return _address(PrivateKey(private_key).public_key)


def recover(digest: bytes, signature: bytes) -> Address:
    """Return the address whose key signed digest.

    Raises:
        SignatureError: Wrong length, v not 27 or 28, high s, or no such point.
    """
    return _address(recover_key(digest, signature))


def recover_key(digest: bytes, signature: bytes) -> PublicKey:
    """Return the public key that signed digest; raises as `recover`."""
    check_form(signature)
    try:
        return PublicKey.from_signature_and_message(
            signature[:64] + bytes([signature[64] - 27]), digest, hasher=None
        )
    except Exception as error:
        raise SignatureError("no key can have made this signature") from error


def check_form(signature: bytes) -> None:
    """Check length, v and low s.

    Raises:
        SignatureError: The signature has another form.
    """
    if len(signature) != SIGNATURE_LENGTH:
        raise SignatureError(f"a signature has {SIGNATURE_LENGTH} bytes, not {len(signature)}")
    if signature[64] not in (27, 28):
        raise SignatureError(f"v is 27 or 28, not {signature[64]}")
    if int.from_bytes(signature[32:64]) > _HALF_ORDER:
        raise SignatureError("s is in the upper half of the order (malleable)")


def _address(key: PublicKey) -> Address:
    return Address(keccak(key.format(compressed=False)[1:])[12:])
