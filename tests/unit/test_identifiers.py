import json
from collections.abc import Callable, Iterator
from hashlib import sha256
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ledger.core.errors import MalformedError
from ledger.core.gs1_keys import check_digit, path_of_urn
from ledger.core.identifiers import (
    MAX_IDENTIFIER_BYTES,
    canonical_path,
    gln_path,
    item_key,
    key_key,
    party_key,
    party_path,
)
from ledger.core.strict_json import parse_json

VECTORS = Path(__file__).parents[1] / "vectors" / "identifiers"
PATHS = json.loads((VECTORS / "paths.json").read_bytes())
TRANSLATIONS = json.loads((VECTORS / "epc-urn-to-gs1.json").read_bytes())["rows"]
SAME_OBJECT = json.loads((VECTORS / "same-object.json").read_bytes())
ORIGIN = "https://id.gs1.org"

EPC_LISTS = ("epcList", "childEPCs", "inputEPCList", "outputEPCList")
QUANTITY_LISTS = (
    "quantityList", "childQuantityList", "inputQuantityList", "outputQuantityList",
)  # fmt: skip
PLAIN = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-._"


def _by_desc(rows: list[dict[str, Any]]) -> list[Any]:
    return [pytest.param(row, id=row["desc"]) for row in rows]


@pytest.mark.parametrize("row", _by_desc([row for row in PATHS["paths"] if "want" in row]))
def test_identifier_has_one_path(row: dict[str, str]) -> None:
    assert canonical_path(row["identifier"]) == row["want"]


@pytest.mark.parametrize("row", _by_desc([row for row in PATHS["paths"] if "want" not in row]))
def test_malformed_identifier_is_refused(row: dict[str, str]) -> None:
    with pytest.raises(MalformedError) as refused:
        canonical_path(row["identifier"])
    assert refused.value.field == "identifier"


@pytest.mark.parametrize("row", _by_desc(PATHS["parties"]))
def test_party_is_named_by_its_gln(row: dict[str, str]) -> None:
    assert party_path(row["identifier"]) == row["want"]


@pytest.mark.parametrize("row", TRANSLATIONS, ids=lambda row: row["epc_urn"])
def test_urn_and_digital_link_have_one_path(row: dict[str, str]) -> None:
    link = row["canonical_digital_link"]
    assert ORIGIN + canonical_path(row["epc_urn"]) == link
    assert ORIGIN + canonical_path(link) == link


@pytest.mark.parametrize("row", SAME_OBJECT["equal"], ids=lambda row: row["why"])
def test_spellings_of_one_object_have_one_path(row: dict[str, list[str]]) -> None:
    assert len({canonical_path(uri) for uri in row["uris"]}) == 1


@pytest.mark.parametrize("row", SAME_OBJECT["not_equal"], ids=lambda row: row["why"])
def test_different_objects_have_different_paths(row: dict[str, list[str]]) -> None:
    assert len({canonical_path(uri) for uri in row["uris"]}) == len(row["uris"])


@pytest.mark.parametrize(
    "row", _by_desc([row for row in PATHS["paths"] if row.get("want", "").startswith("/")])
)
def test_path_behind_the_gs1_domain_is_itself(row: dict[str, str]) -> None:
    assert canonical_path(ORIGIN + row["want"]) == row["want"]


