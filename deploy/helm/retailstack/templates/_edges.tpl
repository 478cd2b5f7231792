{{/* Who calls whom: for each component and port, the components and jobs that call it. */}}
{{- define "retailstack.callers" -}}
ops:
  http: [gateway]
  grpc: [gateway, ics, pmc, slc, visualgrid, operator-code]
ics:
  http: [gateway]
  grpc: [ops, slc, visualgrid]
pmc:
  http: [gateway]
  grpc: [ops, slc, visualgrid]
slc:
  http: [gateway]
  grpc: [ops, visualgrid]
visualgrid:
  http: [gateway]
  grpc: [ops]
gateway:
  http: [test]
  grpc: [ops, ics, pmc, slc, visualgrid]
{{- end }}

{{/* A peer of a network policy: the pods of a component. Takes (root, component). */}}
{{- define "retailstack.podsOf" -}}
- podSelector:
    matchLabels:
      {{- include "retailstack.selector" . | nindent 6 }}
{{- end }}

{{/* Rules that let a component or a Job call its peers: pods of this release, or what is given under `peers`. Takes (root, who). */}}
{{- define "retailstack.peerEgress" -}}
{{- $root := first . -}}
{{- $who := last . -}}
{{- $ports := dict "http" 8080 "grpc" 9090 -}}
{{- range $peer, $kinds := include "retailstack.callers" $root | fromYaml }}
{{- range $kind, $names := $kinds }}
{{- if and (has $who $names) (ne $peer $who) }}
{{- with index (index $root.Values.peers $peer) $kind }}
- to: {{- toYaml $root.Values.networkPolicy.peers | nindent 4 }}
  ports: [{protocol: TCP, port: {{ regexFind "[0-9]+$" . }}}]
{{- else }}
{{- if (index $root.Values $peer).enabled }}
- to:
    {{- include "retailstack.podsOf" (list $root $peer) | nindent 4 }}
  ports: [{protocol: TCP, port: {{ index $ports $kind }}}]
{{- end }}
{{- end }}
{{- end }}
{{- end }}
{{- end }}
{{- end }}

{{/* Rules that let the callers of a component in; those that are not part of this release come from `networkPolicy.peers`.
Takes (root, component). */}}
{{- define "retailstack.callerIngress" -}}
{{- $root := first . -}}
{{- $ports := dict "http" 8080 "grpc" 9090 -}}
{{- range $kind, $names := index (include "retailstack.callers" $root | fromYaml) (last .) }}
{{- $elsewhere := false }}
- from:
    {{- range $names }}
    {{- if or (not (hasKey $root.Values.peers .)) (index $root.Values .).enabled }}
    {{- include "retailstack.podsOf" (list $root .) | nindent 4 }}
    {{- else }}
    {{- $elsewhere = true }}
    {{- end }}
    {{- end }}
    {{- if $elsewhere }}
    {{- toYaml $root.Values.networkPolicy.peers | nindent 4 }}
    {{- end }}
  ports: [{protocol: TCP, port: {{ index $ports $kind }}}]
{{- end }}
{{- end }}

{{/* A rule that lets pods resolve names. */}}
{{- define "retailstack.dnsEgress" -}}
- to: {{- toYaml .Values.networkPolicy.dns | nindent 4 }}
  ports:
    - {protocol: UDP, port: 53}
    - {protocol: TCP, port: 53}
{{- end }}

{{/* Rules that let pods reach database and broker. */}}
{{- define "retailstack.engineEgress" -}}
{{- if .Values.mongodb.builtIn.enabled }}
- to:
    {{- include "retailstack.podsOf" (list . "mongodb") | nindent 4 }}
  ports: [{protocol: TCP, port: 27017}]
{{- else }}
- to: {{- toYaml .Values.networkPolicy.mongodb | nindent 4 }}
  ports: [{protocol: TCP, port: {{ int .Values.networkPolicy.mongodbPort }}}]
{{- end }}
{{- if .Values.rabbitmq.builtIn.enabled }}
- to:
    {{- include "retailstack.podsOf" (list . "rabbitmq") | nindent 4 }}
  ports: [{protocol: TCP, port: 5672}]
{{- else }}
- to: {{- toYaml .Values.networkPolicy.rabbitmq | nindent 4 }}
  ports: [{protocol: TCP, port: {{ int .Values.networkPolicy.rabbitmqPort }}}]
{{- end }}
{{- end }}
