"""A sound bundle passes every step; each named attack fails at the step meant for it."""

import json
from collections.abc import Callable
from typing import Any

import pytest
import sha3
from unbroken_verifier.canonical import JsonValue
from unbroken_verifier.errors import NotFinalError, RpcError, StepError
from unbroken_verifier.policy import Policy
from unbroken_verifier.report import Report
from unbroken_verifier.steps import STEPS, verify_bundle

from tests.verifier import maker
from tests.verifier.maker import CASE, PACK_A, PALLET, Json, Log, canonical

Attack = Callable[[], Json]
CODE = b"\x60\x00"


class FakeChain:
    """Answers what it is told; block tag to recorded value."""

    name = "fake"

    def __init__(
        self, records: dict[str, bytes], *, chain_id: int = maker.CHAIN_ID, code: bytes = CODE
    ) -> None:
        self.records = records
        self.chain_id = chain_id
        self.code = code
        self.asked: list[JsonValue] = []

    def call(self, method: str, params: list[JsonValue]) -> JsonValue:
        self.asked.append([method, *params])
        if method == "eth_chainId":
            return hex(self.chain_id)
        if method == "eth_getCode":
            return "0x" + self.code.hex()
        return "0x" + self.records[str(params[1])].hex()


def record_of(bundle: Json) -> bytes:
    return sha3.keccak_256(bytes.fromhex(bundle["head"]["root"]) + maker.Z).digest()


def failing_step(bundle: Json, policy: Policy | None = None) -> str:
    with pytest.raises(StepError) as caught:
        verify_bundle(canonical(bundle), policy=policy or Policy())
    return caught.value.step


def test_a_sound_bundle_passes_every_step_and_says_what_was_checked() -> None:
    log, bundle = maker.story()
    chain = FakeChain({"finalized": record_of(bundle)})
    report = Report()
    verify_bundle(canonical(bundle), policy=Policy(), rpcs=[chain], report=report)
    assert [step.step for step in report.steps] == [step.__name__ for step in STEPS]
    assert all(step.ok for step in report.steps)
    told = " ".join(step.detail for step in report.steps)
    for fact in (log.log_id.hex(), maker.ORIGIN, "31337", maker.CONTRACT.hex(), "size 12"):
        assert fact in told
    assert any("complete" in line for line in report.not_checked)
    assert json.loads(report.to_json())["ok"] is True


def test_a_bundle_without_rpc_says_that_the_anchor_was_not_checked() -> None:
    report = Report()
    verify_bundle(canonical(maker.story()[1]), policy=Policy(), report=report)
    assert "anchor" not in [step.step for step in report.steps]
    assert any("anchor" in line for line in report.not_checked)
    assert any("whose log" in line for line in report.not_checked)


# -- parse ---------------------------------------------------------------------------------------

SOUND = canonical(maker.story()[1])


def edited_text(after: bytes, length: int) -> bytes:
    """The sound bundle with some hexadecimal digits in upper case."""
    start = SOUND.index(after) + len(after)
    return SOUND[:start] + SOUND[start : start + length].upper() + SOUND[start + length :]


BYTES = {
    "empty": b"",
    "trailing newline": SOUND + b"\n",
    "byte order mark": b"\xef\xbb\xbf" + SOUND,
    "utf-16": SOUND.decode().encode("utf-16"),
    "space": SOUND.replace(b'{"', b'{ "', 1),
    "duplicate member": SOUND.replace(b'"format":', b'"format":"x","format":', 1),
    "escaped letter": SOUND.replace(b'"index"', b'"\\u0069ndex"', 1),
    "null": SOUND.replace(b'"index":0', b'"index":null', 1),
    "true": SOUND.replace(b'"index":0', b'"index":true', 1),
    "fraction": SOUND.replace(b'"index":0', b'"index":0.0', 1),
    "minus zero": SOUND.replace(b'"index":0', b'"index":-0', 1),
    "upper-case hex": edited_text(b'"root":"', 20),
    "deep": b"[" * 100_000 + b"]" * 100_000,
    "huge number": SOUND.replace(b'"index":0', b'"index":' + b"9" * 5000, 1),
    "nothing but a text": b'"x"',
    "unknown member": SOUND[:-1] + b',"z":0}',
}


