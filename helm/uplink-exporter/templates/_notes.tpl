{{- define "uplink-exporter.notesScraping" -}}
{{- $kind := .Values.monitor.kind }}
{{- $known := include "uplink-exporter.knows" (dict "root" . "kind" $kind) }}
{{- if .Values.scrapeAnnotations }}
Scraped by a Prometheus that goes by the annotation prometheus.io/scrape. Its job must be called something with
uplink-exporter in it, or UplinkExporterDown always fires; README.md has a scrape config that does all of it.
{{- else if not .Values.monitor.enabled }}
Scraped by nobody that this chart knows of: monitor.enabled is false. README.md has a scrape config.
{{- else if not $known }}
WARNING: scraped by nobody yet. This cluster knows no {{ $kind }}, so there is no Prometheus operator, or its CRDs came
  after this chart; then run `helm upgrade`. For a Prometheus without the operator README.md has a scrape config.
{{- else }}
Scraped by the Prometheus of the operator that selects the {{ $kind }} {{ .Release.Namespace }}/{{ include "uplink-exporter.fullname" . }}.
{{- if not (or .Values.releaseLabel .Values.monitor.labels) }}
WARNING: releaseLabel is not set. kube-prometheus-stack selects only what has its release's name in the label `release`:
  kubectl get prometheus -A -o jsonpath='{.items[*].spec.podMonitorSelector}'
{{- end }}
{{- end }}
{{- if and .Values.prometheusRule.enabled (not (include "uplink-exporter.knows" (dict "root" . "kind" "PrometheusRule"))) }}
WARNING: no alerts yet: this cluster knows no PrometheusRule. Give your Prometheus the file alerts/uplink.rules.yml.
{{- end }}
{{- end }}

{{- define "uplink-exporter.notesWarnings" -}}
{{- if and .Values.web.config.tls .Values.monitor.enabled (not .Values.monitor.tlsConfig) }}
WARNING: web.config.tls is set and monitor.tlsConfig is empty: Prometheus trusts our certificate only if it is by a
  public CA, for each node's address.
{{- end }}
{{- if not .Values.sources.kubernetes }}
WARNING: sources.kubernetes is false: whether flannel is ready and which system pods wait is not known.
{{- end }}
{{- if not .Values.sources.podLogs }}
WARNING: sources.podLogs is false: why flannel dies is not known, nor its restarts while no API server answers.
{{- else if not .Values.hostMounts.flannelRun }}
WARNING: hostMounts.flannelRun is empty: there is no alert FlannelNotStartedSinceBoot.
{{- end }}
{{- if not .Values.hostMounts.networkConfig }}
WARNING: hostMounts.networkConfig is empty: the remedy cannot know who manages a device.
{{- end }}
{{- if not .Values.state.enabled }}
WARNING: state.enabled is false: what was seen is forgotten when the container restarts.
{{- end }}
{{- if .Values.staticPod.enabled }}
The DaemonSet keeps off the nodes with the label {{ .Values.staticPod.nodeLabel }}; README.md says how to print their
static pod.
{{- end }}
{{- end }}
