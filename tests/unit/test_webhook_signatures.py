"""Signatures of pushes, against values made by another tool, and the pauses between attempts."""

import base64
import hashlib
import hmac

import pytest

from ledger.core.errors import MalformedError
from ledger.core.retries import WEBHOOK_RETRIES, RetryPolicy
from ledger.core.webhook_signatures import (
    format_secret,
    gs1_signature,
    parse_secret,
    standard_signature,
)


def test_the_example_of_standard_webhooks() -> None:
    # The specification's own secret, id, timestamp and body, with its signature.
    secret = parse_secret("whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw")
    body = b'{"test": 2432232314}'
    signed = standard_signature(secret, "msg_p5jXN8AQM9LWM0D4loKWxJek", 1614265330, body)
    assert signed == "v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE="


def test_a_gs1_signature_covers_time_and_body() -> None:
    token, body = b"13df38d8275b13f05704629e5f1cf3d45d6132d5", b'{"type":"EPCISQueryDocument"}'
    expected = hmac.new(token, b"1767225600." + body, hashlib.sha256).hexdigest()
    assert gs1_signature(token, 1767225600, body) == f"t=1767225600,v1={expected}"
    others = {
        gs1_signature(token, 1767225601, body),
        gs1_signature(token, 1767225600, body + b" "),
        gs1_signature(token + b"0", 1767225600, body),
    }
    assert len(others) == 3
    assert not any(expected in other for other in others)


def test_a_secret_has_one_spelling() -> None:
    for size in (24, 32, 64):
        assert parse_secret(format_secret(bytes(range(size)))) == bytes(range(size))


@pytest.mark.parametrize(
    "text",
    [
        "", "whsec_", "whsec_!!!!", "MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw",
        "whsec_" + base64.b64encode(bytes(23)).decode(),
        "whsec_" + base64.b64encode(bytes(65)).decode(),
        "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw\n", "whsec_whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw",
    ],
)  # fmt: skip
def test_another_secret_is_refused_and_not_repeated(text: str) -> None:
    with pytest.raises(MalformedError) as refused:
        parse_secret(text)
    assert refused.value.value is None


def test_pauses_double_up_to_the_longest_and_end() -> None:
    policy = RetryPolicy(first_ms=1_000, longest_ms=60_000, attempts=10)
    assert [policy.delay_ms(n, 0.0) for n in range(1, 11)] == [
        500, 1_000, 2_000, 4_000, 8_000, 16_000, 30_000, 30_000, 30_000, None,
    ]  # fmt: skip
    for n in range(1, 10):
        least, most = policy.delay_ms(n, 0.0), policy.delay_ms(n, 0.999999)
        assert least is not None
        assert most is not None
        assert least <= policy.delay_ms(n, 0.5) < most < 2 * least + 1  # type: ignore[operator]


def test_a_receiver_may_be_away_for_a_weekend() -> None:
    weekend_ms, week_ms = 64 * 3_600_000, 7 * 86_400_000
    for chance in (0.0, 0.999):
        pauses = [WEBHOOK_RETRIES.delay_ms(n, chance) for n in range(1, WEBHOOK_RETRIES.attempts)]
        assert weekend_ms < sum(pause or 0 for pause in pauses) < week_ms
    assert RetryPolicy(first_ms=1, longest_ms=5, attempts=10**9).delay_ms(10**8, 0.5) == 3
