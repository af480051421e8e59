"""Exit codes: the one place where errors become numbers and one line for people."""

import sys
from enum import IntEnum
from pathlib import Path

import typer
from typer.exceptions import TyperException

from ledger.chain.errors import ChainUnreachableError, DevnetError, WrongChainError
from ledger.client import UnreachableError
from ledger.core.errors import (
    InvariantError,
    LedgerError,
    NotAnchoredError,
    NotFoundError,
    NotPermittedError,
)
from ledger.settings import SettingError


class ExitCode(IntEnum):
    """What a command's exit code says."""

    OK = 0
    FAILED = 1
    USAGE = 2
    UNREACHABLE = 3
    NOT_ANCHORED = 4
    NOT_PERMITTED = 5


_CODES: tuple[tuple[type[Exception], ExitCode], ...] = (
    (SettingError, ExitCode.USAGE),
    (UnreachableError, ExitCode.UNREACHABLE),
    (ChainUnreachableError, ExitCode.UNREACHABLE),
    (WrongChainError, ExitCode.UNREACHABLE),
    (DevnetError, ExitCode.UNREACHABLE),
    (NotAnchoredError, ExitCode.NOT_ANCHORED),
    (NotPermittedError, ExitCode.NOT_PERMITTED),
    (NotFoundError, ExitCode.FAILED),
    (LedgerError, ExitCode.FAILED),
    (InvariantError, ExitCode.FAILED),
    (OSError, ExitCode.FAILED),
)


def exit_code(error: Exception) -> ExitCode | None:
    """Return the code of an error, None for one that nobody foresaw."""
    if isinstance(error, TyperException):
        return ExitCode.USAGE
    if "ledger.bootstrap" in sys.modules:  # else no database was asked, and it takes a second
        from ledger.bootstrap import STORE_ERRORS  # noqa: PLC0415 -- late, as said above
        from ledger.store.database import DatabaseError  # noqa: PLC0415

        if isinstance(error, (DatabaseError, *STORE_ERRORS)):
            return ExitCode.UNREACHABLE
    return next((code for kind, code in _CODES if isinstance(error, kind)), None)


def one_line(error: Exception) -> str:
    """Return an error's text in one line; attack: text from outside that commands a terminal."""
    text = " ".join(_words(error).split()) or type(error).__name__
    if isinstance(error, UnreachableError):
        text += "; is it up? `unbroken up`"
    return "".join(one if one.isprintable() else "?" for one in text)


def file_error(file: str | Path, error: OSError) -> typer.BadParameter:
    """Return the usage error of a file that was named and cannot be read or written."""
    return typer.BadParameter(f"{file}: {error.strerror or error}")


def _words(error: Exception) -> str:
    if isinstance(error, OSError) and error.filename is not None:
        return f"{error.filename}: {error.strerror}"
    if not isinstance(error, TyperException):
        return str(error)
    if type(error) is typer.BadParameter and error.param is None and error.param_hint is None:
        return error.message  # a command's own words, which no option's help explains
    context = getattr(error, "ctx", None)
    where = "" if context is None else f"; see {context.command_path} --help"
    return error.format_message().rstrip(".") + where
