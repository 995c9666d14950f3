{{- define "dunder.name" -}}
{{- default .Chart.Name .Values.nameOverride | trunc 53 | trimSuffix "-" }}
{{- end }}

{{/* At most 53 characters: what is made of it adds up to ten. */}}
{{- define "dunder.fullname" -}}
{{- if .Values.fullnameOverride }}
{{- .Values.fullnameOverride | trunc 53 | trimSuffix "-" }}
{{- else if contains (include "dunder.name" .) .Release.Name }}
{{- .Release.Name | trunc 53 | trimSuffix "-" }}
{{- else }}
{{- printf "%s-%s" .Release.Name (include "dunder.name" .) | trunc 53 | trimSuffix "-" }}
{{- end }}
{{- end }}

{{- define "dunder.selector" -}}
app.kubernetes.io/name: {{ include "dunder.name" . }}
app.kubernetes.io/instance: {{ .Release.Name }}
{{- end }}

{{- define "dunder.labels" -}}
helm.sh/chart: {{ printf "%s-%s" .Chart.Name .Chart.Version | replace "+" "_" | trunc 63 | trimSuffix "-" }}
app.kubernetes.io/version: {{ .Chart.AppVersion | quote }}
app.kubernetes.io/managed-by: {{ .Release.Service }}
{{ include "dunder.selector" . }}
{{- end }}

{{- define "dunder.image" -}}
{{- with .Values.image -}}
{{- if not .repository }}
{{- fail "image.repository has to be written: where you pushed what dunder's Dockerfile builds (--set image.repository=registry.example/dunder)" }}
{{- end -}}
{{- if .digest -}}
{{ .repository }}@{{ .digest }}
{{- else -}}
{{ .repository }}:{{ default $.Chart.AppVersion .tag }}
{{- end }}
{{- end }}
{{- end }}

{{- define "dunder.serviceAccount" -}}
{{- if .Values.serviceAccount.create }}
{{- default (include "dunder.fullname" .) .Values.serviceAccount.name }}
{{- else }}
{{- default "default" .Values.serviceAccount.name }}
{{- end }}
{{- end }}

{{- define "dunder.scheme" -}}
{{- if .Values.tls.secretName }}HTTPS{{ else }}HTTP{{ end }}
{{- end }}

{{/* deployment/NAME or statefulset/NAME, as kubectl takes it. */}}
{{- define "dunder.workload" -}}
{{- if eq .Values.store "embedded" }}statefulset{{ else }}deployment{{ end }}/{{ include "dunder.fullname" . }}
{{- end }}

{{/* What cannot be right is refused here, before anything is changed. */}}
{{- define "dunder.check" -}}
{{- $config := .Values.config | default dict }}
{{- $cockroach := $config.cockroach | default dict }}
{{- $refs := .Values.cockroach }}
{{- if not (dig "auth" "mode" "" $config) }}
{{- fail "config.auth.mode has to be written: token (secrets made by 'dunder token create NAME') or name (anyone who reaches the port can post as anyone); --set config.auth.mode=token" }}
{{- end }}
{{- if eq .Values.store "cluster" }}
{{- if not (or $cockroach.host $cockroach.hosts $refs.urlSecret.name) }}
{{- fail "store is cluster, but nothing names the database: write config.cockroach.host, or cockroach.urlSecret.name" }}
{{- end }}
{{- else }}
{{- if or $cockroach $refs.passwordSecret.name $refs.urlSecret.name $refs.certsSecret.name }}
{{- fail "store is embedded, but a database is named in config.cockroach or cockroach; for messages to be kept there write store: cluster" }}
{{- end }}
{{- if .Values.autoscaling.enabled }}
{{- fail "autoscaling needs store: cluster; the embedded store has one pod" }}
{{- end }}
{{- end }}
{{- if and .Values.autoscaling.enabled (not (dig "requests" "cpu" "" .Values.resources)) }}
{{- fail "autoscaling counts in percent of resources.requests.cpu, which is not set" }}
{{- end }}
{{- if and .Values.metrics.enabled (eq (int .Values.metrics.port) 9000) }}
{{- fail "metrics.port is 9000, which is the port of the API in the pod; write another, such as 9901" }}
{{- end }}
{{/* It has to fit into the 15 s that a pod gets beside stop's. */}}
{{- with dig "limits" "shutdown_idle" "" $config }}
{{- if not (regexMatch "^([0-9]s|[0-9]{1,4}ms)$" (toString .)) }}
{{- fail (printf "config.limits.shutdown_idle is %v; write a time of at most 9 seconds, such as 250ms or 5s" .) }}
{{- end }}
{{- end }}
{{- if and .Values.ingress.enabled (not .Values.ingress.hosts) }}
{{- fail "ingress.enabled, but ingress.hosts is empty: write the names that dunder is reached by" }}
{{- end }}
{{- if and .Values.httpRoute.enabled (not .Values.httpRoute.parentRefs) }}
{{- fail "httpRoute.enabled, but httpRoute.parentRefs is empty: write the Gateway that it belongs to" }}
{{- end }}
{{- end }}

