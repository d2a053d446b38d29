"""What flannel would do on this node if it started now, with the options that it has here."""

from __future__ import annotations

from functools import lru_cache

from uplink_exporter.facts import FlannelPolicy, Network, NodeState
from uplink_exporter.flannel.choice import Blocked, Choice, Refusal, would_start
from uplink_exporter.flannel.homes import in_pods, k3s_options, lasting_home
from uplink_exporter.flannel.k3s import K3sOptions, node_ip, would_k3s_start
from uplink_exporter.flannel.observed import FlannelLogs, NodePods
from uplink_exporter.flannel.options import (
    NEWEST,
    Options,
    OptionsError,
    Stack,
    logged_args,
    parse_options,
    parse_version,
    split_args,
)
from uplink_exporter.flannel.units import Home, asks_for_node_ip, home_of


def options(state: NodeState) -> Options | None:
    """Flannel's options: as given, else as its log has them in force, else as its pod has them, else the defaults.

    Its stack: as given, else by its net-conf.json, else by its log or subnet.env, else IPv4.

    However old: what flannel was told does not change because the API is gone. None if it was told something that
    cannot be read here, such as a variable of a container that a shell starts.
    """
    unit = lasting_home(state)
    if home_of(unit) is Home.K3S:
        of_k3s = k3s_options(state, unit)
        return of_k3s.of_flannel if of_k3s else None
    logs, pods = state.last(FlannelLogs), state.last(NodePods)
    flags_line = logs.flags_line if logs else ""
    stack = (pods.stack if pods else "") or (logs.stack if logs else "")
    if pods is None:
        return _options(state.policy.flannel, flags_line, (), (), "", stack)
    return _options(state.policy.flannel, flags_line, pods.args or (), tuple(pods.env.items()), pods.version, stack)


@lru_cache(maxsize=2)  # asked several times for each scrape and each fact, and always the same
def _options(
    given: FlannelPolicy,
    flags_line: str,
    args: tuple[str, ...],
    env: tuple[tuple[str, str], ...],
    tag: str,
    told: str,
) -> Options | None:
    version = parse_version(given.version) or parse_version(tag) or NEWEST
    stack = Stack(given.stack or told or Stack.IPV4)
    logged = logged_args(flags_line)
    try:
        if given.args:
            return parse_options(split_args(given.args), version=version, stack=stack)
        if logged is not None:
            return parse_options(logged, version=version, stack=stack)
        return parse_options(args, dict(env), version=version, stack=stack)
    except OptionsError:
        return None


def question(state: NodeState, network: Network) -> Choice | Refusal | None:
    """What flannel would do if it started now, or k3s and its kin before it; None if that cannot be told here."""
    unit = lasting_home(state)
    if home_of(unit) is Home.K3S:
        of_k3s = k3s_options(state, unit)
        return would_k3s_start(network, of_k3s) if of_k3s else None
    if asks_for_node_ip(unit):
        ip = node_ip(network, K3sOptions())
        if isinstance(ip, Refusal) or not in_pods(state):
            return ip
    asked = options(state)
    answer = would_start(network, asked, network.reached.get) if asked else None
    return None if isinstance(answer, Refusal) and answer.reason is Blocked.UNDECIDED else answer
