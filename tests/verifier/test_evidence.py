"""Evidence convicts who contradicts itself, and nobody else."""

import json
from collections.abc import Callable

import pytest
from unbroken_verifier.errors import StepError
from unbroken_verifier.policy import Policy
from unbroken_verifier.report import Report
from unbroken_verifier.signature import ORDER
from unbroken_verifier.steps import verify_bundle

from tests.verifier import fault_maker, maker, story
from tests.verifier.fault_maker import LOG, OTHERS, double_spend, forked, handoff, sold
from tests.verifier.maker import CHAIN_ID, CONTRACT, PACK_A, PACK_B, Json, Key, Log, canonical

Make = Callable[[], Json]
WHOLESALER, PHARMACY = (maker.party_of(gln).hex() for gln in (story.WHOLESALER, story.PHARMACY))
MAKER = story.MAKER_KEY.address.hex()


def reported(evidence: Json, policy: Policy | None = None) -> Report:
    report = Report()
    verify_bundle(canonical(evidence), policy=policy or Policy(), report=report)
    return report


def pair(first: dict[str, object] | None = None, second: dict[str, object] | None = None) -> Json:
    """Two sales, of one log, by default to wholesaler and pharmacy, with other settings."""
    log = Log()
    one = {"to": story.WHOLESALER, **(first or {})}
    two = {"to": story.PHARMACY, **(second or {})}
    sales = [sold(log, **settings) for settings in (one, two)]  # type: ignore[arg-type]
    return double_spend(*(handoff(log, sale) for sale in sales))


# -- double spend: what is proven ----------------------------------------------------------------


def on_two_ledgers() -> Json:
    one, two = Log(), Log(head_key=Key(8))
    assert one.log_id != two.log_id
    return double_spend(
        handoff(one, sold(one, story.WHOLESALER)), handoff(two, sold(two, story.PHARMACY))
    )


def among_others() -> Json:
    """The item is one of two that a shipment names."""
    log = Log()
    rows = sorted((maker.key_of(path), 0, path) for _, path in (PACK_A, PACK_B))
    sales = [sold(log, story.WHOLESALER, items=rows), sold(log, story.PHARMACY)]
    return double_spend(*(handoff(log, sale) for sale in sales))


PROVEN: dict[str, Make] = {
    "on one log": fault_maker.sold_twice,
    "the other way round": lambda: pair({"to": story.PHARMACY}, {"to": story.WHOLESALER}),
    "on two ledgers": on_two_ledgers,
    "years apart": lambda: pair(second={"time": maker.T0 + 10**11}),
    "to another possessor": lambda: pair(second={"to_possessor": bytes([9]) * 32}),
    "among others": among_others,
}


@pytest.mark.parametrize("name", PROVEN)
def test_two_handoffs_of_one_token_to_two_owners_are_proven(name: str) -> None:
    report = reported(PROVEN[name]())
    steps = [step.step for step in report.steps]
    assert steps == ["parse", "domain", "signature", "items", "conflict"]
    told = report.steps[-1].detail
    assert f"key 0x{MAKER} signed two handoffs of item {PACK_A[1]} to owners" in told
    assert WHOLESALER in told
    assert PHARMACY in told
    assert any("whose key" in line for line in report.not_checked)


# -- double spend: what is not -------------------------------------------------------------------


def same_entry_twice() -> Json:
    log = Log()
    sale = handoff(log, sold(log, story.WHOLESALER))
    return double_spend(sale, sale)


def void_then_reship() -> Json:
    """The second sale spends the token of the voided one."""
    log = Log()
    sales = [sold(log, story.WHOLESALER), sold(log, story.PHARMACY, spends=bytes([8]) * 32)]
    return double_spend(*(handoff(log, sale) for sale in sales))


def of_another_item() -> Json:
    return fault_maker.sold_twice() | {"item": PACK_B[1]}


def path_spelt_otherwise() -> Json:
    log, path = Log(), PACK_A[1] + "/"
    rows = [(maker.key_of(path), 0, path)]
    sales = [sold(log, gln, items=rows) for gln in (story.WHOLESALER, story.PHARMACY)]
    return double_spend(*(handoff(log, sale, path) for sale in sales), item=path)


def claimed_without_spending() -> Json:
    """Both sales made no claim."""
    return pair({"spends": maker.Z}, {"spends": maker.Z})


def zero_spent() -> Json:
    return claimed_without_spending() | {"spends": maker.Z.hex()}


