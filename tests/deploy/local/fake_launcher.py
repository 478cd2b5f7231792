"""The launcher's command line with stand-ins for the services and no demo."""

import sys

from deploy.local import __main__ as launcher
from deploy.local import demo, plan

if __name__ == "__main__":
    plan.MODULES = dict.fromkeys(plan.MODULES, "tests.deploy.local.fake_service")
    demo.make = lambda *_: None
    sys.exit(launcher.main(sys.argv[1:]))
