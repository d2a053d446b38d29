#!/bin/sh
# One would expect that NetworkManager's run-time directory can be listed by anybody, as it is where NetworkManager makes it
# (0755). Where netplan steers NetworkManager, netplan's generator makes it first, readable for root only, and it stays so:
# a program without privilege sees neither connections nor devices there, and takes NetworkManager for absent.
# Matters to: exporter/uplink_exporter/sources/host/managers.py, which asks systemd whether NetworkManager runs
set -eu
command -v apt-get >/dev/null && command -v dpkg-deb >/dev/null || { echo "this takes Debian's apt-get and dpkg-deb" >&2; exit 2; }
here=$(mktemp -d)
trap 'rm -rf "$here"' EXIT
cd "$here"
apt-get download netplan.io=0.106-2+deb12u1 libnetplan0=0.106-2+deb12u1 libglib2.0-0=2.74.6-2+deb12u9 libyaml-0-2=0.2.5-1 \
    >/dev/null 2>&1 || exit 2
for package in *.deb; do dpkg-deb --extract "$package" programs; done
mkdir -p root/etc/netplan
cat >root/etc/netplan/50-node.yaml <<'EOF'
network:
  renderer: NetworkManager
  ethernets:
    wlan0:
      dhcp4: true
EOF
chmod 600 root/etc/netplan/50-node.yaml
umask 022
LD_LIBRARY_PATH=$(dirname "$(find programs -name 'libnetplan.so.*' | head -n 1)") \
    programs/usr/libexec/netplan/generate --root-dir "$here/root"
seen=$(cd root && find run/NetworkManager run/NetworkManager/system-connections -maxdepth 0 -printf '%m %p\n' | sort)
expected="700 run/NetworkManager
700 run/NetworkManager/system-connections"

echo "version: netplan 0.106-2+deb12u1"
echo "behaviour: netplan's generator makes NetworkManager's run-time directory readable for root only"
echo "seen: $(echo "$seen" | tr '\n' ';')"
[ "$seen" = "$expected" ] || { echo "expected: $expected" >&2; exit 1; }
