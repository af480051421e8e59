"""DSCSA completeness: every fault alone is found by its name, and by no other."""

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from ledger.core.epcis.document import Format
from ledger.core.epcis.dscsa import check_dscsa
from ledger.core.epcis.dscsa_trade import CODES
from ledger.core.epcis.finding import DocumentFinding, Verdict, verdict
from ledger.core.epcis.read import read_document
from ledger.core.epcis.write import write_document
from tests.dscsa_shipment import (
    BUYER,
    CASE,
    FROM,
    PACK,
    PALLET,
    PLACE,
    PRODUCT,
    SELLER,
    TO,
    commissioned,
    element,
    event,
    packed,
    shipment,
    shipped,
)

VECTORS = Path(__file__).resolve().parents[1] / "vectors/dscsa"
EXPECTED = json.loads((VECTORS / "expected.json").read_text())
Mutation = Callable[[dict[str, Any]], object]


def events(document: dict[str, Any]) -> list[dict[str, Any]]:
    listed: list[dict[str, Any]] = document["epcisBody"]["eventList"]
    return listed


def header(document: dict[str, Any]) -> dict[str, Any]:
    found: dict[str, Any] = document["epcisHeader"]
    return found


def statement(document: dict[str, Any]) -> dict[str, Any]:
    found: dict[str, Any] = header(document)["gs1ushc:dscsaTransactionStatement"]
    return found


def vocabulary(document: dict[str, Any], position: int) -> list[dict[str, Any]]:
    listed = header(document)["epcisMasterData"]["vocabularyList"]
    elements: list[dict[str, Any]] = listed[position]["vocabularyElementList"]
    return elements


def without(position: int, name: str, attributes: dict[str, str], *lost: str) -> Mutation:
    """Take attributes from the master data of one product (0) or place (1)."""

    def mutate(document: dict[str, Any]) -> None:
        kept = {key: text for key, text in attributes.items() if key not in lost}
        elements = vocabulary(document, position)
        elements[:] = [element(name, kept) if one["id"] == name else one for one in elements]

    return mutate


def no_element(position: int, name: str) -> Mutation:
    def mutate(document: dict[str, Any]) -> None:
        elements = vocabulary(document, position)
        elements[:] = [one for one in elements if one["id"] != name]

    return mutate


def no_vocabulary(position: int) -> Mutation:
    return lambda document: header(document)["epcisMasterData"]["vocabularyList"].pop(position)


def decommissioned(time: str, items: list[str]) -> dict[str, Any]:
    return event(
        time, type="ObjectEvent", action="DELETE", bizStep="decommissioning", epcList=items
    )


def no_party(member: str, role: str) -> Mutation:
    def mutate(document: dict[str, Any]) -> None:
        listed = events(document)[6][member]
        listed[:] = [one for one in listed if one["type"] != role]

    return mutate


def at(position: int, time: str) -> Mutation:
    return lambda document: events(document)[position].update(eventTime=f"2023-03-27T{time}Z")


