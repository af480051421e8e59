"""Travel: whether an item can have come from one place to the next in the time between."""

from collections.abc import Mapping
from math import asin, cos, radians, sin, sqrt
from typing import Final

from ledger.core.custody.findings import HOUR_MS, Rule
from ledger.core.custody.ground import Place
from ledger.core.custody.item import Item
from ledger.core.custody.steps import Step
from ledger.core.entries import Op, Z

_EARTH_RADIUS_KM: Final = 6_371.0
_EXTENSION: Final = "/254/"
# Notices about goods, not sights of them: a recall is told from a desk.
_NOTICES: Final = frozenset(["recalled", "stolen", "expired", "exported", "locked"])


def find_place(places: Mapping[str, Place], path: str) -> Place | None:
    """Return where a site is; one without coordinates of its own is where its GLN is."""
    place = places.get(path)
    if place is None and _EXTENSION in path:
        place = places.get(path.partition(_EXTENSION)[0])
    return place


def distance_km(one: Place, other: Place) -> float:
    """Return the great-circle distance (haversine)."""
    lat, other_lat = radians(one.lat), radians(other.lat)
    across, along = other_lat - lat, radians(other.lon - one.lon)
    half = sin(across / 2) ** 2 + cos(lat) * cos(other_lat) * sin(along / 2) ** 2
    return 2 * _EARTH_RADIUS_KM * asin(min(1.0, sqrt(half)))


def judge_travel(item: Item, step: Step, path: str, disposition: str) -> None:
    """Judge where an own step saw the item, before the step is applied."""
    places = item.ground.places
    place = find_place(places, path) if places else None
    if place is None or _is_remote(item, step, disposition):
        return
    before, item.seen = item.seen, (step, place)
    if before is None or before[1] == place or _is_one_act(before[0], step):
        return
    settings = item.ground.settings
    hours = (step.time_ms - before[0].time_ms) / HOUR_MS
    if distance_km(before[1], place) > settings.speed_kmh * hours + settings.slack_km:
        item.find(Rule.IMPOSSIBLE_TRAVEL, before[0], step)


def _is_one_act(before: Step, step: Step) -> bool:
    """Are these a shipment and its receipt, booked at one instant? Some stamp whole days."""
    if before.time_ms != step.time_ms:
        return False
    sent, got = (before, step) if before.op is Op.HANDOFF else (step, before)
    is_pair = sent.op is Op.HANDOFF and got.op is Op.RECEIVE
    return is_pair and got.party in (sent.to_owner, sent.to_possessor)


def _is_remote(item: Item, step: Step, disposition: str) -> bool:
    """Does step speak of goods that are elsewhere: an owner of what a 3PL keeps, a notice?"""
    if step.op is Op.VOID or (step.op is Op.OBSERVE and disposition in _NOTICES):
        return True
    party = step.party
    if step.op is Op.RECEIVE and item.open and _is_title(item.open, party):
        return True
    return party == item.owner and party != item.holder and not item.expected(party)


def _is_title(shipments: list[Step], party: bytes) -> bool:
    """Does title arrive, while the goods go to another?"""
    return any(sent.to_owner == party and sent.to_possessor not in (Z, party) for sent in shipments)
