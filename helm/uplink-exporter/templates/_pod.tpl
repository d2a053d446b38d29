{{/* One pod for the DaemonSet and for the static pod, which has no access to the API's objects. */}}
{{- define "uplink-exporter.podMetadata" -}}
labels:
  {{- /* Not the chart's version: a chart that changes no pod is to replace none. */}}
  {{- $own := fromYaml (include "uplink-exporter.labels" .) }}
  {{- $component := dict "app.kubernetes.io/component" (ternary "static-pod" "node" .Values.staticPod.manifest) }}
  {{- omit (merge $component $own .Values.podLabels) "helm.sh/chart" | toYaml | nindent 2 }}
annotations:
  {{- $container := dict "kubectl.kubernetes.io/default-container" "uplink-exporter" }}
  {{- $scrape := include "uplink-exporter.scrapeAnnotations" . | fromYaml }}
  {{- merge $container $scrape .Values.podAnnotations | toYaml | nindent 2 }}
{{- end }}

{{- define "uplink-exporter.scrapeAnnotations" -}}
{{- if .Values.scrapeAnnotations }}
prometheus.io/scrape: "true"
prometheus.io/port: {{ .Values.web.port | quote }}
prometheus.io/path: {{ .Values.web.telemetryPath | quote }}
prometheus.io/scheme: {{ ternary "https" "http" .Values.web.config.tls }}
{{- end }}
{{- end }}

{{- define "uplink-exporter.podSpec" -}}
{{- if .Values.staticPod.manifest }}
{{- with get (dict "system-node-critical" 2000001000 "system-cluster-critical" 2000000000) .Values.priorityClassName }}
# The kubelet starts this before it knows any PriorityClass.
priority: {{ . }}
{{- end }}
{{- else }}
serviceAccountName: {{ include "uplink-exporter.serviceAccountName" . | quote }}
{{- with .Values.imagePullSecrets }}
imagePullSecrets:
  {{- toYaml . | nindent 2 }}
{{- end }}
{{- with .Values.nodeSelector }}
nodeSelector:
  {{- toYaml . | nindent 2 }}
{{- end }}
{{- with include "uplink-exporter.affinity" . | fromYaml }}
affinity:
  {{- toYaml . | nindent 2 }}
{{- end }}
{{- end }}
# Not into every container: the projected volume below goes into the exporter alone.
automountServiceAccountToken: false
enableServiceLinks: false
# It watches the node's network, not a pod's.
hostNetwork: true
# The node's resolver: the cluster's is among the first that an outage takes.
dnsPolicy: Default
{{- with .Values.priorityClassName }}
priorityClassName: {{ . | quote }}
{{- end }}
{{- with .Values.tolerations }}
tolerations:
  {{- toYaml . | nindent 2 }}
{{- end }}
terminationGracePeriodSeconds: {{ .Values.terminationGracePeriodSeconds }}
securityContext:
  {{- toYaml .Values.podSecurityContext | nindent 2 }}
{{- if and .Values.state.enabled .Values.state.hostPath .Values.state.prepareHostPath }}
initContainers:
  {{- include "uplink-exporter.prepareState" . | nindent 2 }}
{{- end }}
containers:
  - name: uplink-exporter
    image: {{ include "uplink-exporter.image" . | quote }}
    imagePullPolicy: {{ .Values.image.pullPolicy }}
    {{- with include "uplink-exporter.args" . | trim }}
    args:
      {{- . | nindent 6 }}
    {{- end }}
    env:
      {{- include "uplink-exporter.env" . | nindent 6 }}
    ports:
      # Helm 4 applies server-side, where an old API server wants the protocol to be spelled out.
      - name: metrics
        containerPort: {{ .Values.web.port }}
        hostPort: {{ .Values.web.port }}
        protocol: TCP
    startupProbe:
      {{- include "uplink-exporter.probe" (dict "root" . "path" "/-/healthy" "timing" .Values.probes.startup) | trim | nindent 6 }}
    livenessProbe:
      {{- include "uplink-exporter.probe" (dict "root" . "path" "/-/healthy" "timing" .Values.probes.liveness) | trim | nindent 6 }}
    readinessProbe:
      {{- include "uplink-exporter.probe" (dict "root" . "path" "/-/ready" "timing" .Values.probes.readiness) | trim | nindent 6 }}
    securityContext:
      {{- toYaml .Values.securityContext | nindent 6 }}
    {{- with .Values.resources }}
    resources:
      {{- toYaml . | nindent 6 }}
    {{- end }}
    {{- with include "uplink-exporter.volumeMounts" . | trim }}
    volumeMounts:
      {{- . | nindent 6 }}
    {{- end }}
{{- with include "uplink-exporter.volumes" . | trim }}
volumes:
  {{- . | nindent 2 }}
{{- end }}
{{- end }}

