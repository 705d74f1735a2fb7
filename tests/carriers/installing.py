"""Build wheels and install them beside the product, as ``pip`` does, into a folder that an interpreter is led to."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path
from zipfile import ZipFile

from tests.patience import PATIENCE_SECONDS

ACME = Path(__file__).parent / "package" / "acme_carrier.py"


def install_acme(folder: Path) -> Path:
    """The carrier of :mod:`tests.carriers.package`, installed; the folder to be put on ``PYTHONPATH``."""
    return install(folder, "acme-carrier", {"acme_carrier.py": ACME.read_text()}, {"acme": "acme_carrier:SPEC"})


def install(folder: Path, name: str, modules: Mapping[str, str], carriers: Mapping[str, str]) -> Path:
    """A package with these modules that adds these carriers, by a wheel of its own."""
    module, site = name.replace("-", "_"), folder / "site"
    wheel, about = folder / f"{module}-1.0-py3-none-any.whl", f"{module}-1.0.dist-info"
    points = "".join(f"{point} = {leads_to}\n" for point, leads_to in carriers.items())
    files = {
        **modules,
        f"{about}/METADATA": f"Metadata-Version: 2.1\nName: {name}\nVersion: 1.0\n",
        f"{about}/WHEEL": "Wheel-Version: 1.0\nGenerator: tests\nRoot-Is-Purelib: true\nTag: py3-none-any\n",
        f"{about}/entry_points.txt": f"[campaign_dialer.carriers]\n{points}",
    }
    files[f"{about}/RECORD"] = "".join(f"{path},,\n" for path in (*files, f"{about}/RECORD"))
    with ZipFile(wheel, "w") as archive:
        for path, content in files.items():
            archive.writestr(path, content)
    command = [sys.executable, "-m", "pip", "install", "--quiet", "--no-index", "--no-deps", "--target", str(site)]
    done = subprocess.run([*command, str(wheel)], capture_output=True, text=True, timeout=PATIENCE_SECONDS)
    assert done.returncode == 0, done.stderr
    return site