PACK_CLASS, CASE_CLASS = f"urn:epc:idpat:{PACK[11:]}*", f"urn:epc:idpat:{CASE[11:]}*"
FAULTS: dict[str, tuple[str, Mutation]] = {
    "no statement": (
        "MISSING_TRANSACTION_STATEMENT",
        lambda d: header(d).pop("gs1ushc:dscsaTransactionStatement"),
    ),
    "statement of a foreign namespace": (
        "MISSING_TRANSACTION_STATEMENT",
        lambda d: d["@context"][1].update(gs1ushc="https://other.example/ns"),
    ),
    "no header": (
        "MISSING_TRANSACTION_STATEMENT",
        lambda d: d.update(epcisHeader={"epcisMasterData": header(d)["epcisMasterData"]}),
    ),
    "statement denied": (
        "TRANSACTION_STATEMENT_NOT_AFFIRMED",
        lambda d: statement(d).update({"gs1ushc:affirmTransactionStatement": "false"}),
    ),
    "statement without affirmation": (
        "TRANSACTION_STATEMENT_NOT_AFFIRMED",
        lambda d: statement(d).pop("gs1ushc:affirmTransactionStatement"),
    ),
    "no legal notice": (
        "TRANSACTION_STATEMENT_NOT_AFFIRMED",
        lambda d: statement(d).pop("gs1ushc:legalNotice"),
    ),
    "no seller": ("MISSING_OWNING_PARTY", no_party("sourceList", "owning_party")),
    "no buyer": ("MISSING_OWNING_PARTY", no_party("destinationList", "owning_party")),
    "no place of the seller": ("MISSING_OWNING_PARTY", no_party("sourceList", "location")),
    "no place of the buyer": ("MISSING_OWNING_PARTY", no_party("destinationList", "location")),
    "no source list": ("MISSING_OWNING_PARTY", lambda d: events(d)[6].pop("sourceList")),
    "no destination list": ("MISSING_OWNING_PARTY", lambda d: events(d)[6].pop("destinationList")),
    "packs without lot": (
        "MISSING_LOT",
        lambda d: events(d)[0]["ilmd"].pop("cbvmda:lotNumber"),
    ),
    "cases with an empty lot": (
        "MISSING_LOT",
        lambda d: events(d)[1]["ilmd"].update({"cbvmda:lotNumber": " "}),
    ),
    "cases without expiry": (
        "MISSING_EXPIRY",
        lambda d: events(d)[1]["ilmd"].pop("cbvmda:itemExpirationDate"),
    ),
    "no NDC": (
        "MISSING_NDC",
        without(0, PACK_CLASS, PRODUCT, "additionalTradeItemIdentification"),
    ),
    "no type of the NDC": (
        "MISSING_NDC",
        without(0, CASE_CLASS, PRODUCT, "additionalTradeItemIdentificationTypeCode"),
    ),
    "NDC of another type": (
        "MISSING_NDC",
        without(
            0,
            PACK_CLASS,
            {**PRODUCT, "additionalTradeItemIdentificationTypeCode": "SUPPLIER_ASSIGNED"},
        ),
    ),
    **{
        f"packs of lot {text}": (
            "MISSING_LOT",
            lambda d, text=text: events(d)[0]["ilmd"].update({"cbvmda:lotNumber": text}),
        )
        for text in ("N/A", "none", "-", "Unknown")
    },
    **{
        f"cases that expire {text}": (
            "MISSING_EXPIRY",
            lambda d, text=text: events(d)[1]["ilmd"].update({"cbvmda:itemExpirationDate": text}),
        )
        for text in ("unknown", "2025-02-30", "2025-13-01", "25.03.2025", "2025-03", "n/a")
    },
    **{
        f"NDC {text}": (
            "MISSING_NDC",
            without(0, PACK_CLASS, {**PRODUCT, "additionalTradeItemIdentification": text}),
        )
        for text in ("n/a", "9999-9999-99", "0001-0123", "000-10123-45", "1234567890")
    },
    "no products": ("MISSING_PRODUCT_MASTER_DATA", no_vocabulary(0)),
    "no pack": ("MISSING_PRODUCT_MASTER_DATA", no_element(0, PACK_CLASS)),
    "no case": ("MISSING_PRODUCT_MASTER_DATA", no_element(0, CASE_CLASS)),
    **{
        f"product without {name}": (
            "MISSING_PRODUCT_MASTER_DATA",
            without(0, PACK_CLASS, PRODUCT, name),
        )
        for name in list(PRODUCT)[2:]
    },
    "seller and buyer are one": (
        "MISSING_OWNING_PARTY",
        lambda d: events(d)[6]["destinationList"][0].update(destination=SELLER),
    ),
    "seller and buyer are one in two spellings": (
        "MISSING_OWNING_PARTY",
        lambda d: events(d)[6]["destinationList"][0].update(
            destination="https://id.gs1.org/417/0300011111116"
        ),
    ),
    "no places": ("MISSING_PARTY_MASTER_DATA", no_vocabulary(1)),
    **{
        f"no master data of {place}": ("MISSING_PARTY_MASTER_DATA", no_element(1, place))
        for place in (SELLER, BUYER, FROM, TO)
    },
    **{
        f"buyer without {name}": (
            "MISSING_PARTY_MASTER_DATA",
            without(1, BUYER, PLACE, name),
        )
        for name in PLACE
    },
    "pallet not commissioned": ("SHIPPED_NOT_COMMISSIONED", lambda d: events(d).pop(4)),
    "cases not commissioned": ("SHIPPED_NOT_COMMISSIONED", lambda d: events(d).pop(1)),
    "one pack not commissioned": (
        "SHIPPED_NOT_COMMISSIONED",
        lambda d: events(d)[0]["epcList"].pop(),
    ),
    "one more pallet": (
        "SHIPPED_NOT_COMMISSIONED",
        lambda d: events(d)[6]["epcList"].append("urn:epc:id:sscc:030001.19999999999"),
    ),
    "pallet of unknown contents": ("SHIPPED_NOT_COMMISSIONED", lambda d: events(d).pop(5)),
    "pallet decommissioned before it is shipped": (
        "SHIPPED_NOT_COMMISSIONED",
        lambda d: events(d).insert(6, decommissioned("06:55:00", [PALLET])),
    ),
    "packs decommissioned before they are shipped": (
        "SHIPPED_NOT_COMMISSIONED",
        lambda d: events(d).append(decommissioned("06:55:00", [f"{PACK}11", f"{PACK}12"])),
    ),
    "pack decommissioned, recommissioned and decommissioned": (
        "SHIPPED_NOT_COMMISSIONED",
        lambda d: events(d).extend(
            [
                decommissioned("06:47:00", [f"{PACK}11"]),
                commissioned("06:48:00", [f"{PACK}11"]),
                decommissioned("06:49:00", [f"{PACK}11"]),
            ]
        ),
    ),
    "shipment voided": (
        "NO_SHIPPING_EVENT",
        lambda d: events(d).append({**shipped("08:00:00", [PALLET]), "bizStep": "void_shipping"}),
    ),
    "pack in two cases": (
        "MULTIPLE_PARENTS",
        lambda d: events(d)[3]["childEPCs"].append(f"{PACK}11"),
    ),
    "case in two pallets": (
        "MULTIPLE_PARENTS",
        lambda d: events(d).insert(6, packed("06:54:00", f"{CASE}2", [f"{CASE}1"])),
    ),
    "no references": (
        "MISSING_BIZ_TRANSACTION",
        lambda d: events(d)[6].pop("bizTransactionList"),
    ),
    "no order": (
        "MISSING_BIZ_TRANSACTION",
        lambda d: events(d)[6]["bizTransactionList"].pop(0),
    ),
    "no despatch advice": (
        "MISSING_BIZ_TRANSACTION",
        lambda d: events(d)[6]["bizTransactionList"].pop(1),
    ),
    "nothing shipped": ("NO_SHIPPING_EVENT", lambda d: events(d).pop(6)),
    "shipped before all": ("EVENTS_OUT_OF_ORDER", at(6, "06:00:00")),
    "shipped before the pallet was packed": ("EVENTS_OUT_OF_ORDER", at(6, "06:52:30")),
    "packed before commissioned": ("EVENTS_OUT_OF_ORDER", at(2, "06:30:00")),
    "parent commissioned after it was packed": ("EVENTS_OUT_OF_ORDER", at(4, "06:59:00")),
    "commissioned last": ("EVENTS_OUT_OF_ORDER", at(0, "08:00:00")),
}


