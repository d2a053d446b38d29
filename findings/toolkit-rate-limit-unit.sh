#!/bin/sh
# One would expect that `rate_limit: {interval: 5, burst: 1}` in an exporter-toolkit web config is one request each 5 s, or
# is refused because it has no unit. It is read as 5 ns, so that nothing is limited and nothing says so.
# Matters to: exporter/uplink_exporter/web/config/sections.py, which refuses a span of time without a unit
set -eu
command -v go >/dev/null || { echo "go is missing" >&2; exit 2; }
here=$(mktemp -d)
trap 'chmod -R u+w "$here"; rm -rf "$here"' EXIT
mkdir "$here/finding" && cd "$here/finding"
cat >main.go <<'EOF'
package main

import (
	"fmt"
	"io"
	"log/slog"
	"net"
	"net/http"
	"os"

	"github.com/prometheus/exporter-toolkit/web"
)

func main() {
	for _, interval := range []string{"5", "5s"} {
		file := os.Args[1] + "/web.yml"
		os.WriteFile(file, []byte("rate_limit: {interval: "+interval+", burst: 1}\n"), 0o600)
		listener, _ := net.Listen("tcp", "127.0.0.1:0")
		handler := http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { fmt.Fprintln(w, "ok") })
		quiet := slog.New(slog.NewTextHandler(io.Discard, nil))
		go web.Serve(listener, &http.Server{Handler: handler}, &web.FlagConfig{WebConfigFile: &file}, quiet)
		fmt.Printf("interval %s:", interval)
		for range 3 {
			answer, err := http.Get("http://" + listener.Addr().String())
			if err != nil {
				panic(err)
			}
			fmt.Printf(" %d", answer.StatusCode)
		}
		fmt.Print("; ")
	}
}
EOF
export GOTOOLCHAIN=local GOWORK=off GOFLAGS=-mod=mod GOPATH="$here/go" GOCACHE="$here/cache"
{
    go mod init finding && go mod edit -go=1.25.0 -require=github.com/prometheus/exporter-toolkit@v0.20.0 &&
        go mod tidy && go build -o finding .
} >log 2>&1 || { cat log >&2; exit 2; }

echo "version: github.com/prometheus/exporter-toolkit v0.20.0, $(go version | cut -d' ' -f3)"
echo "behaviour: a rate_limit whose interval has no unit limits nothing; the number counts nanoseconds"
seen=$(./finding "$here")
echo "seen: $seen"
[ "$seen" = "interval 5: 200 200 200; interval 5s: 200 429 429; " ] ||
    { echo "expected: interval 5: 200 200 200; interval 5s: 200 429 429; " >&2; exit 1; }
