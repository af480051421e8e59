"""The inner loop of an audit: leaf hash, rights, path, digest and signature of each signed entry.

Cost of an event that was signed alone: one libsecp256k1 verification and some 4 us. The public key
of a signer is recovered once; later signatures are verified against it, which is cheaper by a
square root and an inversion but leaves the recovery id v unproven: `recovery_ids` proves it too.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from hashlib import sha256
from typing import Any, NamedTuple

from coincurve._libsecp256k1 import ffi, lib
from coincurve.context import GLOBAL_CONTEXT
from sha3 import keccak_256

from ledger.core.eip712 import SUBMISSION_TYPE, WORD, keccak
from ledger.core.entries import Kind
from ledger.core.errors import ProofError, SignatureError
from ledger.core.facts import LogIdentity
from ledger.core.merkle import HASH_SIZE, root_from_inclusion
from ledger.core.rights import Registrars, Spans, registrar_at
from ledger.core.signatures import SIGNATURE_LENGTH, recover_key

# Signer and party in an entry, and the length of an address.
_SIGNER, _HEAD_END, _ADDRESS = 16, 68, 20
_U32, _U64 = (1 << 32) - 1, (1 << 64) - 1
_V = (27, 28)
# What parties sign; all other signed entries are facts.
_BY_PARTIES = (Kind.EVENT, Kind.FINDING_ACT)


class SignedEntry(NamedTuple):
    """One row of the log with the submission that signed it; hashes are 32 bytes.

    A clock entry has no submission: submission_id and what follows from it are None.
    """

    log_index: int
    kind: int
    entry: bytes
    leaf_hash: bytes
    submission_id: int | None
    position: int
    total: int
    path: bytes
    issued_ms: int
    doc_hash: bytes
    signature: bytes
    digest: bytes


class Failure(NamedTuple):
    """One thing that does not hold: the named check, log index or size if any, a sentence."""

    check: str
    at: int | None
    detail: str


@dataclass(slots=True)
class SignatureAudit:
    """Checks entries of one log in any order; keeps recovered keys and checked submissions.

    `registrars` is what `Rights.registrars` gives; without it the genesis one never rotated.
    """

    identity: LogIdentity
    spans: Spans
    recovery_ids: bool = True
    registrars: Registrars = ()
    signatures: int = 0
    failures: list[Failure] = field(default_factory=list)
    _keys: dict[bytes, Any] = field(default_factory=dict)
    _checked: tuple[int, bytes, bytes] | None = None
    _parsed: Any = field(default_factory=lambda: ffi.new("secp256k1_ecdsa_signature *"))

    def run(self, rows: Iterable[SignedEntry]) -> list[bytes]:
        """Check every row; return the recomputed leaf hashes in order."""
        domain = self.identity.domain()
        head = b"\x19\x01" + domain.separator()
        struct_head = SUBMISSION_TYPE + domain.log_id
        leaves: list[bytes] = []
        # Local names and one reused buffer: a microsecond of the four that are not libsecp256k1's.
        events, spans, hashed = Kind.EVENT, self.spans, keccak_256
        for row in rows:
            index, kind, entry, stored, number, _, count, path, issued, doc, signature, digest = row
            leaf = sha256(b"\x00" + entry).digest()
            leaves.append(leaf)
            if leaf != stored:
                self._fail("leaf", index, "the stored leaf hash is not that of the entry")
            if number is None:
                if kind != Kind.CLOCK:
                    self._fail("signature", index, "no submission signed it")
                continue
            name = entry[_SIGNER:_HEAD_END]
            if kind != events or not _is_within(spans.get(name, ()), index):
                self._check_rights(index, kind, name)
            root = leaf if count == 1 and not path else self._root(row, leaf)
            if self._checked == (number, root, name):
                continue
            self._checked = (number, root, name)
            # Masked, so that a number that no submission can have gives a digest that none has.
            words = (
                (count & _U32).to_bytes(WORD, "big") + doc + (issued & _U64).to_bytes(WORD, "big")
            )
            struct_hash = hashed(struct_head + root + words).digest()
            made = hashed(head + struct_hash).digest()
            if made != digest:
                self._fail("signature", index, "the stored digest is not that of the submission")
            self._check_signature(index, made, signature, name[:_ADDRESS])
        return leaves

    def _check_rights(self, index: int, kind: int, name: bytes) -> None:
        if kind in _BY_PARTIES:
            if not _is_within(self.spans.get(name, ()), index):
                self._fail("rights", index, "the signer was no active key of an active party")
        elif name[:_ADDRESS] != self._registrar(index):
            self._fail("rights", index, "a fact is not signed by the registrar")

    def _registrar(self, index: int) -> bytes:
        if index and self.registrars:
            return registrar_at(self.registrars, index)
        return self.identity.registrar

    def _root(self, row: SignedEntry, leaf: bytes) -> bytes:
        path = [row.path[i : i + HASH_SIZE] for i in range(0, len(row.path), HASH_SIZE)]
        try:
            return root_from_inclusion(row.position, row.total, leaf, path)
        except ProofError as error:
            self._fail("signature", row.log_index, f"path in its submission: {error}")
            return leaf

    def _check_signature(self, index: int, digest: bytes, signature: bytes, signer: bytes) -> None:
        self.signatures += 1
        key = self._keys.get(signer)
        if key is None or self.recovery_ids:
            self._recover(index, digest, signature, signer)
        elif not is_signed_by(key, digest, signature, self._parsed):
            self._fail("signature", index, "the signature was not made by the entry's signer")

    def _recover(self, index: int, digest: bytes, signature: bytes, signer: bytes) -> None:
        try:
            key = recover_key(digest, signature)
        except SignatureError as error:
            self._fail("signature", index, str(error))
            return
        if keccak(key.format(compressed=False)[1:])[12:] != signer:
            self._fail("signature", index, "the signature was not made by the entry's signer")
        else:
            self._keys[signer] = key.public_key

    def _fail(self, check: str, index: int, detail: str) -> None:
        self.failures.append(Failure(check, index, detail))


_context = GLOBAL_CONTEXT.ctx
_parse_compact, _verify = (
    lib.secp256k1_ecdsa_signature_parse_compact, lib.secp256k1_ecdsa_verify,
)  # fmt: skip


def _is_within(spans: Sequence[tuple[int, int]], index: int) -> bool:
    for start, end in spans:  # noqa: SIM110 -- any() costs a generator for each entry
        if start < index < end:
            return True
    return False


def is_signed_by(key: Any, digest: bytes, signature: bytes, parsed: Any) -> bool:  # noqa: ANN401 -- cffi data
    """Tell whether key, a `secp256k1_pubkey *`, signed digest: r and s low, v of either value.

    `parsed` is a `secp256k1_ecdsa_signature *` of the caller's thread, overwritten.
    """
    if len(signature) != SIGNATURE_LENGTH or signature[64] not in _V:
        return False
    return bool(
        _parse_compact(_context, parsed, signature[:64]) and _verify(_context, parsed, digest, key)
    )