@pytest.mark.parametrize("name", BYTES)
def test_bytes_that_are_not_exactly_a_bundle_fail_at_parse(name: str) -> None:
    raw = BYTES[name]
    assert raw != SOUND
    with pytest.raises(StepError) as caught:
        verify_bundle(raw, policy=Policy())
    assert caught.value.step == "parse"


def changed(**members: object) -> Json:
    return {**maker.story()[1], **members}


def edited(edit: Callable[[Json], object]) -> Json:
    bundle: Json = json.loads(SOUND)
    edit(bundle)
    return bundle


SHAPES: dict[str, Json] = {
    "format": changed(format="unbroken/bundle/v2"),
    "no facts": changed(facts=[]),
    "no events": changed(events=[]),
    "empty containers": changed(containers=[]),
    "item among containers": changed(containers=[PACK_A[1]]),
    "unordered containers": changed(containers=[PALLET[1], CASE[1]]),
    "facts out of order": edited(lambda b: b["facts"].reverse()),
    "an event twice": edited(lambda b: b["events"].append(b["events"][-1])),
    "fact and event share an index": edited(
        lambda b: b["facts"][-1].update(index=b["events"][0]["index"])
    ),
    "rows out of order": edited(lambda b: b["events"][0]["rows"].reverse()),
    "zero map root": edited(lambda b: b["head"].update(map_root="00" * 32)),
    "zero doc_hash": edited(lambda b: b["facts"][1]["submission"].update(doc_hash="00" * 32)),
    "zero spends": edited(lambda b: b["events"][0]["items"][0].update(spends="00" * 32)),
    "role above 5": edited(lambda b: b["events"][0]["items"][0].update(role=6)),
    "short hash": edited(lambda b: b["head"].update(root="00" * 31)),
    "negative index": edited(lambda b: b["facts"][0].update(index=-1)),
    "number beyond 2^53-1": edited(lambda b: b["head"].update(size=2**53)),
    "hash that is no text": edited(lambda b: b["head"].update(root=7)),
    "rows that are no array": edited(lambda b: b["events"][0].update(rows={})),
}


@pytest.mark.parametrize("name", SHAPES)
def test_another_shape_fails_at_parse(name: str) -> None:
    assert failing_step(SHAPES[name]) == "parse"


# -- genesis, checkpoint, inclusion, signature ---------------------------------------------------

PINS: dict[str, Any] = {
    "log_id": bytes(32),
    "registrar": bytes(20),
    "chain_id": 1,
    "contract": bytes(20),
}


@pytest.mark.parametrize("name", PINS)
def test_another_log_than_the_pinned_one_fails_at_genesis(name: str) -> None:
    assert failing_step(maker.story()[1], Policy(**{name: PINS[name]})) == "genesis"


def test_the_pinned_log_passes() -> None:
    log, bundle = maker.story()
    policy = Policy(
        log_id=log.log_id,
        registrar=maker.REGISTRAR.address,
        chain_id=maker.CHAIN_ID,
        contract=maker.CONTRACT,
    )
    verify_bundle(canonical(bundle), policy=policy)


def without_genesis() -> Json:
    return edited(lambda b: b["facts"].pop(0))


def genesis_by_another() -> Json:
    log = Log()
    log.registrar = maker.Key(9)
    log.genesis(registrar=maker.REGISTRAR.address.hex())
    return log.bundle(PACK_A[1], [], [maker.commission(log)])


def genesis_with_another_member() -> Json:
    log = Log()
    log.genesis(note="x")
    return log.bundle(PACK_A[1], [], [maker.commission(log)])


