"""What k3s and its kin ask before flannel's own question, and how k3s asks that one.

k3s and RKE2 look for the node's IP first thing of all (pkg/cli/cmds, pkg/agent/config; the kubelite of MicroK8s has the
API server do it), by Kubernetes' rule, unless they are told. k3s then runs flannel inside itself, with one flag. RKE2
leaves flannel to a pod.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass

from uplink_exporter.facts import Family, Link, Network
from uplink_exporter.flannel.choice import Blocked, Choice, Method, Refusal, would_start
from uplink_exporter.flannel.goip import is_global_unicast, parse_ip
from uplink_exporter.flannel.hostip import HostIp, choose_host_interface
from uplink_exporter.flannel.options import NEWEST, Options, OptionsError, Stack, Version


@dataclass(frozen=True, slots=True, kw_only=True)
class K3sOptions:
    """What k3s' questions depend on, besides the kernel."""

    iface: str = ""
    node_ip: str = ""
    version: Version = NEWEST
    """Of the flannel inside it."""

    @property
    def of_flannel(self) -> Options:
        """As flannel inside it has them. Of both stacks it looks at the IPv4 default route alone."""
        return Options(version=self.version, stack=Stack.IPV4, ifaces=(self.iface,) if self.iface else ())


def parse_k3s_args(args: Sequence[str]) -> dict[str, str]:
    """The flags of k3s that matter here, by name: the last one counts. Raises OptionsError."""
    found: dict[str, str] = {}
    rest = iter(args)
    for arg in rest:
        name, equals, value = arg.lstrip("-").partition("=")
        if arg.startswith("-") and name in _FLAGS:
            found[name] = value if equals else next(rest, "")
    long = next((name for name, value in found.items() if len(value) > 64), None)
    if long is not None:
        raise OptionsError(f"--{long} is longer than 64 characters")
    return found


_FLAGS = frozenset({"flannel-iface", "node-ip", "i"})


def flannel_in(version: str) -> Version:
    """The version of flannel in a k3s, near enough for what it looks at and says; the newest if it is not known."""
    minor = re.match(r"v1\.([0-9]{1,3})\.", version)
    if minor is None or int(minor[1]) >= 35:
        return NEWEST
    return (0, 14, 0) if int(minor[1]) < 22 else (0, 24, 0)


def node_ip(network: Network, options: K3sOptions) -> Choice | Refusal:
    """The node's IP: as it is told, else the address of its device, else by Kubernetes' rule."""
    if options.node_ip:
        return Choice(device="", address=options.node_ip.partition(",")[0], method=Method.PUBLIC_IP)
    if options.iface:
        return _of_device(network, options.iface)
    found = choose_host_interface(network)
    if isinstance(found, HostIp):
        return Choice(device=found.device, address=found.address, method=Method.DEFAULT_ROUTE)
    return Refusal(reason=Blocked.NODE_IP, inner=found.error, error=f"Error: {found.error}")


def would_k3s_start(network: Network, options: K3sOptions) -> Choice | Refusal:
    """What k3s would do if it started now: it asks for the node's IP, then what flannel asks. Total."""
    ip = node_ip(network, options)
    if isinstance(ip, Refusal):
        return ip
    answer = would_start(network, options.of_flannel)
    if isinstance(answer, Choice):
        return answer
    inner = answer.inner
    if inner.startswith("failed to find IPv4 address for ") and options.version >= (0, 28, 0):
        inner += ": no IPv4 address found for given interface"  # k3s quotes what flanneld leaves out
    return Refusal(reason=answer.reason, inner=inner, error=f"flannel exited: failed to find the interface: {inner}")


def _of_device(network: Network, name: str) -> Choice | Refusal:
    link = network.link(name)
    addresses = _global_ipv4(network, link) if link else []
    if link is not None and link.admin_up and len(addresses) == 1:
        return Choice(device=name, address=addresses[0], method=Method.IFACE)
    reason, inner = Blocked.IFACE_NO_ADDRESS, f"can't find ip for interface {name}"
    if link is None:
        reason, inner = Blocked.IFACE_MISSING, "route ip+net: no such network interface"
    elif not link.admin_up:
        inner = f"the interface {name} is not up"
    elif addresses:
        choices = " ".join(addresses)
        inner = f"multiple global unicast addresses defined for {name}, please set ip from one of [{choices}]"
        reason = Blocked.CONFIG
    error = f"Error: interface {name} does not have a correct global unicast ip: {inner}"
    return Refusal(reason=reason, inner=inner, error=error)


def _global_ipv4(network: Network, link: Link) -> list[str]:
    of_link = (a for a in network.addresses if a.index == link.index and a.family is Family.IPV4)
    parsed = (parse_ip(address.address) for address in of_link)
    return [str(ip) for ip in parsed if ip is not None and is_global_unicast(ip)]
