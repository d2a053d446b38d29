import re
import shlex
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.repo.docs import MANAGERS, README, WEB_CONFIG, with_flags, with_keys, with_setups
from tests.web.rows import ROWS
from uplink_exporter.diagnosis import Verdict
from uplink_exporter.families import FAMILIES
from uplink_exporter.settings import parse
from uplink_exporter.web.config.tls import KEYS


def test_readme_has_the_flags_as_they_are() -> None:
    readme = README.read_text()
    assert with_flags(readme) == readme, "run `make docs`"


def test_the_table_of_the_web_config_s_keys_is_that_of_the_tests() -> None:
    document = WEB_CONFIG.read_text()
    assert with_keys(document) == document, "run `make docs`"


def test_the_table_of_network_managers_is_that_of_the_machines_that_are_booted() -> None:
    document = MANAGERS.read_text()
    assert with_setups(document) == document, "run `make docs`"


def test_the_toolkit_s_version_is_the_same_everywhere() -> None:
    module = (README.parent / "tests/web/toolkit/go/go.mod").read_text()
    (version,) = re.findall(r"exporter-toolkit (v\S+)", module)
    assert f"exporter-toolkit/blob/{version}/" in WEB_CONFIG.read_text()


def test_every_key_of_the_toolkit_is_in_the_table() -> None:
    told = " ".join(f"{row.key} {row.file}" for row in ROWS)
    keys = {*KEYS, "basic_auth_users", "rate_limit", "interval", "burst", "http2", "headers"}
    assert {key for key in keys if key not in told} == set()


def test_readme_names_only_metrics_that_exist() -> None:
    names = {family.name for family in FAMILIES}
    # `uplink_a_present`, `_usable{family}` names two metrics of one stem; only whole names are checked.
    named = set(re.findall(r"\buplink_[a-z0-9_]+", README.read_text())) - {"uplink_exporter", *Verdict}
    assert named <= names


def test_readme_tells_of_every_verdict() -> None:
    told = re.findall(r"^\| `([a-z_]+)` \|", README.read_text(), re.MULTILINE)
    assert [verdict for verdict in told if verdict in set(Verdict)] == list(Verdict)


ROOT = README.parent
CALLS = re.compile(
    r"^[ $]*(?P<by>[^#`\n]*?)\buplink-exporter (?P<command>doctor|history|healthcheck)\b(?P<flags>[^#|>&;`{\n]*)",
    re.MULTILINE,
)
WRITTEN = (
    README,
    ROOT / "exporter/systemd/README.md",
    ROOT / "helm/uplink-exporter/README.md",
    ROOT / "helm/uplink-exporter/templates/NOTES.txt",
    *sorted((ROOT / "docs").glob("*.md")),
    *sorted((ROOT / "alerts/runbooks").glob("*.md")),
)


def calls(path: Path) -> Iterator[tuple[str, str, str]]:
    """The calls in what is to be typed: by what, which command, with which flags."""
    blocks = re.findall(r"^ *```\w*\n(.*?)^ *```", path.read_text(), re.MULTILINE | re.DOTALL)
    for block in blocks if path.suffix == ".md" else [path.read_text()]:
        yield from ((match["by"], match["command"], match["flags"]) for match in CALLS.finditer(block))


@pytest.mark.parametrize("path", WRITTEN, ids=lambda path: str(path.relative_to(ROOT)))
def test_what_one_is_told_to_type_is_taken_and_may_read_what_it_looks_at(path: Path) -> None:
    for by, command, flags in calls(path):
        assert parse([command, *shlex.split(flags)], {}).command == command
        inside = "exec" in by  # in the container, which has what it may read
        assert inside or command != "doctor" or by.endswith("sudo "), f"{by}{command}: the pod logs are root's"


def test_somebody_is_told_to_ask_the_doctor() -> None:
    assert sum(command == "doctor" for path in WRITTEN for _, command, _ in calls(path)) > 15
