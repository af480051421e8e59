"""Items: every spelling finds the same one; containers carry what is in them; evidence is exact."""

import secrets
from collections.abc import Callable
from typing import Any
from urllib.parse import quote

import httpx

from ledger.bootstrap import Node
from ledger.core.gs1_keys import check_digit
from ledger.service.prove import MEDIA_TYPE
from tests.integration.partners import Partner, commission, gtin, new_item, pack, path_of, ship

Make = Callable[..., Partner]
Captured = Callable[..., dict[str, Any]]
GTIN = gtin(11111)


def test_every_spelling_finds_the_item(
    api: httpx.Client, captured: Captured, partner: Make, settle: Callable[[], int]
) -> None:
    serial = f"a/b+{secrets.token_hex(3)}"
    urn = f"urn:epc:id:sgtin:{GTIN[1:8]}.{GTIN[0]}{GTIN[8:13]}.{quote(serial, safe='')}"
    captured(partner("Speller"), commission(urn))
    settle()
    path = f"/01/{GTIN}/21/{quote(serial, safe='')}"
    link = f"https://example.com/products{path}?x=1"
    spellings = {
        "path": path[1:],
        "path, escaped whole": quote(path, safe=""),
        "path, lower-case escapes": path[1:].replace("%2F", "%2f").replace("%2B", "%2b"),
        "urn": urn,
        "urn, escaped": quote(urn, safe=""),
        "link": link.partition("?")[0],
        "link, escaped": quote(link, safe=""),
        "short names": f"gtin/{GTIN}/ser/{quote(serial, safe='')}",
    }
    bundles = set()
    for spelling, name in spellings.items():
        item = api.get(f"/items/{name}")
        assert item.status_code == 200, (spelling, item.text)
        assert item.json()["item"] == path, spelling
        proof = api.get(f"/items/{name}/proof")
        assert proof.status_code == 200, (spelling, proof.text)
        bundles.add(proof.content)
    assert len(bundles) == 1


def test_a_bundle_is_the_provers_bytes(
    api: httpx.Client, captured: Captured, partner: Make, settle: Callable[[], int], node: Node
) -> None:
    item = new_item()
    captured(partner("Exact"), commission(item))
    settle()
    answer = api.get(f"/items{path_of(item)}/proof")
    assert answer.headers["content-type"] == MEDIA_TYPE
    assert answer.content == node.prover().prove(path_of(item))


def test_evidence_that_no_anchor_covers_is_promised_for_later(
    api: httpx.Client, captured: Captured, partner: Make
) -> None:
    item = new_item()
    captured(partner("Early"), commission(item))
    answer = api.get(f"/items{path_of(item)}/proof")
    assert answer.status_code == 409
    assert answer.json()["type"] == "unbroken:not-anchored"
    assert int(answer.headers["retry-after"]) > 0


def test_an_item_tells_holder_events_and_their_state(
    api: httpx.Client, captured: Captured, partner: Make, settle: Callable[[], int]
) -> None:
    maker, buyer, item = partner("Maker"), partner("Buyer"), new_item()
    job = captured(maker, commission(item), ship(item, to=buyer))
    settle()
    told = api.get(f"/items{path_of(item)}").json()
    party = maker.signer.party.hex()
    assert told["item"] == path_of(item)
    assert told["status"] == "in_transit"
    assert told["holder"] == {"party": party, "name": "Maker", "path": maker.path}
    assert told["shipped_to"]["path"] == buyer.path
    # Shipped in January, and received by nobody since.
    assert [one["code"] for one in told["findings"]] == ["OVERDUE_RECEIPT"]
    indexes = [result["logIndex"] for result in job["results"]]
    assert told["events"] == [
        {
            "index": indexes[0],
            "op": "COMMISSION",
            "time": "2026-01-01T10:00:00.000Z",
            "state": "final",
        },
        {
            "index": indexes[1],
            "op": "HANDOFF",
            "time": "2026-01-02T10:00:00.000Z",
            "state": "final",
        },
    ]
    later = api.get(f"/items{path_of(item)}", params={"after": indexes[0]}).json()
    assert [event["index"] for event in later["events"]] == indexes[1:]