def codes(raw: bytes) -> set[str]:
    return {finding.code for finding in check_dscsa(read_document(raw))}


def written(document: dict[str, Any], to: Format) -> bytes:
    raw = json.dumps(document).encode()
    return raw if to is Format.JSON else write_document(read_document(raw), to)[0]


def found(document: dict[str, Any]) -> list[DocumentFinding]:
    return check_dscsa(read_document(json.dumps(document).encode()))


@pytest.mark.parametrize("row", EXPECTED, ids=lambda row: row["file"])
def test_vector(row: dict[str, Any]) -> None:
    expected = {row["expect"]} if row["expect"] else set()
    assert codes((VECTORS / row["file"]).read_bytes()) == expected


def test_vectors_in_every_format() -> None:
    for row in EXPECTED:
        document = read_document((VECTORS / row["file"]).read_bytes())
        expected = {row["expect"]} if row["expect"] else set()
        for to in Format:
            assert codes(write_document(document, to)[0]) == expected, (row["file"], to)


@pytest.mark.parametrize("to", list(Format), ids=str)
def test_a_whole_shipment_has_no_finding(to: Format) -> None:
    assert codes(written(shipment(), to)) == set()


@pytest.mark.parametrize("to", list(Format), ids=str)
@pytest.mark.parametrize("name", list(FAULTS))
def test_fault(name: str, to: Format) -> None:
    code, mutate = FAULTS[name]
    document = shipment()
    mutate(document)
    assert codes(written(document, to)) == {code}


