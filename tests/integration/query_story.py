"""What the query tests ask about: events of every type and dimension, in every spelling."""

import secrets
import uuid
from dataclasses import dataclass, field
from typing import Any

from ledger.core.gs1_keys import check_digit
from tests.integration.partners import CONTEXT, event, gtin

EX = "https://example.org/query-story/"
GS1 = "https://id.gs1.org"
CONTEXTS = [CONTEXT, {"ex": EX}]
READ_POINT = "urn:epc:id:sgln:4012345.00001.0"
READ_POINT_LINK = "https://id.gs1.org/414/4012345000016"
PO = "urn:epcglobal:cbv:bt:4012345000009:PO-77"


def sscc(number: int) -> tuple[str, str]:
    """URN and Digital Link of an SSCC."""
    body = f"34012345{number:09d}"
    return f"urn:epc:id:sscc:4012345.3{number:09d}", f"{GS1}/00/{body}{check_digit(body)}"


def new_id() -> str:
    return f"urn:uuid:{uuid.uuid4()}"


@dataclass(slots=True)
class Story:
    """One set of events with serials and places of its own."""

    mark: str = field(default_factory=lambda: secrets.token_hex(4))
    number: int = field(default_factory=lambda: secrets.randbelow(10**8))

    def urn(self, serial: str) -> str:
        return f"urn:epc:id:sgtin:4012345.011111.{serial}{self.mark}"

    def link(self, serial: str) -> str:
        """On another domain, with a query: neither is identity."""
        return f"https://shop.example.com/x/01/04012345111118/21/{serial}{self.mark}?17=261231"

    @property
    def place(self) -> str:
        return f"https://example.org/places/{self.mark}"

    @property
    def parent(self) -> tuple[str, str]:
        return sscc(self.number)

    def members(self, kind: str = "ObjectEvent", **members: object) -> dict[str, Any]:
        return event(kind, **{"eventID": new_id(), **members})

    def events(self) -> list[dict[str, Any]]:
        """Everything but the declaration that one of them is wrong, and master data."""
        return [*self._objects(), *self._links(), *self._transformation(), *self._sensors()]

    def _objects(self) -> list[dict[str, Any]]:
        return [
            self.members(
                action="ADD", bizStep="commissioning", disposition="active",
                epcList=[self.urn("a"), self.urn("b")],
                readPoint={"id": READ_POINT, "ex:gate": "7"},
                bizLocation={"id": self.place, "ex:zone": {"ex:shelf": "top"}},
                ilmd={
                    "cbvmda:lotNumber": "007", "ex:degrees": 4.5,
                    "ex:nested": {"ex:inner": "deep", "ex:count": 3},
                },
                **{"ex:note": "Hello, world", "ex:size": 12, "ex:at": "2026-01-01T00:00:00Z"},
            ),
            self.members(
                action="OBSERVE", bizStep="shipping",
                disposition="in_transit", epcList=[self.link("a")],
                eventTime="2026-02-01T10:00:00.500+02:00", readPoint={"id": READ_POINT_LINK},
                bizTransactionList=[{"type": "po", "bizTransaction": PO}, {"bizTransaction": PO}],
                sourceList=[{"type": "owning_party", "source": "urn:epc:id:pgln:4012345.00000"}],
                destinationList=[
                    {"type": "possessing_party", "destination": f"{GS1}/417/4012346000008"}
                ],
                persistentDisposition={
                    "set": ["completeness_verified"], "unset": ["completeness_inferred"]
                },
                **{"ex:size": "20", "ex:at": "2026-03-01T00:00:00+01:00"},
            ),
            self.members(
                action="DELETE", bizStep="https://example.org/steps/shredding",
                disposition="https://example.org/dispositions/gone", epcList=[self.urn("b")],
                eventTime="2026-03-01T10:00:00Z", bizLocation={"id": f"{self.place}/hall"},
                **{"ex:size": 7, "ex:group": {"ex:inner": "9", "ex:when": "2026-05-05T00:00:00Z"}},
            ),
            self.members(
                action="OBSERVE", bizStep="storing", bizLocation={"id": f"{self.place}/hall/bay"},
                quantityList=[
                    {"epcClass": "urn:epc:class:lgtin:4012345.011111.L1", "quantity": 10},
                    {"epcClass": f"{GS1}/01/{gtin(77777)}", "quantity": 2500, "uom": "GRM"},
                ],
            ),
        ]  # fmt: skip

    def _links(self) -> list[dict[str, Any]]:
        urn, link = self.parent
        return [
            self.members(
                "AggregationEvent", action="ADD", bizStep="packing", parentID=urn,
                childEPCs=[self.link("a"), self.urn("c")],
                childQuantityList=[
                    {"epcClass": "urn:epc:idpat:sgtin:4012345.022222.*", "quantity": 5}
                ],
            ),
            self.members(
                "TransactionEvent", action="ADD", parentID=link, epcList=[self.urn("c")],
                bizTransactionList=[{"type": "inv", "bizTransaction": f"{PO}-INV"}],
            ),
            self.members(
                "AssociationEvent", action="ADD",
                parentID=f"urn:epc:id:grai:4012345.12345.{self.mark}",
                childEPCs=[f"urn:epc:id:giai:4012345.{self.mark}"],
            ),
        ]  # fmt: skip

    def _transformation(self) -> list[dict[str, Any]]:
        return [
            self.members(
                "TransformationEvent", bizStep="assembling", transformationID=f"{self.place}/run1",
                inputEPCList=[self.urn("in")], outputEPCList=[self.link("out")],
                inputQuantityList=[
                    {
                        "epcClass": "urn:epc:class:lgtin:4012345.033333.IN",
                        "quantity": 1.5, "uom": "KGM",
                    }
                ],
                outputQuantityList=[
                    {"epcClass": "urn:epc:class:lgtin:4012345.044444.OUT", "quantity": 3}
                ],
                ilmd={"ex:degrees": 9},
            )
        ]  # fmt: skip

    def _sensors(self) -> list[dict[str, Any]]:
        def sensed(*reports: dict[str, Any], **metadata: object) -> dict[str, Any]:
            element = {"sensorMetadata": metadata, "sensorReport": list(reports)}
            return self.members(
                action="OBSERVE", bizStep="sensor_reporting", epcList=[self.urn("s")],
                eventTime="2026-06-01T00:00:00Z",
                sensorElementList=[{**element, "ex:element": "E1"} if metadata else element],
            )  # fmt: skip

        return [
            sensed(
                {"type": "Temperature", "value": 4, "uom": "CEL", "sDev": 0.5, "minValue": 2,
                 "maxValue": 6, "meanValue": 4, "percRank": 50, "percValue": 5,
                 "ex:probe": "P1"},
                time="2026-05-01T00:00:00Z", startTime="2026-04-01T00:00:00Z",
                endTime="2026-04-02T00:00:00Z", deviceID="urn:epc:id:giai:4012345.dev1",
                bizRules="https://example.org/rules/1",
                dataProcessingMethod="https://example.org/methods/1",
                **{"ex:site": "S1"},
            ),
            sensed(
                {"type": "Temperature", "value": 39.2, "uom": "FAH", "sDev": 1.8},
                {"type": "RelativeHumidity", "value": 45, "uom": "P1"},
                {"type": "Mass", "value": 1500, "uom": "GRM"},
            ),
            sensed(
                {"type": "https://example.org/types/smell", "stringValue": "rotten, very",
                 "booleanValue": True, "hexBinaryValue": "A0FF",
                 "uriValue": "https://example.org/smells/1",
                 "microorganism": "https://example.org/taxa/1",
                 "chemicalSubstance": "https://example.org/inchi/1"},
            ),
        ]  # fmt: skip

    def declaration(self, wrong: dict[str, Any], corrective: str) -> dict[str, Any]:
        """The declaration that an event is wrong: otherwise identical to it."""
        return {
            **wrong,
            "errorDeclaration": {
                "declarationTime": "2026-07-01T00:00:00Z",
                "reason": "incorrect_data",
                "correctiveEventIDs": [corrective],
                "ex:ticket": "T-1",
                "ex:detail": {"ex:line": 4},
            },
        }

    def master_data(self) -> dict[str, Any]:
        """A header: the hall is below the place, the bay below the hall."""
        return {
            "epcisMasterData": {
                "vocabularyList": [
                    {
                        "type": "urn:epcglobal:epcis:vtype:BusinessLocation",
                        "vocabularyElementList": [
                            {
                                "id": self.place,
                                "attributes": [{"id": "cbvmda:site", "attribute": self.mark}],
                                "children": [f"{self.place}/hall"],
                            },
                            {"id": f"{self.place}/hall", "children": [f"{self.place}/hall/bay"]},
                        ],
                    },
                    {
                        "type": "urn:epcglobal:epcis:vtype:ReadPoint",
                        "vocabularyElementList": [
                            {
                                "id": READ_POINT,
                                "attributes": [{"id": "cbvmda:latitude", "attribute": "+18"}],
                            }
                        ],
                    },
                ]
            }
        }
