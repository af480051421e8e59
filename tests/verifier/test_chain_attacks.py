"""Attacks on completeness: a history with an entry left out, put in or hidden, and its step."""

import json
from collections.abc import Callable

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from unbroken_verifier.errors import StepError
from unbroken_verifier.policy import Policy
from unbroken_verifier.report import Report
from unbroken_verifier.steps import verify_bundle

from tests.verifier import maker, story
from tests.verifier.maker import CASE, PACK_A, PACK_B, PALLET, Json, Log, Written, canonical

Attack = Callable[[], Json]
LOG, BUNDLE = story.story()
SOUND = canonical(BUNDLE)
ITEM_KEY, CASE_KEY = (maker.key_of(path).hex() for path in (PACK_A[1], CASE[1]))


def edited(edit: Callable[[Json], object]) -> Json:
    bundle: Json = json.loads(SOUND)
    edit(bundle)
    return bundle


def chain_of(bundle: Json, key: str) -> Json:
    (chain,) = (one for one in bundle["chains"] if one["key"] == key)
    found: Json = chain
    return found


def reported(bundle: Json) -> Report:
    report = Report()
    verify_bundle(canonical(bundle), policy=Policy(), report=report)
    return report


def detail(report: Report, name: str) -> str:
    (told,) = (step.detail for step in report.steps if step.step == name)
    return told


# -- chains --------------------------------------------------------------------------------------


def entry_left_out() -> Json:
    """The shipment of the case, with its index."""

    def drop(bundle: Json) -> None:
        index = bundle["events"].pop(2)["index"]
        chain_of(bundle, CASE_KEY)["indexes"].remove(index)

    return edited(drop)


def entry_left_out_of_the_file_only() -> Json:
    return edited(lambda b: b["events"].pop(2))


def index_added() -> Json:
    """A shipment of the case is said to name the item as well."""

    def add(bundle: Json) -> None:
        chain_of(bundle, ITEM_KEY)["indexes"].append(bundle["events"][2]["index"])

    return edited(add)


def indexes_swapped_between_entries() -> Json:
    def swap(bundle: Json) -> None:
        one, two = bundle["events"][0], bundle["events"][1]
        one["index"], two["index"] = two["index"], one["index"]
        bundle["events"].sort(key=lambda event: event["index"])

    return edited(swap)


def chain_of_another_item() -> Json:
    """The other pack has the same entries, so only the key tells them apart."""
    other = LOG.chain(maker.key_of(PACK_B[1]))
    return edited(lambda b: chain_of(b, ITEM_KEY).update(siblings=other["siblings"]))


def bundle_of_another_item() -> Json:
    return edited(lambda b: b.update(item=PACK_B[1]))


def bundle_of_another_item_with_its_chain() -> Json:
    def relabel(bundle: Json) -> None:
        bundle["item"] = PACK_B[1]
        chain_of(bundle, ITEM_KEY).update(LOG.chain(maker.key_of(PACK_B[1])))
        bundle["chains"].sort(key=lambda chain: chain["key"])

    return edited(relabel)


def sibling_changed() -> Json:
    return edited(lambda b: chain_of(b, ITEM_KEY)["siblings"].__setitem__(0, "11" * 32))


def sibling_missing() -> Json:
    return edited(lambda b: chain_of(b, ITEM_KEY)["siblings"].pop())


def map_root_of_another_head() -> Json:
    log, bundle = story.story()
    story.ship(log, at=900, epc=PACK_B[0])
    bundle["head"]["map_root"] = log.head()["map_root"]
    return bundle


def entry_left_out_of_the_map() -> Json:
    """The operator signs a map that lacks the unpacking."""
    log, _ = story.story()
    log.names[log.entries[-1]] = set()
    return log.bundle(PACK_A[1], [CASE[1]])


def chain_missing() -> Json:
    return edited(lambda b: b["chains"].remove(chain_of(b, CASE_KEY)))


def chain_too_many() -> Json:
    def add(bundle: Json) -> None:
        bundle["chains"].append(LOG.chain(maker.key_of(PACK_B[1])))
        bundle["chains"].sort(key=lambda chain: chain["key"])

    return edited(add)


def index_beyond_the_head() -> Json:
    def add(bundle: Json) -> None:
        bundle["blinded"] = [{"index": 99, "leaf_hash": "11" * 32}]
        chain_of(bundle, ITEM_KEY)["indexes"].append(99)

    return edited(add)


def item_row_of_the_container_hidden() -> Json:
    """The PACK shows its child only: the case would have held nothing."""

    def hide(bundle: Json) -> None:
        event = bundle["events"][1]
        event["items"] = [row for row in event["items"] if row["item"] != CASE[1]]
        event["rows"] = [row for row in event["rows"] if row["pointer"] != "/parentID"]

    return edited(hide)


# -- parties and keys ----------------------------------------------------------------------------


def revoked() -> tuple[Log, Written]:
    """The maker's key is revoked, and signs all the same."""
    log = story.registered()
    log.revoke(story.MAKER, story.MAKER_KEY)
    return log, story.commission(log)


