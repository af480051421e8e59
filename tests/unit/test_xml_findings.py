"""Faults of XML in a whole check: each is told once, by the code that JSON has for it if any."""

import pytest

from ledger.core.epcis.check import check_document
from ledger.core.epcis.read import read_document
from tests.epcis_xml import BASE, EPC, EPCIS, document, observed

AT_MS = 1_767_400_000_000  # A day after the events.
NO_ACTION = observed().replace("<action>OBSERVE</action>", "")
TRANSACTION = (
    f"<TransactionEvent>{BASE}<epcList><epc>{EPC}</epc></epcList><action>ADD</action>"
    "</TransactionEvent>"
)
ASSOCIATION = (
    f"<AssociationEvent>{BASE}<childEPCs><epc>{EPC}</epc></childEPCs><action>ADD</action>"
    "</AssociationEvent>"
)
DECLARED = observed().replace(
    "+00:00</eventTimeZoneOffset>",
    "+00:00</eventTimeZoneOffset><baseExtension><errorDeclaration/></baseExtension>",
)
FORMER = f"<QuantityEvent>{BASE}<quantity>5</quantity></QuantityEvent>"
LIST = "/quantityList/0"


def measured(quantity: str) -> str:
    return observed(
        "<quantityList><quantityElement><epcClass>urn:epc:class:lgtin:4012345.011111.4444"
        f"</epcClass>{quantity}<uom>KGM</uom></quantityElement></quantityList>"
    )


def sensed(attributes: str) -> str:
    return observed(
        f"<sensorElementList><sensorElement><sensorReport {attributes}/></sensorElement>"
        "</sensorElementList>"
    )


NO_REPORT = sensed("").replace("<sensorReport />", '<sensorMetadata deviceID="urn:x:1"/>')
REPORT = "/sensorElementList/0/sensorReport"
CASES: dict[str, tuple[str, str, str, list[tuple[str, str]]]] = {
    "no action": (NO_ACTION, "2.0", "reject", [("INVALID_ACTION", "/action")]),
    "no action in 1.2": (NO_ACTION, "1.2", "reject", [("INVALID_ACTION", "/action")]),
    "two actions": (
        observed("<action>OBSERVE</action>"), "2.0", "reject", [("REPEATED_ELEMENT", "/action")],
    ),
    "no transactions": (
        TRANSACTION, "2.0", "reject", [("MISSING_BIZ_TRANSACTION", "/bizTransactionList")],
    ),
    "no transactions in 1.2": (
        TRANSACTION, "1.2", "reject", [("MISSING_BIZ_TRANSACTION", "/bizTransactionList")],
    ),
    "no parent": (ASSOCIATION, "2.0", "reject", [("MISSING_PARENT", "/parentID")]),
    "no time": (
        observed().replace("<eventTime>2026-01-02T03:04:05Z</eventTime>", ""), "2.0", "reject",
        [("MISSING_MEMBER", "/eventTime")],
    ),
    "a quantity of letters": (
        measured("<quantity>five</quantity>"), "2.0", "reject",
        [("INVALID_VALUE", f"{LIST}/quantity")],
    ),
    "an endless quantity": (
        measured("<quantity>INF</quantity>"), "2.0", "reject",
        [("INVALID_VALUE", f"{LIST}/quantity")],
    ),
    "an endless value, which XML has": (
        sensed('type="gs1:Temperature" value="INF" uom="CEL"'), "2.0", "reject",
        [("VALUE_NOT_CARRIED", f"{REPORT}/0/value")],
    ),
    "a unit of nothing": (
        measured(""), "2.0", "reject", [("UOM_WITHOUT_QUANTITY", f"{LIST}/uom")],
    ),
    "a QuantityEvent of nothing": (
        FORMER, "1.2", "reject",
        [("MISSING_MEMBER", f"{LIST}/epcClass"), ("QUANTITY_EVENT", "")],
    ),
    "no sensor report": (NO_REPORT, "2.0", "reject", [("MISSING_MEMBER", REPORT)]),
    "no type of a report, which XML allows": (
        sensed('value="5" uom="CEL"'), "2.0", "flag", [("MISSING_MEMBER", f"{REPORT}/0/type")],
    ),
    "an error declared at no time": (
        DECLARED, "1.2", "reject", [("MISSING_MEMBER", "/errorDeclaration/declarationTime")],
    ),
    "a parent of an ObjectEvent": (
        observed("<parentID>urn:a:b</parentID>"), "2.0", "reject",
        [("MISPLACED_MEMBER", "/parentID")],
    ),
    "an unknown measurement": (
        sensed('type="gs1:Hotness" value="5" uom="CEL"'), "2.0", "flag",
        [("UNKNOWN_CBV_WORD", f"{REPORT}/0/type")],
    ),
    "an unknown component": (
        sensed('type="gs1:Speed" component="cbv:Comp-q"'), "2.0", "flag",
        [("UNKNOWN_CBV_WORD", f"{REPORT}/0/component")],
    ),
    "a measurement of one's own": (
        sensed('type="https://x.example/Hotness" value="5" uom="CEL"'), "2.0", "accept", [],
    ),
    "an unknown step": (
        observed("<bizStep>urn:epcglobal:cbv:bizstep:teleporting</bizStep>"), "2.0", "flag",
        [("UNKNOWN_CBV_WORD", "/bizStep")],
    ),
    "a bare measurement": (
        sensed('type="Temperature" value="5" uom="CEL"'), "2.0", "flag",
        [("CBV_WORD_IN_XML", f"{REPORT}/0/type")],
    ),
    "a bare word that is none": (
        observed("<bizStep>teleporting</bizStep>"), "2.0", "flag",
        [("UNKNOWN_CBV_WORD", "/bizStep")],
    ),
    **{
        f"bare words in {version}": (
            observed(
                "<bizStep>shipping</bizStep><disposition>in_transit</disposition>"
                '<bizTransactionList><bizTransaction type="po">urn:x:1</bizTransaction>'
                "</bizTransactionList>"
            ),
            version, "flag",
            [
                ("CBV_WORD_IN_XML", "/bizStep"),
                ("CBV_WORD_IN_XML", "/bizTransactionList/0/type"),
                ("CBV_WORD_IN_XML", "/disposition"),
            ],
        )
        for version in EPCIS
    },
    "bare words in lists": (
        observed(
            '<sourceList><source type="location">urn:x:2</source></sourceList>'
            "<persistentDisposition><set>urn:epcglobal:cbv:disp:active</set><set>damaged</set>"
            "</persistentDisposition>"
        ),
        "2.0", "flag",
        [
            ("CBV_WORD_IN_XML", "/persistentDisposition/set/1"),
            ("CBV_WORD_IN_XML", "/sourceList/0/type"),
        ],
    ),
}  # fmt: skip
"""Events, version, verdict, and the findings by code and place in the event."""


