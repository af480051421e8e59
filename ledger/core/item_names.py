"""The item that somebody asks for: any spelling, one canonical path, or a refusal.

Events name items by `canonical_path`, which takes what is no GS1 key as a name of its own. Attack:
a question read that way would turn a mistyped or scanned spelling of a logged pack into a name that
no entry has, and the answer into a signed proof that the pack has no history.
"""

import re
from typing import Final, NamedTuple

from ledger.core.barcodes.application_identifiers import ROWS
from ledger.core.barcodes.items import name_item
from ledger.core.barcodes.refusal import BarcodeError
from ledger.core.digital_links import ORIGIN
from ledger.core.errors import MalformedError
from ledger.core.gs1_keys import percent_decoded
from ledger.core.identifiers import MAX_IDENTIFIER_BYTES, canonical_path
from ledger.core.prefix_lengths import PrefixLengths

FIELD: Final = "item"
# Before a name that is to be taken literally, as canonical paths write it.
LITERAL: Final = "uri:"
# A Digital Link path begins with an application identifier or its short name, and has no scheme.
_PATH = re.compile(r"/|[0-9a-z]{2,6}/", re.ASCII)
_URI = re.compile(r"https?://|urn:epc:", re.IGNORECASE)
# What a reader of tags sends, and patterns over tags: TDS 1.13 sections 12 and 8.
_TAG = re.compile(r"urn:epc:(?:tag|raw|pat):", re.IGNORECASE)
_PATTERN = re.compile(r"urn:epc:idpat:", re.IGNORECASE)


class AskedItem(NamedTuple):
    """An item that was asked for.

    `is_sure` where the text can mean nothing else: a GS1 key, or a name that is marked as literal.
    Only of such an item may its absence be proved.
    """

    path: str
    is_sure: bool


def asked_item(text: str) -> AskedItem:
    """Return the item that a text names: what `unbroken item` reads, a path, or `uri:…`.

    Raises:
        MalformedError: It names none.
    """
    _verify_length(text)
    try:
        return _asked(text)
    except BarcodeError as error:
        raise MalformedError(FIELD, f"{error.code}: {_told(error)}", text) from None
    except MalformedError as error:
        _refuse_element(text)
        part = error.value
        is_part = isinstance(part, str) and part in text
        raise MalformedError(FIELD, error.rule, part if is_part else text) from None


def asked_path(text: str) -> str:
    """Return the canonical path of the item that a text names.

    Raises:
        MalformedError: It names none.
    """
    return asked_item(text).path


def _asked(text: str) -> AskedItem:
    if text.startswith(LITERAL):
        return AskedItem(canonical_path(text.removeprefix(LITERAL)), is_sure=True)
    if _TAG.match(text):
        raise MalformedError(FIELD, "is the item's own URN (urn:epc:id:…), no tag and no pattern")
    if _PATH.match(text):
        return AskedItem(canonical_path(f"{ORIGIN}/{text.removeprefix('/')}"), is_sure=True)
    if _URI.match(text):
        # As events are read: whatever one may name can be asked for.
        path = canonical_path(text)
        if _PATTERN.match(text) and not path.startswith("/"):
            raise MalformedError(FIELD, "is an item or a class, no pattern")
        return AskedItem(path, is_sure=path.startswith("/"))
    named = name_item(text, PrefixLengths())
    is_sure = named.path.startswith("/") and "suspicions" not in named.attributes
    return AskedItem(named.path, is_sure)


def _verify_length(text: str) -> None:
    try:
        length = len(text.encode())
    except UnicodeEncodeError:
        raise MalformedError(FIELD, "must be UTF-8") from None
    if not text:
        raise MalformedError(FIELD, "must not be empty", text)
    if length > MAX_IDENTIFIER_BYTES:
        rule = f"must have at most {MAX_IDENTIFIER_BYTES:,} bytes, here {length:,}"
        raise MalformedError(FIELD, rule, text)


def _told(error: BarcodeError) -> str:
    """Return a rule without the name of a field that is not the asker's."""
    return error.rule.removeprefix("scan: ")


def _refuse_element(text: str) -> None:
    """Raise what is wrong with the value of an application identifier in a path, where one is.

    Raises:
        MalformedError: A value breaks the rule of its application identifier.
    """
    path = text.removeprefix(ORIGIN).removeprefix("/")
    names = path.split("/")
    for ai, value in zip(names[::2], names[1::2], strict=False):
        decoded = percent_decoded(value)
        if ai in ROWS and decoded is not None:
            _verify_element(ai, decoded)


def _verify_element(ai: str, value: str) -> None:
    try:
        ROWS[ai].verify(value)
    except MalformedError as error:
        raise MalformedError(FIELD, f"({ai}) {error.rule}", value) from None
