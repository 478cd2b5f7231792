{{/* What a process is told: environment variables, and files for what is secret. */}}

{{/* Where the secrets of a component come from, as a list of {setting, secret, key, optional}. Takes (root, component). */}}
{{- define "retailstack.secrets" -}}
{{- $root := first . -}}
{{- $component := last . -}}
{{- $keys := include "retailstack.keysSecret" $root -}}
{{- $names := $root.Values.keys.names -}}
{{- $mongodb := $root.Values.mongodb -}}
{{- $rabbitmq := $root.Values.rabbitmq -}}
- {setting: MONGODB_URI, secret: {{ $mongodb.uriSecret.name | default $keys | quote }}, key: {{ $mongodb.uriSecret.key | quote }}}
- {setting: AMQP_URL, secret: {{ $rabbitmq.urlSecret.name | default $keys | quote }}, key: {{ $rabbitmq.urlSecret.key | quote }}}
- {setting: CALLER_KEY, secret: {{ $keys | quote }}, key: {{ $names.callerKey | quote }}}
- {setting: CALLER_SIGNING_KEYS, secret: {{ $keys | quote }}, key: {{ printf "%s_%s" $names.signingKeys (upper $component) | quote }}}
- {setting: CALLER_PUBLIC_KEYS, secret: {{ $keys | quote }}, key: {{ $names.publicKeys | quote }}}
{{- if $names.pageKey }}
- {setting: PAGE_KEY, secret: {{ $keys | quote }}, key: {{ $names.pageKey | quote }}}
{{- end }}
{{- if eq $component "gateway" }}
- {setting: GATEWAY_KEY, secret: {{ $keys | quote }}, key: {{ $names.gatewayKey | quote }}}
{{- end }}
{{- if and (eq $component "pmc") $names.pmcLinkKey }}
- {setting: PMC_LINK_KEY, secret: {{ $keys | quote }}, key: {{ $names.pmcLinkKey | quote }}}
{{- end }}
{{- if and (eq $component "pmc") (eq $root.Values.objects.kind "s3") $root.Values.objects.s3.secret.name }}
{{- with $root.Values.objects.s3.secret }}
- {setting: PMC_S3_ACCESS_KEY, secret: {{ .name | quote }}, key: {{ .accessKey | quote }}}
- {setting: PMC_S3_SECRET_KEY, secret: {{ .name | quote }}, key: {{ .secretKey | quote }}}
{{- end }}
{{- end }}
{{- if and (eq $component "slc") $names.slcKeys }}
- {setting: SLC_KEYS, secret: {{ $keys | quote }}, key: {{ $names.slcKeys | quote }}}
{{- end }}
{{- range $setting, $source := (include "retailstack.component" . | fromYaml).secretFiles }}
- {setting: {{ $setting }}, secret: {{ $source.secret | quote }}, key: {{ $source.key | quote }}}
{{- end }}
{{- end }}

{{/* The volumes of a component. Takes (root, component). */}}
{{- define "retailstack.volumes" -}}
{{- $root := first . -}}
{{- $settings := include "retailstack.component" . | fromYaml -}}
- name: tmp
  emptyDir: {sizeLimit: {{ $settings.tmpSize | quote }}}
- name: secrets
  projected:
    defaultMode: 0440
    sources:
      {{- range include "retailstack.secrets" . | fromYamlArray }}
      - secret:
          name: {{ .secret | quote }}
          items: [{key: {{ .key | quote }}, path: {{ .setting | quote }}}]
      {{- end }}
{{- if $root.Values.tls.enabled }}
- name: tls
  secret:
    secretName: {{ include "retailstack.componentName" . }}-tls
    defaultMode: 0440
{{- end }}
{{- if and (eq (last .) "pmc") (eq $root.Values.objects.kind "claim") }}
- name: objects
  persistentVolumeClaim:
    claimName: {{ $root.Values.objects.claim.existingClaim | default (printf "%s-objects" (include "retailstack.componentName" .)) | quote }}
{{- end }}
{{- with $settings.extraVolumes }}
{{ toYaml . }}
{{- end }}
{{- end }}

{{- define "retailstack.volumeMounts" -}}
{{- $root := first . -}}
- {name: tmp, mountPath: /tmp}
- {name: secrets, mountPath: /etc/retailstack/secrets, readOnly: true}
{{- if $root.Values.tls.enabled }}
- {name: tls, mountPath: /etc/retailstack/tls, readOnly: true}
{{- end }}
{{- if and (eq (last .) "pmc") (eq $root.Values.objects.kind "claim") }}
- {name: objects, mountPath: /var/lib/retailstack/objects}
{{- end }}
{{- with (include "retailstack.component" . | fromYaml).extraVolumeMounts }}
{{ toYaml . }}
{{- end }}
{{- end }}

{{/* Where a peer answers: the headless Service of this release, or the address given for one that is elsewhere. Takes
(root, component, "http" or "grpc"). */}}
{{- define "retailstack.peer" -}}
{{- $root := index . 0 -}}
{{- $component := index . 1 -}}
{{- $kind := index . 2 -}}
{{- $given := index (index $root.Values.peers $component) $kind -}}
{{- if $given -}}
{{- $given -}}
{{- else if (index $root.Values $component).enabled -}}
{{- $host := printf "%s-headless" (include "retailstack.componentName" (list $root $component)) -}}
{{- eq $kind "http" | ternary (printf "http://%s:8080" $host) (printf "%s:9090" $host) -}}
{{- end -}}
{{- end }}

