{{/*
What is seen of the node: a list of name and path, each mounted read-only where it is on the node.

Never the whole of /run or /etc: with group 0 a container could open containerd's socket, and read more than it should.

Their type is "" on purpose: the kubelet then checks nothing, and the container runtime makes a directory that is not
there (/run/flannel before flannel's first start). The kubelet's own checks look from where the kubelet runs, which on
Talos is a container that does not see these paths.
*/}}
{{- define "uplink-exporter.hostMounts" -}}
{{- $mounts := list }}
{{- if .Values.sources.podLogs }}
{{- $mounts = append $mounts (dict "name" "pod-logs" "path" .Values.hostMounts.podLogs) }}
{{- with .Values.hostMounts.flannelRun }}
{{- $mounts = append $mounts (dict "name" "flannel-run" "path" .) }}
{{- end }}
{{- with .Values.hostMounts.dockerContainers }}
{{- $mounts = append $mounts (dict "name" "docker-containers" "path" .) }}
{{- end }}
{{- end }}
{{- $shared := and (has "systemd" .Values.hostMounts.networkConfig) (eq .Values.hostMounts.units "/run/systemd/units") }}
{{- if and .Values.hostMounts.units (not $shared) }}
{{- $mounts = append $mounts (dict "name" "units" "path" .Values.hostMounts.units) }}
{{- end }}
{{- range $number, $path := .Values.hostMounts.journal }}
{{- $mounts = append $mounts (dict "name" (printf "journal-%d" $number) "path" $path) }}
{{- end }}
{{- $network := dict "netplan" (list "/etc/netplan") "NetworkManager" (list "/run/NetworkManager") }}
{{- $_ := set $network "networkd" (list "/run/systemd/netif" "/run/systemd/network") }}
{{- $_ := set $network "ifupdown" (list "/etc/network" "/run/network") }}
{{- $_ := set $network "systemd" (list "/run/systemd/units") }}
{{- range $manager := .Values.hostMounts.networkConfig }}
{{- range $index, $path := get $network $manager }}
{{- $mounts = append $mounts (dict "name" (printf "%s%s" (lower $manager) (ternary "-files" "" (gt $index 0))) "path" $path) }}
{{- end }}
{{- end }}
{{- toYaml $mounts }}
{{- end }}

{{- define "uplink-exporter.volumeMounts" -}}
{{- range include "uplink-exporter.hostMounts" . | fromYamlArray }}
- name: {{ .name | quote }}
  mountPath: {{ .path | quote }}
  readOnly: true
{{- end }}
{{- if .Values.state.enabled }}
- name: state
  mountPath: /var/lib/uplink-exporter
{{- end }}
{{- if include "uplink-exporter.usesServiceAccount" . }}
- name: token
  mountPath: /var/run/secrets/kubernetes.io/serviceaccount
  readOnly: true
{{- end }}
{{- if and .Values.sources.kubernetes .Values.kubernetes.kubeconfig }}
- name: kubeconfig
  mountPath: {{ .Values.kubernetes.kubeconfig | quote }}
  readOnly: true
{{- end }}
{{- if .Values.web.config.secretName }}
- name: web-config
  mountPath: /etc/uplink-exporter/web
  readOnly: true
{{- end }}
{{- if .Values.web.config.tlsSecretName }}
- name: tls
  mountPath: /etc/uplink-exporter/tls
  readOnly: true
{{- end }}
{{- with .Values.extraVolumeMounts }}
{{ toYaml . }}
{{- end }}
{{- end }}

{{- define "uplink-exporter.volumes" -}}
{{- range include "uplink-exporter.hostMounts" . | fromYamlArray }}
- name: {{ .name | quote }}
  hostPath:
    path: {{ .path | quote }}
    type: ""
{{- end }}
{{- if .Values.state.enabled }}
- name: state
  {{- if .Values.state.hostPath }}
  hostPath:
    path: {{ .Values.state.hostPath | quote }}
    type: ""
  {{- else if .Values.state.sizeLimit }}
  emptyDir:
    sizeLimit: {{ .Values.state.sizeLimit | quote }}
  {{- else }}
  emptyDir: {}
  {{- end }}
{{- end }}
{{- if include "uplink-exporter.usesServiceAccount" . }}
- name: token
  projected:
    sources:
      - serviceAccountToken:
          path: token
          expirationSeconds: 3600
      - configMap:
          name: kube-root-ca.crt
          items:
            - key: ca.crt
              path: ca.crt
{{- end }}
{{- if and .Values.sources.kubernetes .Values.kubernetes.kubeconfig }}
- name: kubeconfig
  hostPath:
    path: {{ .Values.kubernetes.kubeconfig | quote }}
    # Of a file that is not there the runtime would make a directory.
    type: File
{{- end }}
{{- if .Values.web.config.secretName }}
- name: web-config
  secret:
    secretName: {{ .Values.web.config.secretName | quote }}
{{- end }}
{{- if .Values.web.config.tlsSecretName }}
- name: tls
  secret:
    secretName: {{ .Values.web.config.tlsSecretName | quote }}
{{- end }}
{{- with .Values.extraVolumes }}
{{ toYaml . }}
{{- end }}
{{- end }}
