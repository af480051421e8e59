"""Where a push may go: which URLs, and which addresses behind their names.

A destination is chosen by whoever may subscribe, and the ledger connects to it from inside the
operator's network (SSRF). Only addresses of the public internet are taken, by lists of our own:
those of `ipaddress` have changed between releases of Python.
"""

import re
from dataclasses import dataclass
from ipaddress import IPv4Address, IPv6Address, ip_address, ip_network
from typing import Final
from urllib.parse import urlsplit

from ledger.core.errors import MalformedError

# Longer than any receiver's own; the URL is kept with every subscription.
MAX_URL: Final = 2_048

# IANA special-purpose registries; what a cloud answers to its own machines lies in three of them.
_CLOSED_4: Final = tuple(
    ip_network(text)
    for text in (
        "0.0.0.0/8", "10.0.0.0/8",
        "100.64.0.0/10",      # shared by carriers; a metadata service stands at 100.100.100.200
        "127.0.0.0/8",
        "168.63.129.16/32",   # a cloud's wire server, on a public address
        "169.254.0.0/16",     # link-local, and metadata at 169.254.169.254
        "172.16.0.0/12",
        "192.0.0.0/24",       # protocol assignments; a metadata service stands at 192.0.0.192
        "192.0.2.0/24", "192.88.99.0/24", "192.168.0.0/16", "198.18.0.0/15", "198.51.100.0/24",
        "203.0.113.0/24", "224.0.0.0/4", "240.0.0.0/4",
    )
)  # fmt: skip
# Everything public is in here ...
_GLOBAL_6: Final = ip_network("2000::/3")
_CLOSED_6: Final = tuple(
    ip_network(text)
    for text in (
        "2001::/23",          # protocol assignments, Teredo among them
        "2001:db8::/32", "3fff::/20",
        "2002::/16",          # 6to4 carries any IPv4 address
    )
)  # fmt: skip
# ... but what IPv6-only networks make of public IPv4 addresses, RFC 6052.
_NAT64: Final = ip_network("64:ff9b::/96")
# A host with a colon stands in brackets; a name has no character that two readers take differently.
_LABEL = r"[0-9A-Za-z_](?:[0-9A-Za-z_-]{0,61}[0-9A-Za-z_])?"
_NAME = re.compile(rf"(?=.{{1,254}}\Z){_LABEL}(?:\.{_LABEL})*\.?", re.ASCII)
_PRINTABLE = re.compile(r"[!-~]+", re.ASCII)


@dataclass(frozen=True, slots=True, kw_only=True)
class Destination:
    """A URL that may be called, taken apart; `target` is its path and query."""

    scheme: str
    host: str
    port: int
    target: str

    @property
    def authority(self) -> str:
        """What stands in the Host header."""
        host = f"[{self.host}]" if ":" in self.host else self.host
        standard = 443 if self.scheme == "https" else 80
        return host if self.port == standard else f"{host}:{self.port}"


def is_public(address: str) -> bool:
    """Tell whether an address, as a resolver writes it, is one of the public internet."""
    try:
        parsed = ip_address(address)
    except ValueError:
        return False
    if isinstance(parsed, IPv4Address):
        return not any(parsed in network for network in _CLOSED_4)
    return _is_public_6(parsed)


def _is_public_6(address: IPv6Address) -> bool:
    if address.scope_id is not None:
        return False
    if address in _NAT64:
        return is_public(str(IPv4Address(int(address) & 0xFFFF_FFFF)))
    return address in _GLOBAL_6 and not any(address in network for network in _CLOSED_6)


def parse_destination(url: str, *, allow_http: bool, allow_private: bool) -> Destination:
    """Read the URL that a subscriber names; a name's addresses are for the sender to check.

    Raises:
        MalformedError: It is no URL that may be called.
    """
    schemes = ("https", "http") if allow_http else ("https",)
    rule = f"is an absolute URL that begins {' or '.join(f'{one}://' for one in schemes)}"
    # Backslashes, blanks and controls are what two readers of one URL disagree about.
    if len(url) > MAX_URL or not _PRINTABLE.fullmatch(url) or "\\" in url:
        raise MalformedError("dest", f"is at most {MAX_URL} printable ASCII characters", url)
    try:
        parts = urlsplit(url)
        port = parts.port
    except ValueError:
        raise MalformedError("dest", rule, url) from None
    if parts.scheme not in schemes or not parts.hostname:
        raise MalformedError("dest", rule, url)
    if "@" in parts.netloc or "#" in url or port == 0:
        raise MalformedError("dest", "has no user, no fragment and no port 0", url)
    host = parts.hostname
    _verify_host(host, url, allow_private=allow_private)
    target = (parts.path or "/") + (f"?{parts.query}" if parts.query else "")
    standard = 443 if parts.scheme == "https" else 80
    return Destination(scheme=parts.scheme, host=host, port=port or standard, target=target)


def _verify_host(host: str, url: str, *, allow_private: bool) -> None:
    try:
        ip_address(host)
    except ValueError:
        if not _NAME.fullmatch(host):
            raise MalformedError("dest", "names a host by DNS name or address", url) from None
        if not allow_private and host.rstrip(".").rpartition(".")[2] in {"localhost", "local"}:
            raise MalformedError("dest", "names no host of a private network", url) from None
        return
    if not allow_private and not is_public(host):
        raise MalformedError("dest", "is an address of the public internet", url)
