"""The remedy: for each manager its commands, for each verdict its end, and each line one that can be pasted."""

from __future__ import annotations

import shlex
from dataclasses import replace

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from tests.builders import (
    ETH0,
    HOP,
    HOST,
    LO,
    NETWORK,
    WLAN0,
    at,
    blocked,
    booted,
    never_up,
    node,
    unplugged,
    with_links,
    with_neighbour,
    with_routes,
)
from tests.core.diagnosis_cases import WLAN
from tests.strategies import facts, policies
from uplink_exporter.diagnosis import diagnose
from uplink_exporter.facts import Claim, Fact, Host, Link, Manager, NeighbourState, Network, NodeState, Policy, Rfkill

NOW = at(60)
GATEWAY = HOP.gateway
GONE = replace(booted(NETWORK), links=(LO, ETH0))
ETH0_KNOWN = Claim(manager=Manager.IFUPDOWN, device="eth0")
COMMANDS = {
    Manager.NETPLAN: ["sudo netplan apply"],
    Manager.NETWORK_MANAGER: ["sudo nmcli device connect wlan0"],
    Manager.NETWORKD: ["sudo networkctl reconfigure wlan0", "sudo networkctl up wlan0"],
    Manager.IFUPDOWN: ["sudo ifdown --force wlan0", "sudo ifup wlan0"],
    Manager.IFUPDOWN2: ["sudo ifdown wlan0", "sudo ifup wlan0"],
    Manager.DHCPCD: ["sudo dhcpcd -n wlan0"],
    Manager.CONNMAN: ["sudo systemctl restart connman"],
    Manager.WICKED: ["sudo wicked ifup wlan0"],
    Manager.PPPD: ["sudo poff PROVIDER", "sudo pon PROVIDER", "sudo journalctl -b -t pppd -n 20"],
    Manager.WPA_SUPPLICANT: ["sudo systemctl restart wpa_supplicant@wlan0"],
    Manager.IWD: ["sudo systemctl restart iwd"],
    Manager.TALOS: ["talosctl -n NODE dmesg", "talosctl -n NODE get links,addresses,routes", "talosctl -n NODE reboot"],
    Manager.UNKNOWN: [
        "sudo netplan apply",
        "sudo nmcli device connect wlan0",
        "sudo networkctl reconfigure wlan0",
        "sudo ifup wlan0",
        "sudo dhcpcd -n wlan0",
    ],
}


def claimed(*claims: Claim, host: Host = HOST) -> Host:
    """The host with these claims on its devices."""
    return replace(host, claims=claims)


def by(manager: Manager, device: str = "*", **more: object) -> Claim:
    """A claim."""
    return replace(Claim(manager=manager, device=device), **more)  # type: ignore[arg-type]


def remedy(state: NodeState) -> list[str]:
    """The commands without their comments."""
    return [line.split("   #")[0] for line in diagnose(state, NOW).remedy]


def down(host: Host) -> NodeState:
    """A node whose wlan0 was never brought up."""
    return node(booted(NETWORK), host, policy=WLAN)


@pytest.mark.parametrize("manager", Manager)
def test_the_remedy_is_the_command_of_who_manages_the_device(manager: Manager) -> None:
    said = remedy(down(claimed(by(manager))))
    assert said[: len(COMMANDS[manager])] == COMMANDS[manager]


def test_the_first_claim_on_the_device_counts() -> None:
    host = claimed(by(Manager.NETPLAN, "eth0"), by(Manager.IFUPDOWN, "wlan0"), by(Manager.NETWORK_MANAGER))
    assert remedy(down(host))[0] == "sudo ifdown --force wlan0"


def test_a_device_that_is_kept_from_its_manager_is_not_its() -> None:
    host = claimed(by(Manager.NETWORK_MANAGER, but=("wl*",)), by(Manager.DHCPCD))
    assert remedy(down(host))[0] == "sudo dhcpcd -n wlan0"


def test_a_manager_that_does_not_run_is_started_first() -> None:
    said = remedy(down(claimed(by(Manager.NETWORKD, running=False))))
    assert said[:2] == ["sudo systemctl enable --now systemd-networkd", "sudo networkctl reconfigure wlan0"]


def test_where_several_devices_may_be_it_each_is_brought_up_by_its_manager() -> None:
    said = remedy(node(booted(NETWORK), claimed(by(Manager.IFUPDOWN, "eth0"), by(Manager.NETWORK_MANAGER))))
    assert set(said[:3]) == {"sudo ifdown --force eth0", "sudo ifup eth0", "sudo nmcli device connect wlan0"}


def test_a_remedy_names_no_device_where_nobody_knows_which_it_is_nor_whose() -> None:
    assert "sudo ifup DEVICE" in remedy(node(booted(NETWORK), claimed()))


