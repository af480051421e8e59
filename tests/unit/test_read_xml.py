"""XML of both versions becomes the JSON that a JSON sender would have written."""

import resource
from typing import Any

import pytest

from ledger.core.epcis.document import STANDARD_CONTEXT, Document, Format, Kind
from ledger.core.epcis.finding import Severity
from ledger.core.epcis.read import read_document
from ledger.core.epcis.read_xml import Head, stream_events
from ledger.core.jcs import canonical_json
from tests.epcis_xml import BASE, EPC, EPCIS, document, observed


def read(events: str, version: str = "2.0", **more: str) -> Document:
    return read_document(document(events, version, **more))


def event(events: str, version: str = "2.0") -> dict[str, Any]:
    (one,) = read(events, version).events
    return one


def codes(found: Document) -> list[tuple[str, str]]:
    return [(one.code, one.pointer) for one in found.findings]


def test_an_event_has_the_members_of_its_json_twin() -> None:
    found = read(
        observed(
            "<bizStep>urn:epcglobal:cbv:bizstep:shipping</bizStep>"
            "<disposition>https://ref.gs1.org/cbv/Disp-in_transit</disposition>"
            "<readPoint><id>urn:epc:id:sgln:4012345.00005.0</id></readPoint>"
            '<bizTransactionList><bizTransaction type="urn:epcglobal:cbv:btt:po">urn:x:1'
            "</bizTransaction></bizTransactionList><quantityList><quantityElement>"
            "<epcClass>urn:epc:class:lgtin:4012345.011111.4444</epcClass><quantity>10.0</quantity>"
            "<uom>KGM</uom></quantityElement></quantityList>"
            '<sourceList><source type="urn:epcglobal:cbv:sdt:owning_party">urn:x:2</source>'
            "</sourceList>"
            "<persistentDisposition><unset>urn:epcglobal:cbv:disp:completeness_inferred</unset>"
            "<set>urn:epcglobal:cbv:disp:completeness_verified</set></persistentDisposition>"
        )
    )
    assert found.findings == []
    assert (found.format, found.kind) == (Format.XML_20, Kind.CAPTURE)
    assert found.pointers == ["/epcisBody/eventList/0"]
    assert found.lines == [1]
    assert found.events == [
        {
            "type": "ObjectEvent",
            "eventTime": "2026-01-02T03:04:05Z",
            "eventTimeZoneOffset": "+00:00",
            "epcList": [EPC],
            "action": "OBSERVE",
            "bizStep": "shipping",
            "disposition": "in_transit",
            "readPoint": {"id": "urn:epc:id:sgln:4012345.00005.0"},
            "bizTransactionList": [{"type": "po", "bizTransaction": "urn:x:1"}],
            "quantityList": [
                {
                    "epcClass": "urn:epc:class:lgtin:4012345.011111.4444",
                    "quantity": 10,
                    "uom": "KGM",
                }
            ],
            "sourceList": [{"type": "owning_party", "source": "urn:x:2"}],
            "persistentDisposition": {
                "unset": ["completeness_inferred"],
                "set": ["completeness_verified"],
            },
            "@context": [STANDARD_CONTEXT],
        }
    ]
    assert found.members == {
        "@context": [STANDARD_CONTEXT],
        "type": "EPCISDocument",
        "schemaVersion": "2.0",
        "creationDate": "2026-01-02T03:04:06Z",
        "epcisBody": {},
    }


