# The program with what `verify`, rules, age and traces need, and nothing of the emulators.
#
#   docker build -t reconciler .
#   docker run --rm -v "$PWD:/work" -e DIDOMI_KEY -e DIDOMI_SECRET reconciler -e prod plan
#
# No secret is built in: credentials come as variables or as files below /run/secrets when it runs. The state belongs in
# a bucket, or in a folder that is mounted, too. Where a CI system brings its own shell, set the entrypoint to nothing.
ARG PYTHON=3.13-slim-bookworm

FROM python:${PYTHON} AS build
WORKDIR /src
COPY pyproject.toml README.md LICENSE ./
COPY reconciler reconciler
RUN python -m venv /opt/reconciler \
    && /opt/reconciler/bin/pip install --no-cache-dir --disable-pip-version-check ".[age,otel,policy,verify]"

FROM python:${PYTHON}
# git tells who changed a manifest and in which commit; ssh-keygen signs the ledger.
RUN apt-get update \
    && apt-get install --yes --no-install-recommends git openssh-client \
    && rm -rf /var/lib/apt/lists/* \
    && git config --system --add safe.directory /work \
    && useradd --uid 10001 --create-home --shell /usr/sbin/nologin reconciler
COPY --from=build /opt/reconciler /opt/reconciler
ENV PATH=/opt/reconciler/bin:/usr/local/bin:/usr/bin:/bin PYTHONUNBUFFERED=1
USER 10001
WORKDIR /work
# It runs and ends; whether it ended well is its exit code.
HEALTHCHECK NONE
ENTRYPOINT ["reconciler"]
CMD ["--help"]
