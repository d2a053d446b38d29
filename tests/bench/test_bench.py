import subprocess
import sys

import pytest

from tests.kernel.conftest import namespaces

__all__ = ["namespaces"]


@pytest.mark.kernel
@pytest.mark.parametrize("part", ["event", "storm", "flannel"])
def test_the_bench_measures_and_judges(part: str, namespaces: None) -> None:
    command = [sys.executable, "-m", "tests.bench", "--quick", "--only", part]
    done = subprocess.run(command, capture_output=True, text=True, check=False, timeout=120)
    assert done.returncode == 0, done.stderr
    assert "reached" in done.stdout
