"""The chart's README, made from the `# --` comments of its values: `python -m deploy.helm.readme` writes it."""

import json
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import yaml

CHART = Path(__file__).parent / "retailstack"
HEAD = """# The retailstack chart

The whole stack, or any part of it, on Kubernetes 1.30 or newer. First installation, upgrades, backups and alerts are in
[docs/kubernetes.md](../../../docs/kubernetes.md). `ci/` has values for common cases.

```
helm install retailstack deploy/helm/retailstack --values deploy/helm/retailstack/ci/kind-values.yaml
```

This file is generated from the comments of `values.yaml`: `make docs`.

| value | default | meaning |
| --- | --- | --- |
"""


def readme() -> str:
    """The text of the README. Raises ValueError for a value without a comment."""
    text = (CHART / "values.yaml").read_text(encoding="utf-8")
    meanings = dict(_meanings(text))
    rows = []
    for path, value in _leaves(yaml.safe_load(text), meanings):
        if path not in meanings:
            raise ValueError(f"values.yaml: {path} has no comment that begins with `# --`")
        rows.append(f"| `{path}` | `{json.dumps(value)}` | {meanings[path]} |")
    return HEAD + "\n".join(rows) + "\n"


def _meanings(text: str) -> Iterator[tuple[str, str]]:
    """The path and the comment of every value that has one."""
    keys: list[tuple[int, str]] = []
    comment = ""
    for line in text.splitlines():
        if found := re.match(r"\s*# -- (.*)", line):
            comment = found[1]
        elif found := re.match(r"(\s*)([A-Za-z][A-Za-z0-9]*):", line):
            depth = len(found[1])
            keys = [each for each in keys if each[0] < depth] + [(depth, found[2])]
            if comment:
                yield ".".join(key for _, key in keys), comment
            comment = ""


def _leaves(values: Any, meanings: dict[str, str], path: str = "") -> Iterator[tuple[str, Any]]:
    """What has a comment of its own, and what is no table."""
    for key, value in values.items():
        here = f"{path}.{key}" if path else key
        if here in meanings or not isinstance(value, dict):
            yield here, value
        else:
            yield from _leaves(value, meanings, here)


if __name__ == "__main__":
    (CHART / "README.md").write_text(readme(), encoding="utf-8")
