"""Parameters of SimpleEventQuery: what each comes to, and as SQL."""

import re
from typing import Any

import pytest

from ledger.core.epcis.conditions import (
    AtTime,
    Comparison,
    Field,
    HasAttribute,
    HasField,
    HasNumber,
    HasTerm,
    Moment,
    NamesClass,
    NamesItem,
    Within,
)  # fmt: skip
from ledger.core.epcis.given import QueryParameterError
from ledger.core.epcis.query import (
    MAX_PARAMETERS,
    MAX_VALUES,
    Query,
    QueryTooComplexError,
    parse_extensions,
    parse_query,
    parse_query_string,
    split_query_string,
)  # fmt: skip
from ledger.core.epcis.query_parameters import FIXED
from ledger.core.epcis.query_shapes import verify_shapes
from ledger.service.query_ports import Cursor
from ledger.store.query_sql import count_events, find_events, in_log_order

GTIN_PATH = "/01/04012345111118"
LOADING = "https%3A%2F%2Fref.gs1.org%2Fcbv%2FBizStep-loading"
PLACE = "/414/4012345000016"
VALUES: dict[str, str] = {
    "eventType": "ObjectEvent", "EQ_action": "ADD", "EQ_bizStep": "packing",
    "EQ_disposition": "active", "EQ_persistentDisposition_set": "active",
    "EQ_persistentDisposition_unset": "active", "EQ_errorReason": "did_not_occur",
    "EQ_hexBinaryValue": "A0", "EQ_booleanValue": "true", "EQ_type": "Temperature",
}  # fmt: skip
NUMERIC = re.compile(
    r"(EQ|GT|GE|LT|LE)_(quantity|value_|minValue_|maxValue_|meanValue_|percValue_|sDev_|percRank"
    r"|.*gs1:x$)"
)
FAMILIES = [
    *(f"{way}_{name}_CEL" for way in ("EQ", "GT", "GE", "LT", "LE")
      for name in ("value", "minValue", "maxValue", "meanValue", "percValue", "sDev", "quantity")),
    *(f"{way}_{inner}{section}gs1:x" for way in ("EQ", "GT", "GE", "LT", "LE", "EXISTS")
      for inner in ("", "INNER_")
      for section in ("", "ILMD_", "ERROR_DECLARATION_", "SENSORELEMENT_", "SENSORMETADATA_",
                      "SENSORREPORT_", "readPoint_", "bizLocation_")),
    "EQ_bizTransaction_po", "EQ_source_location", "EQ_destination_https://example.org/kind",
    "HASATTR_readPoint", "HASATTR_gs1:x", "EQATTR_bizLocation_cbvmda:site", "EQ_ATTR_gs1:x_name",
]  # fmt: skip


def value_of(name: str) -> str:
    if name in VALUES:
        return VALUES[name]
    if name.startswith("EXISTS_"):
        return "true"
    if re.search(r"[tT]ime$", name):
        return "2026-01-01T00:00:00Z"
    if re.match(
        r"(EQ|GT|GE|LT|LE)_(.*_)?(quantity|value_|minValue_|maxValue_|meanValue_|percValue_|sDev_|percRank|gs1:x$)",
        name,
    ):
        return "4"
    return "urn:epc:id:sgln:4012345.00001.0"


def one(raw: str, **bound: str) -> Any:  # noqa: ANN401 -- any condition
    query = parse_query_string(split_query_string(raw), parse_extensions(
        ",".join(f"{prefix}={namespace}" for prefix, namespace in bound.items())))  # fmt: skip
    (condition,) = query.conditions
    return condition


@pytest.mark.parametrize("name", [*FIXED, *FAMILIES])
def test_every_parameter_becomes_a_condition_and_sql(name: str) -> None:
    query = parse_query_string({name: [value_of(name)]})
    assert len(query.conditions) == 1
    cursor = Cursor((), 5, 9)
    for statement, values in (
        find_events(query, 31, None),
        find_events(query, 31, cursor),
        count_events(query, 10),
        in_log_order(query, 0, 10, 31, 1000),
    ):
        assert statement.count("%s") == len(values)
        assert value_of(name) not in statement or value_of(name) in {"4", "true"}


@pytest.mark.parametrize("name", [*FIXED, *FAMILIES])
def test_json_and_url_mean_the_same(name: str) -> None:
    value: Any = value_of(name)
    in_url = parse_query_string({name: [value]})
    value = {"true": True, "4": 4}.get(value, value)
    assert parse_query({name: value}) == in_url
    assert parse_query({name: [value]}) == in_url


