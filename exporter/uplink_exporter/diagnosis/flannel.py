"""The rules about flannel, once the uplink is fine, and what it adds to the chain while that is not."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import islice
from math import inf

from uplink_exporter.diagnosis.verdict import Evidence, Finding
from uplink_exporter.diagnosis.view import View
from uplink_exporter.diagnosis.words import duration, since, ways_out
from uplink_exporter.flannel.choice import Blocked, Refusal
from uplink_exporter.flannel.condition import UPLINK_CAUSES, Condition
from uplink_exporter.flannel.observed import Cause, WaitingReason
from uplink_exporter.flannel.persisting import persists
from uplink_exporter.flannel.reasons import WORDS

# The kubelet's back-off ends at 5 minutes; twice that for images, disks and a load that falls slowly.
RECOVERY = 600.0
# systemd starts k3s and its kin again after 5 seconds, whatever happened, and they take 20 to their start.
RECOVERY_OF_UNIT = 120.0


_LOST_WITH = "the kernel removes a VXLAN with the device under it, and flannel before v0.27.4 makes no other"
# From v0.27.4 on flannel makes a device anew that was removed, and tries every 30 seconds (reCreateVxlan).
REMADE = 60.0


def flannel_refuses(view: View) -> Finding | None:
    """The route works, and flannel would die on it all the same."""
    refusal = view.answer
    if not view.flannel.found or not isinstance(refusal, Refusal):
        return None
    start = "next start" if view.flannel.running else "start"
    name = view.flannel.unit or "flannel"
    return Finding(
        summary=f"the uplink works, but {name} would die at its {start}: {WORDS[refusal.reason]}",
        evidence=(
            *(Evidence(subject="flannel tries", observed=line) for line in refusal.lookback[:4]),
            Evidence(subject="flannel would say", observed=refusal.error),
            *ways_out(view),
        ),
        remedy=_REMEDIES.get(refusal.reason, _REMEDY_FOR_FLAGS),
    )


def recovering(view: View) -> Finding | None:
    """The uplink is back, and flannel or, if flannel runs, the pods only wait for the kubelet."""
    back = view.back_since()
    fresh = back is not None and view.now.uptime - back < _recovery(view.flannel)
    flannel = _down(view.flannel)
    if _lost_devices(view) or not (_waits_for_its_turn(view, fresh=fresh) if flannel else fresh and view.waiting):
        return None
    came = f"came back {duration(view.now.uptime - back)} ago" if back is not None else "is back"
    return Finding(
        summary=f"the uplink {came}; {'flannel is' if flannel else 'the pods are'} not back yet",
        evidence=(*ways_out(view), *(evidence for family in view.required for evidence in since(view, family))),
        remedy=(_wait_for(view.flannel),),
    )


def _recovery(flannel: Condition) -> float:
    return RECOVERY_OF_UNIT if flannel.unit else RECOVERY


def _wait_for(flannel: Condition) -> str:
    if flannel.unit:
        return f"# wait: {flannel.unit} is started again within seconds, and needs less than a minute for its start"
    return "# wait: the kubelet starts a container that crashed again within 5 minutes"


def _down(flannel: Condition) -> bool:
    """Whether it does not run, or does so for too short a time to count."""
    return flannel.running is False or flannel.restarted or flannel.hangs


def _waits_for_its_turn(view: View, *, fresh: bool) -> bool:
    """Whether flannel died of the uplink and only waits for the kubelet's back-off.

    Not if the attempt that died began on a working uplink, nor if what it died of is so still.
    """
    flannel = view.flannel
    if flannel.began is not None and flannel.began[0] >= view.usable_since():
        return False
    if flannel.ended is None or view.back_since() is not None:
        return fresh and not _persisting(view)
    if flannel.ended.cause not in UPLINK_CAUSES or flannel.died is None or _persisting(view):
        return False
    # By a clock that was behind it died before this boot: nothing of this boot did.
    return view.now.uptime - max(0.0, flannel.died) < _recovery(flannel)


def _persisting(view: View) -> str:
    return persists(view.flannel.ended, view.network) if view.flannel.ended else ""


def _lost_devices(view: View) -> tuple[tuple[str, float], ...]:
    """Flannel's own devices that are gone under one that runs, and since which uptime."""
    flannel, now = view.flannel, view.now.uptime
    if not flannel.running or flannel.restarted or now - view.usable_since() <= REMADE:
        return ()
    # One that began since then never had it: its back end is another.
    since = -inf if flannel.running_since is None else flannel.running_since
    gone = ((name, at) for name, at in view.network.overlays.items() if at is not None)
    return tuple((name, at) for name, at in gone if since < at < now - REMADE)


def _without_its_device(view: View, lost: tuple[tuple[str, float], ...]) -> Finding:
    runs = f"{view.flannel.unit or 'flannel'} runs, but flannel's device {lost[0][0]} is gone"
    return Finding(
        summary=f"{runs}: pods here reach no other node",
        evidence=(
            *(
                Evidence(subject=name, observed=f"was there in this boot, gone for {duration(view.now.uptime - at)}")
                for name, at in lost
            ),
            Evidence(subject="why", observed=_LOST_WITH),
            *ways_out(view),
        ),
        remedy=_begin_anew(view.flannel),
    )


