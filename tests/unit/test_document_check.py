"""Every rule of the check, broken one at a time: the verdict, the codes, and where."""

import json
from hashlib import sha256
from pathlib import Path
from time import process_time
from typing import Any

import pytest

from ledger.core.custody.steps import MAX_NESTING
from ledger.core.epcis.check import check_bytes, check_document
from ledger.core.epcis.codes import CODES
from ledger.core.epcis.finding import Severity
from ledger.core.epcis.quality import MAX_PER_CODE
from ledger.core.strict_json import JsonValue
from tests.unit.epcis_events import (
    AT_MS,
    CONTEXT,
    EVENT_ID,
    ITEM,
    LOT,
    ORDER,
    OTHER,
    PALLET,
    STANDARD,
    counted,
    document,
    event,
    ordered,
    packed,
    sensed,
    transformed,
    without,
)

VECTORS = Path(__file__).resolve().parents[1] / "vectors"
SEMANTIC = json.loads((VECTORS / "semantic/expected.json").read_text())
DIGITAL = "https://id.gs1.org/01/10614141073464/21/2017"
CELSIUS = {"type": "Temperature", "value": 26.0, "uom": "CEL"}
BIG_PALLET = "urn:epc:id:sscc:0614141.0000000002"
DECLARED = {"declarationTime": "2024-05-02T10:00:00Z", "reason": "did_not_occur"}
DATED = {"cbvmda:lotNumber": "A", "cbvmda:itemExpirationDate": "2026-01-31"}


def made(**changes: object) -> dict[str, Any]:
    return event(action="ADD", bizStep="commissioning", disposition="active", **changes)


NAMED = event(eventID=EVENT_ID)
LATE = made(eventTime="2024-05-01T12:00:00.000Z")
EXPIRED = made(epcList=[OTHER], ilmd={**DATED, "cbvmda:itemExpirationDate": "2027-01-31"})
CLOSING = packed(eventTime="2024-05-01T11:00:00Z", parentID=BIG_PALLET, childEPCs=[PALLET])

