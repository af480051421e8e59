"""What may stand where in EPCIS XML 1.2 and 2.0: our own table of the rules of both standards.

A type is one line: `name:Type` with `?`, `*` or `+` for how often, in order; `##other` and
`##local` are places for foreign and for unqualified elements; `@name:Type`, with `!` when it is
required, an attribute; `@*` any further attribute; `=Type` text; `|` at the front: any order;
`^`: one of them; `/name` in a token: only beside that element. Names are unqualified unless
`sbdh!` or `query!` says whose they are.
"""

from dataclasses import dataclass
from typing import Final

from ledger.core.epcis.document import Format

EPCIS: Final = {
    Format.XML_12: "urn:epcglobal:epcis:xsd:1",
    Format.XML_20: "urn:epcglobal:epcis:xsd:2",
}
QUERY: Final = {
    Format.XML_12: "urn:epcglobal:epcis-query:xsd:1",
    Format.XML_20: "urn:epcglobal:epcis-query:xsd:2",
}
MASTER_DATA: Final = {
    Format.XML_12: "urn:epcglobal:epcis-masterdata:xsd:1",
    Format.XML_20: "urn:epcglobal:epcis-masterdata:xsd:2",
}
SBDH: Final = "http://www.unece.org/cefact/namespaces/StandardBusinessDocumentHeader"
OTHER, LOCAL = "##other", "##local"
MANY: Final = 1 << 30
# Each level is at most an object in a list, and JSON nests 64 deep; EPCIS has about 15.
MAX_XML_DEPTH: Final = 32


@dataclass(frozen=True, slots=True, kw_only=True)
class Particle:
    """A place in a sequence: which element, of which type, how often."""

    name: str
    of: str
    least: int
    most: int
    beside: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Grammar:
    """One type: its children in order, its attributes, its text."""

    particles: tuple[Particle, ...]
    places: dict[str, int]
    any_order: bool
    one_of: bool
    attributes: dict[str, tuple[str, bool]]
    any_attribute: bool
    text: str


_SHARED: Final = {
    "EPCList": "epc:string*",
    "QuantityList": "quantityElement:Quantity*",
    "Quantity": "epcClass:anyURI quantity:decimal? uom:string/quantity?",
    "Place": "id:anyURI extension:Local? ##other*",
    "BizTransactionList": "bizTransaction:BizTransaction+",
    "BizTransaction": "=anyURI @type:anyURI",
    "SourceList": "source:Typed+",
    "DestinationList": "destination:Typed+",
    "Typed": "=anyURI @type:anyURI!",
    "Ilmd": "extension:Local? ##other* @*",
    "Corrective": "correctiveEventID:anyURI*",
    "Local": "##local+ @*",
    "Other": "##other+ @*",
    "EPCISHeaderExtension": "EPCISMasterData:MasterData? extension:Local? @*",
    "MasterData": "VocabularyList:VocabularyList extension:LocalOnly?",
    "LocalOnly": "##local+",
    "VocabularyList": "Vocabulary:Vocabulary*",
    "Vocabulary": "VocabularyElementList:VocabularyElementList? extension:Local? ##other*"
    " @type:anyURI! @*",
    "VocabularyElementList": "VocabularyElement:VocabularyElement+",
    "VocabularyElement": "attribute:Anything* children:IDList? extension:Local? ##other*"
    " @id:anyURI! @*",
    "Anything": "=mixed ##any* @id:anyURI! @*",
    "IDList": "id:anyURI* @*",
    "Document": "EPCISHeader:Header? EPCISBody:Body extension:Local? ##other*"
    " @schemaVersion:decimal! @creationDate:dateTime! @*",
    "Body": "EventList:EventList? extension:Local? ##other* @*",
    "QueryDocument": "EPCISHeader:Header? EPCISBody:QueryBody extension:Local? ##other*"
    " @schemaVersion:decimal! @creationDate:dateTime! @*",
    "QueryBody": "query!QueryResults:QueryResults",
    "QueryResults": "queryName:string subscriptionID:string? resultsBody:ResultsBody"
    " extension:Local? ##other*",
    "ResultsBody": "^ EventList:EventList VocabularyList:VocabularyList",
    "MasterDataDocument": "EPCISHeader:Header? EPCISBody:MasterDataBody extension:Local? ##other*"
    " @schemaVersion:decimal! @creationDate:dateTime! @*",
    "MasterDataBody": "VocabularyList:VocabularyList? extension:Local? ##other* @*",
    "Sbdh": "sbdh!HeaderVersion:string sbdh!Sender:Partner+ sbdh!Receiver:Partner+"
    " sbdh!DocumentIdentification:Identification sbdh!Manifest:Manifest?"
    " sbdh!BusinessScope:BusinessScope?",
    "Partner": "sbdh!Identifier:PartnerID sbdh!ContactInformation:Contact*",
    "PartnerID": "=string @Authority:string",
    "Contact": "sbdh!Contact:string sbdh!EmailAddress:string? sbdh!FaxNumber:string?"
    " sbdh!TelephoneNumber:string? sbdh!ContactTypeIdentifier:string?",
    "Identification": "sbdh!Standard:string sbdh!TypeVersion:string sbdh!InstanceIdentifier:string"
    " sbdh!Type:string sbdh!MultipleType:boolean? sbdh!CreationDateAndTime:dateTime",
    "Manifest": "sbdh!NumberOfItems:integer sbdh!ManifestItem:ManifestItem+",
    "ManifestItem": "sbdh!MimeTypeQualifierCode:string sbdh!UniformResourceIdentifier:anyURI"
    " sbdh!Description:string? sbdh!LanguageCode:string?",
    "BusinessScope": "sbdh!Scope:Scope*",
    "Scope": "sbdh!Type:string sbdh!InstanceIdentifier:string sbdh!Identifier:string?"
    " sbdh!CorrelationInformation:Anything2* sbdh!BusinessService:Anything2*",
    "Anything2": "=mixed ##any* @*",
}
_WHERE: Final = " bizStep:anyURI? disposition:anyURI? readPoint:Place? bizLocation:Place?"
_TRANSACTIONS: Final = " bizTransactionList:BizTransactionList?"
_PARTIES: Final = " sourceList:SourceList? destinationList:DestinationList?"
_TRANSFORMED: Final = (
    " inputEPCList:EPCList? inputQuantityList:QuantityList? outputEPCList:EPCList?"
    " outputQuantityList:QuantityList? transformationID:anyURI?"
)

