"""One file on its way through its steps: what is given, and what earlier steps established."""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field

from unbroken_verifier.bundle import Proof
from unbroken_verifier.canonical import JsonValue
from unbroken_verifier.entry import EventEntry, Fact, Genesis, Header
from unbroken_verifier.errors import RefusedError
from unbroken_verifier.evidence import Evidence
from unbroken_verifier.facts import Registry
from unbroken_verifier.jsonrpc import Rpc
from unbroken_verifier.parts import Event, Proved
from unbroken_verifier.policy import Policy

MOST_SHOWN = 10  # indexes written out in one sentence


@dataclass(slots=True)
class Case:
    """Each step fills in what it established.

    Attributes:
        kind: the file's format; of evidence, its kind.
        facts: of `proof.facts` behind the genesis entry.
        entries: of `proof.events`.
        rows: disclosed rows of each event by pointer.
        unsettled: indexes of events whose withheld rows might decide the operation.
        remarks: what the steps did not see, in sentences.
    """

    raw: bytes
    policy: Policy
    rpcs: Sequence[Rpc]
    kind: str = field(init=False)
    proof: Proof = field(init=False)
    evidence: Evidence = field(init=False)
    genesis: Genesis = field(init=False)
    domain: bytes = field(init=False)
    registry: Registry = field(init=False)
    facts: list[tuple[Header, Fact]] = field(default_factory=list)
    entries: list[EventEntry] = field(default_factory=list)
    rows: list[dict[str, JsonValue]] = field(default_factory=list)
    unsettled: list[int] = field(default_factory=list)
    remarks: list[str] = field(default_factory=list)

    @property
    def pairs(self) -> list[tuple[Event, EventEntry]]:
        """Each event of the file with its entry."""
        return list(zip(self.proof.events, self.entries, strict=True))

    @property
    def proved(self) -> list[tuple[str, Proved]]:
        """Every entry with an inclusion path, and its place in the file."""
        named: list[tuple[str, Proved]] = []
        named += [(f"facts[{n}]", one) for n, one in enumerate(self.proof.facts)]
        named += [(f"events[{n}]", one) for n, one in enumerate(self.proof.events)]
        return named

    def total(self, name: str) -> int:
        """Sum of a count over all event entries."""
        return sum(getattr(decoded, name) for decoded in self.entries)


@contextmanager
def at(place: str) -> Iterator[None]:
    """Puts the place in front of a refusal."""
    try:
        yield
    except RefusedError as error:
        raise RefusedError(f"{place}: {error}") from error


def listed(indexes: Sequence[int]) -> str:
    """The indexes, or the first of them and how many more there are."""
    shown = ", ".join(map(str, indexes[:MOST_SHOWN]))
    more = len(indexes) - MOST_SHOWN
    return f"{shown} and {more} more" if more > 0 else shown


def shown(value: bytes | int | None) -> str:
    """A pinned or actual value as text."""
    return value.hex() if isinstance(value, bytes) else str(value)
