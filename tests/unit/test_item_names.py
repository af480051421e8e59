"""The item that is asked for: every spelling that is read, and none that is taken for a name."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ledger.core.errors import MalformedError
from ledger.core.identifiers import canonical_path
from ledger.core.item_names import asked_item, asked_path

PATH = "/01/00300011123454/21/1"
SPELLINGS = (
    PATH, PATH[1:], "gtin/300011123454/ser/1", f"https://id.gs1.org{PATH}",
    f"http://example.com/shelf{PATH}?17=281231", "urn:epc:id:sgtin:0300011.012345.1",
    "(01)00300011123454(21)1", "0100300011123454211", "]d20100300011123454211",
    "]C10100300011123454211", "\x1d0100300011123454211",
    "0100300011123454211\x1d10LOT",
)  # fmt: skip
REFUSED = {
    "": "must not be empty",
    "zzz": "INVALID_URI",
    "1": "TRUNCATED",
    "0x00": "UNKNOWN_AI",
    "(10)LOT": "NO_ITEM",
    "(01)00300011123455(21)1": "INVALID_CHECK_DIGIT",
    "]d20100300011123455211": "INVALID_CHECK_DIGIT",
    "urn:epc:tag:sgtin-96:3.0300011.012345.1": "no tag and no pattern",
    "urn:epc:raw:96.x3074257BF400000000000001": "no tag and no pattern",
    "URN:EPC:PAT:sgtin-96:3.0300011.012345.*": "no tag and no pattern",
    "urn:epc:idpat:gid:95100000.12345.*": "no pattern",
    f"{PATH}{'x' * 20}": r"\(21\) must have at most 20 characters",
    "/01/00300011123454/21/a^b": r"\(21\) must be characters of set 82",
    "/01/00300011123455/21/1": "check digit",
    "urn:example:a\0b": "must not hold a control character",
    "urn:example:" + "x" * 2048: "at most 2,048 bytes, here 2,060",
    "\ud800": "UTF-8",
}


@pytest.mark.parametrize("text", SPELLINGS)
def test_each_spelling_is_the_item(text: str) -> None:
    assert asked_item(text) == (PATH, True)


@pytest.mark.parametrize("text", REFUSED, ids=ascii)
def test_what_names_no_item_is_refused_by_its_rule(text: str) -> None:
    with pytest.raises(MalformedError, match=REFUSED[text]) as told:
        asked_path(text)
    assert told.value.field == "item"


@pytest.mark.parametrize(
    "text", ["urn:example:pack", "https://example.com/pack", "+A123BJC5D6E71G"]
)
def test_a_name_that_is_no_gs1_key_may_not_have_been_meant(text: str) -> None:
    assert not asked_item(text).is_sure


@pytest.mark.parametrize("name", ["urn:example:pack", "zzz", "urn:epc:tag:sgtin-96:3.1.2.3"])
def test_a_name_that_is_marked_is_taken_literally(name: str) -> None:
    assert asked_item(f"uri:{name}") == (canonical_path(name), True)


def test_a_scan_that_may_have_lost_its_separator_is_not_sure() -> None:
    named = asked_item("010030001112345421ABC1728123110LOT")
    assert named == ("/01/00300011123454/21/ABC1728123110LOT", False)


@given(name=st.text(min_size=1, max_size=40))
def test_the_path_of_whatever_an_event_names_is_asked_for_by_itself(name: str) -> None:
    try:
        path = canonical_path(name)
    except MalformedError:
        return
    assert asked_item(path) == (path, True)