{{/* The directory is root's when the runtime has made it. Root may chmod what is its own without any capability. */}}
{{- define "uplink-exporter.prepareState" -}}
- name: prepare-state
  image: {{ include "uplink-exporter.image" . | quote }}
  imagePullPolicy: {{ .Values.image.pullPolicy }}
  command:
    - python3
    - -c
    - import os, sys; os.stat(sys.argv[1]).st_uid == 0 and os.chmod(sys.argv[1], 0o770)
    - /var/lib/uplink-exporter
  securityContext:
    runAsNonRoot: false
    runAsUser: 0
    runAsGroup: 0
    allowPrivilegeEscalation: false
    readOnlyRootFilesystem: true
    capabilities:
      drop: [ALL]
  {{- with .Values.resources }}
  resources:
    {{- toYaml . | nindent 4 }}
  {{- end }}
  volumeMounts:
    - name: state
      mountPath: /var/lib/uplink-exporter
{{- end }}

{{/* The kubelet asks a pod of the host's network on the node's own address, which may be on the dead uplink. */}}
{{- define "uplink-exporter.probe" -}}
{{- $root := .root -}}
{{- $type := $root.Values.probes.type }}
{{- if or (eq $type "exec") (and (eq $type "auto") $root.Values.web.config.secretName) }}
exec:
  command: [uplink-exporter, healthcheck]
{{- else }}
httpGet:
  host: 127.0.0.1
  port: metrics
  path: {{ .path }}
  scheme: {{ ternary "HTTPS" "HTTP" $root.Values.web.config.tls }}
  {{- with $root.Values.probes.httpHeaders }}
  httpHeaders:
    {{- toYaml . | nindent 4 }}
  {{- end }}
{{- end }}
{{ toYaml .timing }}
{{- end }}

{{- define "uplink-exporter.webConfigFile" -}}
{{- if .Values.web.config.secretName }}{{ printf "/etc/uplink-exporter/web/%s" .Values.web.config.key }}{{ end }}
{{- end }}

{{- define "uplink-exporter.affinity" -}}
{{- $affinity := deepCopy .Values.affinity }}
{{- if .Values.staticPod.enabled }}
{{- $node := default dict $affinity.nodeAffinity }}
{{- $required := default dict $node.requiredDuringSchedulingIgnoredDuringExecution }}
{{- $not := dict "key" .Values.staticPod.nodeLabel "operator" "DoesNotExist" }}
{{- $terms := list }}
{{- range default (list dict) $required.nodeSelectorTerms }}
{{- $terms = append $terms (set . "matchExpressions" (append (default list .matchExpressions) $not)) }}
{{- end }}
{{- $_ := set $node "requiredDuringSchedulingIgnoredDuringExecution" (dict "nodeSelectorTerms" $terms) }}
{{- $_ := set $affinity "nodeAffinity" $node }}
{{- end }}
{{- toYaml $affinity }}
{{- end }}

{{/*
Every setting is a variable rather than an argument: `kubectl exec` into the pod then hands the same to doctor, history
and healthcheck. Only --web.config.file is an argument, because an exporter that does not know it must not start: a
variable that it does not know would leave the page open without a word.
*/}}
{{- define "uplink-exporter.args" -}}
{{- with include "uplink-exporter.webConfigFile" . }}
- --web.config.file={{ . }}
{{- end }}
{{- with .Values.extraArgs }}
{{ toYaml . }}
{{- end }}
{{- end }}

