"""Deliver: what matches a subscription reaches its receiver, in order, at least once.

prepared -> delivered; or prepared -> dead, and the subscription stops until its dead letter is
replayed. The bytes and the id are committed before they are sent and stay the same on every
attempt; the cursor moves in the transaction that records a 2xx, and over what does not match. So a
crash anywhere repeats at most the one delivery that was on its way, under the id that the receiver
has seen; nothing is skipped, and nothing follows an undelivered one.
"""

import logging
import uuid
from collections.abc import Callable
from dataclasses import dataclass
from http import HTTPStatus
from typing import Final

from ledger.core.epcis.schedule import parse_schedule
from ledger.core.errors import InvariantError, NotFoundError
from ledger.core.push_messages import query_document
from ledger.core.retries import WEBHOOK_RETRIES, RetryPolicy
from ledger.core.strict_json import parse_json
from ledger.core.webhook_signatures import gs1_signature, standard_signature
from ledger.service.query_ports import Batch
from ledger.service.spelling import is_rendered, spelt
from ledger.service.subscription_ports import (
    Attempt,
    Delivery,
    DeliveryStore,
    EventSource,
    Held,
    Sender,
    Subscription,
)
from ledger.service.vault import Vault

# Events of one delivery; with the bytes below a body that any receiver's framework takes.
MAX_EVENTS: Final = 100
MAX_BODY: Final = 1024 * 1024
# Standard Webhooks tells of one thing in a message.
FEED_BATCH: Final = 1
# Deliveries after which a subscription lets others have their turn.
DELIVERIES_PER_TURN: Final = 50
# And the time: of a receiver that answers slowly, or a query that no index answers.
TURN_MS: Final = 10_000
# The delivery log of a subscription: long enough to settle what arrived last week.
KEEP_DELIVERED_MS: Final = 7 * 86_400_000
_EPCIS_HEADERS: Final = {"GS1-EPCIS-Version": "2.0.0", "GS1-CBV-Version": "2.0.0"}

logger = logging.getLogger("unbroken.deliver")


