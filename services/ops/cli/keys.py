"""`stackctl keys`: make the keys of a new stack, printed or kept in a Secret of the Kubernetes cluster this runs in."""

import secrets
from base64 import b64encode, urlsafe_b64encode
from typing import Annotated, Any

from cyclopts import App, Parameter

from chassis.auth.keys import public_text
from chassis.key_ring import new_key
from chassis.rpc.client import PEERS
from services.ops.cli.cluster import Cluster
from services.ops.cli.stack import Given

KEY_BYTES = 48
SEALING_KEY_BYTES = 32
PASSWORD_BYTES = 24
USER = "retailstack"
PUBLIC_ENTRY = "CALLER_PUBLIC_KEYS"

keys = App(name="keys", help="The keys of a new stack.")


@keys.command(name="make")
async def make(
    *,
    mongodb: Annotated[str, Parameter(help="Hosts of a database to make an address for, host:port with commas.")] = "",
    mongodb_options: Annotated[str, Parameter(help="Options of that address.")] = "replicaSet=rs0&authSource=admin",
    rabbitmq: Annotated[str, Parameter(help="Host of a broker to make an address for, host:port.")] = "",
    kubernetes_secret: Annotated[str, Parameter(help="Keep the keys in this Secret; what it has stays as it is.")] = "",
    stack: Given,  # noqa: ARG001  every command is given the stack
) -> dict[str, Any]:
    """Make new random keys.

    They are printed as one document, unless --kubernetes-secret names a Secret: then only the names of the keys that
    were added to it are printed. Passwords of database and broker are made together with their addresses.
    """
    made = new_keys(mongodb, mongodb_options, rabbitmq)
    if not kubernetes_secret:
        return dict(made)
    async with Cluster() as cluster:
        added = await cluster.add_to_secret(kubernetes_secret, made)
    return {"secret": kubernetes_secret, "added": sorted(added)}


def new_keys(mongodb: str, mongodb_options: str, rabbitmq: str) -> dict[str, str]:
    """A key for every setting that needs one, and addresses with a password for the hosts that are given."""
    made = {
        "CALLER_KEY": _words(KEY_BYTES),
        **signing_keys(),
        "GATEWAY_KEY": _words(KEY_BYTES),
        "SLC_KEYS": f"first:{urlsafe_b64encode(secrets.token_bytes(SEALING_KEY_BYTES)).decode()}",
        "OPERATOR_CODE": _words(PASSWORD_BYTES),
    }
    if mongodb:
        password = _words(PASSWORD_BYTES)
        made["MONGODB_PASSWORD"] = password
        # Members of a replica set know each other by it; at most 1,024 characters of base64.
        made["MONGODB_KEYFILE"] = b64encode(secrets.token_bytes(564)).decode()
        made["MONGODB_URI"] = f"mongodb://{USER}:{password}@{mongodb}/?{mongodb_options}"
    if rabbitmq:
        password = _words(PASSWORD_BYTES)
        made["RABBITMQ_PASSWORD"] = password
        made["RABBITMQ_COOKIE"] = _words(PASSWORD_BYTES)
        made["AMQP_URL"] = f"amqp://{USER}:{password}@{rabbitmq}/"
    return made


def signing_keys(key_id: str = "first") -> dict[str, str]:
    """A private key for the gateway and each service to sign callers with, and all public keys."""
    private = {holder: new_key(key_id) for holder in PEERS}
    public = [public_text(holder, text) for holder, text in private.items()]
    return {**{signing_entry(holder): text for holder, text in private.items()}, PUBLIC_ENTRY: "\n".join(public)}


def signing_entry(holder: str) -> str:
    """The name of the entry with the private key of a holder."""
    return f"CALLER_SIGNING_KEYS_{holder.upper()}"


def _words(size: int) -> str:
    """Random text of the given length in bytes that needs no quoting in an address, a file or a shell."""
    return secrets.token_urlsafe(size).replace("-", "x").replace("_", "y")