def _begin_anew(flannel: Condition) -> tuple[str, ...]:
    if flannel.unit:
        return (f"sudo systemctl restart {flannel.unit}   # it makes the device when it starts",)
    told = flannel.container
    pod = f"-n {told.namespace} {told.pod}" if told else "-n NAMESPACE POD"
    return (
        f"kubectl delete pod {pod}   # its DaemonSet makes it again, and flannel its device",
        "kubectl get pods -A -o wide | grep flannel",
    )


def flannel_failing(view: View) -> Finding | None:
    """The uplink is fine, and flannel does not run for another cause, or runs without its device."""
    flannel = view.flannel
    if lost := _lost_devices(view):
        return _without_its_device(view, lost)
    if not _down(flannel):
        return None
    still = _persisting(view)
    return Finding(
        summary=f"the uplink is fine, but {_does(flannel)}: {_why(flannel)}{f' ({still})' if still else ''}",
        evidence=ways_out(view),
        remedy=(*_REMEDIES.get(flannel.ended.cause if flannel.ended else "", ()), *_look_at(flannel)),
    )


def _does(flannel: Condition) -> str:
    name = flannel.unit or "flannel"
    if flannel.hangs:
        return f"{name} runs and waits"
    return f"{name} does not run" if flannel.running is False else f"{name} has just restarted"


def _look_at(flannel: Condition) -> tuple[str, ...]:
    if flannel.unit:
        return (f"systemctl status {flannel.unit}", f"sudo journalctl -b -u {flannel.unit} -n 50")
    return (
        "kubectl get pods -A -o wide | grep flannel",
        "sudo sh -c 'tail -n 20 /var/log/pods/*/kube-flannel/*.log'   # works without the API server",
    )


def _why(flannel: Condition) -> str:
    """What keeps it down: its last words if it died, the kubelet's reason if that is why it has not begun."""
    if flannel.ended is None or flannel.waiting not in ("", WaitingReason.CRASH_LOOP_BACK_OFF):
        return flannel.waiting or WORDS[Cause.UNKNOWN]
    return WORDS[flannel.ended.cause]


_REMEDY_FOR_FLAGS = (
    "kubectl get daemonset -A -o yaml | grep -A 20 kube-flannel   # do flannel's flags fit this node?",
    "ip -br addr",
)


_REMEDIES: dict[str, tuple[str, ...]] = {
    Cause.NO_DEFAULT_ROUTE6: (
        "ip -6 route show default   # flannel serves IPv6 (EnableIPv6 in its net-conf.json), and needs one",
        "ip -6 -br addr   # has the router advertised a prefix, or DHCPv6 answered?",
    ),
    Cause.IFACE_IP_MISSING: (
        "kubectl get nodes -o yaml | grep flannel.alpha.coreos.com   # the address may be in an annotation",
        "kubectl annotate node NODE flannel.alpha.coreos.com/public-ip-   # v0.25.2 obeys the one that it wrote itself",
        *_REMEDY_FOR_FLAGS,
    ),
    Cause.OOM: ("kubectl -n kube-flannel edit daemonset kube-flannel-ds   # raise its memory limit",),
    Blocked.DEFAULT_ROUTE_NO_OIF: (
        "# flannel cannot read a default route with several next hops: leave one, or tell flannel the interface",
        "kubectl -n kube-flannel edit daemonset kube-flannel-ds   # add --iface=DEVICE to args",
    ),
    Cause.IFACE_MISSING: _REMEDY_FOR_FLAGS,
    Blocked.IFACE_NO_ADDRESS: (
        "ip -br addr   # the interface that flannel would take has no address that it accepts",
        *_REMEDY_FOR_FLAGS[:1],
    ),
}


def flannel_symptoms(view: View) -> Iterator[Evidence]:
    """What flannel makes of it: a consequence, told after the cause."""
    flannel = view.flannel
    if not flannel.found:
        return
    said = [
        *(("does not run",) if flannel.running is False else ()),
        *(("runs, but waits",) if flannel.hangs else ()),
        *((flannel.waiting,) if flannel.waiting else ()),
        *_restarts(view),
    ]
    if flannel.running and isinstance(view.answer, Refusal):
        said.append(f"runs, but would not start again now: {WORDS[view.answer.reason]}")
    if said:
        yield Evidence(subject=flannel.unit or "flannel", observed=", ".join(said))
    if flannel.ended is not None and flannel.ended.line:
        yield Evidence(subject="its last words", observed=flannel.ended.line)


def _restarts(view: View) -> Iterator[str]:
    """How often it restarted lately; where nothing was watched that long, the count of a container that is down."""
    window, restarts = next(iter(view.deltas), (0.0, 0))
    flannel = view.flannel
    if restarts:
        span = duration(window).removesuffix(" 0s").removesuffix(" 0m")
        yield f"{restarts} restart{'s' * (restarts > 1)} in {span}"
    elif flannel.ended is not None and flannel.ended.attempt:
        yield f"restarted {flannel.ended.attempt}x"


def pod_symptoms(view: View) -> Iterator[Evidence]:
    """The system pods that wait, flannel's apart, of which more is told."""
    told = view.flannel.container
    others = (one for one in view.waiting if told is None or (one.pod, one.container) != (told.pod, told.container))
    for container in islice(others, 4):
        yield Evidence(subject=container.pod, observed=f"waits: {container.reason}")