def head_by_another_key() -> Json:
    log, _ = maker.story()
    return log.bundle(PACK_A[1], [CASE[1]], head_by=maker.Key(9))


def head_with_a_map_root() -> Json:
    return edited(lambda b: b["head"].update(map_root="11" * 32))


def indexes_swapped() -> Json:
    def swap(bundle: Json) -> None:
        one, two = bundle["facts"][1], bundle["facts"][2]
        for name in ("entry", "submission"):
            one[name], two[name] = two[name], one[name]

    return edited(swap)


def entry_of_another_log() -> Json:
    log, _ = maker.story()
    log.entries[8] = log.entries[8][:-1] + b"\x00"
    bundle = log.bundle(PACK_A[1], [CASE[1]])
    bundle["head"] = json.loads(SOUND)["head"]
    return bundle


def event_signed_by_another() -> Json:
    log = maker.registered()
    maker.commission(log, signed_by=maker.Key(9))
    return log.bundle(PACK_A[1], [])


def submission_of_another_time() -> Json:
    return edited(lambda b: b["events"][0]["submission"].update(issued_at=1))


def event_without_document() -> Json:
    return edited(lambda b: b["events"][0]["submission"].pop("doc_hash"))


def fact_with_document() -> Json:
    return edited(lambda b: b["facts"][1]["submission"].update(doc_hash="11" * 32))


# -- facts, entry --------------------------------------------------------------------------------


def alone(log: Log) -> Json:
    """The bundle of one commissioning on a log."""
    return log.bundle(PACK_A[1], [], [maker.commission(log)])


def party_of_another_path() -> Json:
    log = Log()
    log.genesis()
    log.add_party(maker.MAKER, path=maker.gln_path(maker.PHARMACY))
    log.add_key(maker.MAKER, maker.MAKER_KEY)
    return alone(log)


def party_path_in_another_spelling() -> Json:
    log = Log()
    log.genesis()
    path = "/414/" + maker.MAKER
    party = maker.sha256(b"unbroken/party/v1\x00" + path.encode()).digest()
    log.fact(3, party, {"fact": "add", "name": "P", "path": path})
    return alone(log)


def fact_by_a_party() -> Json:
    log = Log()
    log.genesis()
    payload = {"fact": "add", "name": "P", "path": maker.gln_path(maker.MAKER)}
    log.fact(3, maker.party_of(maker.MAKER), payload, by=maker.MAKER_KEY)
    return alone(log)


def key_without_possession() -> Json:
    log = Log()
    log.genesis()
    log.add_party(maker.MAKER)
    log.add_key(maker.MAKER, maker.MAKER_KEY, proof_by=maker.Key(9))
    return alone(log)


def key_of_two_parties() -> Json:
    log = maker.registered()
    log.add_key(maker.PHARMACY, maker.MAKER_KEY)
    return alone(log)


def clock_among_the_facts() -> Json:
    log = Log()
    log.genesis()
    log.fact(10, maker.Z, {})
    return alone(log)


def unknown_fact() -> Json:
    log = Log()
    log.genesis()
    log.fact(3, maker.party_of(maker.MAKER), {"fact": "promote"})
    return alone(log)


def revoked_key() -> Json:
    log = maker.registered()
    log.revoke(maker.MAKER, maker.MAKER_KEY)
    return alone(log)


def revocation_by_a_party_that_has_not_the_key() -> Json:
    log = maker.registered()
    log.revoke(maker.PHARMACY, maker.MAKER_KEY)
    return alone(log)


def suspended_party() -> Json:
    log = maker.registered()
    log.fact(3, maker.party_of(maker.MAKER), {"fact": "suspend"})
    return alone(log)


def key_added_later() -> Json:
    log = Log()
    log.genesis()
    log.add_party(maker.MAKER)
    written = maker.commission(log)
    log.add_key(maker.MAKER, maker.MAKER_KEY)
    return log.bundle(PACK_A[1], [], [written])


