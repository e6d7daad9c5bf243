#!/bin/sh
# Everything that waits for a GPU, in one go, in the activated environment at the repository's root:
#
#     sh benchmarks/gpu.sh             # minutes: paths and speed; what is said lies in results/gpu/
#     sh benchmarks/gpu.sh train       # and then the offline trainings of the paper, hours
#
# docs/gpu.md says what is expected. A part that fails is said at the end; the others run all the same.
set -u
out=results/gpu
mkdir -p "$out"
export PYTHONPATH="$PWD" CUBLAS_WORKSPACE_CONFIG=:4096:8
failed=""

part() {  # name, command …
    name=$1; shift
    echo "== $name: $*"
    "$@" > "$out/$name.txt" 2>&1 || failed="$failed $name"
    tail -n 40 "$out/$name.txt"
}

part driver nvidia-smi
part device python -c "import logging; logging.basicConfig(level=20)
from masktrack_core.devices import use_device; use_device('cuda', 1)"
part paths python tests/devices/paths.py cuda
part network python benchmarks/bench_network.py --device cuda
part loader python benchmarks/bench_loader.py --workers 8 --size 321 --batch 10 --iterations 60 --backbone vgg16 --head aspp
part kept python benchmarks/bench_loader.py --kept --size 321
part track python benchmarks/bench_track.py
part gpu python benchmarks/bench_gpu.py --device cuda
part light python benchmarks/bench_gpu.py --device cuda --backbone mobilenet_v2 --head decoder
part deterministic python -m pytest -q -p no:xdist -m cuda tests

if [ "${1:-}" = train ]; then
    # Table 1 and 2's network, and the small trunk beside it; 20 000 steps each (paper §4).
    cat > "$out/bf16.yaml" <<'YAML'
results: results/gpu/paper
device: cuda
loader_workers: 8
networks:
  segment: {schedule: paper_offline_bf16}
  box: {schedule: paper_offline_bf16}
finetunings:
  paper: {schedule: paper_online_bf16}
YAML
    cat > "$out/light.yaml" <<'YAML'
results: results/gpu/light
architectures:
  paper: {backbone: mobilenet_v2, head: decoder, pretrained: mobilenet_v2_imagenet}
YAML
    cores=$(nproc)
    part vgg16 snakemake --cores "$cores" --resources gpu=1 --configfile paper.yaml "$out/bf16.yaml" -- \
        "$out/paper/networks/segment.safetensors"
    part mobilenet snakemake --cores "$cores" --resources gpu=1 --configfile paper.yaml "$out/bf16.yaml" "$out/light.yaml" -- \
        "$out/light/networks/segment.safetensors"
    # Files of at most 16 MiB, to be carried; joined again by `cat`.
    for file in "$out"/*/networks/*.safetensors; do
        [ -f "$file" ] && split -b 16M -d "$file" "$file.part-"
    done
fi

[ -z "$failed" ] || { echo "failed:$failed"; exit 1; }
