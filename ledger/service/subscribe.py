"""Subscribe: who is told what, checked before anything is stored.

A subscription begins behind what the log holds when it is made, or at a record time of its own. Its
secret is stored encrypted and told to nobody again.
"""

import os
import re
import uuid
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta, timezone
from typing import Final

from ledger.core.epcis.epc_format import EpcFormat
from ledger.core.epcis.schedule import parse_schedule
from ledger.core.errors import MalformedError, NotFoundError
from ledger.core.jcs import canonical_json
from ledger.core.strict_json import JsonValue
from ledger.core.webhook_signatures import format_secret, parse_secret
from ledger.service.deliver import FEED_BATCH, MAX_EVENTS
from ledger.service.subscription_ports import (
    Delivery,
    Destinations,
    EventSource,
    Subscription,
    SubscriptionControlsError,
    SubscriptionStore,
)
from ledger.service.vault import Vault

FEED_TYPES: Final = (
    "finding.opened", "finding.changed", "finding.closed", "case.acknowledged", "case.assigned",
    "case.resolved", "case.muted", "case.unmuted", "case.reopened", "anchor.mined", "anchor.final",
)  # fmt: skip
"""What a feed may be told of, in the order of life."""

# Each new event costs every subscription a query; a list of them is one answer without pages.
MAX_SUBSCRIPTIONS: Final = 1_000
MAX_TOKEN: Final = 256
# Latest deliveries that are shown of a subscription.
SHOWN_DELIVERIES: Final = 100
NEW_SECRET_BYTES: Final = 32

_QUERY_MEMBERS: Final = frozenset(
    ["dest", "signatureToken", "stream", "schedule", "reportIfEmpty", "initialRecordTime"]
)
_FEED_MEMBERS: Final = frozenset(["url", "types", "secret"])
_ID = re.compile(r"[0-9a-f-]{36}", re.ASCII)
_EPOCH = datetime(1970, 1, 1, tzinfo=timezone.utc)  # noqa: UP017 -- banned-api sees datetime.UTC
_ONE_MS = timedelta(milliseconds=1)
Members = Mapping[str, JsonValue]


@dataclass(frozen=True, slots=True, kw_only=True)
class Controls:
    """When a standing query reports, however it was asked for; `schedule` is None for a stream."""

    schedule: dict[str, JsonValue] | None
    report_if_empty: bool
    initial_ms: int | None


@dataclass(slots=True)
class Subscriber:
    """Makes, shows and ends subscriptions."""

    store: SubscriptionStore
    events: EventSource
    destinations: Destinations
    vault: Vault
    now_ms: Callable[[], int]

    def subscribe(
        self, query_name: str, members: Members, epc_format: str | None = None
    ) -> Subscription:
        """Subscribe a receiver to a named query; epc_format is the header GS1-EPC-Format.

        Raises:
            SubscriptionControlsError: A member is unknown or breaks its rule.
            NotFoundError: There is no query of that name.
        """
        self.events.verify_query(query_name)
        _refuse_unknown(members, _QUERY_MEMBERS)
        controls = parse_controls(members)
        token = members.get("signatureToken")
        if token is not None and not (isinstance(token, str) and 0 < len(token) <= MAX_TOKEN):
            # The value is a secret: no message repeats it.
            rule = f"is a text of 1 to {MAX_TOKEN} characters"
            raise SubscriptionControlsError("signatureToken", rule)
        dest = self._destination("dest", members.get("dest"))
        secret = None if token is None else token.encode()
        return self._add(
            dest, secret, query_name=query_name, types=(), controls=controls,
            epc_format=parse_epc_format(epc_format),
        )  # fmt: skip

    def subscribe_feed(self, members: Members) -> tuple[Subscription, str]:
        """Subscribe a receiver to findings and anchors; return its secret too, this once.

        Raises:
            SubscriptionControlsError: A member is unknown or breaks its rule.
        """
        _refuse_unknown(members, _FEED_MEMBERS)
        types = members.get("types", list(FEED_TYPES))
        if not isinstance(types, list) or not types or any(one not in FEED_TYPES for one in types):
            raise SubscriptionControlsError("types", f"are some of {', '.join(FEED_TYPES)}", types)
        given = members.get("secret")
        if given is not None and not isinstance(given, str):
            raise SubscriptionControlsError("secret", "is a text")
        try:
            secret = os.urandom(NEW_SECRET_BYTES) if given is None else parse_secret(given)
        except MalformedError as error:
            raise SubscriptionControlsError(error.field, error.rule) from error
        dest = self._destination("url", members.get("url"))
        wanted = tuple(one for one in FEED_TYPES if one in types)
        controls = Controls(schedule=None, report_if_empty=False, initial_ms=None)
        made = self._add(dest, secret, query_name=None, types=wanted, controls=controls)
        return made, format_secret(secret)

    def find(self, subscription_id: str, query_name: str | None) -> Subscription:
        """Return a subscription, of one query or of the feeds.

        Raises:
            NotFoundError: There is none of that id there.
        """
        if query_name is not None:
            self.events.verify_query(query_name)
        found = self._known(subscription_id)
        if found.query_name != query_name:
            raise _unknown(subscription_id)
        return found

    def subscriptions(self, query_name: str | None) -> list[Subscription]:
        """Return the subscriptions of a query, or of the feeds, oldest first.

        Raises:
            NotFoundError: There is no query of that name.
        """
        if query_name is None:
            return self.store.subscriptions("feed", None)
        self.events.verify_query(query_name)
        return self.store.subscriptions("query", query_name)

    def all(self) -> list[Subscription]:
        """Return every subscription, oldest first."""
        return self.store.subscriptions(None, None)

    def unsubscribe(self, subscription_id: str, query_name: str | None) -> None:
        """End a subscription; what is on its way is not sent again.

        Raises:
            NotFoundError: There is none of that id there.
        """
        self.find(subscription_id, query_name)
        self.store.delete(subscription_id)

    def deliveries(self, subscription_id: str) -> list[Delivery]:
        """Return the latest deliveries of any subscription, newest first.

        Raises:
            NotFoundError: There is none of that id.
        """
        known = self._known(subscription_id)
        return self.store.deliveries(known.id, SHOWN_DELIVERIES)

    def replay(self, subscription_id: str) -> str:
        """Send a subscription's dead letter again and go on behind it; return the delivery's id.

        Raises:
            NotFoundError: There is none of that id, or it has no dead letter.
        """
        known = self._known(subscription_id)
        found = self.store.replay(known.id, self.now_ms())
        if found is None:
            raise NotFoundError(f"subscription {known.id} has no dead letter")
        return found

    def _known(self, subscription_id: str) -> Subscription:
        # Nothing else is asked of PostgreSQL, which takes no NUL in a text.
        is_id = _ID.fullmatch(subscription_id) is not None
        found = self.store.find(subscription_id) if is_id else None
        if found is None:
            raise _unknown(subscription_id)
        return found

    def _destination(self, field: str, dest: JsonValue) -> str:
        if not isinstance(dest, str):
            raise SubscriptionControlsError(field, "is the URL of the receiver", dest)
        try:
            self.destinations.verify(dest)
        except MalformedError as error:
            raise SubscriptionControlsError(field, error.rule, error.value) from error
        return dest

    def _add(
        self, dest: str, secret: bytes | None, *, query_name: str | None, types: Sequence[str],
        controls: Controls, epc_format: EpcFormat = EpcFormat.ALWAYS_GS1_DIGITAL_LINK,
    ) -> Subscription:  # fmt: skip
        if len(self.store.subscriptions(None, None)) >= MAX_SUBSCRIPTIONS:
            raise SubscriptionControlsError(
                "subscription", f"is one of at most {MAX_SUBSCRIPTIONS} of this ledger"
            )
        name, at_ms = str(uuid.uuid4()), self.now_ms()
        is_feed = query_name is None
        # Read before the subscription is stored: what comes in between is told, not missed.
        end = self.store.outbox_end() if is_feed else self.store.sequenced() - 1
        schedule = controls.schedule
        subscription = Subscription(
            id=name,
            kind="feed" if is_feed else "query",
            query_name=query_name,
            types=types,
            dest=dest,
            sealed_secret=None if secret is None else self.vault.seal(secret, name.encode()),
            epc_format=epc_format,
            schedule=None if schedule is None else canonical_json(schedule).decode(),
            report_if_empty=controls.report_if_empty,
            initial_ms=controls.initial_ms,
            created_ms=at_ms,
            cursor=end if controls.initial_ms is None else None,
            run_from=None,
            run_to=None,
            next_ms=None if schedule is None else parse_schedule(schedule).next_after(at_ms),
            batch=FEED_BATCH if is_feed else MAX_EVENTS,
            notified_ms=None,
            stopped=False,
        )
        self.store.add(subscription)
        return subscription


