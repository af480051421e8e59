"""Semantic rules of one event: what the schema cannot say (EPCIS 2.0 sections 7.3, 7.4).

Every rule also holds still on an event of any wrong shape: the model layer has told of it.
"""

from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from typing import Final

from ledger.core.epcis.codes import finding, shown
from ledger.core.epcis.compared import find_time_ms
from ledger.core.epcis.document import Event
from ledger.core.epcis.finding import DocumentFinding
from ledger.core.epcis.rules_identifiers import Known, find_path, look_up, may_be_class
from ledger.core.strict_json import JsonValue

ITEM_LISTS: Final = ("epcList", "childEPCs", "inputEPCList", "outputEPCList")
QUANTITY_LISTS: Final = (
    "quantityList", "childQuantityList", "inputQuantityList", "outputQuantityList",
)  # fmt: skip
_PLACES: Final = ("readPoint", "bizLocation")
_REFERENCES: Final = {
    "bizTransactionList": "bizTransaction", "sourceList": "source",
    "destinationList": "destination",
}  # fmt: skip
# Of one event. Attack: each of a million wrong identifiers takes two kB to tell.
MAX_OF_CODE: Final = 1_000
# TCR-53 step 29.
_ONCE_IN_SENSOR: Final = (
    "time", "deviceID", "deviceMetadata", "rawData", "dataProcessingMethod",
)  # fmt: skip
_MEASURED: Final = frozenset(["value", "minValue", "maxValue", "meanValue", "sDev", "percValue"])
_SENSOR_TIMES: Final = ("time", "startTime", "endTime")


@dataclass(slots=True)
class Report:
    """Collects the findings of one event."""

    pointer: str
    event: int
    found: list[DocumentFinding] = field(default_factory=list)
    counts: Counter[str] = field(default_factory=Counter)

    def add(self, code: str, path: str, value: object, message: str) -> None:
        """Add a finding whose severity is the code's; no more than MAX_OF_CODE of one code."""
        self.counts[code] += 1
        if self.counts[code] > MAX_OF_CODE:
            return
        self.found.append(finding(code, self.pointer + path, value, message, self.event))


def judge_event(event: Event, report: Report) -> None:
    """Add what the rules of its type, and those of all types, say about an event."""
    kind = event.get("type")
    by_type = _BY_TYPE.get(kind) if isinstance(kind, str) else None
    if by_type is not None:
        by_type(event, report)
    _judge_quantities(event, report)
    _judge_identifiers(event, report)
    if "persistentDisposition" in event:
        _judge_dispositions(event, report)
    judge_rare(event, report)


def judge_rare(event: Event, report: Report) -> None:
    """Add what the rules of sensors and error declarations say."""
    if "sensorElementList" in event:
        _judge_sensors(event, report)
    if "errorDeclaration" in event:
        _judge_declaration(event, report)


def _judge_object(event: Event, report: Report) -> None:
    sensed = event.get("sensorElementList") and event.get("readPoint")
    if not (_names_any(event, "epcList", "quantityList") or sensed):
        message = (
            "An ObjectEvent names something: a non-empty epcList or quantityList,"
            " or a sensorElementList with a readPoint."
        )
        report.add("MISSING_WHAT", "", None, message)
    if "ilmd" in event and event.get("action") in ("OBSERVE", "DELETE"):
        message = "ilmd belongs to action ADD only, when items come into being."
        report.add("ILMD_NOT_ALLOWED", "/ilmd", event.get("action"), message)


def _names_any(event: Event, *members: str) -> bool:
    """Tell whether one of these lists is not empty, or no list: the model tells of that."""
    return any(event[one] != [] for one in members if one in event)


def _judge_containment(event: Event, report: Report) -> None:
    action = event.get("action")
    parent_needed = action in ("ADD", "DELETE") or event.get("type") == "AssociationEvent"
    if parent_needed and not event.get("parentID"):
        message = f"An {event['type']} with action {action} names its parent."
        report.add("MISSING_PARENT", "/parentID", None, message)
    if action in ("ADD", "OBSERVE") and not _names_any(event, "childEPCs", "childQuantityList"):
        message = "childEPCs or childQuantityList must name a child, unless the action is DELETE."
        report.add("MISSING_CHILDREN", "/childEPCs", None, message)


def _judge_transaction(event: Event, report: Report) -> None:
    if event.get("bizTransactionList") in (None, []):
        message = "A TransactionEvent names at least one business transaction."
        report.add("MISSING_BIZ_TRANSACTION", "/bizTransactionList", None, message)
    is_needed = event.get("action") in ("ADD", "OBSERVE")
    if is_needed and not _names_any(event, "epcList", "quantityList"):
        message = "epcList or quantityList must not be empty, unless the action is DELETE."
        report.add("MISSING_WHAT", "", None, message)