# (events, "accept"/"flag"/"reject", the codes that are found)
EVENTS: dict[str, tuple[list[Any], str, list[str]]] = {
    # what
    "sensor and place are enough": (
        [event(epcList=[], sensorElementList=[{"sensorReport": [CELSIUS]}])],
        "accept",
        [],
    ),
    "sensor without a place": (
        [event(**without("epcList", "readPoint"), sensorElementList=[{"sensorReport": [CELSIUS]}])],
        "reject",
        ["MISSING_WHAT"],
    ),
    "nothing named": ([event(**without("epcList"))], "reject", ["MISSING_WHAT"]),
    "pack without parent": ([packed(**without("parentID"))], "reject", ["MISSING_PARENT"]),
    "unpack without parent": (
        [packed(action="DELETE", **without("parentID"))],
        "reject",
        ["MISSING_PARENT"],
    ),
    "unpack all": ([packed(action="DELETE", **without("childEPCs"))], "accept", []),
    "observe without children": (
        [packed(action="OBSERVE", childEPCs=[])],
        "reject",
        ["MISSING_CHILDREN"],
    ),
    "association without parent": (
        [packed("AssociationEvent", action="OBSERVE", **without("parentID"))],
        "reject",
        ["MISSING_PARENT"],
    ),
    "association taken apart": (
        [packed("AssociationEvent", action="DELETE", **without("childEPCs"))],
        "accept",
        [],
    ),
    "transaction of nothing": ([ordered(epcList=[])], "reject", ["MISSING_WHAT"]),
    "transaction ends for all": ([ordered(action="DELETE", **without("epcList"))], "accept", []),
    "transaction without any": (
        [ordered(bizTransactionList=[])],
        "reject",
        ["MISSING_BIZ_TRANSACTION"],
    ),
    "no outputs": ([transformed(**without("outputEPCList"))], "reject", ["MISSING_OUTPUTS"]),
    "no inputs": ([transformed(inputEPCList=[])], "reject", ["MISSING_INPUTS"]),
    "outputs of a named transformation": (
        [
            transformed(
                transformationID="urn:epc:id:gdti:0614141.00001.1", **without("inputEPCList")
            )
        ],
        "accept",
        [],
    ),
    "a transformation of nothing": (
        [transformed(transformationID="urn:x:y", **without("inputEPCList", "outputEPCList"))],
        "reject",
        ["MISSING_WHAT"],
    ),
    "no inputs and no outputs": (
        [transformed(inputEPCList=[], outputEPCList=[])],
        "reject",
        ["MISSING_WHAT"],
    ),
    "null for a list": ([event(epcList=None)], "reject", ["WRONG_TYPE"]),
    "null for a parent": ([packed(parentID=None)], "reject", ["WRONG_TYPE"]),
    "half an escape in a serial": ([event(epcList=[DIGITAL + "%2"])], "reject", ["INVALID_SERIAL"]),
    "control character": ([event(epcList=[ITEM + "\0"])], "reject", ["INVALID_IDENTIFIER"]),
    "output that was consumed": (
        [transformed(outputEPCList=[DIGITAL])],
        "accept",
        ["INPUT_AMONG_OUTPUTS"],
    ),
    "action in a transformation": ([transformed(action="ADD")], "reject", ["UNKNOWN_MEMBER"]),
    "members of another type": ([packed(epcList=[ITEM])], "reject", ["MISPLACED_MEMBER"]),
    # ilmd
    "ilmd when added": ([made(ilmd=DATED)], "accept", []),
    "ilmd when observed": ([event(ilmd=DATED)], "reject", ["ILMD_NOT_ALLOWED"]),
    "ilmd when deleted": ([event(action="DELETE", ilmd=DATED)], "reject", ["ILMD_NOT_ALLOWED"]),
    "ilmd in a transformation": ([transformed(ilmd=DATED)], "accept", []),
    "ilmd in an aggregation": ([packed(ilmd=DATED)], "reject", ["UNKNOWN_MEMBER"]),
    "expiry that is no date": (
        [made(ilmd={"cbvmda:itemExpirationDate": "soon"})],
        "flag",
        ["INVALID_DATE"],
    ),
    "expiry on a day that does not exist": (
        [made(ilmd={**DATED, "cbvmda:itemExpirationDate": "2028-02-30"})],
        "flag",
        ["INVALID_DATE"],
    ),
    "expiry as a number": (
        [made(ilmd={"cbvmda:itemExpirationDate": 20280131})],
        "flag",
        ["INVALID_DATE"],
    ),
    "sold by no date, by another prefix": (
        [
            made(
                ilmd={"m:sellByDate": "31.1.2028"},
                **{"@context": [STANDARD, {"m": "urn:epcglobal:cbv:mda:"}]},
            )
        ],
        "flag",
        ["INVALID_DATE"],
    ),
    "best before an instant": (
        [made(ilmd={"cbvmda:bestBeforeDate": "2028-02-29T10:00:00.000+01:00"})],
        "accept",
        [],
    ),
    "expiry of one's own": ([made(ilmd={"ex:itemExpirationDate": "soon"})], "accept", []),
    "ilmd without a prefix": ([made(ilmd={"lot": "A"})], "reject", ["UNKNOWN_MEMBER"]),
    # quantities
    "zero": ([counted(epcClass=LOT, quantity=0)], "reject", ["QUANTITY_NOT_POSITIVE"]),
    "half a piece": ([counted(epcClass=LOT, quantity=0.5)], "reject", ["QUANTITY_NOT_INTEGER"]),
    "half a kilogram": ([counted(epcClass=LOT, quantity=0.5, uom="KGM")], "accept", []),
    "unit of nothing": ([counted(epcClass=LOT, uom="KGM")], "reject", ["UOM_WITHOUT_QUANTITY"]),
    "quantity left open": ([counted(epcClass=LOT)], "accept", []),
    "quantity as text": ([counted(epcClass=LOT, quantity="5")], "reject", ["WRONG_TYPE"]),
    "quantity true": ([counted(epcClass=LOT, quantity=True)], "reject", ["WRONG_TYPE"]),
    "extension in a quantity": (
        [counted(epcClass=LOT, quantity=1, **{"zz:a": 1})],
        "reject",
        ["UNKNOWN_MEMBER"],
    ),
    "many of one thing": ([counted(epcClass=ITEM, quantity=2)], "flag", ["INSTANCE_AS_CLASS"]),
    "lot among things": ([event(epcList=[LOT])], "flag", ["CLASS_AMONG_INSTANCES"]),
    # hierarchy
    "own parent by link": (
        [packed(childEPCs=["https://id.gs1.org/00/006141410000000012"])],
        "flag",
        ["HIERARCHY_CYCLE"],
    ),
    "own parent in an association": (
        [packed("AssociationEvent", childEPCs=[PALLET])],
        "flag",
        ["HIERARCHY_CYCLE"],
    ),
    "cycle of two": (
        [packed(childEPCs=[BIG_PALLET]), packed(parentID=BIG_PALLET, childEPCs=[PALLET])],
        "flag",
        ["HIERARCHY_CYCLE"],
    ),
    "two levels": ([packed(), packed(parentID=BIG_PALLET, childEPCs=[PALLET])], "accept", []),
    "repacked the other way": (
        [
            packed(childEPCs=[BIG_PALLET]),
            packed(action="DELETE", childEPCs=[BIG_PALLET], eventTime="2024-05-01T10:30:00.000Z"),
            packed(parentID=BIG_PALLET, childEPCs=[PALLET], eventTime="2024-05-01T11:00:00.000Z"),
        ],
        "accept",
        [],
    ),
    "child twice": ([packed(childEPCs=[ITEM, ITEM])], "flag", ["DUPLICATE_IDENTIFIER"]),
    "two spellings": ([event(epcList=[ITEM, DIGITAL])], "flag", ["DUPLICATE_IDENTIFIER"]),
    "two splits": (
        [event(epcList=[ITEM, "urn:epc:id:sgtin:061414.1107346.2017"])],
        "flag",
        ["DUPLICATE_IDENTIFIER"],
    ),
    # identifiers
    "GTIN of 13 digits in a URN": (
        [event(epcList=["urn:epc:id:sgtin:0614141.10734.2017"])],
        "reject",
        ["INVALID_IDENTIFIER"],
    ),
    "SSCC of 17 digits in a URN": (
        [event(epcList=["urn:epc:id:sscc:0614141.000000001"])],
        "reject",
        ["INVALID_IDENTIFIER"],
    ),
    "zero lost from an SSCC": (
        [event(epcList=["https://id.gs1.org/00/06141410000000012"])],
        "reject",
        ["LEADING_ZERO_STRIPPED"],
    ),
    "zero lost from a GTIN": (
        [event(epcList=["https://id.gs1.org/01/9506000134352/21/1"])],
        "flag",
        ["LEADING_ZERO_STRIPPED"],
    ),
    "serial too long, anybody's domain": (
        [event(epcList=["https://a.example/01/09506000134352/21/" + "1" * 21])],
        "reject",
        ["INVALID_SERIAL"],
    ),
    "SSCC check digit": (
        [event(epcList=["https://id.gs1.org/00/006141410000000013"])],
        "reject",
        ["INVALID_SSCC_CHECK_DIGIT"],
    ),
    "GLN check digit": (
        [event(readPoint={"id": "https://id.gs1.org/414/9506000134351"})],
        "reject",
        ["INVALID_GLN_CHECK_DIGIT"],
    ),
    "party check digit": (
        [
            event(
                sourceList=[
                    {"type": "owning_party", "source": "https://id.gs1.org/417/9506000134351"}
                ]
            )
        ],
        "reject",
        ["INVALID_GLN_CHECK_DIGIT"],
    ),
    "class check digit": (
        [counted(epcClass="https://id.gs1.org/01/09506000134351/10/A", quantity=1)],
        "reject",
        ["INVALID_GTIN_CHECK_DIGIT"],
    ),
    "GRAI check digit": (
        [event(epcList=["https://id.gs1.org/8003/009506000134351123"])],
        "flag",
        ["INVALID_CHECK_DIGIT"],
    ),
    "GRAI serial too long": (
        [event(epcList=["urn:epc:id:grai:0614141.12345." + "1" * 17])],
        "reject",
        ["INVALID_SERIAL"],
    ),
    "SGLN of 11 digits": (
        [event(readPoint={"id": "urn:epc:id:sgln:0614141.7346.1234"})],
        "reject",
        ["INVALID_IDENTIFIER"],
    ),
    "unknown scheme": ([event(epcList=["urn:epc:id:foo:1.2"])], "flag", ["UNKNOWN_EPC_SCHEME"]),
    "tag instead of identity": (
        [event(epcList=["urn:epc:tag:sgtin-96:3.0614141.107346.2017"])],
        "flag",
        ["UNKNOWN_EPC_SCHEME"],
    ),
    "general identifier": ([event(epcList=["urn:epc:id:gid:95100000.12345.400"])], "accept", []),
    "half a link": (
        [event(epcList=["https://a.example/01/09506000134/21/1"])],
        "flag",
        ["SUSPECT_DIGITAL_LINK"],
    ),
    "order whose number looks like a date": (
        [event(bizTransactionList=[{"bizTransaction": "https://erp.example/2024/01/20240501"}])],
        "flag",
        ["SUSPECT_DIGITAL_LINK"],
    ),
    "short names, CPV and query": (
        [event(epcList=["https://a.example/x/gtin/09506000134352/22/2A/ser/1?17=271231"])],
        "accept",
        [],
    ),
    "no URI": ([event(epcList=["(01)09506000134352(21)1"])], "reject", ["INVALID_URI"]),
    # times
    "year 9999": ([event(eventTime="9999-12-31T23:59:59Z")], "flag", ["FUTURE_EVENT_TIME"]),
    "leap second": ([event(eventTime="2016-12-31T23:59:60Z")], "reject", ["INVALID_TIME"]),
    "hour 24": ([event(eventTime="2024-05-01T24:00:00Z")], "reject", ["INVALID_TIME"]),
    "zone +15:00": ([event(eventTime="2024-05-01T10:00:00+15:00")], "reject", ["INVALID_TIME"]),
    "before 1970": ([event(eventTime="1969-12-31T23:59:59Z")], "reject", ["INVALID_TIME"]),
    "offset beyond 14:00": (
        [event(eventTimeZoneOffset="+14:01")],
        "reject",
        ["INVALID_TIME_ZONE_OFFSET"],
    ),
    "301 seconds ahead": ([event(eventTime="2024-05-08T20:31:41Z")], "flag", ["FUTURE_EVENT_TIME"]),
    "300 seconds ahead": ([event(eventTime="2024-05-08T20:31:40Z")], "accept", []),
    "366 days old": ([event(eventTime="2023-05-08T20:26:39Z")], "accept", ["STALE_EVENT"]),
    # vocabulary
    "unknown step": ([event(bizStep="teleporting")], "reject", ["UNKNOWN_CBV_WORD"]),
    "step with a capital": ([event(bizStep="Shipping")], "reject", ["UNKNOWN_CBV_WORD"]),
    "step as Web URI": (
        [event(bizStep="https://ref.gs1.org/cbv/BizStep-shipping")],
        "reject",
        ["CBV_URI_IN_JSON"],
    ),
    "disposition as URN": (
        [event(disposition="urn:epcglobal:cbv:disp:in_transit")],
        "reject",
        ["CBV_URI_IN_JSON"],
    ),
    "type of an order as URN": (
        [event(bizTransactionList=[{**ORDER[0], "type": "urn:epcglobal:cbv:btt:po"}])],
        "reject",
        ["CBV_URI_IN_JSON"],
    ),
    "source without a type": (
        [event(sourceList=[{"source": "urn:epc:id:pgln:0614141.00001"}])],
        "reject",
        ["MISSING_MEMBER"],
    ),
    "unknown measurement": (
        [sensed({**CELSIUS, "type": "Molar_concentration"})],
        "reject",
        ["UNKNOWN_CBV_WORD"],
    ),
    "set and unset": (
        [event(persistentDisposition={"set": ["available"], "unset": ["available"]})],
        "flag",
        ["PERSISTENT_DISPOSITION_CONTRADICTION"],
    ),
    "persistent, in an aggregation": (
        [packed(persistentDisposition={"set": ["available"]})],
        "accept",
        ["PERSISTENT_DISPOSITION_MISPLACED"],
    ),
    "persistent, empty": ([event(persistentDisposition={})], "reject", ["EMPTY_LIST"]),
    # sensors
    "device twice, two of them": (
        [sensed({**CELSIUS, "deviceID": "urn:a:1"}, deviceID="urn:a:2")],
        "reject",
        ["SENSOR_ATTRIBUTE_TWICE"],
    ),
    "device twice, the same": (
        [sensed({**CELSIUS, "deviceID": "urn:a:1"}, deviceID="urn:a:1")],
        "flag",
        ["SENSOR_ATTRIBUTE_REPEATED"],
    ),
    "measured after the event": (
        [sensed(CELSIUS, time="2024-05-01T10:00:01Z")],
        "flag",
        ["SENSOR_TIME_AFTER_EVENT"],
    ),
    "measured at the event": ([sensed(CELSIUS, time="2024-05-01T12:00:00+02:00")], "accept", []),
    "times reversed": (
        [sensed(CELSIUS, startTime="2024-05-01T09:00:00Z", endTime="2024-05-01T08:00:00Z")],
        "flag",
        ["SENSOR_TIMES_REVERSED"],
    ),
    "value without a unit": (
        [sensed({"type": "Temperature", "value": 26})],
        "accept",
        ["SENSOR_VALUE_WITHOUT_UOM"],
    ),
    "no report": (
        [event(sensorElementList=[{"sensorMetadata": {}}])],
        "reject",
        ["MISSING_MEMBER"],
    ),
    "hexadecimal": (
        [sensed({"type": "Count", "hexBinaryValue": "xyz"})],
        "reject",
        ["INVALID_HEX_BINARY"],
    ),
    # error declarations
    "declared": ([event(errorDeclaration=DECLARED)], "accept", []),
    "declared without a zone": (
        [event(errorDeclaration={"declarationTime": "2024-05-02T10:00:00"})],
        "reject",
        ["INVALID_TIME"],
    ),
    "declared for no known reason": (
        [event(errorDeclaration={**DECLARED, "reason": "oops"})],
        "reject",
        ["UNKNOWN_CBV_WORD"],
    ),
    "declared before it happened": (
        [event(errorDeclaration={"declarationTime": "2024-04-02T10:00:00Z"})],
        "flag",
        ["DECLARED_BEFORE_EVENT"],
    ),
    "corrected by itself": (
        [event(eventID=EVENT_ID, errorDeclaration={**DECLARED, "correctiveEventIDs": [EVENT_ID]})],
        "flag",
        ["CORRECTED_BY_ITSELF"],
    ),
    # names
    "name without a prefix": ([event(colour="red")], "reject", ["UNKNOWN_MEMBER"]),
    "keyword": ([event(**{"@graph": []})], "reject", ["UNKNOWN_MEMBER"]),
    "prefix that is bound": ([event(**{"ex:colour": "red"})], "accept", []),
    "prefix without a name": ([event(**{"ex:": 1})], "flag", ["EXTENSION_WITHOUT_NAME"]),
    "prefix without a name, in ilmd": (
        [made(ilmd={"ex:": "1"})],
        "flag",
        ["EXTENSION_WITHOUT_NAME"],
    ),
    "whole URI as a name": ([event(**{"https://ns.example.com/colour": "red"})], "accept", []),
    "unbound prefix, below": ([event(**{"ex:a": [{"zz:b": 1}]})], "flag", ["UNDEFINED_PREFIX"]),
    "unbound prefix in a sensor": ([sensed({**CELSIUS, "zz:a": 1})], "flag", ["UNDEFINED_PREFIX"]),
    "unbound prefix in ilmd": ([made(ilmd={"zz:a": "1"})], "flag", ["UNDEFINED_PREFIX"]),
    "standard name with a prefix": (
        [event(**{"epcis:epcList": [OTHER]})],
        "flag",
        ["STANDARD_TERM_AS_EXTENSION"],
    ),
    "context below": (
        [event(**{"ex:a": {"@context": {"x": "urn:x"}}})],
        "flag",
        ["NESTED_CONTEXT"],
    ),
    "event's own context": (
        [event(**{"@context": [STANDARD, {"zz": "urn:z:"}], "zz:a": 1})],
        "accept",
        [],
    ),
    "event's own context redefines": (
        [event(**{"@context": {"epcList": "urn:x"}})],
        "reject",
        ["CONTEXT_REDEFINES_STANDARD"],
    ),
    # types
    "type of one's own": ([event(type="ex:MyEvent")], "reject", ["UNKNOWN_EVENT_TYPE"]),
    "no type": ([event(**without("type"))], "reject", ["UNKNOWN_EVENT_TYPE"]),
    "no object": (["x"], "reject", ["NOT_AN_EVENT"]),
    "action in small letters": ([event(action="observe")], "reject", ["INVALID_ACTION"]),
    "list as text": ([event(epcList=ITEM)], "reject", ["WRONG_TYPE"]),
    "number in a list": ([event(epcList=[5])], "reject", ["WRONG_TYPE"]),
    "place as text": ([event(readPoint=ITEM)], "reject", ["WRONG_TYPE"]),
    "certificate as object": ([event(certificationInfo={"a": 1})], "reject", ["INVALID_URI"]),
    "recordTime": ([event(recordTime="2024-05-01T10:00:00Z")], "accept", ["RECORD_TIME_IGNORED"]),
    # together
    "the same in another order": (
        [event(), dict(reversed(list(event().items())))],
        "flag",
        ["DUPLICATE_TRANSMISSION"],
    ),
    "one eventID for two": (
        [event(eventID=EVENT_ID), event(eventID=EVENT_ID, bizStep="receiving")],
        "flag",
        ["EVENT_ID_REUSED"],
    ),
    "event and its declaration": (
        [event(eventID=EVENT_ID), event(eventID=EVENT_ID, errorDeclaration=DECLARED)],
        "accept",
        [],
    ),
    "one lot, two expiries": (
        [
            made(ilmd=DATED),
            made(epcList=[OTHER], ilmd={**DATED, "cbvmda:itemExpirationDate": "2027-01-31"}),
        ],
        "flag",
        ["MIXED_EXPIRY_SAME_LOT"],
    ),
    "one lot number, two products": (
        [
            made(ilmd=DATED),
            made(
                epcList=["urn:epc:id:sgtin:0614141.107347.1"],
                ilmd={**DATED, "cbvmda:itemExpirationDate": "2027-01-31"},
            ),
        ],
        "accept",
        [],
    ),
    "shipped before it was made": (
        [event(), made(eventTime="2024-05-01T12:00:00.000Z")],
        "flag",
        ["EVENTS_OUT_OF_ORDER"],
    ),
    "declaration in another spelling of the time": (
        [NAMED, {**NAMED, "eventTime": "2024-05-01T12:00:00+02:00", "errorDeclaration": DECLARED}],
        "accept",
        [],
    ),
    "declaration in another spelling of the item": (
        [NAMED, {**NAMED, "epcList": [DIGITAL], "errorDeclaration": DECLARED}],
        "accept",
        [],
    ),
    "declaration of the second that has an eventID": (
        [
            NAMED,
            {**NAMED, "bizStep": "receiving"},
            {**NAMED, "bizStep": "receiving", "errorDeclaration": DECLARED},
        ],
        "flag",
        ["EVENT_ID_REUSED"],
    ),
    "declaration of something else": (
        [NAMED, {**NAMED, "bizStep": "receiving", "errorDeclaration": DECLARED}],
        "flag",
        ["EVENT_ID_REUSED"],
    ),
    "declared twice": (
        [NAMED, *[{**NAMED, "errorDeclaration": DECLARED}] * 2],
        "flag",
        ["DUPLICATE_TRANSMISSION"],
    ),
    "taken back, shipped before it was made": (
        [
            event(),
            event(eventTime="2024-05-01T10:00:00Z", errorDeclaration=DECLARED),
            made(eventTime="2024-05-01T12:00:00.000Z"),
        ],
        "accept",
        [],
    ),
    "declared under another eventID, shipped before it was made": (
        [
            NAMED,
            event(eventID=EVENT_ID[:-1] + "9", errorDeclaration=DECLARED),
            made(eventTime="2024-05-01T12:00:00.000Z"),
        ],
        "flag",
        ["EVENTS_OUT_OF_ORDER"],
    ),
    "made, taken back, then shipped before": (
        [LATE, {**LATE, "errorDeclaration": DECLARED}, event()],
        "accept",
        [],
    ),
    "ring taken back": (
        [
            packed(childEPCs=[BIG_PALLET]),
            CLOSING,
            {**CLOSING, "errorDeclaration": DECLARED},
        ],
        "accept",
        [],
    ),
    "other expiry taken back": (
        [made(ilmd=DATED), EXPIRED, {**EXPIRED, "errorDeclaration": DECLARED}],
        "accept",
        [],
    ),
    "sent again with a recordTime": (
        [NAMED, {**NAMED, "recordTime": "2024-05-01T11:00:00Z"}],
        "flag",
        ["RECORD_TIME_IGNORED", "DUPLICATE_TRANSMISSION"],
    ),
    "sent again in another zone": (
        [event(), event(eventTime="2024-05-01T12:00:00+02:00")],
        "flag",
        ["DUPLICATE_TRANSMISSION"],
    ),
    "sent again as Digital Link": (
        [event(), event(epcList=[DIGITAL])],
        "flag",
        ["DUPLICATE_TRANSMISSION"],
    ),
    "alike but for the place": (
        [event(), event(readPoint={"id": "urn:epc:id:sgln:0614141.07346.1235"})],
        "accept",
        [],
    ),
    "alike but for the eventID": ([NAMED, event(eventID=EVENT_ID[:-1] + "9")], "accept", []),
    "one lot by another prefix": (
        [
            made(ilmd=DATED),
            made(
                epcList=[OTHER],
                ilmd={"m:lotNumber": "A", "m:itemExpirationDate": "2027-01-31"},
                **{"@context": [STANDARD, {"m": "urn:epcglobal:cbv:mda#"}]},
            ),
        ],
        "flag",
        ["MIXED_EXPIRY_SAME_LOT"],
    ),
    "one lot as a class": (
        [
            made(ilmd=DATED),
            made(
                epcList=[],
                quantityList=[{"epcClass": "urn:epc:class:lgtin:0614141.107346.A", "quantity": 5}],
                ilmd={"cbvmda:itemExpirationDate": "2027-01-31"},
            ),
        ],
        "flag",
        ["MIXED_EXPIRY_SAME_LOT"],
    ),
    "another lot as a class": (
        [
            made(ilmd=DATED),
            made(
                epcList=[],
                quantityList=[{"epcClass": "urn:epc:class:lgtin:0614141.107346.B", "quantity": 5}],
                ilmd={"cbvmda:itemExpirationDate": "2027-01-31"},
            ),
        ],
        "accept",
        [],
    ),
    "the lot of what was used up": (
        [
            made(ilmd=DATED),
            transformed(
                inputEPCList=[OTHER],
                outputEPCList=["urn:epc:id:sgtin:0614141.107347.1"],
                ilmd={**DATED, "cbvmda:itemExpirationDate": "2027-01-31"},
            ),
        ],
        "accept",
        [],
    ),
    "written late": ([event(eventTime="2024-05-01T12:00:00.000Z"), made()], "accept", []),
}

