// Command toolkit serves "ok" as an exporter does that uses the exporter-toolkit.
package main

import (
	"flag"
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"os"

	"github.com/prometheus/exporter-toolkit/web"
)

func main() {
	listen := flag.String("listen", "127.0.0.1:0", "where")
	config := flag.String("config", "", "the web config file")
	flag.Parse()
	http.HandleFunc("/metrics", func(w http.ResponseWriter, _ *http.Request) { fmt.Fprintln(w, "ok") })
	systemd := false
	flags := &web.FlagConfig{WebListenAddresses: &[]string{*listen}, WebSystemdSocket: &systemd, WebConfigFile: config}
	quiet := slog.New(slog.NewTextHandler(io.Discard, nil))
	if err := web.ListenAndServe(&http.Server{}, flags, quiet); err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
}
