"""Facts of the log itself, from its genesis to its clock (docs/spec/entry.md).

Facts but the clock are signed by the registrar through a submission without a document.
"""

import hashlib
import re
from collections.abc import Sequence
from dataclasses import dataclass

from ledger.core.eip712 import SigningDomain, key_claim_digest, submission_digest
from ledger.core.entries import Address, FactEntry, Kind, Z, entry_leaf_hash
from ledger.core.errors import MalformedError
from ledger.core.identifiers import party_key, party_path
from ledger.core.merkle import root_hash
from ledger.core.signatures import recover, sign
from ledger.core.strict_json import JsonValue

# A C2SP origin line is one schema-less URL; longer ones help nobody and cost calldata at genesis.
MAX_ORIGIN = 255
_NOT_IN_ORIGIN = re.compile(r"[\s+\x00-\x20\x7f-\x9f]")
MAX_NAME = 200


@dataclass(frozen=True, slots=True, kw_only=True)
class LogIdentity:
    """What entry 0 fixes for ever."""

    origin: str
    head_signer: Address
    registrar: Address
    checkpoint_key: bytes
    chain_id: int
    contract: bytes

    def log_id(self) -> bytes:
        """Return logId (docs/spec/log.md)."""
        origin = self.origin.encode()
        return hashlib.sha256(
            b"unbroken/log/v1\0" + len(origin).to_bytes(2, "big") + origin
            + self.head_signer + self.registrar + self.checkpoint_key
        ).digest()  # fmt: skip

    def domain(self) -> SigningDomain:
        """Return the domain that partners sign in."""
        return SigningDomain(log_id=self.log_id(), chain_id=self.chain_id, contract=self.contract)

    def entry(self, time_ms: int) -> FactEntry:
        """Return the genesis entry.

        Raises:
            MalformedError: The origin is empty, too long, or has a space or a control character.
        """
        return FactEntry(
            kind=Kind.GENESIS,
            time_ms=time_ms,
            signer=self.registrar,
            party=Z,
            payload={
                "chain_id": self.chain_id,
                "checkpoint_key": self.checkpoint_key.hex(),
                "contract": self.contract.hex(),
                "head_signer": self.head_signer.hex(),
                "origin": _verified_origin(self.origin),
                "registrar": self.registrar.hex(),
            },
        )


def _verified_origin(origin: JsonValue) -> str:
    """Return an origin that can stand in a signed note: one line, a name without spaces or +."""
    if (
        not isinstance(origin, str)
        or not 0 < len(origin.encode()) <= MAX_ORIGIN
        or _NOT_IN_ORIGIN.search(origin)
    ):
        raise MalformedError("origin", f"1 to {MAX_ORIGIN} bytes without spaces", origin)
    return origin


def parse_identity(payload: dict[str, JsonValue]) -> LogIdentity:
    """Read the payload of a genesis entry.

    Raises:
        MalformedError: A member is missing, unknown or of another form.
    """
    _members(payload, {"chain_id", "checkpoint_key", "contract", "head_signer", "origin",
                       "registrar"})  # fmt: skip
    chain_id, origin = payload["chain_id"], payload["origin"]
    if not isinstance(chain_id, int) or not _is_natural(chain_id):
        raise MalformedError("chain_id", "is an integer", chain_id)
    return LogIdentity(
        origin=_verified_origin(origin),
        head_signer=Address(fact_bytes(payload, "head_signer", 20)),
        registrar=Address(fact_bytes(payload, "registrar", 20)),
        checkpoint_key=fact_bytes(payload, "checkpoint_key", 32),
        chain_id=chain_id,
        contract=fact_bytes(payload, "contract", 20),
    )


def fact_bytes(payload: dict[str, JsonValue], name: str, length: int) -> bytes:
    """Return a hexadecimal member of a payload.

    Raises:
        MalformedError: It is not that many bytes in lower-case hexadecimal.
    """
    text = payload.get(name)
    try:
        value = bytes.fromhex(text) if isinstance(text, str) else b""
    except ValueError as error:
        raise MalformedError(name, "is hexadecimal", text) from error
    if len(value) != length or value.hex() != text:
        raise MalformedError(name, f"is {length} bytes in lower-case hexadecimal", text)
    return value


def _members(
    payload: dict[str, JsonValue], required: set[str], optional: set[str] | None = None
) -> None:
    missing, unknown = required - payload.keys(), payload.keys() - required - (optional or set())
    if missing or unknown:
        raise MalformedError(
            "payload", f"has exactly the members {sorted(required)}", sorted(payload)
        )