DOCUMENTS: dict[str, tuple[Any, str, list[str]]] = {
    "one event": (event(**{"@context": CONTEXT}), "accept", []),
    "one event without context": (event(), "reject", ["MISSING_CONTEXT"]),
    "list of events": ([event(**{"@context": CONTEXT})], "accept", []),
    "empty document": (document(), "accept", []),
    "version 1.2": (
        document(event(), schemaVersion="1.2"),
        "reject",
        ["UNSUPPORTED_SCHEMA_VERSION"],
    ),
    "version 3.0": (
        document(event(), schemaVersion="3.0"),
        "reject",
        ["UNSUPPORTED_SCHEMA_VERSION"],
    ),
    "version as number": (
        document(event(), schemaVersion=2.0),
        "reject",
        ["UNSUPPORTED_SCHEMA_VERSION"],
    ),
    "not created": (document(event(), **without("creationDate")), "reject", ["MISSING_MEMBER"]),
    "created yesterday": (document(event(), creationDate="yesterday"), "reject", ["INVALID_TIME"]),
    "sender as number": (document(event(), sender=1), "reject", ["WRONG_TYPE"]),
    "member of one's own": (document(event(), foo=1), "reject", ["UNKNOWN_MEMBER"]),
    "no body": (document(**without("epcisBody")), "reject", ["NO_EVENT_LIST"]),
    "no context": (document(event(), **without("@context")), "reject", ["MISSING_CONTEXT"]),
    "context null": (document(event(), **{"@context": None}), "reject", ["NULL_CONTEXT"]),
    "context twice": (
        document(event(), **{"@context": [STANDARD, STANDARD]}),
        "reject",
        ["INVALID_CONTEXT"],
    ),
    "context redefines a list": (
        document(event(), **{"@context": [STANDARD, {"epcList": "urn:x"}]}),
        "reject",
        ["CONTEXT_REDEFINES_STANDARD"],
    ),
    "context takes a name away": (
        document(event(), **{"@context": [STANDARD, {"bizStep": None}]}),
        "reject",
        ["CONTEXT_REDEFINES_STANDARD"],
    ),
    "context before the standard's": (
        document(event(), **{"@context": [{"action": "urn:x"}, STANDARD]}),
        "reject",
        ["CONTEXT_REDEFINES_STANDARD"],
    ),
    "context redefines epcis": (
        document(event(), **{"@context": [STANDARD, {"epcis": "urn:x:"}]}),
        "reject",
        ["CONTEXT_REDEFINES_STANDARD"],
    ),
    "context says the same": (
        document(event(), **{"@context": [STANDARD, {"epcList": "epcis:epcList"}]}),
        "accept",
        [],
    ),
    "context rebinds a prefix": (
        document(event(), **{"@context": [STANDARD, {"cbvmda": "urn:x:"}]}),
        "flag",
        ["CONTEXT_REBINDS_PREFIX"],
    ),
    "context makes an alias": (
        document(event(), **{"@context": [STANDARD, {"items": "epcis:epcList"}]}),
        "flag",
        ["CONTEXT_ALIASES_STANDARD"],
    ),
    "context from elsewhere": (
        document(event(), **{"@context": [STANDARD, "file:///etc/passwd"]}),
        "accept",
        ["UNKNOWN_CONTEXT"],
    ),
    "unbound prefix": (document(event(), **{"zz:a": 1}), "flag", ["UNDEFINED_PREFIX"]),
    "unbound prefix in the header": (
        document(event(), epcisHeader={"ex:b": 1, "zz:a": 1}),
        "flag",
        ["UNDEFINED_PREFIX"],
    ),
    "context from elsewhere only": (
        document(event(), **{"@context": "https://a.example/c"}),
        "flag",
        ["UNKNOWN_CONTEXT", "MISSING_STANDARD_CONTEXT"],
    ),
    "context imports": (
        document(event(), **{"@context": [STANDARD, {"@import": "https://a.example/c"}]}),
        "accept",
        ["UNKNOWN_CONTEXT"],
    ),
    "a number": (5, "reject", ["UNREADABLE"]),
    "nothing": (None, "reject", ["UNREADABLE"]),
}

