# The release job passes python:3.12-slim-bookworm@sha256:…, the digest its tests ran on; a digest written here would only grow old.
ARG PYTHON_IMAGE=python:3.12-slim-bookworm

FROM ${PYTHON_IMAGE} AS build
ENV PIP_DISABLE_PIP_VERSION_CHECK=1 PIP_NO_CACHE_DIR=1 PIP_ROOT_USER_ACTION=ignore
WORKDIR /src
COPY requirements.lock ./
RUN pip wheel --no-deps --require-hashes --only-binary=:all: -r requirements.lock -w /wheels \
 && pip install --no-index --find-links /wheels hatchling
COPY pyproject.toml LICENSE ./
COPY app ./app
RUN pip wheel --no-deps --no-index --no-build-isolation -w /wheels .
# From here only what was checked above: the package and what it needs to run, so neither pip nor the build backend goes along.
RUN python -m venv --without-pip /opt/cxfacade \
 && pip --python /opt/cxfacade/bin/python install --no-index --find-links /wheels --compile "cxfacade[redis]"

FROM ${PYTHON_IMAGE}
RUN ["python", "-m", "pip", "uninstall", "--yes", "--quiet", "--root-user-action=ignore", "pip"]
COPY --from=build /opt/cxfacade /opt/cxfacade
ENV PATH=/opt/cxfacade/bin:$PATH \
    PYTHONDONTWRITEBYTECODE=1 \
    PYTHONUNBUFFERED=1 \
    CXF_HOST=0.0.0.0
WORKDIR /opt/cxfacade
USER 10001:10001
EXPOSE 8080
HEALTHCHECK --interval=10s --timeout=3s --start-period=5s --retries=3 CMD ["python", "-c", "import os, urllib.request as r; r.build_opener(r.ProxyHandler({})).open('http://127.0.0.1:' + os.environ.get('CXF_PORT', '8080') + '/health/live', timeout=2)"]
ENTRYPOINT ["cxfacade"]
CMD ["serve"]
