"""When an outgoing call is made again, and how long to wait before: pure rules."""

from collections.abc import Callable, Mapping
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from typing import Literal

from chassis.entity import Value

IDEMPOTENT_METHODS = frozenset({"GET", "HEAD", "OPTIONS", "PUT", "DELETE"})
RETRIED_STATUSES = frozenset({429, 502, 503, 504})

FailureKind = Literal["refused", "timeout", "broken", "blocked", "too_large", "redirect"]
"""Why there is no answer: no connection could be opened · no answer in time · the connection broke · the address is not
public · the answer is larger than allowed · a redirect that is not followed."""


class RetryRules(Value):
    """How often and how fast a call is repeated.

    attempts           calls in all, the first included
    base_seconds       upper bound of the first wait; it doubles with each attempt, and the wait is random below it
    wait_seconds_max   upper bound of any wait, also of one that `Retry-After` asks for
    """

    attempts: int = 3
    base_seconds: float = 0.2
    wait_seconds_max: float = 5.0


def is_retried(kind: FailureKind, *, idempotent: bool) -> bool:
    """Whether a call without an answer may be made again: always if it can't have been carried out."""
    return kind == "refused" or (idempotent and kind in {"timeout", "broken"})


def wait_before(
    rules: RetryRules, attempt: int, headers: Mapping[str, str], now: datetime, random: Callable[[], float]
) -> float | None:
    """Seconds to wait after attempt number `attempt` (from 1); None if there is no further one.

    `Retry-After` sets the minimum; if it asks for more than `wait_seconds_max`, there is no further attempt.
    """
    if attempt >= rules.attempts:
        return None
    least = retry_after(headers, now) or 0.0
    if least > rules.wait_seconds_max:
        return None
    bound = min(rules.base_seconds * 2.0 ** (attempt - 1), rules.wait_seconds_max)
    return min(least + random() * bound, max(least, rules.wait_seconds_max))


def retry_after(headers: Mapping[str, str], now: datetime) -> float | None:
    """The seconds that a `Retry-After` asks for, as a number or a date; None where there is none to be read."""
    text = headers.get("Retry-After", "").strip()
    if text.isascii() and text.isdigit():
        return float(text[:9])
    try:
        time: datetime = parsedate_to_datetime(text)
    except ValueError:
        return None
    seconds = (time.replace(tzinfo=time.tzinfo or UTC) - now).total_seconds()
    return max(0.0, seconds)