BYTES: dict[str, tuple[bytes, str]] = {
    "byte order mark": (b"\xef\xbb\xbf{}", "BYTE_ORDER_MARK"),
    "NaN": (b'{"a":NaN}', "UNSAFE_NUMBER"),
    "long integer": (b'{"a":1152921504606846976}', "UNSAFE_NUMBER"),
    "overflow": (b'{"a":1e400}', "UNSAFE_NUMBER"),
    "twice": (b'{"a":1,"a":1}', "DUPLICATE_MEMBER"),
    "surrogate": (b'{"a":"\\ud800"}', "LONE_SURROGATE"),
    "deep": (b"[" * 2000 + b"]" * 2000, "TOO_DEEP"),
    "trailing data": (b"{} x", "NOT_JSON"),
    "comment": (b"// hello\n{}", "NOT_JSON"),
    "Latin-1": (b'{"a":"\xe9"}', "NOT_UTF8"),
    "UTF-16": ('{"a":1}'.encode("utf-16"), "NOT_UTF8"),
    "no bytes": (b"", "NOT_JSON"),
    "entity": (b'<!DOCTYPE a [<!ENTITY x SYSTEM "file:///etc/passwd">]><a>&x;</a>', "UNREADABLE"),
    "half an element": (b"<a><b></a>", "UNREADABLE"),
}