def found(raw: bytes) -> tuple[str, list[tuple[str, str]]]:
    checked = check_document(raw, at_ms=AT_MS)
    at = "/epcisBody/eventList/0"
    told = [(one.code, one.pointer.removeprefix(at)) for one in checked.findings]
    return checked.verdict.value, sorted(told)


@pytest.mark.parametrize("name", CASES)
def test_one_fault_is_one_finding(name: str) -> None:
    events, version, verdict, told = CASES[name]
    assert found(document(events, version)) == (verdict, told)


@pytest.mark.parametrize("version", EPCIS)
@pytest.mark.parametrize(
    ("written", "verdict"),
    [("1.0", {"1.2": "accept", "2.0": "flag"}), ("1.2", {"1.2": "accept", "2.0": "flag"}),
     ("2", {"1.2": "flag", "2.0": "accept"}), ("2.0", {"1.2": "flag", "2.0": "accept"}),
     ("3.0", {"1.2": "reject", "2.0": "reject"}), ("12", {"1.2": "reject", "2.0": "reject"})],
)  # fmt: skip
def test_the_schema_version_is_that_of_the_namespace(
    version: str, written: str, verdict: dict[str, str]
) -> None:
    raw = document(observed(), version).replace(
        f'schemaVersion="{version}"'.encode(), f'schemaVersion="{written}"'.encode()
    )
    told = [("UNSUPPORTED_SCHEMA_VERSION", "/schemaVersion")]
    expected = [] if verdict[version] == "accept" else told
    assert found(raw) == (verdict[version], expected)


def test_a_default_namespace_is_one_finding_for_all_that_inherit_it() -> None:
    two = observed() + observed(epc=f"{EPC}1")
    raw = document(two).replace(b"epcis:EPCIS", b"EPCIS").replace(b"xmlns:epcis", b"xmlns")
    assert found(raw) == ("reject", [("WRONG_NAMESPACE", "")])
    (one,) = read_document(raw).findings
    assert one.event is None, "the whole document is refused, not one of its events"
    inner = document(observed(attributes=f' xmlns="{EPCIS["2.0"]}"') + observed(epc=f"{EPC}1"))
    assert found(inner) == ("reject", [("WRONG_NAMESPACE", "")])
    assert read_document(inner).findings[0].event == 0


def test_a_prefix_is_a_finding_of_its_own_element() -> None:
    raw = document(observed().replace("action>", "epcis:action>"))
    assert found(raw) == ("reject", [("WRONG_NAMESPACE", "/action")])
