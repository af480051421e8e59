"""Keyboards: what arrives is what the layouts say, and can be taken back."""

import string

import pytest

from ledger.core.barcodes.keyboards import (
    LAYOUT_FAULTS,
    Mistyping,
    swap_case,
    swap_shift,
    type_on,
    untype,
)

US_ON_AZERTY = Mistyping("US", "AZERTY")


@pytest.mark.parametrize(
    ("scanner", "host", "typed", "arrives"),
    [
        ("US", "AZERTY", "0123456789", "à&é\"'(-è_ç"),
        ("US", "AZERTY", "AQWZM,;:./()-", "QAZW?;mM:!90)"),
        ("US", "AZERTY", "]d2", "$dé"),
        ("AZERTY", "US", "0123456789", ")!@#$%^&*("),
        ("US", "QWERTZ", "https://id.gs1.org/01?a=Y-z", "httpsÖ--id.gs1.org-01_a\u00b4Zßy"),
        ("US", "QWERTZ", "]d2(01)", "+d2)01="),
        ("QWERTZ", "US", "https://id/yz-Y?", "https>&&id&zy/Z_"),
        ("QWERTZ", "US", "]", "9"),
        ("AZERTY", "US", "]", "-"),
    ],
)
def test_what_arrives(scanner: str, host: str, typed: str, arrives: str) -> None:
    assert type_on(typed, Mistyping(scanner, host)) == arrives


@pytest.mark.parametrize("fault", LAYOUT_FAULTS, ids=lambda one: f"{one.scanner} on {one.host}")
def test_letters_and_digits_are_taken_back(fault: Mistyping) -> None:
    text = string.ascii_letters + string.digits + "\x1d"
    assert untype(type_on(text, fault), fault) == text
    assert fault.scanner in fault.words
    assert fault.host in fault.words


def test_set_82_survives_a_us_scanner() -> None:
    text = "!\"%&'()*+,-./:;<=>?_"
    for host in ("AZERTY", "QWERTZ"):
        fault = Mistyping("US", host)
        assert untype(type_on(text, fault), fault) == text


def test_a_dead_key_joins_the_next_letter() -> None:
    assert untype("\u00c1123", Mistyping("US", "QWERTZ")) == "=A123"
    assert untype("é", US_ON_AZERTY) == "2"


def test_caps_lock_takes_letters_and_shift_lock_digits_too() -> None:
    assert swap_case("aB1é-ß") == "Ab1é-ß"
    assert swap_shift("é&aB", "AZERTY") == "21Ab"
    assert swap_shift(swap_shift("é&aB-", "AZERTY"), "AZERTY") == "é&aB-"
