{{/* The name of a Job: a Job cannot be changed, so that a changed one is another. Takes (root, purpose, its spec). */}}
{{- define "retailstack.jobName" -}}
{{- printf "%s-%s" (include "retailstack.componentName" (list (index . 0) (index . 1))) (index . 2 | sha256sum | trunc 8) -}}
{{- end }}

{{/* "yes" if a Job of this release makes the keys; they come from elsewhere where a Secret or a store is named. */}}
{{- define "retailstack.makesKeys" -}}
{{- if and .Values.keys.create (not .Values.keys.existingSecret) (not .Values.keys.externalSecret.enabled) }}yes{{ end -}}
{{- end }}

{{- define "retailstack.toolImage" -}}
{{- .Values.test.image | default (include "retailstack.componentImage" (list . "ops")) -}}
{{- end }}

{{/* What the containers of Jobs have in common. */}}
{{- define "retailstack.toolContainer" -}}
image: {{ include "retailstack.toolImage" . | quote }}
imagePullPolicy: {{ .Values.image.pullPolicy | quote }}
resources:
  requests: {cpu: 50m, memory: 96Mi}
  limits: {memory: 256Mi}
securityContext:
  {{- include "retailstack.containerSecurity" . | nindent 2 }}
{{- end }}

{{- define "retailstack.mongodbHosts" -}}
{{- $name := include "retailstack.componentName" (list . "mongodb") -}}
{{- $hosts := list -}}
{{- range $member := until (int .Values.mongodb.builtIn.replicas) -}}
{{- $hosts = append $hosts (printf "%s-%d.%s:27017" $name $member $name) -}}
{{- end -}}
{{- join "," $hosts -}}
{{- end }}

{{- define "retailstack.keysJobSpec" -}}
backoffLimit: 20
template:
  metadata:
    labels:
      {{- include "retailstack.selector" (list . "keys") | nindent 6 }}
  spec:
    restartPolicy: OnFailure
    serviceAccountName: {{ include "retailstack.componentName" (list . "keys") }}
    automountServiceAccountToken: true
    enableServiceLinks: false
    {{- include "retailstack.pullSecrets" . | nindent 4 }}
    securityContext:
      {{- include "retailstack.podSecurity" 10001 | nindent 6 }}
    containers:
      - name: keys
        {{- include "retailstack.toolContainer" . | nindent 8 }}
        command:
          - python
          - -m
          - services.ops.cli.app
          - keys
          - make
          - --kubernetes-secret={{ include "retailstack.keysSecret" . }}
          {{- if .Values.mongodb.builtIn.enabled }}
          - --mongodb={{ include "retailstack.mongodbHosts" . }}
          {{- end }}
          {{- if .Values.rabbitmq.builtIn.enabled }}
          - --rabbitmq={{ include "retailstack.componentName" (list . "rabbitmq") }}:5672
          {{- end }}
{{- end }}

{{- define "retailstack.operatorCodeJobSpec" -}}
backoffLimit: 20
template:
  metadata:
    labels:
      {{- include "retailstack.selector" (list . "operator-code") | nindent 6 }}
  spec:
    restartPolicy: OnFailure
    automountServiceAccountToken: false
    enableServiceLinks: false
    {{- include "retailstack.pullSecrets" . | nindent 4 }}
    securityContext:
      {{- include "retailstack.podSecurity" 10001 | nindent 6 }}
    containers:
      - name: operator-code
        {{- include "retailstack.toolContainer" . | nindent 8 }}
        command: [python, -m, services.ops.cli.app, secret, set, --first, --secret-file=/etc/retailstack/secrets/code]
        env:
          - {name: STACK_OPS_GRPC, value: {{ include "retailstack.peer" (list . "ops" "grpc") | quote }}}
          {{- if .Values.tls.enabled }}
          - {name: STACK_TLS_CERTIFICATE_FILE, value: /etc/retailstack/tls/tls.crt}
          - {name: STACK_TLS_KEY_FILE, value: /etc/retailstack/tls/tls.key}
          - {name: STACK_TLS_AUTHORITY_FILE, value: /etc/retailstack/tls/ca.crt}
          {{- end }}
        volumeMounts:
          - {name: secrets, mountPath: /etc/retailstack/secrets, readOnly: true}
          {{- if .Values.tls.enabled }}
          - {name: tls, mountPath: /etc/retailstack/tls, readOnly: true}
          {{- end }}
    volumes:
      - name: secrets
        secret:
          secretName: {{ .Values.operatorCode.existingSecret | default (include "retailstack.keysSecret" .) | quote }}
          defaultMode: 0440
          items: [{key: {{ .Values.operatorCode.key | quote }}, path: code}]
      {{- if .Values.tls.enabled }}
      - name: tls
        secret: {secretName: {{ include "retailstack.componentName" (list . "operator-code") }}-tls, defaultMode: 0440}
      {{- end }}
{{- end }}
