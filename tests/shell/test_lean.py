"""A submodule without its package, tried in a process of its own: what is imported stays imported."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

MAKE_PACKAGE = """
from pathlib import Path
package = Path(sys.argv[1]) / "heavy"
package.mkdir(exist_ok=True)
(package / "__init__.py").write_text("loaded = True\\nfrom heavy import part\\nversion = part.version")
(package / "part.py").write_text("from heavy import version\\n")
sys.path.insert(0, sys.argv[1])
from uplink_exporter.lean import bare_package
"""


def run(program: str, *arguments: str) -> None:
    source = Path(__file__).parents[2] / "exporter"
    code = f"import sys\nsys.path.insert(0, {str(source)!r})\n{program}"
    subprocess.run([sys.executable, "-W", "error", "-c", code, *arguments], check=True, timeout=30)


def test_the_package_s_own_code_does_not_run_and_its_attributes_stand_in(tmp_path: Path) -> None:
    run(
        MAKE_PACKAGE
        + """
with bare_package("heavy", version="3"):
    from heavy import part
    assert not hasattr(sys.modules["heavy"], "loaded")
assert part.version == "3"
assert "heavy" not in sys.modules
import heavy
assert heavy.loaded and heavy.part is part
""",
        str(tmp_path),
    )


def test_a_package_that_is_loaded_already_stays_as_it_is(tmp_path: Path) -> None:
    run(
        MAKE_PACKAGE
        + """
with bare_package("heavy", version="3"):
    from heavy import part
import heavy
with bare_package("heavy", version="4"):
    assert sys.modules["heavy"] is heavy
assert sys.modules["heavy"] is heavy and heavy.version == "3"
""",
        str(tmp_path),
    )


def test_a_package_that_is_missing_fails_as_it_would(tmp_path: Path) -> None:
    run(
        MAKE_PACKAGE
        + """
try:
    with bare_package("nosuchpackage"):
        import nosuchpackage.part
except ModuleNotFoundError:
    sys.exit(0)
sys.exit("it was imported")
""",
        str(tmp_path),
    )


@pytest.mark.parametrize("package", ["aiohttp", "pyroute2", "prometheus_client"])
def test_a_library_can_be_imported_whole_after_the_exporter(package: str) -> None:
    run(f"import uplink_exporter.app\nassert {package!r} not in sys.modules\nimport {package}")


def test_the_api_client_works_beside_the_server() -> None:
    run("import uplink_exporter.app\nfrom aiohttp import ClientSession, web\nassert ClientSession and web.Application")
