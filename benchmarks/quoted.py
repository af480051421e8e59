"""Goals whose peer is not measured here: its figures are quoted."""

from collections.abc import Iterator

from benchmarks.measure import Result


def quoted() -> Iterator[Result]:
    """G1, G5, G13."""
    yield Result(
        goal="G1", what="EPCIS XML of one lot / QU4RTET on the same PostgreSQL", threshold=50.0,
        without="quoted",
        note="QU4RTET 4.1: 257 events/s, 459 serials/s (EPCIS 1.2 XML, 2 vCPU, PostgreSQL 18)",
    )  # fmt: skip
    yield Result(
        goal="G5", what="bulk, signed documents / Tessera POSIX adds of 1 KB", threshold=1.0,
        without="quoted",
        note="Tessera 1811ae1a, Go 1.27, no antispam: 45,000 to 54,000/s, 20 to 24 us of CPU an "
        "entry on this kind of machine; compare the wall figure of G4",
    )  # fmt: skip
    yield Result(
        goal="G13", what="CBV event hash / epcis-event-hash-generator", threshold=25.0,
        without="quoted",
        note="on this kind of machine its 1.9 hashes 1,800 to 2,000 events/s",
    )  # fmt: skip
