"""Order per subject: which events of a published page are finished, and which worker handles an event."""

from collections.abc import Sequence
from zlib import crc32


def settled(subjects: Sequence[str], confirmed: Sequence[bool]) -> list[int]:
    """Positions of the events that are finished: confirmed, like all earlier ones of their subject.

    A confirmed event after an unconfirmed one of its subject is published again with it, in order.
    """
    broken: set[str] = set()
    places: list[int] = []
    for place, (subject, arrived) in enumerate(zip(subjects, confirmed, strict=True)):
        if not arrived:
            broken.add(subject)
        elif subject not in broken:
            places.append(place)
    return places


def worker_of(subject: str, workers: int) -> int:
    """The number of the worker, of `workers`, that handles all events of a subject in order."""
    return crc32(subject.encode()) % workers
