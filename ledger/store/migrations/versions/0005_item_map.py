"""the item map: an existing log enters it from entry 0 on, by the worker."""

from collections.abc import Sequence

import sqlalchemy as sa
from alembic import op

revision: str = "0005"
down_revision: str | None = "0004"
branch_labels: Sequence[str] | None = None
depends_on: Sequence[str] | None = None


def upgrade() -> None:
    op.create_table(
        "map_state",
        sa.Column("id", sa.SmallInteger(), autoincrement=False, nullable=False),
        sa.Column("map_size", sa.BigInteger(), nullable=False),
        sa.Column("map_root", sa.LargeBinary(), nullable=False),
        sa.Column("map_keys", sa.BigInteger(), nullable=False),
        sa.CheckConstraint("id = 1", name=op.f("ck_map_state_one_map")),
        sa.CheckConstraint(
            "octet_length(map_root) = 32", name=op.f("ck_map_state_map_root_is_32_bytes")
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_map_state")),
        comment="Derived: how far the log is in the item map; it may lag, never lead.",
    )
    op.create_table(
        "map_pages",
        sa.Column("prefix", sa.LargeBinary(), nullable=False),
        sa.Column("size", sa.BigInteger(), autoincrement=False, nullable=False),
        sa.Column("page", sa.LargeBinary(), nullable=False),
        sa.CheckConstraint("octet_length(prefix) <= 64", name=op.f("ck_map_pages_prefix_of_a_key")),
        sa.PrimaryKeyConstraint("prefix", "size", name=op.f("pk_map_pages")),
        comment="Derived: pages of the item map, by nibbles of the keys below them, and the log "
        "size from which a version holds.",
    )
    op.create_table(
        "map_superseded",
        sa.Column("until", sa.BigInteger(), autoincrement=False, nullable=False),
        sa.Column("prefix", sa.LargeBinary(), nullable=False),
        sa.Column("size", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("until", "prefix", name=op.f("pk_map_superseded")),
        comment="Derived: versions of pages that heads below `until` are still served from.",
    )
    op.create_table(
        "map_steps",
        sa.Column("map_key", sa.LargeBinary(), nullable=False),
        sa.Column("log_index", sa.BigInteger(), autoincrement=False, nullable=False),
        sa.PrimaryKeyConstraint("map_key", "log_index", name=op.f("pk_map_steps")),
        comment="Derived: steps of the map's chains by entries that name no items themselves: "
        "parties, keys and tombstones.",
    )
    # A page is replaced as a whole and does not compress: hashes, at most 3,329 bytes, in its row.
    op.execute("ALTER TABLE map_pages ALTER COLUMN page SET STORAGE PLAIN")
    op.execute(
        "INSERT INTO map_state (id, map_size, map_root, map_keys)"
        " VALUES (1, 0, decode(repeat('00', 32), 'hex'), 0)"
    )


def downgrade() -> None:
    op.drop_table("map_steps")
    op.drop_table("map_superseded")
    op.drop_table("map_pages")
    op.drop_table("map_state")
