"""EPCIS XML for tests: documents around events, written here."""

EPCIS = {"1.2": "urn:epcglobal:epcis:xsd:1", "2.0": "urn:epcglobal:epcis:xsd:2"}
BASE = (
    "<eventTime>2026-01-02T03:04:05Z</eventTime><eventTimeZoneOffset>+00:00</eventTimeZoneOffset>"
)
EPC = "urn:epc:id:sgtin:4012345.011111.9876"


def document(events: str, version: str = "2.0", header: str = "", more: str = "") -> bytes:
    """A capture document."""
    return (
        f'<epcis:EPCISDocument xmlns:epcis="{EPCIS[version]}" schemaVersion="{version}"'
        f' creationDate="2026-01-02T03:04:06Z"{more}>{header}'
        f"<EPCISBody><EventList>{events}</EventList></EPCISBody></epcis:EPCISDocument>"
    ).encode()


def observed(rest: str = "", attributes: str = "", epc: str = EPC) -> str:
    """An ObjectEvent of either version with what stands behind its action."""
    return (
        f"<ObjectEvent{attributes}>{BASE}<epcList><epc>{epc}</epc></epcList>"
        f"<action>OBSERVE</action>{rest}</ObjectEvent>"
    )
