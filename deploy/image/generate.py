"""Generate the gRPC code of a folder of .proto files: `python generate.py PROTO_FOLDER OUTPUT_FOLDER`."""

import sys
from pathlib import Path

from grpc_tools import protoc


def generate(source: Path, target: Path) -> None:
    """Write message and service modules for every .proto below the source. Raises SystemExit if one is not valid."""
    target.mkdir(parents=True, exist_ok=True)
    protos = sorted(str(path) for path in source.rglob("*.proto"))
    status = protoc.main(
        ["protoc", f"--proto_path={source}", f"--python_out={target}", f"--grpc_python_out={target}", *protos]
    )
    if status:
        raise SystemExit(status)


if __name__ == "__main__":
    generate(Path(sys.argv[1]), Path(sys.argv[2]))
