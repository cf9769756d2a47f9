# Emo with Dask, for the scheduler, the workers and the command of a batch (docs/scaling.md).
FROM python:3.12-slim-bookworm
COPY . /src
RUN pip install --no-cache-dir "/src[cluster]" && rm -r /src
RUN useradd --system --no-create-home --home-dir /nonexistent --shell /usr/sbin/nologin \
    --uid 10001 emo
ENV PYTHONDONTWRITEBYTECODE=1 \
    PYTHONUNBUFFERED=1 \
    OPENBLAS_NUM_THREADS=1 \
    OMP_NUM_THREADS=1
USER 10001
WORKDIR /tmp
