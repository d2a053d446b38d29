{{- define "uplink-exporter.rulesFile" -}}
{{- required "files/uplink.rules.yml is missing from the chart: run make docs" (.Files.Get "files/uplink.rules.yml") }}
{{- end }}

{{/* The rules of files/uplink.rules.yml, altered as prometheusRule.* asks. */}}
{{- define "uplink-exporter.rules" -}}
{{- $file := include "uplink-exporter.rulesFile" . | fromYaml }}
{{- $groups := list }}
{{- range $file.groups }}
{{- $rules := list }}
{{- range .rules }}
{{- $rule := include "uplink-exporter.rule" (dict "rule" . "values" $.Values) | fromYaml }}
{{- if $rule }}
{{- $rules = append $rules $rule }}
{{- end }}
{{- end }}
{{- $groups = append $groups (set . "rules" $rules) }}
{{- end }}
{{- dict "groups" $groups | toYaml }}
{{- end }}

{{/* One rule as it is to be; nothing if it is to be left out. */}}
{{- define "uplink-exporter.rule" -}}
{{- $rule := .rule }}
{{- $settings := .values.prometheusRule }}
{{- if not $rule.alert }}
{{- toYaml $rule }}
{{- else if include "uplink-exporter.wanted" . }}
{{- $knobs := include "uplink-exporter.knobs" . | fromYaml }}
{{- if $knobs.for }}
{{- $_ := set $rule "for" $knobs.for }}
{{- end }}
{{- $severity := ternary dict (dict "severity" $knobs.severity) (empty $knobs.severity) }}
{{- $_ := set $rule "labels" (merge $severity (default dict $knobs.labels) $settings.alertLabels $rule.labels) }}
{{- $annotations := merge (default dict $knobs.annotations) $rule.annotations }}
{{- if and $settings.runbookBaseUrl (not (dig "annotations" "runbook_url" "" $knobs)) }}
{{- $_ := set $annotations "runbook_url" (printf "%s/%s" $settings.runbookBaseUrl (base $annotations.runbook_url)) }}
{{- end }}
{{- $_ := set $rule "annotations" $annotations }}
{{- toYaml $rule }}
{{- end }}
{{- end }}

{{/* What is set for an alert by its name, under what is set for it by name and severity. */}}
{{- define "uplink-exporter.knobs" -}}
{{- $all := .values.prometheusRule.alerts }}
{{- $byName := deepCopy (default dict (get $all .rule.alert)) }}
{{- $bySeverity := deepCopy (default dict (get $all (printf "%s/%s" .rule.alert .rule.labels.severity))) }}
{{- mergeOverwrite $byName $bySeverity | toYaml }}
{{- end }}

{{/* Without /run/flannel to look at, subnet.env would always seem to be missing. */}}
{{- define "uplink-exporter.wanted" -}}
{{- $knobs := include "uplink-exporter.knobs" . | fromYaml }}
{{- $blind := and (eq .rule.alert "FlannelNotStartedSinceBoot") (empty .values.hostMounts.flannelRun) }}
{{- if and (dig "enabled" true $knobs) (not $blind) }}true{{ end }}
{{- end }}