def test_every_code_has_its_fault() -> None:
    assert {code for code, _ in FAULTS.values()} == set(CODES)


def test_findings_say_where_and_by_which_rule() -> None:
    document = shipment()
    document["epcisBody"]["eventList"][1]["ilmd"].pop("cbvmda:lotNumber")
    finding = found(document)[0]
    assert (finding.pointer, finding.event) == ("/epcisBody/eventList/1/ilmd", 1)
    assert finding.value == "/01/10300010123452/21/1"
    assert finding.rule == "FD&C Act section 581(26)(G)"
    assert verdict([finding]) is Verdict.REJECT


def test_spellings_change_nothing() -> None:
    """Digital Links, other prefixes, other attribute spellings: the same shipment."""
    text = json.dumps(shipment())
    for old, new in (
        ('"urn:epc:id:sscc:030001.41234567890"', '"https://x.example/00/403000112345678901"'),
        ("gs1ushc", "hc"),
        ("urn:epcglobal:cbv:mda#", "cbvmda:"),
        ('"urn:epcglobal:cbv:mda"', '"urn:epcglobal:cbv:mda:"'),
        ('"shipping"', '"https://ref.gs1.org/cbv/BizStep-shipping"'),
        ('"owning_party"', '"urn:epcglobal:cbv:sdt:owning_party"'),
        ('"desadv"', '"cbv:BTT-desadv"'),
        (
            '"source": "urn:epc:id:sgln:030001.111111.0"',
            '"source": "urn:epc:id:pgln:030001.111111"',
        ),
        ('"urn:epc:idpat:sgtin:030001.0012345.*"', '"https://id.gs1.org/01/00300010123455"'),
    ):
        assert old in text
        text = text.replace(old, new, 1) if "sscc" in old else text.replace(old, new)
        assert codes(text.encode()) == set(), new


def test_the_statement_may_stand_in_every_shipping_event() -> None:
    document = shipment()
    told = header(document).pop("gs1ushc:dscsaTransactionStatement")
    events(document)[6]["gs1ushc:dscsaTransactionStatement"] = told
    assert found(document) == []
    events(document).append(shipped("08:00:00", [PALLET]))
    assert [one.code for one in found(document)] == ["MISSING_TRANSACTION_STATEMENT"]


def test_a_repacked_case_has_one_parent_at_a_time() -> None:
    document = shipment()
    events(document)[3:3] = [
        packed("06:50:30", f"{CASE}1", [f"{PACK}11"], "DELETE"),
        packed("06:50:40", f"{CASE}2", [f"{PACK}11"]),
    ]
    assert found(document) == []


def test_delete_without_children_empties_the_parent() -> None:
    document = shipment()
    emptied = packed("06:50:30", f"{CASE}1", [], "DELETE")
    del emptied["childEPCs"]
    events(document)[3:3] = [emptied, packed("06:50:40", f"{CASE}2", [f"{PACK}11"])]
    assert found(document) == []
    document = shipment()
    events(document).pop(0)
    events(document).append(commissioned("06:45:00", [f"{PACK}13", f"{PACK}14"]))
    assert [one.code for one in found(document)] == ["SHIPPED_NOT_COMMISSIONED"]
    # What was taken out before the shipment is not shipped.
    events(document).insert(2, emptied)
    assert found(document) == []