@dataclass(slots=True)
class Deliverer:
    """Moves subscriptions on; `chance` returns a number in [0, 1)."""

    store: DeliveryStore
    events: EventSource
    sender: Sender
    vault: Vault
    now_ms: Callable[[], int]
    chance: Callable[[], float]
    policy: RetryPolicy = WEBHOOK_RETRIES
    _stopping: bool = False

    def stop(self) -> None:
        """Let every run end behind the delivery that is on its way."""
        self._stopping = True

    def due(self, limit: int) -> list[str]:
        """Return subscriptions with something to do."""
        return self.store.due(self.events.indexed(), self.now_ms(), limit)

    def prune(self) -> int:
        """Forget what has arrived long ago."""
        return self.store.prune(self.now_ms() - KEEP_DELIVERED_MS)

    def run(self, subscription_id: str) -> bool:
        """Move one subscription on as far as it goes for now; tell whether it moved.

        Nothing happens when another sender holds it.
        """
        moved, end_ms = False, self.now_ms() + TURN_MS
        with self.store.holding(subscription_id) as held:
            if held is not None:
                for _ in range(DELIVERIES_PER_TURN):
                    if self._stopping or self.now_ms() >= end_ms or not self._step(held):
                        break
                    moved = True
        return moved

    def _step(self, held: Held) -> bool:
        # Read anew each time: it may have been deleted, or its dead letter replayed.
        subscription = held.subscription()
        if subscription is None or subscription.stopped:
            return False
        delivery = held.open_delivery()
        if delivery is None:
            return self._prepare(held, subscription)
        if delivery.next_ms > self.now_ms():
            return False
        return self._send(held, subscription, delivery)

    def _prepare(self, held: Held, subscription: Subscription) -> bool:
        """Commit the next delivery, or pass over what does not match; tell whether any moved.

        A crash before the commit sends nothing, and the next run prepares it under another id; a
        crash after it leaves the bytes that the next run sends.
        """
        cursor = subscription.cursor
        if cursor is None:
            return self._begin(held, subscription)
        run_to = subscription.run_to
        if subscription.schedule is not None and run_to is None:
            if subscription.next_ms is None or subscription.next_ms > self.now_ms():
                return False
            # The run ends where the index ends now. A crash behind this goes on with this run;
            # times that passed while nobody ran are one run.
            held.begin_run(max(self._end(held, subscription), cursor))
            return True
        up_to = self._end(held, subscription) if run_to is None else run_to
        if cursor >= up_to and run_to is None:
            return False
        try:
            batch = self._read(held, subscription, cursor, up_to)
        except NotFoundError:
            # Its query is being deleted, and the subscription goes with it.
            return False
        return self._prepare_batch(held, subscription, cursor, batch)

    def _begin(self, held: Held, subscription: Subscription) -> bool:
        if subscription.initial_ms is None:
            raise InvariantError(f"subscription {subscription.id} begins nowhere")
        cursor = self.store.cursor_before(subscription.initial_ms)
        if cursor is not None:
            held.move(cursor, None)
        return cursor is not None

    def _end(self, held: Held, subscription: Subscription) -> int:
        if subscription.kind == "feed":
            return held.outbox_end()
        return self.events.indexed() - 1

    def _read(self, held: Held, subscription: Subscription, after: int, up_to: int) -> Batch:
        name = subscription.query_name
        if name is None:
            return held.notifications(subscription.types, after, up_to)
        batch = self.events.matching(name, after, up_to, subscription.batch, MAX_BODY)
        if is_rendered(subscription.epc_format):
            return batch
        contents = self.store.contents([position for position, _ in batch.messages])
        return spelt(batch, subscription.epc_format, contents)

    def _prepare_batch(
        self, held: Held, subscription: Subscription, cursor: int, batch: Batch
    ) -> bool:
        messages, last = batch
        is_run = subscription.run_to is not None
        says_nothing = is_run and subscription.report_if_empty and subscription.run_from == cursor
        if not messages and not says_nothing:
            # A run that found nothing more is over; a stream has seen all there is.
            held.move(last, self._next_ms(subscription) if is_run else None)
            return False
        at_ms = self.now_ms()
        held.prepare(
            Delivery(
                id=str(uuid.uuid4()),
                subscription_id=subscription.id,
                after=cursor,
                last=last,
                messages=len(messages),
                body=_body(subscription, batch, at_ms),
                state="prepared",
                attempts=0,
                next_ms=at_ms,
                status=None,
                error=None,
                created_ms=at_ms,
                updated_ms=at_ms,
            )
        )
        return True

    def _send(self, held: Held, subscription: Subscription, delivery: Delivery) -> bool:
        """Send committed bytes and record what came of it; tell whether they arrived.

        A crash between the receiver's 2xx and the record of it sends the same id and bytes again.
        """
        body = delivery.body or b""
        attempt = self.sender.send(
            subscription.dest, self._headers(subscription, delivery, body), body
        )
        at_ms, status = self.now_ms(), attempt.status or 0
        if HTTPStatus.OK <= status < HTTPStatus.MULTIPLE_CHOICES:
            ends_run = subscription.run_to is not None and delivery.last >= subscription.run_to
            next_ms = self._next_ms(subscription) if ends_run else None
            held.delivered(delivery, status, at_ms, next_ms)
            return True
        if status == HTTPStatus.REQUEST_ENTITY_TOO_LARGE and delivery.messages > 1:
            # The standard's wish for smaller batches. Nothing was taken, so the id may go.
            held.withdraw(delivery, max(1, delivery.messages // 2))
            return True
        self._fail(held, subscription, delivery, attempt, at_ms)
        return False

    def _fail(
        self, held: Held, subscription: Subscription, delivery: Delivery, attempt: Attempt,
        at_ms: int,
    ) -> None:  # fmt: skip
        delay_ms = self.policy.delay_ms(delivery.attempts + 1, self.chance())
        if attempt.status == HTTPStatus.GONE:
            # Standard Webhooks: the receiver is not to be called again.
            delay_ms = None
        if delay_ms is None:
            logger.warning(
                "subscription %s stops: delivery %s is dead after %d attempts (%s)",
                subscription.id, delivery.id, delivery.attempts + 1,
                attempt.error or attempt.status,
            )  # fmt: skip
        held.failed(delivery, attempt, at_ms, None if delay_ms is None else at_ms + delay_ms)

    def _headers(
        self, subscription: Subscription, delivery: Delivery, body: bytes
    ) -> dict[str, str]:
        timestamp = self.now_ms() // 1000
        headers = {
            "Content-Type": "application/json",
            "webhook-id": delivery.id,
            "webhook-timestamp": str(timestamp),
        }
        is_query = subscription.kind == "query"
        if is_query:
            headers |= {**_EPCIS_HEADERS, "GS1-EPC-Format": subscription.epc_format.value}
        if subscription.sealed_secret is not None:
            secret = self.vault.open(subscription.sealed_secret, subscription.id.encode())
            if is_query:
                headers["GS1-Signature"] = gs1_signature(secret, timestamp, body)
            else:
                signature = standard_signature(secret, delivery.id, timestamp, body)
                headers["webhook-signature"] = signature
        return headers

    def _next_ms(self, subscription: Subscription) -> int | None:
        if subscription.schedule is None:
            return None
        members = parse_json(subscription.schedule.encode())
        if not isinstance(members, dict):
            raise InvariantError(f"subscription {subscription.id} has no schedule that reads")
        # Checked when it was made: some moment always comes.
        return parse_schedule(members).next_after(self.now_ms())


def _body(subscription: Subscription, batch: Batch, at_ms: int) -> bytes:
    if subscription.query_name is None:
        return batch.messages[0][1]
    return query_document(
        query_name=subscription.query_name,
        subscription_id=subscription.id,
        events=[raw for _, raw in batch.messages],
        last=batch.reached,
        at_ms=at_ms,
    )