def party_added(time_ms: int, registrar: Address, path: str, name: str) -> FactEntry:
    """Return the entry that adds a party; path is its canonical party path.

    Raises:
        MalformedError: The name is empty or too long.
    """
    return FactEntry(
        kind=Kind.PARTY,
        time_ms=time_ms,
        signer=registrar,
        party=party_key(path),
        payload={"fact": "add", "name": _short_text("name", name), "path": path},
    )


def key_added(
    time_ms: int, registrar: Address, party: bytes, address: Address, proof: bytes
) -> FactEntry:
    """Return the entry that adds a key; proof is the key's own KeyClaim signature."""
    return FactEntry(
        kind=Kind.KEY,
        time_ms=time_ms,
        signer=registrar,
        party=party,
        payload={"address": address.hex(), "fact": "add", "proof": proof.hex()},
    )


def party_turned(time_ms: int, registrar: Address, party: bytes, *, active: bool) -> FactEntry:
    """Return the entry that suspends or resumes a party, and with it all of its keys."""
    fact = "resume" if active else "suspend"
    return FactEntry(
        kind=Kind.PARTY, time_ms=time_ms, signer=registrar, party=party, payload={"fact": fact}
    )


def key_revoked(
    time_ms: int, registrar: Address, party: bytes, address: Address, reason: str,
    compromised_since: int | None = None,
) -> FactEntry:  # fmt: skip
    """Return the entry that revokes a key from its own index on.

    Args:
        time_ms: When the registrar says so.
        registrar: Who signs it.
        party: Whose key it is.
        address: The key.
        reason: For everyone to read.
        compromised_since: Informs readers. Attack: were entries before this one invalid, a partner
            could sell twice and revoke "as of last week".

    Raises:
        MalformedError: The reason is empty or too long.
    """
    payload: dict[str, JsonValue] = {
        "address": address.hex(), "fact": "revoke", "reason": _short_text("reason", reason),
    }  # fmt: skip
    if compromised_since is not None:
        payload["compromised_since"] = compromised_since
    return FactEntry(kind=Kind.KEY, time_ms=time_ms, signer=registrar, party=party, payload=payload)


def registrar_rotated(
    time_ms: int, outgoing: Address, incoming: Address, proof: bytes
) -> FactEntry:
    """Return the entry after which facts are the incoming registrar's to sign.

    The outgoing one signs it; proof is the incoming one's KeyClaim with party Z (`claim_key`).
    """
    return FactEntry(
        kind=Kind.REGISTRAR,
        time_ms=time_ms,
        signer=outgoing,
        party=Z,
        payload={"proof": proof.hex(), "registrar": incoming.hex()},
    )


def tombstone(time_ms: int, registrar: Address, index: int, legal_basis: str) -> FactEntry:
    """Return the entry that says that the content of entry `index` is destroyed, and why it may be.

    Raises:
        MalformedError: The legal basis is empty or too long.
    """
    return FactEntry(
        kind=Kind.TOMBSTONE,
        time_ms=time_ms,
        signer=registrar,
        party=Z,
        payload={"index": index, "legal_basis": _short_text("legal_basis", legal_basis)},
    )


def clock(time_ms: int, head_signer: Address) -> FactEntry:
    """Return the clock entry that begins a batch."""
    return FactEntry(kind=Kind.CLOCK, time_ms=time_ms, signer=head_signer, party=Z, payload={})


def verify_fact(
    fact: FactEntry, identity: LogIdentity, separator: bytes, registrar: Address | None = None
) -> None:
    """Check a fact about a party, a key, the registrar or an erased event: signer and members.

    Args:
        fact: The fact.
        identity: Of its log.
        separator: Of identity's domain.
        registrar: Who signs facts at its index; None: the one that the genesis entry names.

    Raises:
        MalformedError: Members or path are wrong, or a proof is not the key's own.
        SignatureError: The proof of possession is no signature.
    """
    if fact.signer != (registrar or identity.registrar):
        raise MalformedError("signer", "is the registrar", fact.signer.hex())
    if fact.kind == Kind.PARTY:
        _verify_party_fact(fact)
    elif fact.kind == Kind.KEY:
        _verify_key_fact(fact, identity.log_id(), separator)
    elif fact.kind == Kind.REGISTRAR:
        _verify_registrar_fact(fact, identity, separator)
    elif fact.kind == Kind.TOMBSTONE:
        _verify_tombstone(fact)
    else:
        raise MalformedError("kind", "is a party, a key, a registrar or a tombstone", fact.kind)