def found(raw: bytes, at_ms: int = AT_MS) -> tuple[str, list[str]]:
    checked = check_document(raw, at_ms=at_ms)
    assert check_bytes(raw, at_ms=at_ms).findings == checked.findings
    return checked.verdict.value, [one.code for one in checked.findings]


@pytest.mark.parametrize("row", SEMANTIC, ids=[row["file"] for row in SEMANTIC])
def test_every_row_of_the_semantic_vectors_holds(row: dict[str, str]) -> None:
    verdict, codes = found((VECTORS / row["file"]).read_bytes())
    allowed = {"reject", "accept"} if row["should"] == "reject-or-ignore" else {row["should"]}
    assert verdict in allowed, codes
    assert (
        codes == []
        or verdict != "accept"
        or set(codes) <= {"RECORD_TIME_IGNORED", "UNKNOWN_CONTEXT"}
    )


@pytest.mark.parametrize(("events", "verdict", "codes"), EVENTS.values(), ids=EVENTS)
def test_one_fault_is_one_finding(events: list[Any], verdict: str, codes: list[str]) -> None:
    assert found(json.dumps(document(*events)).encode()) == (verdict, codes)


@pytest.mark.parametrize(("whole", "verdict", "codes"), DOCUMENTS.values(), ids=DOCUMENTS)
def test_a_document_is_judged_around_its_events(
    whole: JsonValue, verdict: str, codes: list[str]
) -> None:
    assert found(json.dumps(whole).encode()) == (verdict, codes)


