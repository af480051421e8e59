"""Step `parse` of docs/spec/evidence.md: signatures that contradict each other, or their log."""

from dataclasses import dataclass

from unbroken_verifier import parts, shape
from unbroken_verifier.bundle import Proof, parse_absence
from unbroken_verifier.canonical import JsonValue
from unbroken_verifier.eip712 import Z32
from unbroken_verifier.entry import Genesis, genesis_of
from unbroken_verifier.errors import RefusedError
from unbroken_verifier.event import LAST_SPENDING_ROLE, QUANTITY_CLASS
from unbroken_verifier.parts import MAX_CHAIN, U32, Blind, Head, Submission

FORMAT = "unbroken/evidence/v1"
DOUBLE_SPEND, TWO_HEADS, FORK, OMISSION = KINDS = (
    "double_spend",
    "two_heads",
    "fork",
    "omission",
)

MEMBERS: dict[str, frozenset[str]] = {
    DOUBLE_SPEND: frozenset({"chain_id", "contract", "item", "spends", "handoffs"}),
    TWO_HEADS: frozenset({"log_id", "identity", "heads"}),
    FORK: frozenset({"log_id", "identity", "heads", "root", "proof"}),
    OMISSION: frozenset({"item", "head", "facts", "omitted", "chain", "siblings"}),
}
IDENTITY = frozenset({"checkpoint_key", "head_signer", "origin", "registrar"})
OMITTED = frozenset({"index", "entry", "inclusion", "row"})
HANDOFF = frozenset({"log_id", "entry", "submission", "row"})
ROW = frozenset({"index", "salt", "role", "path"})


@dataclass(frozen=True, slots=True, kw_only=True)
class Handoff:
    """One signed handoff and the row in which it names the item."""

    log_id: bytes
    entry: bytes
    submission: Submission
    row_index: int
    salt: bytes
    role: int
    row_path: tuple[bytes, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Omitted:
    """An entry of the log, the row in which it names the item, and the chain that lacks it."""

    index: int
    entry: bytes
    inclusion: tuple[bytes, ...]
    row_index: int
    salt: bytes
    role: int
    spends: bytes
    row_path: tuple[bytes, ...]
    chain: tuple[Blind, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Evidence:
    """What a file of evidence claims; members that its kind lacks are empty.

    Attributes:
        log: of heads, what their log_id commits to; its home is no part of that.
        omitted: of an omission; head, genesis and map path are its `proof`.
        root: of a fork, the root that the newer tree has at the older size.
        proof: of a fork, the consistency proof from there to the newer head.
    """

    chain_id: int = 0
    contract: bytes = b""
    item: str = ""
    spends: bytes = Z32
    handoffs: tuple[Handoff, ...] = ()
    log_id: bytes = b""
    log: Genesis | None = None
    heads: tuple[Head, ...] = ()
    root: bytes = b""
    proof: tuple[bytes, ...] = ()
    omitted: Omitted | None = None


def parse_evidence(value: dict[str, JsonValue]) -> tuple[str, Evidence, Proof | None]:
    """Kind and claim that the members spell; of an omission also what it rests on.

    Raises:
        RefusedError: an unknown kind, or another shape than its own.
    """
    kind = shape.text(value.get("kind"), "kind")
    if kind not in KINDS:
        raise RefusedError(f"kind is not one of {', '.join(KINDS)}")
    if kind == OMISSION:
        return kind, *parse_omission(value)
    members = shape.members(value, MEMBERS[kind] | {"format", "kind"})
    if kind == DOUBLE_SPEND:
        return kind, _double_spend(members), None
    heads = shape.array(members["heads"], "heads", _head)
    if len(heads) != 2:  # noqa: PLR2004  a contradiction has two sides
        raise RefusedError("heads has not exactly two elements")
    fork = kind == FORK
    claim = Evidence(
        log_id=shape.binary(members["log_id"], "log_id", 32),
        log=genesis_of(shape.members(members["identity"], IDENTITY), chain_id=0, contract=b""),
        heads=heads,
        root=shape.binary(members["root"], "root", 32) if fork else b"",
        proof=parts.hashes(members["proof"], "proof") if fork else (),
    )
    return kind, claim, None


def parse_omission(value: dict[str, JsonValue]) -> tuple[Evidence, Proof]:
    """The omission that the members spell, with what it claims of a head and its map.

    Raises:
        RefusedError: another shape, or a chain out of order.
    """
    members = shape.members(value, MEMBERS[OMISSION] | {"format", "kind"}, frozenset({"terminal"}))
    chain = shape.array(members["chain"], "chain", parts.blind)
    if len(chain) > MAX_CHAIN:
        raise RefusedError(f"chain has more than {MAX_CHAIN} elements")
    shape.verify_increasing([step.index for step in chain], "chain")
    if chain and "terminal" in members:
        raise RefusedError("terminal is of a map without the item, chain of one with it")
    others = {"kind", "omitted", "chain"}
    proof = parse_absence({name: one for name, one in members.items() if name not in others})
    omitted = shape.members(members["omitted"], OMITTED)
    row = shape.members(omitted["row"], ROW, frozenset({"spends"}))
    return Evidence(
        omitted=Omitted(
            index=parts.index(omitted["index"]),
            entry=shape.binary(omitted["entry"], "entry"),
            inclusion=parts.hashes(omitted["inclusion"], "inclusion"),
            row_index=shape.number(row["index"], "row.index", U32),
            salt=shape.binary(row["salt"], "row.salt", 16),
            role=shape.number(row["role"], "row.role", QUANTITY_CLASS),
            spends=parts.not_zero(row, "spends"),
            row_path=parts.hashes(row["path"], "row.path"),
            chain=chain,
        )
    ), proof


def _double_spend(members: dict[str, JsonValue]) -> Evidence:
    handoffs = shape.array(members["handoffs"], "handoffs", _handoff)
    if len(handoffs) != 2:  # noqa: PLR2004  a contradiction has two sides
        raise RefusedError("handoffs has not exactly two elements")
    if not (item := shape.text(members["item"], "item")):
        raise RefusedError("item is empty")
    spends = parts.not_zero(members, "spends")
    return Evidence(
        chain_id=shape.number(members["chain_id"], "chain_id"),
        contract=shape.binary(members["contract"], "contract", 20),
        item=item,
        spends=spends,
        handoffs=handoffs,
    )


def _handoff(value: JsonValue) -> Handoff:
    members = shape.members(value, HANDOFF)
    row = shape.members(members["row"], ROW)
    return Handoff(
        log_id=shape.binary(members["log_id"], "log_id", 32),
        entry=shape.binary(members["entry"], "entry"),
        submission=parts.submission(members["submission"]),
        row_index=shape.number(row["index"], "row.index", U32),
        salt=shape.binary(row["salt"], "row.salt", 16),
        role=shape.number(row["role"], "row.role", LAST_SPENDING_ROLE),
        row_path=parts.hashes(row["path"], "row.path"),
    )


def _head(value: JsonValue) -> Head:
    return parts.head(value, needs_map=False)
