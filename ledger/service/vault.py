"""Encryption at rest of what partners entrust to the ledger: submission parts, event secrets.

AES-256-GCM under the storage key: `nonce12 || ciphertext || tag16`; the associated data binds a
record to its place, so that records cannot be swapped in the database.
"""

import os

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

from ledger.core.errors import InvariantError

_NONCE_LENGTH = 12


class Vault:
    """Seals and opens records under one key."""

    def __init__(self, key: bytes) -> None:
        """Take the 32-byte storage key."""
        self._cipher = AESGCM(key)

    def seal(self, plain: bytes, place: bytes) -> bytes:
        """Encrypt a record for its place."""
        nonce = os.urandom(_NONCE_LENGTH)
        return nonce + self._cipher.encrypt(nonce, plain, place)

    def open(self, sealed: bytes, place: bytes) -> bytes:
        """Decrypt a record.

        Raises:
            InvariantError: It was altered, moved, or sealed under another key.
        """
        try:
            return self._cipher.decrypt(sealed[:_NONCE_LENGTH], sealed[_NONCE_LENGTH:], place)
        except InvalidTag as error:
            raise InvariantError(
                "a sealed record does not open: altered, moved or another key"
            ) from error
