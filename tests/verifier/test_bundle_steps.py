"""A sound bundle passes every step; another shape, log or anchor does not."""

import json
from collections.abc import Callable
from typing import Any

import pytest
import sha3
from unbroken_verifier.bundle import MAX_OUTSIDE
from unbroken_verifier.canonical import JsonValue
from unbroken_verifier.errors import NotFinalError, RpcError, StepError
from unbroken_verifier.parts import MAX_CHAIN
from unbroken_verifier.policy import Policy
from unbroken_verifier.report import Report
from unbroken_verifier.steps import BUNDLE, STEPS, verify_bundle

from tests.verifier import maker, story
from tests.verifier.maker import CASE, PACK_A, PALLET, Json, canonical

CONTAINERS = [f"/00/{n:018}" for n in range(65)]  # one more than docs/spec/bundle.md allows

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
    roots = bytes.fromhex(bundle["head"]["root"] + bundle["head"]["map_root"])
    record: bytes = sha3.keccak_256(roots).digest()
    return record


def failing_step(bundle: Json, policy: Policy | None = None) -> str:
    with pytest.raises(StepError) as caught:
        verify_bundle(canonical(bundle), policy=policy or Policy())
    return caught.value.step


def test_a_sound_bundle_passes_every_step_and_says_what_was_checked() -> None:
    log, bundle = story.story()
    chain = FakeChain({"finalized": record_of(bundle)})
    report = Report()
    verify_bundle(canonical(bundle), policy=Policy(), rpcs=[chain], report=report)
    assert [step.step for step in report.steps] == ["parse", *(name for name, _ in STEPS[BUNDLE])]
    assert all(step.ok for step in report.steps)
    told = " ".join(step.detail for step in report.steps)
    for fact in (log.log_id.hex(), maker.ORIGIN, "31337", maker.CONTRACT.hex(), "size 12"):
        assert fact in told
    (complete,) = (step.detail for step in report.steps if step.step == "complete")
    assert complete == (
        "all 2 entries that name the item /01/04012345111118/21/1, up to size 12; "
        "all 3 of container /00/006141410000000012"
    )
    for unseen in ("made the item map from the log", "class or lot", "registrar's key"):
        assert any(unseen in line for line in report.not_checked)
    assert json.loads(report.to_json())["ok"] is True


def test_a_bundle_without_rpc_says_that_the_anchor_was_not_checked() -> None:
    report = Report()
    verify_bundle(canonical(story.story()[1]), policy=Policy(), report=report)
    assert "anchor" not in [step.step for step in report.steps]
    assert any("anchor" in line for line in report.not_checked)
    assert any("whose log" in line for line in report.not_checked)


# -- parse ---------------------------------------------------------------------------------------

SOUND = canonical(story.story()[1])


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
    return {**story.story()[1], **members}


def edited(edit: Callable[[Json], object]) -> Json:
    bundle: Json = json.loads(SOUND)
    edit(bundle)
    return bundle


SHAPES: dict[str, Json] = {
    "format": changed(format="unbroken/bundle/v1"),
    "no facts": changed(facts=[]),
    "no events": changed(events=[]),
    "empty containers": changed(containers=[]),
    "too many containers": changed(containers=CONTAINERS),
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
    "empty item": changed(item=""),
    "no map root": edited(lambda b: b["head"].pop("map_root")),
    "empty outside": changed(outside=[]),
    "empty blinded": changed(blinded=[]),
    "too much outside": changed(
        outside=[{"index": 100 + n, "entry": ""} for n in range(MAX_OUTSIDE + 1)]
    ),
    "an index outside and among events": edited(
        lambda b: b.update(outside=[{"index": b["events"][0]["index"], "entry": "00"}])
    ),
    "an index blinded and among facts": edited(
        lambda b: b.update(blinded=[{"index": b["facts"][0]["index"], "leaf_hash": "00" * 32}])
    ),
    "chains out of order": edited(lambda b: b["chains"].reverse()),
    "a chain twice": edited(lambda b: b["chains"].append(b["chains"][-1])),
    "a chain of nothing": edited(lambda b: b["chains"][0].update(indexes=[])),
    "a chain out of order": edited(lambda b: b["chains"][0]["indexes"].reverse()),
    "a chain that is too long": edited(
        lambda b: b["chains"][0].update(indexes=list(range(MAX_CHAIN + 1)))
    ),
    "rows that are no array": edited(lambda b: b["events"][0].update(rows={})),
}


