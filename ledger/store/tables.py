"""Tables: what is append-only, what is derived, and the domain's rules as named constraints.

Append-only tables refuse UPDATE and DELETE in the database itself (`append_only` triggers of the
migrations), but what a tombstone erases; derived tables can be rebuilt from them.
"""

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
    MetaData,
    SmallInteger,
    Table,
    Text,
    UniqueConstraint,
    text,
)

metadata = MetaData(
    naming_convention={
        "pk": "pk_%(table_name)s",
        "fk": "fk_%(table_name)s_%(column_0_name)s",
        "uq": "uq_%(table_name)s_%(column_0_name)s",
        "ix": "ix_%(table_name)s_%(column_0_N_name)s",
        "ck": "ck_%(table_name)s_%(constraint_name)s",
    }
)

APPEND_ONLY = (
    "submissions", "capture_results", "log_entries", "events", "item_rows", "items", "heads",
)  # fmt: skip


def _hash32(name: str) -> CheckConstraint:
    return CheckConstraint(f"octet_length({name}) = 32", name=f"{name}_is_32_bytes")


log_state = Table(
    "log_state",
    metadata,
    Column("id", SmallInteger, primary_key=True, autoincrement=False),
    Column("sequenced", BigInteger, nullable=False),
    Column("integrated", BigInteger, nullable=False),
    Column("root", LargeBinary, nullable=False),
    Column("peaks", LargeBinary, nullable=False),
    Column("clock_ms", BigInteger, nullable=False),
    CheckConstraint("id = 1", name="one_log"),
    CheckConstraint("integrated <= sequenced", name="integrated_never_leads"),
    comment="The only mutable row of the log: how far it is sequenced and integrated.",
)

submissions = Table(
    "submissions",
    metadata,
    Column("id", BigInteger, Identity(always=False), primary_key=True),
    Column("digest", LargeBinary, nullable=False, unique=True),
    Column("party", LargeBinary, nullable=False),
    Column("signer", LargeBinary, nullable=False),
    Column("signature", LargeBinary, nullable=False),
    Column("issued_ms", BigInteger, nullable=False),
    Column("accepted_ms", BigInteger, nullable=False),
    Column("doc_hash", LargeBinary, nullable=False),
    Column("sealed", LargeBinary),
    Column("document", LargeBinary),
    Column("media_type", Text),
    Column("error_behaviour", Text, nullable=False),
    CheckConstraint("octet_length(signature) = 65", name="signature_is_65_bytes"),
    CheckConstraint("error_behaviour IN ('rollback', 'proceed')", name="known_error_behaviour"),
    _hash32("digest"),
    comment="Accepted: the received bytes; sealed holds the submission part, encrypted. "
    "Without a document: facts by the registrar. Without a sealed part: erased.",
)

submission_queue = Table(
    "submission_queue",
    metadata,
    Column("submission_id", BigInteger, ForeignKey(submissions.c.id), primary_key=True),
    comment="Accepted, not yet sequenced; filled by trigger, emptied with the sequencing commit.",
)

capture_results = Table(
    "capture_results",
    metadata,
    Column("submission_id", BigInteger, ForeignKey(submissions.c.id), primary_key=True),
    Column("position", Integer, primary_key=True),
    Column("verdict", Text, nullable=False),
    Column("log_index", BigInteger),
    Column("code", Text),
    Column("reason", Text),
    Column("findings", Text),
    Column("finished_ms", BigInteger),
    CheckConstraint("verdict IN ('accepted', 'duplicate', 'rejected')", name="known_verdict"),
    CheckConstraint("(verdict = 'rejected') = (log_index IS NULL)", name="logged_unless_rejected"),
    Index(
        "ix_capture_results_rejected", "submission_id", "position",
        postgresql_where=text("verdict = 'rejected'"),
    ),
    Index(
        "ix_capture_results_duplicate", "log_index",
        postgresql_where=text("verdict = 'duplicate'"),
    ),
    comment="The answer to the sender. "
    "findings: JSON, of the document's check and of its eventIDs.",
)  # fmt: skip

log_entries = Table(
    "log_entries",
    metadata,
    Column("log_index", BigInteger, primary_key=True, autoincrement=False),
    Column("kind", SmallInteger, nullable=False),
    Column("entry", LargeBinary, nullable=False),
    Column("leaf_hash", LargeBinary, nullable=False, unique=True),
    Column("submission_id", BigInteger, ForeignKey(submissions.c.id)),
    Column("position", Integer),
    Column("count", Integer),
    Column("submission_path", LargeBinary),
    CheckConstraint("log_index >= 0", name="index_not_negative"),
    CheckConstraint("(kind = 10) = (submission_id IS NULL)", name="signed_unless_clock"),
    _hash32("leaf_hash"),
    Index("ix_log_entries_acts", "log_index", postgresql_where=text("kind = 7")),
    Index("ix_log_entries_facts", "log_index", postgresql_where=text("kind = 3 OR kind = 4")),
    comment="Sequenced. leaf_hash is unique: the operator cannot log one entry twice.",
)

events = Table(
    "events",
    metadata,
    Column(
        "log_index", BigInteger, ForeignKey(log_entries.c.log_index), primary_key=True,
        autoincrement=False,
    ),
    Column("party", LargeBinary, nullable=False),
    Column("event_digest", LargeBinary),
    Column("content", LargeBinary),
    Column("sealed_secret", LargeBinary),
    Column("items_secret", LargeBinary, nullable=False),
    Column("event_id", Text),
    Column("event_hash", LargeBinary),
    Column("declares_error", Boolean, nullable=False),
    UniqueConstraint("party", "event_digest", name="uq_events_party_digest"),
    # The limit of an index entry is 2,704 bytes.
    CheckConstraint("octet_length(event_id) <= 1024", name="event_id_fits_its_index"),
    _hash32("event_hash"),
    Index("ix_events_event_id", "event_id", "declares_error", "event_hash", "party"),
    comment="Content (JCS of the event) and its secret, encrypted; NULL when erased. event_hash: "
    "CBV 2.0; event_id: the eventID, else that hash as its URI. Both are absent before revision "
    "0002.",
)  # fmt: skip

