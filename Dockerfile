# One image for every role: web (default), worker, beat, migrate. See bin/entrypoint.
FROM python:3.13-slim AS packages
COPY requirements.txt .
RUN python -m venv /opt/venv \
    && /opt/venv/bin/pip install --no-cache-dir --disable-pip-version-check --require-hashes --requirement requirements.txt

FROM python:3.13-slim
ENV PATH=/opt/venv/bin:$PATH \
    PYTHONUNBUFFERED=1 \
    HOST=0.0.0.0 \
    PORT=8000 \
    DATA_DIR=/data
RUN useradd --uid 1000 --no-create-home --home-dir /srv/gateway gateway \
    && install --directory --owner gateway --group gateway /data
COPY --from=packages /opt/venv /opt/venv
WORKDIR /srv/gateway
COPY manage.py ./
COPY bin/entrypoint bin/healthcheck bin/
COPY gateway gateway
COPY tenants tenants
COPY providers providers
COPY proxies proxies
COPY accounts accounts
COPY logs logs
COPY snapshots snapshots
COPY doctor doctor
COPY console console
COPY templates templates
COPY static static
RUN python -m compileall -q .
USER 1000
VOLUME /data
EXPOSE 8000
# SIGTERM lets running answers end; give the container 40 seconds before it is killed.
STOPSIGNAL SIGTERM
HEALTHCHECK --interval=10s --timeout=5s --start-period=30s --retries=3 CMD ["python", "bin/healthcheck"]
ENTRYPOINT ["bin/entrypoint"]
CMD ["web"]
