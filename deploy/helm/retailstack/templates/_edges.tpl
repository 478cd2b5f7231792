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
  http: []
  grpc: [ops, ics, pmc, slc, visualgrid]
{{- end }}

{{/* A peer of a network policy: the pods of a component. Takes (root, component). */}}
{{- define "retailstack.podsOf" -}}
- podSelector:
    matchLabels:
      {{- include "retailstack.selector" . | nindent 6 }}
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
