"""Wires settings to store, chain and keys, and these to the services: the one place that knows all.

`open_node` starts what is embedded, migrates, and on first use makes the log's keys, deploys its
home contract and logs its genesis. Every step may be repeated after a crash; a contract that was
deployed but never named by a genesis entry is left behind and costs nothing but its gas.
"""

from collections.abc import Callable
from concurrent.futures import Executor
from dataclasses import dataclass
from functools import partial

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from psycopg import Error as PsycopgError
from sqlalchemy import Engine
from sqlalchemy.exc import SQLAlchemyError

from ledger.chain.anchor_contract import AnchorContract, deploy
from ledger.chain.anchored_records import AnchoredRecords
from ledger.chain.anchoring import LogOnChain
from ledger.chain.client import ChainClient, FinalityPolicy
from ledger.chain.devnet import Devnet, dev_accounts
from ledger.chain.registrar_orders import rotate_on_chain
from ledger.clock import now_ms
from ledger.core.custody.findings import Rule
from ledger.core.entries import Address
from ledger.core.errors import NotFoundError
from ledger.core.facts import LogIdentity
from ledger.core.tiles import TileReader
from ledger.keystore import Keystore, resolve_password
from ledger.service.accept import Acceptor
from ledger.service.anchor import Anchorer
from ledger.service.audit import Auditor
from ledger.service.cases import Cases
from ledger.service.check import CheckPool
from ledger.service.deliver import Deliverer
from ledger.service.disclose import Discloser
from ledger.service.evidence import EvidenceMaker
from ledger.service.follow import Followers
from ledger.service.fsck import Fsck
from ledger.service.guesses import Guessing
from ledger.service.incoming import Incoming
from ledger.service.index import Indexer
from ledger.service.integrate import Integrator
from ledger.service.look_up import LookUp
from ledger.service.named_queries import NamedQueries, StandingQueries
from ledger.service.page_tokens import token_key
from ledger.service.prove import Prover
from ledger.service.publish import Publisher
from ledger.service.query import EventQueries
from ledger.service.register import Registrar
from ledger.service.sequence import Sequencer
from ledger.service.subscribe import Subscriber
from ledger.service.vault import Vault
from ledger.settings import Settings, prepare_home, read_rules
from ledger.store.anchor_store import SqlAnchorStore
from ledger.store.audit_store import open_audit_store
from ledger.store.case_read_store import SqlCaseStore
from ledger.store.database import EmbeddedPostgres, migrate, open_engine
from ledger.store.index_store import SqlIndexStore
from ledger.store.intake import Intake
from ledger.store.log_store import SqlLogStore
from ledger.store.map_store import SqlMapStore
from ledger.store.proof_store import SqlProofStore
from ledger.store.query_store import SqlEventStore
from ledger.store.read_store import SqlReadStore
from ledger.store.subscription_store import SqlSubscriptionStore
from ledger.store.token_store import SqlTokenStore
from ledger.webhooks import WebhookSender

HEAD_KEY, REGISTRAR_KEY, CHECKPOINT_KEY, STORAGE_KEY = (
    "log-head",
    "registrar",
    "checkpoint",
    "storage",
)
WALLET_KEY = "wallet"
ORIGIN = "unbroken.example/log"
# What a database that fails or is away raises, for layers that may not know its drivers.
STORE_ERRORS: tuple[type[Exception], ...] = (SQLAlchemyError, PsycopgError)