_BASE_12: Final = (
    "eventTime:dateTime recordTime:dateTime? eventTimeZoneOffset:string baseExtension:Base?"
)
_XML_12: Final = {
    **_SHARED,
    "Header": "sbdh!StandardBusinessDocumentHeader:Sbdh extension:EPCISHeaderExtension?"
    " ##other* @*",
    "EventList": "| ObjectEvent:ObjectEvent* AggregationEvent:AggregationEvent*"
    " QuantityEvent:QuantityEvent* TransactionEvent:TransactionEvent* extension:MoreEvents* @*",
    "MoreEvents": "^ TransformationEvent:TransformationEvent extension:Local",
    "Base": "eventID:anyURI? errorDeclaration:ErrorDeclaration? extension:Local? @*",
    "ErrorDeclaration": "declarationTime:dateTime reason:anyURI? correctiveEventIDs:Corrective?"
    " extension:Local? ##other* @*",
    "ObjectEvent": _BASE_12 + " epcList:EPCList action:action" + _WHERE + _TRANSACTIONS
    + " extension:ObjectExtension? ##other* @*",
    "ObjectExtension": "quantityList:QuantityList?" + _PARTIES + " ilmd:Ilmd? extension:Local? @*",
    "AggregationEvent": _BASE_12 + " parentID:anyURI? childEPCs:EPCList action:action" + _WHERE
    + _TRANSACTIONS + " extension:AggregationExtension? ##other* @*",
    "AggregationExtension": "childQuantityList:QuantityList?" + _PARTIES + " extension:Local? @*",
    "QuantityEvent": _BASE_12 + " epcClass:anyURI quantity:int" + _WHERE + _TRANSACTIONS
    + " extension:Local? ##other* @*",
    "TransactionEvent": _BASE_12 + " bizTransactionList:BizTransactionList parentID:anyURI?"
    " epcList:EPCList action:action" + _WHERE + " extension:TransactionExtension? ##other* @*",
    "TransactionExtension": "quantityList:QuantityList?" + _PARTIES + " extension:Local? @*",
    "TransformationEvent": _BASE_12 + _TRANSFORMED + _WHERE + _TRANSACTIONS + _PARTIES
    + " ilmd:Ilmd? extension:Local? ##other* @*",
}  # fmt: skip

