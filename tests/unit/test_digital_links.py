import json
from pathlib import Path
from typing import Any

import pytest

from ledger.core.digital_links import ORIGIN, to_digital_link, to_urn
from ledger.core.prefix_lengths import PrefixLengths

VECTORS = Path(__file__).parents[1] / "vectors" / "identifiers"
PATHS = json.loads((VECTORS / "paths.json").read_bytes())["paths"]
TRANSLATIONS = json.loads((VECTORS / "epc-urn-to-gs1.json").read_bytes())["rows"]
# Spellings that the way back cannot know: escapes and case of the sender's own.
OTHER_SPELLINGS = {
    "SGTIN, scheme and key name in upper case",
    "SGTIN, lower-case escape",
}


def knowing(*urns: str) -> PrefixLengths:
    lengths = PrefixLengths()
    for urn in urns:
        lengths.learn(urn)
    return lengths


@pytest.mark.parametrize("row", TRANSLATIONS, ids=lambda row: row["epc_urn"])
def test_urn_becomes_a_link_and_back(row: dict[str, str]) -> None:
    urn, link = row["epc_urn"], row["canonical_digital_link"]
    assert to_digital_link(urn) == to_digital_link(link) == link
    assert to_urn(link, PrefixLengths()) == link
    assert to_urn(link, knowing(urn)) == urn


@pytest.mark.parametrize(
    "row",
    [
        pytest.param(row, id=row["desc"])
        for row in PATHS
        if row["identifier"].startswith("urn:epc:") and row.get("want", "").startswith("/")
    ],
)
def test_every_urn_of_the_vectors_comes_back(row: dict[str, Any]) -> None:
    back = to_urn(to_digital_link(row["identifier"]), knowing(row["identifier"]))
    assert to_digital_link(back) == ORIGIN + row["want"]
    if row["desc"] not in OTHER_SPELLINGS:
        assert back == row["identifier"]


@pytest.mark.parametrize(
    "identifier",
    [
        "urn:uuid:6ba7b810-9dad-11d1-80b4-00c04fd430c8",
        "https://acme.example/objects/42",
        "https://id.gs1.org/01/04012345111119",
        "urn:epc:idpat:sgtin:4012345.*.*",
        "",
        "\x00",
    ],
)
def test_what_is_no_gs1_key_stays(identifier: str) -> None:
    assert to_digital_link(identifier) == identifier
    assert to_urn(identifier, knowing("urn:epc:id:pgln:4012345.00005")) == identifier


def test_a_urn_keeps_its_own_split() -> None:
    urn = "urn:epc:id:sgtin:061414.1107346.A"
    assert to_urn(urn, knowing("urn:epc:id:sgln:0614141.07346.0")) == urn


def test_a_prefix_learnt_from_one_key_serves_all() -> None:
    lengths = knowing("urn:epc:id:pgln:4012345.00005")
    assert (
        to_urn("https://x.example/01/14012345111115/21/A%2FB", lengths)
        == "urn:epc:id:sgtin:4012345.111111.A%2FB"
    )
    assert to_urn("https://x.example/8004/4012345A", lengths) == "urn:epc:id:giai:4012345.A"
    assert to_urn("https://x.example/8004/4012345", lengths) == "https://x.example/8004/4012345"


def test_two_fitting_prefixes_are_no_knowledge() -> None:
    lengths = knowing("urn:epc:id:sgtin:0614141.107346.1", "urn:epc:id:sgtin:061414.1107346.1")
    assert lengths.length_of("061414107346") is None
    assert lengths.length_of("061414907346") == 6
    assert lengths.length_of("06141") is None


@pytest.mark.parametrize(
    "identifier",
    [
        "urn:epc:id:sgtin:4012345.0111111.A",
        "urn:epc:id:gid:4012345.1.2",
        "https://id.gs1.org/01/04012345111118",
        "4012345.011111.A",
    ],
)
def test_nothing_is_learnt_from_what_is_no_key(identifier: str) -> None:
    assert knowing(identifier).length_of("401234511111") is None
