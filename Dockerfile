# syntax=docker/dockerfile:1
FROM python:3.11-slim-bookworm AS build
WORKDIR /src
COPY pyproject.toml README.md LICENSE ./
COPY holdsvc ./holdsvc
COPY media ./media
COPY config ./config
RUN python -m venv /opt/holdsvc && /opt/holdsvc/bin/pip install --no-cache-dir '.[postgres]'
# Else each container would spend minutes of a core on it, just when one more is needed.
RUN /opt/holdsvc/bin/python -m holdsvc.content.ship --all /opt/holdsvc/lib/python3*/site-packages/holdsvc/shipped/media

FROM python:3.11-slim-bookworm
LABEL org.opencontainers.image.title="holdsvc" org.opencontainers.image.licenses="Apache-2.0"
RUN groupadd --gid 10001 holdsvc \
 && useradd --uid 10001 --gid 10001 --home-dir /var/lib/holdsvc --create-home --shell /usr/sbin/nologin holdsvc
COPY --from=build /opt/holdsvc /opt/holdsvc
ENV PATH=/opt/holdsvc/bin:$PATH \
    PYTHONUNBUFFERED=1 \
    HOLDSVC_SERVICE__HOST=0.0.0.0 \
    HOLDSVC_SERVICE__DATA_DIR=/var/lib/holdsvc
USER 10001:10001
VOLUME /var/lib/holdsvc
EXPOSE 8080 9092
HEALTHCHECK --interval=10s --timeout=3s --start-period=10s \
  CMD ["python", "-c", "import os, urllib.request as u; u.urlopen('http://127.0.0.1:' + os.environ.get('HOLDSVC_SERVICE__PORT', '8080') + '/healthz', timeout=2)"]
ENTRYPOINT ["holdsvc"]
CMD ["serve"]