{{/* The environment of a component as a mapping. Takes (root, component). */}}
{{- define "retailstack.environment" -}}
{{- $root := first . -}}
{{- $component := last . -}}
{{- $settings := include "retailstack.component" . | fromYaml -}}
{{- $host := $root.Values.ipFamily | eq "IPv6" | ternary "::" "0.0.0.0" -}}
{{- $env := dict
  "BUILD_ID" ($settings.image.tag | default $root.Values.image.tag | default $root.Chart.AppVersion)
  "HTTP_HOST" $host "HTTP_PORT" "8080" "GRPC_HOST" $host "GRPC_PORT" "9090" "PRIVATE_HOST" $host "PRIVATE_PORT" "9100"
  "LOG_LEVEL" $settings.logLevel
  "SHUTDOWN_SECONDS" ($settings.shutdownSeconds | toString)
  "START_SECONDS" ($settings.startSeconds | toString)
  "MONGODB_DATABASE" (printf "%s%s" $root.Values.mongodb.databasePrefix $component)
-}}
{{- range include "retailstack.secrets" . | fromYamlArray }}
{{- $_ := set $env (printf "%s_FILE" .setting) (printf "/etc/retailstack/secrets/%s" .setting) }}
{{- end }}
{{- with $root.Values.rabbitmq.prefix }}{{ $_ := set $env "AMQP_PREFIX" . }}{{ end }}
{{- with $root.Values.telemetry.otlpEndpoint }}{{ $_ := set $env "OTEL_EXPORTER_OTLP_ENDPOINT" . }}{{ end }}
{{- if $root.Values.tls.enabled }}
{{- $_ := set $env "GRPC_TLS_CERTIFICATE_FILE" "/etc/retailstack/tls/tls.crt" }}
{{- $_ := set $env "GRPC_TLS_KEY_FILE" "/etc/retailstack/tls/tls.key" }}
{{- $_ := set $env "GRPC_TLS_AUTHORITY_FILE" "/etc/retailstack/tls/ca.crt" }}
{{- if eq $component "ops" }}
{{- $_ := set $env "STACK_TLS_CERTIFICATE_FILE" "/etc/retailstack/tls/tls.crt" }}
{{- $_ := set $env "STACK_TLS_KEY_FILE" "/etc/retailstack/tls/tls.key" }}
{{- $_ := set $env "STACK_TLS_AUTHORITY_FILE" "/etc/retailstack/tls/ca.crt" }}
{{- end }}
{{- end }}
{{- range $peer := include "retailstack.components" $root | fromYamlArray }}
{{- with include "retailstack.peer" (list $root $peer "grpc") }}
{{- $_ := set $env (printf "%s_GRPC" (upper $peer)) . }}
{{- /* For stackctl, which an operator runs in a pod of OPS. */}}
{{- if eq $component "ops" }}{{ $_ := set $env (printf "STACK_%s_GRPC" (upper $peer)) . }}{{ end }}
{{- end }}
{{- if and (eq $component "gateway") (ne $peer "gateway") }}
{{- with include "retailstack.peer" (list $root $peer "http") }}{{ $_ := set $env (printf "%s_HTTP" (upper $peer)) . }}{{ end }}
{{- end }}
{{- end }}
{{- if eq $component "gateway" }}{{ $_ := set $env "FORWARDED_HOPS" ($root.Values.forwardedHops | toString) }}{{ end }}
{{- if eq $component "pmc" }}
{{- $_ := set $env "PMC_PUBLIC_URL" (include "retailstack.publicUrl" $root) }}
{{- if eq $root.Values.objects.kind "claim" }}
{{- $_ := set $env "PMC_OBJECTS_FOLDER" "/var/lib/retailstack/objects" }}
{{- else }}
{{- $_ := set $env "PMC_OBJECTS_STORE" "s3" }}
{{- with $root.Values.objects.s3 }}
{{- $_ := set $env "PMC_S3_BUCKET" (required "objects.s3.bucket is needed for objects.kind s3" .bucket) }}
{{- $_ := set $env "PMC_S3_REGION" .region }}
{{- if .endpoint }}{{ $_ := set $env "PMC_S3_ENDPOINT" .endpoint }}{{ end }}
{{- if .publicEndpoint }}{{ $_ := set $env "PMC_S3_PUBLIC_ENDPOINT" .publicEndpoint }}{{ end }}
{{- end }}
{{- end }}
{{- end }}
{{- if eq $component "slc" }}{{ $_ := set $env "SLC_PUBLIC_URL" (include "retailstack.publicUrl" $root) }}{{ end }}
{{- range $name, $value := $settings.env }}{{ $_ := set $env $name ($value | toString) }}{{ end }}
{{- toYaml $env -}}
{{- end }}

{{/* The address at which callers reach the gateway. */}}
{{- define "retailstack.publicUrl" -}}
{{- if .Values.publicUrl -}}
{{- .Values.publicUrl -}}
{{- else if .Values.ingress.enabled -}}
{{- printf "https://%s" .Values.ingress.host -}}
{{- else if .Values.httpRoute.enabled -}}
{{- printf "https://%s" (first .Values.httpRoute.hostnames) -}}
{{- else -}}
{{- printf "http://%s:8080" (include "retailstack.componentName" (list . "gateway")) -}}
{{- end -}}
{{- end }}

{{- define "retailstack.keysSecret" -}}
{{- .Values.keys.existingSecret | default (printf "%s-keys" (include "retailstack.fullname" .)) -}}
{{- end }}
