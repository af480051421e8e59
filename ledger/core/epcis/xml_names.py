"""Names of extensions: `prefix:local` in JSON, a namespace and a local name in XML."""

import re
from collections.abc import Iterator, Mapping
from typing import Final, Protocol

from ledger.core.epcis.document import STANDARD_CONTEXT
from ledger.core.epcis.namespaces import STANDARD_PREFIXES
from ledger.core.errors import MalformedError
from ledger.core.strict_json import JsonValue

XSI_NAMESPACE: Final = "http://www.w3.org/2001/XMLSchema-instance"
XSI: Final = f"{{{XSI_NAMESPACE}}}"
XSD_NAMESPACE: Final = "http://www.w3.org/2001/XMLSchema"
XML_NAMESPACE: Final = "http://www.w3.org/XML/1998/namespace"
XML_SPACE: Final = f"{{{XML_NAMESPACE}}}space"
# Namespace and prefix of what had no namespace where EPCIS knows no such element.
UNQUALIFIED: Final = ("urn:unbroken:local", "local")
# Our own mark for what XML has no sign for; its words stand apart by spaces.
JSON_MARK: Final = "{urn:unbroken:json}as"
LIST: Final = "list"
NO_LIST: Final = "empty-list"
OBJECT: Final = "object"
HEADER: Final = "header"

# Namespaces of XML that the standard context has a prefix for; CBV writes its own both ways.
_PREFIX_OF: Final = {
    **{namespace: prefix for prefix, namespace in STANDARD_PREFIXES.items()},
    "urn:epcglobal:cbv:mda": "cbvmda",
}
# What stands before a colon in a URI: as a prefix it would make every such URI ambiguous.
_SCHEMES: Final = frozenset(["http", "https", "urn", "ni", "data", "tag", "did", "xml", "xmlns"])
_COMPACT = re.compile(r"([^\s:/?#]+):(?!//)(.*)", re.DOTALL)


class Element(Protocol):
    """What is used of an element of lxml, which comes without types; comments are not read."""

    tag: str
    text: str | None
    tail: str | None
    prefix: str | None
    sourceline: int
    nsmap: Mapping[str | None, str]
    attrib: Mapping[str, str]

    def __iter__(self) -> "Iterator[Element]": ...
    def __len__(self) -> int: ...
    def __delitem__(self, key: slice) -> None: ...
    def get(self, key: str) -> str | None:
        """Return an attribute's value, None when it has none."""
        ...

    def getprevious(self) -> "Element | None":
        """Return the sibling before."""
        ...

    def getparent(self) -> "Element":
        """Return the parent."""
        ...

    def remove(self, element: "Element") -> None:
        """Take a child out."""
        ...

    def clear(self, *, keep_tail: bool) -> None:
        """Forget attributes, text and children."""
        ...


# Each is stored with the event; real ones use three or four.
MAX_PREFIXES: Final = 256


def marks_of(element: Element) -> list[str]:
    """Return the words of our own mark at an element."""
    return (element.get(JSON_MARK) or "").split()


def local_of(element: Element) -> str:
    """Return the local name of an lxml element."""
    return element.tag.rpartition("}")[2]


def namespace_of(element: Element) -> str:
    """Return the namespace of an lxml element, "" when it has none."""
    return element.tag[1:].partition("}")[0] if element.tag[0] == "{" else ""


class ReadNames:
    """The prefixes of one event or one document, as they are bound while it is read.

    One namespace has one prefix: the first by which the sender wrote it. Where that prefix is
    taken, protected or a URI scheme, a number follows it. So one text always gives one context.
    """

    def __init__(self) -> None:
        """Begin with nothing bound."""
        self._bound: dict[str, str] = {}
        self._namespaces: dict[str, str] = {}

    def prefix(self, namespace: str, wanted: str | None) -> str:
        """Return the prefix of a namespace, binding it when it is new.

        Raises:
            MalformedError: More than MAX_PREFIXES are bound.
        """
        prefix = _PREFIX_OF.get(namespace) or self._bound.get(namespace)
        if prefix is None:
            if len(self._namespaces) >= MAX_PREFIXES:
                raise MalformedError("xml", f"uses at most {MAX_PREFIXES} namespaces in an event")
            base = wanted or "ns"
            prefix, number = base, 1
            while prefix in self._namespaces or prefix in STANDARD_PREFIXES or prefix in _SCHEMES:
                number += 1
                prefix = f"{base}{number}"
            self._bound[namespace] = prefix
            self._namespaces[prefix] = namespace
        return prefix

    def bound(self, namespace: str) -> str | None:
        """Return the prefix of a namespace, None when nothing used it."""
        return self._bound.get(namespace)

    def forget(self, namespace: str) -> None:
        """Unbind a namespace of which nothing is kept."""
        prefix = self._bound.pop(namespace, None)
        self._namespaces.pop(prefix or "", None)

    def element(self, element: Element) -> str:
        """Return the member name of an element; an unqualified one keeps its bare name."""
        namespace = namespace_of(element)
        if not namespace:
            return local_of(element)
        return f"{self.prefix(namespace, element.prefix)}:{local_of(element)}"

    def attribute(self, element: Element, name: str) -> str:
        """Return the member name of an attribute that is given in Clark notation, without @."""
        if name[0] != "{":
            return name
        namespace, _, local = name[1:].partition("}")
        if namespace == XML_NAMESPACE:
            return f"xml:{local}"
        wanted = next((p for p, n in element.nsmap.items() if n == namespace and p), None)
        return f"{self.prefix(namespace, wanted)}:{local}"

    def value(self, element: Element, text: str) -> str:
        """Return a value that may be a compact IRI, its prefix bound as in this context."""
        match = _COMPACT.fullmatch(text)
        namespace = element.nsmap.get(match[1]) if match else None
        if match is None or namespace is None or match[1] in STANDARD_PREFIXES:
            return text
        return f"{self.prefix(namespace, match[1])}:{match[2]}"

    def context(self) -> list[JsonValue]:
        """Return the `@context` that binds what was used."""
        bound: dict[str, JsonValue] = {p: self._namespaces[p] for p in sorted(self._namespaces)}
        return [STANDARD_CONTEXT, bound] if bound else [STANDARD_CONTEXT]


def bindings(context: JsonValue) -> Iterator[tuple[str, str]]:
    """Yield prefix and namespace of every simple term that a JSON-LD context binds."""
    for part in context if isinstance(context, list) else [context]:
        if isinstance(part, dict):
            for prefix, namespace in part.items():
                if isinstance(namespace, dict):
                    namespace = namespace.get("@id")  # noqa: PLW2901 -- an expanded definition
                if isinstance(namespace, str) and not prefix.startswith("@"):
                    yield prefix, namespace
