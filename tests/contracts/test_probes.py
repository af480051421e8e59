"""Public consistency probes against the deployed contract's `anchor`."""

import base64
import json
from pathlib import Path
from typing import Any

import pytest

from tests.conftest import ConformanceTally
from tests.contracts.anchored_log import AnchoredLog, simulated_anchor

pytestmark = pytest.mark.chain

HASH = 32
UINT64 = 1 << 64


def _is_encodable(old: tuple[int, bytes], new: tuple[int, bytes], proof: list[bytes]) -> bool:
    hashes = [old[1], new[1], *proof]
    return 0 < old[0] < UINT64 and 0 <= new[0] < UINT64 and all(len(h) == HASH for h in hashes)


def _expected(old: tuple[int, bytes], new: tuple[int, bytes], *, refused: bool) -> str | None:
    """`anchor` takes growth only, so even a true proof between equal sizes is refused."""
    if new[0] <= old[0]:
        return "NotGrowing"
    return "InconsistentHead" if refused else None


def _read_probe(path: Path) -> tuple[tuple[int, bytes], tuple[int, bytes], list[bytes], bool]:
    probe: dict[str, Any] = json.loads(path.read_text())

    def octets(text: str | None) -> bytes:
        return base64.b64decode(text or "")

    old = probe["size1"], octets(probe["root1"])
    new = probe["size2"], octets(probe["root2"])
    return old, new, [octets(text) for text in probe["proof"] or []], probe["wantErr"]


def test_contract_agrees_with_every_encodable_probe(
    log: AnchoredLog, conformance_data: Path, conformance_tally: ConformanceTally
) -> None:
    folder = conformance_data / "log" / "rfc6962-probes" / "consistency"
    tried, accepted, wrong = 0, 0, []
    for path in sorted(folder.rglob("*.json")):
        old, new, proof, refused = _read_probe(path)
        if not _is_encodable(old, new, proof):
            assert refused or old == new, path.name  # only size 0 to size 0 is accepted
            continue
        answer = simulated_anchor(log, old, new, proof)
        tried += 1
        accepted += answer is None
        if answer != _expected(old, new, refused=refused):
            wrong.append((path.name, answer))
    conformance_tally(tried, len(wrong))
    assert not wrong
    assert tried
    assert accepted


def test_contract_agrees_on_trees_up_to_two_to_the_forty_one(
    log: AnchoredLog, conformance_data: Path, conformance_tally: ConformanceTally
) -> None:
    cases = json.loads((conformance_data / "log" / "own" / "rfc9162_large.json").read_text())
    tried, wrong = 0, []
    for case in cases["cases"]:
        if case["kind"] != "consistency":
            continue
        old = case["size1"], bytes.fromhex(case["root1"])
        new = case["size2"], bytes.fromhex(case["root2"])
        proof = [bytes.fromhex(text) for text in case["proof"]]
        if not _is_encodable(old, new, proof):
            assert not case["ok"]
            continue
        tried += 1
        answer = simulated_anchor(log, old, new, proof)
        if answer != _expected(old, new, refused=not case["ok"]):
            wrong.append((old[0], new[0], answer))
    conformance_tally(tried, len(wrong))
    assert not wrong
    assert tried
