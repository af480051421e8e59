"""Step `parse`: bundle, disclosure and absence proof as frozen values (docs/spec/bundle.md)."""

from collections.abc import Callable
from dataclasses import dataclass

from unbroken_verifier import parts, shape
from unbroken_verifier.canonical import JsonValue, parse_bundle_json
from unbroken_verifier.errors import RefusedError
from unbroken_verifier.parts import Blind, Chain, Event, Head, Proved, Sketch

MAX_BUNDLE_BYTES = 64 * 1024 * 1024  # a pallet of 5,000 with its history is under 20 MB
MAX_CONTAINERS = 64  # bounds what step `scope` walks for each PACK and UNPACK
MAX_OUTSIDE = 100_000  # entries of containers apart from the item; each is one comparison

BUNDLE = frozenset({"format", "item", "head", "chains", "facts", "events"})
DISCLOSURE = frozenset({"format", "head", "chains", "facts", "events"})
ABSENCE = frozenset({"format", "item", "head", "facts", "siblings"})


@dataclass(frozen=True, slots=True, kw_only=True)
class Proof:
    """What a file proves against a head; members that its format lacks are empty.

    Attributes:
        item: of a bundle or an absence proof.
        terminal: the leaf of the item map that stands where an absent item would.
    """

    head: Head
    facts: tuple[Proved, ...]
    chains: tuple[Chain, ...] = ()
    events: tuple[Event, ...] = ()
    outside: tuple[Sketch, ...] = ()
    blinded: tuple[Blind, ...] = ()
    item: str = ""
    containers: tuple[str, ...] = ()
    siblings: tuple[bytes, ...] = ()
    terminal: tuple[bytes, bytes] | None = None


def read_members(raw: bytes) -> dict[str, JsonValue]:
    """Members of a file of any format, and a text as its `format`.

    Raises:
        RefusedError: too long, not canonical, no object, or no format.
    """
    if len(raw) > MAX_BUNDLE_BYTES:
        raise RefusedError(f"longer than {MAX_BUNDLE_BYTES} bytes")
    value = parse_bundle_json(raw)
    if not isinstance(value, dict) or not isinstance(value.get("format"), str):
        raise RefusedError("is no object with a format")
    return value


def parse_bundle(value: dict[str, JsonValue]) -> Proof:
    """The bundle that the members spell.

    Raises:
        RefusedError: another shape, a number or hex text out of bounds, a wrong order.
    """
    optional = frozenset({"containers", "outside", "blinded"})
    members = shape.members(value, BUNDLE, optional)
    bundle = Proof(
        item=_item(members["item"]),
        containers=_some(members, "containers", parts.path_text, MAX_CONTAINERS),
        head=parts.head(members["head"], needs_map=True),
        chains=shape.array(members["chains"], "chains", parts.chain),
        facts=shape.array(members["facts"], "facts", parts.fact),
        events=shape.array(members["events"], "events", parts.event),
        outside=_some(members, "outside", parts.sketch, MAX_OUTSIDE),
        blinded=_some(members, "blinded", parts.blind, MAX_OUTSIDE),
    )
    shape.verify_increasing([path.encode() for path in bundle.containers], "containers")
    if bundle.item in bundle.containers:
        raise RefusedError("item is also in containers")
    _verify_order(bundle)
    return bundle


def parse_disclosure(value: dict[str, JsonValue]) -> Proof:
    """The disclosure that the members spell.

    Raises:
        RefusedError: another shape, or not exactly one event.
    """
    members = shape.members(value, DISCLOSURE)
    disclosure = Proof(
        head=parts.head(members["head"], needs_map=True),
        chains=shape.array(members["chains"], "chains", parts.chain),
        facts=shape.array(members["facts"], "facts", parts.fact),
        events=shape.array(members["events"], "events", parts.event),
    )
    _verify_order(disclosure)
    if len(disclosure.events) != 1:
        raise RefusedError("events has not exactly one element")
    return disclosure


def parse_absence(value: dict[str, JsonValue]) -> Proof:
    """The absence proof that the members spell.

    Raises:
        RefusedError: another shape, or facts beside the genesis entry.
    """
    members = shape.members(value, ABSENCE, frozenset({"terminal"}))
    facts = shape.array(members["facts"], "facts", parts.fact)
    if len(facts) != 1:
        raise RefusedError("facts is not the genesis entry alone")
    return Proof(
        item=_item(members["item"]),
        head=parts.head(members["head"], needs_map=True),
        facts=facts,
        siblings=parts.hashes(members["siblings"], "siblings"),
        terminal=parts.map_leaf(members["terminal"]) if "terminal" in members else None,
    )


def _some(
    members: dict[str, JsonValue], name: str, read: Callable[[JsonValue], shape.T], most: int
) -> tuple[shape.T, ...]:
    """Elements of a list that is absent when it is empty."""
    if name not in members:
        return ()
    elements = shape.array(members[name], name, read)
    if not elements:
        raise RefusedError(f"{name} is empty: it must be absent")
    if len(elements) > most:
        raise RefusedError(f"{name} has more than {most} elements")
    return elements


def _item(value: JsonValue) -> str:
    if not (path := shape.text(value, "item")):
        raise RefusedError("item is empty")
    return path


def _verify_order(proof: Proof) -> None:
    if not proof.facts or not proof.events:
        raise RefusedError("facts or events is empty")
    shape.verify_increasing([chain.key for chain in proof.chains], "chains")
    seen: set[int] = set()
    for name in ("facts", "events", "outside", "blinded"):
        indexes = [one.index for one in getattr(proof, name)]
        shape.verify_increasing(indexes, name)
        if not seen.isdisjoint(indexes):
            raise RefusedError(f"an index of {name} is elsewhere as well")
        seen.update(indexes)