@dataclass(slots=True)
class Node:
    """An opened ledger: its parts, and the services made from them."""

    settings: Settings
    keystore: Keystore
    database_url: str
    engine: Engine
    log: SqlLogStore
    identity: LogIdentity
    vault: Vault

    def acceptor(self) -> Acceptor:
        """Return the service that accepts submissions, with the directory as it is now."""
        domain = self.identity.domain()
        return Acceptor(
            identity=self.identity,
            directory=self.log.directory(),
            vault=self.vault,
            log_id=domain.log_id,
            separator=domain.separator(),
        )

    def intake(self) -> Intake:
        """Return the group commit of accepted submissions; not started."""
        return Intake(self.database_url)

    def registrar(self) -> Registrar:
        """Return the service that signs facts, as the registrar of this moment.

        Raises:
            NotFoundError: The log's registrar is no key of this installation.
        """
        address = self.registrar_address()
        return Registrar(
            store=self.log,
            identity=self.identity,
            registrar_key=key_with(self.keystore, address),
            vault=self.vault,
        )

    def registrar_address(self) -> Address:
        """Return who signs facts at the sequenced size."""
        return self.log.directory().registrar or self.identity.registrar

    def rotate_registrar_on_chain(self, incoming: Address) -> bool:
        """Hand the office over at the home contract; False where the log is not open there yet.

        Raises:
            NotFoundError: The registrar that the chain knows is no key of this installation.
            ChainError: It is not mined.
        """
        contract = AnchorContract(open_chain(self.settings), "0x" + self.identity.contract.hex())
        outgoing = contract.registrar(self.identity.log_id())
        if outgoing is not None and outgoing != incoming:
            rotate_on_chain(
                contract,
                self.identity,
                wallet_key(self.settings, self.keystore),
                key_with(self.keystore, outgoing),
                incoming,
            )
        return outgoing is not None

    def prover(self) -> Prover:
        """Return the service that makes bundles."""
        store, maps = SqlProofStore(self.engine), SqlMapStore(self.engine)
        return Prover(store=store, vault=self.vault, tiles=TileReader(store.read_tile), maps=maps)

    def discloser(self) -> Discloser:
        """Return the service that discloses parts of events."""
        store, maps = SqlProofStore(self.engine), SqlMapStore(self.engine)
        return Discloser(
            store=store, vault=self.vault, tiles=TileReader(store.read_tile), maps=maps
        )

    def incoming(self) -> Incoming:
        """Return the service that tells a party how it came by its items."""
        return Incoming(store=SqlTokenStore(self.engine))

    def evidence_maker(self) -> EvidenceMaker:
        """Return the service that makes evidence of double spends."""
        return EvidenceMaker(store=SqlTokenStore(self.engine), identity=self.identity)

    def cases(self) -> Cases:
        """Return the service that answers questions about findings and cases."""
        store = SqlCaseStore(self.engine)
        rule = read_rules(self.settings).rules[Rule.SERIAL_GUESSING]
        limit = self.settings.guessing_limit
        guessing = Guessing(store=store, limit=limit, now_ms=now_ms, rule=rule)
        return Cases(store=store, guessing=guessing)

    def reader(self) -> LookUp:
        """Return the service that answers questions about jobs, items and the log."""
        return LookUp(store=SqlReadStore(self.engine))

    def sequencer(self, pool: CheckPool | None = None) -> Sequencer:
        """Return the sequencer; pool recomputes commitments of large batches."""
        return Sequencer(
            store=self.log, vault=self.vault, batch_size=self.settings.batch_size, pool=pool
        )

    def integrator(self, hasher: Executor | None = None) -> Integrator:
        """Return the integrator; hasher does large parts of the item map in another process."""
        return Integrator(store=self.log, rules=read_rules(self.settings), pool=hasher)

    def indexer(self) -> Indexer:
        """Return the indexer."""
        return Indexer(store=SqlIndexStore(self.engine))

    def event_store(self) -> SqlEventStore:
        """Return the index as the API reads it; not started."""
        return SqlEventStore(self.database_url)

    def event_queries(self, store: SqlEventStore) -> EventQueries:
        """Return the service that answers queries about events."""
        return EventQueries(store=store, token_key=self._token_key())

    def named_queries(self, store: SqlEventStore) -> NamedQueries:
        """Return the service of queries that have names."""
        return NamedQueries(store=store, token_key=self._token_key())

    def standing_queries(self) -> StandingQueries:
        """Return named queries as those see them who follow the log."""
        return StandingQueries(store=SqlIndexStore(self.engine))

    def subscriber(self) -> Subscriber:
        """Return the service that makes and ends subscriptions."""
        return Subscriber(
            store=SqlSubscriptionStore(self.engine),
            events=self.standing_queries(),
            destinations=self._webhook_sender(),
            vault=self.vault,
            now_ms=now_ms,
        )

    def followers(self) -> Followers:
        """Return the service of those who listen to a named query."""
        store = SqlSubscriptionStore(self.engine)
        return Followers(events=self.standing_queries(), store=store)

    def deliverer(self, chance: Callable[[], float]) -> Deliverer:
        """Return the dispatcher's service; chance spreads attempts, a number in [0, 1)."""
        return Deliverer(
            store=SqlSubscriptionStore(self.engine),
            events=self.standing_queries(),
            sender=self._webhook_sender(),
            vault=self.vault,
            now_ms=now_ms,
            chance=chance,
        )

    def _webhook_sender(self) -> WebhookSender:
        return WebhookSender(
            allow_http=self.settings.webhook_allow_http,
            allow_private=self.settings.webhook_allow_private,
        )

    def _token_key(self) -> bytes:
        return token_key(self.keystore.secret(STORAGE_KEY))

    def publisher(self) -> Publisher:
        """Return the publisher."""
        seed = self.keystore.secret(CHECKPOINT_KEY)
        return Publisher(
            store=self.log,
            identity=self.identity,
            head_key=self.keystore.private_key(HEAD_KEY),
            note_signer=Ed25519PrivateKey.from_private_bytes(seed),
        )

    def anchorer(self) -> Anchorer:
        """Return the anchor worker's service."""
        client = open_chain(self.settings)
        return Anchorer(
            log=self.log,
            anchors=SqlAnchorStore(self.engine),
            chain=LogOnChain(
                client,
                self.identity,
                wallet_key(self.settings, self.keystore),
                settle=own_devnet(self.settings).settle if self.settings.has_own_devnet else None,
            ),
            interval_ms=self.settings.anchor_interval_ms,
        )

    def fsck(self) -> Fsck:
        """Return the service that rebuilds what is derived from the log."""
        return Fsck(
            open_store=partial(open_audit_store, self.database_url),
            log=self.log,
            rules=read_rules(self.settings),
        )

    def auditor(self) -> Auditor:
        """Return the service that replays everything."""
        return Auditor(
            open_store=partial(open_audit_store, self.database_url),
            identity=self.identity,
            storage_key=self.keystore.secret(STORAGE_KEY),
            records=AnchoredRecords(open_chain(self.settings), self.identity),
            preload=[open_audit_store.__module__],
        )


