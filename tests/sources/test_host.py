"""The host: its name, what holds its radio off, and whose network this is."""

from __future__ import annotations

import os
import platform
from contextlib import aclosing
from pathlib import Path
from tempfile import TemporaryDirectory

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.fixtures import FIXTURES
from uplink_exporter.facts import Claim, Host, Manager
from uplink_exporter.sources import host

NAME = "pi-master1"


def root(path: Path, *trees: dict[str, str]) -> Path:
    """A root with these files in it."""
    for name, text in (item for tree in trees for item in tree.items()):
        (path / name).parent.mkdir(parents=True, exist_ok=True)
        (path / name).write_text(text)
    return path


def switch(number: int, kind: str, soft: int, hard: int) -> dict[str, str]:
    directory = f"sys/class/rfkill/rfkill{number}"
    return {f"{directory}/type": f"{kind}\n", f"{directory}/soft": f"{soft}\n", f"{directory}/hard": f"{hard}\n"}


@pytest.mark.parametrize(
    ("trees", "soft", "hard"),
    [
        pytest.param([], False, False, id="no switch"),
        pytest.param([switch(0, "wlan", 0, 0)], False, False, id="Wi-Fi is on"),
        pytest.param([switch(0, "wlan", 1, 0)], True, False, id="off by software"),
        pytest.param([switch(0, "wlan", 0, 1)], False, True, id="off by hardware"),
        pytest.param([switch(0, "bluetooth", 1, 1), switch(1, "wlan", 0, 0)], False, False, id="only Bluetooth is off"),
        pytest.param([switch(0, "wlan", 0, 0), switch(1, "wlan", 1, 0)], True, False, id="one of two is off"),
    ],
)
def test_rfkill(tmp_path: Path, trees: list[dict[str, str]], soft: bool, hard: bool) -> None:
    seen = host.read(NAME, root(tmp_path, *trees), tmp_path / "hosts")
    assert (seen.rfkill_soft, seen.rfkill_hard) == (soft, hard)


@pytest.mark.parametrize(
    ("file", "host_network"),
    [
        pytest.param("hosts.pod", False, id="a pod with a network of its own"),
        pytest.param("hosts.host-network", True, id="a pod on the host's network"),
        pytest.param("hosts.node", True, id="no pod at all"),
        pytest.param("no such file", True, id="no hosts file"),
    ],
)
def test_whose_network_this_is(tmp_path: Path, file: str, host_network: bool) -> None:
    assert host.read(NAME, tmp_path, FIXTURES / "etc" / file).host_network is host_network


def test_a_root_that_holds_nothing_is_no_failure(tmp_path: Path) -> None:
    seen = host.read(NAME, tmp_path / "absent", tmp_path / "hosts")
    assert seen == Host(name=NAME, claims=(Claim(manager=Manager.PPPD, device="ppp[0-9]*"),))


@given(st.text())
def test_no_text_makes_a_parser_fail(text: str) -> None:
    assert host.parse_hosts(text) in (True, False)


async def test_the_first_look_is_at_once(tmp_path: Path) -> None:
    async with aclosing(host.watch(NAME, tmp_path, tmp_path / "hosts")) as facts:
        assert (await anext(facts)).name == NAME


def test_a_name_that_is_no_text_can_be_shown(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(platform, "node", lambda: "pi\udcff")
    assert host.host_name() == r"pi\xff"


@pytest.mark.skipif(os.geteuid() != 0, reason="only root can become another user")
def test_what_this_user_may_not_read_of_the_managers_is_named() -> None:
    files = ("etc/netplan/50-cloud.yaml", "etc/netplan/README", "etc/network/interfaces")
    with TemporaryDirectory() as directory:
        path = root(Path(directory), dict.fromkeys(files, "x"))
        path.chmod(0o755)
        (path / files[0]).chmod(0o600)
        assert host.read(NAME, path, Path("/etc/hosts")).unreadable == ()
        os.seteuid(65534)
        try:
            assert host.read(NAME, path, Path("/etc/hosts")).unreadable == ("/etc/netplan/50-cloud.yaml",)
        finally:
            os.seteuid(0)
