"""The exporter as a pod has it: without any privilege, and started before its address is there."""

from __future__ import annotations

import re
import sys
from pathlib import Path

import prometheus_client
import pytest

from tests.kernel.namespace import CONNECTED, SOURCES, Namespace, eventually, exporting

pytestmark = pytest.mark.kernel

HEALTHY = 'uplink_diagnosis{verdict="healthy"}'
DOWN = 'uplink_diagnosis{verdict="uplink_down"}'
ERRORS = {f'uplink_source_errors_total{{reason="{reason}",source="netlink"}}': 0 for reason in ("permission", "io")}

# A home directory may be closed to others: nobody is shown Python, the libraries and the exporter on /mnt, in the mount
# namespace that ip-netns(8) makes. Only then is every privilege dropped.
NOBODY = """
mount -t tmpfs tmpfs /mnt
for directory in python libraries exporter; do mkdir /mnt/$directory && mount --bind "$1" /mnt/$directory && shift; done
export PYTHONPATH=/mnt/exporter:/mnt/libraries LD_LIBRARY_PATH=/mnt/python/lib
exec setpriv --reuid=65534 --regid=65534 --clear-groups --inh-caps=-all --bounding-set=-all --no-new-privs \
    "/mnt/python/bin/$@"
"""


def test_it_needs_no_privilege(node: Namespace) -> None:
    libraries = Path(prometheus_client.__file__).parents[1]
    interpreter = f"python{sys.version_info.major}.{sys.version_info.minor}"
    through = ("sh", "-ec", NOBODY, "nobody", sys.base_prefix, str(libraries), str(SOURCES), interpreter)
    with exporting(node, through=through) as exporter:
        status = Path(f"/proc/{exporter.process.pid}/status").read_text()
        assert re.findall(r"^(?:Uid|Cap(?:Inh|Prm|Eff|Bnd)|NoNewPrivs):\t(\w+)", status, re.MULTILINE) == [
            "65534",
            *["0" * 16] * 4,
            "1",
        ]
        exporter.shows({DOWN: 1})
        node.ip(*CONNECTED)
        exporter.shows({HEALTHY: 1, **ERRORS})
        node.ip("link set wlan0 down")
        exporter.shows({DOWN: 1})


def test_it_starts_before_its_loopback_is_up(node: Namespace) -> None:
    node.ip("link set lo down", "address flush dev lo")
    with exporting(node) as exporter:
        node.ip("link set lo up")
        exporter.shows({DOWN: 1})


def test_it_starts_before_its_address_is_there_and_answers_on_it_later(node: Namespace) -> None:
    with exporting(node, listen="192.0.2.2") as exporter:
        with pytest.raises(OSError, match="unreachable"):
            exporter.get("/-/healthy", host="192.0.2.2")
        node.ip(*CONNECTED)
        eventually(lambda: "healthy" in exporter.get("/-/healthy", host="192.0.2.2"))
        eventually(lambda: f"{HEALTHY} 1.0" in exporter.get("/metrics", host="192.0.2.2"))
