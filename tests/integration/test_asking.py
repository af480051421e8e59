"""What is asked: no wrong spelling is proved absent, and no filter is lost unseen."""

from collections.abc import Callable
from typing import Any
from urllib.parse import quote

import httpx
import pytest
from typer.testing import CliRunner

from ledger.bootstrap import Node
from ledger.cli.main import app
from ledger.core.custody.findings import Rule
from ledger.service.incoming import MAX_ITEMS
from ledger.service.prove import ABSENCE_MEDIA_TYPE, MEDIA_TYPE
from tests.integration.partners import Partner, commission, event, new_item, path_of, ship

Make = Callable[..., Partner]
Captured = Callable[..., dict[str, Any]]
Settle = Callable[[], int]
INCOMING = "/handoffs/incoming"
HASH = "5f" * 32
SERIAL = "/01/04012345111118/21/987"


def spelt(item: str) -> list[str]:
    """The element strings and scans of a pack without special characters in its serial."""
    _, _, gtin, _, serial = path_of(item).split("/")
    plain = f"01{gtin}21{serial}"
    return [f"(01){gtin}(21){serial}", plain, f"]d2{plain}", f"]C1{plain}", f"\x1d{plain}"]


def asked(api: httpx.Client, text: str, suffix: str = "") -> httpx.Response:
    return api.get(f"/items/{quote(text, safe='')}{suffix}")


def test_element_strings_and_scans_find_the_pack_everywhere(
    api: httpx.Client, captured: Captured, partner: Make, settle: Settle
) -> None:
    maker, buyer, other, item = partner("M"), partner("B"), partner("O"), new_item()
    job = captured(
        maker, commission(item), ship(item, to=buyer),
        ship(item, to=other, at="2026-01-03T10:00:00Z"),
    )  # fmt: skip
    settle()
    index = job["results"][1]["logIndex"]
    history = api.get(f"/items{path_of(item)}/proof").content
    shown = api.get(f"/disclosures/{index}", params={"item": path_of(item)}).content
    for text in spelt(item):
        proof = asked(api, text, "/proof")
        assert (proof.headers["content-type"], proof.content) == (MEDIA_TYPE, history), text
        assert asked(api, text).json()["item"] == path_of(item)
        disclosed = api.get(f"/disclosures/{index}", params={"item": text})
        assert disclosed.content == shown, text
        for path in ("/findings", "/cases"):
            (found,) = api.get(path, params={"item": text, "code": "DOUBLE_SHIP"}).json()[path[1:]]
            assert found["item"] == path_of(item)
        no_conflict = asked(api, text, "/evidence")
        assert path_of(item) in no_conflict.json()["detail"]


@pytest.mark.parametrize(
    "text", ["urn:epc:tag:sgtin-96:3.0300011.012345.1", "(10)LOT", "zzz", "(01)00300011123455(21)1"]
)
@pytest.mark.parametrize("suffix", ["", "/proof", "/evidence"])
def test_what_names_no_item_is_refused_and_not_proved_absent(
    api: httpx.Client, text: str, suffix: str
) -> None:
    answer = asked(api, text, suffix)
    assert (answer.status_code, answer.json()["field"]) == (400, "item")
    assert answer.json()["value"] == text


def test_only_a_gs1_key_or_a_marked_name_is_proved_absent(
    api: httpx.Client, captured: Captured, partner: Make, settle: Settle
) -> None:
    captured(partner("M"), commission(new_item()))
    settle()
    sure = ["/01/04012345111118/21/never", "uri:zzz-never", "(01)04012345111118(21)never"]
    unsure = ["urn:example:never", "https://example.com/never", "010401234511111821N1728123110L"]
    for text in sure:
        assert asked(api, text, "/proof").headers["content-type"] == ABSENCE_MEDIA_TYPE, text
    for text in unsure:
        answer = asked(api, text, "/proof")
        assert answer.status_code == 404, text
        assert "uri:" in answer.json()["detail"]


def test_prove_reads_what_item_reads(
    api: httpx.Client, captured: Captured, partner: Make, settle: Settle
) -> None:
    item = new_item()
    captured(partner("M"), commission(item))
    settle()
    history = api.get(f"/items{path_of(item)}/proof").content
    for text in spelt(item):
        result = CliRunner().invoke(app, ["prove", text, "--url", str(api.base_url)])
        assert (result.exit_code, result.stdout_bytes) == (0, history), text