def _judge_transformation(event: Event, report: Report) -> None:
    inputs = _names_any(event, "inputEPCList", "inputQuantityList")
    outputs = _names_any(event, "outputEPCList", "outputQuantityList")
    if not inputs and not outputs:
        message = "A TransformationEvent names inputs and outputs."
        report.add("MISSING_WHAT", "", None, message)
        return
    if event.get("transformationID"):
        return
    reason = "unless a transformationID joins this event to others."
    if not inputs:
        report.add("MISSING_INPUTS", "/inputEPCList", None, f"Inputs are missing, {reason}")
    if not outputs:
        report.add("MISSING_OUTPUTS", "/outputEPCList", None, f"Outputs are missing, {reason}")


_BY_TYPE: Final[dict[str, Callable[[Event, Report], None]]] = {
    "ObjectEvent": _judge_object,
    "AggregationEvent": _judge_containment,
    "AssociationEvent": _judge_containment,
    "TransactionEvent": _judge_transaction,
    "TransformationEvent": _judge_transformation,
}


def elements(event: Event, name: str) -> Iterator[tuple[str, dict[str, JsonValue]]]:
    """Yield the objects of a list member and the paths to them; nothing for a wrong shape."""
    listed = event.get(name)
    if isinstance(listed, list):
        for i, one in enumerate(listed):
            if isinstance(one, dict):
                yield f"/{name}/{i}", one


def texts(event: Event, name: str) -> list[tuple[str, str]]:
    """Return the texts of a list member and the paths to them."""
    listed = event.get(name)
    if not isinstance(listed, list):
        return []
    return [(f"/{name}/{i}", one) for i, one in enumerate(listed) if isinstance(one, str)]


def _judge_quantities(event: Event, report: Report) -> None:
    for name in QUANTITY_LISTS:
        if name in event:
            for path, element in elements(event, name):
                _judge_quantity(element, path, report)


def _judge_quantity(element: dict[str, JsonValue], path: str, report: Report) -> None:
    quantity = element.get("quantity")
    if quantity is None:
        if "uom" in element:
            message = "A unit without a quantity says nothing: leave out both or none."
            report.add("UOM_WITHOUT_QUANTITY", f"{path}/uom", element["uom"], message)
    elif isinstance(quantity, int | float) and not isinstance(quantity, bool):
        if quantity <= 0:
            message = "A quantity is greater than zero."
            report.add("QUANTITY_NOT_POSITIVE", f"{path}/quantity", quantity, message)
        elif "uom" not in element and quantity != int(quantity):
            message = "Without a unit a quantity counts instances: it is a whole number."
            report.add("QUANTITY_NOT_INTEGER", f"{path}/quantity", quantity, message)


def _judge_identifiers(event: Event, report: Report) -> None:
    parent = None
    if "parentID" in event:
        parent = _judge_one(event["parentID"], "/parentID", report, wanted_class=False)
    for name in ITEM_LISTS:
        if name in event:
            _judge_items(texts(event, name), parent if name != "inputEPCList" else None, report)
    _judge_classes(event, report)
    _judge_references(event, report)
    if "outputEPCList" in event and "inputEPCList" in event:
        _judge_reuse(event, report)


def _judge_classes(event: Event, report: Report) -> None:
    for name in QUANTITY_LISTS:
        if name not in event:
            continue
        for path, element in elements(event, name):
            _judge_one(element.get("epcClass"), f"{path}/epcClass", report, wanted_class=True)


def _judge_references(event: Event, report: Report) -> None:
    for name in _PLACES:
        place = event.get(name)
        if isinstance(place, dict):
            _judge_one(place.get("id"), f"/{name}/id", report)
    for name, member in _REFERENCES.items():
        if name not in event:
            continue
        for path, element in elements(event, name):
            _judge_one(element.get(member), f"{path}/{member}", report)
    if "transformationID" in event:
        _judge_one(event["transformationID"], "/transformationID", report)


def _judge_one(
    identifier: JsonValue, path: str, report: Report, *, wanted_class: bool | None = None
) -> str | None:
    """Report what is wrong with one identifier; return its canonical path if it has one."""
    if not isinstance(identifier, str) or ":" not in identifier:
        return None
    known = look_up(identifier)
    fault = known.fault
    if fault is not None:
        report.found.append(
            finding(
                fault.code, report.pointer + path, identifier, fault.message, report.event,
                severity=fault.severity,
            )
        )  # fmt: skip
    if wanted_class is not None and known.is_class is (not wanted_class):
        _judge_level(known, path, identifier, report)
    return known.path


def _judge_level(known: Known, path: str, identifier: str, report: Report) -> None:
    if known.is_class:
        message = "This names a class, such as a GTIN or a lot; here stand single things."
        report.add("CLASS_AMONG_INSTANCES", path, identifier, message)
    elif known.path is not None and may_be_class(known.path):
        message = "This names one single thing; a quantity is of a class, such as a GTIN or a lot."
        report.add("INSTANCE_AS_CLASS", path, identifier, message)


def _judge_items(items: list[tuple[str, str]], parent: str | None, report: Report) -> None:
    seen: dict[str, tuple[str, str]] = {}
    for path, identifier in items:
        item = _judge_one(identifier, path, report, wanted_class=False)
        if item is None:
            continue
        if item == parent:
            message = "The parent stands among its own children."
            report.add("HIERARCHY_CYCLE", path, identifier, message)
        first = seen.setdefault(item, (path, identifier))
        # The same text twice is the schema's to say where it forbids that.
        if first[0] != path and (first[1] != identifier or path.startswith("/childEPCs")):
            message = f"This is the item that {report.pointer}{first[0]} names already."
            report.add("DUPLICATE_IDENTIFIER", path, identifier, message)


