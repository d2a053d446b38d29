import re

from tests.repo.docs import MANAGERS, README, WEB_CONFIG, with_flags, with_keys, with_setups
from tests.web.rows import ROWS
from uplink_exporter.diagnosis import Verdict
from uplink_exporter.families import FAMILIES
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
