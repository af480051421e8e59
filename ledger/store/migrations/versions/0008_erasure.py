"""what is erased, and who was registrar when.

Content goes only where a tombstone of the log says so: the triggers look it up in the entries, not
in the table that is derived from them. Nothing else of an append-only table can change. Attack: a
temporary table of the same name would be found first, so the functions name their search path.
"""

from collections.abc import Sequence

import sqlalchemy as sa
from alembic import op

revision: str = "0008"
down_revision: str | None = "0007"
branch_labels: Sequence[str] | None = None
depends_on: Sequence[str] | None = None

# What goes, by table; all other columns must stay as they are.
ERASED = {
    "events": ("content", "sealed_secret", "event_digest", "event_id", "event_hash"),
    "submissions": ("document", "sealed"),
    "capture_results": ("reason", "findings"),
}
_EVENTS_COMMENT = (
    "Content (JCS of the event) and its secret, encrypted; NULL when erased. event_hash: "
    "CBV 2.0; event_id: the eventID, else that hash as its URI. Both are absent before revision "
    "0002."
)
_SUBMISSIONS_COMMENT = (
    "Accepted: the received bytes; sealed holds the submission part, encrypted. "
    "Without a document: facts by the registrar. Without a sealed part: erased."
)
_FUNCTIONS = """
    CREATE FUNCTION is_erased_event(wanted bigint) RETURNS boolean LANGUAGE sql STABLE
        SET search_path = public, pg_temp AS $$
        SELECT EXISTS (
            SELECT 1 FROM tombstones t JOIN log_entries e ON e.log_index = t.log_index
            WHERE t.event_index = wanted AND e.kind = 6 AND get_byte(e.entry, 4) = 6
                AND (convert_from(substring(e.entry FROM 71), 'UTF8')::jsonb ->> 'index')::bigint
                    = wanted
        )
    $$;

    -- Attack: an answer forged beside the batch. One that was accepted is its entry's; one that
    -- repeats an event stands at a place that the document has.
    CREATE FUNCTION is_erased_submission(wanted bigint) RETURNS boolean LANGUAGE sql STABLE
        SET search_path = public, pg_temp AS $$
        SELECT EXISTS (
            SELECT 1 FROM capture_results r JOIN tombstones t ON t.event_index = r.log_index
                JOIN log_entries e ON e.log_index = r.log_index
            WHERE r.submission_id = wanted AND CASE r.verdict
                WHEN 'accepted' THEN (e.submission_id, e.position) = (wanted, r.position)
                WHEN 'duplicate' THEN r.position < coalesce((
                    SELECT o.count FROM capture_results a JOIN log_entries o USING (log_index)
                    WHERE a.submission_id = wanted AND a.verdict = 'accepted'
                        AND o.submission_id = wanted LIMIT 1
                ), (SELECT count(*) FROM capture_results a WHERE a.submission_id = wanted))
                ELSE false END
                AND is_erased_event(r.log_index)
        )
    $$;

    CREATE FUNCTION answer_once() RETURNS trigger LANGUAGE plpgsql
        SET search_path = public, pg_temp AS $$
    BEGIN
        IF EXISTS (
            SELECT 1 FROM (SELECT DISTINCT submission_id FROM added) a WHERE NOT EXISTS
                (SELECT 1 FROM submission_queue q WHERE q.submission_id = a.submission_id)
        ) THEN
            RAISE EXCEPTION '% is append-only: what is sequenced is answered', TG_TABLE_NAME
                USING ERRCODE = 'restrict_violation';
        END IF;
        RETURN NULL;
    END $$;
    CREATE TRIGGER answer_once AFTER INSERT ON capture_results
        REFERENCING NEW TABLE AS added FOR EACH STATEMENT EXECUTE FUNCTION answer_once();

    CREATE FUNCTION queue_once() RETURNS trigger LANGUAGE plpgsql
        SET search_path = public, pg_temp AS $$
    BEGIN
        IF EXISTS (
            SELECT 1 FROM added a WHERE EXISTS
                (SELECT 1 FROM capture_results r WHERE r.submission_id = a.submission_id)
        ) THEN
            RAISE EXCEPTION '% is append-only: what is answered is not sequenced', TG_TABLE_NAME
                USING ERRCODE = 'restrict_violation';
        END IF;
        RETURN NULL;
    END $$;
    CREATE TRIGGER queue_once AFTER INSERT ON submission_queue
        REFERENCING NEW TABLE AS added FOR EACH STATEMENT EXECUTE FUNCTION queue_once();
"""


