"""Public test vectors against this verifier: trees (RFC 6962/9162) and the item map.

Formats are told by content, never by a file's name.
"""

import binascii
import json
from base64 import b64decode
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from pathlib import Path

from unbroken_verifier import shape
from unbroken_verifier.canonical import JsonValue, parse_strict
from unbroken_verifier.errors import RefusedError
from unbroken_verifier.item_map import verify_absence, verify_membership
from unbroken_verifier.tree import verify_consistency, verify_inclusion
from unbroken_verifier.trillian import is_dump, verify_dump

U64 = 2**64 - 1  # sizes of published probes wrap below zero
MAX_PROBE_BYTES = 64 * 1024 * 1024
CONSISTENCY = frozenset({"size1", "size2", "root1", "root2", "proof", "wantErr"})
INCLUSION = frozenset({"leafIdx", "treeSize", "root", "leafHash", "proof", "wantErr"})
LOG_CONSISTENCY = frozenset({"size1", "size2", "root1", "root2", "proof", "ok"})
LOG_INCLUSION = frozenset({"index", "size", "leafHash", "root", "proof", "ok"})
MAP_CASE = frozenset({"key", "value", "siblings", "terminal", "ok"})
Members = dict[str, JsonValue]


class UnknownFormatError(RefusedError):
    """The content is none of the formats this module knows."""


@dataclass(slots=True)
class Tally:
    """What a run of probes came to."""

    passed: int = 0
    failed: list[tuple[str, str]] = field(default_factory=list)
    unknown: list[str] = field(default_factory=list)

    def to_json(self) -> str:
        """One JSON document; `unknown` only when files inside folders were not understood."""
        document: dict[str, object] = {
            "passed": self.passed,
            "failed": [{"file": file, "why": why} for file, why in self.failed],
        }
        if self.unknown:
            document["unknown"] = self.unknown
        return json.dumps(document)


def run_probes(paths: Iterable[Path]) -> Tally:
    """Runs every probe of every file; walks folders.

    A file named by the caller must be understood; one found in a folder need not be.

    Raises:
        OSError: a path does not exist or cannot be read.
    """
    tally = Tally()
    for path in paths:
        found = sorted(one for one in path.rglob("*") if one.is_file()) if path.is_dir() else [path]
        before = (tally.passed, len(tally.failed))
        for file in found:
            try:
                _run_file(file, tally)
            except UnknownFormatError as error:
                if file == path:
                    tally.failed.append((str(file), str(error)))
                else:
                    tally.unknown.append(str(file))
            except RefusedError as error:
                tally.failed.append((str(file), str(error)))
        if (tally.passed, len(tally.failed)) == before:
            tally.failed.append((str(path), "no probe in it"))
    return tally


def _run_file(file: Path, tally: Tally) -> None:
    if file.stat().st_size > MAX_PROBE_BYTES:
        raise UnknownFormatError("unknown format: too long")
    raw = file.read_bytes()
    try:
        text = raw.decode()
        if is_dump(text):
            tally.passed += verify_dump(text)
            return
        document = parse_strict(raw, largest=U64)
    except UnicodeDecodeError as error:
        raise UnknownFormatError("unknown format") from error
    except RefusedError as error:
        if is_dump(raw[:64].decode(errors="replace")):
            raise
        raise UnknownFormatError(f"unknown format: {error}") from error
    for place, (probe, want_ok) in enumerate(_cases(document)):
        why = _mismatch(probe, want_ok=want_ok)
        if why:
            tally.failed.append((str(file), f"case {place}: {why}"))
        else:
            tally.passed += 1


def _mismatch(probe: Callable[[], None], *, want_ok: bool) -> str | None:
    try:
        probe()
    except RefusedError as error:
        return f"refused, should hold: {error}" if want_ok else None
    return None if want_ok else "accepted, should be refused"


def _cases(document: JsonValue) -> list[tuple[Callable[[], None], bool]]:
    if isinstance(document, dict):
        names = document.keys()
        if names >= CONSISTENCY:
            return [(_base64_consistency(document), document["wantErr"] is False)]
        if names >= INCLUSION:
            return [(_base64_inclusion(document), document["wantErr"] is False)]
        cases = document.get("cases")
        if isinstance(cases, list) and cases and all(isinstance(case, dict) for case in cases):
            listed = [case for case in cases if isinstance(case, dict)]
            if document.get("kind") == "item-map":
                _verify_members(listed, MAP_CASE)
                return [(_map_case(document, case), case["ok"] is True) for case in listed]
            if all(case.get("kind") in ("consistency", "inclusion") for case in listed):
                _verify_members([c for c in listed if c["kind"] == "consistency"], LOG_CONSISTENCY)
                _verify_members([c for c in listed if c["kind"] == "inclusion"], LOG_INCLUSION)
                return [(_log_case(case), case["ok"] is True) for case in listed]
    raise UnknownFormatError("unknown format")


def _verify_members(cases: list[Members], names: frozenset[str]) -> None:
    """A case that lacks a member must not pass as "refused, as it should be"."""
    for case in cases:
        if missing := names - case.keys():
            raise RefusedError(f"a case has no member {min(missing)}")


def _base64_consistency(case: Members) -> Callable[[], None]:
    def probe() -> None:
        verify_consistency(
            _size(case["size1"]),
            _size(case["size2"]),
            [_base64(one) for one in _list(case["proof"])],
            _base64(case["root1"]),
            _base64(case["root2"]),
        )

    return probe


def _base64_inclusion(case: Members) -> Callable[[], None]:
    def probe() -> None:
        verify_inclusion(
            _base64(case["leafHash"]),
            _size(case["leafIdx"]),
            _size(case["treeSize"]),
            [_base64(one) for one in _list(case["proof"])],
            _base64(case["root"]),
        )

    return probe


def _log_case(case: Members) -> Callable[[], None]:
    def probe() -> None:
        proof = [shape.binary(one, "proof") for one in _list(case["proof"])]
        if case["kind"] == "consistency":
            verify_consistency(
                _size(case["size1"]),
                _size(case["size2"]),
                proof,
                shape.binary(case["root1"], "root1"),
                shape.binary(case["root2"], "root2"),
            )
        else:
            leaf = shape.binary(case["leafHash"], "leafHash")
            root = shape.binary(case["root"], "root")
            verify_inclusion(leaf, _size(case["index"]), _size(case["size"]), proof, root)

    return probe


def _map_case(document: Members, case: Members) -> Callable[[], None]:
    def probe() -> None:
        root, key = shape.binary(document["root"], "root"), shape.binary(case["key"], "key")
        siblings = [shape.binary(one, "sibling") for one in _list(case["siblings"])]
        terminal, value = case["terminal"], case["value"]
        if value is not None:
            if terminal is not None:
                raise RefusedError("a member has no terminal")
            verify_membership(root, key, shape.binary(value, "value"), siblings)
        elif isinstance(terminal, dict):
            other = shape.binary(terminal["key"], "terminal.key")
            held = shape.binary(terminal["value"], "terminal.value")
            verify_absence(root, key, siblings, (other, held))
        else:
            verify_absence(root, key, siblings, None)

    return probe


def _list(value: JsonValue) -> list[JsonValue]:
    if value is None:  # how Go spells an empty list
        return []
    if not isinstance(value, list):
        raise RefusedError("is not an array")
    return value


def _size(value: JsonValue) -> int:
    return shape.number(value, "size", U64)


def _base64(value: JsonValue) -> bytes:
    try:
        return b64decode(shape.text(value, "hash"), validate=True)
    except binascii.Error as error:
        raise RefusedError("a hash is not base64") from error
