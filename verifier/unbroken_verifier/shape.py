"""Reading one JSON value as exactly what a page says it is: no coercion, nothing ignored."""

import re
from collections.abc import Callable, Sequence
from itertools import pairwise
from typing import TypeVar

from unbroken_verifier.canonical import MAX_SAFE_INTEGER, JsonValue
from unbroken_verifier.errors import RefusedError

MAX_LINE = 200
CONTROL = re.compile(r"[\x00-\x1f\x7f]")
T = TypeVar("T")
Ordered = TypeVar("Ordered", int, bytes)


def members(
    value: JsonValue, required: frozenset[str], optional: frozenset[str] = frozenset()
) -> dict[str, JsonValue]:
    """The object, if it has all required members and no unknown one.

    Raises:
        RefusedError: not an object, or another set of members.
    """
    if not isinstance(value, dict):
        raise RefusedError("is not an object")
    names = value.keys()
    if missing := required - names:
        raise RefusedError(f"has no member {min(missing)}")
    if unknown := names - required - optional:
        raise RefusedError(f"has an unknown member {min(unknown)[:64]!r}")
    return value


def binary(value: JsonValue, name: str, length: int | None = None) -> bytes:
    """Bytes of a lower-case hexadecimal text, `length` of them when given.

    Raises:
        RefusedError: not such a text.
    """
    if not isinstance(value, str):
        raise RefusedError(f"{name} is not hexadecimal")
    try:
        raw = bytes.fromhex(value)
    except ValueError as error:
        raise RefusedError(f"{name} is not hexadecimal") from error
    if raw.hex() != value:  # fromhex also takes upper case and spaces
        raise RefusedError(f"{name} is not lower-case hexadecimal")
    if length is not None and len(raw) != length:
        raise RefusedError(f"{name} has {len(raw)} bytes, not {length}")
    return raw


def number(value: JsonValue, name: str, limit: int = MAX_SAFE_INTEGER) -> int:
    """An integer from 0 to `limit`.

    Raises:
        RefusedError: not such a number (true and false are not numbers).
    """
    if type(value) is not int or not 0 <= value <= limit:
        raise RefusedError(f"{name} is not an integer from 0 to {limit}")
    return value


def text(value: JsonValue, name: str) -> str:
    """A text.

    Raises:
        RefusedError: not a text.
    """
    if not isinstance(value, str):
        raise RefusedError(f"{name} is not a text")
    return value


def line(value: JsonValue, name: str) -> str:
    """A text of 1 to 200 characters without control characters (docs/spec/entry.md).

    Raises:
        RefusedError: not such a text.
    """
    words = text(value, name)
    if not 0 < len(words) <= MAX_LINE or CONTROL.search(words):
        raise RefusedError(f"{name} is not 1 to {MAX_LINE} characters without control characters")
    return words


def array(value: JsonValue, name: str, read: Callable[[JsonValue], T]) -> tuple[T, ...]:
    """Each element as `read` takes it; its refusals get the element's place in front.

    Raises:
        RefusedError: not an array, or an element was refused.
    """
    if not isinstance(value, list):
        raise RefusedError(f"{name} is not an array")
    elements = []
    for place, element in enumerate(value):
        try:
            elements.append(read(element))
        except RefusedError as error:
            raise RefusedError(f"{name}[{place}] {error}") from error
    return tuple(elements)


def verify_increasing(values: Sequence[Ordered], name: str) -> None:
    """Each value is greater than the one before.

    Raises:
        RefusedError: two neighbours are equal or in the wrong order.
    """
    if any(left >= right for left, right in pairwise(values)):
        raise RefusedError(f"{name} is not strictly increasing")