def _verify_registrar_fact(fact: FactEntry, identity: LogIdentity, separator: bytes) -> None:
    _members(fact.payload, {"proof", "registrar"})
    incoming = Address(fact_bytes(fact.payload, "registrar", 20))
    if fact.party != Z:
        raise MalformedError("party", "is zero", fact.party.hex())
    if incoming in (fact.signer, identity.head_signer):
        # One stolen key must not both admit a partner and sign the head that shows it.
        raise MalformedError(
            "registrar", "is neither the old one nor the head signer", incoming.hex()
        )
    digest = key_claim_digest(separator, identity.log_id(), Z, incoming)
    if recover(digest, fact_bytes(fact.payload, "proof", 65)) != incoming:
        raise MalformedError("proof", "is signed by the incoming registrar", incoming.hex())


def _verify_tombstone(fact: FactEntry) -> None:
    _members(fact.payload, {"index", "legal_basis"})
    if fact.party != Z:
        raise MalformedError("party", "is zero", fact.party.hex())
    _short_text("legal_basis", fact.payload["legal_basis"])
    if not _is_natural(fact.payload["index"]):
        raise MalformedError("index", "is a log index", fact.payload["index"])


def erased_index(fact: FactEntry) -> int:
    """Return the log index that a tombstone names.

    Raises:
        MalformedError: It names none.
    """
    index = fact.payload.get("index")
    if not isinstance(index, int) or not _is_natural(index):
        raise MalformedError("index", "is a log index", index)
    return index


def _verify_party_fact(fact: FactEntry) -> None:
    payload, what = fact.payload, fact.payload.get("fact")
    if what == "add":
        _members(payload, {"fact", "name", "path"})
        _short_text("name", payload["name"])
        if party_key(_canonical_party_path(payload["path"])) != fact.party:
            raise MalformedError("path", "is the path of the party", payload["path"])
    elif what in ("suspend", "resume"):
        _members(payload, {"fact"})
    else:
        raise MalformedError("fact", "is add, suspend or resume", what)


def _verify_key_fact(fact: FactEntry, log_id: bytes, separator: bytes) -> None:
    payload, what = fact.payload, fact.payload.get("fact")
    address = fact_bytes(payload, "address", 20)
    if what == "add":
        _members(payload, {"address", "fact", "proof"})
        digest = key_claim_digest(separator, log_id, fact.party, address)
        if recover(digest, fact_bytes(payload, "proof", 65)) != address:
            raise MalformedError("proof", "is signed by the address it adds", address.hex())
    elif what == "revoke":
        _members(payload, {"address", "fact", "reason"}, {"compromised_since"})
        _short_text("reason", payload["reason"])
        if not _is_natural(payload.get("compromised_since", 0)):
            since = payload["compromised_since"]
            raise MalformedError("compromised_since", "is ms since 1970", since)
    else:
        raise MalformedError("fact", "is add or revoke", what)


def _short_text(name: str, text: JsonValue) -> str:
    if not isinstance(text, str) or not 0 < len(text) <= MAX_NAME:
        raise MalformedError(name, f"1 to {MAX_NAME} characters", text)
    if any(one < " " or one == "\x7f" for one in text):
        raise MalformedError(name, "has no control character", text)
    return text


def _is_natural(value: JsonValue) -> bool:
    return isinstance(value, int) and not isinstance(value, bool) and value >= 0


def _canonical_party_path(path: JsonValue) -> str:
    """Return a party path that is what its own identifier yields; refuse any other spelling."""
    if not isinstance(path, str) or not path.startswith(("/", "uri:")):
        raise MalformedError("path", "is a canonical party path", path)
    identifier = f"https://id.gs1.org{path}" if path[0] == "/" else path.removeprefix("uri:")
    if party_path(identifier) != path:
        raise MalformedError("path", "is a canonical party path", path)
    return path


def facts_digest(identity: LogIdentity, entries: Sequence[bytes], issued_at: int) -> bytes:
    """Return the digest of a submission of facts (no document, so docHash is Z)."""
    root = root_hash([entry_leaf_hash(entry) for entry in entries])
    separator = identity.domain().separator()
    return submission_digest(separator, identity.log_id(), root, len(entries), Z, issued_at)


def sign_facts(
    registrar_key: bytes, identity: LogIdentity, entries: Sequence[bytes], issued_at: int
) -> bytes:
    """Return the registrar's signature over facts in their order."""
    return sign(registrar_key, facts_digest(identity, entries, issued_at))


def claim_key(private_key: bytes, identity: LogIdentity, party: bytes, address: Address) -> bytes:
    """Return a key's proof of possession for a party."""
    separator = identity.domain().separator()
    return sign(private_key, key_claim_digest(separator, identity.log_id(), party, address))
