"""The verifier's paths: the shared vectors, and the ledger's answers to damaged identifiers."""

import json
import random
from pathlib import Path

import pytest
from unbroken_verifier.errors import RefusedError
from unbroken_verifier.identifiers import (
    canonical_path,
    item_key,
    party_key,
    party_path,
    verify_party_path,
)

from ledger.core import identifiers as ledger
from ledger.core.errors import MalformedError

VECTORS = Path(__file__).parents[1] / "vectors" / "identifiers"
ROWS = json.loads((VECTORS / "paths.json").read_bytes())
URNS = json.loads((VECTORS / "epc-urn-to-gs1.json").read_bytes())["rows"]
ALPHABET = "0123456789./:%*#?-AZaz+ é\U0001f600/0121"


@pytest.mark.parametrize("row", ROWS["paths"], ids=lambda row: row["desc"])
def test_a_path_is_what_the_vectors_say(row: dict[str, str]) -> None:
    if "want" in row:
        assert canonical_path(row["identifier"]) == row["want"]
    else:
        with pytest.raises(RefusedError):
            canonical_path(row["identifier"])


@pytest.mark.parametrize("row", ROWS["parties"], ids=lambda row: row["desc"])
def test_a_party_path_is_what_the_vectors_say(row: dict[str, str]) -> None:
    if "want" in row:
        assert party_path(row["identifier"]) == row["want"]
        verify_party_path(row["want"])
    else:
        with pytest.raises(RefusedError):
            party_path(row["identifier"])


@pytest.mark.parametrize("row", URNS, ids=lambda row: row["epc_urn"])
def test_a_urn_and_its_digital_link_have_one_path(row: dict[str, str]) -> None:
    path = canonical_path(row["epc_urn"])
    assert "https://id.gs1.org" + path == row["canonical_digital_link"]
    assert canonical_path(row["canonical_digital_link"]) == path


@pytest.mark.parametrize(
    "path",
    [
        "/414/4012345000054",
        "/417/4012345000055",
        "4012345000054",
        "/417/4012345000054/",
        "",
        "uri:",
    ],
)
def test_a_path_that_no_party_has_is_refused(path: str) -> None:
    with pytest.raises(RefusedError):
        verify_party_path(path)


def damaged(identifier: str, rng: random.Random) -> str:
    """One to three letters inserted, replaced or dropped."""
    letters = list(identifier)
    for _ in range(rng.randint(1, 3)):
        place = rng.randrange(len(letters) + 1)
        letters[place : place + rng.randint(0, 1)] = rng.choice([*ALPHABET, ""])
    return "".join(letters)


def verdict(identifier: str) -> str | None:
    try:
        return canonical_path(identifier)
    except RefusedError:
        return None


def ledger_verdict(identifier: str) -> str | None:
    try:
        return ledger.canonical_path(identifier)
    except MalformedError:
        return None


def test_two_implementations_agree_on_damaged_identifiers() -> None:
    rng = random.Random(9162)
    known = [row["identifier"] for row in ROWS["paths"]]
    known += [text for row in URNS for text in (row["epc_urn"], row["canonical_digital_link"])]
    for _ in range(20_000):
        identifier = damaged(rng.choice(known), rng)
        assert verdict(identifier) == ledger_verdict(identifier), identifier


def test_keys_are_those_of_the_ledger() -> None:
    path = "/01/04012345111118/21/a%2Fb"
    assert item_key(path) == ledger.item_key(path)
    assert party_key(path) == ledger.party_key(path)
