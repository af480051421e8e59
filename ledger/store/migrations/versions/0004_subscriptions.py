"""subscriptions."""

from collections.abc import Sequence

import sqlalchemy as sa
from alembic import op

revision: str = "0004"
down_revision: str | None = "0003"
branch_labels: Sequence[str] | None = None
depends_on: Sequence[str] | None = None


def upgrade() -> None:
    op.create_table(
        "subscriptions",
        sa.Column("id", sa.Text(), nullable=False),
        sa.Column("kind", sa.Text(), nullable=False),
        sa.Column("query_name", sa.Text(), nullable=True),
        sa.Column("types", sa.ARRAY(sa.Text()), nullable=False),
        sa.Column("dest", sa.Text(), nullable=False),
        sa.Column("sealed_secret", sa.LargeBinary(), nullable=True),
        sa.Column("epc_format", sa.Text(), nullable=False),
        sa.Column("schedule", sa.Text(), nullable=True),
        sa.Column("report_if_empty", sa.Boolean(), nullable=False),
        sa.Column("initial_ms", sa.BigInteger(), nullable=True),
        sa.Column("created_ms", sa.BigInteger(), nullable=False),
        sa.Column("cursor", sa.BigInteger(), nullable=True),
        sa.Column("run_from", sa.BigInteger(), nullable=True),
        sa.Column("run_to", sa.BigInteger(), nullable=True),
        sa.Column("next_ms", sa.BigInteger(), nullable=True),
        sa.Column("batch", sa.Integer(), nullable=False),
        sa.Column("notified_ms", sa.BigInteger(), nullable=True),
        sa.Column("stopped", sa.Boolean(), nullable=False),
        sa.CheckConstraint("kind IN ('query', 'feed')", name=op.f("ck_subscriptions_known_kind")),
        sa.CheckConstraint(
            "(kind = 'query') = (query_name IS NOT NULL)",
            name=op.f("ck_subscriptions_query_has_a_name"),
        ),
        sa.CheckConstraint(
            "(schedule IS NULL) = (next_ms IS NULL)",
            name=op.f("ck_subscriptions_scheduled_has_a_next"),
        ),
        sa.CheckConstraint(
            "(run_from IS NULL) = (run_to IS NULL)", name=op.f("ck_subscriptions_run_is_a_range")
        ),
        sa.CheckConstraint(
            "cursor IS NOT NULL OR initial_ms IS NOT NULL",
            name=op.f("ck_subscriptions_begins_somewhere"),
        ),
        sa.CheckConstraint("batch > 0", name=op.f("ck_subscriptions_batch_positive")),
        sa.ForeignKeyConstraint(
            ["query_name"],
            ["epcis_queries.name"],
            name=op.f("fk_subscriptions_query_name"),
            ondelete="CASCADE",
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_subscriptions")),
        comment="Everything up to cursor (a log index, of a feed an outbox id) is acknowledged or"
        " does not match.",
    )
    op.create_index("ix_subscriptions_query_name", "subscriptions", ["query_name"], unique=False)
    op.create_index(
        "ix_subscriptions_feeds",
        "subscriptions",
        ["cursor"],
        unique=False,
        postgresql_where=sa.text("kind = 'feed'"),
    )
    op.create_table(
        "deliveries",
        sa.Column("id", sa.Text(), nullable=False),
        sa.Column("subscription_id", sa.Text(), nullable=False),
        sa.Column("after", sa.BigInteger(), nullable=False),
        sa.Column("last", sa.BigInteger(), nullable=False),
        sa.Column("messages", sa.Integer(), nullable=False),
        sa.Column("body", sa.LargeBinary(), nullable=True),
        sa.Column("state", sa.Text(), nullable=False),
        sa.Column("attempts", sa.Integer(), nullable=False),
        sa.Column("next_ms", sa.BigInteger(), nullable=False),
        sa.Column("status", sa.Integer(), nullable=True),
        sa.Column("error", sa.Text(), nullable=True),
        sa.Column("created_ms", sa.BigInteger(), nullable=False),
        sa.Column("updated_ms", sa.BigInteger(), nullable=False),
        sa.CheckConstraint(
            "state IN ('prepared', 'delivered', 'dead')", name=op.f("ck_deliveries_known_state")
        ),
        sa.CheckConstraint(
            "(state = 'delivered') = (body IS NULL)",
            name=op.f("ck_deliveries_kept_until_delivered"),
        ),
        sa.CheckConstraint("after <= last", name=op.f("ck_deliveries_runs_forwards")),
        sa.ForeignKeyConstraint(
            ["subscription_id"],
            ["subscriptions.id"],
            name=op.f("fk_deliveries_subscription_id"),
            ondelete="CASCADE",
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_deliveries")),
        comment="Committed before it is sent; the same id and bytes on every attempt.",
    )
    op.create_index(
        "ix_deliveries_subscription_id_created_ms",
        "deliveries",
        ["subscription_id", "created_ms"],
        unique=False,
    )
    op.create_index(
        "uq_deliveries_open",
        "deliveries",
        ["subscription_id"],
        unique=True,
        postgresql_where=sa.text("state IN ('prepared', 'dead')"),
    )
    op.create_table(
        "notifications",
        sa.Column("id", sa.BigInteger(), sa.Identity(always=False), nullable=False),
        sa.Column("type", sa.Text(), nullable=False),
        sa.Column("data", sa.LargeBinary(), nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_notifications")),
        comment="Outbox of feeds, written with the change that it tells of; ids are given under a"
        " lock, so they commit in order.",
    )


def downgrade() -> None:
    op.drop_table("notifications")
    op.drop_table("deliveries")
    op.drop_table("subscriptions")
