"""Parties, keys and the short histories that the tests tell."""

from typing import Unpack

from tests.verifier.maker import (
    CASE,
    COMMISSION,
    HANDOFF,
    PACK,
    PACK_A,
    PACK_B,
    UNPACK,
    Changes,
    Json,
    Key,
    Log,
    Written,
    event_of,
    party_of,
    to_owner,
)

MAKER, WHOLESALER, PHARMACY = "4012345000009", "0614141000005", "0300011111116"
MAKER_KEY, WHOLESALER_KEY, PHARMACY_KEY = Key(3), Key(4), Key(5)


def registered() -> Log:
    """Genesis, clock, three parties with a key each."""
    log = Log()
    log.genesis()
    log.clock()
    for gln, key in (
        (MAKER, MAKER_KEY),
        (WHOLESALER, WHOLESALER_KEY),
        (PHARMACY, PHARMACY_KEY),
    ):
        log.add_party(gln)
        log.add_key(gln, key)
    return log


def commission(log: Log, **changes: Unpack[Changes]) -> Written:
    event = event_of(0, "ObjectEvent", "ADD", "commissioning", epcList=[PACK_A[0], PACK_B[0]])
    return log.write(MAKER, MAKER_KEY, event, COMMISSION, **changes)


def pack(log: Log, **changes: Unpack[Changes]) -> Written:
    children = [PACK_A[0], PACK_B[0]]
    event = event_of(60, "AggregationEvent", "ADD", "packing", parentID=CASE[0], childEPCs=children)
    return log.write(MAKER, MAKER_KEY, event, PACK, **changes)


def ship(log: Log, at: int = 120, epc: str = CASE[0], **changes: Unpack[Changes]) -> Written:
    event = event_of(
        at,
        "ObjectEvent",
        "OBSERVE",
        "shipping",
        epcList=[epc],
        destinationList=to_owner(WHOLESALER),
    )
    changes.setdefault("to_owner", party_of(WHOLESALER))
    return log.write(MAKER, MAKER_KEY, event, HANDOFF, **changes)


def unpack(log: Log, at: int = 180, **changes: Unpack[Changes]) -> Written:
    event = event_of(at, "AggregationEvent", "DELETE", "unpacking", parentID=CASE[0])
    changes.setdefault("flags", 2)
    return log.write(WHOLESALER, WHOLESALER_KEY, event, UNPACK, **changes)


def story() -> tuple[Log, Json]:
    """Commission, pack, ship and unpack, and the bundle of one pack."""
    log = registered()
    for step in (commission, pack, ship, unpack):
        step(log)
    return log, log.bundle(PACK_A[1], [CASE[1]])


def short_story() -> tuple[Log, Json]:
    """One party, eight entries: the smallest bundle that uses every step."""
    log = Log()
    log.genesis()
    log.clock()
    log.add_party(MAKER)
    log.add_key(MAKER, MAKER_KEY)
    commission(log)
    pack(log)
    ship(log)
    event = event_of(180, "AggregationEvent", "DELETE", "unpacking", parentID=CASE[0])
    log.write(MAKER, MAKER_KEY, event, UNPACK, flags=2)
    return log, log.bundle(PACK_A[1], [CASE[1]])
