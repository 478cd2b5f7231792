"""The parameters an operator runs a job with."""

from collections.abc import Mapping
from typing import Any

import msgspec
from msgspec import Struct, inspect

from chassis.decoding.fields import Reading
from chassis.errors import Invalid, invalid_field, invalid_fields
from chassis.jobs.declaration import Job


def read_params(job: Job, given: Mapping[str, Any], *, dry_run: bool) -> Struct:
    """The params of a run by hand; numbers and booleans may be text. Raises `Invalid`, naming those that do not fit."""
    known = {field.name for field in msgspec.structs.fields(job.params)}
    if unknown := sorted(set(given) - known):
        raise invalid_field(unknown[0], f"{job.name} takes no such parameter")
    if dry_run and "dry_run" not in known:
        raise Invalid(f"{job.name} cannot be run dry")
    values = {**given, "dry_run": True} if dry_run else given
    reading = Reading(lax=True)
    canonical = reading.read(inspect.type_info(job.params), values)
    if reading.problems:
        raise invalid_fields(reading.problems)
    return msgspec.convert(canonical, type=job.params)