def test_identifier_is_measured_in_bytes() -> None:
    assert canonical_path("é" * (MAX_IDENTIFIER_BYTES // 2)).startswith("uri:")
    for too_long in ("a" * (MAX_IDENTIFIER_BYTES + 1), "é" * (MAX_IDENTIFIER_BYTES // 2) + "a"):
        with pytest.raises(MalformedError, match="bytes"):
            canonical_path(too_long)


def test_lone_surrogate_is_refused() -> None:
    with pytest.raises(MalformedError, match="UTF-8"):
        canonical_path("urn:x:\ud800")


@given(
    prefix=st.text("0123456789", min_size=5, max_size=13),
    companion=st.text("0123456789", max_size=12),
    serial=st.text(PLAIN + "~/é ", max_size=22),
    name=st.sampled_from(["sgtin", "sscc"]),
)
def test_short_way_agrees_with_the_table(
    prefix: str, companion: str, serial: str, name: str
) -> None:
    parts = [prefix, companion] + ([serial] if name == "sgtin" else [])
    rest = ".".join(parts)

    def by_table() -> str | None:
        try:
            return path_of_urn("id", name, rest)
        except MalformedError:
            return None

    def by_short_way() -> str | None:
        try:
            return canonical_path(f"urn:epc:id:{name}:{rest}")
        except MalformedError:
            return None

    assert by_short_way() == by_table()


@given(
    gtin=st.text("0123456789", min_size=13, max_size=13),
    serial=st.text(PLAIN, min_size=1, max_size=20),
)
def test_short_way_agrees_with_any_other_domain(gtin: str, serial: str) -> None:
    link = f"/01/{gtin}{check_digit(gtin)}/21/{serial}"
    assert canonical_path(ORIGIN + link) == canonical_path("http://x.example" + link) == link


@given(st.text(max_size=60))
def test_any_text_has_a_path_or_is_malformed(text: str) -> None:
    for identifier in (text, f"urn:epc:id:sgtin:{text}", f"{ORIGIN}/{text}"):
        try:
            path = canonical_path(identifier)
        except MalformedError:
            continue
        assert path.startswith(("/", "uri:"))


def test_a_long_path_costs_no_more_than_a_short() -> None:
    stem = "/01" * 600
    assert canonical_path(f"https://x.example{stem}/00/006141410000000012").startswith("/00/")


def test_keys_are_labelled_hashes() -> None:
    path = "/417/4012345000054"
    assert item_key(path) == sha256(b"unbroken/item/v1\0" + path.encode()).digest()
    assert party_key(path) == sha256(b"unbroken/party/v1\0" + path.encode()).digest()
    assert key_key(bytes(20)) == sha256(b"unbroken/key/v1\0" + bytes(20)).digest()
    assert item_key("uri:é") == sha256(b"unbroken/item/v1\0uri:\xc3\xa9").digest()


@pytest.mark.parametrize("length", [0, 19, 21, 32])
def test_key_of_an_address_needs_twenty_bytes(length: int) -> None:
    with pytest.raises(MalformedError, match="20 bytes"):
        key_key(bytes(length))


def _events(node: object) -> Iterator[dict[str, Any]]:
    if isinstance(node, dict):
        if "eventTime" in node:
            yield node
        for member in node.values():
            yield from _events(member)
    elif isinstance(node, list):
        for element in node:
            yield from _events(element)


def _identifiers(event: dict[str, Any]) -> Iterator[str]:
    for name in EPC_LISTS:
        yield from event.get(name, ())
    if "parentID" in event:
        yield event["parentID"]
    for name in QUANTITY_LISTS:
        yield from (element["epcClass"] for element in event.get(name, ()))
    for name, member in (("sourceList", "source"), ("destinationList", "destination")):
        yield from (element[member] for element in event.get(name, ()))


# In a query document: GRAI 0 3001345000771 8765, whose check digit is 6.
WRONG_IN_THE_WILD = {"https://id.example.com/8003/030013450007718765"}


def test_identifiers_of_partner_documents_have_paths(
    conformance_data: Path, conformance_tally: Callable[[int, int], None]
) -> None:
    documents = [
        document
        for folder in ("gs1-examples", "openepcis-valid")
        for document in sorted((conformance_data / "epcis" / folder).rglob("*.json*"))
    ]
    wrong = set()
    for document in documents:
        for event in _events(parse_json(document.read_bytes())):
            for identifier in _identifiers(event):
                if canonical_path(identifier) == f"uri:{identifier}":
                    wrong.add(identifier)
    assert len(documents) > 50
    conformance_tally(len(documents), len(wrong - WRONG_IN_THE_WILD))
    assert wrong == WRONG_IN_THE_WILD


@pytest.mark.parametrize(
    ("gln", "rule"), [("123", "is 13 digits"), ("4012345000008", "has the check digit 9")]
)
def test_a_gln_that_is_none_is_named_with_its_rule(gln: str, rule: str) -> None:
    assert gln_path("4012345000009") == "/417/4012345000009"
    with pytest.raises(MalformedError) as refusal:
        gln_path(gln)
    assert (refusal.value.field, refusal.value.rule, refusal.value.value) == ("gln", rule, gln)