@pytest.mark.parametrize(
    ("raw", "condition"),
    [
        ("eventType=epcis:ObjectEvent,AssociationEvent",
         HasField(Field.EVENT_TYPE, ("ObjectEvent", "AssociationEvent"))),
        (f"EQ_bizStep=shipping|urn:epcglobal:cbv:bizstep:packing&EQ_bizStep={LOADING}",
         HasField(Field.BIZ_STEP, ("shipping", "packing", "loading"))),
        ("EQ_readPoint=https://example.com/414/4012345000016?x=1",
         HasField(Field.READ_POINT, (PLACE,))),
        ("WD_bizLocation=urn:epc:id:sgln:4012345.00001.0", Within(Field.BIZ_LOCATION, (PLACE,))),
        ("GE_recordTime=2026-01-01T01:00:00%2B01:00",
         AtTime(Moment.RECORD_TIME, Comparison.GE, 1_767_225_600_000)),
        ("GT_value_FAH=39.2", HasNumber("value/temperature", Comparison.GT, (277.15,))),
        ("LE_sDev_FAH=1.8", HasNumber("sDev/temperature", Comparison.LE, (1.0,))),
        ("EQ_value_LBR=1|2", HasNumber("value/mass", Comparison.EQ, (0.45359237, 0.90718474))),
        ("GE_value_XYZ=7", HasNumber("value/XYZ", Comparison.GE, (7.0,))),
        ("EQ_quantity=5", HasNumber("quantity", Comparison.EQ, (5.0,))),
        ("MATCH_epc=urn:epc:id:sgtin:4012345.011111.9", NamesItem((0, 2), (f"{GTIN_PATH}/21/9",))),
        ("MATCH_epcClass=urn:epc:idpat:sgtin:4012345.011111.*",
         NamesClass(("epcClass",), (GTIN_PATH,))),
        ("EQ_stringValue=a,b", HasTerm(("stringValue=a,b",))),
        ("EQ_stringValue=a%7Cb", HasTerm(("stringValue=a", "stringValue=b"))),
        ("EQ_ILMD_cbvmda:lotNumber=007", HasTerm(("ILMD_urn:epcglobal:cbv:mda#lotNumber=007",))),
        ("EQ_gs1:x=3.10", HasTerm(("https://gs1.org/voc#x=3.10", "https://gs1.org/voc#x=3.1"))),
        ("EQ_gs1:x=2026-01-01T00:00:00Z", HasTerm(
            ("https://gs1.org/voc#x=2026-01-01T00:00:00Z", "https://gs1.org/voc#x=@1767225600000"))),
        ("GT_gs1:x=2026-01-01T00:00:00Z",
         HasNumber("https://gs1.org/voc#x@", Comparison.GT, (1_767_225_600_000.0,))),
        ("EXISTS_INNER_ILMD_gs1:x=", HasTerm(("INNER_ILMD_https://gs1.org/voc#x",))),
        ("EQ_bizTransaction_urn:epcglobal:cbv:btt:po=urn:x:1",
         HasTerm(("bizTransaction/po=uri:urn:x:1",))),
        ("EQ_ATTR_readPoint_cbvmda:site=1",
         HasAttribute(Field.READ_POINT, ("urn:epcglobal:cbv:mda#site=1",))),
    ],
)  # fmt: skip
def test_spellings_of_a_value_come_to_one(raw: str, condition: object) -> None:
    assert one(raw) == condition


@pytest.mark.parametrize(
    "name",
    ["ex:x", "http://example.org/voc#x", "http://example.org/voc/x",
     "http%3A%2F%2Fexample.org%2Fvoc%2F%23x"],
)  # fmt: skip
def test_an_extension_has_one_name_however_it_is_written(name: str) -> None:
    assert one(f"EQ_{name}=1", ex="http://example.org/voc/") == HasTerm(
        ("http://example.org/voc#x=1",)
    )


def test_a_context_in_json_binds_prefixes() -> None:
    query = parse_query({"@context": [{"ex": "http://example.org/voc/"}], "EQ_ex:x": "1"})
    assert query.conditions == (HasTerm(("http://example.org/voc#x=1",)),)