def key_withheld() -> Json:
    return edited(lambda b: b["facts"].pop(2))


def key_of_another_party() -> Json:
    log = maker.registered()
    event = maker.event_of(0, "ObjectEvent", "ADD", "commissioning", epcList=[PACK_A[0]])
    written = log.write(maker.MAKER, maker.PHARMACY_KEY, event, maker.COMMISSION)
    return log.bundle(PACK_A[1], [], [written])


def commissioned(**changes: Any) -> Attack:
    def attack() -> Json:
        log = maker.registered()
        return log.bundle(PACK_A[1], [], [maker.commission(log, **changes)])

    return attack


# -- commitment, items, scope --------------------------------------------------------------------


def withheld(pointer: str) -> Attack:
    def drop(bundle: Json) -> None:
        for event in bundle["events"]:
            event["rows"] = [row for row in event["rows"] if row["pointer"] != pointer]

    return lambda: edited(drop)


def row_changed() -> Json:
    return edited(lambda b: b["events"][0]["rows"][1].update(value='"receiving"'))


def committed(rows: list[tuple[str, str]]) -> Attack:
    """The commissioning with rows that are not those of the event."""
    return commissioned(rows=sorted(rows))


BASE_ROWS = [
    ("/action", '"ADD"'),
    ("/bizStep", '"commissioning"'),
    ("/epcList/0", f'"{PACK_A[0]}"'),
    ("/eventTime", '"2026-01-01T00:00:00Z"'),
    ("/type", '"ObjectEvent"'),
]


def rows_out_of_order() -> Json:
    return commissioned(rows=[BASE_ROWS[1], BASE_ROWS[0], *BASE_ROWS[2:]])()


VOIDED = sorted([*BASE_ROWS, ("/bizLocation", "{}"), ("/certificationInfo", '"x"')])


def void_step_withheld(rows: list[tuple[str, str]], hidden: int) -> Attack:
    """A commissioning whose bizStep says void_shipping; `hidden` items are withheld as well."""

    def attack() -> Json:
        log = maker.registered()
        told = [(p, '"void_shipping"' if p == "/bizStep" else v) for p, v in rows]
        items = sorted((maker.key_of(p[1]), 0, p[1]) for p in [PACK_A, maker.PACK_B][: hidden + 1])
        written = maker.commission(log, rows=told, items=items)
        written.rows = told
        bundle = log.bundle(PACK_A[1], [])
        shown = bundle["events"][0]["rows"]
        bundle["events"][0]["rows"] = [r for r in shown if r["pointer"] != "/bizStep"]
        return bundle

    return attack


def unpack_all_with_withheld_children() -> Json:
    log = maker.registered()
    written = [maker.commission(log), maker.pack(log)]
    event = maker.event_of(
        90, "AggregationEvent", "DELETE", "x", parentID=CASE[0], childEPCs=[maker.PACK_B[0]]
    )
    written.append(log.write(maker.MAKER, maker.MAKER_KEY, event, maker.UNPACK, flags=2))
    return log.bundle(PACK_A[1], [CASE[1]], written)


def unpack_without_children_not_flagged() -> Json:
    log = maker.registered()
    written = [maker.commission(log), maker.pack(log), maker.unpack(log, flags=0)]
    return log.bundle(PACK_A[1], [CASE[1]], written)


def owner_hidden() -> Json:
    log = maker.registered()
    written = [maker.commission(log), maker.pack(log), maker.ship(log, to_owner=maker.Z)]
    return log.bundle(PACK_A[1], [CASE[1]], written)


def role_mismatch() -> Json:
    rows = sorted((maker.key_of(p[1]), 2, p[1]) for p in (PACK_A, maker.PACK_B))
    return commissioned(items=rows)()


def item_row_withheld() -> Json:
    return edited(lambda b: b["events"][1]["items"].pop())