def revocation_shown() -> Json:
    log, written = revoked()
    return log.bundle(PACK_A[1], [], [written])


def revocation_left_out() -> Json:
    log, written = revoked()
    facts = log.facts_about(log.signers([written]))[:-1]
    return log.bundle(PACK_A[1], [], [written], facts)


def revocation_left_out_of_the_chains() -> Json:
    log, _ = revoked()
    index = log.facts[-1]
    bundle = revocation_left_out()
    for chain in bundle["chains"]:
        chain["indexes"] = [one for one in chain["indexes"] if one != index]
    return bundle


def revocation_blinded() -> Json:
    log, _ = revoked()
    bundle = revocation_left_out()
    leaf = maker.leaf_hash(log.entries[log.facts[-1]])
    return bundle | {"blinded": [{"index": log.facts[-1], "leaf_hash": leaf.hex()}]}


def revocation_outside() -> Json:
    log, _ = revoked()
    bundle = revocation_left_out()
    entry = log.entries[log.facts[-1]]
    return bundle | {"outside": [{"index": log.facts[-1], "entry": entry.hex()}]}


def suspension_left_out() -> Json:
    log = story.registered()
    log.fact(3, maker.party_of(story.MAKER), {"fact": "suspend"})
    written = story.commission(log)
    facts = log.facts_about(log.signers([written]))[:-1]
    return log.bundle(PACK_A[1], [], [written], facts)


def facts_of_nobody_in_it() -> Json:
    log, _ = story.story()
    return log.bundle(PACK_A[1], [], [log.events[0]], log.facts)


# -- what is outside -----------------------------------------------------------------------------


def moved_out(place: int) -> Callable[[Json], None]:
    """An event of the bundle becomes a sketch."""

    def edit(bundle: Json) -> None:
        event = bundle["events"].pop(place)
        bundle["outside"] = [{"index": event["index"], "entry": event["entry"]}]

    return edit


def own_entry_outside() -> Json:
    return edited(moved_out(0))


def stay_outside() -> Json:
    """The case was shipped with the item in it."""
    return edited(moved_out(2))


def release_outside() -> Json:
    """The unpacking, at the end of the stay, which is in it."""
    log, bundle = story.short_story()
    moved_out(3)(bundle)
    assert bundle["outside"][0]["index"] == len(log.entries) - 1
    return bundle


def nest(log: Log, parent: tuple[str, str], child: tuple[str, str], at: int) -> Written:
    event = maker.event_of(
        at, "AggregationEvent", "ADD", "x", parentID=parent[0], childEPCs=[child[0]]
    )
    return log.write(story.MAKER, story.MAKER_KEY, event, maker.PACK)


def outer_container_hidden() -> Json:
    """The case was in a pallet before the pack came in: the pallet's shipment would be missing."""
    log = story.registered()
    shown = [story.commission(log)]
    nest(log, PALLET, CASE, 30)
    shown.append(story.pack(log))
    story.ship(log, epc=PALLET[0])
    return log.bundle(PACK_A[1], [CASE[1]], shown)


def release_hidden_before_the_stay() -> Json:
    """The case had left the pallet: the pallet's later journey would be the item's."""
    log = story.registered()
    shown = [story.commission(log), nest(log, PALLET, CASE, 30)]
    event = maker.event_of(40, "AggregationEvent", "DELETE", "x", parentID=PALLET[0])
    log.write(story.MAKER, story.MAKER_KEY, event, maker.UNPACK, flags=2)
    shown += [story.pack(log), story.ship(log, epc=PALLET[0])]
    return log.bundle(PACK_A[1], [CASE[1], PALLET[1]], shown)


def not_an_event_outside() -> Json:
    log, _ = story.story()
    log.entries[-1] = log.entries[-1][:4] + b"\x0a" + log.entries[-1][5:]
    log.names[log.entries[-1]] = {bytes.fromhex(CASE_KEY)}
    return log.bundle(PACK_A[1], [CASE[1]], log.events[:3])


ATTACKS: dict[str, tuple[str, Attack]] = {
    "entry left out, with its index": ("map", entry_left_out),
    "entry left out, its index not": ("map", entry_left_out_of_the_file_only),
    "index added": ("map", index_added),
    "entries swapped": ("inclusion", indexes_swapped_between_entries),
    "siblings of another item": ("map", chain_of_another_item),
    "bundle relabelled": ("map", bundle_of_another_item),
    "bundle relabelled, with the chain": ("map", bundle_of_another_item_with_its_chain),
    "sibling changed": ("map", sibling_changed),
    "sibling missing": ("map", sibling_missing),
    "map root of another head": ("checkpoint", map_root_of_another_head),
    "entry left out of the map": ("map", entry_left_out_of_the_map),
    "chain missing": ("map", chain_missing),
    "chain too many": ("map", chain_too_many),
    "index beyond the head": ("map", index_beyond_the_head),
    "container's row hidden": ("map", item_row_of_the_container_hidden),
    "revoked key": ("entry", revocation_shown),
    "revocation left out": ("map", revocation_left_out),
    "revocation left out of the chains": ("map", revocation_left_out_of_the_chains),
    "revocation blinded": ("map", revocation_blinded),
    "revocation outside": ("map", revocation_outside),
    "suspension left out": ("map", suspension_left_out),
    "facts of nobody in it": ("map", facts_of_nobody_in_it),
    "own entry outside": ("map", own_entry_outside),
    "entry of the stay outside": ("scope", stay_outside),
    "end of the stay outside": ("scope", release_outside),
    "outer container hidden": ("scope", outer_container_hidden),
    "release before the stay hidden": ("scope", release_hidden_before_the_stay),
    "no event outside": ("scope", not_an_event_outside),
}


