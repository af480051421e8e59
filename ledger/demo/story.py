"""The supply that the demo plays: documents as each partner's system would send them."""

import json
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

CONTEXT = "https://ref.gs1.org/standards/epcis/2.0.0/epcis-context.jsonld"
PACKS, PACKS_A_CASE = 500, 10
LOT, EXPIRY = "UB2601", "2028-06-30"
_PREFIX = "9521234"  # GS1's prefix 952 is kept for demonstrations: no real company has it
_START = datetime.fromisoformat("2026-03-02T08:00:00+00:00")

Event = dict[str, Any]


@dataclass(frozen=True, slots=True)
class Partner:
    """One company of the story; all have their GLN from the demonstration prefix."""

    key: str
    name: str
    location: int

    @property
    def pgln(self) -> str:
        """The party as EPC URN."""
        return f"urn:epc:id:pgln:{_PREFIX}.{self.location:05d}"

    @property
    def sgln(self) -> str:
        """Its one location as EPC URN."""
        return f"urn:epc:id:sgln:{_PREFIX}.{self.location:05d}.0"


MAKER = Partner("maker", "Aurora Pharma (manufacturer)", 1)
CARRIER = Partner("carrier", "Nordline Logistics (3PL)", 2)
WHOLESALER = Partner("wholesaler", "Meridian Wholesale", 3)
PHARMACY = Partner("pharmacy", "Lindenhof Pharmacy", 4)
HOSPITAL = Partner("hospital", "St Anna Hospital", 5)
PARTNERS = (MAKER, CARRIER, WHOLESALER, PHARMACY, HOSPITAL)


def pack(number: int) -> str:
    """Return the SGTIN of pack number."""
    return f"urn:epc:id:sgtin:{_PREFIX}.010001.{number:06d}"


def case(number: int) -> str:
    """Return the SSCC of case number."""
    return f"urn:epc:id:sscc:{_PREFIX}.1{number:09d}"