def event_row_withheld() -> Json:
    return withheld("/childEPCs/0")()


def item_rows_out_of_order() -> Json:
    rows = sorted((maker.key_of(p[1]), 0, p[1]) for p in (PACK_A, maker.PACK_B))
    log = maker.registered()
    event = maker.event_of(0, "ObjectEvent", "ADD", "x", epcList=[PACK_A[0], maker.PACK_B[0]])
    rows.reverse()
    log.write(maker.MAKER, maker.MAKER_KEY, event, maker.COMMISSION, items=rows)
    log.write(
        maker.MAKER,
        maker.MAKER_KEY,
        maker.event_of(
            1, "AggregationEvent", "ADD", "x", parentID=maker.PACK_B[0], childEPCs=[PACK_A[0]]
        ),
        maker.PACK,
    )
    return log.bundle(PACK_A[1], [maker.PACK_B[1]])


def spends_without_a_handoff() -> Json:
    log = maker.registered()
    written = maker.commission(log, spends=bytes([1]) * 32)
    return log.bundle(PACK_A[1], [], [written])


def event_of_another_item() -> Json:
    log = maker.registered()
    maker.commission(log)
    event = maker.event_of(5, "ObjectEvent", "OBSERVE", "x", epcList=[PALLET[0]])
    log.write(maker.MAKER, maker.MAKER_KEY, event, maker.OBSERVE)
    return log.bundle(PACK_A[1], [])


def item_outside_the_bundle() -> Json:
    log = maker.registered()
    written = maker.commission(log)
    bundle = log.bundle(PACK_A[1], [])
    bundle["events"] = [log.disclosed(written, {PACK_A[1], maker.PACK_B[1]})]
    return bundle


def container_never_packed() -> Json:
    log = maker.registered()
    written = [maker.commission(log), maker.ship(log)]
    return log.bundle(PACK_A[1], [CASE[1]], written)


def containers_that_hold_each_other() -> Json:
    log = maker.registered()
    maker.commission(log)
    for parent, child in ((CASE, PALLET), (PALLET, CASE)):
        event = maker.event_of(
            9, "AggregationEvent", "ADD", "x", parentID=parent[0], childEPCs=[child[0]]
        )
        log.write(maker.MAKER, maker.MAKER_KEY, event, maker.PACK)
    return log.bundle(PACK_A[1], [CASE[1], PALLET[1]])


def shipped(at: int) -> Attack:
    """The case is shipped `at` seconds; the pack is in it from 60 to 180."""

    def attack() -> Json:
        log = maker.registered()
        for step in (maker.commission, maker.pack, maker.unpack):
            step(log)
        maker.ship(log, at=at)
        return log.bundle(PACK_A[1], [CASE[1]])

    return attack