def row_of_another_entry() -> Json:
    evidence = fault_maker.sold_twice()
    evidence["handoffs"][1]["row"] = evidence["handoffs"][0]["row"]
    return evidence


def high_s() -> Json:
    evidence = fault_maker.sold_twice()
    sent = evidence["handoffs"][0]["submission"]
    raw = bytes.fromhex(sent["signature"])
    high = (ORDER - int.from_bytes(raw[32:64], "big")).to_bytes(32, "big")
    sent["signature"] = (raw[:32] + high + bytes([55 - raw[64]])).hex()
    return evidence


def in_role(role: int) -> Make:
    def make() -> Json:
        log = Log()
        rows = [(maker.key_of(PACK_A[1]), role, PACK_A[1])]
        sales = [sold(log, gln, items=rows) for gln in (story.WHOLESALER, story.PHARMACY)]
        return double_spend(*(handoff(log, sale) for sale in sales))

    return make


def third_handoff() -> Json:
    evidence = fault_maker.sold_twice()
    evidence["handoffs"].append(evidence["handoffs"][0])
    return evidence


def not_proven_by(**second: object) -> Make:
    return lambda: pair(second=dict(second))


REFUSED: dict[str, tuple[str, Make]] = {
    "retry": ("conflict", same_entry_twice),
    "signed anew": ("conflict", not_proven_by(to=story.WHOLESALER, time=maker.T0)),
    "signed anew to another possessor": (
        "conflict",
        not_proven_by(to=story.WHOLESALER, to_possessor=bytes([9]) * 32),
    ),
    "void then ship again": ("items", void_then_reship),
    "no claim": ("items", claimed_without_spending),
    "zero as a token": ("parse", zero_spent),
    "possession only": ("conflict", not_proven_by(to_owner=maker.Z)),
    "void": ("conflict", not_proven_by(op=maker.VOID)),
    "receipt": ("conflict", not_proven_by(op=maker.RECEIVE)),
    "two keys": ("signature", not_proven_by(signed_by=Key(9))),
    "another item": ("items", of_another_item),
    "a path that no item has": ("items", path_spelt_otherwise),
    "row of another entry": ("items", row_of_another_entry),
    "high s": ("signature", high_s),
    "as an input": ("parse", in_role(3)),
    "three handoffs": ("parse", third_handoff),
    "another chain": ("signature", lambda: fault_maker.sold_twice() | {"chain_id": 1}),
    "another contract": (
        "signature",
        lambda: fault_maker.sold_twice() | {"contract": "11" * 20},
    ),
}


@pytest.mark.parametrize("name", REFUSED)
def test_what_convicts_nobody_fails_at_its_step(name: str) -> None:
    step, make = REFUSED[name]
    with pytest.raises(StepError) as caught:
        reported(make())
    assert caught.value.step == step


def test_another_log_of_one_handoff_is_another_signature() -> None:
    evidence = fault_maker.sold_twice()
    evidence["handoffs"][0]["log_id"] = "11" * 32
    with pytest.raises(StepError) as caught:
        reported(evidence)
    assert caught.value.step == "signature"


def test_an_entry_that_another_key_submitted_convicts_nobody() -> None:
    log = Log()
    sales = [sold(log, story.WHOLESALER), sold(log, story.PHARMACY)]
    entry = log.entries[sales[1].index]
    log.append(entry, Key(9), maker.DOCUMENT_HASH)
    log.submissions[sales[1].index] = log.submissions[-1]
    with pytest.raises(StepError) as caught:
        reported(double_spend(*(handoff(log, sale) for sale in sales)))
    assert caught.value.step == "signature"


# -- heads ---------------------------------------------------------------------------------------


def heads(one: tuple[int, list[bytes], bytes], two: tuple[int, list[bytes], bytes]) -> Json:
    return fault_maker.two_heads(LOG, *(fault_maker.head(LOG, *args) for args in (one, two)))


def other_signer() -> Json:
    evidence = fault_maker.split_view()
    evidence["heads"][1] = fault_maker.head(LOG, 7, OTHERS, maker.Z, Key(9))
    return evidence


def signed_by_a_stranger(**identity: object) -> Json:
    """Two heads of somebody's log, by a key of one's own, that says whose head signer it is."""
    heads = [fault_maker.head(LOG, 7, one, maker.Z, Key(9)) for one in (LEAVES, OTHERS)]
    evidence = fault_maker.two_heads(LOG, *heads)
    return evidence | {"identity": evidence["identity"] | identity}