def _unknown(subscription_id: str) -> NotFoundError:
    return NotFoundError(f"no subscription has the id {subscription_id[:64]!r}")


def parse_epc_format(text: str | None) -> EpcFormat:
    """Read the header GS1-EPC-Format; without it, Digital Links.

    Raises:
        SubscriptionControlsError: It has another value.
    """
    try:
        return EpcFormat.ALWAYS_GS1_DIGITAL_LINK if text is None else EpcFormat(text.strip())
    except ValueError:
        rule = f"is one of {', '.join(EpcFormat)}"
        raise SubscriptionControlsError("GS1-EPC-Format", rule, text) from None


def parse_controls(members: Members) -> Controls:
    """Read when a standing query reports: `stream` or `schedule`, and from where.

    Raises:
        SubscriptionControlsError: A member breaks its rule, or not exactly one of both is given.
    """
    stream, schedule = members.get("stream"), members.get("schedule")
    if stream is not None and stream is not True:
        raise SubscriptionControlsError("stream", "is true, or left out", stream)
    if (stream is None) == (schedule is None):
        rule = "is given, or `schedule` is: one of both"
        raise SubscriptionControlsError("stream", rule, stream)
    empty = members.get("reportIfEmpty", False)
    if not isinstance(empty, bool):
        raise SubscriptionControlsError("reportIfEmpty", "is true or false", empty)
    if schedule is not None:
        if not isinstance(schedule, dict):
            raise SubscriptionControlsError("schedule", "is an object", schedule)
        try:
            parse_schedule(schedule)
        except MalformedError as error:
            raise SubscriptionControlsError(error.field, error.rule, error.value) from error
    return Controls(
        schedule=schedule,
        report_if_empty=empty,
        initial_ms=_record_time(members.get("initialRecordTime")),
    )


def _record_time(text: JsonValue) -> int | None:
    if text is None:
        return None
    rule = "is a date and time with its offset, as 2026-01-02T10:00:00Z"
    if not isinstance(text, str):
        raise SubscriptionControlsError("initialRecordTime", rule, text)
    try:
        moment = datetime.fromisoformat(text)
    except ValueError:
        moment = None
    if moment is None or moment.tzinfo is None or "T" not in text.upper():
        raise SubscriptionControlsError("initialRecordTime", rule, text)
    # Rounded up: nothing recorded before it is told.
    return -((_EPOCH - moment) // _ONE_MS)


def _refuse_unknown(members: Members, known: frozenset[str]) -> None:
    for name in sorted(members.keys() - known):
        raise SubscriptionControlsError(name, f"is one of {', '.join(sorted(known))}", name)
