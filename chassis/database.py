"""Opens the database of a process, and its units of work."""

from collections.abc import Callable

from chassis.caller import Call
from chassis.clock import Clock
from chassis.from_settings import page_key_of
from chassis.generic_servicers import CHASSIS_ENTITIES
from chassis.mongo.client import Database
from chassis.mongo.unit import MongoUnits
from chassis.sealing import Sealer
from chassis.service import Parts
from chassis.settings import BaseSettings
from chassis.work.item import items_of, lines_of


async def open_database(settings: BaseSettings, service: str) -> Database:
    """Connect to the database of a service; waits up to `start_seconds` for a server that does not answer yet."""
    return await Database.await_server(
        settings.mongodb_uri,
        settings.mongodb_database or service,
        settings.mongodb_driver,
        settings.mongodb_engine,
        seconds=settings.start_seconds,
    )


def units_over(
    database: Database,
    service: str,
    parts: Parts,
    *,
    settings: BaseSettings,
    clock: Clock,
    admit: Callable[[Call], None],
    sealer: Sealer | None,
) -> MongoUnits:
    """Units of work over the entities of a service, those of the chassis, and those of its work queues."""
    queues = [worker.queue for worker in parts.workers]
    work = [entity for queue in queues for entity in (items_of(queue), lines_of(queue))]
    return MongoUnits(
        database,
        [*parts.entities, *CHASSIS_ENTITIES, *work],
        clock,
        service,
        page_key=page_key_of(settings),
        admit=admit,
        sealer=sealer,
    )
