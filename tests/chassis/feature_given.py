"""A feature made of modules that exist only for one test."""

import sys
import types
from collections.abc import Mapping
from typing import Any

import pytest


def a_feature(monkeypatch: pytest.MonkeyPatch, name: str, **modules: Mapping[str, Any]) -> str:
    """Register feature `name` with these modules (`handlers`, `jobs` …) and their contents; its package's name."""
    for package in ("shop", f"shop.{name}"):
        made = types.ModuleType(package)
        made.__path__ = []
        monkeypatch.setitem(sys.modules, package, made)
    for word, contents in modules.items():
        path = f"shop.{name}.{word}"
        module = types.ModuleType(path)
        module.__spec__ = types.SimpleNamespace(name=path)  # type: ignore[assignment]
        vars(module).update(contents)
        monkeypatch.setitem(sys.modules, path, module)
    return "shop"
