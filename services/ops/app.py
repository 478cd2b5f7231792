"""OPS: the operator's service. Maintenance windows never close it, because they are ended here."""

from chassis.service import Service
from services.ops.announced import announcements
from services.ops.secret.service import secret_service
from services.ops.settings import OpsSettings
from services.ops.vacuum.runner import vacuum_runner

OPS = Service(
    name="ops",
    title="Operations",
    description="Maintenance windows, deletion of data, and the health of all services.",
    settings=OpsSettings,
    package="services.ops",
    features=["secret", "maintenance", "vacuum", "stat"],
    roles={},
    gated=False,
    resources=[secret_service, announcements, vacuum_runner],
)