PALLET = f"urn:epc:id:sscc:{_PREFIX}.2000000001"
CASES = [case(i) for i in range(PACKS // PACKS_A_CASE)]
UNISSUED = pack(999_999)


def packs_of(number: int) -> list[str]:
    """Return the packs in case number."""
    return [pack(i) for i in range(number * PACKS_A_CASE, (number + 1) * PACKS_A_CASE)]


def document(*events: Event) -> bytes:
    """Return an EPCIS 2.0 document as a partner's system writes it: indented, in its own order."""
    value = {
        "@context": [CONTEXT, {"cbvmda": "urn:epcglobal:cbv:mda:"}],
        "type": "EPCISDocument",
        "schemaVersion": "2.0",
        "creationDate": _START.isoformat(),
        "epcisBody": {"eventList": list(events)},
    }
    return json.dumps(value, indent=1).encode()


def _event(kind: str, hours: float, at: Partner, action: str, step: str, **members: Any) -> Event:  # noqa: ANN401
    return {
        "type": kind,
        "eventTime": (_START + timedelta(hours=hours)).isoformat(timespec="milliseconds"),
        "eventTimeZoneOffset": "+00:00",
        "action": action,
        "bizStep": step,
        "readPoint": {"id": at.sgln},
        **members,
    }


def commission() -> bytes:
    """500 packs with lot and expiry."""
    return document(
        _event(
            "ObjectEvent", 0, MAKER, "ADD", "commissioning",
            disposition="active",
            epcList=[pack(i) for i in range(PACKS)],
            bizLocation={"id": MAKER.sgln},
            ilmd={"cbvmda:lotNumber": LOT, "cbvmda:itemExpirationDate": EXPIRY},
        )
    )  # fmt: skip


def aggregate() -> bytes:
    """Ten packs a case, fifty cases on a pallet: one event per level and parent."""
    cases = [
        _event(
            "AggregationEvent", 1 + i / 100, MAKER, "ADD", "packing",
            disposition="in_progress", parentID=sscc, childEPCs=packs_of(i),
        )
        for i, sscc in enumerate(CASES)
    ]  # fmt: skip
    pallet = _event(
        "AggregationEvent", 2, MAKER, "ADD", "packing",
        disposition="in_progress", parentID=PALLET, childEPCs=CASES,
    )  # fmt: skip
    return document(*cases, pallet)


def ship(
    hours: float, at: Partner, items: Sequence[str], owner: Partner, order: str,
    possessor: Partner | None = None,
) -> Event:  # fmt: skip
    """A handoff: ownership to owner, possession to possessor where a carrier is named."""
    destinations = [{"type": "owning_party", "destination": owner.pgln}]
    if possessor is not None:
        destinations.append({"type": "possessing_party", "destination": possessor.pgln})
    return _event(
        "ObjectEvent", hours, at, "OBSERVE", "shipping",
        disposition="in_transit",
        epcList=list(items),
        bizTransactionList=[
            {"type": "po", "bizTransaction": f"urn:epcglobal:cbv:bt:9521234000013:{order}"}
        ],
        sourceList=[{"type": "owning_party", "source": at.pgln}],
        destinationList=destinations,
    )  # fmt: skip


def receive(hours: float, at: Partner, items: Sequence[str]) -> Event:
    """A receipt of what a partner counted at its dock."""
    return _event(
        "ObjectEvent", hours, at, "OBSERVE", "receiving",
        disposition="in_progress", epcList=list(items), bizLocation={"id": at.sgln},
    )  # fmt: skip


def unpack(hours: float, at: Partner, parent: str, children: Sequence[str] = ()) -> Event:
    """Take children, or everything, out of a container."""
    members: dict[str, Any] = {"parentID": parent, "childEPCs": list(children)}
    return _event(
        "AggregationEvent", hours, at, "DELETE", "unpacking", disposition="in_progress", **members
    )


def dispense(hours: float, at: Partner, items: Sequence[str]) -> Event:
    """Packs handed to patients."""
    return _event(
        "ObjectEvent", hours, at, "DELETE", "dispensing",
        disposition="dispensed", epcList=list(items), bizLocation={"id": at.sgln},
    )  # fmt: skip


def to_the_wholesaler() -> list[tuple[Partner, bytes]]:
    """The pallet goes by the carrier to the wholesaler, who opens it."""
    return [
        (MAKER, document(ship(4, MAKER, [PALLET], WHOLESALER, "PO-1001", CARRIER))),
        (CARRIER, document(receive(6, CARRIER, [PALLET]))),
        (WHOLESALER, document(receive(28, WHOLESALER, [PALLET]), unpack(30, WHOLESALER, PALLET))),
    ]


def to_the_patients() -> list[tuple[Partner, bytes]]:
    """Cases go to pharmacy and hospital; packs go to patients."""
    for_pharmacy, for_hospital = CASES[:5], CASES[5:10]
    return [
        (WHOLESALER, document(ship(32, WHOLESALER, for_pharmacy, PHARMACY, "PO-2001"),
                              ship(33, WHOLESALER, for_hospital, HOSPITAL, "PO-3001"))),
        (PHARMACY, document(receive(52, PHARMACY, for_pharmacy), unpack(53, PHARMACY, CASES[0]),
                            dispense(54, PHARMACY, packs_of(0)[:4]))),
        (HOSPITAL, document(receive(56, HOSPITAL, for_hospital),
                            unpack(57, HOSPITAL, CASES[5], packs_of(5)),
                            dispense(58, HOSPITAL, packs_of(5)[:2]))),
    ]  # fmt: skip


def double_sale() -> list[tuple[Partner, bytes]]:
    """The wholesaler sells one case twice."""
    return [
        (WHOLESALER, document(ship(60, WHOLESALER, [CASES[20]], PHARMACY, "PO-2002"))),
        (WHOLESALER, document(ship(61, WHOLESALER, [CASES[20]], HOSPITAL, "PO-3002"))),
    ]


def unissued_serial() -> list[tuple[Partner, bytes]]:
    """A pack that nobody issued turns up at the pharmacy."""
    return [(PHARMACY, document(receive(62, PHARMACY, [UNISSUED])))]
