"""The search endpoint. What it promises its callers is in the contract's pmc.yaml."""

from typing import Literal

from chassis.caller import Call
from chassis.endpoint import Answer, Endpoints, Request
from chassis.errors import Forbidden, invalid_field
from chassis.page import PageRequest, Seal, items_of
from chassis.unit import SnapshotReader, Units
from chassis.values import Code, Count, Guid, Text, Token
from services.pmc.product.answers import ProductSummary, summary_of
from services.pmc.product.store import cards_by_id
from services.pmc.profile.store import all_profiles, channel_of
from services.pmc.search.limits import RegexSearches
from services.pmc.search.matching import question_of
from services.pmc.search.modes import Found, SearchScope, search_contains, search_prefix, search_regex
from services.pmc.search.patterns import search_pattern_problem
from services.pmc.search.store import KnownSamples
from services.pmc.settings import PmcSettings
from services.pmc.terms import FIELDS, MatchField, normalised
from services.pmc.words import VIEW, AskedState, Part

endpoints = Endpoints("pmc", "/product")

SearchField = Literal["any", "sku", "code", "barcode", "identifier", "alias"]
SearchMode = Literal["prefix", "contains", "regex"]

CHARACTERS_MIN = {"prefix": 2, "contains": 3}
CHARACTERS_MAX = 128
PATTERN_CHARACTERS_MIN = 3
PATTERN_CHARACTERS_MAX = 256
DIGITS_MIN, DIGITS_MAX = 4, 14
_PUBLISHERS = ("pmc_publish", "pma")


class ForbiddenRole(Forbidden):
    """The caller lacks the role that regex search asks for."""

    tag = "forbidden-role"


class SearchMatch(Part):
    """Where a product was found: the field, and the normalised value of the form that matched."""

    field: MatchField
    value: Text


class SearchHit(Part):
    """A product that was found."""

    product: ProductSummary
    match: SearchMatch


class ProductSearchRequest(Request, PageRequest):
    q: Text
    field: SearchField | None = None
    mode: SearchMode | None = None
    online_state: AskedState | None = None
    channel_guid: Guid | None = None
    channel_code: Code | None = None
    logical_guid: Guid | None = None


class ProductSearchEnvelope(Answer):
    items: list[SearchHit]
    count: Count
    next_token: Token | None
    scan_limited: bool


@endpoints.get(
    "/search",
    roles=VIEW,
    refusals={
        "invalid-input": "q is shorter or longer than the mode allows, no digits with field barcode, or no RE2 pattern",
        "forbidden-role": "mode regex without pmc_publish",
        "not-found": "the channel context names no known channel",
        "throttled": "more than 2 regex searches of one org at once",
    },
)
async def pmc_product_search(
    call: Call,
    units: Units,
    settings: PmcSettings,
    searches: RegexSearches,
    samples: KnownSamples,
    body: ProductSearchRequest,
) -> ProductSearchEnvelope:
    """Find products by the beginning of their values, by a part of them, or by a pattern."""
    mode: SearchMode = body.mode or "prefix"
    field: SearchField = body.field or "any"
    if mode == "regex" and not call.caller.has_any(_PUBLISHERS):
        raise ForbiddenRole("mode regex takes the role pmc_publish")
    _check(body.q, mode, field)
    if mode == "regex" and field == "barcode":
        mode = "contains"
    seal = Seal((settings.page_key or settings.caller_key).encode())
    async with units.snapshot_reader(call, moment=False) as reader:
        channel = await channel_of(reader, body.channel_guid, body.channel_code, body.logical_guid)
        channels = [channel] if channel is not None else await all_profiles(reader)
        asked = SearchScope(
            channels=await samples.of(reader, [each.channel_guid for each in channels]),
            state=body.online_state or "both",
            limit=items_of(body),
        )
        query = [call.orgcode, body.q, field, mode, asked.state, channel.channel_guid if channel else None]
        position = None if body.next_token is None else [str(each) for each in seal.open(query, body.next_token)]
        if mode == "regex":
            with searches.admitted(call.orgcode):
                fields = FIELDS if field == "any" else tuple(each for each in FIELDS if each == field)
                found = await search_regex(reader, asked, body.q, fields, position)
        else:
            search = search_prefix if mode == "prefix" else search_contains
            found = await search(reader, asked, question_of(body.q, field), position)
        return await _answer(reader, found, None if found.position is None else seal.seal(query, found.position))


async def _answer(reader: SnapshotReader, found: Found, token: str | None) -> ProductSearchEnvelope:
    products = await cards_by_id(reader, [hit.product_id for hit in found.hits])
    items = [
        SearchHit(
            product=summary_of(products[hit.product_id]),
            match=SearchMatch(field=hit.match.field, value=hit.match.value),
        )
        for hit in found.hits
        if hit.product_id in products
    ]
    return ProductSearchEnvelope(items=items, count=len(items), next_token=token, scan_limited=found.scan_limited)


def _check(q: str, mode: SearchMode, field: SearchField) -> None:
    plain = normalised(q)
    if field == "barcode":
        if not (plain.isascii() and plain.isdigit() and DIGITS_MIN <= len(plain) <= DIGITS_MAX):
            raise invalid_field("q", f"must be {DIGITS_MIN} to {DIGITS_MAX} digits for field barcode")
    elif mode == "regex":
        if not PATTERN_CHARACTERS_MIN <= len(q) <= PATTERN_CHARACTERS_MAX:
            raise invalid_field("q", f"must have {PATTERN_CHARACTERS_MIN} to {PATTERN_CHARACTERS_MAX} characters")
        if problem := search_pattern_problem(q):
            raise invalid_field("q", problem)
    elif not CHARACTERS_MIN[mode] <= len(plain) <= CHARACTERS_MAX:
        raise invalid_field("q", f"must have {CHARACTERS_MIN[mode]} to {CHARACTERS_MAX} characters for mode {mode}")