def open_keystore(settings: Settings) -> Keystore:
    """Return the keystore, with the devnet's own password where none is set."""
    password = resolve_password(
        settings.keystore_password,
        secret_file=settings.secret_file,
        may_make=settings.has_own_devnet,
    )
    return Keystore(settings.keys_dir, password)


def key_with(keystore: Keystore, address: bytes) -> bytes:
    """Return the private key of an address.

    Raises:
        NotFoundError: No key of this installation has it.
    """
    for entry in keystore.list():
        if entry.address == address:
            return keystore.private_key(entry.name)
    raise NotFoundError(f"no key of this installation has the address 0x{address.hex()}")


def start_database(settings: Settings) -> str:
    """Start the embedded PostgreSQL unless a URL is set; return the URL."""
    if settings.database_url is not None:
        return settings.database_url
    prepare_home(settings)
    return EmbeddedPostgres(settings.postgres_dir).url


def own_devnet(settings: Settings) -> Devnet:
    """Return the devnet of this installation; not started."""
    return Devnet(settings.devnet_dir, port=0)


def open_chain(settings: Settings) -> ChainClient:
    """Return a client of the chain; starts our own devnet when none is set."""
    url = settings.rpc_url or own_devnet(settings).start()
    confirmations = settings.confirmations or None
    return ChainClient(
        url,
        chain_id=settings.chain_id,
        finality=FinalityPolicy(confirmations=confirmations),
    )


def wallet_key(settings: Settings, keystore: Keystore) -> bytes:
    """Return the key that pays for transactions: it has no authority over anything."""
    return (
        dev_accounts()[0].private_key
        if settings.has_own_devnet
        else keystore.private_key(WALLET_KEY)
    )


def open_node(settings: Settings) -> Node:
    """Open the ledger, making it on first use.

    Raises:
        LedgerError: A part cannot be started, reached or opened.
    """
    keystore = open_keystore(settings)
    url = start_database(settings)
    engine = open_engine(url)
    migrate(engine)
    log = SqlLogStore(engine)
    _make_keys(keystore)
    vault = Vault(keystore.secret(STORAGE_KEY))
    try:
        identity = log.identity()
    except NotFoundError:
        identity = _found_log(settings, keystore, log, vault)
    return Node(
        settings=settings, keystore=keystore, database_url=url, engine=engine, log=log,
        identity=identity, vault=vault,
    )  # fmt: skip


def _make_keys(keystore: Keystore) -> None:
    known = {entry.name for entry in keystore.list()}
    for name in (HEAD_KEY, REGISTRAR_KEY):
        if name not in known:
            keystore.create_evm(name)
    for name in (CHECKPOINT_KEY, STORAGE_KEY):
        if name not in known:
            keystore.create_secret(name, 32)


def _found_log(
    settings: Settings, keystore: Keystore, log: SqlLogStore, vault: Vault
) -> LogIdentity:
    """Deploy the home contract, log the genesis entry and return what it fixes."""
    client = open_chain(settings)
    contract = deploy(client, wallet_key(settings, keystore))
    if settings.has_own_devnet:
        # Its own dumps are a second apart: a kill in that second would lose the contract.
        own_devnet(settings).checkpoint()
    checkpoint = Ed25519PrivateKey.from_private_bytes(keystore.secret(CHECKPOINT_KEY))
    identity = LogIdentity(
        origin=ORIGIN,
        head_signer=Address(keystore.address_of(HEAD_KEY)),
        registrar=Address(keystore.address_of(REGISTRAR_KEY)),
        checkpoint_key=checkpoint.public_key().public_bytes_raw(),
        chain_id=client.chain_id,
        contract=bytes.fromhex(contract[2:]),
    )
    at_ms = now_ms()
    registrar = Registrar(
        store=log, identity=identity, registrar_key=keystore.private_key(REGISTRAR_KEY), vault=vault
    )
    registrar.submit([identity.entry(at_ms)], at_ms=at_ms)
    Sequencer(store=log, vault=vault, batch_size=1).run(at_ms=at_ms)
    return log.identity()
