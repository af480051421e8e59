"""Small EPCIS documents to break one rule at a time."""

from typing import Any

STANDARD = "https://ref.gs1.org/standards/epcis/2.0.0/epcis-context.jsonld"
CONTEXT: list[Any] = [STANDARD, {"ex": "https://ns.example.com/epcis/"}]
ITEM = "urn:epc:id:sgtin:0614141.107346.2017"
OTHER = "urn:epc:id:sgtin:0614141.107346.2018"
PALLET = "urn:epc:id:sscc:0614141.0000000001"
LOT = "urn:epc:class:lgtin:4012345.012345.998877"
ORDER = [{"type": "po", "bizTransaction": "urn:epcglobal:cbv:bt:0614141073467:1152"}]
EVENT_ID = "urn:uuid:404d95fc-9457-4a51-bd6a-0bba133845a8"
# A week after the events below.
AT_MS = 1_715_200_000_000
_WHEN = {"eventTime": "2024-05-01T10:00:00.000Z", "eventTimeZoneOffset": "+00:00"}
_GONE: Any = object()

Event = dict[str, Any]


def without(*names: str) -> Event:
    """Members that `event` and the like then leave out."""
    return dict.fromkeys(names, _GONE)


def _made(members: Event, changes: Event) -> Event:
    return {name: value for name, value in {**members, **changes}.items() if value is not _GONE}


def event(**changes: object) -> Event:
    """An ObjectEvent without a fault, changed."""
    return _made(
        {
            "type": "ObjectEvent", **_WHEN, "action": "OBSERVE", "bizStep": "shipping",
            "disposition": "in_transit", "epcList": [ITEM],
            "readPoint": {"id": "urn:epc:id:sgln:0614141.07346.1234"},
        },
        changes,
    )  # fmt: skip


def packed(kind: str = "AggregationEvent", **changes: object) -> Event:
    """An event that puts an item into a pallet, changed."""
    return _made(
        {"type": kind, **_WHEN, "action": "ADD", "parentID": PALLET, "childEPCs": [ITEM]}, changes
    )


def ordered(**changes: object) -> Event:
    """A TransactionEvent, changed."""
    return _made(
        {
            "type": "TransactionEvent", **_WHEN, "action": "ADD", "epcList": [ITEM],
            "bizTransactionList": ORDER,
        },
        changes,
    )  # fmt: skip


def transformed(**changes: object) -> Event:
    """A TransformationEvent, changed."""
    return _made(
        {
            "type": "TransformationEvent", **_WHEN, "inputEPCList": [ITEM],
            "outputEPCList": [OTHER],
        },
        changes,
    )  # fmt: skip


def counted(**element: object) -> Event:
    """An ObjectEvent about a quantity."""
    return event(epcList=[], quantityList=[element])


def sensed(*reports: Event, **metadata: object) -> Event:
    """An ObjectEvent with a sensor's reports."""
    element: Event = {"sensorReport": list(reports)}
    if metadata:
        element["sensorMetadata"] = metadata
    return event(sensorElementList=[element])


def document(*events: object, **changes: object) -> Event:
    """A document around events, changed."""
    return _made(
        {
            "@context": CONTEXT, "type": "EPCISDocument", "schemaVersion": "2.0",
            "creationDate": "2024-05-01T12:00:00.000Z", "epcisBody": {"eventList": list(events)},
        },
        changes,
    )  # fmt: skip
