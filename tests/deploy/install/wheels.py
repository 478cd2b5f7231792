"""Empty wheels with a package's name, version and requirements, and a folder of them that pip takes for an index.

Copied beside a pyproject.toml it is that project's build backend too; hence it imports the standard library alone.
"""

import base64
import hashlib
import tomllib
import zipfile
from collections.abc import Iterable
from pathlib import Path


def make_wheel(folder: Path, name: str, version: str, requires: Iterable[str] = ()) -> Path:
    """Write the wheel into the folder."""
    stem = f"{name.replace('-', '_')}-{version}"
    metadata = [f"Metadata-Version: 2.1\nName: {name}\nVersion: {version}"]
    metadata += [f"Requires-Dist: {each}" for each in requires]
    files = {
        f"{stem}.dist-info/METADATA": "\n".join(metadata) + "\n",
        f"{stem}.dist-info/WHEEL": "Wheel-Version: 1.0\nGenerator: tests\nRoot-Is-Purelib: true\nTag: py3-none-any\n",
    }
    files[f"{stem}.dist-info/RECORD"] = "".join(_recorded(path, text) for path, text in files.items())
    wheel = folder / f"{stem}-py3-none-any.whl"
    with zipfile.ZipFile(wheel, "w") as archive:
        for path, text in files.items():
            archive.writestr(zipfile.ZipInfo(path), text)
    return wheel


def _recorded(path: str, text: str) -> str:
    digest = base64.urlsafe_b64encode(hashlib.sha256(text.encode()).digest()).rstrip(b"=").decode()
    return f"{path},sha256={digest},{len(text.encode())}\n"


def sha256(file: Path) -> str:
    """The file's hash, as a lock has it."""
    return hashlib.sha256(file.read_bytes()).hexdigest()


def make_index(folder: Path, wheels: Iterable[Path]) -> str:
    """Lay the wheels out as a package index; its address."""
    for wheel in wheels:
        page = folder / wheel.name.split("-")[0].replace("_", "-").lower() / "index.html"
        page.parent.mkdir(parents=True, exist_ok=True)
        with page.open("a") as links:
            links.write(f'<a href="{wheel.as_uri()}#sha256={sha256(wheel)}">{wheel.name}</a>\n')
    return folder.as_uri()


# -- as a build backend ------------------------------------------------------------------------------------------------


def build_editable(wheel_directory: str, config_settings: object = None, metadata_directory: object = None) -> str:
    """An empty wheel with the requirements of the pyproject.toml in this folder."""
    _ = config_settings, metadata_directory
    project = tomllib.loads(Path("pyproject.toml").read_text())["project"]
    return make_wheel(Path(wheel_directory), project["name"], project["version"], project["dependencies"]).name
