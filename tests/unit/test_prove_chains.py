"""Containers of an item's history: what anybody can log takes no proof away, nor much work."""

from collections.abc import Sequence

import pytest
from unbroken_verifier.report import Report
from unbroken_verifier.steps import verify_bundle

from ledger.core.entries import Op
from ledger.core.identifiers import item_key
from ledger.core.strict_json import parse_json
from ledger.service import prove_chains
from ledger.service.proof_ports import ChainLink
from ledger.service.prove_chains import MAX_CONTAINERS, MAX_ENTRIES, Scope, collect
from tests.fakes.memory_log import MemoryLog
from tests.property.test_cross import (
    BUYER,
    MAKER,
    OTHER,
    PACKS,
    POLICY,
    SIGNER,
    aggregated,
    document_of,
    moved,
)

PATH = "/01/04012345111118/21/987"
ITEM, BOX, PALLET = bytes(item_key(PATH)), b"b" * 32, b"p" * 32


class Ticking(int):
    """A time that counts how often it is compared."""

    ticks = 0

    def __eq__(self, other: object) -> bool:
        Ticking.ticks += 1
        return int.__eq__(self, other)

    def __lt__(self, other: int) -> bool:
        Ticking.ticks += 1
        return int.__lt__(self, other)

    __hash__ = int.__hash__


def link(index: int, op: Op, child: bytes, parent: bytes, time_ms: int | None = None) -> ChainLink:
    at = Ticking(index if time_ms is None else time_ms)
    items = ((child, 2), (parent, 1))
    return ChainLink(index=index, entry=b"", time_ms=at, op=op, flags=0, items=items)


def collected(entries: Sequence[ChainLink]) -> Scope:
    """What is collected of a log, each chain of which is read once."""
    asked: set[bytes] = set()

    def links(key: bytes) -> list[ChainLink]:
        assert key not in asked
        asked.add(key)
        return [one for one in entries if key in {item for item, _ in one.items}]

    return collect(PATH, links)


def in_and_out(pairs: int) -> list[ChainLink]:
    """The item goes in and out of a box, which goes in and out of a pallet, over and over."""
    acts = [(Op.PACK, BOX, PALLET), (Op.PACK, ITEM, BOX), (Op.UNPACK, ITEM, BOX),
            (Op.UNPACK, BOX, PALLET)]  # fmt: skip
    return [link(i, *acts[i % 4]) for i in range(4 * pairs)]


def test_work_grows_with_the_chain_not_with_its_square() -> None:
    ticks = []
    for pairs in (2_500, 5_000):
        Ticking.ticks = 0
        scope = collected(in_and_out(pairs))
        ticks.append(Ticking.ticks)
        assert {key: len(spans) for key, spans in scope.windows.items()} == {
            ITEM: 1, BOX: pairs, PALLET: pairs,
        }  # fmt: skip
        assert scope.shown == set(range(4 * pairs - 1))
    assert ticks[1] < 2.5 * ticks[0]


def test_a_late_pack_into_a_busy_container_leaves_it_undisclosed() -> None:
    own = link(0, Op.PACK, ITEM, BOX)
    late = link(1, Op.PACK, ITEM, PALLET, time_ms=10**9)
    busy = [link(2 + i, Op.PACK, b"x" * 32, PALLET) for i in range(MAX_ENTRIES)]
    scope = collected([own, late, *busy])
    assert set(scope.windows) == {ITEM, BOX}
    assert (scope.shown, scope.outside) == ({0, 1}, {})


def test_what_is_logged_later_takes_no_container_away() -> None:
    """However early the forger says that his PACKs were; and only so many chains are read."""
    packs = [link(i, Op.PACK, ITEM, bytes([i]) * 32, time_ms=1000 - i) for i in range(200)]
    scope = collected(packs)
    assert set(scope.windows) == {ITEM, *(bytes([i]) * 32 for i in range(MAX_CONTAINERS))}
    assert scope.shown == set(range(200))


def traded(boxes: int) -> MemoryLog:
    log = MemoryLog()
    for signer, gln in ((SIGNER, MAKER), (OTHER, BUYER)):
        log.register(signer, gln)
    log.submit(document_of([moved(1, *PACKS)]), SIGNER)
    for n in range(boxes):
        box = f"urn:epc:id:sscc:4012345.{n:010d}"
        log.submit(document_of([aggregated(n, "ADD", box, PACKS[0])]), OTHER)
        log.submit(document_of([moved(n % 60, box)]), OTHER)
    log.publish()
    return log


def proved(log: MemoryLog) -> tuple[int, str]:
    """How many containers a bundle has that the verifier takes, and what it says of them."""
    raw, report = log.prove(PACKS[0]), Report()
    verify_bundle(raw, policy=POLICY, report=report)
    bundle = parse_json(raw)
    assert isinstance(bundle, dict)
    containers = bundle.get("containers", [])
    assert isinstance(containers, list)
    return len(containers), " ".join(step.detail for step in report.steps)


@pytest.mark.parametrize("boxes", [MAX_CONTAINERS, MAX_CONTAINERS + 1])
def test_an_item_in_too_many_containers_is_proved(boxes: int) -> None:
    number, told = proved(traded(boxes))
    assert number == MAX_CONTAINERS
    assert ("undisclosed" in told) == (boxes > MAX_CONTAINERS)


def test_an_item_in_a_busy_container_is_proved(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(prove_chains, "MAX_ENTRIES", 5)
    number, told = proved(traded(2))
    assert number == 1
    assert "container at index" in told
