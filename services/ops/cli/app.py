"""`stackctl`: the operator's command line. Commands are in the modules named after their nouns, loaded when used.

Exit status: 0 done, 1 refused, 2 usage, 3 unreachable.
"""

import asyncio
import os
import sys
from collections.abc import Sequence
from inspect import iscoroutine
from typing import Annotated, Any

from cyclopts import App, CycloptsError, Parameter

from services.ops.cli.options import DONE, REFUSED, UNREACHABLE, USAGE, Options, UsageError, read_addresses

NOUNS = {
    "secret": "The operator's secret code.",
    "org": "The directory of orgs.",
    "user": "The people in it.",
    "member": "Who belongs to which org, with which roles.",
    "session": "Sessions of users.",
    "key": "API keys of orgs.",
    "job": "Scheduled jobs, and running them by hand.",
    "events": "Live events, dead letters, replay.",
    "work": "What the services have to do, and what they gave up.",
    "maintenance": "Maintenance windows: when the stack is closed.",
    "vacuum": "Deleting an org's data, or everything.",
    "keys": "The keys of a stack: made and exchanged.",
    "db": "The services' databases, and how they are spread over shards.",
    "audit": "Whether the books are right.",
    "pmc": "Publishing packs.",
    "graph": "Records of all services, and what they are tied to.",
}
_MODULES = {
    "keys": "rotation",
    "org": "identity",
    "user": "identity",
    "member": "identity",
    "session": "identity",
    "key": "identity",
}

app = App(name="stackctl", help="Operate the retail stack.", version_flags=[])
for noun, said in NOUNS.items():
    app.command(f"services.ops.cli.{_MODULES.get(noun, noun)}:{noun}", name=noun, help=said)
app.command("services.ops.cli.status:status", name="status", help="How every service of the stack is.")


@app.meta.default
def launch(
    *tokens: Annotated[str, Parameter(show=False, allow_leading_hyphen=True)],
    json: Annotated[bool, Parameter(negative="", help="Print one JSON document, and nothing else.")] = False,
    yes: Annotated[bool, Parameter(negative="", help="Do not ask before destructive steps.")] = False,
    secret_fd: Annotated[int | None, Parameter(help="Read the secret code from this file descriptor.")] = None,
    ops_grpc: Annotated[str, Parameter(help="Where OPS answers, host:port.")] = "",
    gateway_grpc: Annotated[str, Parameter(help="Where the gateway answers gRPC.")] = "",
    ics_grpc: Annotated[str, Parameter(help="Where ICS answers.")] = "",
    pmc_grpc: Annotated[str, Parameter(help="Where PMC answers.")] = "",
    slc_grpc: Annotated[str, Parameter(help="Where SLC answers.")] = "",
    visualgrid_grpc: Annotated[str, Parameter(help="Where VisualGrid answers.")] = "",
) -> int:
    """Operate the retail stack.

    Addresses come from the flags, then from STACK_OPS_GRPC and its like, then from .run/stack.env of this folder.
    The secret code comes from --secret-fd, then from the file STACK_SECRET_FILE names, then from a prompt.
    """
    flags = {
        "ops": ops_grpc,
        "gateway": gateway_grpc,
        "ics": ics_grpc,
        "pmc": pmc_grpc,
        "slc": slc_grpc,
        "visualgrid": visualgrid_grpc,
    }
    command, bound, asked = app.parse_args(tokens, exit_on_error=False, print_error=False)
    if not asked:
        # cyclopts has printed the help.
        command(*bound.args, **bound.kwargs)
        return DONE if tokens else USAGE
    options = Options(json=json, yes=yes, secret_fd=secret_fd, addresses=read_addresses(flags, os.environ))
    return run(command, bound.args, bound.kwargs, options)


def run(verb: Any, args: Sequence[Any], kwargs: dict[str, Any], options: Options) -> int:
    """Run a command against the stack, print its outcome, and return the exit status."""
    from chassis.errors import Refusal  # noqa: PLC0415  `--help` needs none of this
    from chassis.rpc.refusals import PeerUnreachable  # noqa: PLC0415
    from services.ops.cli.output import Output  # noqa: PLC0415
    from services.ops.cli.stack import Stack  # noqa: PLC0415

    output = Output(options.json)

    async def work() -> int:
        async with Stack(options, output) as stack:
            outcome = verb(*args, **kwargs, stack=stack)
            return output.show(await outcome if iscoroutine(outcome) else outcome)

    try:
        return asyncio.run(work())
    except PeerUnreachable as refusal:
        output.refuse(refusal)
        return UNREACHABLE
    except Refusal as refusal:
        output.refuse(refusal)
        return REFUSED
    except KeyboardInterrupt:
        return DONE


def main() -> None:
    """The entry point of `stackctl`."""
    # gRPC's core would write its own lines to stderr, among our errors.
    os.environ.setdefault("GRPC_VERBOSITY", "NONE")
    sys.exit(call(sys.argv[1:]))


def call(tokens: Sequence[str]) -> int:
    """Run one command line and return the exit status."""
    try:
        return int(app.meta(list(tokens), exit_on_error=False, print_error=False, result_action="return_value") or DONE)
    except (CycloptsError, UsageError) as wrong:
        print(f"stackctl: {' '.join(str(wrong).split())}", file=sys.stderr)
        return USAGE
    except BrokenPipeError:
        # The reader of our output has closed the pipe.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return DONE
