"""Member names to names of XML: which namespace a prefix stands for, and that it is declared."""

import re
from functools import lru_cache
from typing import Final

from lxml import etree

from ledger.core.epcis.namespaces import STANDARD_PREFIXES
from ledger.core.epcis.xml_names import (
    JSON_MARK,
    UNQUALIFIED,
    XSD_NAMESPACE,
    XSI_NAMESPACE,
    bindings,
)
from ledger.core.strict_json import JsonValue

# XML 1.0 productions 4 and 4a without the colon.
_START: Final = (
    r"A-Z_a-z\xc0-\xd6\xd8-\xf6\xf8-\u02ff\u0370-\u037d\u037f-\u1fff\u200c\u200d\u2070-\u218f"
    r"\u2c00-\u2fef\u3001-\ud7ff\uf900-\ufdcf\ufdf0-\ufffd\U00010000-\U000effff"
)
_LOCAL = re.compile(rf"[{_START}][{_START}\-.0-9\xb7\u0300-\u036f\u203f\u2040]*")
_CBV_XML: Final = {"urn:epcglobal:cbv:mda:": "urn:epcglobal:cbv:mda"}
_RESERVED: Final = {
    "xsi": XSI_NAMESPACE,
    "xsd": XSD_NAMESPACE,
    "json": JSON_MARK[1:].partition("}")[0],
}


class WriteNames:
    """The namespaces of one event or of a document's head, as they are used while it is written."""

    def __init__(self, context: JsonValue, declared: dict[str, str] | None = None) -> None:
        """Take the `@context` that the members are written by, and what is declared already."""
        self._known = {**STANDARD_PREFIXES, **dict(bindings(context))}
        self._vocabulary = _vocabulary(context)
        self._declared = dict(declared or {})

    def bind(self, wanted: str, namespace: str) -> str:
        """Return a prefix for a namespace that the context need not name."""
        prefix, number = wanted, 1
        while self._known.setdefault(prefix, namespace) != namespace:
            number += 1
            prefix = f"{wanted}{number}"
        return prefix

    def declarations(self) -> list[tuple[str, str]]:
        """Return the attributes that declare every prefix that was used."""
        return [(f"xmlns:{prefix}", self._declared[prefix]) for prefix in sorted(self._declared)]

    def element(self, name: str) -> str | None:
        """Return the name of an element for a member, None when XML has none for it."""
        resolved = self._resolved(name)
        if resolved is None:
            return name if _LOCAL.fullmatch(name) else None
        namespace, local, prefix = resolved
        if not _LOCAL.fullmatch(local) or not _is_namespace(namespace):
            return None
        return f"{self._declare(prefix, namespace)}:{local}"

    def attribute(self, name: str) -> str | None:
        """Return the name of an attribute, None when XML has none for it."""
        prefix, colon, local = name.partition(":")
        if not colon or prefix == "xml":
            return name if _LOCAL.fullmatch(local or prefix) else None
        return self.element(name)

    def is_extension(self, name: str) -> bool:
        """Tell whether a member has a namespace."""
        return self._resolved(name) is not None

    def is_unqualified(self, name: str) -> bool:
        """Tell whether a member was an element without a namespace that EPCIS does not know."""
        resolved = self._resolved(name)
        return resolved is not None and resolved[0] == UNQUALIFIED[0]

    def use(self, text: str) -> None:
        """Declare the prefix of a value that is shortened by one of the context."""
        prefix, colon, rest = text.partition(":")
        own = self._known.get(prefix) if prefix not in STANDARD_PREFIXES else None
        if colon and own and not rest.startswith("//") and _is_namespace(own):
            self._declare(prefix, own)

    def reserved(self, name: str) -> str:
        """Return a name of xsi, xsd or of our own mark, its prefix declared."""
        prefix = name.partition(":")[0]
        self._declared[prefix] = _RESERVED[prefix]
        return name

    def _resolved(self, name: str) -> tuple[str, str, str] | None:
        """Return namespace, local name and wanted prefix; None for a name without a namespace."""
        prefix, colon, local = name.partition(":")
        if not colon:
            iri = self._known.get(name) or (self._vocabulary + name if self._vocabulary else "")
            return _split(iri) if iri else None
        if prefix in self._known and not local.startswith("//"):
            return _CBV_XML.get(self._known[prefix], self._known[prefix]), local, prefix
        # A whole IRI, or a prefix that nothing defines: then it stands for itself.
        return _split(name) if "://" in name or prefix == "urn" else (f"{prefix}:", local, prefix)

    def _declare(self, wanted: str, namespace: str) -> str:
        base = wanted if _LOCAL.fullmatch(wanted) and wanted[:3].lower() != "xml" else "ns"
        prefix, number = base, 1
        while self._declared.get(prefix, namespace) != namespace or prefix in _RESERVED:
            number += 1
            prefix = f"{base}{number}"
        self._declared[prefix] = namespace
        return prefix


@lru_cache(maxsize=1024)
def _is_namespace(text: str) -> bool:
    """Ask the parser itself which texts it takes as a namespace: it refuses bad URIs."""
    try:
        etree.Element(f"{{{text}}}a")
        etree.fromstring(etree.tostring(etree.Element("a", nsmap={"p": text})))
    except (ValueError, etree.XMLSyntaxError):
        return False
    return bool(text)


def _vocabulary(context: JsonValue) -> str:
    found = ""
    for part in context if isinstance(context, list) else [context]:
        vocabulary = part.get("@vocab") if isinstance(part, dict) else None
        found = vocabulary if isinstance(vocabulary, str) else found
    return found


def _split(iri: str) -> tuple[str, str, str]:
    """Split an IRI before its last part that can be a local name."""
    end = max(iri.rfind("#"), iri.rfind("/"), iri.rfind(":")) + 1
    namespace = iri[:end]
    return namespace, iri[end:], "ns"