@pytest.mark.parametrize(
    ("raw", "name"),
    [
        ("LT_action=ADD", "LT_action"),
        ("GT_eventTime=2026-01-01T00:00:00Z", "GT_eventTime"),
        ("EQ_value=4", "EQ_value"),
        ("EQ_value_celsius=4", "EQ_value_celsius"),
        ("EQ_bizTransaction_unheard=urn:x:1", "EQ_bizTransaction_unheard"),
        ("EQ_ex:x=1", "EQ_ex:x"),
        ("GT_gs1:x=big", "GT_gs1:x"),
        ("GT_quantity=1|2", "GT_quantity"),
        ("GE_eventTime=1969-12-31T23:59:59Z", "GE_eventTime"),
        ("EQ_hexBinaryValue=F", "EQ_hexBinaryValue"),
        ("EQ_booleanValue=1", "EQ_booleanValue"),
        ("eventType=Happening", "eventType"),
        ("EQ_eventID=", "EQ_eventID"),
        ("HASATTR_readPoint_x=1", "HASATTR_readPoint_x"),
        ("MATCH_epc=4012345", "MATCH_epc"),
        ("MATCH_epc=urn:epc:idpat:sgtin:4012345.*.5", "MATCH_epc"),
        ("MATCH_epc=urn:epc:idpat:sgtin:40.*.*", "MATCH_epc"),
        ("orderBy=ex:x", "orderBy"),
        ("eventCountLimit=1.5&orderBy=eventTime", "eventCountLimit"),
        ("=1", ""),
    ],
)
def test_what_is_no_parameter_or_no_value_is_named(raw: str, name: str) -> None:
    with pytest.raises(QueryParameterError) as caught:
        parse_query_string(split_query_string(raw))
    assert caught.value.field == name


@pytest.mark.parametrize(
    ("pattern", "identifier"),
    [
        ("sgtin:4012345.011111.Z1", "id:sgtin:4012345.011111.Z1"),
        ("sgtin:4012345.011111.Z.1", "id:sgtin:4012345.011111.Z.1"),
        ("sscc:0614141.1234567890", "id:sscc:0614141.1234567890"),
        ("lgtin:4012345.011111.L1", "class:lgtin:4012345.011111.L1"),
        ("upui:4012345.011111.U1", "id:upui:4012345.011111.U1"),
        ("sgln:4012345.00001.0", "id:sgln:4012345.00001.0"),
        ("pgln:4012345.00001", "id:pgln:4012345.00001"),
        ("grai:4012345.12345.400", "id:grai:4012345.12345.400"),
        ("giai:4012345.A1", "id:giai:4012345.A1"),
        ("gsrn:4012345.1234567890", "id:gsrn:4012345.1234567890"),
        ("gsrnp:4012345.1234567890", "id:gsrnp:4012345.1234567890"),
        ("gdti:4012345.12345.006", "id:gdti:4012345.12345.006"),
        ("sgcn:4012345.12345.006", "id:sgcn:4012345.12345.006"),
        ("cpi:4012345.A1.7", "id:cpi:4012345.A1.7"),
        ("itip:4012345.011111.01.02.7", "id:itip:4012345.011111.01.02.7"),
        ("gsin:4012345.123456789", "id:gsin:4012345.123456789"),
        ("ginc:4012345.xyz", "id:ginc:4012345.xyz"),
        ("gid:95100000.12345.400", "id:gid:95100000.12345.400"),
        ("usdod:2S194.12345678901", "id:usdod:2S194.12345678901"),
    ],
)
def test_a_pattern_that_leaves_nothing_open_is_its_identifier(
    pattern: str, identifier: str
) -> None:
    for name in ("MATCH_epc", "MATCH_anyEPCClass"):
        found = one(f"{name}=urn:epc:idpat:{pattern}")
        assert found == one(f"{name}=urn:epc:{identifier}")
        assert found.paths[0].startswith("/") or pattern.startswith(("gid:", "usdod:"))


