"""A query's parameter as it was given, and what its values can be read as."""

from collections.abc import Sequence
from dataclasses import dataclass
from decimal import Decimal

from ledger.core.epcis.compared import Prefixes, decimal, find_time_ms, identity, is_uri, word
from ledger.core.epcis.conditions import Comparison
from ledger.core.epcis.vocabulary import Words
from ledger.core.errors import MalformedError
from ledger.core.strict_json import JsonValue


class QueryParameterError(MalformedError):
    """A query names a parameter that does not exist, or gives it a value it does not take."""


@dataclass(frozen=True, slots=True)
class Given:
    """One parameter as it was given."""

    name: str
    values: Sequence[JsonValue]
    prefixes: Prefixes

    def refused(self, rule: str, value: JsonValue = None) -> QueryParameterError:
        """Return the error that names the parameter, the rule and the value."""
        return QueryParameterError(self.name, rule, value)

    def texts(self) -> list[str]:
        """Return values that are texts, at least one."""
        if not self.values:
            raise self.refused("has at least one value")
        texts = []
        for value in self.values:
            if not isinstance(value, str) or not value:
                raise self.refused("is a list of texts", value)
            texts.append(value)
        return texts

    def single(self) -> JsonValue:
        """Return the one value of a parameter that is no list."""
        if len(self.values) != 1:
            raise self.refused("has one value", len(self.values))
        return self.values[0]

    def numbers(self) -> list[Decimal]:
        """Return values that are numbers, at least one."""
        numbers = []
        for value in self.values:
            number = decimal(value)
            if number is None:
                raise self.refused("is a number", value)
            numbers.append(number)
        if not numbers:
            raise self.refused("has at least one value")
        return numbers

    def time_ms(self) -> int:
        """Return the one value, an instant."""
        value = self.single()
        time_ms = find_time_ms(value)
        if time_ms is None:
            raise self.refused("is a time from 1970 on, with its zone", value)
        return time_ms

    def identities(self) -> tuple[str, ...]:
        """Return the canonical paths of values that are URIs, at least one."""
        return tuple(self.identity(text) for text in self.texts())

    def identity(self, text: str) -> str:
        """Return the canonical path of a URI; a wrong check digit is no fault of a query."""
        if not is_uri(text):
            raise self.refused("is a URI", text)
        return identity(text)

    def words(self, words: Words) -> tuple[str, ...]:
        """Return values of a vocabulary as `compared.word` makes them, at least one."""
        found = []
        for text in self.texts():
            one = word(text, words, self.prefixes)
            if one not in words.words and not is_uri(one):
                raise self.refused("is a word of the vocabulary or a URI", text)
            found.append(one)
        return tuple(found)

    def measures(self, comparison: Comparison) -> tuple[Decimal, ...]:
        """Return numbers to compare with; a threshold is one."""
        if comparison is not Comparison.EQ:
            self.single()
        return tuple(self.numbers())
