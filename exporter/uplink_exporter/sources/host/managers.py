"""Who manages which device, by what the network managers leave to be read by a plain user.

The order is the precedence: what a running manager says of a device, then files that give it to one, then the daemons
that take whatever is there, last what is only written down.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from fnmatch import fnmatchcase
from pathlib import Path

from uplink_exporter.facts import Claim, Manager
from uplink_exporter.files import names, read, text
from uplink_exporter.sources.host import syntax

MOST_CLAIMS = 512

# So begin the names of the files that netplan writes (netplan's src/networkd.c and src/nm.c).
NETPLAN_NETWORK = "10-netplan-"
NETPLAN_CONNECTION = "netplan-"


def claims(root: Path) -> tuple[Claim, ...]:
    """The claims on this machine's devices, the first of each device the one that counts."""
    found = (claim for rule in RULES for claim in rule(root))
    return tuple(claim for claim, _ in zip(found, range(MOST_CLAIMS), strict=False))


def _talos(root: Path) -> Iterator[Claim]:
    # Its kernel's release ends so, which a container sees as well.
    release = text(root / "proc/sys/kernel/osrelease").strip()
    if release.endswith("-talos") or syntax.parse_os_id(text(root / "etc/os-release")) == "talos":
        yield Claim(manager=Manager.TALOS)


def _networkd(root: Path) -> Iterator[Claim]:
    """The links that networkd has; it empties this directory when it ends."""
    by_index = _devices(root)
    for index in names(root / "run/systemd/netif/links"):
        state = {s.key: s.value for s in syntax.parse_ini(text(root / "run/systemd/netif/links" / index))}
        file = state.get("NETWORK_FILE", "")
        if index in by_index and state.get("ADMIN_STATE", "unmanaged") != "unmanaged":
            yield _networkd_s(root, file, by_index[index])
    if _networkd_runs(root):
        yield from _network_files(root)


def _network_files(root: Path) -> Iterator[Claim]:
    """The devices that systemd.network(5) files name."""
    for directory in ("etc/systemd/network", "run/systemd/network"):
        for name in names(root / directory):
            if name.endswith(".network"):
                for device, line in syntax.parse_network(text(root / directory / name)):
                    yield _networkd_s(root, f"/{directory}/{name}", device, line)


def _networkd_s(root: Path, file: str, device: str, line: int = 0) -> Claim:
    """Networkd's, or netplan's that wrote the file."""
    running = _networkd_runs(root)
    if not file.rpartition("/")[2].startswith(NETPLAN_NETWORK):
        return Claim(manager=Manager.NETWORKD, device=device, file=file if line else "", line=line, running=running)
    file, line = dict(_netplan_names(root)).get(device, ("", 0))
    return Claim(manager=Manager.NETPLAN, device=device, file=file, line=line, running=running)


def _networkd_runs(root: Path) -> bool:
    return _runs(root, "systemd-networkd.service", "run/systemd/netif/links")


def _netplan_connections(root: Path) -> Iterator[Claim]:
    """The devices for which netplan gave NetworkManager a connection: `netplan-ID` or, for Wi-Fi, `netplan-ID-SSID`.

    The connections themselves are root's to read, and an ID may hold a dash.
    """
    written = dict(_netplan_names(root))
    for name in names(root / "run/NetworkManager/system-connections"):
        words = name.removesuffix(".nmconnection").removeprefix(NETPLAN_CONNECTION).split("-")
        for count in range(1, len(words) + 1) if name.startswith(NETPLAN_CONNECTION) else ():
            device = "-".join(words[:count])
            file, line = written.get(device, ("", 0))
            yield Claim(manager=Manager.NETPLAN, device=device, file=file, line=line)


def unreadable(root: Path) -> Iterator[str]:
    """The managers' files that are there and that this user may not read."""
    plans = (f"etc/netplan/{name}" for name in names(root / "etc/netplan") if name.endswith(".yaml"))
    for file in (*plans, "etc/network/interfaces"):
        try:
            read(root / file, 1)
        except PermissionError:
            yield f"/{file}"
        except (OSError, ValueError):
            continue


def _netplan_names(root: Path) -> Iterator[tuple[str, tuple[str, int]]]:
    """What the plans name, and where; for each name the last place, as a later plan overrides an earlier one."""
    for name in names(root / "etc/netplan"):
        if name.endswith(".yaml"):
            file = f"/etc/netplan/{name}"
            yield from ((device, (file, line)) for device, line in syntax.parse_netplan(text(root / file[1:])))


def _netplan(root: Path) -> Iterator[Claim]:
    """What the plans name, where anybody may read them, and netplan is there to apply them."""
    if any("netplan" in names(root / directory) for directory in ("usr/sbin", "sbin")):
        for device, (file, line) in _netplan_names(root):
            yield Claim(manager=Manager.NETPLAN, device=device, file=file, line=line)


def _interfaces(root: Path) -> Iterator[Claim]:
    """What interfaces(5) sets up, where ifupdown is there to read it."""
    if not _has_ifupdown(root) or _takes_interfaces(root):
        return
    for file, content in _interfaces_files(root):
        for stanza in syntax.parse_interfaces(content):
            ports = stanza.options.get("bridge-ports", ())
            yield Claim(
                manager=_ifupdown(root),
                device=stanza.device,
                file=file,
                line=stanza.line,
                ports=tuple(port for port in ports if port not in ("none", "regex", "all")),
            )
            if stanza.method == "ppp":
                provider = " ".join(stanza.options.get("provider", ("provider",)))
                yield Claim(manager=Manager.PPPD, device="ppp*", file=file, line=stanza.line, provider=provider)


