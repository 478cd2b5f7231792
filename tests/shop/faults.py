"""What the stand-in has been told to get wrong."""

import json
from dataclasses import dataclass, field
from typing import Any


@dataclass
class Fault:
    """What happens to matching requests.

    field        root field it is about; empty: any
    containing   text that the variables must hold, such as an id; empty: any
    times        how many requests; None: all
    status       HTTP status answered instead of executing
    code         `errors[].extensions.code` answered instead of executing: THROTTLED, INTERNAL_SERVER_ERROR …
    user_error   userErrors entry answered instead of executing
    lost         executed, but the connection breaks before the answer
    slow_seconds answered so much later
    """

    field: str = ""
    containing: str = ""
    times: int | None = None
    status: int | None = None
    code: str | None = None
    user_error: dict[str, Any] | None = None
    lost: bool = False
    slow_seconds: float = 0.0


@dataclass
class Faults:
    """All faults of one shop."""

    told: list[Fault] = field(default_factory=list)

    def add(self, fault: Fault) -> Fault:
        """Tell one more."""
        self.told.append(fault)
        return fault

    def matching(self, names: list[str], variables: dict[str, Any]) -> list[Fault]:
        """The faults of a request; each counts as used."""
        text = json.dumps(variables)
        found = []
        for each in list(self.told):
            if (each.field and each.field not in names) or each.containing not in text:
                continue
            found.append(each)
            if each.times is not None:
                each.times -= 1
                if each.times <= 0:
                    self.told.remove(each)
        return found
