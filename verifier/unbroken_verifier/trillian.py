"""Text dumps of RFC 6962 trees: subtrees of eight levels with all their stored node hashes.

A dump is a list of text-form protocol buffers. One subtree: `prefix` (the leading bytes of a
64-bit leaf index that its leaves share), up to 256 `leaves` and all complete inner nodes below
its root. A key is base64 of two bytes: the depth below the subtree's root and the node's index
there, left-aligned. The leaves of an upper subtree are the roots of complete lower ones.
"""

import re
from base64 import b64decode
from dataclasses import dataclass, field

from unbroken_verifier.errors import RefusedError
from unbroken_verifier.tree import node_hash, verify_hashes

DEPTH = 8
FULL = 2**DEPTH
PREFIX_BYTES = 7  # of a subtree whose leaves are the tree's own
LINE = re.compile(
    r"(prefix|  key|  value): (\".*\")|(internal_node_count): ([0-9]+)"
    r"|depth: 8|leaves: \{|internal_nodes: \{|\}|"
)
ESCAPE = re.compile(r'\\(?:x([0-9a-f]{2})|u([0-9a-f]{4})|([nrt"\\]))|[^\\]', re.DOTALL)
SIMPLE = {"n": b"\n", "r": b"\r", "t": b"\t", '"': b'"', "\\": b"\\"}


@dataclass(slots=True)
class Subtree:
    """Nodes by (depth, index)."""

    prefix: bytes
    nodes: dict[tuple[int, int], bytes] = field(default_factory=dict)
    inner_count: int = -1

    def add(self, key: tuple[int, int], node: bytes) -> None:
        """Takes one node.

        Raises:
            RefusedError: it is there already.
        """
        if key in self.nodes:
            raise RefusedError("a node occurs twice")
        self.nodes[key] = node


def is_dump(text: str) -> bool:
    """Whether a text starts like a dump."""
    return text.startswith('prefix: "')


def verify_dump(text: str) -> int:
    """Rebuilds every inner node and every subtree's root from the leaves.

    Returns:
        How many hashes were compared.

    Raises:
        RefusedError: a hash differs, or a node is missing or too many.
    """
    subtrees = _parse(text)
    compared = 0
    for subtree in subtrees.values():
        compared += _verify_subtree(subtree)
        if len(subtree.prefix) < PREFIX_BYTES:
            compared += _verify_below(subtree, subtrees)
    return compared


def _verify_subtree(subtree: Subtree) -> int:
    count = sum(depth == DEPTH for depth, _ in subtree.nodes)
    built = {
        (DEPTH, n): subtree.nodes[DEPTH, n] for n in range(count) if (DEPTH, n) in subtree.nodes
    }
    if len(built) != count or not count:
        raise RefusedError("the leaves of a subtree are not contiguous")
    verify_hashes(list(built.values()))
    for depth in range(DEPTH - 1, 0, -1):
        for index in range(count >> (DEPTH - depth)):
            left, right = built[depth + 1, 2 * index], built[depth + 1, 2 * index + 1]
            built[depth, index] = node_hash(left, right)
    if built != subtree.nodes:
        raise RefusedError("the inner nodes of a subtree are not those of its leaves")
    if subtree.inner_count != len(built) - count:
        raise RefusedError("internal_node_count is wrong")
    return len(built) - count


def _verify_below(subtree: Subtree, subtrees: dict[bytes, Subtree]) -> int:
    """Leaves of an upper subtree are the roots of the complete subtrees below it."""
    compared = 0
    for (depth, index), node in subtree.nodes.items():
        if depth == DEPTH:
            below = subtrees.get(subtree.prefix + bytes([index]))
            if below is None or (1, 1) not in below.nodes:
                raise RefusedError("a subtree is missing or not complete")
            if node_hash(below.nodes[1, 0], below.nodes[1, 1]) != node:
                raise RefusedError("the root of a subtree differs")
            compared += 1
    return compared


def _parse(text: str) -> dict[bytes, Subtree]:
    subtrees: dict[bytes, Subtree] = {}
    for block in text.strip("\n").split("\n\n"):
        subtree = _parse_subtree(block.split("\n"))
        if subtree.prefix in subtrees:
            raise RefusedError("a subtree occurs twice")
        subtrees[subtree.prefix] = subtree
    return subtrees


def _parse_subtree(lines: list[str]) -> Subtree:
    subtree, key = Subtree(b""), (0, 0)
    for line in lines:
        match = LINE.fullmatch(line)
        if match is None:
            raise RefusedError(f"line {line[:40]!r} is not understood")
        name, value = (match[1] or match[3] or "").strip(), match[2] or match[4] or ""
        if name == "prefix":
            subtree.prefix = _unquoted(value)
        elif name == "internal_node_count":
            subtree.inner_count = int(value)
        elif name == "key":
            key = _key(value)
        elif name == "value":
            subtree.add(key, _unquoted(value))
    return subtree


def _key(value: str) -> tuple[int, int]:
    try:
        raw = b64decode(_unquoted(value), validate=True)
    except ValueError as error:
        raise RefusedError("a node key is not base64") from error
    if len(raw) != 2 or not 1 <= raw[0] <= DEPTH:  # noqa: PLR2004
        raise RefusedError("a node key is not depth and index")
    return raw[0], raw[1] >> (DEPTH - raw[0])


def _unquoted(value: str) -> bytes:
    """Bytes of a quoted text: C escapes, everything else its UTF-8 form."""
    inner, out, end = value[1:-1], bytearray(), 0
    for match in ESCAPE.finditer(inner):
        if match.start() != end:
            break
        end = match.end()
        if match[1]:
            out += bytes.fromhex(match[1])
        elif match[2]:
            out += chr(int(match[2], 16)).encode()
        else:
            out += SIMPLE[match[3]] if match[3] else match[0].encode()
    if value[:1] != '"' or value[-1:] != '"' or end != len(inner):
        raise RefusedError("a quoted text is not understood")
    return bytes(out)