@pytest.mark.parametrize("name", SHAPES)
def test_another_shape_fails_at_parse(name: str) -> None:
    assert failing_step(SHAPES[name]) == "parse"


PINS: dict[str, Any] = {
    "log_id": bytes(32),
    "registrar": bytes(20),
    "chain_id": 1,
    "contract": bytes(20),
}


@pytest.mark.parametrize("name", PINS)
def test_another_log_than_the_pinned_one_fails_at_genesis(name: str) -> None:
    assert failing_step(story.story()[1], Policy(**{name: PINS[name]})) == "genesis"


def test_the_pinned_log_passes() -> None:
    log, bundle = story.story()
    policy = Policy(
        log_id=log.log_id,
        registrar=maker.REGISTRAR.address,
        chain_id=maker.CHAIN_ID,
        contract=maker.CONTRACT,
    )
    verify_bundle(canonical(bundle), policy=policy)


@pytest.mark.parametrize(
    ("policy", "unpinned"),
    [
        (Policy(log_id=story.story()[0].log_id), "contract or chain_id"),
        (Policy(contract=maker.CONTRACT), "chain_id"),
        (Policy(chain_id=maker.CHAIN_ID), "contract"),
    ],
)
@pytest.mark.parametrize("asked", [False, True])
def test_a_contract_that_no_policy_pins_is_not_checked(
    policy: Policy, unpinned: str, *, asked: bool
) -> None:
    report = Report()
    chains = [FakeChain({"finalized": record_of(json.loads(SOUND))})] if asked else []
    verify_bundle(SOUND, policy=policy, rpcs=chains, report=report)
    line = f"whether the contract is the right one: no policy pins {unpinned}"
    assert line in report.not_checked


def test_a_pinned_contract_on_a_pinned_chain_is_checked() -> None:
    report = Report()
    policy = Policy(contract=maker.CONTRACT, chain_id=maker.CHAIN_ID)
    verify_bundle(SOUND, policy=policy, report=report)
    assert not any("right one" in line for line in report.not_checked)


# -- anchor --------------------------------------------------------------------------------------


def test_an_anchor_that_is_not_final_is_no_failure() -> None:
    bundle = story.story()[1]
    chain = FakeChain({"finalized": maker.Z, "latest": record_of(bundle)})
    report = Report()
    with pytest.raises(NotFinalError):
        verify_bundle(canonical(bundle), policy=Policy(), rpcs=[chain], report=report)
    assert report.steps[-1].step == "anchor"
    assert not report.steps[-1].ok


def test_a_contract_that_is_younger_than_the_final_block_is_not_final() -> None:
    bundle = story.story()[1]
    chain = FakeChain({"finalized": b"", "latest": record_of(bundle)})
    with pytest.raises(NotFinalError):
        verify_bundle(canonical(bundle), policy=Policy(), rpcs=[chain])


def test_the_policy_chooses_the_block() -> None:
    bundle = story.story()[1]
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
    bundle = story.story()[1]
    chains = [FakeChain({"finalized": record_of(bundle)}), FakeChain(NO_ANCHOR)]
    with pytest.raises(StepError):
        verify_bundle(canonical(bundle), policy=Policy(), rpcs=chains)


def test_the_pinned_code_is_compared() -> None:
    bundle = story.story()[1]
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