def test_version_1_2_hides_its_members_in_extensions() -> None:
    old = (
        f"<ObjectEvent><eventTime>2026-01-02T03:04:05Z</eventTime>"
        "<eventTimeZoneOffset>+00:00</eventTimeZoneOffset><baseExtension>"
        "<eventID>urn:uuid:1</eventID><errorDeclaration>"
        "<declarationTime>2026-01-03T03:04:05Z</declarationTime>"
        "<reason>urn:epcglobal:cbv:er:did_not_occur</reason><correctiveEventIDs>"
        "<correctiveEventID>urn:uuid:2</correctiveEventID></correctiveEventIDs>"
        "</errorDeclaration></baseExtension><epcList/><action>ADD</action><extension>"
        "<quantityList><quantityElement><epcClass>urn:x:c</epcClass></quantityElement>"
        '</quantityList><ilmd><m:lot xmlns:m="urn:m">7</m:lot></ilmd></extension></ObjectEvent>'
        f"<extension><TransformationEvent>{BASE}<inputEPCList><epc>{EPC}</epc></inputEPCList>"
        "</TransformationEvent></extension>"
    )
    found = read(old, "1.2")
    assert found.findings == []
    assert found.format is Format.XML_12
    first, second = found.events
    assert first == {
        "type": "ObjectEvent",
        "eventTime": "2026-01-02T03:04:05Z",
        "eventTimeZoneOffset": "+00:00",
        "eventID": "urn:uuid:1",
        "errorDeclaration": {
            "declarationTime": "2026-01-03T03:04:05Z",
            "reason": "did_not_occur",
            "correctiveEventIDs": ["urn:uuid:2"],
        },
        "action": "ADD",
        "quantityList": [{"epcClass": "urn:x:c"}],
        "ilmd": {"m:lot": "7"},
        "@context": [STANDARD_CONTEXT, {"m": "urn:m"}],
    }
    assert (second["type"], second["inputEPCList"]) == ("TransformationEvent", [EPC])


def test_a_quantity_event_becomes_what_replaced_it() -> None:
    found = read(
        f"<QuantityEvent>{BASE}<epcClass>urn:x:c</epcClass><quantity>7</quantity></QuantityEvent>",
        "1.2",
    )
    assert found.events[0]["type"] == "ObjectEvent"
    assert found.events[0]["action"] == "OBSERVE"
    assert found.events[0]["quantityList"] == [{"epcClass": "urn:x:c", "quantity": 7}]
    assert codes(found) == [("QUANTITY_EVENT", "/epcisBody/eventList/0")]


def test_sensor_values_are_numbers_words_and_booleans() -> None:
    found = read(
        observed(
            '<sensorElementList><sensorElement><sensorMetadata time="2026-01-02T03:04:05Z"'
            ' e:more="m"/><sensorReport type="gs1:Temperature" value="26.0" minValue="1E-2"'
            ' component="cbv:Comp-latitude" exception="gs1:ALARM_CONDITION" booleanValue="1"'
            ' stringValue=" s "/><sensorReport type="e:Mine"/></sensorElement></sensorElementList>',
            ' xmlns:e="urn:e"',
        )
    )
    assert found.findings == []
    assert found.events[0]["sensorElementList"] == [
        {
            "sensorMetadata": {"time": "2026-01-02T03:04:05Z", "e:more": "m"},
            "sensorReport": [
                {
                    "type": "Temperature",
                    "value": 26,
                    "minValue": 0.01,
                    "component": "latitude",
                    "exception": "ALARM_CONDITION",
                    "booleanValue": True,
                    "stringValue": " s ",
                },
                {"type": "e:Mine"},
            ],
        }
    ]
    assert found.events[0]["@context"] == [STANDARD_CONTEXT, {"e": "urn:e"}]


