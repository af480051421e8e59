"""A history holds to whoever may see it, and with anything else in it, or without, it does not."""

import json
from typing import Any

import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st
from unbroken_verifier.canonical import JsonValue
from unbroken_verifier.errors import StepError
from unbroken_verifier.report import Report
from unbroken_verifier.steps import verify_bundle

from ledger.core.entries import decode_event
from ledger.core.errors import (
    MalformedError,
    NotAnchoredError,
    NotFoundError,
    NotPermittedError,
)
from ledger.core.identifiers import item_key, key_key
from ledger.core.jcs import canonical_json
from ledger.core.strict_json import parse_json
from tests.fakes.memory_log import MemoryLog, partner
from tests.property.test_cross import (
    BOXES,
    BUYER,
    MAKER,
    OTHER,
    PACKS,
    PARTY_IDS,
    POLICY,
    SIGNER,
    aggregated,
    document_of,
    histories,
    log_of,
    moved,
    things_of,
)

Bundle = dict[str, Any]


def read(raw: bytes) -> Bundle:
    bundle: Any = parse_json(raw)
    return bundle


def verified(raw: bytes) -> Report:
    report = Report()
    verify_bundle(raw, policy=POLICY, report=report)
    return report


def counted(bundle: Bundle) -> set[int]:
    places = ("events", "outside", "blinded")
    return {one["index"] for place in places for one in bundle.get(place, ())}


def refused(bundle: Bundle) -> str:
    """The step that refuses a bundle."""
    with pytest.raises(StepError) as caught:
        verify_bundle(canonical_json(bundle), policy=POLICY)
    return caught.value.step


def traded(told: list[tuple[int, dict[str, JsonValue]]]) -> MemoryLog:
    """A log of what two parties told, each event once."""
    log = MemoryLog()
    for signer, gln in ((SIGNER, MAKER), (OTHER, BUYER)):
        log.register(signer, gln)
    for number, (who, event) in enumerate(told):
        log.submit(document_of([{**event, "ex:n": number}]), (SIGNER, OTHER)[who])
    log.publish()
    return log


def named(told: list[tuple[int, dict[str, JsonValue]]]) -> list[str]:
    return sorted({thing for _, event in told for thing in things_of(event)})


@settings(max_examples=60, deadline=None)
@given(histories(), st.data())
def test_what_a_viewer_sees_holds_and_hides_the_rest(
    told: list[tuple[int, dict[str, JsonValue]]], data: st.DataObject
) -> None:
    log = traded(told)
    item = data.draw(st.sampled_from(named(told)))
    try:
        raw = log.prove(item, OTHER.party)
    except NotPermittedError:
        whole = read(log.prove(item))
        entries = [decode_event(bytes.fromhex(one["entry"])) for one in whole["events"]]
        assert all(entry.party == SIGNER.party for entry in entries)
        return
    verified(raw)
    bundle, whole = read(raw), read(log.prove(item))
    for event in bundle["events"]:
        entry = decode_event(bytes.fromhex(event["entry"]))
        pointers = {row["pointer"] for row in event["rows"]}
        assert entry.party == OTHER.party or "/ex:n" not in pointers
    for sketch in bundle.get("outside", ()):
        assert decode_event(bytes.fromhex(sketch["entry"])).party == OTHER.party
    assert counted(bundle) == counted(whole)


@settings(max_examples=60, deadline=None)
@given(histories(), st.data())
def test_one_entry_less_never_verifies(
    told: list[tuple[int, dict[str, JsonValue]]], data: st.DataObject
) -> None:
    bundle = read(traded(told).prove(data.draw(st.sampled_from(named(told)))))
    place = data.draw(st.sampled_from(["events", "facts", "outside", "chains"]))
    assume(bundle.get(place))
    gone = data.draw(st.sampled_from(range(len(bundle[place]))))
    index = bundle[place].pop(gone).get("index")
    if not bundle[place] and place == "outside":
        del bundle[place]
    refused(bundle)
    for chain in bundle["chains"]:
        chain["indexes"] = [one for one in chain["indexes"] if one != index]
    bundle["chains"] = [chain for chain in bundle["chains"] if chain["indexes"]]
    assert refused(bundle)


