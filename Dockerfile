# Two stages: the first installs from the hash lock, the second holds the result and nothing to build with.
# Runs with a read-only root: give it /data (the SQLite file, the master key) and, for anything else, nothing.
FROM python:3.12-slim AS build
WORKDIR /src
ENV PIP_DISABLE_PIP_VERSION_CHECK=1
RUN python -m venv /opt/validator
COPY requirements-runtime.lock ./
RUN /opt/validator/bin/pip install --no-cache-dir --require-hashes -r requirements-runtime.lock
COPY pyproject.toml README.md LICENSE ./
COPY validator ./validator
RUN /opt/validator/bin/pip install --no-cache-dir --no-deps --no-build-isolation . \
    && /opt/validator/bin/pip uninstall --yes setuptools pip

FROM python:3.12-slim
ENV PATH=/opt/validator/bin:$PATH \
    PYTHONDONTWRITEBYTECODE=1 \
    PYTHONUNBUFFERED=1 \
    HOME=/data \
    XDG_DATA_HOME=/data \
    XDG_CONFIG_HOME=/data/config \
    VALIDATOR_API__HOST=0.0.0.0
RUN install -d -o 10001 -g 10001 -m 0700 /data
COPY --from=build /opt/validator /opt/validator
COPY config/validator.yaml /etc/validator/validator.yaml
USER 10001:10001
VOLUME /data
WORKDIR /data
EXPOSE 8080
HEALTHCHECK --interval=30s --timeout=3s --start-period=10s \
    CMD ["python", "-c", "import urllib.request as u; u.urlopen('http://127.0.0.1:8080/healthz', timeout=2)"]
ENTRYPOINT ["validator"]
CMD ["serve"]
