{{/* Names and labels. Names of objects are at most 63 characters long, so that of the release is cut where needed. */}}

{{- define "retailstack.name" -}}
{{- .Values.nameOverride | default .Chart.Name | trunc 40 | trimSuffix "-" -}}
{{- end }}

{{- define "retailstack.fullname" -}}
{{- $name := include "retailstack.name" . -}}
{{- $full := .Values.fullnameOverride | default (contains $name .Release.Name | ternary .Release.Name (printf "%s-%s" .Release.Name $name)) -}}
{{- if gt (len $full) 40 -}}
{{- printf "%s-%s" ($full | trunc 31 | trimSuffix "-") (sha256sum $full | trunc 8) -}}
{{- else -}}
{{- $full -}}
{{- end -}}
{{- end }}

{{/* The name of a component's objects. Takes (root, component). */}}
{{- define "retailstack.componentName" -}}
{{- printf "%s-%s" (include "retailstack.fullname" (first .)) (last .) -}}
{{- end }}

{{/* Labels that never change, by which pods are found. Takes (root, component). */}}
{{- define "retailstack.selector" -}}
app.kubernetes.io/name: {{ include "retailstack.name" (first .) | quote }}
app.kubernetes.io/instance: {{ (first .).Release.Name | quote }}
app.kubernetes.io/component: {{ last . }}
{{- end }}

{{/* All labels of an object. Takes (root, component). */}}
{{- define "retailstack.labels" -}}
{{- $root := first . -}}
{{ include "retailstack.selector" . }}
app.kubernetes.io/part-of: retailstack
app.kubernetes.io/version: {{ $root.Chart.AppVersion | quote }}
app.kubernetes.io/managed-by: {{ $root.Release.Service }}
helm.sh/chart: {{ printf "%s-%s" $root.Chart.Name $root.Chart.Version | replace "+" "_" }}
{{- with $root.Values.commonLabels }}
{{ toYaml . }}
{{- end }}
{{- end }}

{{/* The metadata of an object. Takes (root, component, name). */}}
{{- define "retailstack.metadata" -}}
{{- $root := index . 0 -}}
metadata:
  name: {{ index . 2 | quote }}
  namespace: {{ $root.Release.Namespace | quote }}
  labels:
    {{- include "retailstack.labels" (list $root (index . 1)) | nindent 4 }}
  {{- with $root.Values.commonAnnotations }}
  annotations:
    {{- toYaml . | nindent 4 }}
  {{- end }}
{{- end }}

{{- define "retailstack.components" -}}
["ops", "ics", "pmc", "slc", "visualgrid", "gateway"]
{{- end }}

{{/* The settings of a component over those of all, as YAML. Takes (root, component). */}}
{{- define "retailstack.component" -}}
{{- $root := first . -}}
{{- mustMergeOverwrite (deepCopy $root.Values.defaults) (deepCopy (index $root.Values (last .))) | toYaml -}}
{{- end }}

{{/* An image. Takes (root, default repository, {registry, repository, tag, digest}). */}}
{{- define "retailstack.image" -}}
{{- $root := index . 0 -}}
{{- $image := index . 2 | default dict -}}
{{- $registry := $image.registry | default $root.Values.image.registry -}}
{{- $repository := $image.repository | default (index . 1) -}}
{{- with $registry }}{{ trimSuffix "/" . }}/{{ end -}}
{{- $repository -}}
{{- if $image.digest }}@{{ $image.digest }}{{ else }}:{{ $image.tag | default $root.Values.image.tag | default $root.Chart.AppVersion }}{{ end -}}
{{- end }}

{{- define "retailstack.componentImage" -}}
{{- $component := last . -}}
{{- $settings := include "retailstack.component" . | fromYaml -}}
{{- include "retailstack.image" (list (first .) (printf "%s%s" (first .).Values.image.prefix $component) $settings.image) -}}
{{- end }}