@pytest.mark.parametrize("name", ATTACKS)
def test_an_attack_fails_at_its_step(name: str) -> None:
    step, attack = ATTACKS[name]
    with pytest.raises(StepError) as caught:
        verify_bundle(canonical(attack()), policy=Policy())
    assert caught.value.step == step


# -- what stands ---------------------------------------------------------------------------------


def test_an_entry_of_the_container_before_and_after_the_stay_may_be_outside() -> None:
    log = story.registered()
    story.ship(log, at=10)
    shown = [story.commission(log), story.pack(log), story.unpack(log)]
    story.ship(log, at=900)
    nest(log, PALLET, CASE, 950)
    report = reported(log.bundle(PACK_A[1], [CASE[1]], shown))
    assert "3 entries of containers are outside" in detail(report, "scope")
    assert "undisclosed" not in detail(report, "complete")


def test_a_pack_of_the_container_before_the_stay_is_shown() -> None:
    """What `outer_container_hidden` hides, shown: the pallet's journey is the item's."""
    log = story.registered()
    story.commission(log)
    nest(log, PALLET, CASE, 30)
    story.pack(log)
    story.ship(log, epc=PALLET[0])
    reported(log.bundle(PACK_A[1], [CASE[1], PALLET[1]]))


def test_a_container_that_was_left_before_the_stay_needs_its_release_only() -> None:
    log = story.registered()
    shown = [story.commission(log), nest(log, PALLET, CASE, 30)]
    event = maker.event_of(40, "AggregationEvent", "DELETE", "x", parentID=PALLET[0])
    shown.append(log.write(story.MAKER, story.MAKER_KEY, event, maker.UNPACK, flags=2))
    shown.append(story.pack(log))
    story.ship(log, epc=PALLET[0])
    reported(log.bundle(PACK_A[1], [CASE[1], PALLET[1]], shown))


def test_an_undisclosed_entry_of_the_item_is_counted_and_named() -> None:
    log, _ = story.story()
    report = reported(log.bundle(PACK_A[1], [CASE[1]], log.events[1:]))
    index = log.events[0].index
    assert f"undisclosed but counted at index {index}" in detail(report, "complete")
    assert any(f"undisclosed entries at index {index}" in line for line in report.not_checked)


def test_an_undisclosed_entry_of_the_container_is_said() -> None:
    log, _ = story.story()
    shipped = log.events.pop(2)
    bundle = log.bundle(PACK_A[1], [CASE[1]])
    bundle["blinded"] = bundle.pop("outside")
    leaf = maker.leaf_hash(log.entries[shipped.index]).hex()
    bundle["blinded"] = [{"index": shipped.index, "leaf_hash": leaf}]
    told = f"complete for the item's own chain; container at index {shipped.index} undisclosed"
    assert told in detail(reported(bundle), "complete")


def test_a_pack_without_its_parent_is_said() -> None:
    log = story.registered()
    written = [story.commission(log), story.pack(log)]
    told = f"complete for the item's own chain; container at index {written[1].index} undisclosed"
    assert told in detail(reported(log.bundle(PACK_A[1], [], written)), "complete")


EVENTS = range(len(LOG.events))


@settings(deadline=None)
@given(st.sampled_from(("removed", "added", "swapped")), st.data())
def test_a_history_with_one_entry_changed_never_verifies(how: str, data: st.DataObject) -> None:
    """One entry removed from its chains, added to one, or swapped with another."""
    bundle: Json = json.loads(SOUND)
    place = data.draw(st.sampled_from(EVENTS))
    index = bundle["events"][place]["index"]
    if how == "removed":
        del bundle["events"][place]
        for chain in bundle["chains"]:
            chain["indexes"] = [one for one in chain["indexes"] if one != index]
    elif how == "added":
        absent = [chain for chain in bundle["chains"] if index not in chain["indexes"]]
        chain = data.draw(st.sampled_from(absent))
        chain["indexes"] = sorted([*chain["indexes"], index])
    else:
        other = data.draw(st.sampled_from([one for one in EVENTS if one != place]))
        one, two = bundle["events"][place], bundle["events"][other]
        for name in data.draw(st.sampled_from((["entry"], ["entry", "inclusion", "submission"]))):
            one[name], two[name] = two[name], one[name]
    with pytest.raises(StepError):
        verify_bundle(canonical(bundle), policy=Policy())