_BASE_20: Final = (
    "eventTime:timeStamp recordTime:timeStamp? eventTimeZoneOffset:string eventID:anyURI?"
    " errorDeclaration:ErrorDeclaration? certificationInfo:anyURI? baseExtension:Other?"
)
_SENSED: Final = (
    " sensorElementList:SensorElementList? persistentDisposition:PersistentDisposition?"
)
_REST_20: Final = " extension:Other? ##other* @*"
_XML_20: Final = {
    **_SHARED,
    "Header": "sbdh!StandardBusinessDocumentHeader:Sbdh? extension:EPCISHeaderExtension? @*",
    "EventList": "| ObjectEvent:ObjectEvent* AggregationEvent:AggregationEvent*"
    " TransformationEvent:TransformationEvent* TransactionEvent:TransactionEvent*"
    " AssociationEvent:AssociationEvent* extension:Other* @*",
    "ErrorDeclaration": "| declarationTime:timeStamp* reason:anyURI*"
    " correctiveEventIDs:Corrective* extension:Local* ##other* @*",
    "PersistentDisposition": "unset:anyURI* set:anyURI*",
    "SensorElementList": "sensorElement:SensorElement+ extension:Local?",
    "SensorElement": "sensorMetadata:SensorMetadata? sensorReport:SensorReport+ extension:Local?"
    " ##other*",
    "SensorMetadata": "=string @time:timeStamp @deviceID:anyURI @deviceMetadata:anyURI"
    " @rawData:anyURI @startTime:timeStamp @endTime:timeStamp @bizRules:anyURI"
    " @dataProcessingMethod:anyURI @*",
    "SensorReport": "=string @type:anyURI @value:double @component:anyURI @stringValue:string"
    " @booleanValue:boolean @hexBinaryValue:hexBinary @uriValue:anyURI @uom:string"
    " @minValue:double @maxValue:double @sDev:double @chemicalSubstance:anyURI"
    " @microorganism:anyURI @deviceID:anyURI @deviceMetadata:anyURI @rawData:anyURI"
    " @time:timeStamp @meanValue:double @percRank:double @percValue:double"
    " @dataProcessingMethod:anyURI @coordinateReferenceSystem:anyURI @exception:anyURI @*",
    "ObjectEvent": _BASE_20 + " epcList:EPCList? action:action" + _WHERE + _TRANSACTIONS
    + " quantityList:QuantityList?" + _PARTIES + _SENSED + " ilmd:Ilmd?" + _REST_20,
    "AggregationEvent": _BASE_20 + " parentID:anyURI? childEPCs:EPCList? action:action" + _WHERE
    + _TRANSACTIONS + " childQuantityList:QuantityList?" + _PARTIES + _SENSED + _REST_20,
    "TransactionEvent": _BASE_20 + " bizTransactionList:BizTransactionList parentID:anyURI?"
    " epcList:EPCList? action:action" + _WHERE + " quantityList:QuantityList?" + _PARTIES
    + _SENSED + _REST_20,
    "TransformationEvent": _BASE_20 + _TRANSFORMED + _WHERE + _TRANSACTIONS + _PARTIES + _SENSED
    + " ilmd:Ilmd?" + _REST_20,
    "AssociationEvent": _BASE_20 + " parentID:anyURI childEPCs:EPCList?"
    " childQuantityList:QuantityList? action:action" + _WHERE + _TRANSACTIONS + _PARTIES
    + _SENSED + _REST_20,
}  # fmt: skip

_COUNTS: Final = {"?": (0, 1), "*": (0, MANY), "+": (1, MANY)}


def _particle(token: str, version: Format) -> Particle:
    least, most = _COUNTS.get(token[-1], (1, 1))
    body = token.rstrip("?*+")
    if body.startswith("##"):
        return Particle(name=body, of="", least=least, most=MANY)
    name, _, of = body.partition(":")
    of, _, beside = of.partition("/")
    if name.startswith("sbdh!"):
        name = f"{{{SBDH}}}{name[5:]}"
    elif name.startswith("query!"):
        name = f"{{{QUERY[version]}}}{name[6:]}"
    return Particle(name=name, of=of, least=least, most=most, beside=beside)


def _grammar(line: str, version: Format) -> Grammar:
    tokens = line.split()
    attributes = {
        name[1:]: (of.rstrip("!"), of.endswith("!"))
        for name, _, of in (token.partition(":") for token in tokens if token.startswith("@"))
        if name != "@*"
    }
    particles = tuple(_particle(t, version) for t in tokens if t[0] not in "@=|^")
    return Grammar(
        particles=particles,
        places={particle.name: i for i, particle in enumerate(particles)},
        any_order=tokens[0] in ("|", "^"),
        one_of=tokens[0] == "^",
        attributes=attributes,
        any_attribute="@*" in tokens,
        text=next((token[1:] for token in tokens if token[0] == "="), ""),
    )


TYPES: Final[dict[Format, dict[str, Grammar]]] = {
    version: {name: _grammar(line, version) for name, line in lines.items()}
    for version, lines in ((Format.XML_12, _XML_12), (Format.XML_20, _XML_20))
}
EVENT_NAMES: Final = frozenset([
    "ObjectEvent", "AggregationEvent", "TransactionEvent", "TransformationEvent",
    "AssociationEvent", "QuantityEvent",
])  # fmt: skip
