"""Images and wheels of the components: `python -m deploy.image build ics`, `python -m deploy.image wheel ics`."""

import argparse
import subprocess
import sys
from pathlib import Path

from deploy.image import engine, wheel
from deploy.image.engine import BuildError
from deploy.image.recipe import COMPONENTS


def main() -> int:
    """Build what the command line says; 0 if all of it was built."""
    parser = argparse.ArgumentParser(prog="python -m deploy.image", description=__doc__)
    parser.add_argument("what", choices=["build", "wheel"])
    parser.add_argument("components", nargs="*", metavar="component", help="default: all of them")
    parser.add_argument("--registry", default="", help="put before the image's name, with its slash at the end")
    parser.add_argument("--version", default="dev", help="the image's tag, which the services report as their build")
    parser.add_argument("--base", default="", help="another base image than the Dockerfile's")
    parser.add_argument("--folder", type=Path, default=Path("dist"), help="where wheels are written")
    given = parser.parse_args()
    options = [f"--build-arg=BASE={given.base}"] if given.base else []
    try:
        for component in given.components or COMPONENTS:
            if given.what == "wheel":
                print(wheel.build(component, given.folder))
            else:
                tag = f"{given.registry}retailstack-{component}:{given.version}"
                engine.build(component, tag=tag, version=given.version, options=options)
                print(f"built {tag}")
    except BuildError as failure:
        print(failure, file=sys.stderr)
        return 1
    except subprocess.CalledProcessError as failure:
        print(failure.stderr or failure, file=sys.stderr)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
