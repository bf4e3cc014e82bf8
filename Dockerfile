# An environment with the pinned packages: docker build -t aibench . ; docker run --rm -v "$PWD/runs:/suite/runs" aibench task=recommendation
# For an NVIDIA GPU: docker run --gpus all ... (the driver of the host; the packages bring CUDA).
# Not built by the tests: continuous integration has no Docker.
FROM python:3.11-slim
WORKDIR /suite
COPY constraints.txt setup.cfg pyproject.toml MANIFEST.in README.md LICENSE NOTICE CITATION.cff CHANGELOG.md train.py ./
COPY conf conf
COPY aibench aibench
COPY experiments/run_to_run_variation/table.csv experiments/run_to_run_variation/table.csv
RUN pip install --no-cache-dir --constraint constraints.txt --editable '.[speech]'
ENTRYPOINT ["aibench", "train"]
CMD ["-h"]
