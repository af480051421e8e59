"""GS1 keys of an event in the spelling that the GS1-EPC-Format header asks for."""

import json

import pytest

from ledger.core.epcis.document import Event
from ledger.core.epcis.epc_format import EpcFormat, in_format, learn_prefixes
from ledger.core.epcis.read import read_document
from ledger.core.prefix_lengths import PrefixLengths

URN = "urn:epc:id:sgtin:4012345.011111.9876"
LINK = "https://id.gs1.org/01/04012345111118/21/9876"
LINKED = EpcFormat.ALWAYS_GS1_DIGITAL_LINK
PLACE, PLACE_LINK = "urn:epc:id:sgln:4012345.00005.0", "https://id.gs1.org/414/4012345000054"
CLASS = "urn:epc:class:lgtin:4012345.011111.L"
CLASS_LINK = "https://id.gs1.org/01/04012345111118/10/L"
GIAI, GIAI_LINK = "urn:epc:id:giai:4012345.111", "https://id.gs1.org/8004/4012345111"


def event(key: str, place: str, of: str, device: str) -> Event:
    """An event with keys everywhere EPCIS has one, and other identifiers beside."""
    return {
        "type": "ObjectEvent",
        "eventTime": "2026-01-02T03:04:05Z",
        "action": "OBSERVE",
        "epcList": [key, "urn:uuid:1", "https://example.com/x"],
        "childEPCs": [key],
        "inputEPCList": [key],
        "outputEPCList": [key],
        "parentID": key,
        "transformationID": "urn:uuid:2",
        "quantityList": [{"epcClass": of, "quantity": 1}],
        "readPoint": {"id": place},
        "bizLocation": {"id": place, "e:note": PLACE},
        "sourceList": [{"type": "owning_party", "source": place}],
        "destinationList": [{"type": "location", "destination": place}],
        "bizTransactionList": [{"type": "po", "bizTransaction": "urn:epcglobal:cbv:bt:1:2"}],
        "sensorElementList": [
            {
                "sensorMetadata": {"deviceID": device, "deviceMetadata": GIAI_LINK},
                "sensorReport": [{"type": "Temperature", "deviceID": device, "rawData": GIAI_LINK}],
            }
        ],
        "ilmd": {"e:same": URN},
        "e:same": URN,
    }


URNS = event(URN, PLACE, CLASS, GIAI)
LINKS = event(LINK, PLACE_LINK, CLASS_LINK, GIAI_LINK)


def known() -> PrefixLengths:
    lengths = PrefixLengths()
    lengths.learn(URN)
    return lengths


def test_every_key_of_an_event_is_translated_and_nothing_else() -> None:
    assert in_format(URNS, LINKED, PrefixLengths()) == LINKS
    assert in_format(LINKS, EpcFormat.ALWAYS_EPC_URN, known()) == URNS


def test_a_link_whose_company_prefix_is_not_known_stays() -> None:
    assert in_format(LINKS, EpcFormat.ALWAYS_EPC_URN, PrefixLengths()) == LINKS


def test_a_link_stays_on_its_domain() -> None:
    theirs = "https://example.com/01/04012345111118/21/9876?exp=261231"
    found = in_format({**LINKS, "epcList": [theirs]}, LINKED, known())
    assert found["epcList"] == [theirs]


@pytest.mark.parametrize("wanted", [EpcFormat.NO_PREFERENCE, EpcFormat.NEVER_TRANSLATES])
def test_without_a_wish_nothing_is_translated(wanted: EpcFormat) -> None:
    assert in_format(URNS, wanted, known()) is URNS


@pytest.mark.parametrize("odd", [None, 7, "x", [7], {"id": 7}, [{"epcClass": None}]])
@pytest.mark.parametrize("name", ["epcList", "readPoint", "quantityList", "sensorElementList"])
def test_an_event_of_odd_shape_is_left_as_it_is(name: str, odd: object) -> None:
    assert in_format({**URNS, name: odd}, LINKED, known())[name] == odd


def test_prefixes_are_learnt_from_events_and_from_master_data() -> None:
    def learnt(**members: object) -> list[int | None]:
        whole = {
            "@context": [],
            "type": "EPCISDocument",
            "schemaVersion": "2.0",
            "creationDate": "2026-01-02T03:04:06Z",
            "epcisBody": {"eventList": []},
            **members,
        }
        lengths = learn_prefixes(read_document(json.dumps(whole).encode()))
        return [lengths.length_of(digits) for digits in ("401234501111", "061414112345")]

    master = [{"type": "urn:v", "vocabularyElementList": [{"id": PLACE, "children": [PLACE]}]}]
    other = {**URNS, "sensorElementList": [], "epcList": ["urn:epc:id:sgtin:0614141.112345.1"]}
    assert learnt() == [None, None]
    assert learnt(sender=PLACE) == [7, None]
    assert learnt(epcisHeader={"epcisMasterData": {"vocabularyList": master}}) == [7, None]
    assert learnt(epcisBody={"eventList": [other]}) == [7, 7]