LEAVES, MAP, OTHER_MAP = fault_maker.LEAVES, bytes([5]) * 32, bytes([6]) * 32


@pytest.mark.parametrize(
    ("evidence", "told"),
    [
        (fault_maker.split_view(), "two heads of size 7 with different roots"),
        (heads((7, LEAVES, MAP), (7, LEAVES, OTHER_MAP)), "size 7 with different map roots"),
        (heads((7, LEAVES, MAP), (7, LEAVES, maker.Z)), "size 7 with different map roots"),
        (forked(), "first 3 entries are not those of its head of size 3"),
    ],
)
def test_heads_that_contradict_each_other_are_proven(evidence: Json, told: str) -> None:
    report = reported(evidence)
    assert told in report.steps[-1].detail
    assert LOG.head_key.address.hex() in report.steps[-1].detail
    assert any("a stolen one convicts" in line for line in report.not_checked)


BAD_HEADS: dict[str, tuple[str, Json]] = {
    "the same head": ("conflict", heads((7, LEAVES, MAP), (7, LEAVES, MAP))),
    "two sizes": ("conflict", heads((6, LEAVES, MAP), (7, OTHERS, MAP))),
    "two keys": ("signature", other_signer()),
    "another log": ("domain", fault_maker.split_view() | {"log_id": "11" * 32}),
    "a stranger's heads": ("signature", signed_by_a_stranger()),
    "a stranger as head signer": (
        "domain",
        signed_by_a_stranger(head_signer=Key(9).address.hex()),
    ),
    "another origin": ("domain", signed_by_a_stranger(origin="other.example/log")),
    "no origin": ("parse", signed_by_a_stranger(origin="")),
    "an endless origin": ("parse", signed_by_a_stranger(origin="x" * 70_000)),
    "one head": (
        "parse",
        fault_maker.split_view() | {"heads": fault_maker.split_view()["heads"][:1]},
    ),
    "no fork": (
        "conflict",
        forked(
            heads=[fault_maker.head(LOG, size, OTHERS, maker.Z) for size in (3, 7)],
        ),
    ),
    "fork with a root that is not the newer tree's": ("conflict", forked(root="11" * 32)),
    "fork with a sibling too few": ("conflict", forked(proof=forked()["proof"][:-1])),
    "fork the other way round": ("conflict", forked(heads=forked()["heads"][::-1])),
    "fork at one size": (
        "conflict",
        forked(heads=[fault_maker.head(LOG, 7, one, maker.Z) for one in (LEAVES, OTHERS)]),
    ),
    "fork from nothing": (
        "conflict",
        forked(heads=[fault_maker.head(LOG, size, OTHERS, maker.Z) for size in (0, 7)]),
    ),
    "fork with a member of two heads": ("parse", fault_maker.split_view() | {"kind": "fork"}),
    "unknown kind": ("parse", fault_maker.split_view() | {"kind": "three_heads"}),
}


@pytest.mark.parametrize("name", BAD_HEADS)
def test_heads_that_do_not_contradict_fail_at_their_step(name: str) -> None:
    step, evidence = BAD_HEADS[name]
    with pytest.raises(StepError) as caught:
        reported(evidence)
    assert caught.value.step == step


# -- omission ------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("evidence", "entries"), [(fault_maker.left_out(), 1), (fault_maker.left_out_alone(), 0)]
)
def test_a_map_that_lacks_an_entry_of_its_log_is_proven(evidence: Json, entries: int) -> None:
    report = reported(evidence)
    steps = [step.step for step in report.steps]
    assert steps == [
        "parse", "genesis", "checkpoint", "inclusion", "signature", "entry", "items", "conflict",
    ]  # fmt: skip
    told = f"has {entries} entries of {PACK_A[1]} and lacks the one at index"
    assert told in report.steps[-1].detail
    assert maker.HEAD_KEY.address.hex() in report.steps[-1].detail
    assert any("anchor" in line for line in report.not_checked)


def honest() -> Json:
    """The map has both sales, and the file says so."""
    log = Log()
    log.genesis()
    sales = [sold(log, gln) for gln in (story.WHOLESALER, story.PHARMACY)]
    return fault_maker.omission(log, sales[1])


def honest_but_short() -> Json:
    """The map has both sales; the file withholds one from the chain."""
    evidence = honest()
    return evidence | {"chain": evidence["chain"][:1]}


