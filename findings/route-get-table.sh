#!/bin/sh
# One would expect that the answer to RTM_GETROUTE (`ip route get`) says which table it is from, or that a flag asks for
# it in both families. IPv4 says "main" whatever the table, unless the request has RTM_F_LOOKUP_TABLE. IPv6 always says
# the table, and refuses that very flag where the socket asks for strict checking (NETLINK_GET_STRICT_CHK).
# Matters to: exporter/uplink_exporter/sources/netlink/requests.py, which sets the flag for IPv4 alone.
set -eu
here=$(mktemp -d)
trap 'rm -rf "$here"' EXIT
python3 -m venv "$here/venv" || exit 2
"$here/venv/bin/pip" install --quiet --disable-pip-version-check pyroute2==0.9.7 || exit 2
unshare -rn true || exit 2

echo "version: Linux $(uname -r), rtnetlink; the network set up with pyroute2 0.9.7"
echo "behaviour: IPv4 says table 254 unless asked with RTM_F_LOOKUP_TABLE; IPv6 says 100, and refuses the flag (22)"
unshare -rn "$here/venv/bin/python" - <<'PYTHON'
import socket
import struct
import sys

from pyroute2 import IPRoute

with IPRoute() as ip:
    ip.link("add", ifname="v0", kind="veth", peer={"ifname": "v1"})
    index, peer = ip.link_lookup(ifname="v0")[0], ip.link_lookup(ifname="v1")[0]
    ip.link("set", index=peer, state="up")
    ip.link("set", index=index, state="up")
    ip.addr("add", index=index, address="10.9.0.5", prefixlen=24)
    ip.addr("add", index=index, address="2001:db8:9::5", prefixlen=64, flags=0x02)  # IFA_F_NODAD
    for family, anything in ((socket.AF_INET, "0.0.0.0/0"), (socket.AF_INET6, "::/0")):
        ip.route("add", family=family, dst=anything, oif=index, table=100)
        ip.rule("add", family=family, table=100, priority=100)


def table(family: int, address: str, flags: int) -> str:
    packed = socket.inet_pton(family, address)
    body = struct.pack("=BBBBBBBBI", family, 8 * len(packed), 0, 0, 0, 0, 0, 0, flags)
    body += struct.pack("=HH", 4 + len(packed), 1) + packed  # RTA_DST
    with socket.socket(socket.AF_NETLINK, socket.SOCK_RAW, socket.NETLINK_ROUTE) as kernel:
        kernel.setsockopt(270, 12, 1)  # SOL_NETLINK, NETLINK_GET_STRICT_CHK
        kernel.send(struct.pack("=IHHII", 16 + len(body), 26, 1, 1, 0) + body)  # RTM_GETROUTE, NLM_F_REQUEST
        answer = kernel.recv(8192)
    if struct.unpack_from("=H", answer, 4)[0] == 2:  # NLMSG_ERROR
        return f"errno {-struct.unpack_from('=i', answer, 16)[0]}"
    return f"table {answer[16 + 4]}"  # rtm_table


LOOKUP_TABLE = 0x1000
seen = [
    table(socket.AF_INET, "198.51.100.9", 0),
    table(socket.AF_INET, "198.51.100.9", LOOKUP_TABLE),
    table(socket.AF_INET6, "2001:db8:ffff::9", 0),
    table(socket.AF_INET6, "2001:db8:ffff::9", LOOKUP_TABLE),
]
print(f"seen: IPv4 {seen[0]}, with the flag {seen[1]}; IPv6 {seen[2]}, with the flag {seen[3]}")
sys.exit(seen != ["table 254", "table 100", "table 100", "errno 22"])
PYTHON