@pytest.mark.parametrize(
    ("written", "value"),
    [
        ("<e:a>007</e:a>", "007"),
        ("<e:a> x\n</e:a>", "x"),
        ('<e:a xml:space="preserve"> x\n</e:a>', " x\n"),
        ("<e:a/>", ""),
        ('<e:a xsi:nil="true"/>', None),
        ('<e:a xsi:type="xsd:integer">007</e:a>', 7),
        ('<e:a xsi:type="xsd:double">2.50</e:a>', 2.5),
        ('<e:a xsi:type="xsd:boolean">1</e:a>', True),
        ('<e:a xsi:type="xsd:string">1</e:a>', "1"),
        ("<e:a>1</e:a><e:a>2</e:a>", ["1", "2"]),
        ("<e:a><e:b>1</e:b><c>2</c></e:a>", {"e:b": "1", "c": "2"}),
        ('<e:a unit="KGM">3</e:a>', {"@unit": "KGM", "#text": "3"}),
        ('<e:a e:unit="KGM" xml:lang="de"/>', {"@e:unit": "KGM", "@xml:lang": "de"}),
        ("<e:a><![CDATA[<&>]]></e:a>", "<&>"),
        ("<e:a>a<!-- no -->b<?no?>c</e:a>", "abc"),
    ],
)
def test_an_extension_becomes_a_member(written: str, value: object) -> None:
    found = read(
        observed(
            written,
            ' xmlns:e="urn:e" xmlns:xsi="http://www.w3.org/2001/XMLSchema-instance"'
            ' xmlns:xsd="http://www.w3.org/2001/XMLSchema" xsi:schemaLocation="urn:e never.xsd"',
        )
    )
    assert [one for one in found.findings if one.severity is Severity.ERROR] == []
    assert found.events[0]["e:a"] == value
    assert found.events[0]["@context"] == [STANDARD_CONTEXT, {"e": "urn:e"}]


def test_one_namespace_has_one_prefix_and_a_taken_prefix_a_number() -> None:
    found = event(
        observed(
            '<a:x xmlns:a="urn:1">1</a:x><b:y xmlns:b="urn:1">2</b:y><a:z xmlns:a="urn:2">3</a:z>'
            '<w xmlns="urn:3">4</w><gs1:v xmlns:gs1="urn:4">5</gs1:v>'
            '<m:lotNumber xmlns:m="urn:epcglobal:cbv:mda">6</m:lotNumber>'
        )
    )
    assert found["@context"] == [
        STANDARD_CONTEXT,
        {"a": "urn:1", "a2": "urn:2", "gs12": "urn:4", "ns": "urn:3"},
    ]
    names = ("a:x", "a:y", "a2:z", "ns:w", "gs12:v", "cbvmda:lotNumber")
    assert [found[name] for name in names] == ["1", "2", "3", "4", "5", "6"]


def test_what_has_no_namespace_and_no_rule_is_kept_and_said() -> None:
    found = read(observed("<extension><extension><x>1</x></extension></extension>"), "1.2")
    assert found.events[0]["local:x"] == "1"
    assert [(one.code, one.severity) for one in found.findings] == [("ELEMENT_KEPT", Severity.LOW)]


SBDH = (
    '<EPCISHeader><s:StandardBusinessDocumentHeader xmlns:s="http://www.unece.org/cefact/'
    'namespaces/StandardBusinessDocumentHeader"><s:HeaderVersion>1.0</s:HeaderVersion><s:Sender>'
    '<s:Identifier Authority="GS1">urn:s</s:Identifier></s:Sender><s:Receiver>'
    '<s:Identifier Authority="GS1">urn:r</s:Identifier></s:Receiver><s:DocumentIdentification>'
    "<s:Standard>EPCglobal</s:Standard><s:TypeVersion>1.0</s:TypeVersion>"
    "<s:InstanceIdentifier>9</s:InstanceIdentifier><s:Type>Events</s:Type>"
    "<s:CreationDateAndTime>2026-01-02T03:04:06Z</s:CreationDateAndTime>"
    "</s:DocumentIdentification></s:StandardBusinessDocumentHeader><extension><EPCISMasterData>"
    '<VocabularyList><Vocabulary type="urn:v"><VocabularyElementList><VocabularyElement id="urn:e">'
    '<attribute id="urn:a">1</attribute><attribute id="urn:b"><o:c xmlns:o="urn:o">2</o:c>'
    "</attribute><children><id>urn:k</id></children></VocabularyElement></VocabularyElementList>"
    "</Vocabulary></VocabularyList></EPCISMasterData></extension></EPCISHeader>"
)


