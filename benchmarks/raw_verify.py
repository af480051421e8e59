"""The floor of every signature check: libsecp256k1's own verification, called as coincurve does."""

import secrets
from collections.abc import Callable
from typing import Any

from coincurve import PrivateKey
from coincurve._libsecp256k1 import ffi, lib
from coincurve.context import GLOBAL_CONTEXT

from ledger.core.signatures import sign

_REPEATED = 4_000


def _parsed(compact: bytes) -> Any:  # noqa: ANN401 -- cffi data
    parsed = ffi.new("secp256k1_ecdsa_signature *")
    if not lib.secp256k1_ecdsa_signature_parse_compact(GLOBAL_CONTEXT.ctx, parsed, compact):
        raise AssertionError("a good signature was not parsed")
    return parsed


def _signatures(count: int) -> tuple[Any, list[tuple[bytes, bytes]]]:
    """Return a public key, and compact signatures of random digests by it."""
    private = secrets.token_bytes(32)
    digests = [secrets.token_bytes(32) for _ in range(min(count, _REPEATED))]
    made = [(sign(private, digest)[:64], digest) for digest in digests]
    key = PrivateKey(private).public_key.public_key
    return key, (made * -(-count // len(made)))[:count]


def verifying(count: int) -> Callable[[], None]:
    """Return what verifies count signatures of 64 bytes, as they are stored, by a known key."""
    key, work = _signatures(count)

    def run() -> None:
        new, parse = ffi.new, lib.secp256k1_ecdsa_signature_parse_compact
        verify, context = lib.secp256k1_ecdsa_verify, GLOBAL_CONTEXT.ctx
        for compact, digest in work:
            parsed = new("secp256k1_ecdsa_signature *")
            if not (parse(context, parsed, compact) and verify(context, parsed, digest, key)):
                raise AssertionError("a good signature was refused")

    return run


def verifying_parsed(count: int) -> Callable[[], None]:
    """Return what verifies count signatures that libsecp256k1 has parsed before."""
    key, made = _signatures(count)
    work = [(_parsed(compact), digest) for compact, digest in made]

    def run() -> None:
        verify, context = lib.secp256k1_ecdsa_verify, GLOBAL_CONTEXT.ctx
        for parsed, digest in work:
            if not verify(context, parsed, digest, key):
                raise AssertionError("a good signature was refused")

    return run
