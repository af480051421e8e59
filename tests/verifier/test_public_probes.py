"""Published vectors of trees and maps, and this project's own."""

import json
from pathlib import Path

import pytest
from unbroken_verifier.errors import RefusedError
from unbroken_verifier.item_map import verify_absence, verify_membership
from unbroken_verifier.probes import run_probes
from unbroken_verifier.tree import leaf_hash, node_hash, verify_consistency, verify_inclusion

from tests.conftest import ConformanceTally
from tests.verifier import maker

OWN = Path(__file__).parents[1] / "vectors" / "log"
H32 = bytes(32)


def test_own_vectors_agree() -> None:
    tally = run_probes([OWN])
    assert not tally.failed
    assert tally.passed == 107 + 400
    assert [Path(file).name for file in tally.unknown] == ["devnet_storage_bundle.json"]


@pytest.mark.parametrize(
    ("folder", "probes"), [("rfc6962-probes", 121), ("own", 507), ("trillian-format", 958)]
)
def test_published_vectors_agree(
    folder: str, probes: int, conformance_data: Path, conformance_tally: ConformanceTally
) -> None:
    tally = run_probes([conformance_data / "log" / folder])
    conformance_tally(tally.passed + len(tally.failed), len(tally.failed))
    assert not tally.failed
    assert tally.passed == probes


def probe(tmp_path: Path, text: str) -> list[tuple[str, str]]:
    file = tmp_path / "probe"
    file.write_text(text)
    return run_probes([file]).failed


def test_a_probe_that_holds_but_wants_an_error_fails(tmp_path: Path) -> None:
    case = {"size1": 1, "size2": 1, "root1": "", "root2": "", "proof": None}
    assert not probe(tmp_path, json.dumps({**case, "wantErr": False}))
    failed = probe(tmp_path, json.dumps({**case, "wantErr": True}))
    assert "accepted" in failed[0][1]


@pytest.mark.parametrize(
    "text",
    [
        "",
        "{}",
        "[]",
        '{"cases":[]}',
        'prefix: "',
        '{"kind":"item-map","root":"","cases":[{}]}',
        '{"cases":[{"kind":"inclusion","ok":false}]}',
        'prefix: "\\x00"\n\nprefix: "\\x00"\n',
    ],
)
def test_a_file_named_by_the_caller_must_be_understood(text: str, tmp_path: Path) -> None:
    assert probe(tmp_path, text)


def test_a_folder_without_probes_is_no_success(tmp_path: Path) -> None:
    (tmp_path / "notes.md").write_text("nothing")
    tally = run_probes([tmp_path])
    assert tally.failed == [(str(tmp_path), "no probe in it")]
    assert tally.unknown == [str(tmp_path / "notes.md")]


def test_every_leaf_of_small_trees_is_proved_and_no_other() -> None:
    leaves = [leaf_hash(bytes([n])) for n in range(34)]
    for size in range(1, 34):
        root = maker.root_of(leaves[:size])
        for index in range(size):
            path = maker.path_of(index, leaves[:size])
            verify_inclusion(leaves[index], index, size, path, root)
            for damaged in damage(path):
                with pytest.raises(RefusedError):
                    verify_inclusion(leaves[index], index, size, damaged, root)
            with pytest.raises(RefusedError):
                verify_inclusion(leaves[index], (index + 1) % (size + 1), size, path, root)


def damage(path: list[bytes]) -> list[list[bytes]]:
    flipped = [
        [*path[:n], bytes([one[0] ^ 1]) + one[1:], *path[n + 1 :]] for n, one in enumerate(path)
    ]
    return [*flipped, [*path, H32], [H32, *path], *([path[:-1], path[1:]] if path else [])]


def consistency(old: int, leaves: list[bytes], *, whole: bool = True) -> list[bytes]:
    """RFC 9162 2.1.4.1, recursively."""
    if old == len(leaves):
        return [] if whole else [maker.root_of(leaves)]
    split = 1 << (len(leaves) - 1).bit_length() - 1
    if old <= split:
        return [*consistency(old, leaves[:split], whole=whole), maker.root_of(leaves[split:])]
    return [
        *consistency(old - split, leaves[split:], whole=False),
        maker.root_of(leaves[:split]),
    ]


def test_every_small_tree_extends_its_past_and_nothing_else() -> None:
    leaves = [leaf_hash(bytes([n])) for n in range(24)]
    for new in range(1, 24):
        for old in range(1, new + 1):
            proof = consistency(old, leaves[:new])
            roots = maker.root_of(leaves[:old]), maker.root_of(leaves[:new])
            verify_consistency(old, new, proof, *roots)
            for damaged in damage(proof):
                with pytest.raises(RefusedError):
                    verify_consistency(old, new, damaged, *roots)
            with pytest.raises(RefusedError):
                verify_consistency(old, new, proof, H32, roots[1])


def test_nothing_is_consistent_with_an_empty_log() -> None:
    with pytest.raises(RefusedError):
        verify_consistency(0, 1, [], maker.root_of([]), H32)
    verify_consistency(0, 0, [], maker.root_of([]), maker.root_of([]))


def test_an_empty_last_sibling_proves_nothing_about_a_map() -> None:
    key = bytes(32)
    root = node_hash(leaf_hash(key + H32), H32)
    with pytest.raises(RefusedError):
        verify_membership(root, key, H32, [H32])
    with pytest.raises(RefusedError):
        verify_absence(node_hash(H32, H32), key, [H32], None)


def test_an_empty_map_holds_nothing() -> None:
    verify_absence(H32, bytes(32), [], None)
    with pytest.raises(RefusedError):
        verify_absence(H32, bytes(32), [H32] * 257, None)
