"""The listening sockets: every family, addresses that are not there yet, and who holds a port that is taken."""

from __future__ import annotations

import os
import socket
from collections.abc import Iterator
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from uplink_exporter.settings import ListenAddress, SettingsError
from uplink_exporter.web.listen import listen, parse_listening

PROC = Path("/proc")


def reaches(host: str, port: int) -> bool:
    try:
        with socket.create_connection((host, port), timeout=1):
            return True
    except OSError:
        return False


def test_a_port_alone_is_every_address_of_both_families() -> None:
    with listen(ListenAddress("", 0), PROC) as sock:
        port = sock.getsockname()[1]
        assert reaches("127.0.0.1", port)
        assert reaches("::1", port)


@pytest.mark.parametrize(("host", "other"), [("127.0.0.1", "::1"), ("::1", "127.0.0.1")])
def test_one_address_is_that_one_and_no_other(host: str, other: str) -> None:
    with listen(ListenAddress(host, 0), PROC) as sock:
        assert reaches(host, sock.getsockname()[1])
        assert not reaches(other, sock.getsockname()[1])


@pytest.mark.parametrize("host", ["192.0.2.77", "2001:db8::77"])
def test_an_address_that_this_machine_does_not_have_yet(host: str) -> None:
    with listen(ListenAddress(host, 0), PROC) as sock:
        assert sock.getsockname()[0] == host


@pytest.mark.parametrize("host", ["127.0.0.1", "::1", ""])
def test_a_port_that_is_taken_names_its_holder(host: str) -> None:
    with listen(ListenAddress(host, 0), PROC) as sock:
        address = ListenAddress(host, sock.getsockname()[1])
        with pytest.raises(SettingsError) as raised:
            listen(address, PROC)
    assert str(raised.value).startswith(f"--web.listen-address: '{address}': the port is taken by ")
    assert f"(process {os.getpid()})" in str(raised.value)


def test_a_holder_that_cannot_be_known_is_left_to_ss(tmp_path: Path) -> None:
    with listen(ListenAddress("127.0.0.1", 0), PROC) as sock, pytest.raises(SettingsError, match="sudo ss -ltnp"):
        listen(ListenAddress("127.0.0.1", sock.getsockname()[1]), tmp_path)


@pytest.fixture
def renamed() -> Iterator[None]:
    """This process under a name that is no text."""
    comm = Path("/proc/self/comm")
    before = comm.read_bytes()
    comm.write_bytes(b"\xff\x1b[2J")
    yield
    comm.write_bytes(before.rstrip(b"\n"))


def test_a_holder_s_name_is_whatever_it_chose_and_reaches_no_terminal(renamed: None) -> None:
    with listen(ListenAddress("127.0.0.1", 0), PROC) as sock, pytest.raises(SettingsError) as raised:
        listen(ListenAddress("127.0.0.1", sock.getsockname()[1]), PROC)
    assert f"(process {os.getpid()})" in str(raised.value)
    assert str(raised.value).isprintable()


def test_an_address_of_a_device_that_is_not_there_is_refused_with_a_reason() -> None:
    with pytest.raises(SettingsError, match="cannot listen there: "):
        listen(ListenAddress("fe80::1%nodevice0", 0), PROC)


def test_a_socket_that_was_not_given_out_is_closed() -> None:
    before = len(list(Path("/proc/self/fd").iterdir()))
    for _ in range(20):
        with pytest.raises(SettingsError):
            listen(ListenAddress("fe80::1%nodevice0", 0), PROC)
    assert len(list(Path("/proc/self/fd").iterdir())) <= before


def test_what_listens_on_a_port_by_the_kernel_s_table() -> None:
    with socket.create_server(("127.0.0.1", 0)) as sock, socket.create_connection(sock.getsockname()):
        inodes = list(parse_listening(Path("/proc/net/tcp").read_text(), sock.getsockname()[1]))
        assert inodes == [str(os.fstat(sock.fileno()).st_ino)]


@given(st.text(), st.integers(0, 65535))
def test_no_table_makes_it_fail(text: str, port: int) -> None:
    list(parse_listening(text, port))