ATTACKS: dict[str, tuple[str, Attack]] = {
    "no genesis": ("genesis", without_genesis),
    "genesis signed by another than its registrar": ("genesis", genesis_by_another),
    "genesis with an unknown member": ("genesis", genesis_with_another_member),
    "head by another key": ("checkpoint", head_by_another_key),
    "map root slipped in": ("checkpoint", head_with_a_map_root),
    "indexes swapped": ("inclusion", indexes_swapped),
    "entry of another tree": ("inclusion", entry_of_another_log),
    "event signed by another": ("signature", event_signed_by_another),
    "submission of another time": ("signature", submission_of_another_time),
    "event without document": ("signature", event_without_document),
    "fact with document": ("signature", fact_with_document),
    "party of another path": ("facts", party_of_another_path),
    "party path in another spelling": ("facts", party_path_in_another_spelling),
    "fact by a party": ("facts", fact_by_a_party),
    "key without possession": ("facts", key_without_possession),
    "key of two parties": ("facts", key_of_two_parties),
    "clock among the facts": ("facts", clock_among_the_facts),
    "unknown fact": ("facts", unknown_fact),
    "revocation by another party": ("facts", revocation_by_a_party_that_has_not_the_key),
    "revoked key": ("entry", revoked_key),
    "suspended party": ("entry", suspended_party),
    "key added later": ("entry", key_added_later),
    "key of another party": ("entry", key_of_another_party),
    "key fact withheld": ("entry", key_withheld),
    "on behalf of another": ("entry", commissioned(on_behalf_of=bytes([1]) * 32)),
    "refers without a reason": ("entry", commissioned(refers=bytes([1]) * 32)),
    "unknown flag": ("entry", commissioned(flags=4)),
    "row changed": ("commitment", row_changed),
    "op mismatch": ("commitment", committed([*BASE_ROWS[1:], ("/action", '"DELETE"')])),
    "time mismatch": ("commitment", commissioned(time=maker.T0 + 1)),
    "flag without declaration": ("commitment", commissioned(flags=1)),
    "owner hidden": ("commitment", owner_hidden),
    "possessor invented": ("commitment", commissioned(to_possessor=bytes([1]) * 32)),
    "type withheld": ("commitment", withheld("/type")),
    "action withheld": ("commitment", withheld("/action")),
    "step withheld": ("commitment", withheld("/bizStep")),
    "time withheld": ("commitment", withheld("/eventTime")),
    "destination withheld": ("commitment", withheld("/destinationList/0")),
    "step withheld where no item can stand": ("commitment", void_step_withheld(VOIDED, 1)),
    "step withheld while all items are shown": ("commitment", void_step_withheld(BASE_ROWS, 0)),
    "pointers out of order": ("commitment", rows_out_of_order),
    "value not canonical": ("commitment", committed([*BASE_ROWS, ("/x", "1.0")])),
    "whole list in one row": ("commitment", committed([*BASE_ROWS, ("/childEPCs", '["a"]')])),
    "pointer into a member": ("commitment", committed([*BASE_ROWS, ("/x/y", "1")])),
    "place with a leading zero": ("commitment", committed([*BASE_ROWS, ("/epcList/00", '"a"')])),
    "bad pointer escape": ("commitment", committed([*BASE_ROWS, ("/x~2", "1")])),
    "unpack-all with withheld children": ("commitment", unpack_all_with_withheld_children),
    "unpack-all not flagged": ("commitment", unpack_without_children_not_flagged),
    "role mismatch": ("items", role_mismatch),
    "item row withheld": ("items", item_row_withheld),
    "row naming an item withheld": ("items", event_row_withheld),
    "item rows out of order": ("items", item_rows_out_of_order),
    "token outside a handoff": ("items", spends_without_a_handoff),
    "item outside the bundle": ("items", item_outside_the_bundle),
    "class row without class": ("items", committed([*BASE_ROWS, ("/quantityList/0", "{}")])),
    "identifier malformed": (
        "items",
        committed([*BASE_ROWS, ("/epcList/1", '"urn:epc:id:sgtin:1.2.3"')]),
    ),
    "event of another item": ("scope", event_of_another_item),
    "container never packed": ("scope", container_never_packed),
    "containers that hold each other": ("scope", containers_that_hold_each_other),
    "container shipped before": ("scope", shipped(30)),
    "container shipped after": ("scope", shipped(200)),
}


@pytest.mark.parametrize("name", ATTACKS)
def test_an_attack_fails_at_its_step(name: str) -> None:
    step, attack = ATTACKS[name]
    assert failing_step(attack()) == step


def test_a_key_added_again_signs_again() -> None:
    log = maker.registered()
    log.revoke(maker.MAKER, maker.MAKER_KEY)
    log.add_key(maker.MAKER, maker.MAKER_KEY)
    verify_bundle(canonical(alone(log)), policy=Policy())


