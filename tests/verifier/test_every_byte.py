"""No byte of a file can change unnoticed."""

import json
import random

import pytest
from unbroken_verifier.errors import StepError
from unbroken_verifier.policy import Policy
from unbroken_verifier.steps import STEPS, verify_bundle

from tests.verifier import fault_maker, maker
from tests.verifier.maker import CASE, PACK_A, Json, canonical
from tests.verifier.story import short_story

PARTS = 16  # of each file, so that several processes share the work
VALUES = 8  # tried for each byte
LIKELY = b"0123456789abcdef"  # one value tried keeps hexadecimal hexadecimal
NAMES = {"parse", *(name for steps in STEPS.values() for name, _ in steps)}


def every_member() -> Json:
    """A bundle with something outside and something blinded."""
    log, _ = short_story()
    event = maker.event_of(
        900, "ObjectEvent", "OBSERVE", "x", epcList=[CASE[0]], bizLocation={"id": "x"}
    )
    last = log.write("4012345000009", maker.Key(3), event, maker.OBSERVE)
    return log.bundle(PACK_A[1], [CASE[1]], [one for one in log.events[1:] if one != last])


def disclosure() -> Json:
    log, _ = short_story()
    return log.disclosure(
        log.events[0], {PACK_A[1]}, {"/type", "/action", "/bizStep", "/eventTime"}
    )


FILES: dict[str, Json] = {
    "bundle": every_member(),
    "disclosure": disclosure(),
    "absence": short_story()[0].absence("/01/04012345111118/21/never"),
    "double spend": fault_maker.sold_twice(),
    "two heads": fault_maker.split_view(),
    "fork": fault_maker.forked(),
    "omission": fault_maker.left_out(),
    "omission of the only entry": fault_maker.left_out_alone(),
}


def other_values(actual: int, rng: random.Random) -> list[int]:
    """Values that a byte has not."""
    likely = rng.choice([one for one in LIKELY if one != actual])
    rest = [one for one in range(256) if one not in {actual, likely}]
    return [likely, *rng.sample(rest, VALUES - 1)]


def is_true_of_another_item(changed: bytes, file: Json) -> bool:
    """An absence proof of another absent item, which is as true."""
    own = f'"item":"{file.get("item")}"'.encode()
    if file["format"] != "unbroken/absence/v1" or own in changed:
        return False
    try:
        item = json.loads(changed)["item"]
    except (ValueError, KeyError):
        return False
    return canonical({**file, "item": item}) == changed and item not in maker.PATHS.values()


@pytest.mark.parametrize("part", range(PARTS))
@pytest.mark.parametrize("name", FILES)
def test_every_byte_changed_to_eight_other_values_fails_a_named_step(name: str, part: int) -> None:
    raw = canonical(FILES[name])
    verify_bundle(raw, policy=Policy())
    rng = random.Random(part)
    for place in range(part, len(raw), PARTS):
        for value in other_values(raw[place], rng):
            changed = raw[:place] + bytes([value]) + raw[place + 1 :]
            if is_true_of_another_item(changed, FILES[name]):
                continue
            with pytest.raises(StepError) as caught:
                verify_bundle(changed, policy=Policy())
            assert caught.value.step in NAMES


def test_the_bundle_has_every_member() -> None:
    assert {"containers", "outside", "blinded"} <= FILES["bundle"].keys()
