"""What no entry names, and one row out of many: proofs, and the step where another one fails."""

import json
from collections.abc import Callable

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from unbroken_verifier.errors import StepError
from unbroken_verifier.policy import Policy
from unbroken_verifier.report import Report
from unbroken_verifier.steps import verify_bundle

from tests.verifier import maker, map_maker, story
from tests.verifier.maker import CASE, PACK_A, PACK_B, PALLET, Json, Key, Log, Written, canonical

Edit = Callable[[Json], object]
DECIDING = {"/action", "/bizStep", "/eventTime", "/type", "/destinationList/0"}


def reported(proof: Json) -> Report:
    report = Report()
    verify_bundle(canonical(proof), policy=Policy(), report=report)
    return report


def failing_step(proof: Json) -> str:
    with pytest.raises(StepError) as caught:
        verify_bundle(canonical(proof), policy=Policy())
    return caught.value.step


def copied(proof: Json) -> Json:
    copy: Json = json.loads(canonical(proof))
    return copy


# -- absence -------------------------------------------------------------------------------------


def crowded() -> Log:
    """The story, and an event that names 40 more, so that the map has empty places between."""
    log, _ = story.story()
    paths = [f"/01/04012345111118/21/M{n}" for n in range(40)]
    rows = sorted((maker.key_of(path), 0, path) for path in paths)
    story.commission(log, items=rows, time=maker.T0 + 7000)
    return log


LOG = crowded()


def never_issued(serial: int) -> str:
    return f"/01/04012345111118/21/N{serial}"


ABSENT = never_issued(1)


@settings(deadline=None)
@given(st.integers(0, 10**6))
def test_an_item_that_no_entry_names_is_absent(serial: int) -> None:
    path = never_issued(serial)
    report = reported(LOG.absence(path))
    assert report.steps[-1].detail == f"none of the 13 entries names {path}"
    assert any("container" in line for line in report.not_checked)
    assert any("made the item map" in line for line in report.not_checked)


def both_ends() -> list[Json]:
    """A path that ends in nothing, and one that ends in another key's leaf."""
    proofs = [LOG.absence(never_issued(n)) for n in range(60)]
    empty = next(one for one in proofs if "terminal" not in one)
    return [empty, next(one for one in proofs if "terminal" in one)]


EMPTY, OCCUPIED = both_ends()


@pytest.mark.parametrize("proof", [EMPTY, OCCUPIED])
def test_a_path_may_end_in_nothing_or_in_another_leaf(proof: Json) -> None:
    reported(proof)


def genesis_signed_by_another() -> Json:
    log = Log(registrar=Key(9))
    log.genesis(registrar=maker.REGISTRAR.address.hex())
    log.add_party(story.MAKER)
    return log.absence(ABSENT)


def of_a_present_item() -> Json:
    return LOG.absence(PACK_A[1])


def of_a_present_item_with_the_proof_of_another() -> Json:
    return OCCUPIED | {"item": PACK_A[1]}


def foreign_terminal() -> Json:
    """A leaf that is in the map, and not where the item's path ends."""
    where = bytes.fromhex(OCCUPIED["terminal"]["key"])
    key, value = next(leaf for leaf in LOG.map().items() if leaf[0] != where)
    return OCCUPIED | {"terminal": {"key": key.hex(), "value": value.hex()}}


def invented_terminal() -> Json:
    """A leaf on the path of the item, and not in the map."""
    key = bytes.fromhex(OCCUPIED["terminal"]["key"])
    return OCCUPIED | {"terminal": {"key": key.hex(), "value": "11" * 32}}


def terminal_left_out() -> Json:
    return {name: value for name, value in OCCUPIED.items() if name != "terminal"}


def path_cut_short() -> Json:
    """The proof ends in an inner node, as if the map were smaller."""
    return OCCUPIED | {"siblings": OCCUPIED["siblings"][:-1]}


def empty_sibling_at_the_end() -> Json:
    return EMPTY | {"siblings": [*EMPTY["siblings"], maker.Z.hex()]}


def map_root_of_another_head() -> Json:
    log, _ = story.story()
    story.ship(log, at=900)
    proof = copied(EMPTY)
    proof["head"]["map_root"] = log.head()["map_root"]
    return proof