def test_an_event_before_the_revocation_stands() -> None:
    log = maker.registered()
    written = maker.commission(log)
    log.revoke(maker.MAKER, maker.MAKER_KEY)
    verify_bundle(canonical(log.bundle(PACK_A[1], [], [written])), policy=Policy())


def test_a_case_in_a_pallet_carries_the_item_with_it() -> None:
    log = maker.registered()
    maker.commission(log)
    event = maker.event_of(
        30, "AggregationEvent", "ADD", "x", parentID=PALLET[0], childEPCs=[CASE[0]]
    )
    log.write(maker.MAKER, maker.MAKER_KEY, event, maker.PACK)
    maker.pack(log)
    maker.ship(log, epc=PALLET[0])
    verify_bundle(canonical(log.bundle(PACK_A[1], [CASE[1], PALLET[1]])), policy=Policy())


# -- anchor --------------------------------------------------------------------------------------


def test_an_anchor_that_is_not_final_is_no_failure() -> None:
    bundle = maker.story()[1]
    chain = FakeChain({"finalized": maker.Z, "latest": record_of(bundle)})
    report = Report()
    with pytest.raises(NotFinalError):
        verify_bundle(canonical(bundle), policy=Policy(), rpcs=[chain], report=report)
    assert report.steps[-1].step == "anchor"
    assert not report.steps[-1].ok


def test_a_contract_that_is_younger_than_the_final_block_is_not_final() -> None:
    bundle = maker.story()[1]
    chain = FakeChain({"finalized": b"", "latest": record_of(bundle)})
    with pytest.raises(NotFinalError):
        verify_bundle(canonical(bundle), policy=Policy(), rpcs=[chain])


def test_the_policy_chooses_the_block() -> None:
    bundle = maker.story()[1]
    chain = FakeChain({"latest": record_of(bundle)})
    verify_bundle(canonical(bundle), policy=Policy(block="latest"), rpcs=[chain])


NO_ANCHOR = {"finalized": maker.Z, "latest": maker.Z}
BAD_CHAINS = {
    "never anchored": [FakeChain(NO_ANCHOR)],
    "no contract": [FakeChain({"finalized": b"", "latest": b""})],
    "another head": [FakeChain({"finalized": bytes([1]) * 32})],
    "another head, not final": [FakeChain({"finalized": maker.Z, "latest": bytes([1]) * 32})],
    "short answer": [FakeChain({"finalized": bytes(31)})],
    "another chain": [FakeChain({"finalized": bytes(32)}, chain_id=1)],
}


@pytest.mark.parametrize("name", BAD_CHAINS)
def test_a_chain_that_does_not_hold_the_head_fails_at_anchor(name: str) -> None:
    with pytest.raises(StepError) as caught:
        verify_bundle(SOUND, policy=Policy(), rpcs=BAD_CHAINS[name])
    assert caught.value.step == "anchor"


def test_all_chains_must_agree() -> None:
    bundle = maker.story()[1]
    chains = [FakeChain({"finalized": record_of(bundle)}), FakeChain(NO_ANCHOR)]
    with pytest.raises(StepError):
        verify_bundle(canonical(bundle), policy=Policy(), rpcs=chains)


def test_the_pinned_code_is_compared() -> None:
    bundle = maker.story()[1]
    chain = FakeChain({"finalized": record_of(bundle)})
    code_hash = sha3.keccak_256(CODE).digest()
    verify_bundle(canonical(bundle), policy=Policy(code_hash=code_hash), rpcs=[chain])
    with pytest.raises(StepError):
        verify_bundle(canonical(bundle), policy=Policy(code_hash=bytes(32)), rpcs=[chain])


def test_an_answer_that_is_no_number_is_the_chains_fault() -> None:
    class Garbage(FakeChain):
        def call(self, method: str, params: list[JsonValue]) -> JsonValue:  # noqa: ARG002
            return "0x"

    with pytest.raises(RpcError):
        verify_bundle(SOUND, policy=Policy(), rpcs=[Garbage({})])