{{- define "uplink-exporter.env" -}}
- name: UPLINK_EXPORTER_KUBERNETES_NODE
  valueFrom:
    fieldRef:
      fieldPath: spec.nodeName
{{- if has "$(HOST_IP)" .Values.web.addresses }}
- name: HOST_IP
  valueFrom:
    fieldRef:
      fieldPath: status.hostIP
{{- end }}
- name: UPLINK_EXPORTER_WEB_LISTEN_ADDRESS
  value: {{ include "uplink-exporter.listen" . | quote }}
{{- range $flag, $values := include "uplink-exporter.flags" . | fromYaml }}
{{- with compact $values }}
- name: UPLINK_EXPORTER_{{ $flag | replace "." "_" | replace "-" "_" | upper }}
  {{- /* The kubelet takes $(NAME) for a variable, and $$ for $. */}}
  value: {{ join "," . | replace "$" "$$" | toJson }}
{{- end }}
{{- end }}
{{- with .Values.extraEnv }}
{{ toYaml . }}
{{- end }}
{{- end }}

{{/* 127.0.0.1 is for the kubelet's probes, unless an address that stands for all is there. */}}
{{- define "uplink-exporter.listen" -}}
{{- $hosts := list }}
{{- range .Values.web.addresses }}
{{- $hosts = append $hosts (ternary (printf "[%s]" .) . (or (contains ":" .) (contains "$" .))) }}
{{- end }}
{{- if and $hosts (not (or (has "[::]" $hosts) (has "0.0.0.0" $hosts) (has "127.0.0.1" $hosts))) }}
{{- $hosts = append $hosts "127.0.0.1" }}
{{- end }}
{{- $addresses := list }}
{{- range default (list "") $hosts }}
{{- $addresses = append $addresses (printf "%s:%d" . (int $.Values.web.port)) }}
{{- end }}
{{- join "," $addresses }}
{{- end }}

{{/* The exporter's flags and their values. What is empty is left to the exporter's own default. */}}
{{- define "uplink-exporter.flags" -}}
{{- $v := .Values -}}
web.telemetry-path: [{{ $v.web.telemetryPath | quote }}]
uplink.device: {{ toJson $v.uplink.devices }}
uplink.require-family: {{ default (list "none") $v.uplink.requiredFamilies | toJson }}
interface.include: [{{ toJson $v.interface.include }}]
interface.exclude: [{{ toJson $v.interface.exclude }}]
flannel.container: {{ toJson $v.flannel.containers }}
flannel.namespace: {{ toJson $v.flannel.namespaces }}
flannel.pod: [{{ toJson $v.flannel.pod }}]
flannel.unit: {{ toJson $v.flannel.units }}
flannel.args: [{{ toJson $v.flannel.args }}]
flannel.version: [{{ toJson $v.flannel.version }}]
flannel.stack: [{{ toJson $v.flannel.stack }}]
flannel.delta-window: {{ toJson $v.flannel.deltaWindows }}
source.kubernetes: [{{ ternary "on" "off" $v.sources.kubernetes | quote }}]
source.pod-logs: [{{ ternary "on" "off" $v.sources.podLogs | quote }}]
source.units: [{{ ternary "on" "off" (ne $v.hostMounts.units "") | quote }}]
source.journal: [{{ ternary "on" "off" (gt (len $v.hostMounts.journal) 0) | quote }}]
{{- if $v.sources.kubernetes }}
kubernetes.api-server: {{ toJson $v.kubernetes.apiServers }}
kubernetes.kubeconfig: [{{ toJson $v.kubernetes.kubeconfig }}]
{{- end }}
{{- if $v.sources.podLogs }}
path.pod-logs: [{{ toJson $v.hostMounts.podLogs }}]
path.flannel-run: [{{ toJson $v.hostMounts.flannelRun }}]
{{- end }}
{{- with $v.hostMounts.units }}
path.units: [{{ toJson . }}]
{{- end }}
path.journal: {{ toJson $v.hostMounts.journal }}
{{- if $v.state.enabled }}
state.directory: [/var/lib/uplink-exporter]
{{- end }}
log.level: [{{ $v.log.level | quote }}]
log.format: [{{ $v.log.format | quote }}]
{{- end }}