def _rule(table: str, kept: str, test: str, key: str) -> str:
    """Return SQL: rows of a table may lose columns, where a tombstone says so, and no more.

    Tombstones are looked up once a statement: once a row, an event of a document of n events cost
    n * n look-ups.
    """
    emptied = " || ".join(f"jsonb_build_object('{name}', NULL)" for name in ERASED[table])
    return f"""
    CREATE FUNCTION erase_{table}() RETURNS trigger LANGUAGE plpgsql
        SET search_path = public, pg_temp AS $$
    BEGIN
        IF to_jsonb(NEW) = to_jsonb(OLD) || {emptied} THEN
            RETURN NEW;
        END IF;
        RAISE EXCEPTION '% is append-only: % refused', TG_TABLE_NAME, TG_OP
            USING ERRCODE = 'restrict_violation';
    END $$;
    CREATE FUNCTION tombstones_of_{table}() RETURNS trigger LANGUAGE plpgsql
        SET search_path = public, pg_temp AS $$
    BEGIN
        IF EXISTS (
            SELECT 1 FROM (SELECT DISTINCT {key} FROM emptied) one WHERE NOT {test}(one.{key})
        ) THEN
            RAISE EXCEPTION '% is append-only: % refused', TG_TABLE_NAME, TG_OP
                USING ERRCODE = 'restrict_violation';
        END IF;
        RETURN NULL;
    END $$;
    DROP TRIGGER append_only ON {table};
    CREATE TRIGGER append_only BEFORE UPDATE OF {kept} OR DELETE OR TRUNCATE ON {table}
        FOR EACH STATEMENT EXECUTE FUNCTION refuse_change();
    CREATE TRIGGER only_erased BEFORE UPDATE ON {table}
        FOR EACH ROW EXECUTE FUNCTION erase_{table}();
    CREATE TRIGGER by_tombstone AFTER UPDATE ON {table}
        REFERENCING OLD TABLE AS emptied
        FOR EACH STATEMENT EXECUTE FUNCTION tombstones_of_{table}();
    """  # noqa: S608 -- names of our own


def upgrade() -> None:
    op.create_table(
        "registrars",
        sa.Column("log_index", sa.BigInteger(), autoincrement=False, nullable=False),
        sa.Column("address", sa.LargeBinary(), nullable=False),
        sa.CheckConstraint(
            "octet_length(address) = 20", name=op.f("ck_registrars_address_is_20_bytes")
        ),
        sa.ForeignKeyConstraint(
            ["log_index"], ["log_entries.log_index"], name=op.f("fk_registrars_log_index")
        ),
        sa.PrimaryKeyConstraint("log_index", name=op.f("pk_registrars")),
        comment="Derived from registrar entries: who signs facts behind that index. Before the "
        "first, the genesis entry's.",
    )
    op.create_table(
        "tombstones",
        sa.Column("event_index", sa.BigInteger(), autoincrement=False, nullable=False),
        sa.Column("log_index", sa.BigInteger(), nullable=False),
        sa.Column("event_root", sa.LargeBinary(), nullable=False),
        sa.CheckConstraint(
            "event_index < log_index", name=op.f("ck_tombstones_names_an_earlier_entry")
        ),
        sa.ForeignKeyConstraint(
            ["event_index"], ["log_entries.log_index"], name=op.f("fk_tombstones_event_index")
        ),
        sa.ForeignKeyConstraint(
            ["log_index"], ["log_entries.log_index"], name=op.f("fk_tombstones_log_index")
        ),
        sa.PrimaryKeyConstraint("event_index", name=op.f("pk_tombstones")),
        sa.UniqueConstraint("log_index", name=op.f("uq_tombstones_log_index")),
        comment="Derived from tombstone entries. event_root: of the erased entry, by which a retry "
        "of the event is known without any hash that could be guessed.",
    )
    op.create_index("ix_tombstones_event_root", "tombstones", ["event_root"])
    # What repeats an erased event without an entry of its own.
    op.create_index(
        "ix_capture_results_duplicate",
        "capture_results",
        ["log_index"],
        postgresql_where=sa.text("verdict = 'duplicate'"),
    )
    for name in ("content", "sealed_secret", "event_digest"):
        op.alter_column("events", name, nullable=True)
    op.alter_column("submissions", "sealed", nullable=True)
    op.create_table_comment("events", _EVENTS_COMMENT)
    op.create_table_comment("submissions", _SUBMISSIONS_COMMENT)
    op.execute(_FUNCTIONS)
    op.execute(_rule("events", "log_index, party, items_secret", "is_erased_event", "log_index"))
    kept = "id, digest, party, signer, signature, issued_ms, accepted_ms, doc_hash"
    op.execute(_rule("submissions", kept, "is_erased_submission", "id"))
    kept = "submission_id, position, verdict, log_index, code"
    op.execute(_rule("capture_results", kept, "is_erased_submission", "submission_id"))


def downgrade() -> None:
    # Fails where something is erased: the columns cannot be filled again.
    for table in ERASED:
        op.execute(f"DROP TRIGGER only_erased ON {table}")
        op.execute(f"DROP TRIGGER append_only ON {table}")
        op.execute(f"DROP FUNCTION erase_{table}()")
        op.execute(f"DROP TRIGGER by_tombstone ON {table}")
        op.execute(f"DROP FUNCTION tombstones_of_{table}()")
        op.execute(
            f"CREATE TRIGGER append_only BEFORE UPDATE OR DELETE OR TRUNCATE ON {table} "
            "FOR EACH STATEMENT EXECUTE FUNCTION refuse_change()"
        )
    for name, table in (("answer_once", "capture_results"), ("queue_once", "submission_queue")):
        op.execute(f"DROP TRIGGER {name} ON {table}; DROP FUNCTION {name}()")
    op.execute("DROP FUNCTION is_erased_submission(bigint); DROP FUNCTION is_erased_event(bigint)")
    op.alter_column("submissions", "sealed", nullable=False)
    for name in ("content", "sealed_secret", "event_digest"):
        op.alter_column("events", name, nullable=False)
    op.drop_index("ix_capture_results_duplicate", table_name="capture_results")
    op.drop_table("tombstones")
    op.drop_table("registrars")
