"""The log of reads: which token looked at what, and how many records it got; never a property, never the token."""

from chassis.caller import Call
from chassis.telemetry.log import get_logger

log = get_logger("visualgrid")


def log_read(
    call: Call, row: str, records: int, *, table: str = "", pk: str | None = None, sk: str | None = None
) -> None:
    """One line for one read."""
    log.info("vg.read", token_id=call.caller.fingerprint, row=row, table=table, pk=pk, sk=sk, records=records)
