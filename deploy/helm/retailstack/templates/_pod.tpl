{{/* What every pod of the chart has in common. */}}

{{- define "retailstack.podSecurity" -}}
runAsNonRoot: true
runAsUser: {{ . }}
runAsGroup: {{ . }}
fsGroup: {{ . }}
fsGroupChangePolicy: OnRootMismatch
seccompProfile: {type: RuntimeDefault}
{{- end }}

{{- define "retailstack.containerSecurity" -}}
allowPrivilegeEscalation: false
readOnlyRootFilesystem: true
runAsNonRoot: true
capabilities: {drop: [ALL]}
seccompProfile: {type: RuntimeDefault}
{{- end }}

{{/* Seconds a pod may take to end: the pause before it is told, its own shutdown, and some room. */}}
{{- define "retailstack.graceSeconds" -}}
{{- .terminationGracePeriodSeconds | default (add (int .preStopSeconds) (int .shutdownSeconds) 10) -}}
{{- end }}

{{/* Spreads the pods of a component over nodes and zones. Takes (root, component, its settings). */}}
{{- define "retailstack.topologySpread" -}}
{{- $root := index . 0 -}}
{{- $component := index . 1 -}}
{{- range (index . 2).topologySpread }}
- topologyKey: {{ .topologyKey }}
  maxSkew: {{ .maxSkew }}
  whenUnsatisfiable: {{ .whenUnsatisfiable }}
  labelSelector:
    matchLabels:
      {{- include "retailstack.selector" (list $root $component) | nindent 6 }}
{{- end }}
{{- end }}

{{/* How pods are placed. Takes the settings of a component or an engine. */}}
{{- define "retailstack.placement" -}}
{{- with .nodeSelector }}
nodeSelector: {{- toYaml . | nindent 2 }}
{{- end }}
{{- with .tolerations }}
tolerations: {{- toYaml . | nindent 2 }}
{{- end }}
{{- with .affinity }}
affinity: {{- toYaml . | nindent 2 }}
{{- end }}
{{- with .priorityClassName }}
priorityClassName: {{ . | quote }}
{{- end }}
{{- end }}

{{- define "retailstack.pullSecrets" -}}
{{- with .Values.image.pullSecrets }}
imagePullSecrets: {{- toYaml . | nindent 2 }}
{{- end }}
{{- end }}
