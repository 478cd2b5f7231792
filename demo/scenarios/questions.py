"""The questions that check a step: each is answered by the running stack, or by the last answer."""

from collections.abc import Awaitable, Callable, Mapping
from typing import Any, Final

from msgspec import Struct

from demo.scenarios.floor import Floor

BUCKETS = ("available", "quarantine", "damaged", "consignment", "reserved", "committed", "in_transit")

ANY: Final = "any"
"""Any lot; None asks for units without a lot."""


class Question(Struct, frozen=True):
    """A question: its text in print, and the function that finds the answer."""

    words: str
    found: Callable[[Floor], Awaitable[Any]]


async def bucket_totals(floor: Floor, facility: str) -> tuple[int, ...]:
    """The seven bucket totals of a facility, then on hand."""
    stock = await floor.stock(facility)
    return (*(stock["buckets"][bucket] for bucket in BUCKETS), stock["on_hand"])


def of(name: str, path: str) -> Question:
    """A field of the newest version of a kept record."""

    async def found(floor: Floor) -> Any:
        return dig(floor.kept(name), path)

    return Question(f"{name} {_spelled(path)}", found)


def answer(path: str) -> Question:
    """A field of the step's own answer."""

    async def found(floor: Floor) -> Any:
        return dig(floor.answer, path)

    return Question(_spelled(path), found)


def external(account: str) -> Question:
    """The balance of an external account in units: received minus given, by the stock cards."""

    async def found(floor: Floor) -> int:
        cards = await floor.cards()
        came: list[int] = [card["quantity"] for card in cards if card["to_account"]["external"] == account]
        went: list[int] = [card["quantity"] for card in cards if card["from_account"]["external"] == account]
        return sum(came) - sum(went)

    return Question(account, found)


def entries(kind: str) -> Question:
    """The quantities of all stock cards of a kind."""

    async def found(floor: Floor) -> list[int]:
        return [card["quantity"] for card in await floor.cards(kind=kind)]

    return Question(f"{kind} entries", found)


def units(
    bucket: str,
    *,
    place: str | None = None,
    lot: str | None = ANY,
    stage: str | None = None,
    holder: str | None = None,
    facility: str = "FAC-A",
) -> Question:
    """Units of a bucket, filtered by place, lot, stage and holder where these are given."""

    async def found(floor: Floor) -> int:
        wanted: dict[str, Any] = {"bucket": bucket}
        if place is not None:
            wanted["zone_id" if floor.is_zone(place) else "bin_id"] = floor.id_of(place)
        if lot != ANY:
            wanted["lot_code"] = lot
        if stage is not None:
            wanted["stage"] = stage
        if holder is not None:
            wanted["held_by_id"] = floor.id_of(holder)
        stock = await floor.stock(facility)
        if stock["more_positions"]:
            raise RuntimeError("the answer does not list all positions")
        return sum(each["quantity"] for each in stock["positions"] if wanted.items() <= each.items())

    words = [f"{holder}:" if holder else "", stage or bucket, f"in {place}" if place else ""]
    words.append("" if lot == ANY else f"of {lot or 'no lot'}")
    return Question(" ".join(word for word in words if word), found)


def atp(channel: str | None = "WEB", *, by: str | None = None, facility: str = "FAC-A") -> Question:
    """Available to promise, including what arrives by the date `by`."""
    return _availability("atp", channel, by, facility)


def promisable(channel: str | None = "WEB", *, facility: str = "FAC-A") -> Question:
    """Units that can be reserved now."""
    return _availability("promisable", channel, None, facility)


def unsellable(channel: str | None = "WEB", *, facility: str = "FAC-A") -> Question:
    """Available units of unsellable lots, and unsellable serials on the shelf."""

    async def found(floor: Floor) -> Any:
        answered = await _asked(floor, facility, channel_code=channel)
        return answered["facilities"][0]["unsellable"]

    return Question("unsellable", found)


def serial(serial_no: str, path: str) -> Question:
    """A field of a single unit."""

    async def found(floor: Floor) -> Any:
        answered = await floor.ask("serial/360", variant_id=floor.variant, serial_no=serial_no)
        return dig(answered["serial"], path)

    return Question(f"{serial_no} {_spelled(path)}", found)


async def _asked(floor: Floor, facility: str, **asked: str | None) -> dict[str, Any]:
    """What atp/query answers about the variant in a facility."""
    given = {name: value for name, value in asked.items() if value is not None}
    answered = await floor.ask("atp/query", variant_ids=[floor.variant], logical_guids=[floor.fresh(facility)], **given)
    item: dict[str, Any] = answered["items"][0]
    return item


def _availability(term: str, channel: str | None, by: str | None, facility: str) -> Question:
    async def found(floor: Floor) -> Any:
        return (await _asked(floor, facility, channel_code=channel, by_date=by))[term]

    return Question(f"{channel or 'no channel'} {term}" + (f" by {by}" if by else ""), found)


def _spelled(path: str) -> str:
    return path.replace(".*", "").replace(".", " ").replace("_", " ")


def dig(value: Any, path: str) -> Any:
    """The value at the path `a.b`, or at `a.*.b` in each item of a list; None if there is none."""
    for number, step in enumerate(words := path.split(".")):
        if step == "*":
            rest = ".".join(words[number + 1 :])
            return [dig(each, rest) if rest else each for each in value]
        if not isinstance(value, Mapping) or step not in value:
            return None
        value = value[step]
    return value