{{/* dunder's configuration file: config, and what follows from other values. */}}
{{- define "dunder.config" -}}
{{- $config := deepCopy (.Values.config | default dict) }}
{{- $_ := set $config "port" 9000 }}
{{- if .Values.metrics.enabled }}
{{- $_ := set $config "admin" (dict "host" .Values.listen "port" (int .Values.metrics.port)) }}
{{- end }}
{{- if .Values.tls.secretName }}
{{- $_ := set $config "use_tls" true }}
{{- $_ := set $config "tls" (dict "crt" "/etc/dunder/tls/tls.crt" "key" "/etc/dunder/tls/tls.key") }}
{{- end }}
{{- $limits := deepCopy ($config.limits | default dict) }}
{{- $_ := set $limits "shutdown_timeout" (printf "%ds" (int .Values.stop.timeoutSeconds)) }}
{{- $_ := set $config "limits" $limits }}
{{- if eq .Values.store "embedded" }}
{{- $_ := unset $config "cockroach" }}
{{- $_ := set $config "sqlite" (dict "path" "/data/dunder/dunder.sqlite") }}
{{- else }}
{{- $cockroach := deepCopy ($config.cockroach | default dict) }}
{{- with .Values.cockroach.certsSecret }}
{{- if .name }}
{{- $_ := set $cockroach "ca" (printf "/etc/dunder/cockroach/%s" .ca) }}
{{- if .cert }}
{{- $_ := set $cockroach "cert" (printf "/etc/dunder/cockroach/%s" .cert) }}
{{- $_ := set $cockroach "key" (printf "/etc/dunder/cockroach/%s" .key) }}
{{- end }}
{{- end }}
{{- end }}
{{- $_ := set $config "cockroach" $cockroach }}
{{- end }}
{{- toYaml $config }}
{{- end }}

{{/* Variables that every container of dunder has: where its settings are, so
     that commands typed into it find them too, and its secrets. */}}
{{- define "dunder.env" -}}
- name: DUNDER_CONFIG_FILE
  value: /etc/dunder/config.yaml
# The image sets it, and a variable beats the file.
- name: DUNDER_HOST
  value: {{ .Values.listen | quote }}
{{- with .Values.cockroach.passwordSecret }}
{{- if .name }}
- name: DUNDER_COCKROACH_PASSWORD
  valueFrom:
    secretKeyRef: {{ dict "name" .name "key" .key | toJson }}
{{- end }}
{{- end }}
{{- with .Values.cockroach.urlSecret }}
{{- if .name }}
- name: DUNDER_COCKROACH_URL
  valueFrom:
    secretKeyRef: {{ dict "name" .name "key" .key | toJson }}
{{- end }}
{{- end }}
{{- with .Values.env }}
{{ toYaml . }}
{{- end }}
{{- end }}

{{- define "dunder.mounts" -}}
- name: config
  mountPath: /etc/dunder/config.yaml
  subPath: config.yaml
  readOnly: true
{{- if .Values.cockroach.certsSecret.name }}
- name: cockroach
  mountPath: /etc/dunder/cockroach
  readOnly: true
{{- end }}
{{- end }}

{{/* Files of secrets are for the pod's group alone. */}}
{{- define "dunder.volumes" -}}
- name: config
  configMap:
    name: {{ .config }}
{{- with .root.Values.cockroach.certsSecret.name }}
- name: cockroach
  secret:
    secretName: {{ . }}
    defaultMode: 0440
{{- end }}
{{- end }}
