"""Arguments that are texts: as they stand, or `-` for the lines of stdin."""

import sys
from collections.abc import Iterable, Iterator
from typing import Annotated

import typer

Texts = Annotated[
    list[str], typer.Argument(metavar="TEXT...", help="Any spelling; - is stdin, one a line.")
]
# Control characters as a person can see them: U+2400 and on.
_PICTURES = {code: chr(0x2400 + code) for code in range(0x20)}


def texts_of(arguments: Iterable[str]) -> Iterator[str]:
    """Return the texts, those of stdin byte for byte: a line ends at LF and nowhere else."""
    for argument in arguments:
        if argument == "-":
            yield from lines_of(sys.stdin.buffer.read())
        else:
            yield argument


def lines_of(raw: bytes) -> list[str]:
    """Return the lines of a file, undecodable bytes as the lone surrogates that arguments have."""
    lines = raw.decode("utf-8", "surrogateescape").split("\n")
    return lines[:-1] if lines[-1] == "" else lines


def odd_bytes(text: str) -> dict[str, str]:
    """Return the bytes of a text that is no UTF-8 as a member for its JSON, none of any other.

    Without them nobody could tell what arrived: JSON can show U+FFFD in their place only.
    """
    if text.isascii() or not any("\udc80" <= one <= "\udcff" for one in text):
        return {}
    return {"input_hex": text.encode("utf-8", "surrogateescape").hex()}


def visible(text: str) -> str:
    """Return a text with pictures for its control characters: they are what went wrong."""
    return text.translate(_PICTURES)
