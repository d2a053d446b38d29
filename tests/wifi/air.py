"""The air of one test: an access point in a network namespace, a station on wlan0, and the exporter that looks."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass

from tests.kernel.namespace import Page, eventually, samples
from tests.wifi.machine import Machine

SSID = "example-net"
PASSPHRASE = "correct horse"
GATEWAY = "192.0.2.1"
ADDRESS = "192.0.2.2/24"
PORT = 9077
# Under emulation a scan takes four seconds and a handshake another.
SLOW = 120.0
SETTLED = 45.0
NOBODY = ("setpriv", "--reuid=65534", "--regid=65534", "--clear-groups", "--bounding-set=-all", "--inh-caps=-all")
EXPORTER = (*NOBODY, "--no-new-privs", "env", "PYTHONPATH=/tmp:/opt/python", "PYTHONDONTWRITEBYTECODE=1")
ALONE = ("--source.kubernetes=off", "--source.pod-logs=off")
PROGRAMS = "hostapd wpa_supplicant iwd udhcpc dnsmasq"


@dataclass(frozen=True, slots=True)
class Air:
    """What may be in the air, and what the station is told."""

    machine: Machine

    @classmethod
    @contextmanager
    def fresh(cls, machine: Machine) -> Iterator[Air]:
        """Radios as after a boot: phy0 is the station's, phy1 and phy2 are for access points."""
        machine.sh(
            "modprobe -r mac80211_hwsim; modprobe mac80211_hwsim radios=3; ip netns add ap;"
            "ip link set hwsim0 netns ap;"
            "for device in wlan1 wlan2; do"
            '  iw phy "phy$(cat /sys/class/net/$device/phy80211/index)" set netns name ap; done'
        )
        try:
            yield cls(machine)
        finally:
            machine.sh(
                f"busybox killall -q -9 {PROGRAMS} || true; sleep 0.5; ip netns delete ap;"
                "rm -rf /run/hostapd-* /run/wpa_supplicant"
            )

    def access_point(self, device: str = "wlan1", *, passphrase: str = PASSPHRASE, sae: bool = False) -> None:
        """Start an access point, with a gateway behind it."""
        keys = ("wpa_key_mgmt=SAE", "ieee80211w=2", f"sae_password={passphrase}") if sae else ("wpa_key_mgmt=WPA-PSK",)
        lines = (
            *(f"interface={device}", f"ssid={SSID}", "hw_mode=g", "channel=1", f"ctrl_interface=/run/hostapd-{device}"),
            *("wpa=2", "rsn_pairwise=CCMP", *keys, *(() if sae else (f"wpa_passphrase={passphrase}",))),
        )
        self.machine.write(f"/run/{device}.conf", "\n".join(lines) + "\n")
        self.inside("hostapd", "-B", "-P", f"/run/{device}.pid", f"/run/{device}.conf")
        self.inside("ip", "address", "replace", f"{GATEWAY}/24", "dev", device)

    def no_access_point(self, device: str = "wlan1") -> None:
        """End an access point; it says goodbye."""
        self.machine.sh(f'kill "$(cat /run/{device}.pid)"')

    def kick(self, device: str = "wlan1") -> None:
        """Have an access point send the station away."""
        mac = self.machine.sh("cat /sys/class/net/wlan0/address")
        self.inside("hostapd_cli", "-p", f"/run/hostapd-{device}", "-i", device, "deauthenticate", mac)

    def out_of_range(self) -> None:
        """Let nobody hear the station, without a goodbye: radios hear only those of their group."""
        self._group(2)

    def in_range(self) -> None:
        """Let the station be heard again."""
        self._group(1)

    def _group(self, number: int) -> None:
        phy = self.machine.sh("cat /sys/class/net/wlan0/phy80211/name")
        self.machine.write(f"/sys/kernel/debug/ieee80211/{phy}/hwsim/group", f"{number}\n")

    def supplicant(self, *, passphrase: str = PASSPHRASE, sae: bool = False) -> None:
        """Start wpa_supplicant on wlan0."""
        keys = (
            f'key_mgmt=SAE ieee80211w=2 sae_password="{passphrase}"' if sae else f'key_mgmt=WPA-PSK psk="{passphrase}"'
        )
        network = "\n  ".join(("network={", f'ssid="{SSID}"', *keys.split(" ", 2 if sae else 1))) + "\n}\n"
        self.machine.write("/run/station.conf", f"ctrl_interface=/run/wpa_supplicant\n{network}")
        self.machine("wpa_supplicant", "-B", "-i", "wlan0", "-c", "/run/station.conf", "-P", "/run/station.pid")

    def no_supplicant(self, signal: str = "TERM") -> None:
        """End the supplicant."""
        self.machine.sh(f'kill -{signal} "$(cat /run/station.pid)"')

    def lease(self) -> None:
        """What DHCP would bring: an address and a default route, as netplan's renderer sets them."""
        self.machine.sh(
            f"ip address replace {ADDRESS} dev wlan0;"
            f"ip route replace default via {GATEWAY} dev wlan0 proto dhcp metric 600"
        )

    def inside(self, *command: str) -> str:
        """What a command says in the access points' network."""
        return self.machine("ip", "netns", "exec", "ap", *command)

    def associated(self) -> bool:
        """Whether wlan0 has joined the network and been let in."""
        return self.machine.sh("cat /sys/class/net/wlan0/operstate") == "up"

    def joined(self) -> None:
        """Join the network, and get a lease."""
        self.access_point()
        self.supplicant()
        eventually(self.associated, SLOW)
        self.lease()

    @contextmanager
    def exporter(self, *flags: str) -> Iterator[Exporter]:
        """The exporter as nobody, from its first page on."""
        listen = f"--web.listen-address=127.0.0.1:{PORT}"
        command = (*EXPORTER, "python3", "-m", "uplink_exporter", listen, *ALONE, *flags)
        process = self.machine.start(*command, log="/run/exporter.log")
        exporter = Exporter(self.machine)
        try:
            eventually(exporter.ready, SLOW)
            yield exporter
        finally:
            self.machine.sh(f"kill {process} || true; tail -n 40 /run/exporter.log >&2")

    def doctor(self, *flags: str) -> str:
        """What doctor says to nobody."""
        return self.machine.run(*EXPORTER, "python3", "-m", "uplink_exporter", "doctor", *ALONE, *flags).out


@dataclass(frozen=True, slots=True)
class Exporter:
    """The exporter in the guest."""

    machine: Machine
    port: int = PORT

    def ready(self) -> bool:
        """Whether it serves."""
        return (
            self.machine.run("busybox", "wget", "-q", "-O", "/dev/null", f"http://127.0.0.1:{PORT}/-/ready").code == 0
        )

    def page(self) -> Page:
        """Its samples, as Prometheus names them."""
        return samples(self.machine("busybox", "wget", "-q", "-O", "-", f"http://127.0.0.1:{PORT}/metrics"))

    def verdict(self) -> str:
        """The verdict on the page."""
        prefix = 'uplink_diagnosis{verdict="'
        return next(
            name.removeprefix(prefix).removesuffix('"}')
            for name, value in self.page().items()
            if name.startswith(prefix) and value
        )

    def log(self) -> str:
        """What it logged so far."""
        return self.machine.sh("cat /run/exporter.log")
