{{- define "uplink-exporter.name" -}}
{{- default .Chart.Name .Values.nameOverride | trunc 63 | trimSuffix "-" }}
{{- end }}

{{/* Names of DaemonSets end up in pods' names and labels, which may have 63 characters. */}}
{{- define "uplink-exporter.fullname" -}}
{{- if .Values.fullnameOverride }}
{{- .Values.fullnameOverride | trunc 52 | trimSuffix "-" }}
{{- else }}
{{- $name := default .Chart.Name .Values.nameOverride }}
{{- ternary .Release.Name (printf "%s-%s" .Release.Name $name) (contains $name .Release.Name) | trunc 52 | trimSuffix "-" }}
{{- end }}
{{- end }}

{{- define "uplink-exporter.selectorLabels" -}}
app.kubernetes.io/name: {{ include "uplink-exporter.name" . | quote }}
app.kubernetes.io/instance: {{ .Release.Name | quote }}
{{- end }}

{{/* What every object carries. Ours win over the user's: selectors hang on them. */}}
{{- define "uplink-exporter.labels" -}}
{{- $own := dict
  "helm.sh/chart" (printf "%s-%s" .Chart.Name .Chart.Version | replace "+" "_" | trunc 63 | trimSuffix "-")
  "app.kubernetes.io/version" .Chart.AppVersion
  "app.kubernetes.io/managed-by" .Release.Service
  "app.kubernetes.io/part-of" "uplink-exporter" }}
{{- merge (include "uplink-exporter.selectorLabels" . | fromYaml) $own .Values.commonLabels | toYaml }}
{{- end }}

{{/* What the Prometheus operator's objects carry. Call it with (dict "root" $ "more" LABELS). */}}
{{- define "uplink-exporter.monitoringLabels" -}}
{{- $release := ternary dict (dict "release" .root.Values.releaseLabel) (empty .root.Values.releaseLabel) }}
{{- merge (include "uplink-exporter.labels" .root | fromYaml) $release .more | toYaml }}
{{- end }}

{{- define "uplink-exporter.serviceAccountName" -}}
{{- default (ternary (include "uplink-exporter.fullname" .) "default" .Values.serviceAccount.create) .Values.serviceAccount.name }}
{{- end }}

{{- define "uplink-exporter.image" -}}
{{- if .Values.image.digest }}
{{- printf "%s@%s" .Values.image.repository .Values.image.digest }}
{{- else }}
{{- printf "%s:%s" .Values.image.repository (default .Chart.AppVersion .Values.image.tag) }}
{{- end }}
{{- end }}

{{/* Whether the API source runs with the ServiceAccount. */}}
{{- define "uplink-exporter.usesServiceAccount" -}}
{{- if and .Values.sources.kubernetes (not .Values.kubernetes.kubeconfig) (not .Values.staticPod.manifest) }}true{{ end }}
{{- end }}

{{/* Whether the objects of a release are made: all but the static pod's manifest. */}}
{{- define "uplink-exporter.installs" -}}
{{- include "uplink-exporter.validate" . }}
{{- if not .Values.staticPod.manifest }}true{{ end }}
{{- end }}

{{/* Whether the cluster knows this kind of the Prometheus operator's: each has a CRD of its own, and may lack it. */}}
{{- define "uplink-exporter.knows" -}}
{{- if .root.Capabilities.APIVersions.Has (printf "monitoring.coreos.com/v1/%s" .kind) }}true{{ end }}
{{- end }}
