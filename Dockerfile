# README's first command in a container:
#   docker build -t musicgen . && docker run -v musicgen:/musicgen/outputs musicgen
# Any other one: docker run -v musicgen:/musicgen/outputs musicgen musicgen train experiment=smoke
FROM python:3.11-slim-bookworm

# The numbers of this index's torch end in +cpu, so pip prefers it to the one with CUDA, which is several GB.
ENV PIP_EXTRA_INDEX_URL=https://download.pytorch.org/whl/cpu PIP_NO_CACHE_DIR=1
ENV PATH=/musicgen/.venv/bin:$PATH

RUN useradd --create-home --home-dir /musicgen musicgen
USER musicgen
WORKDIR /musicgen
COPY --chown=musicgen . .
RUN python3 -m venv .venv && .venv/bin/pip install -c constraints.txt -e .

VOLUME /musicgen/outputs
CMD [".venv/bin/python", "-m", "musicgen.train"]
