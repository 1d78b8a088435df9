# The api and the dashboard's server: one locked, hash-checked installation, run by a user without rights.
FROM python:3.11.14-slim-bookworm AS build
WORKDIR /src
RUN python -m venv /opt/cfx
COPY requirements/run.lock requirements/run.lock
RUN /opt/cfx/bin/pip install --no-cache-dir --disable-pip-version-check --require-hashes -r requirements/run.lock
COPY pyproject.toml README.md LICENSE ./
COPY config config
COPY prompts prompts
COPY migrations migrations
COPY cfx_flow cfx_flow
COPY graphs graphs
COPY api api
COPY cli cli
RUN /opt/cfx/bin/pip install --no-cache-dir --disable-pip-version-check --no-index --no-deps --no-build-isolation .

FROM node:24.19.0-bookworm-slim AS pages
WORKDIR /src
COPY dashboard/package.json dashboard/package-lock.json ./
RUN npm ci --ignore-scripts --no-audit --no-fund
COPY dashboard ./
RUN NEXT_TELEMETRY_DISABLED=1 node node_modules/next/dist/bin/next build && node pack.mjs out

FROM python:3.11.14-slim-bookworm AS base
RUN useradd --uid 10001 --no-create-home --shell /usr/sbin/nologin cfx && install -d -o cfx -g cfx -m 0700 /data
COPY --from=build /opt/cfx /opt/cfx
ENV PATH=/opt/cfx/bin:$PATH PYTHONUNBUFFERED=1 PYTHONDONTWRITEBYTECODE=1 \
    CFX_HOST=0.0.0.0 CFX_PORT=8000 CFX_DATA_DIR=/data
USER 10001
WORKDIR /data
EXPOSE 8000
HEALTHCHECK --interval=10s --timeout=3s --start-period=20s --retries=3 \
    CMD ["python", "-c", "import urllib.request as r; r.urlopen('http://127.0.0.1:8000/healthz', timeout=2)"]

# Files and their policy, no secret: docker build --target dashboard
FROM base AS dashboard
COPY --from=pages /src/out /site
ENV CFX_DASHBOARD_DIR=/site
CMD ["python", "-m", "api.dashboard.serve"]

FROM base AS api
# Flows' tests run in it, where the container may make namespaces (docs/tests.md); else they are skipped.
USER root
RUN apt-get update && apt-get install -y --no-install-recommends bubblewrap && rm -rf /var/lib/apt/lists/*
USER 10001
CMD ["cfx", "serve"]
