"""XML as text: indented, escaped, nothing in it that XML 1.0 cannot carry."""

import re
from collections.abc import Iterable
from typing import Final

Attributes = Iterable[tuple[str, str]]
# XML 1.0 production 2, Char: all else cannot be written, not even escaped.
_NO_CHARACTER = re.compile("[^\t\n\r\u0020-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]")
_REPLACEMENT: Final = "\ufffd"
_INDENT: Final = "  "


def is_writable(text: str) -> bool:
    """Tell whether XML can carry every character of a text."""
    return _NO_CHARACTER.search(text) is None


def _escaped(text: str) -> str:
    text = _NO_CHARACTER.sub(_REPLACEMENT, text).replace("&", "&amp;").replace("<", "&lt;")
    return text.replace(">", "&gt;").replace("\r", "&#13;")


def _attribute(name: str, value: str) -> str:
    quoted = _escaped(value).replace('"', "&quot;").replace("\n", "&#10;").replace("\t", "&#9;")
    return f' {name}="{quoted}"'


class XmlOut:
    """Collects elements in the order in which they are written."""

    def __init__(self, depth: int = 0) -> None:
        """Begin at a depth of indentation."""
        self.lines: list[str] = []
        self._depth = depth
        self._open: list[str] = []

    @property
    def depth(self) -> int:
        """Depth at which the next element stands."""
        return self._depth

    def begin(self, name: str, attributes: Attributes = ()) -> None:
        """Begin an element that holds elements."""
        self._line(f"<{name}{self._written(attributes)}>")
        self._open.append(name)
        self._depth += 1

    def end(self) -> None:
        """End the element that was begun last."""
        self._depth -= 1
        self._line(f"</{self._open.pop()}>")

    def leaf(self, name: str, text: str, attributes: Attributes = ()) -> None:
        """Write an element that holds text only."""
        start = f"<{name}{self._written(attributes)}"
        self._line(f"{start}>{_escaped(text)}</{name}>" if text else f"{start}/>")

    def take(self, other: "XmlOut") -> None:
        """Take over the lines of another."""
        self.lines += other.lines

    def text(self) -> bytes:
        """Return the document as UTF-8."""
        head = '<?xml version="1.0" encoding="UTF-8"?>\n'
        return (head + "\n".join(self.lines) + "\n").encode()

    def _line(self, text: str) -> None:
        self.lines.append(_INDENT * self._depth + text)

    @staticmethod
    def _written(attributes: Attributes) -> str:
        return "".join(_attribute(name, value) for name, value in attributes)
