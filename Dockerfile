# Emo's page in a container: `docker compose up` (docs/deploy.md).
# A first stage installs the packages, so that pip and its cache are not in the image.
FROM python:3.12-slim-bookworm AS packages
COPY requirements-app.txt .
RUN python -m venv /venv \
 && /venv/bin/pip install --no-cache-dir --require-hashes -r requirements-app.txt \
 && /venv/bin/pip uninstall --yes pip

FROM python:3.12-slim-bookworm
# The packages contain libsndfile, libsoxr and FFmpeg; nothing is installed from Debian.
COPY --from=packages /venv /venv
RUN useradd --system --no-create-home --home-dir /nonexistent --shell /usr/sbin/nologin \
    --uid 10001 emo
WORKDIR /app
COPY LICENSE NOTICE streamlit_app.py ./
COPY .streamlit/config.toml .streamlit/
COPY emo emo
COPY pages pages
COPY samples samples
COPY models models
# Compiled here, because the container cannot write files.
RUN /venv/bin/python -m compileall -q /app /venv
ENV PATH=/venv/bin:/usr/local/bin:/usr/bin:/bin \
    PYTHONDONTWRITEBYTECODE=1 \
    PYTHONUNBUFFERED=1 \
    OPENBLAS_NUM_THREADS=1 \
    OMP_NUM_THREADS=1 \
    MALLOC_ARENA_MAX=2 \
    EMO_METRICS_PORT=9464 \
    STREAMLIT_SERVER_ADDRESS=0.0.0.0 \
    STREAMLIT_SERVER_PORT=8501 \
    STREAMLIT_SERVER_HEADLESS=true \
    STREAMLIT_SERVER_FILE_WATCHER_TYPE=none
USER 10001
EXPOSE 8501
STOPSIGNAL SIGTERM
HEALTHCHECK --interval=15s --timeout=5s --start-period=40s --retries=3 \
    CMD ["python", "-c", "import urllib.request; urllib.request.urlopen('http://127.0.0.1:8501/_stcore/health', timeout=4)"]
CMD ["python", "-m", "streamlit", "run", "streamlit_app.py"]
