"""Containers that another ships than packed them: what is in them says whether he may."""

from typing import Any

import pytest

from ledger.bootstrap import Node
from tests.integration.test_custody_late import CASE, PACK, Story, packed, told

PALLET = "urn:epc:id:sscc:4012345.0000000078"
OWNER, PACKER, BUYER = 0, 1, 2


def onto_pallet(hour: int) -> dict[str, Any]:
    return packed(hour, "ADD", CASE) | {"parentID": PALLET}


def findings(story: Story) -> set[str]:
    return story.codes() - {"NOT_COMMISSIONED", "RECEIVE_WITHOUT_SHIP"}


@pytest.mark.parametrize("order", [(0, 1, 2, 3), (3, 2, 1, 0), (2, 3, 0, 1), (1, 3, 2, 0)])
def test_who_owns_what_is_inside_may_ship_the_pallet(
    fresh_node: Node, order: tuple[int, ...]
) -> None:
    story = Story(fresh_node)
    events = (
        (told(1, "commissioning", PACK.format(1)), OWNER),
        (packed(2, "ADD", PACK.format(1)), PACKER),
        (onto_pallet(3), PACKER),
        (told(5, "shipping", PALLET, to=BUYER), OWNER),
    )
    for index in order:
        event, party = events[index]
        story.tell(event, by=party)
    assert findings(story) == set()


def test_who_never_had_what_is_inside_is_a_stranger(fresh_node: Node) -> None:
    story = Story(fresh_node)
    story.tell(told(5, "shipping", CASE, to=BUYER), by=PACKER)
    story.tell(packed(2, "ADD", PACK.format(1)), by=OWNER)
    story.tell(told(1, "commissioning", PACK.format(1)), by=OWNER)
    assert findings(story) == {"SHIP_BY_NON_OWNER"}


def test_a_pack_that_was_recalled_or_sold_before_is_told_when_its_case_ships(
    fresh_node: Node,
) -> None:
    story = Story(fresh_node)
    sold, recalled = PACK.format(1), PACK.format(2)
    story.tell(told(1, "commissioning", sold, recalled))
    story.tell(told(2, "inspecting", recalled) | {"disposition": "recalled"})
    story.tell(told(3, "shipping", sold, to=PACKER))
    story.tell(packed(4, "ADD", sold, recalled))
    story.tell(told(5, "shipping", CASE, to=BUYER))
    assert findings(story) == {"DOUBLE_SHIP", "RECALLED_SHIPPED"}
