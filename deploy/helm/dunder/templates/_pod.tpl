{{/* The pod of both kinds of store. */}}
{{- define "dunder.pod" -}}
{{- include "dunder.check" . }}
{{- $embedded := eq .Values.store "embedded" -}}
metadata:
  annotations:
    # Changed settings replace the pods.
    checksum/config: {{ include "dunder.config" . | sha256sum }}
    {{- with .Values.podAnnotations }}
    {{- toYaml . | nindent 4 }}
    {{- end }}
  labels:
    {{- include "dunder.selector" . | nindent 4 }}
    app.kubernetes.io/version: {{ .Chart.AppVersion | quote }}
    {{- with .Values.podLabels }}
    {{- toYaml . | nindent 4 }}
    {{- end }}
spec:
  # A Service named dunder would otherwise set DUNDER_PORT, which is a setting.
  enableServiceLinks: false
  automountServiceAccountToken: false
  serviceAccountName: {{ include "dunder.serviceAccount" . }}
  {{- with .Values.imagePullSecrets }}
  imagePullSecrets:
    {{- toYaml . | nindent 4 }}
  {{- end }}
  securityContext:
    {{- toYaml .Values.podSecurityContext | nindent 4 }}
  terminationGracePeriodSeconds: {{ add (ternary 0 (int .Values.stop.preStopSeconds) $embedded) (int .Values.stop.timeoutSeconds) 15 }}
  {{- with .Values.priorityClassName }}
  priorityClassName: {{ . }}
  {{- end }}
  {{- with .Values.nodeSelector }}
  nodeSelector:
    {{- toYaml . | nindent 4 }}
  {{- end }}
  {{- with .Values.tolerations }}
  tolerations:
    {{- toYaml . | nindent 4 }}
  {{- end }}
  {{- with .Values.affinity }}
  affinity:
    {{- toYaml . | nindent 4 }}
  {{- end }}
  {{- if .Values.topologySpreadConstraints }}
  topologySpreadConstraints:
    {{- toYaml .Values.topologySpreadConstraints | nindent 4 }}
  {{- else if not $embedded }}
  topologySpreadConstraints:
    {{- range list "topology.kubernetes.io/zone" "kubernetes.io/hostname" }}
    - topologyKey: {{ . }}
      maxSkew: 1
      whenUnsatisfiable: ScheduleAnyway
      labelSelector:
        matchLabels:
          {{- include "dunder.selector" $ | nindent 10 }}
      # Old pods that are about to go are not counted with the new ones.
      matchLabelKeys: [pod-template-hash]
    {{- end }}
  {{- end }}
  containers:
    - name: dunder
      image: {{ include "dunder.image" . | quote }}
      imagePullPolicy: {{ .Values.image.pullPolicy }}
      args: [serve]
      env:
        {{- include "dunder.env" . | nindent 8 }}
      ports:
        - name: http
          containerPort: 9000
        {{- if .Values.metrics.enabled }}
        - name: admin
          containerPort: {{ int .Values.metrics.port }}
        {{- end }}
      {{- if and (not $embedded) (gt (int .Values.stop.preStopSeconds) 0) }}
      lifecycle:
        preStop:
          sleep:
            seconds: {{ int .Values.stop.preStopSeconds }}
      {{- end }}
      startupProbe:
        {{- include "dunder.probe" (dict "path" "/healthz" "root" .) | nindent 8 }}
        periodSeconds: 2
        timeoutSeconds: 2
        failureThreshold: {{ div (add (int .Values.startupSeconds) 1) 2 }}
      livenessProbe:
        {{- include "dunder.probe" (dict "path" "/healthz" "root" .) | nindent 8 }}
        periodSeconds: 10
        timeoutSeconds: 5
        failureThreshold: 6
      # dunder gives its store 5 s to answer, and then says that it is not ready.
      readinessProbe:
        {{- include "dunder.probe" (dict "path" "/readyz" "root" .) | nindent 8 }}
        periodSeconds: 5
        timeoutSeconds: 6
        failureThreshold: 2
      resources:
        {{- toYaml .Values.resources | nindent 8 }}
      securityContext:
        {{- toYaml .Values.securityContext | nindent 8 }}
      volumeMounts:
        {{- include "dunder.mounts" . | nindent 8 }}
        {{- if .Values.tls.secretName }}
        # Without subPath: a renewed certificate appears in it.
        - name: tls
          mountPath: /etc/dunder/tls
          readOnly: true
        {{- end }}
        {{- if $embedded }}
        - name: data
          mountPath: /data
        {{- end }}
        - name: tmp
          mountPath: /tmp
  volumes:
    {{- include "dunder.volumes" (dict "config" (include "dunder.fullname" .) "root" .) | nindent 4 }}
    {{- with .Values.tls.secretName }}
    - name: tls
      secret:
        secretName: {{ . }}
        defaultMode: 0440
    {{- end }}
    {{- if $embedded }}
    {{- with .Values.persistence.existingClaim }}
    - name: data
      persistentVolumeClaim:
        claimName: {{ . }}
    {{- end }}
    {{- end }}
    - name: tmp
      emptyDir: {}
{{- end }}

{{/* The kubelet asks by the pod's address, which a setting of hosts would refuse. */}}
{{- define "dunder.probe" -}}
httpGet:
  path: {{ .path }}
  port: http
  scheme: {{ include "dunder.scheme" .root }}
  httpHeaders:
    - name: Host
      value: localhost
{{- end }}