def test_what_is_packed_is_where_its_outermost_container_is(
    api: httpx.Client, captured: Captured, partner: Make
) -> None:
    maker, buyer = partner("Packer"), partner("Consignee")
    item, case = new_item(), new_item()
    sscc_body = f"04012345{secrets.randbelow(10**9):09d}"
    pallet = f"https://id.gs1.org/00/{sscc_body}{check_digit(sscc_body)}"
    captured(
        maker,
        commission(item, case),
        pack(case, item),
        pack(pallet, case, at="2026-01-01T13:00:00Z"),
        ship(pallet, to=buyer),
    )
    told = api.get(f"/items{path_of(item)}").json()
    assert told["container"] == path_of(case)
    assert told["status"] == "in_transit"
    assert told["holder"]["name"] == "Packer"
    assert told["shipped_to"]["name"] == "Consignee"
    assert api.get(f"/items{path_of(case)}").json()["container"] == path_of(pallet)
    assert "container" not in api.get(f"/items{path_of(pallet)}").json()


def test_a_serial_that_reads_as_a_word_of_ours_can_be_asked_for(
    api: httpx.Client, captured: Captured, partner: Make, settle: Callable[[], int]
) -> None:
    words = [f"https://id.gs1.org/01/{GTIN}/21/{word}" for word in ("evidence", "proof")]
    captured(partner("Joker"), commission(*words))
    settle()
    assert api.get(f"/items/01/{GTIN}/21/%70roof").json()["item"].endswith("/21/proof")
    assert api.get(f"/items/01/{GTIN}/21/%65vidence").json()["item"].endswith("/21/evidence")
    assert api.get(f"/items/01/{GTIN}/21/proof/proof").headers["content-type"] == MEDIA_TYPE
    assert api.get(f"/items/01/{GTIN}/21/evidence/evidence").status_code == 404


def test_an_identifier_of_no_gs1_form_is_an_item_too(
    api: httpx.Client, captured: Captured, partner: Make
) -> None:
    name = f"https://example.org/assets/{secrets.token_hex(4)}?a=b&c"
    captured(partner("Stranger"), commission(name))
    for spelling in (name, f"uri:{name}"):
        told = api.get(f"/items/{quote(spelling, safe='')}")
        assert told.json()["item"] == f"uri:{name}"


def test_an_item_that_nobody_named_is_not_found(api: httpx.Client) -> None:
    answer = api.get(f"/items{path_of(new_item())}")
    assert answer.status_code == 404
    assert answer.json()["type"] == "unbroken:not-found"


def test_open_findings_are_listed_page_by_page(
    api: httpx.Client, captured: Captured, partner: Make
) -> None:
    who, items = partner("Cloner"), [new_item() for _ in range(3)]
    captured(who, commission(*items))
    captured(who, commission(*items, at="2026-01-05T10:00:00Z"))
    asked: dict[str, Any] = {"code": "DUPLICATE_COMMISSION", "limit": 2}
    listed: list[dict[str, Any]] = []
    while True:
        page = api.get("/findings", params=asked).json()
        listed += page["findings"]
        if "next" not in page:
            break
        asked["after"] = page["next"]
    mine = [one for one in listed if one["item"] in {path_of(item) for item in items}]
    assert len(mine) == len({one["item"] for one in mine}) == 3
    assert {one["class"] for one in mine} == {"suspicious"}
    assert [one["item_key"] for one in listed] == sorted(one["item_key"] for one in listed)
    (only,) = api.get("/findings", params={"item": items[0]}).json()["findings"]
    assert (only["code"], only["severity"]) == ("DUPLICATE_COMMISSION", "high")
