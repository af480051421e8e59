"""Mappings of partners' tables: files that are given, and those saved beside the keys."""

import dataclasses
import re
from pathlib import Path

import typer

from ledger.cli import opened
from ledger.cli.output import format_json
from ledger.cli.prove import replace_file
from ledger.core.errors import MalformedError, NotFoundError
from ledger.core.tabular.columns import Column
from ledger.core.tabular.mapping import (
    MAX_MAPPING_BYTES,
    TableMapping,
    guess_columns,
    mapping_members,
    parse_mapping,
)

_NAME = re.compile(r"[a-z0-9-]{1,64}", re.ASCII)


def read_mapping(given: str | None, key: str | None) -> TableMapping:
    """Return the mapping of a file, or the one saved under a name for a key; else an empty one.

    Raises:
        NotFoundError: There is neither such a file nor such a name.
        MalformedError: It is no mapping.
    """
    if given is None:
        return TableMapping()
    path = Path(given)
    if not path.is_file() and key is not None and _NAME.fullmatch(given):
        path = _saved(given, key)
    try:
        with path.open("rb") as file:
            return parse_mapping(file.read(MAX_MAPPING_BYTES + 1))
    except (FileNotFoundError, IsADirectoryError):
        whose = f"for key {key}" if key else "without --key"
        raise NotFoundError(f"{given} is no file, and no mapping saved {whose}") from None


def save_mapping(mapping: TableMapping, name: str, key: str | None) -> None:
    """Save a mapping for the partner of a key, in place of an older one of that name."""
    if key is None:
        raise typer.BadParameter("--save-mapping needs --key: a mapping is a partner's own")
    for what, text in (("key", key), ("mapping", name)):
        # Attack: a name that is a path would write outside the folder.
        if not _NAME.fullmatch(text):
            raise MalformedError(what, "is named by 1 to 64 of a-z, 0-9 and -", text)
    path = _saved(name, key)
    path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    replace_file(path, format_json(mapping_members(mapping), indent=2).encode() + b"\n")


def _saved(name: str, key: str) -> Path:
    return opened.settings().home / "mappings" / key / f"{name}.json"


def with_options(
    mapping: TableMapping, *, kind: str | None, zone: str | None, date_format: str | None,
    encoding: str | None,
) -> TableMapping:  # fmt: skip
    """Return a mapping with what the command line says, checked as if it stood in the file."""
    members = mapping_members(mapping)
    given = {"zone": zone, "date_format": date_format, "encoding": encoding}
    members |= {name: value for name, value in given.items() if value is not None}
    if kind is not None:
        constants = {column.value: text for column, text in mapping.constants.items()}
        members["constants"] = {**constants, Column.KIND.value: kind}
    return parse_mapping(format_json(members).encode())


def with_guesses(mapping: TableMapping, header: list[str]) -> TableMapping:
    """Return a mapping without columns with those that the header's words let us guess."""
    if mapping.columns:
        return mapping
    return dataclasses.replace(mapping, columns=guess_columns(header))