def honest_but_denied() -> Json:
    """The map has both sales; the file denies all of them."""
    return honest() | {"chain": []}


def of_a_pack_not_named() -> Json:
    return fault_maker.left_out() | {"item": PACK_B[1]}


def denied_with_a_chain() -> Json:
    """Both a chain and the leaf that stands where there is none."""
    only = fault_maker.left_out_alone()
    blind = {"index": 1, "leaf_hash": "11" * 32}
    return only | {"chain": [blind], "terminal": {"key": "22" * 32, "value": "33" * 32}}


def of_a_fact() -> Json:
    """A party's entry, which names no items."""
    evidence = fault_maker.left_out()
    return evidence | {"omitted": evidence["omitted"] | {"entry": evidence["facts"][0]["entry"]}}


def at_another_index() -> Json:
    evidence = fault_maker.left_out()
    return evidence | {"omitted": evidence["omitted"] | {"index": 1}}


def signed_by_another() -> Json:
    log = Log()
    log.genesis()
    hidden = sold(log, story.WHOLESALER)
    sold(log, story.PHARMACY)
    fault_maker.unlisted(log, hidden)
    return fault_maker.omission(log, hidden, head=log.head(Key(9)))


def under_another_role() -> Json:
    evidence = fault_maker.left_out()
    row = evidence["omitted"]["row"] | {"role": 1}
    return evidence | {"omitted": evidence["omitted"] | {"row": row}}


def without_a_map() -> Json:
    evidence = fault_maker.left_out()
    del evidence["head"]["map_root"]
    return evidence


def out_of_order() -> Json:
    evidence = fault_maker.left_out()
    return evidence | {"chain": evidence["chain"] * 2}


NO_OMISSION: dict[str, tuple[str, Make]] = {
    "an honest map": ("conflict", honest),
    "an honest map, a chain cut short": ("conflict", honest_but_short),
    "an honest map, no chain": ("conflict", honest_but_denied),
    "a pack that the entry does not name": ("items", of_a_pack_not_named),
    "another role": ("items", under_another_role),
    "a chain and its absence": ("parse", denied_with_a_chain),
    "a fact": ("entry", of_a_fact),
    "another index": ("entry", at_another_index),
    "another signer": ("checkpoint", signed_by_another),
    "no map": ("parse", without_a_map),
    "an index twice": ("parse", out_of_order),
}


@pytest.mark.parametrize("name", NO_OMISSION)
def test_what_omits_nothing_fails_at_its_step(name: str) -> None:
    step, make = NO_OMISSION[name]
    with pytest.raises(StepError) as caught:
        reported(make())
    assert caught.value.step == step


# -- policy --------------------------------------------------------------------------------------

SOLD = json.loads(canonical(fault_maker.sold_twice()))
PINS = [
    (SOLD, Policy(chain_id=1)),
    (SOLD, Policy(contract=bytes(20))),
    (fault_maker.split_view(), Policy(log_id=bytes(32))),
    (forked(), Policy(log_id=bytes(32))),
    (forked(), Policy(registrar=bytes(20))),
]
OMISSION_PINS = [
    Policy(log_id=bytes(32)), Policy(registrar=bytes(20)), Policy(chain_id=1),
    Policy(contract=bytes(20)),
]  # fmt: skip


@pytest.mark.parametrize(("evidence", "policy"), PINS)
def test_another_domain_than_the_pinned_one_is_refused(evidence: Json, policy: Policy) -> None:
    with pytest.raises(StepError) as caught:
        reported(evidence, policy)
    assert caught.value.step == "domain"


@pytest.mark.parametrize("policy", OMISSION_PINS)
def test_an_omission_of_another_log_than_the_pinned_one_is_refused(policy: Policy) -> None:
    with pytest.raises(StepError) as caught:
        reported(fault_maker.left_out(), policy)
    assert caught.value.step == "genesis"


def test_what_is_pinned_is_checked_and_what_is_not_is_said() -> None:
    pinned = reported(SOLD, Policy(chain_id=CHAIN_ID, contract=CONTRACT))
    assert not any("no policy pins" in line for line in pinned.not_checked)
    for policy, names in [
        (Policy(), "chain_id or contract"),
        (Policy(chain_id=CHAIN_ID), "contract"),
    ]:
        assert any(line.endswith(f"pins {names}") for line in reported(SOLD, policy).not_checked)
    reported(forked(), Policy(log_id=LOG.log_id))