def another_spelling() -> Json:
    return LOG.absence(PACK_A[1] + "/")


def wrong_check_digit() -> Json:
    return LOG.absence("/01/04012345111119/21/1")


def not_a_path() -> Json:
    return LOG.absence("urn:epc:id:sgtin:4012345.011111.1")


def head_without_map() -> Json:
    proof = copied(EMPTY)
    del proof["head"]["map_root"]
    return proof


def two_facts() -> Json:
    return EMPTY | {"facts": [LOG.proved(0), LOG.proved(2)]}


ABSENCES: dict[str, tuple[str, Callable[[], Json]]] = {
    "genesis by another": ("genesis", genesis_signed_by_another),
    "present item": ("absence", of_a_present_item),
    "present item, proof of another": ("absence", of_a_present_item_with_the_proof_of_another),
    "foreign terminal": ("absence", foreign_terminal),
    "invented terminal": ("absence", invented_terminal),
    "terminal left out": ("absence", terminal_left_out),
    "path cut short": ("absence", path_cut_short),
    "empty sibling at the end": ("absence", empty_sibling_at_the_end),
    "map root of another head": ("checkpoint", map_root_of_another_head),
    "another spelling": ("absence", another_spelling),
    "wrong check digit": ("absence", wrong_check_digit),
    "no path": ("absence", not_a_path),
    "head without map": ("parse", head_without_map),
    "two facts": ("parse", two_facts),
}


@pytest.mark.parametrize("name", ABSENCES)
def test_an_absence_that_is_none_fails_at_its_step(name: str) -> None:
    step, make = ABSENCES[name]
    assert failing_step(make()) == step


@pytest.mark.parametrize("path", ["hibc:A123BJC5D6E71", "iccbba:x", "ifa:111234567842/serial/1"])
def test_a_name_that_no_identifier_yields_is_never_absent(path: str) -> None:
    """It would be of every log, those that name the same thing as `uri:…` among them."""
    assert failing_step(LOG.absence(path)) == "absence"
    reported(LOG.absence(f"uri:{path}"))


@pytest.mark.parametrize("serial", ["%39%38", "a%2fb", "%41", "a/b"])
def test_another_form_of_a_serial_is_never_absent(serial: str) -> None:
    assert failing_step(LOG.absence(f"/01/04012345111118/21/{serial}")) == "absence"
    reported(LOG.absence("/01/04012345111118/21/a%2Fb"))


def test_a_name_of_no_issuer_can_be_absent() -> None:
    reported(LOG.absence("uri:urn:uuid:x"))


def test_a_log_without_items_holds_none() -> None:
    log = Log()
    log.genesis()
    assert log.map() == {}
    assert map_maker.root_of({}) == maker.Z
    assert failing_step(log.absence(ABSENT)) == "parse"  # Z says "no map", not "empty map"


# -- disclosure ----------------------------------------------------------------------------------


def big_pack() -> tuple[Log, Written]:
    """Both packs and a case on a pallet, in one event with fields that are nobody's business."""
    log = story.registered()
    story.commission(log)
    event = maker.event_of(
        60,
        "AggregationEvent",
        "ADD",
        "packing",
        parentID=PALLET[0],
        childEPCs=[PACK_A[0], PACK_B[0], CASE[0]],
        bizLocation={"id": "https://id.gs1.org/414/4012345000054"},
        disposition="in_progress",
    )
    return log, log.write(story.MAKER, story.MAKER_KEY, event, maker.PACK)


BIG, PACKED = big_pack()
ONE_PACK = BIG.disclosure(PACKED, {PACK_A[1]}, DECIDING)


def test_one_row_of_an_event_and_chosen_fields_are_disclosed() -> None:
    report = reported(ONE_PACK)
    (items,) = (step.detail for step in report.steps if step.step == "items")
    assert items == "1 of 4 item rows disclosed; the rows name the same"
    assert any("5 undisclosed rows" in line for line in report.not_checked)
    text = canonical(ONE_PACK).decode()
    for secret in (PACK_B[0], PACK_B[1], CASE[0], "4012345000054", "in_progress"):
        assert secret not in text