@pytest.mark.parametrize(("raw", "code"), BYTES.values(), ids=BYTES)
def test_bytes_with_two_readings_are_refused(raw: bytes, code: str) -> None:
    assert found(raw) == ("reject", [code])


def test_no_document_is_made_of_a_clean_one() -> None:
    made_first = [made(ilmd=DATED), packed(), event(eventTime="2024-05-01T11:00:00Z"), ordered()]
    for events in ([event()], [event(epcList=[DIGITAL])], made_first[1:], [packed(), event()]):
        raw = json.dumps(document(*events)).encode()
        assert check_bytes(raw, at_ms=AT_MS).document is None
        assert check_document(raw, at_ms=AT_MS).document is not None
    raw = json.dumps(document(*made_first)).encode()
    assert check_bytes(raw, at_ms=AT_MS).document is not None


def test_a_finding_leads_to_its_place() -> None:
    body = document(event(), event(epcList=[ITEM, "https://id.gs1.org/01/09506000134350/21/1"]))
    (one,) = check_document(json.dumps(body).encode(), at_ms=AT_MS).findings
    assert one.pointer == "/epcisBody/eventList/1/epcList/1"
    assert one.event == 1
    assert one.value == "https://id.gs1.org/01/09506000134350/21/1"
    assert "09506000134352" in one.message
    assert one.rule == CODES[one.code].rule


