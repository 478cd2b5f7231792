"""Cards: what lists and search show of a product, read without its search terms."""

from chassis.clock import Utc
from chassis.entity import Document, Value
from services.pmc.product.domain import PointerRef, served_of
from services.pmc.words import OnlineState, Price, RevRef


class CardIndex(Value):
    """What a card has of the content that is shown."""

    variant_code: str
    sku: str
    title: str
    price: Price | None = None
    image_url: str | None = None


class CardPointers(Value):
    """The pointer that decides what is served."""

    fallback: PointerRef | None = None


class ProductCard(Document):
    """A product as `summary_of` needs it."""

    product_id: str
    orgcode: str
    channel_guid: str
    channel_code: str
    style_id: str
    variant_id: str
    online_state: OnlineState
    publishable: bool
    live: RevRef | None = None
    pointers: CardPointers = CardPointers()
    indexed: CardIndex
    revision: int
    updated_utc: Utc

    @property
    def served(self) -> RevRef | None:
        """The revision that is served, if any."""
        return served_of(self.live, self.pointers.fallback)