@pytest.mark.parametrize(
    "url",
    [
        "/disclosures/%00", "/disclosures/1?field=%00", "/findings?after=%00", "/items/%00",
        "/cases/%00", "/acts/%00", "/webhooks/%00", "/keys/%00", "/findings/stream?item=a%00b",
    ],
)  # fmt: skip
def test_a_nul_is_refused_before_the_database_is_asked(api: httpx.Client, url: str) -> None:
    answer = api.get(url)
    assert (answer.status_code, answer.json()["type"]) == (400, "unbroken:malformed")
    assert "NUL" in answer.json()["rule"]


def test_a_nul_in_a_standard_query_is_refused_as_the_standard_says(api: httpx.Client) -> None:
    answer = api.get("/epcis/events?EQ_bizStep=shipping%00")
    assert (answer.status_code, answer.json()["type"]) == (
        400,
        "epcisException:ValidationException",
    )
    assert answer.json()["field"] == "EQ_bizStep"


@pytest.mark.parametrize(
    ("url", "field"),
    [
        ("/findings?urgency=high", "urgency"),
        ("/findings/stream?state=open", "state"),
        ("/cases?party_=4012345000009", "party_"),
        ("/webhooks?limit=3", "limit"),
        (f"/items{SERIAL}/proof?watcher=4012345000009", "watcher"),
        ("/findings?code=DOUBLE_SHIP&code=DOUBLE_RECEIVE", "code"),
        ("/cases?limit=1&limit=2", "limit"),
        ("/disclosures/1?fields=action", "fields"),
    ],
)
def test_a_parameter_that_is_unknown_or_given_twice_is_named(
    api: httpx.Client, url: str, field: str
) -> None:
    answer = api.get(url)
    assert (answer.status_code, answer.json()["field"]) == (400, field)


def test_fields_and_items_of_a_disclosure_may_be_repeated(
    api: httpx.Client, captured: Captured, partner: Make, settle: Settle
) -> None:
    index = captured(partner("M"), commission(new_item()))["results"][0]["logIndex"]
    settle()
    params = {"field": ["action", "eventTime"]}
    assert api.get(f"/disclosures/{index}", params=params).status_code == 200
    for name in ("field", "item"):
        answer = api.get(f"/disclosures/{index}", params={name: SERIAL})
        assert (answer.status_code, answer.json()["field"]) == (400, name)


@pytest.mark.parametrize("path", ["/findings", "/cases", "/findings/stream"])
@pytest.mark.parametrize("party", ["1", "foo", "0x00", "", "4012345000000", "0x" + "00" * 20])
def test_a_party_that_is_none_is_refused(api: httpx.Client, path: str, party: str) -> None:
    answer = api.get(path, params={"party": party})
    assert (answer.status_code, answer.json()["field"]) == (400, "party")


def test_a_party_is_found_by_its_key(api: httpx.Client, captured: Captured, partner: Make) -> None:
    maker, item = partner("Keyed"), new_item()
    captured(maker, ship(item, to=partner("B")), ship(item, to=partner("C")))
    by_gln = api.get("/findings", params={"party": maker.gln}).json()["findings"]
    (party,) = [one for one in api.get("/parties").json()["parties"] if one["path"] == maker.path]
    address = party["keys"][0]["address"]
    assert path_of(item) in {one["item"] for one in by_gln}
    assert api.get("/findings", params={"party": address}).json()["findings"] == by_gln


@pytest.mark.parametrize("path", ["/findings", "/cases"])
def test_a_code_is_one_of_the_rules_and_a_severity_one_of_the_words(
    api: httpx.Client, path: str
) -> None:
    answer = api.get(path, params={"code": "DOUBLE_SHOP"})
    assert (answer.status_code, answer.json()["field"]) == (422, "code")
    for code in Rule:
        assert api.get(path, params={"code": code, "severity": "operational"}).status_code == 200


