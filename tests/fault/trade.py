"""Two parties and a trade that goes on for ever: commission, pack, ship, receive.

One document a round holds an event that is refused, so all of it is rolled back; one pack is
destroyed by mistake, and declared so.
"""

import hashlib
import json
from typing import Any

from ledger.core.identifiers import party_key
from ledger.core.submission import Signer

CONTEXT = "https://ref.gs1.org/standards/epcis/2.0.0/epcis-context.jsonld"
MAKER_PATH, SHOP_PATH = "/417/4012345000009", "/417/4012346000008"
NO_TIME = "yesterday"
_SHOP = "urn:epc:id:pgln:4012346.00000"


def signer(path: str) -> Signer:
    """The same keys in every run."""

    def secret(use: str) -> bytes:
        return hashlib.sha256(f"{use} of {path}".encode()).digest()

    return Signer(
        private_key=secret("key"), party=party_key(path), party_secret=secret("party secret")
    )


MAKER, SHOP = signer(MAKER_PATH), signer(SHOP_PATH)


def documents(number: int) -> list[tuple[Signer, bytes]]:
    """The documents of one round; rounds share no items."""
    packs = [f"urn:epc:id:sgtin:4012345.011111.{number}{i}" for i in range(3)]
    case = f"urn:epc:id:sscc:4012345.1{number:09d}"
    made = _event("ADD", "commissioning", 0, epcList=packs)
    packed = _event("ADD", "packing", 1, type="AggregationEvent", parentID=case, childEPCs=packs)
    shipped = _event(
        "OBSERVE", "shipping", 2, epcList=[case],
        destinationList=[{"type": "owning_party", "destination": _SHOP}],
    )  # fmt: skip
    received = _event("OBSERVE", "receiving", 3, epcList=[case])
    other = f"urn:epc:id:sgtin:4012345.011111.{number}x"
    refused = _event("ADD", "commissioning", 0, epcList=[other]) | {"eventTime": NO_TIME}
    rolled_back = _event("ADD", "commissioning", 0, epcList=[other])
    mistaken = _event("DELETE", "destroying", 4, epcList=packs[:1], eventID=f"urn:x:event:{number}")
    declared = mistaken | {"errorDeclaration": {"declarationTime": "2026-01-02T20:00:00Z"}}
    return [
        (MAKER, _document(made, packed, shipped)),
        (MAKER, _document(rolled_back, refused)),
        (SHOP, _document(received, mistaken, declared)),
    ]


def _event(action: str, step: str, hour: int, **members: Any) -> dict[str, Any]:  # noqa: ANN401
    return {
        "type": "ObjectEvent",
        "eventTime": f"2026-01-02T1{hour}:00:00Z",
        "eventTimeZoneOffset": "+00:00",
        "action": action,
        "bizStep": step,
        **members,
    }


def _document(*events: dict[str, Any]) -> bytes:
    return json.dumps(
        {
            "@context": [CONTEXT],
            "type": "EPCISDocument",
            "schemaVersion": "2.0",
            "creationDate": "2026-01-03T00:00:00Z",
            "epcisBody": {"eventList": list(events)},
        }
    ).encode()
