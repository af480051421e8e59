"""The sender of webhooks: one POST to an address that was checked, and nothing else.

The receiver's name is resolved once for each attempt, all its addresses are checked, and one of
them is connected to: a name that changes its mind between check and connection (DNS rebinding)
gains nothing. TLS and Host still name the receiver. No redirect is followed and no proxy taken,
since either would connect where nobody checked.
"""

import asyncio
import socket
import ssl
from collections.abc import Callable
from typing import Final

import httpx

from ledger.core.destinations import Destination, is_public, parse_destination
from ledger.core.errors import MalformedError
from ledger.service.subscription_ports import Attempt

CONNECT_S: Final = 5.0
# Between two pieces of an answer; and for all of it, however slowly it drips.
READ_S: Final = 10.0
TOTAL_S: Final = 20.0
# An acknowledgement is its status. So much is read to let the receiver finish, and thrown away.
MAX_ANSWER: Final = 16 * 1024

_TIMEOUT = httpx.Timeout(READ_S, connect=CONNECT_S)
_AGENT = "unbroken-webhooks"
Resolve = Callable[[str, int], list[str]]


def resolve(host: str, port: int) -> list[str]:
    """Return all addresses of a host, as the operating system finds them.

    Raises:
        OSError: It has none.
    """
    try:
        found = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)
    except UnicodeError as error:
        raise OSError("the host is no name of the DNS") from error
    return list(dict.fromkeys(str(entry[4][0]) for entry in found))


class WebhookSender:
    """Sends to receivers; safe under threads."""

    def __init__(
        self, *, allow_http: bool, allow_private: bool, resolve: Resolve = resolve
    ) -> None:
        """Take what the operator allows."""
        self._allow_http, self._allow_private = allow_http, allow_private
        self._resolve = resolve
        # Reading the trusted certificates takes longer than a delivery.
        self._tls = ssl.create_default_context()

    def verify(self, dest: str) -> None:
        """Raise unless a destination may be called, as far as can be told now.

        A name that does not resolve passes: its receiver may not stand yet.

        Raises:
            MalformedError: It may not.
        """
        destination = self._parse(dest)
        try:
            self._addresses(destination)
        except OSError:
            return

    def send(self, dest: str, headers: dict[str, str], body: bytes) -> Attempt:
        """Post a body; whatever goes wrong is told, never raised.

        Blocks for at most the resolver's time and TOTAL_S.
        """
        try:
            # Each time anew: the operator's mind and the name's addresses may have changed.
            destination = self._parse(dest)
            addresses = self._addresses(destination)
            return asyncio.run(self._post(destination, addresses[0], headers, body))
        except MalformedError as error:
            return Attempt(status=None, error=str(error))
        except TimeoutError:
            return Attempt(status=None, error=f"no answer within {TOTAL_S:.0f} s")
        except (OSError, httpx.HTTPError, httpx.InvalidURL) as error:
            return Attempt(status=None, error=f"{type(error).__name__}: {error}"[:200])

    def _parse(self, dest: str) -> Destination:
        return parse_destination(
            dest, allow_http=self._allow_http, allow_private=self._allow_private
        )

    def _addresses(self, destination: Destination) -> list[str]:
        """Return the addresses of a destination, of which every one may be called."""
        addresses = self._resolve(destination.host, destination.port)
        if not addresses:
            raise OSError("the name has no address")
        for address in addresses:
            if not self._allow_private and not is_public(address):
                # Attack: which address a private name has is not the subscriber's to learn.
                rule = "names a host whose addresses are all of the public internet"
                raise MalformedError("dest", rule, destination.host)
        return addresses

    async def _post(
        self, destination: Destination, address: str, headers: dict[str, str], body: bytes
    ) -> Attempt:
        host = f"[{address}]" if ":" in address else address
        url = f"{destination.scheme}://{host}:{destination.port}{destination.target}"
        sent = {
            **headers,
            "Host": destination.authority,
            "User-Agent": _AGENT,
            # A compressed answer could be any size in memory.
            "Accept-Encoding": "identity",
        }
        async with (
            asyncio.timeout(TOTAL_S),
            httpx.AsyncClient(
                verify=self._tls, trust_env=False, follow_redirects=False, timeout=_TIMEOUT
            ) as client,
            client.stream(
                "POST", url, content=body, headers=sent,
                extensions={"sni_hostname": destination.host.rstrip(".")},
            ) as answer,
        ):  # fmt: skip
            read = 0
            async for piece in answer.aiter_raw():
                read += len(piece)
                if read > MAX_ANSWER:
                    break
            return Attempt(status=answer.status_code)
