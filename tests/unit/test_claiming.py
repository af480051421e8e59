"""What a client takes from a ledger's answer, and what it does not."""

from dataclasses import replace
from typing import Any

import pytest

from ledger.core.claiming import asked_items, signed_events, told_entries, untold_items
from ledger.core.drafts import draft_events
from ledger.core.entries import Address, EventEntry, Op, Z, decode_event
from ledger.core.errors import MalformedError
from ledger.core.identifiers import item_key
from tests.integration.partners import commission, document, event, pack, ship

US, MAKER = b"\x01" * 32, b"\x02" * 32
KEY, TOKEN = b"\x0a" * 32, b"\x0b" * 32
PACK, LOT, CASE = (
    f"https://id.gs1.org{path}"
    for path in ("/01/04012345111118/21/987", "/01/04012345111118/10/L", "/00/340123450000000017")
)
GIFT = EventEntry(
    op=Op.HANDOFF, flags=0, time_ms=1, signer=Address(bytes(20)), party=MAKER, on_behalf_of=MAKER,
    to_owner=US, to_possessor=Z, refers=Z, row_count=1, event_root=KEY, item_count=1,
    items_root=KEY,
)  # fmt: skip
OWN = replace(GIFT, party=US, on_behalf_of=US, to_owner=MAKER)


def answer(gift: EventEntry = GIFT, own: EventEntry = OWN) -> dict[str, Any]:
    return {
        "entries": [
            {"index": 5, "entry": gift.encode().hex()}, {"index": 7, "entry": own.encode().hex()},
        ],
        "items": [
            {
                "own": [{"index": 7, "role": 0, "spends": TOKEN.hex()}],
                "received": {"index": 5, "role": 1, "spends": TOKEN.hex()},
            }
        ],
    }  # fmt: skip


def test_an_answer_tells_own_entries_and_gifts() -> None:
    gift, own = told_entries(answer(), US, [KEY])
    assert (gift.index, gift.raw, gift.is_own) == (5, GIFT.encode(), False)
    assert [(one.item_key, one.role, one.spends) for one in gift.names] == [(KEY, 1, Z)]
    assert (own.index, own.is_own, own.names[0].spends) == (7, True, TOKEN)
    assert list(told_entries({}, US, [KEY])) == []


@pytest.mark.parametrize(
    "gift",
    [
        replace(GIFT, to_owner=MAKER),
        replace(GIFT, to_owner=Z),
        replace(GIFT, op=Op.RECEIVE),
    ],
    ids=["to somebody else", "to nobody", "no handoff"],
)
def test_what_is_no_gift_to_us_is_refused(gift: EventEntry) -> None:
    with pytest.raises(MalformedError):
        list(told_entries(answer(gift), US, [KEY]))


@pytest.mark.parametrize(
    "damage",
    [
        lambda told: told.pop("items"),
        lambda told: told["items"].append(told["items"][0]),
        lambda told: told["entries"].pop(),
        lambda told: told["entries"][0].update(entry="00"),
        lambda told: told["items"][0]["own"][0].update(spends="xx"),
        lambda told: told["items"][0].pop("own"),
        lambda told: told.update(entries=7),
    ],
    ids=["no items", "too many", "entry missing", "no entry", "no token", "no own", "no list"],
)
def test_an_answer_of_another_shape_is_refused(damage: Any) -> None:  # noqa: ANN401 -- changes it
    told = answer()
    damage(told)
    with pytest.raises(MalformedError):
        list(told_entries(told, US, [KEY]))


def test_an_item_of_which_not_all_is_told_is_no_untouched_one() -> None:
    other = b"\x0c" * 32
    told = {"entries": [], "items": [{"own": [], "too_many": True}, {"own": []}]}
    assert untold_items(told, [KEY, other]) == {KEY}
    assert list(told_entries(told, US, [KEY, other])) == []
    assert untold_items(answer(), [KEY]) == untold_items({}, [KEY]) == set()
    # What cannot be read as "all is told" is not read so.
    assert untold_items({"items": [{"own": [], "too_many": 0}]}, [KEY]) == {KEY}


@pytest.mark.parametrize("items", [7, [7]], ids=["no list", "no item"])
def test_what_does_not_say_whether_all_is_told_is_refused(items: object) -> None:
    with pytest.raises(MalformedError):
        untold_items({"items": items}, [KEY])


def test_only_sales_of_single_things_ask() -> None:
    sold = ship(PACK, LOT, CASE)
    sold["destinationList"] = [
        {"type": "owning_party", "destination": "https://id.gs1.org/417/4012345000016"}
    ]
    asked = asked_items(draft_events(document(sold), US, bytes(32)))
    paths = ["/01/04012345111118/21/987", "/00/340123450000000017"]
    assert asked == {item_key(path): path for path in paths}
    others = document(commission(PACK), pack(CASE, PACK), ship(PACK))
    assert asked_items(draft_events(others, US, bytes(32))) == {}


def test_without_a_journal_nothing_is_claimed_and_a_fault_is_the_ledgers_to_tell() -> None:
    broken = event(action="ADD", epcList=["urn:epc:id:sgtin:x"])
    drafts = draft_events(document(commission(PACK), broken), US, bytes(32), lenient=True)
    made = signed_events(drafts, US, Address(bytes(20)))
    assert made.refused == {}
    assert [decode_event(one.entry).op for one in made.events] == [Op.COMMISSION, Op.OTHER]