def test_on_talos_there_is_no_shell() -> None:
    host = claimed(by(Manager.TALOS))
    gone = node(GONE, host, policy=WLAN)
    for state in (down(host), gone, node(with_routes(NETWORK), host), node(unplugged(NETWORK), host)):
        assert remedy(state)
        assert all(line.startswith("talosctl -n NODE ") for line in remedy(state))


def test_pppd_is_asked_for_its_provider() -> None:
    ppp0 = replace(never_up(WLAN0), name="ppp0", kind="ppp")
    host = claimed(by(Manager.PPPD, "ppp*", provider="dsl"), by(Manager.NETWORK_MANAGER))
    assert remedy(node(with_links(booted(NETWORK), ppp0), host, policy=Policy(devices=("ppp0",))))[:2] == [
        "sudo poff dsl",
        "sudo pon dsl",
    ]


def bridge(*links: Link, ports: tuple[str, ...], manager: Manager = Manager.IFUPDOWN) -> NodeState:
    """A node whose vmbr0 has lost its port."""
    vmbr0 = replace(ETH0, index=9, name="vmbr0", kind="bridge")
    host = claimed(by(manager, "vmbr0", file="/etc/network/interfaces", line=7, ports=ports))
    return node(Network(links=(vmbr0, *links)), host, policy=Policy(devices=("vmbr0",)))


def test_a_bridge_gets_its_port_and_is_never_taken_down() -> None:
    said = remedy(bridge(replace(ETH0, name="eno1"), ports=("eno1",)))
    assert said[:2] == ["sudo ip link set dev eno1 up master vmbr0", "sudo ifup --force vmbr0"]
    said = remedy(bridge(replace(ETH0, name="eno1"), ports=("eno1",), manager=Manager.IFUPDOWN2))
    assert said[:2] == ["sudo ip link set dev eno1 up master vmbr0", "sudo ifreload -a"]


def test_the_port_of_a_bridge_may_have_another_name_now_or_be_gone() -> None:
    said = diagnose(bridge(replace(ETH0, name="enp3s0"), ports=("eno1",)), NOW).remedy
    assert said[0] == (
        r"sudo sed -i 's/\beno1\b/enp3s0/g' /etc/network/interfaces   # enp3s0 may be eno1 under another name; "
        "/etc/network/interfaces, line 7, names it"
    )
    assert remedy(bridge(ports=("eno1",)))[0] == "sudo dmesg | grep -i -e eno1 -e firmware"


def missing(*claims: Claim, links: tuple[Link, ...]) -> NodeState:
    """A node whose enp4s0 does not exist."""
    return node(Network(links=links), claimed(*claims), policy=Policy(devices=("enp4s0",)))


ENP3S0 = replace(ETH0, name="enp3s0")


@pytest.mark.parametrize(
    ("claim", "said"),
    [
        pytest.param(
            by(Manager.NETPLAN, "enp4s0", file="/etc/netplan/50.yaml", line=5),
            [r"sudo sed -i 's/\benp4s0\b/enp3s0/g' /etc/netplan/50.yaml", "sudo netplan apply"],
            id="in a file",
        ),
        pytest.param(
            by(Manager.NETPLAN, "enp4s0"),
            [r"sudo sed -i 's/\benp4s0\b/enp3s0/g' /etc/netplan/*.yaml", "sudo netplan apply"],
            id="in a file that only root may read",
        ),
        pytest.param(
            by(Manager.NETWORK_MANAGER),
            [
                "nmcli -f NAME,DEVICE,TYPE connection show",
                "sudo nmcli connection modify NAME connection.interface-name enp3s0",
                "sudo nmcli device connect enp3s0",
            ],
            id="in a connection",
        ),
        pytest.param(by(Manager.DHCPCD), ["ip -br link", "sudo dhcpcd -n enp3s0"], id="nowhere"),
    ],
)
def test_a_renamed_device_is_given_its_new_name(claim: Claim, said: list[str]) -> None:
    assert remedy(missing(claim, links=(ENP3S0,)))[: len(said)] == said


@pytest.mark.parametrize(
    ("claims", "links"),
    [
        pytest.param((), (), id="there is no other"),
        pytest.param((), (ENP3S0, replace(ENP3S0, index=7, name="enp5s0")), id="there are two"),
        pytest.param((), (replace(WLAN0, name="wlan1"),), id="the other is a radio"),
        pytest.param((by(Manager.IFUPDOWN, "enp3s0"),), (ENP3S0,), id="the other is known by its name"),
    ],
)
def test_a_device_is_not_taken_for_another(claims: tuple[Claim, ...], links: tuple[Link, ...]) -> None:
    assert remedy(missing(*claims, links=links))[0] == "sudo dmesg | grep -i -e enp4s0 -e firmware -e usb"


