# The same commands as on a laptop, from the same lock. A study folder is mounted at /study:
#   docker build -t sleeploop .
#   docker run --rm -v "$PWD/my-study:/study" sleeploop run /study
FROM python:3.12-slim-bookworm
WORKDIR /app
COPY pyproject.toml requirements.lock README.md LICENSE ./
RUN pip install --no-cache-dir --require-hashes --no-deps -r requirements.lock
COPY pipeline ./pipeline
COPY flows ./flows
RUN pip install --no-cache-dir --no-deps --no-build-isolation .
COPY sample_data /sample_data
RUN useradd --create-home sleeploop
USER sleeploop
ENTRYPOINT ["sleeploop"]
CMD ["--help"]