JSON_TYPES: dict[str, tuple[list[Any], list[Any]]] = {
    "EQ_bizStep": ([["shipping"], []], ["shipping", [1], None, {}]),
    "MATCH_epc": ([["urn:epc:id:gid:1.2.3"]], ["urn:epc:id:gid:1.2.3"]),
    "eventType": ([["ObjectEvent"]], ["ObjectEvent"]),
    "maxEventCount": ([5, 5.0], ["5", [5], True, 5.5, None]),
    "eventCountLimit": ([5], ["5"]),
    "orderBy": (["eventTime"], [["eventTime"], 1]),
    "orderDirection": (["ASC"], [["ASC"]]),
    "GE_eventTime": (["2026-01-01T00:00:00Z"], [["2026-01-01T00:00:00Z"], 1]),
    "LT_errorDeclaration_Time": (["2026-01-01T00:00:00Z"], [1]),
    "EXISTS_errorDeclaration": ([None, 1, True], ["true", [1]]),
    "EXISTS_ILMD_gs1:x": ([None], ["1"]),
    "EQ_booleanValue": ([True], ["true", 1]),
    "EQ_stringValue": ([["a"]], ["a"]),
    "EQ_hexBinaryValue": ([["A0"]], ["A0"]),
    "EQ_quantity": ([[5, 1.5]], [5, ["5"], "5"]),
    "EQ_value_CEL": ([[4]], [4, ["4"]]),
    "GT_value_CEL": ([4], ["4", [4], True]),
    "LE_percRank": ([4.5], ["4.5"]),
    "EQ_gs1:x": ([["a"], 4, "2026-01-01T00:00:00Z"], ["a", [4], True]),
    "GT_ILMD_gs1:x": ([4, "2026-01-01T00:00:00Z"], ["a", [4]]),
    "EQ_bizTransaction_urn:epcglobal:cbv:btt:po": ([["urn:x:1"]], ["urn:x:1", 4]),
    "HASATTR_readPoint": ([["cbvmda:site"]], ["cbvmda:site"]),
    "EQATTR_readPoint_cbvmda:site": ([["1"]], ["x"]),
}


@pytest.mark.parametrize("name", JSON_TYPES)
def test_posted_json_has_the_types_of_the_query_schema(name: str) -> None:
    taken, refused = JSON_TYPES[name]
    for value in taken:
        verify_shapes({"@context": {"gs1": "https://gs1.org/voc/"}, name: value})
    for value in refused:
        with pytest.raises(QueryParameterError, match="query-schema") as caught:
            verify_shapes({name: value})
        assert (caught.value.field, caught.value.value) == (name, value)


@pytest.mark.parametrize("name", [*FIXED, *FAMILIES, "orderBy", "maxEventCount"])
def test_every_parameter_has_one_json_type_that_it_takes(name: str) -> None:
    text = "eventTime" if name == "orderBy" else value_of(name)
    taken = 0
    for value in (text, 4, True, [text], [4]):
        members: dict[str, Any] = {name: value}
        try:
            verify_shapes(members)
            parse_query(members)
        except QueryParameterError:
            continue
        taken += 1
    # A number and a time are two of an extension's types.
    assert 1 <= taken <= 2


@pytest.mark.parametrize("value", [None, {}, [[]], [None], "", 5, True])
def test_json_of_another_shape_is_refused(value: Any) -> None:  # noqa: ANN401 -- any JSON
    with pytest.raises(QueryParameterError):
        parse_query({"EQ_bizStep": value})


def test_nothing_asked_is_nothing_refused() -> None:
    assert parse_query_string({}) == Query()
    assert parse_query({"EXISTS_errorDeclaration": False}) == Query()


def test_controls_are_no_conditions() -> None:
    raw = "orderBy=recordTime&orderDirection=ASC&eventCountLimit=5"
    assert parse_query_string(split_query_string(raw)) == Query(
        order_by=Moment.RECORD_TIME, descending=False, event_count_limit=5
    )
    assert parse_query({"maxEventCount": 7}).max_event_count == 7
    assert parse_query({"orderBy": "gs1:x"}).order_by == "https://gs1.org/voc#x"


def test_limits_are_named() -> None:
    many = {f"EQ_gs1:x{i}": ["1"] for i in range(MAX_PARAMETERS)}
    assert len(parse_query_string(many).conditions) == MAX_PARAMETERS
    with pytest.raises(QueryTooComplexError, match=f"{MAX_PARAMETERS} parameters"):
        parse_query_string({**many, "EQ_action": ["ADD"]})
    ids = [f"urn:x:{i}" for i in range(MAX_VALUES)]
    parse_query_string({"EQ_eventID": ids})
    with pytest.raises(QueryTooComplexError, match=f"{MAX_VALUES} values"):
        parse_query_string({"EQ_eventID": [*ids, "urn:x:0"]})


@pytest.mark.parametrize(
    "order", [None, Moment.EVENT_TIME, Moment.RECORD_TIME, "https://gs1.org/voc#x"]
)
def test_a_cursor_goes_on_in_the_order_of_its_query(order: Moment | str | None) -> None:
    query = Query(order_by=order)
    length = {None: 0, Moment.RECORD_TIME: 0, Moment.EVENT_TIME: 1}.get(order, 2)  # type: ignore[arg-type]
    key = (1.5, "x")[:length]
    statement, values = find_events(query, 31, Cursor(key, 5, 9))
    assert statement.count("%s") == len(values)
    with pytest.raises(ValueError, match="another order"):
        find_events(query, 31, Cursor((*key, 1), 5, 9))
