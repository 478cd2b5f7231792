"""Validating documents of a few MiB within a call: small ones in a thread, larger ones in a child process.

The decoder of such a document keeps the interpreter for a tenth of a second and more, and so does freeing what it made.
"""

import asyncio
from collections.abc import Callable
from typing import Any, TypeVar

from chassis.cpu_pool import CpuPool
from chassis.entity import Value
from services.pmc.pack.intake import PlacedStyle, Unpacker, intake_for
from services.pmc.pack.problems import PackProblem, Problems
from services.pmc.pack.scanning import BadOutline
from services.pmc.pack.sound import SoundDocument, sound_document
from services.pmc.pack.validate import validate_json

T = TypeVar("T")

IN_THREAD_BYTES_MAX = 64 * 1024
"""Largest document that is validated in a thread of this process: some milliseconds."""

SECONDS_MAX = 300.0
"""How long a validation may take, waiting for its turn included."""

UNPACKED_INLINE_BYTES_MAX = 64 * 1024 * 1024
"""A small object that unpacks to more than this is left to the worker."""


class ValidationResult(Value):
    """What validation found: a sound document, or its problems."""

    problem_count: int
    problems: list[PackProblem]
    document: SoundDocument | None = None


async def validate_inline(cpu: CpuPool, org: str, text: bytes, http_urls: bool) -> ValidationResult:
    """Validate the document of a call. Raises `Unavailable` if there is no process for it in time."""
    return await _run(cpu, org, len(text), inline_result, text, http_urls)


async def validate_upload(
    cpu: CpuPool, org: str, data: bytes, content_type: str, content_encoding: str | None, http_urls: bool
) -> ValidationResult | None:
    """Validate an uploaded document; None if it unpacks to too much. Raises as `validate_inline`."""
    # Packed, a few KiB may be many MiB.
    size = len(data) if content_encoding is None else UNPACKED_INLINE_BYTES_MAX
    return await _run(cpu, org, size, upload_result, data, content_type, content_encoding, http_urls)


async def _run(cpu: CpuPool, org: str, size: int, work: Callable[..., T], *given: Any) -> T:
    if size <= IN_THREAD_BYTES_MAX:
        return await asyncio.to_thread(work, *given)
    return await cpu.run(work, *given, org=org, seconds=SECONDS_MAX)


def inline_result(text: bytes, http_urls: bool) -> ValidationResult:
    """As `validate_inline`, here and now."""
    found = validate_json(text, "document", http_urls=http_urls)
    if found.header is None:
        return ValidationResult(problem_count=found.problem_count, problems=found.problems)
    document = sound_document(found.header, found.styles, found.sha256, found.bytes)
    return ValidationResult(problem_count=0, problems=[], document=document)


def upload_result(
    data: bytes, content_type: str, content_encoding: str | None, http_urls: bool
) -> ValidationResult | None:
    """As `validate_upload`, here and now."""
    intake = intake_for(content_type, http_urls=http_urls)
    found: list[PlacedStyle] = []
    try:
        for _ in range(intake.passes):
            unpacker, size = Unpacker(content_encoding), 0
            for piece in unpacker.feed(data):
                size += len(piece)
                if size > UNPACKED_INLINE_BYTES_MAX:
                    return None
                found += intake.feed(piece)
            unpacker.end()
            found += intake.end()
    except BadOutline as failure:
        intake.problems.add(failure.path, "malformed", str(failure))
    problems: Problems = intake.problems
    if intake.header is None or problems.count:
        return ValidationResult(problem_count=problems.count, problems=problems.kept)
    return ValidationResult(
        problem_count=0, problems=[], document=sound_document(intake.header, [each.style for each in found])
    )
