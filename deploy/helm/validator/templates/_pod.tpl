{{- define "validator.pod" }}
serviceAccountName: {{ .Values.serviceAccountName }}
automountServiceAccountToken: false
enableServiceLinks: false
{{- if .Values.image.pullSecret }}
imagePullSecrets:
- name: {{ .Values.image.pullSecret }}
{{- end }}
nodeSelector:
  {{- toYaml .Values.nodeSelector | nindent 2 }}
securityContext:
  runAsNonRoot: true
  runAsUser: 10001
  runAsGroup: 10001
  fsGroup: 10001
  seccompProfile:
    type: RuntimeDefault
volumes:
- name: settings
  configMap:
    name: {{ .Release.Name }}-settings
- name: mek
  secret:
    secretName: {{ .Values.mek.secretName }}
- name: master-key
  secret:
    secretName: {{ .Values.masterKey.secretName }}
- name: own-key
  emptyDir:
    medium: Memory
    sizeLimit: 1Mi
- name: data
  emptyDir:
    sizeLimit: 64Mi
# A mounted secret is readable by a group; the program wants its key readable by itself alone.
initContainers:
- name: key
  image: "{{ .Values.image.repository }}:{{ .Values.image.tag }}"
  imagePullPolicy: {{ .Values.image.pullPolicy }}
  command: [install, "--mode=0600", "/etc/validator/master-key/{{ .Values.masterKey.file }}", /run/validator/master.key]
  securityContext:
    allowPrivilegeEscalation: false
    readOnlyRootFilesystem: true
    capabilities:
      drop: [ALL]
  resources:
    requests: {cpu: 10m, memory: 16Mi}
    limits: {memory: 64Mi}
  volumeMounts:
  - name: master-key
    mountPath: /etc/validator/master-key
    readOnly: true
  - name: own-key
    mountPath: /run/validator
{{- end }}
{{- define "validator.container" }}
image: "{{ .Values.image.repository }}:{{ .Values.image.tag }}"
imagePullPolicy: {{ .Values.image.pullPolicy }}
env:
- name: OSMO_POSTGRES_PASSWORD
  valueFrom:
    secretKeyRef:
      name: {{ .Values.postgres.passwordSecret.name }}
      key: {{ .Values.postgres.passwordSecret.key }}
- name: VALIDATOR_CONFIG
  value: /etc/validator/settings/validator.yaml
- name: VALIDATOR_STORE
  value: "osmo+postgresql://{{ .Values.postgres.user }}@{{ .Values.postgres.host }}:{{ .Values.postgres.port }}/{{ .Values.postgres.database }}?sslmode={{ .Values.postgres.sslmode }}"
- name: VALIDATOR_KEY_FILE
  value: /run/validator/master.key
- name: VALIDATOR_OSMO__MEK_FILE
  value: "/etc/validator/osmo/{{ .Values.mek.file }}"
- name: VALIDATOR_API__HOST
  value: 0.0.0.0
securityContext:
  allowPrivilegeEscalation: false
  readOnlyRootFilesystem: true
  capabilities:
    drop: [ALL]
resources:
  {{- toYaml .Values.resources | nindent 2 }}
volumeMounts:
- name: settings
  mountPath: /etc/validator/settings
  readOnly: true
- name: mek
  mountPath: /etc/validator/osmo
  readOnly: true
- name: own-key
  mountPath: /run/validator
  readOnly: true
- name: data
  mountPath: /data
{{- end }}