@settings(max_examples=60, deadline=None)
@given(histories(), st.data())
def test_an_entry_more_or_another_in_its_place_never_verifies(
    told: list[tuple[int, dict[str, JsonValue]]], data: st.DataObject
) -> None:
    log, things = traded(told), named(told)
    bundle = read(log.prove(data.draw(st.sampled_from(things))))
    foreign = read(log.prove(data.draw(st.sampled_from(things))))
    known = {one["index"] for one in bundle["events"]}
    others = [one for one in foreign["events"] if one["index"] not in known]
    assume(others)
    taken = {**data.draw(st.sampled_from(others)), "items": []}
    if data.draw(st.booleans(), label="swap"):
        gone = bundle["events"].pop(data.draw(st.sampled_from(range(len(bundle["events"])))))
        bundle.pop("outside", None)
        for chain in bundle["chains"]:
            chain["indexes"] = sorted(
                taken["index"] if one == gone["index"] else one for one in chain["indexes"]
            )
    else:
        for chain in bundle["chains"]:
            if data.draw(st.booleans(), label="also in a chain"):
                chain["indexes"] = sorted([*chain["indexes"], taken["index"]])
    outside = [one for one in bundle.pop("outside", ()) if one["index"] != taken["index"]]
    bundle |= {"outside": outside} if outside else {}
    bundle["events"] = sorted([*bundle["events"], taken], key=lambda one: one["index"])
    assert refused(bundle)


@settings(max_examples=40, deadline=None)
@given(histories(), st.data())
def test_a_bundle_of_one_item_proves_no_other(
    told: list[tuple[int, dict[str, JsonValue]]], data: st.DataObject
) -> None:
    log, things = traded(told), named(told)
    assume(len(things) > 1)
    one, other = data.draw(st.permutations(things))[:2]
    bundle, wanted = read(log.prove(one)), read(log.prove(other))
    bundle["item"] = wanted["item"]
    bundle["containers"] = sorted({*bundle.get("containers", ())} - {wanted["item"]})
    if not bundle["containers"]:
        del bundle["containers"]
    assert refused(bundle)


def signer_keys(event: Bundle) -> set[str]:
    """Keys of the map of the party and the address that sign an event."""
    entry = decode_event(bytes.fromhex(event["entry"]))
    return {entry.party.hex(), key_key(entry.signer).hex()}


def joined(bundle: Bundle, foreign: Bundle, taken: Bundle) -> None:
    """Put an entry of another history into this one, with all that speaks for its signer."""
    wanted = signer_keys(taken) - {chain["key"] for chain in bundle["chains"]}
    chains = [chain for chain in foreign["chains"] if chain["key"] in wanted]
    indexes = {index for chain in chains for index in chain["indexes"]}
    known = {one["index"] for one in bundle["facts"]}
    facts = [one for one in foreign["facts"] if one["index"] in indexes - known]
    bundle["chains"] = sorted([*bundle["chains"], *chains], key=lambda one: one["key"])
    bundle["facts"] = sorted([*bundle["facts"], *facts], key=lambda one: one["index"])
    bundle["events"] = sorted([*bundle["events"], taken], key=lambda one: one["index"])
    outside = [one for one in bundle.pop("outside", ()) if one["index"] != taken["index"]]
    bundle |= {"outside": outside} if outside else {}


@settings(max_examples=60, deadline=None)
@given(histories(), st.data())
def test_an_entry_of_another_item_never_joins_a_history(
    told: list[tuple[int, dict[str, JsonValue]]], data: st.DataObject
) -> None:
    """It is truly signed and logged, and comes with the facts and chains of its signer.

    What a container did outside the item's stay is part of the history already: counted.
    """
    log, things = traded(told), named(told)
    assume(len(things) > 1)
    mine, other = data.draw(st.permutations(things))[:2]
    bundle, foreign = read(log.prove(mine)), read(log.prove(other))
    known = counted(bundle)
    others = [one for one in foreign["events"] if one["index"] not in known]
    assume(others)
    taken = dict(data.draw(st.sampled_from(others)))
    relabelled = [{**one, "item": bundle["item"]} for one in taken["items"][:1]]
    taken["items"] = data.draw(st.sampled_from([taken["items"], relabelled, []]), label="items")
    joined(bundle, foreign, taken)
    if data.draw(st.booleans(), label="in the item's chain"):
        item = item_key(bundle["item"]).hex()
        (chain,) = (one for one in bundle["chains"] if one["key"] == item)
        chain["indexes"] = sorted({*chain["indexes"], taken["index"]})
    assert refused(bundle) in {"map", "items", "scope"}


