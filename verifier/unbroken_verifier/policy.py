"""What the caller pins: whose log, on which chain (docs/spec/bundle.md, Policy)."""

from dataclasses import dataclass

from unbroken_verifier import shape
from unbroken_verifier.canonical import JsonValue, parse_strict
from unbroken_verifier.errors import PolicyError, RefusedError

BLOCKS = ("finalized", "safe", "latest")
MEMBERS = frozenset({"log_id", "registrar", "chain_id", "contract", "code_hash", "block"})
MAX_POLICY_BYTES = 64 * 1024
LENGTHS = {"log_id": 32, "registrar": 20, "contract": 20, "code_hash": 32}


@dataclass(frozen=True, slots=True, kw_only=True)
class Policy:
    """Pinned values; None where the caller pins nothing."""

    log_id: bytes | None = None
    registrar: bytes | None = None
    chain_id: int | None = None
    contract: bytes | None = None
    code_hash: bytes | None = None
    block: str = "finalized"


def parse_policy(raw: bytes) -> Policy:
    """The policy in a file: JSON with any white space, lower-case hexadecimal, with or without 0x.

    Raises:
        PolicyError: anything else.
    """
    try:
        return _parse(raw)
    except RefusedError as error:
        raise PolicyError(f"policy: {error}") from error


def _parse(raw: bytes) -> Policy:
    if len(raw) > MAX_POLICY_BYTES:
        raise RefusedError(f"longer than {MAX_POLICY_BYTES} bytes")
    value = shape.members(parse_strict(raw), frozenset(), MEMBERS)
    pinned = {
        name: shape.binary(_bare(value[name]), name, length)
        for name, length in LENGTHS.items()
        if name in value
    }
    block = shape.text(value.get("block", BLOCKS[0]), "block")
    if block not in BLOCKS:
        raise RefusedError(f"block is not one of {', '.join(BLOCKS)}")
    return Policy(
        log_id=pinned.get("log_id"),
        registrar=pinned.get("registrar"),
        chain_id=shape.number(value["chain_id"], "chain_id") if "chain_id" in value else None,
        contract=pinned.get("contract"),
        code_hash=pinned.get("code_hash"),
        block=block,
    )


def _bare(value: JsonValue) -> JsonValue:
    """Hexadecimal as ledgers and wallets show it begins with 0x."""
    return value.removeprefix("0x") if isinstance(value, str) else value
