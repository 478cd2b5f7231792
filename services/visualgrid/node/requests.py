"""What the rows about records are asked, and the tokens of their pages."""

from typing import Any

from chassis.endpoint import Request
from chassis.page import Seal
from chassis.values import PAGE_ITEMS_DEFAULT, PAGE_ITEMS_MAX, Name, Text, Token
from services.visualgrid.node.domain import NodeRef
from services.visualgrid.settings import VisualGridSettings


class NodeRequest(Request):
    vg_token: Token | None = None
    table: Name
    pk: Text
    sk: Text

    @property
    def ref(self) -> NodeRef:
        """The record asked about."""
        return NodeRef(table=self.table, pk=self.pk, sk=self.sk)


def items_wanted(limit: int | None) -> int:
    """How many items a page shall have: clamped at both ends."""
    return PAGE_ITEMS_DEFAULT if limit is None else max(1, min(limit, PAGE_ITEMS_MAX))


class PageTokens:
    """Seals the place at which one query continues."""

    def __init__(self, settings: VisualGridSettings, *query: Any) -> None:
        self._seal = Seal((settings.page_key or settings.caller_key).encode())
        self._query = ["visualgrid", *query]

    def seal(self, place: list[Any] | None) -> str | None:
        """The token of a place; None for none."""
        return None if place is None else self._seal.seal(self._query, place)

    def open(self, token: str | None) -> list[Any] | None:
        """The place in a token. Raises `Invalid` for one that was altered or made for another query."""
        return None if token is None else self._seal.open(self._query, token)
