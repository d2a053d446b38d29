"""VictoriaMetrics takes the rules and the scrape config as they are, and vmalert tells the same in the same minute."""

from __future__ import annotations

import subprocess
from pathlib import Path

import pytest

from tests.alerts.rules import RULES, TESTS
from tests.chart.helm import CHART
from tests.cluster import tools
from tests.victoriametrics.translated import cases, translated

pytestmark = pytest.mark.victoriametrics

FILES = [path for path in sorted(TESTS.glob("*.test.yml")) if cases(translated(path))]
WRONG = ("for: 5m", "for: 7m")


def run(program: str, *arguments: str | Path) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        (tools.program(program), *arguments), capture_output=True, text=True, timeout=300, check=False
    )


def test_vmalert_takes_the_rules() -> None:
    done = run("vmalert", "-dryRun", f"-rule={RULES}")
    assert done.returncode == 0, done.stdout + done.stderr


@pytest.mark.parametrize("own_labels", [{}, {"ruler": "a"}], ids=["", "labels of its own"])
@pytest.mark.parametrize("path", FILES, ids=lambda path: path.name)
def test_an_alert_is_told_in_the_same_minute_with_the_same_words(
    path: Path, own_labels: dict[str, str], tmp_path: Path
) -> None:
    """Also where what is recorded has labels that a scrape has not, as with -external.label and in Thanos Ruler."""
    test = tmp_path / path.name
    test.write_text(translated(path, own_labels))
    flags = [f"--external.label={name}={value}" for name, value in own_labels.items()]
    done = run("vmalert-tool", "unittest", f"--files={test}", *flags)
    assert done.returncode == 0, done.stdout + done.stderr


def test_it_would_object(tmp_path: Path) -> None:
    """To a rule that holds longer: the tool reads our tests, and does not pass by what it does not understand."""
    rules, test = tmp_path / "uplink.rules.yml", tmp_path / "test.yml"
    rules.write_text(RULES.read_text().replace(*WRONG))
    test.write_text(translated(TESTS / "UplinkDownSinceBoot.test.yml").replace(str(RULES), str(rules)))
    assert run("vmalert-tool", "unittest", f"--files={test}").returncode != 0


def test_it_takes_the_scrape_config(tmp_path: Path) -> None:
    scrapes = [
        line for line in (CHART / "examples/prometheus.yml").read_text().splitlines() if "rule_files" not in line
    ]
    config = tmp_path / "scrape.yml"
    config.write_text("\n".join(scrapes))
    strict = ("-dryRun", "-promscrape.config.strictParse")
    done = run("victoria-metrics", *strict, f"-storageDataPath={tmp_path}", f"-promscrape.config={config}")
    assert done.returncode == 0, done.stdout + done.stderr
