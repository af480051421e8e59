"""A whole DSCSA shipment in EPCIS 2.0 JSON: packs in cases in a pallet, shipped by their maker."""

from typing import Any

SELLER, BUYER = "urn:epc:id:sgln:030001.111111.0", "urn:epc:id:sgln:039999.999999.0"
FROM, TO = "urn:epc:id:sgln:030001.111121.0", "urn:epc:id:sgln:039999.345678.0"
PACK, CASE = "urn:epc:id:sgtin:030001.0012345.", "urn:epc:id:sgtin:030001.1012345."
PALLET = "urn:epc:id:sscc:030001.41234567890"
STANDARD = "https://ref.gs1.org/standards/epcis/2.0.0/epcis-context.jsonld"
PRODUCT = {
    "additionalTradeItemIdentification": "0001-0123-45",
    "additionalTradeItemIdentificationTypeCode": "US_FDA_NDC",
    "regulatedProductName": "Epcistra",
    "manufacturerOfTradeItemPartyName": "Maker LLC",
    "dosageFormType": "PILL",
    "strengthDescription": "100mg",
    "netContentDescription": "500 pills",
}
PLACE = {
    "name": "Some Company",
    "streetAddressOne": "1 Main St",
    "city": "Louisville",
    "state": "KY",
    "postalCode": "40218",
    "countryCode": "US",
}


def element(name: str, attributes: dict[str, str]) -> dict[str, Any]:
    """A vocabulary element."""
    listed = [
        {"id": f"urn:epcglobal:cbv:mda#{key}", "attribute": text}
        for key, text in attributes.items()
    ]
    return {"id": name, "attributes": listed}


def event(time: str, **members: object) -> dict[str, Any]:
    """An event at a time of 27 March."""
    return {"eventTime": f"2023-03-27T{time}Z", "eventTimeZoneOffset": "-05:00", **members}


def commissioned(time: str, items: list[str], *, dated: bool = True) -> dict[str, Any]:
    """A commissioning event."""
    ilmd = {"cbvmda:lotNumber": "A123", "cbvmda:itemExpirationDate": "2025-03-27"}
    return event(
        time,
        type="ObjectEvent",
        action="ADD",
        bizStep="commissioning",
        disposition="active",
        epcList=items,
        **({"ilmd": ilmd} if dated else {}),
    )


def packed(time: str, parent: str, children: list[str], action: str = "ADD") -> dict[str, Any]:
    """A packing or unpacking event."""
    return event(
        time,
        type="AggregationEvent",
        action=action,
        bizStep="packing" if action == "ADD" else "unpacking",
        parentID=parent,
        childEPCs=children,
    )


def shipped(time: str, items: list[str]) -> dict[str, Any]:
    """A shipping event."""
    return event(
        time,
        type="ObjectEvent",
        action="OBSERVE",
        bizStep="shipping",
        disposition="in_transit",
        epcList=items,
        bizTransactionList=[
            {"type": "po", "bizTransaction": "urn:epcglobal:cbv:bt:0399999999991:PO1"},
            {"type": "desadv", "bizTransaction": "urn:epcglobal:cbv:bt:0300011111215:DEL1"},
        ],
        sourceList=[
            {"type": "owning_party", "source": SELLER},
            {"type": "location", "source": FROM},
        ],
        destinationList=[
            {"type": "owning_party", "destination": BUYER},
            {"type": "location", "destination": TO},
        ],
    )


def shipment() -> dict[str, Any]:
    """The document: events 0 packs, 1 cases, 2-3 packing, 4 pallet, 5 packing it, 6 shipping."""
    packs = [f"{PACK}{n}" for n in range(11, 15)]
    cases = [f"{CASE}1", f"{CASE}2"]
    return {
        "@context": [
            STANDARD,
            {"gs1ushc": "http://epcis.gs1us.org/hc/ns", "cbvmda": "urn:epcglobal:cbv:mda"},
        ],
        "type": "EPCISDocument",
        "schemaVersion": "2.0",
        "creationDate": "2023-04-01T08:45:16Z",
        "epcisHeader": {
            "epcisMasterData": {
                "vocabularyList": [
                    {
                        "type": "urn:epcglobal:epcis:vtype:EPCClass",
                        "vocabularyElementList": [
                            element("urn:epc:idpat:sgtin:030001.0012345.*", PRODUCT),
                            element("urn:epc:idpat:sgtin:030001.1012345.*", PRODUCT),
                        ],
                    },
                    {
                        "type": "urn:epcglobal:epcis:vtype:Location",
                        "vocabularyElementList": [
                            element(place, PLACE) for place in (SELLER, FROM, BUYER, TO)
                        ],
                    },
                ]
            },
            "gs1ushc:dscsaTransactionStatement": {
                "gs1ushc:affirmTransactionStatement": "true",
                "gs1ushc:legalNotice": "Seller has complied with each applicable subsection.",
            },
        },
        "epcisBody": {
            "eventList": [
                commissioned("06:45:00", packs),
                commissioned("06:46:00", cases),
                packed("06:50:00", cases[0], packs[:2]),
                packed("06:51:00", cases[1], packs[2:]),
                commissioned("06:52:00", [PALLET], dated=False),
                packed("06:53:00", PALLET, cases),
                shipped("07:00:00", [PALLET]),
            ]
        },
    }
