"""tokens that were spent twice."""

from collections.abc import Sequence

import sqlalchemy as sa
from alembic import op

revision: str = "0009"
down_revision: str | None = "0008"
branch_labels: Sequence[str] | None = None
depends_on: Sequence[str] | None = None


def upgrade() -> None:
    op.create_table(
        "key_equivocations",
        sa.Column("address", sa.LargeBinary(), nullable=False),
        sa.Column("log_index", sa.BigInteger(), nullable=False),
        sa.Column("item_key", sa.LargeBinary(), nullable=False),
        sa.CheckConstraint(
            "octet_length(address) = 20", name=op.f("ck_key_equivocations_address_is_20_bytes")
        ),
        sa.ForeignKeyConstraint(
            ["log_index"], ["log_entries.log_index"],
            name=op.f("fk_key_equivocations_log_index"),
        ),
        sa.PrimaryKeyConstraint(
            "address", "log_index", "item_key", name=op.f("pk_key_equivocations")
        ),
        comment="Derived at the integrated size: by log_index at the latest, address had signed two"
        " owners for one token of the item. The signatures prove it to anybody.",
    )  # fmt: skip
    op.create_index("ix_key_equivocations_item_key", "key_equivocations", ["item_key"])
    op.create_index(
        "ix_item_rows_spends",
        "item_rows",
        ["item_key", "spends"],
        postgresql_where=sa.text("spends IS NOT NULL"),
    )
    # What was integrated before: the same statement as at each integration, over the whole log.
    op.execute("""
        WITH spent AS (
            SELECT r.item_key, r.spends, r.log_index, substring(e.entry FROM 17 FOR 20) AS address,
                substring(e.entry FROM 101 FOR 32) AS owner
            FROM item_rows r JOIN log_entries e USING (log_index)
            WHERE r.spends IS NOT NULL AND get_byte(e.entry, 5) = 3
                AND r.log_index < (SELECT integrated FROM log_state)
        ), first AS (
            SELECT DISTINCT ON (item_key, spends, address) * FROM spent
            ORDER BY item_key, spends, address, log_index
        )
        INSERT INTO key_equivocations (address, log_index, item_key)
        SELECT s.address, min(s.log_index), s.item_key
        FROM spent s JOIN first f USING (item_key, spends, address) WHERE s.owner <> f.owner
        GROUP BY s.item_key, s.spends, s.address ON CONFLICT DO NOTHING
    """)


def downgrade() -> None:
    op.drop_index("ix_item_rows_spends", table_name="item_rows")
    op.drop_table("key_equivocations")
