{{/* What values.schema.json cannot say: each message begins with the key. */}}
{{- define "uplink-exporter.validate" -}}
{{- if not .Values.image.repository }}
{{- fail "image.repository: this chart names no image; build one as its README says, then install with --set image.repository=NAME" }}
{{- end }}
{{- range .Values.flannel.deltaWindows }}
{{- $unit := index (dict "s" 1 "m" 60 "h" 3600) (trunc -1 .) }}
{{- $seconds := mul (trimSuffix (trunc -1 .) . | int) $unit }}
{{- if or (lt $seconds 60) (gt $seconds 86400) }}
{{- fail (printf "flannel.deltaWindows: %s is not from 60s to 24h" .) }}
{{- end }}
{{- end }}
{{- include "uplink-exporter.checkAlertNames" . }}
{{- if and .Values.scrapeAnnotations .Values.monitor.enabled (include "uplink-exporter.knows" (dict "root" . "kind" .Values.monitor.kind)) }}
{{- fail "scrapeAnnotations: with monitor.enabled every series would be there twice; set one of the two to false" }}
{{- end }}
{{- if and .Values.web.config.tls (not .Values.web.config.secretName) }}
{{- fail "web.config.tls: needs web.config.secretName, the Secret whose file turns on TLS" }}
{{- end }}
{{- if and .Values.web.config.tlsSecretName (not .Values.web.config.secretName) }}
{{- fail "web.config.tlsSecretName: needs web.config.secretName, the Secret whose file names the certificate" }}
{{- end }}
{{- if .Values.staticPod.manifest }}
{{- include "uplink-exporter.validateStaticPod" . }}
{{- end }}
{{- end }}

{{/* Of a wrong name nobody would ever hear: the alert would simply stay as it is. */}}
{{- define "uplink-exporter.checkAlertNames" -}}
{{- $names := list }}
{{- range (include "uplink-exporter.rulesFile" . | fromYaml).groups }}
{{- range .rules }}
{{- if .alert }}
{{- $names = concat $names (list .alert (printf "%s/%s" .alert .labels.severity)) }}
{{- end }}
{{- end }}
{{- end }}
{{- range $name, $_ := .Values.prometheusRule.alerts }}
{{- if not (has $name $names) }}
{{- fail (printf "prometheusRule.alerts: there is no alert %s; those are %s" $name ($names | uniq | join ", ")) }}
{{- end }}
{{- end }}
{{- end }}

{{- define "uplink-exporter.validateStaticPod" -}}
{{- if lookup "v1" "Namespace" "" "kube-system" }}
{{- fail "staticPod.manifest: prints a file for a node and installs nothing; use it with helm template only" }}
{{- end }}
{{- if and .Values.sources.kubernetes (not .Values.kubernetes.kubeconfig) }}
{{- fail "staticPod.manifest: a static pod has no ServiceAccount; set kubernetes.kubeconfig, or sources.kubernetes to false" }}
{{- end }}
{{- if .Values.web.config.secretName }}
{{- fail "web.config.secretName: a static pod cannot read Secrets; put the file on the node, and mount it with extraVolumes and extraArgs" }}
{{- end }}
{{- end }}