def test_what_was_declared_wrong_did_not_happen() -> None:
    document = shipment()
    wrong = packed("06:55:00", f"{CASE}2", [f"{PACK}11"])
    declared = {**wrong, "errorDeclaration": {"declarationTime": "2023-03-28T00:00:00Z"}}
    events(document).append(wrong)
    assert [one.code for one in found(document)] == ["MULTIPLE_PARENTS"]
    events(document).append(declared)
    assert found(document) == []


@pytest.mark.parametrize("spelt", [True, "true", "1", 1, [True]], ids=repr)
def test_affirmed_is_what_xsd_boolean_calls_true(spelt: object) -> None:
    document = shipment()
    statement(document)["gs1ushc:affirmTransactionStatement"] = spelt
    assert found(document) == []


@pytest.mark.parametrize("spelt", ["True", "TRUE", "yes", False, "false", 0, "", None], ids=repr)
def test_nothing_else_affirms(spelt: object) -> None:
    document = shipment()
    statement(document)["gs1ushc:affirmTransactionStatement"] = spelt
    assert [one.code for one in found(document)] == ["TRANSACTION_STATEMENT_NOT_AFFIRMED"]


@pytest.mark.parametrize("expiry", ["2025-03-27T00:00:00Z", "2025-03-27Z", "2024-02-29"])
def test_a_day_may_have_a_time_and_a_zone(expiry: str) -> None:
    document = shipment()
    events(document)[1]["ilmd"]["cbvmda:itemExpirationDate"] = expiry
    assert found(document) == []


@pytest.mark.parametrize("ndc", ["0001-0123-45", "NDC 0001-0123-45", "0001012345", "00001012345"])
def test_an_ndc_may_be_spelt_in_each_of_its_forms(ndc: str) -> None:
    document = shipment()
    without(0, PACK_CLASS, {**PRODUCT, "additionalTradeItemIdentification": ndc})(document)
    assert found(document) == []


def test_what_is_decommissioned_later_or_made_again_was_shipped() -> None:
    document = shipment()
    events(document).append(decommissioned("08:00:00", [PALLET, f"{PACK}11"]))
    assert found(document) == []
    events(document)[1:1] = [
        decommissioned("06:45:10", [f"{PACK}11"]), commissioned("06:45:20", [f"{PACK}11"])
    ]  # fmt: skip
    assert found(document) == []


def test_a_void_takes_back_what_was_shipped_before_it_and_whole() -> None:
    document = shipment()
    voided = {**shipped("08:00:00", [PALLET]), "bizStep": "void_shipping"}
    events(document).extend([voided, shipped("09:00:00", [PALLET])])
    assert found(document) == []
    document = shipment()
    events(document)[6]["epcList"] = [PALLET, f"{CASE}1"]
    events(document).append({**voided, "epcList": [f"{CASE}1"]})
    assert found(document) == []


def test_places_outside_the_states_need_no_state() -> None:
    document = shipment()
    abroad = {**PLACE, "countryCode": "DE"}
    without(1, BUYER, abroad, "state")(document)
    assert found(document) == []


def test_a_bare_event_and_odd_shapes_are_no_crash() -> None:
    for odd in (
        shipped("07:00:00", [PALLET]),
        {"type": "ObjectEvent", "action": "ADD", "epcList": [1, None], "eventTime": 3, "ilmd": 1},
        {"type": "AggregationEvent", "action": "DELETE", "parentID": [], "childEPCs": "x"},
        {**shipment(), "epcisHeader": {"epcisMasterData": {"vocabularyList": [1, {}]}}},
        {**shipment(), "epcisHeader": {"gs1ushc:dscsaTransactionStatement": [1, 2]}},
    ):
        assert {one.code for one in found(odd)} <= set(CODES)


def test_self_containment_ends() -> None:
    document = shipment()
    events(document).insert(6, packed("06:54:00", f"{PACK}11", [PALLET]))
    assert {one.code for one in found(document)} <= {"MULTIPLE_PARENTS"}