def _has_ifupdown(root: Path) -> bool:
    programs = any("ifup" in names(root / directory) for directory in ("sbin", "usr/sbin"))
    return programs or _unit_runs(root, "networking.service") or bool(names(root / "run/network"))


def _ifupdown(root: Path) -> Manager:
    return Manager.IFUPDOWN2 if names(root / "etc/network/ifupdown2") else Manager.IFUPDOWN


def _interfaces_files(root: Path) -> Iterator[tuple[str, str]]:
    """/etc/network/interfaces, and what it includes."""
    main = "/etc/network/interfaces"
    content = text(root / main[1:])
    yield main, content
    for path, everything in syntax.parse_sources(content):
        absolute = path if path.startswith("/") else f"/etc/network/{path}"
        directory, _, pattern = (f"{absolute}/*" if everything else absolute).rpartition("/")
        for name in names(root / directory.lstrip("/")):
            if fnmatchcase(name, pattern):
                yield f"{directory}/{name}", text(root / directory.lstrip("/") / name)


def _takes_interfaces(root: Path) -> bool:
    return _runs(root, "NetworkManager.service", "run/NetworkManager") and any(
        syntax.parse_takes_interfaces(content) for content in _nm_files(root)
    )


def _network_manager(root: Path) -> Iterator[Claim]:
    """It takes what nobody keeps it from. That it has no file for a device says nothing: it has none until it is up."""
    if not _runs(root, "NetworkManager.service", "run/NetworkManager"):
        return
    kept = [name for content in _nm_files(root) for name in syntax.parse_unmanaged(content)]
    yield Claim(manager=Manager.NETWORK_MANAGER, but=(*kept, "ppp*", *_set_unmanaged(root)))


def _set_unmanaged(root: Path) -> Iterator[str]:
    """The devices that `nmcli device set DEVICE managed no` took from it."""
    by_index = _devices(root)
    for index in names(root / "run/NetworkManager/devices"):
        content = text(root / "run/NetworkManager/devices" / index)
        managed = [s.value for s in syntax.parse_ini(content) if (s.section, s.key) == ("device", "managed")]
        if managed == ["false"] and index in by_index:
            yield by_index[index]


def _nm_files(root: Path) -> Iterator[str]:
    yield text(root / "etc/NetworkManager/NetworkManager.conf")
    for directory in ("usr/lib/NetworkManager/conf.d", "run/NetworkManager/conf.d", "etc/NetworkManager/conf.d"):
        yield from (text(root / directory / name) for name in names(root / directory) if name.endswith(".conf"))


def _dhcpcd(root: Path) -> Iterator[Claim]:
    """It takes every device, or only one where it was started for that."""
    if _unit_runs(root, "dhcpcd.service") or text(root / "run/dhcpcd/pid") or text(root / "run/dhcpcd.pid"):
        yield Claim(manager=Manager.DHCPCD, but=tuple(syntax.parse_denied(text(root / "etc/dhcpcd.conf"))))


def _daemons(root: Path) -> Iterator[Claim]:
    if _runs(root, "connman.service", "run/connman"):
        yield Claim(manager=Manager.CONNMAN)
    if _runs(root, "wickedd.service", "run/wicked"):
        yield Claim(manager=Manager.WICKED)


def _pppd(root: Path) -> Iterator[Claim]:
    yield Claim(manager=Manager.PPPD, device="ppp[0-9]*")


def _supplicants(root: Path) -> Iterator[Claim]:
    """Those that stand alone: beside a manager, the manager's command starts them, too."""
    for name in names(root / "run/systemd/units"):
        device = name.removeprefix("invocation:wpa_supplicant@").removesuffix(".service")
        if f"invocation:wpa_supplicant@{device}.service" == name:
            yield Claim(manager=Manager.WPA_SUPPLICANT, device=device)
    if _unit_runs(root, "iwd.service"):
        yield Claim(manager=Manager.IWD, device="wl*")


def _written(root: Path) -> Iterator[Claim]:
    """What networkd would do if it ran."""
    if not _networkd_runs(root):
        yield from _network_files(root)


def _devices(root: Path) -> dict[str, str]:
    """The devices that are there, by index."""
    return {text(root / "sys/class/net" / name / "ifindex").strip(): name for name in names(root / "sys/class/net")}


def _runs(root: Path, unit: str, left: str) -> bool:
    """Whether a daemon runs: as systemd has it, and where there is no systemd, whether it left anything in /run."""
    return _unit_runs(root, unit) if names(root / "run/systemd/units") else bool(names(root / left))


def _unit_runs(root: Path, unit: str) -> bool:
    """Whether systemd runs it: it keeps a link for each unit that is active, which anybody can see."""
    return f"invocation:{unit}" in names(root / "run/systemd/units")


RULES: tuple[Callable[[Path], Iterator[Claim]], ...] = (
    _talos,
    _networkd,
    _netplan_connections,
    _netplan,
    _interfaces,
    _network_manager,
    _dhcpcd,
    _daemons,
    _pppd,
    _supplicants,
    _written,
)
"""Who may claim a device, those that win over the others first."""