def test_names_are_escaped_in_pointers() -> None:
    body = document(event(**{"a/b~c": 1, "zz:d/e": 1}))
    pointers = {
        one.pointer for one in check_document(json.dumps(body).encode(), at_ms=AT_MS).findings
    }
    assert pointers == {"/epcisBody/eventList/0/a~1b~0c", "/epcisBody/eventList/0/zz:d~1e"}


def test_all_faults_come_in_one_run() -> None:
    body = document(
        event(bizStep="teleporting", eventTimeZoneOffset="Z", colour="red", epcList=["x y"]),
        packed(**without("parentID")),
        counted(epcClass=LOT, quantity=-1),
        creationDate="never",
    )
    _, codes = found(json.dumps(body).encode())
    assert sorted(codes) == [
        "INVALID_TIME", "INVALID_TIME_ZONE_OFFSET", "INVALID_URI", "MISSING_PARENT",
        "QUANTITY_NOT_POSITIVE", "UNKNOWN_CBV_WORD", "UNKNOWN_MEMBER",
    ]  # fmt: skip


def test_many_of_a_kind_are_truncated_and_no_refused_event_is_lost() -> None:
    bad = [event(bizStep="teleporting", epcList=[f"{ITEM}{i}"], **{"zz:a": i}) for i in range(80)]
    checked = check_document(json.dumps(document(*bad)).encode(), at_ms=AT_MS)
    codes = [one.code for one in checked.findings]
    assert codes.count("UNDEFINED_PREFIX") == MAX_PER_CODE
    assert codes.count("FINDINGS_TRUNCATED") == 1
    refused = {one.event for one in checked.findings if one.severity is Severity.ERROR}
    assert refused == set(range(80))


@pytest.mark.parametrize("kind", ["ObjectEvent", "AggregationEvent", "AssociationEvent",
                                  "TransactionEvent", "TransformationEvent"])  # fmt: skip
def test_no_shape_breaks_a_rule(kind: str) -> None:
    names = [
        "action", "eventTime", "eventTimeZoneOffset", "eventID", "parentID", "childEPCs", "epcList",
        "quantityList", "inputEPCList", "outputEPCList", "bizStep", "readPoint", "sourceList",
        "bizTransactionList", "sensorElementList", "errorDeclaration", "ilmd", "@context",
        "persistentDisposition", "transformationID", "recordTime", "certificationInfo",
    ]  # fmt: skip
    for odd in (None, True, 5, "", "x", [], [None], [[]], [{}], {}, {"id": []}, {"set": 1}):
        whole = document({**event(), "type": kind, **dict.fromkeys(names, odd)}, event())
        verdict, _ = found(json.dumps(whole).encode())
        assert verdict == "reject"
        for name in names:
            found(json.dumps(document({**event(), "type": kind, name: odd}, event())).encode())


@pytest.mark.parametrize(
    ("step", "meant"),
    [("Shipping", "shipping"), ("in_transport", None), ("commissionin", "commissioning"),
     ("urn:epcglobal:cbv:bizstep:Shipping", "shipping"), ("void shipping", "void_shipping"),
     ("x" * 100_000, None)],
    ids=["capital", "far", "letter", "urn", "space", "long"],
)  # fmt: skip
def test_a_misspelt_word_is_told_what_it_may_mean(step: str, meant: str | None) -> None:
    raw = json.dumps(document(event(bizStep=step))).encode()
    (one,) = check_document(raw, at_ms=AT_MS).findings
    assert one.code == "UNKNOWN_CBV_WORD"
    assert (f"Is it {meant}?" in one.message) == (meant is not None)
    assert len(one.value or "") <= 200