def test_each_remedy_ends_when_the_cause_is_gone() -> None:
    done = {
        "uplink_down": "ip -4 route show default type unicast   # done when this prints a route",
        "uplink_missing": "ip -4 route show default type unicast   # done when this prints a route",
        "route_missing": "ip -4 route show default type unicast   # done when this prints a route",
        "route_dead": f"ip neigh show {GATEWAY} dev wlan0   # done when this says REACHABLE",
    }
    states = (
        down(HOST),
        node(GONE, HOST, policy=WLAN),
        node(with_routes(NETWORK), HOST, policy=WLAN),
        node(with_neighbour(NETWORK, NeighbourState.FAILED), HOST),
    )
    for state in states:
        diagnosis = diagnose(state, NOW)
        assert done.pop(diagnosis.verdict) in diagnosis.remedy
    assert not done


def test_a_dead_link_is_cured_when_it_is_up_for_its_route_was_there_all_along() -> None:
    said = diagnose(node(unplugged(NETWORK), HOST), NOW).remedy
    assert "ip -br link show dev wlan0   # done when this says UP, and LOWER_UP" in said
    assert not any("prints a route" in line for line in said)


def test_an_address_without_a_gateway_is_not_cured_by_asking_again() -> None:
    with_address = diagnose(node(with_routes(NETWORK), HOST, policy=WLAN), NOW).remedy
    assert with_address[-1] == (
        "sudo ip -4 route add default via GATEWAY dev wlan0"
        "   # still no route? No gateway is offered or configured: this helps until one is"
    )
    without = diagnose(node(replace(with_routes(NETWORK), addresses=()), HOST, policy=WLAN), NOW).remedy
    assert not any("GATEWAY" in line for line in without)


def test_a_wired_device_is_not_held_by_a_radio_s_switch() -> None:
    host = replace(HOST, rfkill_soft=True)
    state = node(booted(NETWORK), host, policy=Policy(devices=("eth0",)))
    assert remedy(state)[0] == "sudo netplan apply"


@example([Network()], Policy())
@given(st.lists(facts, max_size=4), policies)
def test_each_line_of_a_remedy_is_one_command(known: list[Fact], policy: Policy) -> None:
    for line in diagnose(node(*known, policy=policy), NOW).remedy:
        command = "" if line.startswith("#") else line.split("   #")[0]
        assert not {"&&", ";", "\n"} & set(shlex.shlex(command, posix=True, punctuation_chars=True))
        assert "\n" not in line


def test_rfkill_is_lifted_before_the_network_is_brought_up() -> None:
    networks = (blocked(Rfkill.SOFTWARE), blocked(Rfkill.HARDWARE))
    remedies = [diagnose(node(network, HOST, policy=WLAN), NOW).remedy for network in networks]
    assert [remedy[1] for remedy in remedies] == ["sudo netplan apply"] * 2
    assert [remedy[0].split("  ")[0] for remedy in remedies] == ["sudo rfkill unblock wifi", "rfkill list"]


@pytest.mark.parametrize("name", ["$(reboot)", "a;b", "a'b", "`id`", "a&&b", "*"])
@pytest.mark.parametrize("manager", Manager)
@pytest.mark.parametrize(
    "shape", [never_up(WLAN0), replace(ETH0, index=3), None], ids=["never up", "no carrier", "gone"]
)
def test_a_device_name_is_one_word_to_the_shell(name: str, manager: Manager, shape: Link | None) -> None:
    links = (replace(shape, name=name),) if shape else ()
    state = node(Network(links=links), replace(HOST, claims=(Claim(manager=manager),)), policy=Policy(devices=(name,)))
    said = "\n".join(diagnose(state, NOW).remedy)
    assert name not in said.replace(shlex.quote(name), "").replace("/etc/netplan/*.yaml", "")


@pytest.mark.parametrize(
    "shape", [never_up(WLAN0), replace(ETH0, index=3), None], ids=["never up", "no carrier", "gone"]
)
def test_a_device_name_that_begins_with_a_dash_is_no_option(shape: Link | None) -> None:
    links = (replace(shape, name="-f"),) if shape else ()
    state = node(Network(links=links), HOST, policy=Policy(devices=("-f",)))
    for line in diagnose(state, NOW).remedy:
        words = line.split("#")[0].split()
        before = words[words.index("-f") - 1] if "-f" in words else "dev"
        assert before in ("-e", "dev")


def test_where_the_managers_files_may_not_be_read_root_is_asked_for_first() -> None:
    host = replace(HOST, claims=(), unreadable=("/etc/netplan/50-cloud.yaml",))
    first = diagnose(node(booted(NETWORK), host, policy=WLAN), NOW).remedy[0]
    assert first.startswith("sudo uplink-exporter doctor ")
    assert "/etc/netplan/50-cloud.yaml" in first