MEMBERS = ("containers", "chains", "facts", "events", "outside", "head")


@settings(max_examples=150, deadline=None)
@given(histories(), st.data())
def test_a_mixture_of_two_bundles_verifies_only_where_it_is_one_of_them(
    told: list[tuple[int, dict[str, JsonValue]]], data: st.DataObject
) -> None:
    """Each member is of the one, of the other, or of the one under the names of the other."""
    log, things = traded(told), named(told)
    assume(len(things) > 1)
    one, other = (read(log.prove(thing)) for thing in data.draw(st.permutations(things))[:2])
    assume(one["item"] != other["item"])
    names = [(one["item"], other["item"])]
    names += [(item_key(old).hex(), item_key(new).hex()) for old, new in names]
    renamed = canonical_json(one).decode()
    for old, new in names:
        renamed = renamed.replace(old, new)
    sources = [one, other, read(renamed.encode())]
    mixed = {"format": one["format"], "item": other["item"]}
    for name in MEMBERS:
        source = data.draw(st.sampled_from(sources), label=name)
        mixed |= {name: source[name]} if name in source else {}
    if mixed == other:
        verified(canonical_json(mixed))
    else:
        assert refused(mixed)


def test_what_a_container_did_before_the_item_came_shows_where_it_was() -> None:
    pack, case, early, late = PACKS[0], *BOXES
    told = [
        aggregated(1, "ADD", early, case),
        moved(2, early),
        aggregated(3, "DELETE", early),
        aggregated(4, "ADD", late, case),
        aggregated(5, "ADD", case, PACKS[1]),
        aggregated(6, "ADD", case, pack),
        moved(7, late),
        moved(8, early),
        aggregated(9, "DELETE", case),
        aggregated(10, "DELETE", late),
    ]
    log = log_of(told)
    raw = log.prove(pack)
    verified(raw)
    bundle, first = read(raw), len(log.logged) - len(told)
    assert [one["index"] - first for one in bundle["events"]] == [0, 2, 3, 4, 5, 6, 8]
    assert [one["index"] - first for one in bundle["outside"]] == [1, 7, 9]
    # Attack: the release from the early pallet is told as a matter of that pallet alone.
    gone = bundle["events"].pop(1)
    sketch = {"index": gone["index"], "entry": gone["entry"]}
    bundle["outside"] = sorted([*bundle["outside"], sketch], key=lambda one: one["index"])
    assert refused(bundle) == "scope"


def test_every_party_of_an_entry_sees_it_and_packing_is_seen_by_all() -> None:
    pack, case = PACKS[0], BOXES[0]
    handoff = {
        **moved(3, case),
        "destinationList": [{"type": "owning_party", "destination": PARTY_IDS[1]}],
        "ex:price": 17,
    }
    told = [moved(1, pack), {**aggregated(2, "ADD", case, pack, PACKS[1]), "ex:line": 4}, handoff]
    log = log_of(told)
    raw = log.prove(pack, OTHER.party)
    report = verified(raw)
    bundle = read(raw)
    first = len(log.logged) - len(told)
    assert [one["index"] - first for one in bundle["blinded"]] == [0]
    packing, sold = bundle["events"]
    assert {row["pointer"] for row in packing["rows"]} == {
        "/action", "/childEPCs/0", "/eventTime", "/parentID", "/type",
    }  # fmt: skip
    assert "/ex:price" in {row["pointer"] for row in sold["rows"]}
    assert PACKS[1].encode() not in raw
    assert f"undisclosed but counted at index {first}" in report.steps[-1].detail
    with pytest.raises(NotFoundError, match="no such party"):
        log.prove(pack, bytes(32))
    stranger = partner(9, "4012347000007")
    log.register(stranger, "4012347000007")
    log.publish()
    with pytest.raises(NotPermittedError):
        log.prove(pack, stranger.party)


