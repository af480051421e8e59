"""JSON-LD prefixes of a document: what its extension names and short URIs stand for.

Only prefixes that stand in the bytes, and those of the standard context, which this table holds:
no context is ever fetched.
"""

import re
from dataclasses import dataclass
from typing import Final

from ledger.core.strict_json import JsonValue

RDFS_COMMENT: Final = "{http://www.w3.org/2000/01/rdf-schema#}comment"
CBVMDA: Final = "urn:epcglobal:cbv:mda"

# Those of the EPCIS 2.0.0 context, which protects them: never bound anew (JSON-LD 1.1, 4.1.11).
STANDARD_PREFIXES: Final = {
    "epcis": "https://ref.gs1.org/epcis/",
    "cbv": "https://ref.gs1.org/cbv/",
    "cbvmda": CBVMDA + ":",
    "gs1": "https://gs1.org/voc/",
    "rdfs": "http://www.w3.org/2000/01/rdf-schema#",
    "owl": "http://www.w3.org/2002/07/owl#",
    "xsd": "http://www.w3.org/2001/XMLSchema#",
    "dcterms": "http://purl.org/dc/terms/",
}
# Spellings of one namespace: XML has it bare, the JSON context with a colon, names with a hash.
_SAME: Final = {CBVMDA + end: CBVMDA for end in ":#"}
_SHORT = re.compile(r"([A-Za-z_][\w.\-]*):(?!//)(\S+)", re.ASCII)
_MAX_CONTEXTS = 64
# As an identifier (ledger.core.identifiers); a longer one stands for nothing.
MAX_IRI: Final = 2048
# Attack: a short name written in full a million times fills the memory. Some thousand times what
# real events come to; names behind it are left short.
MAX_EXPANDED: Final = 16 * 1024 * 1024


@dataclass(slots=True)
class Namespaces:
    """What prefixes and terms stand for; `expanded` = characters that were written in full."""

    meanings: dict[str, str]
    default: str = ""
    expanded: int = 0

    def expanded_name(self, name: str) -> str:
        """Return `{namespace}local` of a member's name, or the name where nothing is known."""
        full = self._expanded_name(name)
        return name if full != name and self._is_spent(full) else full

    def _expanded_name(self, name: str) -> str:
        prefix, colon, local = name.partition(":")
        if colon and local.startswith("//"):
            return _split_iri(name)
        if colon:
            namespace = self.meanings.get(prefix)
            return name if namespace is None else _braced(namespace, local)
        if name in self.meanings:
            return _split_iri(self.meanings[name])
        return _braced(self.default, name) if self.default else name

    def expanded_uri(self, text: str) -> str:
        """Return a URI written with a known prefix in full, any other text as it is."""
        short = _SHORT.fullmatch(text) if ":" in text else None
        if short is None or short[1] not in self.meanings:
            return text
        full = self.meanings[short[1]] + short[2]
        return text if self._is_spent(full) else full

    def _is_spent(self, full: str) -> bool:
        self.expanded += len(full)
        return self.expanded > MAX_EXPANDED


def namespaces_of(*contexts: JsonValue) -> Namespaces:
    """Return what `@context` members define, later ones before earlier; odd parts say nothing."""
    meanings = dict(STANDARD_PREFIXES)
    default = ""
    for definitions in _definitions(contexts):
        for term, meaning in definitions.items():
            iri = meaning.get("@id") if isinstance(meaning, dict) else meaning
            if not isinstance(iri, str) or len(iri) > MAX_IRI:
                continue
            if term == "@vocab":
                default = iri
            elif not term.startswith("@"):
                meanings[term] = iri
    return Namespaces(meanings, default)


def _definitions(contexts: tuple[JsonValue, ...]) -> list[dict[str, JsonValue]]:
    listed: list[JsonValue] = []
    for context in contexts:
        listed += context[:_MAX_CONTEXTS] if isinstance(context, list) else [context]
    return [one for one in listed if isinstance(one, dict)]


def _split_iri(iri: str) -> str:
    cut = max(iri.rfind("/"), iri.rfind("#")) + 1
    return _braced(iri[:cut], iri[cut:]) if cut else iri


def _braced(namespace: str, local: str) -> str:
    return f"{{{_SAME.get(namespace, namespace)}}}{local}"