def _judge_reuse(event: Event, report: Report) -> None:
    inputs = {find_path(one) for _, one in texts(event, "inputEPCList")} - {None}
    for path, identifier in texts(event, "outputEPCList"):
        if find_path(identifier) in inputs:
            message = "Inputs are consumed, and this output is one of them."
            report.add("INPUT_AMONG_OUTPUTS", path, identifier, message)


def _judge_dispositions(event: Event, report: Report) -> None:
    persistent = event.get("persistentDisposition")
    if not isinstance(persistent, dict):
        return
    if event.get("type") not in ("ObjectEvent", "TransformationEvent"):
        message = "The text of the standard has it in Object and TransformationEvents only."
        report.add("PERSISTENT_DISPOSITION_MISPLACED", "/persistentDisposition", None, message)
    taken, left = persistent.get("set"), persistent.get("unset")
    if isinstance(taken, list) and isinstance(left, list):
        both = {one for one in taken if isinstance(one, str)}
        for i, one in enumerate(left):
            if isinstance(one, str) and one in both:
                path = f"/persistentDisposition/unset/{i}"
                message = "One event cannot set and unset the same disposition."
                report.add("PERSISTENT_DISPOSITION_CONTRADICTION", path, one, message)


def _judge_sensors(event: Event, report: Report) -> None:
    happened = find_time_ms(event.get("eventTime"))
    for path, element in elements(event, "sensorElementList"):
        metadata = element.get("sensorMetadata")
        metadata = metadata if isinstance(metadata, dict) else {}
        _judge_sensor_times(metadata, f"{path}/sensorMetadata", happened, report)
        for below, reading in elements(element, "sensorReport"):
            here = path + below
            _judge_sensor_times(reading, here, happened, report)
            if metadata:
                _judge_repeated(metadata, reading, here, report)
            if "uom" not in reading and not _MEASURED.isdisjoint(reading):
                message = "A measured value needs its unit."
                report.add("SENSOR_VALUE_WITHOUT_UOM", here, None, message)
            _judge_device(reading, here, report)
        _judge_device(metadata, f"{path}/sensorMetadata", report)


def _judge_repeated(
    metadata: dict[str, JsonValue], reading: dict[str, JsonValue], path: str, report: Report
) -> None:
    """Report what may stand in one of both only: refused where it names two devices or sources.

    GS1's own examples of all fields repeat each of these and give a report a time of its own, so
    that much is a flag.
    """
    for name in _ONCE_IN_SENSOR:
        if name not in reading or name not in metadata:
            continue
        if name == "time" or reading[name] == metadata[name]:
            message = f"{name} stands in sensorMetadata too; it may stand in one of both only."
            report.add("SENSOR_ATTRIBUTE_REPEATED", f"{path}/{name}", reading[name], message)
        else:
            message = f"sensorMetadata has another {name}: {shown(metadata[name])}."
            report.add("SENSOR_ATTRIBUTE_TWICE", f"{path}/{name}", reading[name], message)


def _judge_device(sensed: dict[str, JsonValue], path: str, report: Report) -> None:
    for name in ("deviceID", "deviceMetadata"):
        if name in sensed:
            _judge_one(sensed[name], f"{path}/{name}", report)


def _judge_sensor_times(
    sensed: dict[str, JsonValue], path: str, happened: int | None, report: Report
) -> None:
    times = {name: find_time_ms(sensed[name]) for name in _SENSOR_TIMES if name in sensed}
    if not times:
        return
    for name, instant in times.items():
        if instant is not None and happened is not None and instant > happened:
            message = "A sensor's time is not after the eventTime of its event."
            report.add("SENSOR_TIME_AFTER_EVENT", f"{path}/{name}", sensed[name], message)
    start, end = times.get("startTime"), times.get("endTime")
    if start is not None and end is not None and start > end:
        message = "startTime is after endTime."
        report.add("SENSOR_TIMES_REVERSED", f"{path}/startTime", sensed["startTime"], message)


def _judge_declaration(event: Event, report: Report) -> None:
    declaration = event["errorDeclaration"]
    if not isinstance(declaration, dict):
        return
    declared, happened = (
        find_time_ms(declaration.get("declarationTime")),
        find_time_ms(event.get("eventTime")),
    )
    if declared is not None and happened is not None and declared < happened:
        message = "The error was declared before the event happened."
        path = "/errorDeclaration/declarationTime"
        report.add("DECLARED_BEFORE_EVENT", path, declaration["declarationTime"], message)
    for path, identifier in texts(declaration, "correctiveEventIDs"):
        if identifier == event.get("eventID"):
            message = "An event does not correct itself."
            report.add("CORRECTED_BY_ITSELF", f"/errorDeclaration{path}", identifier, message)