def test_an_erased_event_stays_counted_and_its_item_named() -> None:
    pack, case = PACKS[0], BOXES[0]
    log = log_of([moved(1, pack), aggregated(2, "ADD", case, pack), moved(3, case)])
    shipped = len(log.logged) - 1
    whole = log.prove(pack)
    log.erase(shipped - 1)
    log.erase(shipped)
    with pytest.raises(NotAnchoredError, match="was erased"):
        log.prove(pack)
    log.publish()
    raw = log.prove(pack)
    report = verified(raw)
    bundle = read(raw)
    assert [bool(one["rows"]) for one in bundle["events"]] == [True, False, False]
    assert [one["item"] for one in bundle["events"][2]["items"]] == bundle["containers"]
    assert "erased on legal grounds" in report.steps[-1].detail
    with pytest.raises(NotFoundError, match="erased"):
        log.disclose(str(shipped), fields=[], items=[])
    # Attack: rows withheld without a tombstone.
    kept = read(whole)
    kept["events"][2]["rows"] = []
    assert refused(kept) == "commitment"


def test_keys_that_were_revoked_and_a_registrar_that_changed() -> None:
    log = log_of([moved(1, PACKS[0])])
    log.rotate_registrar()
    log.register(OTHER, BUYER)
    log.submit(document_of([moved(2, PACKS[0])]), OTHER)
    log.revoke(SIGNER)
    log.publish()
    raw = log.prove(PACKS[0])
    verified(raw)
    bundle = read(raw)
    revocation = len(log.logged) - 1
    assert bundle["facts"][-1]["index"] == revocation
    # Attack: the revocation is left out, and the key's chain ends before it.
    bundle["facts"].pop()
    for chain in bundle["chains"]:
        chain["indexes"] = [one for one in chain["indexes"] if one != revocation]
    assert refused(bundle) == "map"


def test_an_item_that_nobody_named_has_a_proof_of_that_and_no_other_item_has() -> None:
    log = log_of([moved(1, *PACKS[:3])])
    proof = log.prover().evidence(PACKS[3])
    report = verified(proof.content)
    assert report.steps[-1].detail.endswith("names /01/04012345111118/21/3")
    with pytest.raises(NotFoundError):
        log.prove(PACKS[3])
    absence = read(proof.content)
    absence["item"] = read(log.prove(PACKS[0]))["item"]
    assert refused(absence) == "absence"


EVENT = {
    **moved(1, *PACKS),
    "eventID": "urn:uuid:00000000-0000-4000-8000-000000000001",
    "bizLocation": {"id": "urn:epc:id:sgln:4012345.00000.0"},
    "ex:a/b~c": {"d": 1},
    "ilmd": {"ex:lot": "A"},
}


@settings(max_examples=40, deadline=None)
@given(
    st.sets(st.sampled_from(["bizLocation", "ilmd", "/ilmd/ex:lot", "ex:a/b~c", "/epcList/2"])),
    st.sets(st.sampled_from(PACKS)),
)
def test_what_is_disclosed_is_what_was_asked_and_what_decides(
    fields: set[str], items: set[str]
) -> None:
    log = log_of([EVENT])
    raw = log.disclose(EVENT["eventID"], fields=fields, items=items)
    verified(raw)
    (event,) = read(raw)["events"]
    rows = {row["pointer"]: json.loads(row["value"]) for row in event["rows"]}
    wanted = {"/type", "/action", "/bizStep", "/eventTime"}
    wanted |= {f"/epcList/{PACKS.index(item)}" for item in items}
    spelt = {"bizLocation": "/bizLocation", "ilmd": "/ilmd/ex:lot", "ex:a/b~c": "/ex:a~1b~0c"}
    wanted |= {spelt.get(field, field) for field in fields}
    assert rows.keys() == wanted
    listed = {value for pointer, value in rows.items() if pointer.startswith("/epcList/")}
    assert len(event["items"]) == len(listed)
    assert not [item for item in set(PACKS) - listed if item.encode() in raw]


@pytest.mark.parametrize(
    ("fields", "items", "told"),
    [
        (["readPoint"], [], r"field: is a member of the event \(.*bizLocation.*'readPoint'"),
        (["/bizLocation/id"], [], "/bizLocation is shown whole or not"),
        (["/epcList/9"], [], "'/epcList/9'"),
        ([], [BOXES[0]], f"item: is named by the event, got '{BOXES[0]}'"),
        ([], ["https://id.gs1.org/01/1"], r"item: \(01\) .*'1'"),
    ],
)
def test_what_an_event_does_not_have_is_named(
    fields: list[str], items: list[str], told: str
) -> None:
    log = log_of([EVENT])
    with pytest.raises(MalformedError, match=told):
        log.disclose(EVENT["eventID"], fields=fields, items=items)