def test_what_contents_say_of_an_item_is_its_condition(
    api: httpx.Client, captured: Captured, partner: Make
) -> None:
    item = new_item()
    stolen = event(
        action="OBSERVE", epcList=[item], disposition="stolen", bizStep="inspecting",
        eventTime="2026-01-02T10:00:00Z",
    )  # fmt: skip
    maker = partner("M")
    captured(maker, commission(item))
    assert "condition" not in api.get(f"/items{path_of(item)}").json()
    captured(maker, stolen)
    assert api.get(f"/items{path_of(item)}").json()["condition"] == "stolen"


BAD_QUESTIONS: dict[str, tuple[bytes, int, str, str | None]] = {
    "no JSON": (b"{", 400, "json", None),
    "a member twice": (b'{"party":"a","party":"b","items":[]}', 400, "json", None),
    "a list": (b"[1,null]", 400, "body", "[1,null]"),
    "another member": (b'{"party":"%s","items":[],"x":1}' % HASH.encode(), 400, "x", None),
    "no party": (b'{"items":[]}', 400, "party", None),
    "party of a list": (b'{"party":[true,null],"items":[]}', 400, "party", "[true,null]"),
    "no items": (b'{"party":"%s"}' % HASH.encode(), 400, "items", None),
    "an item of a number": (b'{"party":"%s","items":["uri:a",{"b":1}]}' % HASH.encode(), 400,
                            "items.1", '{"b":1}'),
    "a bad item": (b'{"party":"%s","items":["uri:a","zzz"]}' % HASH.encode(), 400, "items.1",
                   "zzz"),
    "too many": (b'{"party":"%s","items":[%s]}'
                 % (HASH.encode(), b",".join([b'"uri:a"'] * (MAX_ITEMS + 1))), 413, "items",
                 str(MAX_ITEMS + 1)),
}  # fmt: skip


@pytest.mark.parametrize("name", BAD_QUESTIONS)
def test_a_bad_question_about_handoffs_is_told_by_its_place(api: httpx.Client, name: str) -> None:
    raw, status, field, value = BAD_QUESTIONS[name]
    answer = api.post(INCOMING, content=raw, headers={"content-type": "application/json"})
    assert (answer.status_code, answer.json()["field"]) == (status, field)
    if value is not None:
        assert answer.json()["value"] == value


def test_a_question_about_handoffs_is_json(api: httpx.Client) -> None:
    raw = b'{"party":"%s","items":["%s"]}' % (HASH.encode(), SERIAL.encode())
    for media_type in ("text/plain", "application/x-www-form-urlencoded"):
        answer = api.post(INCOMING, content=raw, headers={"content-type": media_type})
        assert answer.status_code == 415
    told = api.post(INCOMING, content=raw, headers={"content-type": "application/json"})
    assert told.json() == {"entries": [], "items": [{"own": []}]}


def test_a_fault_says_which_rule_was_broken_by_which_value(api: httpx.Client) -> None:
    told = api.get("/items/").json()
    assert (told["field"], told["rule"], told["value"]) == ("item", "must not be empty", "")
    told = api.get(f"/items/01/04012345111118/21/{'x' * 21}").json()
    assert (told["field"], told["value"]) == ("item", "x" * 21)
    assert told["rule"] == "(21) must have at most 20 characters"


@pytest.mark.parametrize("method", ["OPTIONS", "PUT"])
def test_every_method_of_a_webhook_is_allowed(api: httpx.Client, method: str) -> None:
    for path, methods in (
        ("/webhooks", {"GET", "HEAD", "POST"}),
        ("/webhooks/x", {"GET", "HEAD", "DELETE"}),
    ):
        answer = api.request(method, path)
        assert answer.status_code == 405
        assert set(answer.headers["allow"].split(", ")) == methods


def test_the_document_has_the_patterns_of_the_interface(api: httpx.Client, node: Node) -> None:
    paths = api.get("/openapi.json").json()["paths"]

    def schema(path: str, name: str) -> dict[str, Any]:
        (found,) = [one for one in paths[path]["get"]["parameters"] if one["name"] == name]
        return dict(found["schema"])

    assert schema("/items/{item}", "item")["minLength"] == 1
    assert schema("/keys/{address}", "address")["pattern"] == "^(0x)?[0-9a-f]{40}$"
    assert "pattern" in schema("/tile/{level}/{tile}", "level")
    assert "pattern" in schema("/tile/{level}/{tile}", "tile")
    assert node.identity.log_id()
