"""Step scope: whose event is whose, and what it costs to see."""

from time import process_time

import pytest
from unbroken_verifier.errors import RefusedError
from unbroken_verifier.operation import FLAG_UNPACK_ALL, Op
from unbroken_verifier.scope import Act, verify_scope

ITEM, CASE, PALLET = "/i", "/case", "/pallet"


def act(at: int, op: Op, *named: tuple[int, str], flags: int = 0) -> Act:
    return Act(when=(at, at), op=op, flags=flags, named=frozenset(named))


def packed(at: int, child: str, parent: str) -> Act:
    return act(at, Op.PACK, (2, child), (1, parent))


def seen(at: int, path: str) -> Act:
    return act(at, Op.OBSERVE, (0, path))


UNPACKED = act(5, Op.UNPACK, (1, CASE), flags=FLAG_UNPACK_ALL)
NAMED_OUT = act(5, Op.UNPACK, (2, ITEM))
NESTED = [packed(1, ITEM, CASE), packed(2, CASE, PALLET)]

HELD: dict[str, list[Act]] = {
    "directly": [*NESTED, seen(3, CASE)],
    "through another": [*NESTED, seen(3, PALLET)],
    "at the unpacking of all": [*NESTED, UNPACKED],
    "written in another order": [seen(3, PALLET), *reversed(NESTED)],
    "packed again": [*NESTED, NAMED_OUT, packed(6, ITEM, CASE), seen(7, CASE)],
    "unpacked without the flag, child unnamed": [
        *NESTED,
        act(5, Op.UNPACK, (1, CASE)),
        seen(6, CASE),
    ],
    "in a circle": [*NESTED, packed(3, PALLET, CASE), seen(4, PALLET)],
}
NOT_HELD: dict[str, list[Act]] = {
    "before the pack": [seen(0, CASE), *NESTED],
    "before the outer pack": [packed(1, ITEM, CASE), seen(2, PALLET), packed(3, CASE, PALLET)],
    "after all was unpacked": [*NESTED, UNPACKED, seen(6, CASE)],
    "after the child was unpacked": [*NESTED, NAMED_OUT, seen(6, CASE)],
    "outer, after the inner was unpacked": [*NESTED, UNPACKED, seen(6, PALLET)],
    "after two packs and one unpack": [*NESTED, packed(4, ITEM, CASE), NAMED_OUT, seen(6, CASE)],
}


@pytest.mark.parametrize("name", HELD)
def test_an_event_of_a_container_counts_while_it_holds_the_item(name: str) -> None:
    verify_scope(ITEM, [CASE, PALLET], HELD[name])


@pytest.mark.parametrize("name", NOT_HELD)
def test_an_event_of_a_container_counts_at_no_other_time(name: str) -> None:
    with pytest.raises(RefusedError, match="holds the item"):
        verify_scope(ITEM, [CASE, PALLET], NOT_HELD[name])


def test_a_container_that_no_pack_leads_to_is_refused() -> None:
    with pytest.raises(RefusedError, match="no PACK"):
        verify_scope(ITEM, [CASE, PALLET], [packed(1, ITEM, CASE)])


def test_a_chain_of_packs_with_as_many_events_is_checked_in_less_than_a_second() -> None:
    count = 500
    chain = [ITEM, *(f"/00/{n:06}" for n in range(count))]
    acts = [packed(n, chain[n], chain[n + 1]) for n in range(count)]
    acts += [seen(count + n, chain[-1]) for n in range(count)]
    start = process_time()
    verify_scope(ITEM, chain[1:], acts)
    assert process_time() - start < 1
