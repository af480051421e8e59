"""No byte of a bundle can change unnoticed."""

import random

import pytest
from unbroken_verifier.errors import StepError
from unbroken_verifier.policy import Policy
from unbroken_verifier.steps import BUNDLE, STEPS, verify_bundle

from tests.verifier.maker import canonical
from tests.verifier.story import short_story

PARTS = 8  # of the file, so that several processes share the work
LIKELY = b"0123456789abcdef"  # one value in eight keeps hexadecimal hexadecimal
NAMES = {"parse", *(name for name, _ in STEPS[BUNDLE])}


def other_values(actual: int, rng: random.Random) -> list[int]:
    """Eight values that a byte has not."""
    likely = rng.choice([one for one in LIKELY if one != actual])
    rest = [one for one in range(256) if one not in {actual, likely}]
    return [likely, *rng.sample(rest, 7)]


@pytest.mark.parametrize("part", range(PARTS))
def test_every_byte_changed_to_eight_other_values_fails_a_named_step(part: int) -> None:
    raw = canonical(short_story()[1])
    verify_bundle(raw, policy=Policy())
    rng = random.Random(part)
    for place in range(part, len(raw), PARTS):
        for value in other_values(raw[place], rng):
            changed = raw[:place] + bytes([value]) + raw[place + 1 :]
            with pytest.raises(StepError) as caught:
                verify_bundle(changed, policy=Policy())
            assert caught.value.step in NAMES