def _chain(count: int) -> list[dict[str, Any]]:
    names = [f"urn:epc:id:sscc:0614141.{i:010d}" for i in range(count + 1)]
    return [packed(parentID=names[i], childEPCs=[names[i + 1]]) for i in range(count)]


def _told(events: list[Any]) -> list[str]:
    return found(json.dumps(document(*events)).encode())[1]


def _orders(links: list[Any]) -> list[list[Any]]:
    shuffled = sorted(links, key=lambda one: sha256(one["parentID"].encode()).digest())
    return [links, links[::-1], shuffled]


@pytest.mark.parametrize("count", [2, 16, 17, 120, 4000])
def test_a_ring_of_any_length_is_found_in_any_order(count: int) -> None:
    ring = _chain(count)
    ring[-1]["childEPCs"] = [ring[0]["parentID"]]
    for links in _orders(ring):
        assert _told(links).count("HIERARCHY_CYCLE") == 1
        assert ("HIERARCHY_DEPTH_EXCEEDED" in _told(links)) == (count > 17)


def test_a_ring_that_was_opened_before_is_none() -> None:
    ring = _chain(120)
    ring[-1]["childEPCs"] = [ring[0]["parentID"]]
    apart = {**ring[50], "action": "DELETE"}
    assert "HIERARCHY_CYCLE" not in _told([*ring[:-1], apart, ring[-1]])


def test_nesting_that_custody_does_not_follow_is_flagged_once() -> None:
    for links in _orders(_chain(MAX_NESTING)):
        assert _told(links) == []
    for links in _orders(_chain(MAX_NESTING + 1)):
        assert _told(links) == ["HIERARCHY_DEPTH_EXCEEDED"]
    for links in _orders(_chain(30))[:2]:
        assert _told(links) == ["HIERARCHY_DEPTH_EXCEEDED"]


@pytest.mark.parametrize(
    ("changes", "code", "message"),
    [({"bizStep": "https://ns.gs1.org/cbv/BizStep-shipping"}, "CBV_URI_IN_JSON", "shipping."),
     ({"epcList": ["urn:x:" + "a" * 5000]}, "INVALID_IDENTIFIER", "An identifier: must have 1"),
     ({"eventTime": "1900-02-28T00:00:00Z"}, "INVALID_TIME", "Our own limit")],
    ids=["old spelling", "long", "early"],
)  # fmt: skip
def test_a_message_says_what_is_wrong(changes: dict[str, Any], code: str, message: str) -> None:
    raw = json.dumps(document(event(**changes))).encode()
    (one,) = check_document(raw, at_ms=AT_MS).findings
    assert one.code == code
    assert message in one.message


ATTACKS: dict[str, list[Any]] = {
    "a chain": _chain(4000),
    "a chain from below": _chain(4000)[::-1],
    "a chain and what is put below it": [
        *_chain(4000),
        *[
            packed(
                parentID="urn:epc:id:sscc:0614141.0000003999",
                childEPCs=[f"urn:epc:id:sscc:0614142.{i:010d}"],
            )
            for i in range(4000)
        ],
    ],
    "alike but for the serial": [event(epcList=[f"{ITEM}{i}"]) for i in range(8000)],
    "all declared": [
        event(epcList=[f"{ITEM}{i}"], **more)
        for i in range(3000)
        for more in ({}, {"errorDeclaration": DECLARED})
    ],
    "a chain taken apart": [
        *_chain(4000),
        *[{**one, "action": "DELETE", "childEPCs": []} for one in _chain(4000)],
    ],
    "wrong words": [event(bizStep=f"shipped{i}", epcList=[f"{ITEM}{i}"]) for i in range(4000)],
    "set and unset": [
        event(
            persistentDisposition={
                "set": [f"urn:a:{i}" for i in range(20_000)],
                "unset": [f"urn:b:{i}" for i in range(20_000)],
            }
        )
    ],
    "one eventID": [event(eventID=EVENT_ID, epcList=[f"{ITEM}{i}"]) for i in range(4000)],
    "wide names": [event(**{f"zz:{i}": {"zz:a": i} for i in range(20_000)})],
    "many of one": [event(epcList=[DIGITAL] * 20_000)],
}


@pytest.mark.timeout(30)
@pytest.mark.parametrize("events", ATTACKS.values(), ids=ATTACKS)
def test_no_document_costs_the_square_of_its_length(events: list[Any]) -> None:
    raw = json.dumps(document(*events)).encode()
    began = process_time()
    check_document(raw, at_ms=AT_MS)
    # Two seconds a megabyte is ten times what any of these takes.
    assert process_time() - began < 2 + 2 * len(raw) / 1e6


@pytest.mark.parametrize(
    ("epcs", "codes"),
    [
        ([1] * 50_000, {"TOO_LARGE_TO_EXPLAIN"}),
        ([f"urn:epc:id:sgtin:{i}" for i in range(50_000)], {"INVALID_IDENTIFIER"}),
    ],
    ids=["of the model", "of the rules"],
)
def test_faults_without_end_are_told_up_to_a_limit(epcs: list[Any], codes: set[str]) -> None:
    started = process_time()
    findings = check_document(json.dumps(document(event(epcList=epcs))).encode(), at_ms=AT_MS)
    assert codes <= {one.code for one in findings.findings}
    assert len(findings.findings) < 200
    assert process_time() - started < 10
