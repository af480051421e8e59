"""Public and own vectors of trees against the ledger's implementation."""

import json
from base64 import b64decode
from binascii import unhexlify
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from unbroken_verifier.trillian import _parse

from ledger.core.checkpoint import checkpoint_text, signed_note
from ledger.core.errors import ProofError
from ledger.core.merkle import (
    EMPTY_ROOT,
    Levels,
    leaf_hash,
    root_hash,
    verify_consistency,
    verify_inclusion,
)
from ledger.core.tiles import TILE_HEIGHT
from tests.conftest import ConformanceTally

OWN = Path(__file__).parents[1] / "vectors" / "log" / "rfc9162_large.json"
Json = dict[str, Any]


def holds(case: Json, octets: Any) -> bool:  # noqa: ANN401
    """Whether the ledger accepts a probe; `octets` reads its encoding."""
    proof = [octets(one) for one in case["proof"] or []]
    try:
        if "size1" in case:
            verify_consistency(
                old=case["size1"],
                new=case["size2"],
                old_root=octets(case["root1"]),
                new_root=octets(case["root2"]),
                proof=proof,
            )
        else:
            verify_inclusion(
                index=case.get("leafIdx", case.get("index")),
                size=case.get("treeSize", case.get("size")),
                leaf=octets(case["leafHash"]),
                proof=proof,
                root=octets(case["root"]),
            )
    except ProofError:
        return False
    return True


def wrong_cases(cases: list[Json]) -> list[int]:
    return [n for n, case in enumerate(cases) if holds(case, unhexlify) != case["ok"]]


def test_trees_of_every_magnitude_agree() -> None:
    cases = json.loads(OWN.read_bytes())["cases"]
    assert len(cases) == 107
    assert {case["ok"] for case in cases} == {True, False}
    assert not wrong_cases(cases)


def test_own_vectors_are_the_shared_ones(
    conformance_data: Path, conformance_tally: ConformanceTally
) -> None:
    cases = json.loads((conformance_data / "log" / "own" / "rfc9162_large.json").read_bytes())[
        "cases"
    ]
    wrong = wrong_cases(cases)
    conformance_tally(len(cases), len(wrong))
    assert not wrong


def base64_octets(text: str | None) -> bytes:
    return b64decode(text or "")


def test_every_public_probe_agrees(
    conformance_data: Path, conformance_tally: ConformanceTally
) -> None:
    files = sorted((conformance_data / "log" / "rfc6962-probes").rglob("*.json"))
    probes = {file: json.loads(file.read_bytes()) for file in files}
    wrong = [
        file.name
        for file, probe in probes.items()
        if holds(probe, base64_octets) == probe["wantErr"]
    ]
    conformance_tally(len(probes), len(wrong))
    assert len(probes) == 121
    assert not wrong


@pytest.mark.parametrize("size", [96, 871], ids=str)
def test_every_node_of_a_dumped_tree_agrees(
    size: int, conformance_data: Path, conformance_tally: ConformanceTally
) -> None:
    text = (conformance_data / "log" / "trillian-format" / f"dump_tree_output_{size}").read_text()
    nodes = dict(dumped_nodes(text))
    tree = Levels()
    tree.extend([nodes[0, index] for index in range(size)])
    wrong = [at for at, node in nodes.items() if tree.read(*at) != node]
    conformance_tally(len(nodes), len(wrong))
    assert sum(level == 0 for level, _ in nodes) == size
    assert len(nodes) > size
    assert not wrong


def dumped_nodes(text: str) -> Iterator[tuple[tuple[int, int], bytes]]:
    """((level, index), hash) of every node that a dump lists."""
    for prefix, subtree in _parse(text).items():
        above = TILE_HEIGHT * (7 - len(prefix))
        for (depth, index), node in subtree.nodes.items():
            first = int.from_bytes(prefix, "big") << depth
            yield (above + TILE_HEIGHT - depth, first + index), node


def entries_of(bundle: bytes) -> Iterator[bytes]:
    """Leaf data of an entry bundle: u16 length before each."""
    while bundle:
        length = int.from_bytes(bundle[:2], "big")
        yield bundle[2 : 2 + length]
        bundle = bundle[2 + length :]


def test_checkpoints_and_tiles_of_another_log_have_the_ledgers_form(
    conformance_data: Path, conformance_tally: ConformanceTally
) -> None:
    folder = conformance_data / "log" / "tlog-tiles" / "tessera-log"
    for size in range(16):
        note = (folder / f"checkpoint.{size}").read_bytes()
        text, _, signatures = note.partition(b"\n\n")
        origin = text.split(b"\n")[0].decode()
        hashes: list[bytes] = []
        if size:
            tile = (folder / "tile" / "0" / "000.p" / str(size)).read_bytes()
            bundle = (folder / "tile" / "entries" / "000.p" / str(size)).read_bytes()
            hashes = [leaf_hash(entry) for entry in entries_of(bundle)]
            assert b"".join(hashes) == tile
        assert len(hashes) == size
        root = root_hash(hashes) if size else EMPTY_ROOT
        assert checkpoint_text(origin, size, root) == text + b"\n"
        encoded = b64decode(signatures.rpartition(b" ")[2])
        ours = signed_note(origin, text + b"\n", bytes(32), encoded[4:])
        made, given = ours.split(b" "), note.split(b" ")
        assert made[:-1] == given[:-1]
        assert b64decode(made[-1])[4:] == encoded[4:]
    conformance_tally(16)