@pytest.mark.parametrize("version", EPCIS)
def test_header_and_master_data_become_members(version: str) -> None:
    found = read(observed(), version, header=SBDH)
    assert found.findings == []
    members = found.members
    assert [members[n] for n in ("sender", "receiver", "instanceIdentifier")] == [
        "urn:s",
        "urn:r",
        "9",
    ]
    assert members["epcisHeader"] == {
        "epcisMasterData": {
            "vocabularyList": [
                {
                    "type": "urn:v",
                    "vocabularyElementList": [
                        {
                            "id": "urn:e",
                            "attributes": [
                                {"id": "urn:a", "attribute": "1"},
                                {"id": "urn:b", "attribute": {"o:c": "2"}},
                            ],
                            "children": ["urn:k"],
                        }
                    ],
                }
            ]
        }
    }


def test_what_the_header_says_beyond_three_members_is_kept() -> None:
    header = SBDH.replace("<s:Type>Events", "<s:Type>Other")
    members = read(observed(), header=header).members
    kept: Any = members["epcisHeader"]
    identification = kept["s:StandardBusinessDocumentHeader"]["s:DocumentIdentification"]
    assert identification["s:Type"] == "Other"
    assert members["@context"] == [
        STANDARD_CONTEXT,
        {
            "o": "urn:o",
            "s": "http://www.unece.org/cefact/namespaces/StandardBusinessDocumentHeader",
        },
    ]


def test_a_query_document_keeps_its_query() -> None:
    raw = (
        '<q:EPCISQueryDocument xmlns:q="urn:epcglobal:epcis-query:xsd:2" schemaVersion="2.0"'
        ' creationDate="2026-01-02T03:04:06Z"><EPCISBody><q:QueryResults><queryName>N</queryName>'
        "<subscriptionID>S</subscriptionID><resultsBody><EventList>" + observed() + "</EventList>"
        "</resultsBody></q:QueryResults></EPCISBody></q:EPCISQueryDocument>"
    )
    found = read_document(raw.encode())
    assert (found.kind, found.findings) == (Kind.QUERY, [])
    assert found.pointers == ["/epcisBody/queryResults/resultsBody/eventList/0"]
    assert found.members["epcisBody"] == {
        "queryResults": {"queryName": "N", "subscriptionID": "S", "resultsBody": {}}
    }


def test_a_bare_event_is_read_whatever_its_namespace() -> None:
    plain = observed().replace("<ObjectEvent>", '<ObjectEvent schemaVersion="2.0">')
    assert codes(found := read_document(plain.encode())) == []
    assert (found.kind, found.members, found.pointers) == (Kind.EVENT, {}, [""])
    qualified = observed(attributes=f' xmlns="{EPCIS["1.2"]}"')
    assert (found := read_document(qualified.encode())).format is Format.XML_12
    assert found.events[0]["epcList"] == [EPC]


@pytest.mark.parametrize(
    ("events", "code", "pointer"),
    [
        (observed("<bizStep>urn:a:b</bizStep><action>ADD</action>"), "WRONG_ORDER", "action"),
        (observed("<nothing/>"), "UNKNOWN_ELEMENT", "nothing"),
        (observed("<bizStep>urn:a:b</bizStep>" * 2), "REPEATED_ELEMENT", "bizStep"),
        (observed("<bizStep>1:2</bizStep>"), "INVALID_VALUE", "bizStep"),
        (observed('<bizStep x="1">urn:a:b</bizStep>'), "UNKNOWN_ATTRIBUTE", "bizStep"),
        (observed("<sourceList><source>urn:a:b</source></sourceList>"),
         "MISSING_ATTRIBUTE", "sourceList/0"),
        (observed("text"), "UNEXPECTED_TEXT", ""),
        (observed().replace("OBSERVE", "SEE"), "INVALID_ACTION", "action"),
        (f"<ObjectEvent>{BASE}<action>ADD</action><epcList/></ObjectEvent>",
         "WRONG_ORDER", "epcList"),
        (observed("<parentID>urn:a:b</parentID>"), "MISPLACED_MEMBER", "parentID"),
        (observed().replace("-02T", "-32T"), "INVALID_VALUE", "eventTime"),
        ("<QuantityEvent/>", "UNKNOWN_ELEMENT", ""),
        (observed("<quantityList><quantityElement><epcClass>urn:a:b</epcClass><uom>KGM</uom>"
                  "</quantityElement></quantityList>"),
         "UOM_WITHOUT_QUANTITY", "quantityList/0/uom"),
    ],
)  # fmt: skip
def test_a_fault_of_structure_is_an_error_at_its_place(
    events: str, code: str, pointer: str
) -> None:
    found = read(events)
    errors = {(o.code, o.pointer, o.event) for o in found.findings if o.severity is Severity.ERROR}
    at = "/epcisBody/eventList/0" + (f"/{pointer}" if pointer else "")
    assert (code, at, 0) in errors


