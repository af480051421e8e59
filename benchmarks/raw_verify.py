"""The floor of every signature check: libsecp256k1's own verification, called as coincurve does."""

import secrets
from collections.abc import Callable, Sequence
from typing import Any

from coincurve import PrivateKey
from coincurve._libsecp256k1 import ffi, lib
from coincurve.context import GLOBAL_CONTEXT

from ledger.core.signatures import sign

Signed = tuple[Any, bytes]


def signatures(count: int) -> tuple[Any, list[Signed]]:
    """Return a public key and parsed signatures of random digests by it."""
    private = secrets.token_bytes(32)
    made = []
    for _ in range(count):
        digest = secrets.token_bytes(32)
        parsed = ffi.new("secp256k1_ecdsa_signature *")
        compact = sign(private, digest)[:64]
        lib.secp256k1_ecdsa_signature_parse_compact(GLOBAL_CONTEXT.ctx, parsed, compact)
        made.append((parsed, digest))
    return PrivateKey(private).public_key.public_key, made


def verifying(count: int) -> Callable[[], None]:
    """Return what verifies count signatures with nothing around the calls."""
    key, made = signatures(min(count, 4_000))
    work: Sequence[Signed] = (made * -(-count // len(made)))[:count]

    def run() -> None:
        verify, context = lib.secp256k1_ecdsa_verify, GLOBAL_CONTEXT.ctx
        for parsed, digest in work:
            if not verify(context, parsed, digest, key):
                raise AssertionError("a good signature was refused")

    return run
