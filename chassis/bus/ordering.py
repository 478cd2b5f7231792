"""What keeps the events of one subject in order: which of a page may be ticked off, and which lane handles which."""

from collections.abc import Sequence
from zlib import crc32


def settled(subjects: Sequence[str], confirmed: Sequence[bool]) -> list[int]:
    """Places in a page that are done with: confirmed, and all before them of the same subject are too.

    A confirmed event behind an unconfirmed one of its subject is not done with: both are published again, in order.
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
    """The lane, of so many, in which all events of a subject are handled one after the other."""
    return crc32(subject.encode()) % workers
