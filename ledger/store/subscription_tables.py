"""Tables of what is pushed: who subscribed, what is on its way, and what there is to tell."""

from sqlalchemy import (
    ARRAY,
    BigInteger,
    Boolean,
    CheckConstraint,
    Column,
    ForeignKey,
    Identity,
    Index,
    Integer,
    LargeBinary,
    Table,
    Text,
    text,
)

from ledger.store.tables import metadata

subscriptions = Table(
    "subscriptions",
    metadata,
    Column("id", Text, primary_key=True),
    Column("kind", Text, nullable=False),
    Column("query_name", Text, ForeignKey("epcis_queries.name", ondelete="CASCADE")),
    Column("types", ARRAY(Text), nullable=False),
    Column("dest", Text, nullable=False),
    Column("sealed_secret", LargeBinary),
    Column("epc_format", Text, nullable=False),
    Column("schedule", Text),
    Column("report_if_empty", Boolean, nullable=False),
    Column("initial_ms", BigInteger),
    Column("created_ms", BigInteger, nullable=False),
    Column("cursor", BigInteger),
    Column("run_from", BigInteger),
    Column("run_to", BigInteger),
    Column("next_ms", BigInteger),
    Column("batch", Integer, nullable=False),
    Column("notified_ms", BigInteger),
    Column("stopped", Boolean, nullable=False),
    CheckConstraint("kind IN ('query', 'feed')", name="known_kind"),
    CheckConstraint("(kind = 'query') = (query_name IS NOT NULL)", name="query_has_a_name"),
    CheckConstraint("(schedule IS NULL) = (next_ms IS NULL)", name="scheduled_has_a_next"),
    CheckConstraint("(run_from IS NULL) = (run_to IS NULL)", name="run_is_a_range"),
    CheckConstraint("cursor IS NOT NULL OR initial_ms IS NOT NULL", name="begins_somewhere"),
    CheckConstraint("batch > 0", name="batch_positive"),
    Index("ix_subscriptions_query_name", "query_name"),
    comment="Everything up to cursor (a log index, of a feed an outbox id) is acknowledged or does "
    "not match.",
)

deliveries = Table(
    "deliveries",
    metadata,
    Column("id", Text, primary_key=True),
    Column(
        "subscription_id", Text, ForeignKey(subscriptions.c.id, ondelete="CASCADE"), nullable=False
    ),
    Column("after", BigInteger, nullable=False),
    Column("last", BigInteger, nullable=False),
    Column("messages", Integer, nullable=False),
    Column("body", LargeBinary),
    Column("state", Text, nullable=False),
    Column("attempts", Integer, nullable=False),
    Column("next_ms", BigInteger, nullable=False),
    Column("status", Integer),
    Column("error", Text),
    Column("created_ms", BigInteger, nullable=False),
    Column("updated_ms", BigInteger, nullable=False),
    CheckConstraint("state IN ('prepared', 'delivered', 'dead')", name="known_state"),
    CheckConstraint("(state = 'delivered') = (body IS NULL)", name="kept_until_delivered"),
    CheckConstraint("after <= last", name="runs_forwards"),
    Index("ix_deliveries_subscription_id_created_ms", "subscription_id", "created_ms"),
    comment="Committed before it is sent; the same id and bytes on every attempt.",
)
Index(
    "uq_deliveries_open",
    deliveries.c.subscription_id,
    unique=True,
    postgresql_where=deliveries.c.state.in_(["prepared", "dead"]),
)

notifications = Table(
    "notifications",
    metadata,
    Column("id", BigInteger, Identity(always=False), primary_key=True),
    Column("type", Text, nullable=False),
    Column("data", LargeBinary, nullable=False),
    comment="Outbox of feeds, written with the change that it tells of; ids are given under a lock,"
    " so they commit in order.",
)
Index(
    "ix_subscriptions_feeds",
    subscriptions.c.cursor,
    postgresql_where=text("kind = 'feed'"),
)
