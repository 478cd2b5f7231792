"""Conditional requests and ranges (RFC 9110, sections 13 and 14), decided from headers alone."""

import re
from collections.abc import Mapping
from datetime import UTC, datetime
from email.utils import format_datetime, parsedate_to_datetime
from typing import NamedTuple

from chassis.clock import to_datetime
from chassis.errors import RangeNotSatisfiable
from chassis.raw import Represented

_TAG = re.compile(r'(W/)?("[\x21\x23-\x7e\x80-\xff]*")')
_ETAG = re.compile(r"[\x21\x23-\x7e]{1,128}")
_RANGE = re.compile(r"bytes *= *([0-9]{0,18}) *- *([0-9]{0,18})", re.IGNORECASE)


class ByteRange(NamedTuple):
    """A range of a content: its first byte and the one after its last."""

    start: int
    stop: int


class ContentValidators(NamedTuple):
    """What tells one state of a content from another: an entity tag with its quotes, and a time in whole seconds."""

    etag: str
    modified: datetime | None

    def headers(self) -> dict[str, str]:
        """The headers that tell the caller."""
        found = {"ETag": self.etag} if self.etag else {}
        if self.modified is not None:
            found["Last-Modified"] = format_datetime(self.modified, usegmt=True)
        return found


def validators_of(answer: Represented) -> ContentValidators:
    """The validators of an answer. Raises ValueError for a tag with characters that HTTP does not allow."""
    if answer.etag and not _ETAG.fullmatch(answer.etag):
        raise ValueError(f"{answer.etag!r} can't be an entity tag")
    modified = to_datetime(answer.modified_utc).replace(microsecond=0) if answer.modified_utc else None
    return ContentValidators(f'"{answer.etag}"' if answer.etag else "", modified)


def is_unchanged(headers: Mapping[str, str], validators: ContentValidators) -> bool:
    """Whether the caller has the content already (304): by `If-None-Match`, or without it by `If-Modified-Since`."""
    if (tags := headers.get("If-None-Match")) is not None:
        if tags.strip() == "*":
            return True
        return bool(validators.etag) and any(tag == validators.etag for _, tag in _TAG.findall(tags))
    since = _time(headers.get("If-Modified-Since"))
    return since is not None and validators.modified is not None and validators.modified <= since


def part_of(headers: Mapping[str, str], validators: ContentValidators, length: int) -> ByteRange | None:
    """The range the caller asks for, None for the whole content; `RangeNotSatisfiable` (416) where it lies outside.

    Several ranges at once, and what is no range of bytes, are answered with the whole content, as HTTP allows.
    """
    match = _RANGE.fullmatch(headers.get("Range", "").strip())
    if match is None or not _holds(headers.get("If-Range"), validators):
        return None
    first, last = match.groups()
    if not first and not last:
        return None
    if not first:
        start, stop = max(0, length - int(last)), length
    else:
        start, stop = int(first), length if not last else min(int(last) + 1, length)
        if last and int(last) < start:
            return None
    if start >= stop:
        raise RangeNotSatisfiable(length)
    return ByteRange(start, stop)


def _holds(condition: str | None, validators: ContentValidators) -> bool:
    """Whether an `If-Range` is absent or names the present state. A weak tag never does."""
    if condition is None:
        return True
    if '"' in condition:
        return bool(validators.etag) and condition.strip() == validators.etag
    return validators.modified is not None and _time(condition) == validators.modified


def _time(text: str | None) -> datetime | None:
    if text is None:
        return None
    try:
        time = parsedate_to_datetime(text)
    except ValueError:
        return None
    return time if time.tzinfo is not None else time.replace(tzinfo=UTC)