item_rows = Table(
    "item_rows",
    metadata,
    Column("log_index", BigInteger, ForeignKey(log_entries.c.log_index), primary_key=True),
    Column("row_index", Integer, primary_key=True),
    Column("item_key", LargeBinary, nullable=False),
    Column("role", SmallInteger, nullable=False),
    Column("spends", LargeBinary),
    Index("ix_item_rows_item_key_log_index", "item_key", "log_index"),
    Index(
        "ix_item_rows_parents",
        "log_index",
        postgresql_include=["item_key"],
        postgresql_where=text("role = 1"),
    ),
    CheckConstraint("role BETWEEN 0 AND 5", name="known_role"),
    comment="Retained bodies: which items an entry names, and the tokens they spend.",
)

items = Table(
    "items",
    metadata,
    Column("item_key", LargeBinary, primary_key=True),
    Column("path", Text, nullable=False),
    _hash32("item_key"),
)

tiles = Table(
    "tiles",
    metadata,
    Column("level", SmallInteger, primary_key=True, autoincrement=False),
    Column("tile_index", BigInteger, primary_key=True, autoincrement=False),
    Column("hashes", LargeBinary, nullable=False),
    CheckConstraint("octet_length(hashes) BETWEEN 32 AND 8192", name="at_most_256_hashes"),
    comment="C2SP hash tiles; a trigger lets a tile only grow.",
)

heads = Table(
    "heads",
    metadata,
    Column("size", BigInteger, primary_key=True, autoincrement=False),
    Column("root", LargeBinary, nullable=False),
    Column("map_root", LargeBinary, nullable=False),
    Column("signature", LargeBinary, nullable=False),
    Column("note", LargeBinary, nullable=False),
    Column("published_ms", BigInteger, nullable=False),
    CheckConstraint("size > 0", name="size_positive"),
    _hash32("root"),
    comment="Published. One head per size, for ever.",
)

anchors = Table(
    "anchors",
    metadata,
    Column("id", BigInteger, Identity(), primary_key=True),
    Column("chain_id", BigInteger, nullable=False),
    Column("wallet", LargeBinary, nullable=False),
    Column("nonce", BigInteger, nullable=False),
    Column("size", BigInteger, ForeignKey(heads.c.size), nullable=False),
    Column("raw", LargeBinary, nullable=False),
    Column("tx_hash", LargeBinary, nullable=False, unique=True),
    Column("state", Text, nullable=False),
    Column("block_number", BigInteger),
    Column("block_hash", LargeBinary),
    Column("reason", Text),
    Column("created_ms", BigInteger, nullable=False),
    Column("updated_ms", BigInteger, nullable=False),
    CheckConstraint(
        "state IN ('prepared', 'sent', 'mined', 'safe', 'final', 'replaced', 'failed')",
        name="known_state",
    ),
    CheckConstraint(
        "(state IN ('mined', 'safe', 'final')) = (block_number IS NOT NULL)",
        name="mined_in_a_block",
    ),
    comment="Signed transactions, committed before they are broadcast; one in flight.",
)
Index(
    "uq_anchors_in_flight",
    anchors.c.chain_id,
    anchors.c.wallet,
    unique=True,
    postgresql_where=anchors.c.state.in_(["prepared", "sent"]),
)

parties = Table(
    "parties",
    metadata,
    Column("party", LargeBinary, primary_key=True),
    Column("path", Text, nullable=False),
    Column("name", Text, nullable=False),
    Column("active", Boolean, nullable=False),
    _hash32("party"),
)

party_keys = Table(
    "party_keys",
    metadata,
    Column("address", LargeBinary, primary_key=True),
    Column("party", LargeBinary, ForeignKey(parties.c.party), nullable=False),
    Column("active", Boolean, nullable=False),
    CheckConstraint("octet_length(address) = 20", name="address_is_20_bytes"),
    comment="Derived from key entries, at the sequenced size. An address has one party for ever.",
)

item_states = Table(
    "item_states",
    metadata,
    Column("item_key", LargeBinary, primary_key=True),
    Column("status", Text, nullable=False),
    Column("holder", LargeBinary),
    Column("shipped_to", LargeBinary),
    Column("container", LargeBinary),
    Column("last_index", BigInteger, nullable=False),
    Column("last_time", BigInteger, nullable=False),
    Column("condition", Text),
    Column("due_ms", BigInteger),
    Index("ix_item_states_due_ms", "due_ms", postgresql_where=text("due_ms IS NOT NULL")),
    comment="Derived: custody at the integrated size.",
)

findings = Table(
    "findings",
    metadata,
    Column("item_key", LargeBinary, primary_key=True),
    Column("code", Text, primary_key=True),
    Column("severity", Text, nullable=False),
    Column("finding_class", Text, nullable=False),
    Column("detail", Text, nullable=False),
    Column("evidence", ARRAY(BigInteger), nullable=False),
    Column("backdated", Boolean, nullable=False),
    Column("opened_index", BigInteger, nullable=False),
    Column("opened_ms", BigInteger, nullable=False),
    Column("changed_index", BigInteger, nullable=False),
    CheckConstraint(
        "finding_class IN ('conflict_proven', 'suspicious', 'data_quality', 'procedural')",
        name="known_class",
    ),
    Index("ix_findings_evidence", "evidence", postgresql_using="gin"),
    comment="Derived: open findings at the integrated size.",
)