def test_more_fields_and_items_may_be_disclosed_or_none() -> None:
    reported(BIG.disclosure(PACKED, {PACK_A[1], PALLET[1]}, {*DECIDING, "/disposition"}))
    reported(BIG.disclosure(PACKED, set(), DECIDING))


def edited(edit: Edit) -> Json:
    proof = copied(ONE_PACK)
    edit(proof)
    return proof


def row(proof: Json, pointer: str) -> Json:
    (found,) = (one for one in proof["events"][0]["rows"] if one["pointer"] == pointer)
    shown: Json = found
    return shown


def row_of_another_event() -> Json:
    """The commissioning names the pack too, by another pointer and salt."""
    other = BIG.disclosed(BIG.events[0], {PACK_A[1]})
    (foreign,) = (one for one in other["rows"] if one["pointer"] == "/epcList/0")
    index = row(ONE_PACK, "/childEPCs/0")["index"]
    return edited(lambda p: row(p, "/childEPCs/0").update(foreign | {"index": index}))


def revocation_left_out() -> Json:
    log = story.registered()
    log.revoke(story.MAKER, story.MAKER_KEY)
    proof = log.disclosure(story.commission(log), {PACK_A[1]}, DECIDING)
    proof["facts"].pop()
    return proof


def revoked_key() -> Json:
    log = story.registered()
    log.revoke(story.MAKER, story.MAKER_KEY)
    return log.disclosure(story.commission(log), {PACK_A[1]}, DECIDING)


def erased() -> Json:
    log = story.registered()
    written = story.commission(log)
    log.erase(written)
    proof = log.disclosure(written, {PACK_A[1]}, set())
    proof["events"][0]["rows"] = []
    return proof


def erased_with_its_tombstone() -> Json:
    log = story.registered()
    written = story.commission(log)
    log.erase(written)
    proof = log.disclosure(written, {PACK_A[1]}, set())
    proof["events"][0]["rows"] = []
    proof["facts"].append(log.proved(log.facts[-1]))
    return proof


def two_events() -> Json:
    return edited(lambda p: p["events"].insert(0, BIG.disclosed(BIG.events[0], {PACK_A[1]})))


DISCLOSURES: dict[str, tuple[str, Callable[[], Json]]] = {
    "value changed": (
        "commitment",
        lambda: edited(lambda p: row(p, "/childEPCs/0").update(value=f'"{PACK_B[0]}"')),
    ),
    "salt changed": (
        "commitment",
        lambda: edited(lambda p: row(p, "/childEPCs/0").update(salt="11" * 16)),
    ),
    "pointer changed": (
        "commitment",
        lambda: edited(lambda p: row(p, "/childEPCs/0").update(pointer="/childEPCs/1")),
    ),
    "row of another event": ("commitment", row_of_another_event),
    "item row of another item": (
        "items",
        lambda: edited(lambda p: p["events"][0]["items"][0].update(item=PACK_B[1])),
    ),
    "item row withheld": ("items", lambda: edited(lambda p: p["events"][0]["items"].clear())),
    "deciding row withheld": (
        "commitment",
        lambda: BIG.disclosure(PACKED, {PACK_A[1]}, DECIDING - {"/type"}),
    ),
    "time withheld": (
        "commitment",
        lambda: BIG.disclosure(PACKED, {PACK_A[1]}, DECIDING - {"/eventTime"}),
    ),
    "chain left out": ("map", lambda: edited(lambda p: p["chains"].pop())),
    "fact left out": ("map", lambda: edited(lambda p: p["facts"].pop())),
    "revocation left out": ("map", revocation_left_out),
    "revoked key": ("entry", revoked_key),
    "erased": ("commitment", erased),
    "erased, with its tombstone": ("map", erased_with_its_tombstone),
    "two events": ("parse", two_events),
    "entries blinded": ("parse", lambda: edited(lambda p: p.update(blinded=[]))),
}


@pytest.mark.parametrize("name", DISCLOSURES)
def test_what_was_not_signed_fails_at_its_step(name: str) -> None:
    step, make = DISCLOSURES[name]
    assert failing_step(make()) == step