def test_what_is_no_event_is_an_error_of_the_document_and_takes_no_place() -> None:
    strange = "<extension><x:Event xmlns:x='urn:x'/></extension><foo/>"
    found = read(strange + observed() + strange + observed("<bizStep>1:2</bizStep>"))
    assert found.pointers == ["/epcisBody/eventList/0", "/epcisBody/eventList/1"]
    told = [(one.code, one.event) for one in found.findings]
    unknown = [
        ("UNKNOWN_EVENT_TYPE", None),
        ("UNKNOWN_ELEMENT", None),
        ("UNKNOWN_EVENT_TYPE", None),
    ]
    assert told == [*unknown, *unknown, ("INVALID_VALUE", 1)]


def test_numbers_that_json_has_not_are_told() -> None:
    def quantity(text: str) -> Document:
        return read(
            observed(
                "<quantityList><quantityElement><epcClass>urn:a:b</epcClass>"
                f"<quantity>{text}</quantity></quantityElement></quantityList>"
            )
        )

    assert codes(quantity("0.1")) == []
    (rounded,) = quantity("0.10000000000000000001").findings
    assert (rounded.code, rounded.severity) == ("VALUE_ROUNDED", Severity.LOW)
    (refused,) = quantity("9007199254740993").findings
    assert (refused.code, refused.severity) == ("VALUE_NOT_CARRIED", Severity.ERROR)


def test_what_json_has_no_place_for_is_told() -> None:
    raw = document(observed(), header='<EPCISHeader><extension x="1"/></EPCISHeader>')
    raw = raw.replace(b"<EventList>", b'<EventList y="2">').replace(
        b"<EPCISBody>", b'<EPCISBody z="3">'
    )
    raw = raw.replace(b"</epcList>", b'<e:epc xmlns:e="urn:e"/></epcList>')
    found = read_document(raw)
    assert found.members["epcisBody"] == {"@z": "3"}
    lost = {(o.pointer, o.value) for o in found.findings if o.code == "ELEMENT_NOT_CARRIED"}
    assert lost == {
        ("/epcisHeader", "@x"),
        ("/epcisBody/eventList", "@y"),
        ("/epcisBody/eventList/0/epcList", "{urn:e}epc"),
    }


def test_the_same_bytes_give_the_same_event() -> None:
    raw = document(observed('<b:y xmlns:b="urn:1">2</b:y><a:z xmlns:a="urn:2">3</a:z>'))
    assert canonical_json(read_document(raw).events[0]) == canonical_json(
        read_document(raw).events[0]
    )


def test_lines_are_those_of_the_bytes_even_far_down() -> None:
    events = "\n".join([observed()] * 3) + "\n" * 70_000 + observed()
    assert read(events).lines == [1, 2, 3, 70_003]


def test_memory_does_not_grow_with_the_number_of_events() -> None:
    def peak(count: int) -> int:
        raw = document(observed("<bizStep>urn:epcglobal:cbv:bizstep:shipping</bizStep>") * count)
        before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
        for _ in stream_events(raw, Head()):
            pass
        return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before

    peak(1_000)
    # kB, the bytes among them (3 MB); as a tree it would be some 40 MB.
    assert peak(9_000) < 12 * 1024
