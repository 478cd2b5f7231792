{{/* What the built-in database and broker have in common: Services, claims and the frame of their StatefulSets. */}}

{{/* The headless Service that names the members; they find each other by it before they are ready. Takes (root, engine,
port, name of the port). */}}
{{- define "retailstack.engineService" -}}
{{- $root := index . 0 -}}
{{- $name := include "retailstack.componentName" (list $root (index . 1)) -}}
apiVersion: v1
kind: Service
{{ include "retailstack.metadata" (list $root (index . 1) $name) }}
spec:
  clusterIP: None
  publishNotReadyAddresses: true
  {{- with $root.Values.ipFamily }}
  ipFamilyPolicy: SingleStack
  ipFamilies: [{{ . }}]
  {{- end }}
  selector:
    {{- include "retailstack.selector" (list $root (index . 1)) | nindent 4 }}
  ports:
    {{- range $port, $number := index . 2 }}
    - {name: {{ $port }}, port: {{ $number }}, targetPort: {{ $port }}}
    {{- end }}
{{- end }}

{{/* The volume of each member; it outlives the release. Takes the settings of the engine. */}}
{{- define "retailstack.engineClaim" -}}
- metadata: {name: data}
  spec:
    accessModes: [ReadWriteOnce]
    {{- with .storageClass }}
    storageClassName: {{ . | quote }}
    {{- end }}
    resources: {requests: {storage: {{ .size | quote }}}}
{{- end }}

{{/* Members on different nodes, and one at a time away. Takes (root, engine). */}}
{{- define "retailstack.engineBudget" -}}
apiVersion: policy/v1
kind: PodDisruptionBudget
{{ include "retailstack.metadata" (list (first .) (last .) (include "retailstack.componentName" .)) }}
spec:
  maxUnavailable: 1
  selector:
    matchLabels:
      {{- include "retailstack.selector" . | nindent 6 }}
{{- end }}

{{/* Who may reach an engine: the components, and its own members. Takes (root, engine, ports). */}}
{{- define "retailstack.enginePolicy" -}}
{{- $root := index . 0 -}}
{{- $engine := index . 1 -}}
apiVersion: networking.k8s.io/v1
kind: NetworkPolicy
{{ include "retailstack.metadata" (list $root $engine (include "retailstack.componentName" (list $root $engine))) }}
spec:
  podSelector:
    matchLabels:
      {{- include "retailstack.selector" (list $root $engine) | nindent 6 }}
  policyTypes: [Ingress, Egress]
  ingress:
    - from:
        - podSelector:
            matchLabels:
              app.kubernetes.io/name: {{ include "retailstack.name" $root | quote }}
              app.kubernetes.io/instance: {{ $root.Release.Name | quote }}
            matchExpressions:
              - {key: app.kubernetes.io/component, operator: In, values: {{ include "retailstack.components" $root | fromYamlArray | toJson }}}
      ports: [{protocol: TCP, port: {{ index . 2 | values | sortAlpha | first }}}]
    - from:
        {{- include "retailstack.podsOf" (list $root $engine) | nindent 8 }}
  egress:
    {{- include "retailstack.dnsEgress" $root | nindent 4 }}
    - to:
        {{- include "retailstack.podsOf" (list $root $engine) | nindent 8 }}
{{- end }}
